"""A training schedule drawn as a timeline: which phase ran when, and how good its net was."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from modpart._utils.optional import optional_import
from modpart.exceptions import ParameterError
from modpart.inspection._style import color_of, new_axes, tidy

__all__ = ["ScheduleDisplay"]


class ScheduleDisplay:
    """Timeline of a schedule: a bar for each phase, as it would run with so many workers.

    Phases of one stage share a colour and run side by side; a stage begins when the one before it has ended. Numbers at
    the bars are scores on new rows, where the estimator can give them.

    Parameters
    ----------
    phases : list of dict
        ``phases_`` of an estimator.
    scores : dict of str to float
        Score of the net of each phase, by name; may be empty.
    n_workers : int or None
        Phases of a stage that run at the same time; None means all.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    starts_ : ndarray of shape (n_phases,)
        Seconds at which each phase begins.
    seconds_ : float
        When the last one ends.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from modpart.inspection import ScheduleDisplay
    >>> from modpart.networks import IncubatedClassifier, ResidualChain
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> settings = {"meta_epochs": 2, "module_epochs": 2, "finetune_epochs": 1, "random_state": 0}
    >>> model = IncubatedClassifier(ResidualChain(8), n_modules=2, depth=1, **settings).fit(X, y)
    >>> display = ScheduleDisplay.from_estimator(model)
    >>> [text.get_text() for text in display.ax_.get_yticklabels()]
    ['meta', 'module0', 'module1', 'fine-tuning']
    """

    def __init__(
        self, phases: Sequence[dict[str, Any]], scores: dict[str, float] | None = None, n_workers: int | None = None
    ) -> None:
        self.phases = phases
        self.scores = scores
        self.n_workers = n_workers

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any = None, y: Any = None, *, n_workers: int | None = None, ax: Any = None
    ) -> "ScheduleDisplay":
        """Draw the schedule of a fitted estimator.

        Parameters
        ----------
        estimator : IncubatedClassifier, LocalModuleClassifier or another one with `phases_`
            Fitted.
        X : array-like of shape (n_samples, n_features) or None, default=None
            New rows, to score what each phase made.
        y : array-like of shape (n_samples,) or None, default=None
            Their target.
        n_workers : int >= 1 or None, default=None
            Workers to draw the schedule for; None means one for each phase of a stage.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ScheduleDisplay

        Raises
        ------
        ParameterError
            When the estimator has no schedule.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("agg")
        >>> from modpart.inspection import ScheduleDisplay
        >>> from modpart.networks import DenseChain, LocalModuleClassifier
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> model = LocalModuleClassifier(chain=DenseChain(8), module_epochs=2, head_epochs=2).fit(X, y)
        >>> bool(ScheduleDisplay.from_estimator(model).seconds_ > 0)
        True
        """
        optional_import("matplotlib", extra="plot", purpose=cls.__name__)
        if not hasattr(estimator, "fit"):
            raise ParameterError(f"{cls.__name__}: {estimator!r} is no estimator. Pass one that trains by a schedule.")
        check_is_fitted(estimator)
        if not getattr(estimator, "phases_", None):
            raise ParameterError(
                f"{cls.__name__}: {type(estimator).__name__} has no phases. Pass an IncubatedClassifier, "
                "ModuleDistiller, LocalModuleClassifier or ScheduledClassifier."
            )
        scores = {}
        if X is not None and y is not None:
            known = estimator.phase_scores(X, y) if hasattr(estimator, "phase_scores") else []
            scores = {entry["name"]: entry["score"] for entry in known}
            if "fine-tuned" in scores:
                scores["fine-tuning"] = scores.pop("fine-tuned")
            scores.setdefault(estimator.phases_[-1]["name"], estimator.score(X, y))
        return cls(estimator.phases_, scores, n_workers).plot(ax)

    def plot(self, ax: Any = None) -> "ScheduleDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : ScheduleDisplay

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("agg")
        >>> from modpart.inspection import ScheduleDisplay
        >>> phases = [{"name": "a", "stage": 0, "seconds": 2.0}, {"name": "b", "stage": 1, "seconds": 1.0}]
        >>> ScheduleDisplay(phases).plot().seconds_
        3.0
        """
        count = len(self.phases)
        if not count or not (self.n_workers is None or self.n_workers >= 1):
            raise ParameterError("ScheduleDisplay: phases must hold one phase or more, and n_workers be None or >= 1.")
        self.ax_ = new_axes(type(self).__name__, size=(7.2, 0.9 + 0.36 * count)) if ax is None else ax
        self.figure_ = self.ax_.figure
        lengths = np.array([phase["seconds"] for phase in self.phases])
        self.starts_ = _starts(self.phases, self.n_workers)
        self.seconds_ = float((self.starts_ + lengths).max())
        colors = [color_of(phase["stage"]) for phase in self.phases]
        self.ax_.barh(range(count), lengths, left=self.starts_, color=colors, height=0.7)
        cached = [phase.get("cache_seconds", 0.0) for phase in self.phases]
        self.ax_.barh(range(count), cached, left=self.starts_, color="0.25", height=0.7)
        for row, phase in enumerate(self.phases):
            if phase["name"] in (self.scores or {}):
                words = f" {100 * (self.scores or {})[phase['name']]:.1f} %"
                self.ax_.text(self.starts_[row] + lengths[row], row, words, va="center", fontsize="small")
        self.ax_.set_yticks(range(count), [phase["name"] for phase in self.phases])
        self.ax_.invert_yaxis()
        self.ax_.set_xlim(0.0, 1.12 * self.seconds_)
        workers = "a worker for each phase" if self.n_workers is None else f"{self.n_workers} workers"
        title = f"{self.seconds_:.2f} s with {workers}, {lengths.sum():.2f} s with one"
        if "assembled" in (self.scores or {}):
            title += f"; assembled {100 * (self.scores or {})['assembled']:.1f} %"
        self.ax_.set_title(title, loc="left", fontsize="medium")
        self.ax_.set_xlabel("seconds (dark: answers of frozen slots, computed once)")
        tidy(self.ax_)
        return self


def _starts(phases: Sequence[dict[str, Any]], n_workers: int | None) -> np.ndarray:
    """When each phase begins: in its order, as soon as its stage may and a worker is free."""
    starts = np.zeros(len(phases))
    begin = 0.0
    for stage in sorted({phase["stage"] for phase in phases}):
        rows = [row for row, phase in enumerate(phases) if phase["stage"] == stage]
        free = np.full(min(n_workers or len(rows), len(rows)), begin)
        for row in rows:
            worker = int(free.argmin())
            starts[row] = free[worker]
            free[worker] += phases[row]["seconds"]
        begin = float(free.max())
    return starts
