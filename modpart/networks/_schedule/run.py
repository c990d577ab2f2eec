"""Run a schedule: stages one after the other, the phases of a stage side by side, the same bits for any `n_jobs`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modpart._utils.parallel import parallel_map
from modpart._utils.progress import Progress
from modpart._utils.seeds import child_seeds
from modpart.exceptions import ParameterError
from modpart.networks._schedule.parts import Part
from modpart.networks._schedule.phase import Phase, Settings, check_stages

__all__ = ["critical_path", "run_schedule"]

Record = dict[str, Any]


def run_schedule(
    stages: Sequence[Sequence[Phase]],
    parts: Mapping[str, Part],
    X: np.ndarray,
    y: np.ndarray,
    settings: Settings,
    rng: np.random.Generator,
    *,
    n_jobs: int | None = None,
    progress: Progress | None = None,
    records: Sequence[Record] = (),
) -> tuple[dict[str, Part], list[Record]]:
    """Train `parts` phase by phase.

    Parameters
    ----------
    stages : sequence of sequences of Phase
        Phases of one stage do not depend on one another.
    parts : mapping of str to Part
        All parts that the phases name, with their start weights; left as they are.
    X, y : ndarray
        Standardised rows, and class codes or numbers.
    settings : Settings
    rng : Generator
        Gives one seed per phase before work is handed out.
    n_jobs : int or None
        Workers for the phases of a stage.
    progress : Progress or None
        Told of each phase; no further stage begins once it was asked to stop.
    records : sequence of dict
        Of phases that ran before.

    Returns
    -------
    parts : dict of str to Part
        Those that were trained are new, the others are the same objects.
    records : list of dict
        One for each phase, see ``phases_`` of :class:`~modpart.networks.IncubatedClassifier`.
    """
    check_stages(stages, parts)
    done, found = dict(parts), list(records)
    first = 1 + max((record["stage"] for record in found), default=-1)
    seeds = iter(child_seeds(rng, sum(map(len, stages))))
    for number, stage in enumerate(stages, start=first):
        if progress is not None and progress.stopped:
            break
        jobs = [(phase, {name: done[name] for name in phase.needs}, X, y, settings, next(seeds)) for phase in stage]
        for (phase, _, _, _, _, seed), trained in zip(
            jobs, parallel_map(_run, jobs, n_jobs=n_jobs if len(jobs) > 1 else None), strict=True
        ):
            _check_finite(phase, trained, settings)
            done |= {name: Part(done[name].plan, weights) for name, weights in trained.weights.items()}
            found.append(_record(phase, number, seed, trained))
            message = f"{phase.name}: loss {trained.loss_curve[-1]:.6f} after {phase.epochs} epochs"
            if progress is not None:
                progress.step("phase", message)
    return done, found


def _run(phase: Phase, parts: dict[str, Part], X: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> Any:
    from modpart._torch.schedule.phase_net import train_phase
    from modpart._utils.parallel import one_thread

    with one_thread():  # torch is here now, and held to one thread too
        return train_phase(phase, parts, X, y, settings, seed)


def _record(phase: Phase, stage: int, seed: int, trained: Any) -> Record:
    return {
        "name": phase.name,
        "stage": stage,
        "trained": list(phase.train),
        "frozen": list(phase.frozen),
        "loss": phase.loss,
        "epochs": phase.epochs,
        "n_steps": trained.n_steps,
        "seconds": trained.seconds,
        "cache_seconds": trained.cache_seconds,
        "seed": seed,
        "loss_curve": trained.loss_curve,
    }


def _check_finite(phase: Phase, trained: Any, settings: Settings) -> None:
    arrays = [trained.loss_curve, *(w for part in trained.weights.values() for w in part.values())]
    if not all(np.isfinite(array).all() for array in arrays):
        raise ParameterError(
            f"Phase {phase.name!r} diverged with lr={settings.lr:g}: the loss or weights of {list(phase.train)} are no "
            "longer finite. Lower lr, or pass standardize=True."
        )


def critical_path(records: Sequence[Record]) -> float:
    """Seconds that the schedule takes with a worker for each phase: the slowest phase of each stage, added up."""
    slowest: dict[int, float] = {}
    for record in records:
        slowest[record["stage"]] = max(slowest.get(record["stage"], 0.0), record["seconds"])
    return sum(slowest.values())
