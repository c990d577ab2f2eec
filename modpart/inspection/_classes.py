"""Efficiency classes drawn: the scores with the bands of the classes, and who is taken for whom."""

from typing import Any

import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.utils.validation import check_is_fitted

from modpart._utils.params import suggest
from modpart._utils.words import percent
from modpart.exceptions import ParameterError
from modpart.inspection._style import color_of, new_axes, tidy

__all__ = ["EfficiencyClassDisplay"]

BINS = 30
TINT = 0.16
HIGHEST = 1.3  # scores beyond are drawn there


class EfficiencyClassDisplay:
    """Picture of a fitted efficiency classifier: its classes as bands of scores, or its confusion matrix.

    Make it with :meth:`from_estimator`.

    Parameters
    ----------
    estimator : EfficiencyClassifier
        Fitted, with classes made from scores.
    X : array-like of shape (n_samples, n_features) or None
        Units to draw; None for the training units.
    kind : {"bands", "confusion"}
        What is drawn.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    counts_ : ndarray of shape (n_classes,) or (n_classes, n_classes), int
        Units of each class, or units of each class (rows) by predicted class (columns).

    See Also
    --------
    modpart.efficiency.EfficiencyClassifier : The classifier.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from modpart.datasets import make_bank_branches
    >>> from modpart.efficiency import DEA, EfficiencyClassifier
    >>> from modpart.inspection import EfficiencyClassDisplay
    >>> X, efficiency, group = make_bank_branches(200, random_state=0)
    >>> dea = DEA(outputs=["deposits", "loans", "transactions"])
    >>> model = EfficiencyClassifier(dea, bins=3, n_clusters=2, random_state=0).fit(X)
    >>> EfficiencyClassDisplay.from_estimator(model).counts_.sum()
    np.int64(200)
    """

    def __init__(self, estimator: Any, X: Any = None, kind: str = "bands") -> None:
        self.estimator = estimator
        self.X = X
        self.kind = kind

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any = None, *, kind: str = "bands", ax: Any = None
    ) -> "EfficiencyClassDisplay":
        """Draw the classes of a fitted model.

        Parameters
        ----------
        estimator : EfficiencyClassifier
            Fitted, with classes made from scores.
        X : array-like of shape (n_samples, n_features) or None, default=None
            Units, scored against the frontier of the training units. None draws the training units ("bands" only).
        kind : {"bands", "confusion"}, default="bands"
            Histogram of the scores with a band for each class, or how often each class by plain DEA (rows) is
            predicted as each class (columns).
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : EfficiencyClassDisplay

        Raises
        ------
        ParameterError
            When the estimator has no scores, there is no such kind, or a confusion matrix is asked for without X.
        """
        if not hasattr(type(estimator), "dea_classes"):
            raise ParameterError(
                f"EfficiencyClassDisplay: estimator={estimator!r} has no classes of efficiency. Pass a fitted "
                "EfficiencyClassifier."
            )
        check_is_fitted(estimator)
        if kind not in ("bands", "confusion"):
            raise ParameterError(
                f"EfficiencyClassDisplay: kind={kind!r} is not valid. {suggest(str(kind), ['bands', 'confusion'])}"
            )
        if estimator.dea_ is None:
            raise ParameterError(
                "EfficiencyClassDisplay: the classes of this model were given in y, so there are no scores to draw."
            )
        if kind == "confusion" and X is None:
            raise ParameterError(
                'EfficiencyClassDisplay: kind="confusion" needs X: pass units that the model has not seen.'
            )
        return cls(estimator, X, kind).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "EfficiencyClassDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : EfficiencyClassDisplay
        """
        size = (6.6, 4.2) if self.kind == "bands" else (5.6, 4.8)
        self.ax_ = new_axes(type(self).__name__, size=size) if ax is None else ax
        self.figure_ = self.ax_.figure
        if self.kind == "bands":
            self._draw_bands()
        else:
            self._draw_confusion()
        return self

    def _draw_bands(self) -> None:
        model = self.estimator
        scores = model.efficiency_ if self.X is None else model.dea_scores(self.X)
        inside = np.minimum(scores, HIGHEST)
        names, codes = model.all_class_names_, model.classes_of_scores(scores)
        self.counts_ = np.bincount(codes, minlength=len(names))
        low, high = min(inside.min(), model.edges_[0]), max(inside.max(), 1.0)
        room = 0.03 * (high - low)
        borders = np.concatenate([[low - room], model.edges_, [high + 2 * room]])
        for k, name in enumerate(names):
            share = percent(self.counts_[k] / len(scores))
            label = f"{name}: {share}"
            self.ax_.axvspan(*borders[k : k + 2], color=color_of(k), alpha=TINT, lw=0, label=label)
        self.ax_.hist(inside, bins=BINS, color="0.35", edgecolor="white", linewidth=0.6)
        for edge in model.edges_:
            self.ax_.axvline(edge, color="0.2", lw=0.9, ls=":")
        self.ax_.set_xlim(borders[0], borders[-1])
        beyond = int((scores > HIGHEST).sum())
        more = f" ({beyond} beyond {HIGHEST:g} drawn there)" if beyond else ""
        self.ax_.set_xlabel(f"efficiency by DEA{more}")
        self.ax_.set_ylabel("units")
        self.ax_.set_title("classes of efficiency", loc="left")
        self.ax_.legend(frameon=True, framealpha=0.9, fontsize="small", loc="upper left")
        tidy(self.ax_)

    def _draw_confusion(self) -> None:
        model = self.estimator
        names = model.all_class_names_
        truth, predicted = model.dea_classes(self.X), model.predict(self.X)
        self.counts_ = np.zeros((len(names), len(names)), dtype=np.int64)
        np.add.at(self.counts_, (truth, predicted), 1)
        ConfusionMatrixDisplay(self.counts_, display_labels=names).plot(
            ax=self.ax_, cmap="Blues", colorbar=False, xticks_rotation=30
        )
        self.ax_.set_xlabel("predicted class")
        self.ax_.set_ylabel("class by plain DEA")
        right = percent(np.trace(self.counts_) / self.counts_.sum())
        self.ax_.set_title(f"{right} of {self.counts_.sum()} units in the class that DEA gives them", loc="left")
