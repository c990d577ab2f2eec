"""The evidence for a number of clusters: the tree with its cut, and every statistic over k."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from modpart._utils.optional import optional_import
from modpart.exceptions import ParameterError
from modpart.inspection._style import COLORS, color_of, tidy

__all__ = ["ClusterCountDisplay"]

LAST_MERGES = 30  # of the tree that are drawn
WORDS = {
    "pseudo_f": "pseudo-F",
    "pseudo_t2": "pseudo-t²",
    "ccc": "CCC",
    "sprsq": "semi-partial R²",
    "rmsstd": "RMSSTD",
    "gap": "gap",
    "silhouette": "silhouette",
    "davies_bouldin": "Davies-Bouldin",
}


class ClusterCountDisplay:
    """Picture of a cluster count: the tree, cut into the chosen number, and a panel for each statistic.

    Make it with :meth:`from_estimator`. In a panel a ring marks the number of clusters that the statistic names, a
    vertical line the chosen one.

    Parameters
    ----------
    linkage : ndarray of shape (n - 1, 4)
        Tree in scipy's form.
    history : DataFrame
        Statistics by number of clusters.
    votes : dict of str to int
        Number that each statistic names.
    n_clusters : int
        Chosen number.

    Attributes
    ----------
    axes_ : dict of str to matplotlib Axes
        "tree" and the names of the statistics.
    figure_ : matplotlib Figure
    cut_ : Line2D or None
        The line that cuts the tree; None for a single cluster.

    See Also
    --------
    modpart.efficiency.ClusterCount : The statistics and their reading rules.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from sklearn.datasets import load_iris
    >>> from modpart.efficiency import ClusterCount
    >>> from modpart.inspection import ClusterCountDisplay
    >>> count = ClusterCount(n_references=2, random_state=0).fit(load_iris().data)
    >>> ClusterCountDisplay.from_estimator(count).axes_["pseudo_f"].get_title(loc="left")
    'pseudo-F: 3'
    """

    def __init__(self, linkage: np.ndarray, history: pd.DataFrame, votes: dict[str, int], n_clusters: int) -> None:
        self.linkage = linkage
        self.history = history
        self.votes = votes
        self.n_clusters = n_clusters

    @classmethod
    def from_estimator(cls, estimator: Any) -> "ClusterCountDisplay":
        """Draw a fitted cluster count.

        Parameters
        ----------
        estimator : ClusterCount
            Fitted.

        Returns
        -------
        display : ClusterCountDisplay

        Raises
        ------
        ParameterError
            When the estimator is no cluster count.
        """
        if not hasattr(type(estimator), "history_") or not hasattr(estimator, "k_max"):
            raise ParameterError(
                f"ClusterCountDisplay: estimator={estimator!r} counts no clusters. Pass a fitted ClusterCount, such as "
                "the cluster_count_ of an EfficiencyClassifier."
            )
        check_is_fitted(estimator)
        return cls(estimator.linkage_, estimator.history_, estimator.votes_, estimator.n_clusters_).plot()

    def plot(self) -> "ClusterCountDisplay":
        """Draw on a new figure.

        Returns
        -------
        self : ClusterCountDisplay
        """
        pyplot = optional_import("matplotlib.pyplot", extra="plot", purpose=type(self).__name__)
        names = list(WORDS)
        self.figure_, self.axes_ = pyplot.subplot_mosaic(
            [["tree"] * 4, names[:4], names[4:]], figsize=(10.5, 7.5), height_ratios=(1.5, 1, 1), layout="constrained"
        )
        self._draw_tree()
        for name in names:
            self._draw_statistic(name)
        for name in names[4:]:
            self.axes_[name].set_xlabel("number of clusters")
        return self

    def _draw_tree(self) -> None:
        hierarchy = optional_import("scipy.cluster.hierarchy", extra="plot", purpose=type(self).__name__)
        ax, heights = self.axes_["tree"], self.linkage[:, 2]
        self.cut_, level = None, 0.0
        if self.n_clusters > 1:
            level = float(heights[-self.n_clusters + 1] + heights[-self.n_clusters]) / 2
        hierarchy.dendrogram(
            self.linkage,
            p=LAST_MERGES,
            truncate_mode="lastp" if len(self.linkage) > LAST_MERGES else None,
            ax=ax,
            color_threshold=level,
            above_threshold_color="0.55",
            link_color_func=None if self.n_clusters > 1 else lambda _: "0.55",
            no_labels=len(self.linkage) <= LAST_MERGES,
        )
        if self.n_clusters > 1:
            self.cut_ = ax.axhline(level, color=COLORS[5], ls="--", lw=1.4)
        shown = min(LAST_MERGES, len(self.linkage) + 1)
        ax.set_title(f"tree of the last {shown} clusters, cut into {self.n_clusters}", loc="left")
        ax.set_ylabel("height of a merge")
        ax.tick_params(axis="x", labelsize="small", labelrotation=90)
        tidy(ax)

    def _draw_statistic(self, name: str) -> None:
        ax, values = self.axes_[name], self.history[name]
        ax.plot(values.index, values, ".-", color=color_of(0), lw=1.3)
        ax.axvline(self.n_clusters, color=COLORS[5], ls="--", lw=1.2, zorder=0)
        named = self.votes.get(name)
        if named is not None and np.isfinite(values.get(named, np.nan)):
            ax.plot([named], [values[named]], "o", mfc="none", mec="k", ms=11, mew=1.4)
        ax.set_title(f"{WORDS[name]}: {'no vote' if named is None else named}", loc="left", fontsize="medium")
        ax.margins(y=0.15)
        ax.xaxis.get_major_locator().set_params(integer=True)
        tidy(ax)
