"""What is trained when: a phase trains some parts of a net inside others that stay frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modpart.exceptions import ParameterError

__all__ = ["LOSSES", "PROXIES", "Phase", "Settings", "check_stages"]

PROXIES = ["alignment", "plain_alignment", "contrastive", "negatives", "squared"]
LOSSES = ["task", *PROXIES]  # of a phase that a user writes; those with a teacher or companions have estimators


@dataclass(frozen=True)
class Phase:
    """One training in a schedule: these slots learn, the other slots of the net are frozen.

    Frozen slots are in evaluation mode, have no gradients of their own and are not in the optimiser. What leading
    frozen slots answer is computed once.

    Parameters
    ----------
    name : str
        What the phase is called in ``phases_`` and in pictures.
    train : tuple of str
        Slots that learn.
    epochs : int >= 1
        Passes over the rows.
    chain : tuple of str, default=()
        Slots that make the net of this phase, in order; empty stands for all.
    loss : str, default="task"
        "task" (cross entropy; the chain ends with the head), or a proxy of the rows' cosines: "alignment",
        "plain_alignment", "contrastive", "negatives", "squared", see :class:`LocalModuleClassifier`.
    options : dict, default={}
        Of the loss of an estimator with a schedule of its own, as are:
    teacher : tuple of str, default=()
        Slots whose answers in a row are to be imitated.
    companions : tuple of str, default=()
        Nets beside the chain that only the loss uses, one for each slot but the last.

    See Also
    --------
    ScheduledClassifier : Trains by a list of phases.

    Examples
    --------
    >>> from modpart.networks import Phase
    >>> phase = Phase("head", ("head",), 5, chain=("slot0", "slot1", "head"))
    >>> phase.frozen
    ('slot0', 'slot1')
    """

    name: str
    train: tuple[str, ...]
    epochs: int
    chain: tuple[str, ...] = ()
    loss: str = "task"
    options: dict[str, Any] = field(default_factory=dict)
    teacher: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """All slots that it reads."""
        return tuple(dict.fromkeys((*self.chain, *self.teacher, *self.companions)))

    @property
    def frozen(self) -> tuple[str, ...]:
        """Slots of the net that do not learn."""
        return tuple(name for name in self.chain if name not in self.train)


@dataclass(frozen=True)
class Settings:
    """What all phases of a fit share; with `cache` leading frozen parts answer once."""

    classes: bool
    n_outputs: int
    batch_size: int
    device: Any
    lr: float = 1e-3
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    cosine: bool = True
    callbacks: tuple[Any, ...] = ()
    cache: bool = True


def check_stages(stages: Sequence[Sequence[Phase]], parts: Mapping[str, Any]) -> None:
    """Raise unless every phase finds its parts and no two phases of a stage touch what one of them trains."""
    for stage in stages:
        for phase in stage:
            unknown = [name for name in (*phase.needs, *phase.train) if name not in parts]
            if unknown:
                raise ParameterError(f"Phase {phase.name!r}: there is no slot {unknown[0]!r}. Slots: {sorted(parts)}.")
            beside = [name for name in phase.train if name not in (*phase.chain, *phase.companions)]
            if beside or not set(phase.train) & set(phase.chain):
                raise ParameterError(
                    f"Phase {phase.name!r} trains {beside or 'no slot'}, which is not in its chain {phase.chain}. "
                    "Name slots of the chain."
                )
            for other in stage:
                both = set(phase.train) & set(other.needs)
                if other is not phase and both:
                    raise ParameterError(
                        f"Phases {phase.name!r} and {other.name!r} stand in one stage, and slot {min(both)!r} that the "
                        "first one trains is part of the second. Put them into stages that follow one another."
                    )
