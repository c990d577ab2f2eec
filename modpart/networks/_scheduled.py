"""A classifier that is trained by any schedule: a list of phases over the slots of its chain."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from modpart._utils.params import Rule, integer, nothing, number, suggest, where
from modpart._utils.progress import Progress
from modpart.exceptions import ParameterError
from modpart.networks._schedule.chains import Chain, plans_of
from modpart.networks._schedule.estimator import ChainClassifier
from modpart.networks._schedule.phase import LOSSES, Phase

__all__ = ["ScheduledClassifier"]


def _is_schedule(value: Any) -> bool:
    stages = [stage if isinstance(stage, list) else [stage] for stage in value] if isinstance(value, list) else []
    return bool(stages) and all(stage and all(isinstance(phase, Phase) for phase in stage) for stage in stages)


class ScheduledClassifier(ChainClassifier):
    """A classifier whose net is a chain of slots, trained phase by phase as a schedule says.

    Each :class:`Phase` says which slots learn inside which chain, from which loss, and for how long. Without a schedule
    all slots learn together: plain end-to-end training, the rival of every other schedule.

    Parameters
    ----------
    schedule : list or None, default=None
        Phases that follow one another; a list inside the list is a stage of phases that are independent, and run in
        parallel. Slots are called "slot0", "slot1", ... and "head". None is one phase that trains all slots.
    chain : str, object or callable, default="residual"
        What a slot holds, as in :class:`IncubatedClassifier`.
    n_modules : int >= 1, default=4
        Slots before the head.
    depth : int >= 1, default=4
        Blocks of each slot.
    max_epochs : int >= 1, default=30
        Passes over the rows when there is no schedule.
    label_smoothing : float in [0, 1), default=0.1
        Share of each label that is spread over all classes.
    standardize : bool, default=True
        Whether columns are standardised first; constant ones are only centred.
    lr : float > 0, default=1e-3
        Learning rate of AdamW; it falls along half a cosine in each phase.
    weight_decay : float >= 0, default=0.01
        Of AdamW, for all weights.
    batch_size : "auto" or int >= 1, default="auto"
        Rows per step; "auto" is 64, but no more than a tenth of the rows (and at least 16).
    cache : bool, default=True
        Whether what leading frozen slots answer is computed once instead of in each step.
    callbacks : list of skorch callbacks or None, default=None
        They see the skorch net of each phase; with several workers each has its own copy.
    n_jobs : int or None, default=None
        Phases of a stage that run at the same time; the result is the same to the last bit.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where training and prediction run.
    random_state : int, RandomState, Generator or None, default=None
        Source of start weights and batches.
    verbose : int >= 0, default=0
        Positive values print one line for each phase.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    modules_ : list of Part
        What stands in each slot, and last the head: `plan` and `weights`.
    phases_ : list of dict
        What each phase did, as in :class:`IncubatedClassifier`.
    critical_path_ : float
        Seconds with a worker for each phase of a stage.
    plan_, weights_ : list of dict, dict of str to ndarray
        The whole net.
    x_mean_, x_scale_ : ndarray of shape (n_features,)
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X had names for all columns.

    Raises
    ------
    ParameterError
        When an argument is out of range, a phase names a slot that is not there, two phases of a stage depend on one
        another, a chain cannot be cut, or a phase diverged; the message names the phase or slot.
    InputDataError
        When X or y cannot be used; the message names the column.

    Examples
    --------
    >>> from modpart.networks import Phase, ResidualChain, ScheduledClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> schedule = [
    ...     Phase("features", ("slot0",), 20, chain=("slot0",), loss="alignment"),
    ...     Phase("head", ("head",), 20, chain=("slot0", "head")),
    ... ]
    >>> net = {"chain": ResidualChain(16), "n_modules": 1, "depth": 1, "lr": 5e-3, "random_state": 0}
    >>> model = ScheduledClassifier(schedule, **net)
    >>> bool(model.fit(X, y).score(X, y) > 0.8)
    True
    """

    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = ChainClassifier._rules | {
        "schedule": (nothing, where("a list of Phase objects, or of lists of them", _is_schedule)),
        "depth": (integer(1),),
        "max_epochs": (integer(1),),
        "label_smoothing": (number(0, 1, open_high=True),),
        "cache": ChainClassifier._rules["standardize"],
    }

    def __init__(
        self,
        schedule: list[Any] | None = None,
        *,
        chain: str | Chain | Any = "residual",
        n_modules: int = 4,
        depth: int = 4,
        max_epochs: int = 30,
        label_smoothing: float = 0.1,
        standardize: bool = True,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        batch_size: Literal["auto"] | int = "auto",
        cache: bool = True,
        callbacks: list[Any] | None = None,
        n_jobs: int | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.schedule = schedule
        self.chain = chain
        self.n_modules = n_modules
        self.depth = depth
        self.max_epochs = max_epochs
        self.label_smoothing = label_smoothing
        self.standardize = standardize
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.cache = cache
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def _n_phases(self) -> int:
        return sum(len(stage) if isinstance(stage, list) else 1 for stage in self.schedule or [None])

    def _stages(self, slots: tuple[str, ...]) -> list[list[Phase]]:
        """The schedule with all chains spelt out, and checked."""
        whole = [Phase("end to end", slots, self.max_epochs)]
        stages: Sequence[Any] = [whole] if self.schedule is None else self.schedule
        nested = [stage if isinstance(stage, list) else [stage] for stage in stages]
        return [[_spelt_out(phase, slots) for phase in stage] for stage in nested]

    def _learn(self, X: np.ndarray, target: np.ndarray, rng: np.random.Generator, progress: Progress) -> None:
        self.phases_ = []
        plans = plans_of(self.chain, X.shape[1], self._n_outputs, [self.depth] * self.n_modules)
        parts = self._drawn("slot", plans, rng)
        parts["head"] = parts.pop(f"slot{self.n_modules}")
        stages = self._stages(tuple(parts))
        settings = {"label_smoothing": float(self.label_smoothing), "cache": bool(self.cache)}
        self.modules_ = list(self._run(stages, parts, X, target, rng, progress, **settings).values())


def _spelt_out(phase: Phase, slots: tuple[str, ...]) -> Phase:
    phase = replace(phase, chain=tuple(phase.chain) or slots, train=tuple(phase.train))
    if phase.loss not in LOSSES:
        raise ParameterError(f"Phase {phase.name!r}: there is no loss {phase.loss!r}. {suggest(phase.loss, LOSSES)}")
    if not integer(1).accepts(phase.epochs):
        raise ParameterError(f"Phase {phase.name!r}: epochs={phase.epochs!r} must be an integer >= 1.")
    if phase.loss == "task" and phase.chain[-1] != "head":
        raise ParameterError(
            f"Phase {phase.name!r} ends with slot {phase.chain[-1]!r}, and loss='task' needs the answers of 'head'. "
            "Let its chain end with 'head', or pass a proxy such as loss='alignment'."
        )
    return phase
