"""How many clusters there are: the classical statistics of an agglomerative tree, side by side, and their vote."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import cophenet, fcluster, linkage
from scipy.spatial.distance import pdist
from sklearn.base import ClusterMixin
from sklearn.metrics import davies_bouldin_score, pairwise_distances_argmin, silhouette_score
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_X
from modpart._utils.params import integer, one_of
from modpart._utils.seeds import check_rng
from modpart.efficiency._clusters.tree_statistics import TreeHistory
from modpart.exceptions import InputDataError

__all__ = ["ClusterCount"]

STATISTICS = ("pseudo_f", "pseudo_t2", "ccc", "sprsq", "rmsstd", "gap", "silhouette", "davies_bouldin")
ROUNDING = 1e-12  # of the largest value of a statistic
LEAST_CCC = 2.0  # Sarle's reading: below, no clusters


class ClusterCount(ClusterMixin, Estimator):
    """Count clusters on an agglomerative tree with eight statistics, all of which are shown.

    Each statistic names the number of clusters that its reading rule prefers, and the number that most of them name is
    `n_clusters_`. Look at ``history_`` and ``votes_`` before you rely on it: where they disagree, there may be no
    number that is right.

    Parameters
    ----------
    method : {"ward", "average", "complete", "single"}, default="ward"
        How the tree joins clusters.
    stat : {"vote", "pseudo_f", "pseudo_t2", "ccc", "sprsq", "rmsstd", "gap", "silhouette", "davies_bouldin"}, \
default="vote"
        The statistic that decides `n_clusters_`; all others are computed all the same.
    k_max : int >= 2, default=10
        Largest number of clusters considered, at most n_samples - 1.
    n_references : int >= 2, default=10
        Tables of uniform draws that the gap statistic compares with.
    max_samples : int >= 10, default=1000
        Rows of the tree. Of a longer table so many are drawn, and the other rows join the nearest cluster's centre.
    random_state : int, Generator, RandomState or None, default=None
        Draws the reference tables, and the rows of a long table.

    Attributes
    ----------
    n_clusters_ : int
        Chosen number.
    votes_ : dict of str to int
        Number that each statistic prefers; one that prefers none is left out.
    history_ : DataFrame
        One row per number of clusters k = 1, 2, ...: the number of rows of the cluster that the merge to k clusters
        made (`merged`), `rmsstd`, `sprsq`, `rsq`, `pseudo_f`, `pseudo_t2`, `ccc`, `gap`, `gap_se`, `silhouette`,
        `davies_bouldin`.
    linkage_ : ndarray of shape (n_tree_samples - 1, 4)
        The tree, in scipy's form.
    cophenetic_correlation_ : float
        Correlation of the heights of the tree with the distances of the rows.
    labels_ : ndarray of shape (n_samples,), int64
        Cluster of each row when the tree is cut into `n_clusters_`.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X has string column names.

    Raises
    ------
    InputDataError
        When there are fewer than three rows, or all rows are equal.

    See Also
    --------
    ClusterCountDisplay : The tree with its cut, and the statistics over k.
    SOM : Finds that many clusters.

    Notes
    -----
    The row of k holds the statistics of the merge that made k clusters of k + 1. Reading rules: the largest `pseudo_f`
    (the index of Calinski and Harabasz), `silhouette` and `ccc` (above 2) and the smallest `davies_bouldin` name their
    own k; `pseudo_t2`, `sprsq` and `rmsstd` jump when clusters are joined that should not be, and name the k before
    their largest jump, taken as a ratio; `gap` names the smallest k that is within a standard error of the next [3]_.
    Of several numbers with most votes the one with the largest `pseudo_f` wins. `rsq` has no vote: its steps are
    `sprsq`.

    The expected R-squared of `ccc` is that of [1]_ for a uniform box. Time O(n^2 p + n_references n^2 p), memory O(n^2)
    for the n rows of the tree.

    References
    ----------
    .. [1] Sarle, "Cubic clustering criterion", SAS Technical Report A-108 (1983).
    .. [2] Milligan & Cooper, "An examination of procedures for determining the number of clusters in a data set",
       Psychometrika 50 (1985), 159-179.
    .. [3] Tibshirani, Walther & Hastie, "Estimating the number of clusters in a data set via the gap statistic",
       Journal of the Royal Statistical Society B 63 (2001), 411-423.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from modpart.efficiency import ClusterCount
    >>> count = ClusterCount(random_state=0).fit(load_iris().data)
    >>> count.history_.loc[3, ["rsq", "sprsq", "pseudo_f", "pseudo_t2"]].round(2).tolist()
    [0.88, 0.03, 558.06, 57.25]
    """

    _rules = {
        "method": (one_of("ward", "average", "complete", "single"),),
        "stat": (one_of("vote", *STATISTICS),),
        "k_max": (integer(2),),
        "n_references": (integer(2),),
        "max_samples": (integer(10),),
    }

    def __init__(
        self,
        method: str = "ward",
        stat: str = "vote",
        *,
        k_max: int = 10,
        n_references: int = 10,
        max_samples: int = 1000,
        random_state: Any = None,
    ) -> None:
        self.method = method
        self.stat = stat
        self.k_max = k_max
        self.n_references = n_references
        self.max_samples = max_samples
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "ClusterCount":
        """Grow the tree and read it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : None
            Not used.

        Returns
        -------
        self : ClusterCount
        """
        self._check_params()
        rng = check_rng(self.random_state)
        X = check_X(self, X, reset=True, min_samples=2)
        if len(X) < 3 or not np.ptp(X, axis=0).any():
            what = f"{len(X)} rows" if len(X) < 3 else f"{len(X)} rows that are all equal"
            raise InputDataError(f"ClusterCount: X has {what}, and clusters need at least 3 rows, not all equal.")
        rows = X
        if len(X) > self.max_samples:
            rows = X[np.sort(rng.choice(len(X), size=self.max_samples, replace=False))]
        self.linkage_ = linkage(rows, method=self.method)
        self.cophenetic_correlation_ = float(cophenet(self.linkage_, pdist(rows))[0])
        k_max = min(int(self.k_max), len(rows) - 1)
        self._history = TreeHistory.of(rows, self.linkage_, k_max)
        self._gap, self._gap_se = self._gaps(rows, k_max, rng)
        cuts = {k: fcluster(self.linkage_, k, criterion="maxclust") - 1 for k in range(2, k_max + 1)}
        self._silhouette, self._davies_bouldin = _outside(rows, cuts, k_max)
        self.votes_ = self._voted()
        self.n_clusters_ = self._elected()
        labels = cuts.get(self.n_clusters_, np.zeros(len(rows), dtype=np.int64)).astype(np.int64)
        self.labels_ = labels if len(rows) == len(X) else _nearest(X, rows, labels)
        return self

    def _gaps(self, X: np.ndarray, k_max: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Gap statistic and the standard error to judge it by, for k = 1, 2, ..."""
        low, high = X.min(axis=0), X.max(axis=0)
        references = np.empty((self.n_references, k_max))
        for b in range(self.n_references):
            drawn = rng.uniform(low, high, size=X.shape)
            references[b] = TreeHistory.of(drawn, linkage(drawn, method=self.method), k_max).within
        own = self._history.within
        logs = np.log(np.maximum(references, np.finfo(float).tiny))
        gap = logs.mean(axis=0) - np.log(np.maximum(own, np.finfo(float).tiny))
        return gap, logs.std(axis=0) * np.sqrt(1.0 + 1.0 / self.n_references)

    def _voted(self) -> dict[str, int]:
        history = self._history
        within_reach = np.flatnonzero(self._gap[:-1] >= self._gap[1:] - self._gap_se[1:])
        named = {
            "pseudo_f": _best(history.pseudo_f),
            "pseudo_t2": _before_the_jump(history.pseudo_t2),
            "ccc": _best(np.where(history.ccc > LEAST_CCC, history.ccc, np.nan)),
            "sprsq": _before_the_jump(history.sprsq),
            "rmsstd": _before_the_jump(history.rmsstd),
            "gap": int(within_reach[0]) + 1 if len(within_reach) else None,
            "silhouette": _best(self._silhouette),
            "davies_bouldin": _best(-self._davies_bouldin),
        }
        return {name: k for name, k in named.items() if k is not None}

    def _elected(self) -> int:
        if self.stat != "vote":
            return self.votes_.get(self.stat, 1)
        counts = np.bincount(list(self.votes_.values()), minlength=2)
        most = np.flatnonzero(counts == counts.max())
        rank = np.nan_to_num(self._history.pseudo_f, nan=-np.inf)
        return int(max(most, key=lambda k: rank[k - 1]))

    @property
    def history_(self) -> pd.DataFrame:
        """Statistics for each number of clusters."""
        check_is_fitted(self)
        history = self._history
        names = ("merged", "rmsstd", "sprsq", "rsq", "pseudo_f", "pseudo_t2", "ccc")
        columns = {name: getattr(history, name) for name in names}
        columns |= {"gap": self._gap, "gap_se": self._gap_se}
        columns |= {"silhouette": self._silhouette, "davies_bouldin": self._davies_bouldin}
        return pd.DataFrame(columns, index=pd.RangeIndex(1, len(history.rsq) + 1, name="k"))


def _best(values: np.ndarray) -> int | None:
    """The k of the largest value."""
    return None if np.isnan(values).all() else int(np.nanargmax(values)) + 1


def _before_the_jump(values: np.ndarray) -> int | None:
    """The k whose value is the smallest part of the value at k - 1; what is nothing but rounding counts as equal."""
    if not (values > 0.0).any():
        return None
    known = np.isfinite(values)
    logs = np.log(np.maximum(np.where(known, values, 0.0), ROUNDING * np.nanmax(values)))
    drops = np.where(known[1:] & known[:-1], logs[:-1] - logs[1:], -np.inf)
    return int(np.argmax(drops)) + 2 if len(drops) and drops.max() > 0.0 else None


def _outside(X: np.ndarray, cuts: dict[int, np.ndarray], k_max: int) -> tuple[np.ndarray, np.ndarray]:
    """Silhouette and Davies-Bouldin index of each cut; nan for k = 1 and where ties leave other numbers of clusters."""
    silhouette, davies_bouldin = np.full(k_max, np.nan), np.full(k_max, np.nan)
    for k, labels in cuts.items():
        if len(np.unique(labels)) == k < len(X):
            silhouette[k - 1] = silhouette_score(X, labels)
            davies_bouldin[k - 1] = davies_bouldin_score(X, labels)
    return silhouette, davies_bouldin


def _nearest(X: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Cluster with the nearest centre."""
    centres = np.stack([rows[labels == k].mean(axis=0) for k in range(labels.max() + 1)])
    return pairwise_distances_argmin(X, centres).astype(np.int64)
