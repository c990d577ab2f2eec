"""The hybrid of data envelopment analysis, clustering and classification that tells the efficiency class of a unit."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_X, check_X_classes
from modpart._utils.params import integer, model, nothing, one_of, where
from modpart._utils.seeds import check_rng
from modpart.efficiency._classes.edges import check_classes, check_names, class_edges, cut, valid_bins
from modpart.efficiency._classes.routed import (
    COMBINATIONS,
    SINGLE,
    AveragedClassifier,
    RoutedClassifier,
    cross_fitted,
    fold_numbers,
    seeded,
)
from modpart.efficiency._classes.scaling import LogRangeScaler
from modpart.efficiency._clusters.cluster_count import ClusterCount
from modpart.efficiency._clusters.som import SOM
from modpart.efficiency._dea import DEA
from modpart.efficiency._polynomial.classifier import ReducedPolynomialClassifier
from modpart.efficiency._units.data import labels_of
from modpart.exceptions import InputDataError, ParameterError

__all__ = ["EfficiencyClassifier"]

MOST_CLUSTERS = 8  # that "auto" may find
TREE_ROWS = 500  # on which it looks
CHUNK = 1 << 16  # rows that are classified at once
NO_FRONTIER = (
    "EfficiencyClassifier: the classes were given in y, so there is no frontier to compare with. Pass y to score, or "
    "fit without y."
)


def _has(*methods: str) -> Any:
    """Accept an unfitted estimator with these methods."""
    return lambda value: (
        hasattr(value, "get_params")
        and not isinstance(value, type)
        and all(hasattr(value, method) for method in methods)
    )


class EfficiencyClassifier(ClassifierMixin, Estimator):
    """Tell the efficiency class of a unit without comparing it with all others.

    Data envelopment analysis scores the units of the table, an expert's edges cut the scores into classes, a
    self-organising map splits the units into clusters, and a reduced polynomial learns the classes, for each cluster on
    its own where that is better [1]_. New units are classified from their inputs and outputs alone. The classes are a
    function of the data and the frontier, so this is a surrogate of plain DEA, and `fidelity_` says how good a one: use
    it where many units must be classified quickly, where a rule with probabilities is wanted, or where an expert's
    classes are to be learned. It assumes that all units face the same technology.

    Parameters
    ----------
    dea : DEA or None, default=None
        Scores the units; it says which columns are inputs and outputs. Any estimator with `efficiency_` and
        `score_units` will do. None stands for ``DEA()``: returns to scale vary, the last column is the output.
    bins : sequence of float, int >= 2, or "efficient", default=(0.6, 0.8, 1.0)
        Rising edges of the classes; a unit is in the class above an edge when its score reaches it. A number makes so
        many classes of equal size; "efficient" puts the efficient units in one and the others in three of equal size.
    n_clusters : int >= 1 or "auto", default="auto"
        Number of clusters; "auto" asks :class:`ClusterCount` for at most eight.
    clusterer : clusterer with `predict`, or None, default=None
        Gets the number of clusters as `n_clusters` or `n_components`. None stands for ``SOM()``.
    classifier : classifier with `predict_proba`, or None, default=None
        None stands for ``ReducedPolynomialClassifier()``.
    combine : {"auto", "none", "feature", "local", "average"}, default="auto"
        What the clusters are for: nothing, one more input of a single classifier, or a classifier each; "average" takes
        the mean of the probabilities of these three. "auto" takes what classifies most units right in
        cross-validation, the simplest of equals.
    scaler : transformer or None, default=None
        Scales the columns before clustering and classification. None takes logarithms of the columns that are never
        negative and moves all to [0, 1].
    class_names : sequence of str or None, default=None
        Names for the classes from the worst to the best, used in tables, pictures and the report.
    cv : int >= 2, default=5
        Folds of the cross-validation behind `fidelity_` and "auto".
    random_state : int, Generator, RandomState or None, default=None
        Seeds the folds, and what the parts have left without a seed.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Numbers of the classes that occur, 0 the worst; or the labels of y, when given.
    class_names_ : list of str
        Names of these classes.
    all_class_names_ : list of str
        Names of all classes between the edges, those without a training unit included.
    class_shares_ : ndarray of shape (n_classes,), float64
        Share of the training units in each of `classes_`.
    edges_ : ndarray or None
        Edges between all classes; None when y was given.
    dea_ : fitted DEA or None
        The frontier of the training units; None when y was given.
    efficiency_ : ndarray of shape (n_samples,) or None
        Its scores, 1 is best.
    n_clusters_ : int
    cluster_count_ : ClusterCount or None
        Statistics behind an automatic number of clusters.
    scaler_, clusterer_ : fitted transformer and clusterer
    clusters_ : ndarray of shape (n_samples,), int64
        Cluster of each training unit.
    combine_ : {"none", "feature", "local", "average"}
        What is in use.
    combine_scores_ : dict of str to float
        Cross-validated accuracy of what was compared.
    fidelity_ : float
        That of what is in use: how often a unit that was not learned gets the class that DEA, or y, gives it. The
        frontier is that of all training units; :func:`cross_validate_classes` makes it anew in every fold.
    models_ : list
        Classifier of each cluster ("local"; None where the one for all units stands in), or the single one; for
        "average" the two single ones and those of the clusters.
    fallback_ : list of str
        For each cluster of "local" and "average" why the classifier for all units stands in: "one class", "no row" or
        "12 rows". Empty text where its own is in use.
    unit_names_ : ndarray of shape (n_samples,)
        Index of X, or 0, 1, ...
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X has string column names.

    Raises
    ------
    InputDataError
        When the edges leave fewer than two classes; the message gives the range of the scores. Also as in :class:`DEA`.
    ParameterError
        When an argument is not valid, or the clusterer cannot assign new units.

    Warns
    -----
    ModpartWarning
        When a class is left empty.

    See Also
    --------
    cross_validate_classes : Accuracy on new units, beside plain baselines.
    DEA, SOM, ClusterCount, ReducedPolynomialClassifier : The parts.

    Notes
    -----
    Only the abstract of [1]_ was at hand. It names the steps; model and orientation of DEA, the statistics, the layout
    of the map, the edges, order and penalty are choices made here, and whether the clusters were to have a classifier
    each is not known. In our comparisons the clusters seldom helped, which is why "auto" asks.

    A row's score depends on all rows, so test units must not be scored together with training units: `score` without
    `y`, and with it ``GridSearchCV(...).fit(X)``, takes the classes of test units from the frontier of the training
    units alone. No linear programme is solved in `predict`, whose time is linear in the number of units.

    References
    ----------
    .. [1] Kassani, Kassani & Najafi, "Introducing a hybrid model of DEA and data mining in evaluating efficiency. Case
       study: bank branches", arXiv:1810.05524 (2018).

    Examples
    --------
    >>> from modpart.datasets import make_bank_branches
    >>> from modpart.efficiency import DEA, EfficiencyClassifier
    >>> X, efficiency, group = make_bank_branches(300, random_state=0)
    >>> dea = DEA(outputs=["deposits", "loans", "transactions"])
    >>> model = EfficiencyClassifier(dea, bins=3, random_state=0).fit(X.iloc[:200])
    >>> model.classes_, bool(model.score(X.iloc[200:]) > 0.6)
    (array([0, 1, 2]), True)
    """

    _rules = {
        "dea": (nothing, where("an estimator with fit and score_units, such as DEA()", _has("fit", "score_units"))),
        "bins": (where('rising edges > 0, a number of classes >= 2, or "efficient"', valid_bins),),
        "n_clusters": (integer(1), one_of("auto")),
        "clusterer": (
            nothing,
            where("a clusterer that can assign new rows: with fit and predict", _has("fit", "predict")),
        ),
        "classifier": (nothing, model("classifier")),
        "combine": (one_of("auto", *COMBINATIONS),),
        "scaler": (nothing, where("a transformer with fit and transform", _has("fit", "transform"))),
        "class_names": (
            nothing,
            where("a sequence of str", lambda value: isinstance(value, list | tuple | np.ndarray)),
        ),
        "cv": (integer(2),),
    }

    def __init__(
        self,
        dea: Any = None,
        bins: Any = (0.6, 0.8, 1.0),
        *,
        n_clusters: Any = "auto",
        clusterer: Any = None,
        classifier: Any = None,
        combine: str = "auto",
        scaler: Any = None,
        class_names: Any = None,
        cv: int = 5,
        random_state: Any = None,
    ) -> None:
        self.dea = dea
        self.bins = bins
        self.n_clusters = n_clusters
        self.clusterer = clusterer
        self.classifier = classifier
        self.combine = combine
        self.scaler = scaler
        self.class_names = class_names
        self.cv = cv
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags

    def fit(self, X: Any, y: Any = None) -> "EfficiencyClassifier":
        """Score the units, make classes and clusters, and learn the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs and outputs of the units. Columns that `dea` does not use help to cluster and to classify.
        y : array-like of shape (n_samples,) or None, default=None
            Classes that an expert has given. None makes them from scores.

        Returns
        -------
        self : EfficiencyClassifier
        """
        self._check_params()
        rng = check_rng(self.random_state)
        rows, codes = self._labelled(X, y)
        self.unit_names_ = _names_of_units(X, len(rows))
        self.class_shares_ = np.bincount(codes) / len(codes)
        self.scaler_ = seeded(LogRangeScaler() if self.scaler is None else self.scaler, rng)
        Z = np.asarray(self.scaler_.fit_transform(rows), dtype=np.float64)
        self._cluster(Z, rng)
        self._learn(Z, codes, rng)
        return self

    def _labelled(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Rows as numbers, and the position of each one's class in `classes_`."""
        self.dea_ = self.efficiency_ = self.edges_ = None
        if y is not None:
            rows, labels = check_X_classes(self, X, y)
            self.classes_, codes = np.unique(labels, return_inverse=True)
            if len(self.classes_) < 2:
                raise InputDataError(
                    f"EfficiencyClassifier: y holds only the class {self.classes_.tolist()[0]!r}, and two are needed. "
                    "Check the rows, or leave y out to make classes from scores."
                )
            self.class_names_ = self.all_class_names_ = [str(label) for label in self.classes_]
            return rows, codes
        rows = check_X(self, X, reset=True, min_samples=2)
        self.dea_ = clone(DEA() if self.dea is None else self.dea).fit(X)
        self.efficiency_ = np.asarray(self.dea_.efficiency_, dtype=np.float64)
        self.edges_ = class_edges(self.bins, self.efficiency_)
        self.all_class_names_ = check_names(self.class_names, self.edges_)
        labels = cut(self.efficiency_, self.edges_)
        check_classes(labels, self.efficiency_, self.edges_)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self.class_names_ = [self.all_class_names_[k] for k in self.classes_]
        return rows, codes

    def _cluster(self, Z: np.ndarray, rng: np.random.Generator) -> None:
        """Count and find the clusters."""
        self.cluster_count_ = None
        if not isinstance(self.n_clusters, str):
            self.n_clusters_ = int(self.n_clusters)
        elif len(Z) < 3 or not np.ptp(Z, axis=0).any():
            self.n_clusters_ = 1
        else:
            count = ClusterCount(k_max=MOST_CLUSTERS, max_samples=TREE_ROWS)
            self.cluster_count_ = seeded(count, rng).fit(Z)
            self.n_clusters_ = self.cluster_count_.n_clusters_
        if self.n_clusters_ > len(Z):
            raise ParameterError(
                f"EfficiencyClassifier: n_clusters={self.n_clusters_} and there are {len(Z)} units. Take fewer "
                "clusters."
            )
        clusterer = seeded(SOM() if self.clusterer is None else self.clusterer, rng)
        for name in ("n_clusters", "n_components"):
            if name in clusterer.get_params():
                clusterer.set_params(**{name: self.n_clusters_})
                break
        self.clusterer_ = clusterer.fit(Z)
        self.clusters_ = self._assigned(Z)
        self.n_clusters_ = max(self.n_clusters_, int(self.clusters_.max()) + 1)

    def _assigned(self, Z: np.ndarray) -> np.ndarray:
        return np.maximum(np.asarray(self.clusterer_.predict(Z), dtype=np.int64), 0)  # noise of a clusterer: the first

    def _learn(self, Z: np.ndarray, codes: np.ndarray, rng: np.random.Generator) -> None:
        """Compare the ways to use the clusters, and train the best on all units."""
        classifier = seeded(ReducedPolynomialClassifier() if self.classifier is None else self.classifier, rng)
        if not hasattr(classifier, "predict_proba"):
            raise ParameterError(
                f"EfficiencyClassifier: classifier={classifier!r} has no predict_proba. Pass one that gives "
                "probabilities, or wrap it in CalibratedClassifierCV."
            )
        folds = fold_numbers(codes, min(int(self.cv), len(Z)), rng)
        ways = COMBINATIONS if self.combine == "auto" else (self.combine,)
        singles = ways if self.combine in SINGLE else SINGLE
        guesses = {way: cross_fitted(classifier, way, Z, self.clusters_, codes, folds) for way in singles}
        guesses["average"] = np.mean(list(guesses.values()), axis=0)
        self.combine_scores_ = {way: float(np.mean(guesses[way].argmax(axis=1) == codes)) for way in ways}
        self.combine_ = max(ways, key=lambda way: self.combine_scores_[way])
        self.fidelity_ = self.combine_scores_[self.combine_]
        sizes = self.n_clusters_, len(self.classes_)
        if self.combine_ == "average":
            self._routed: Any = AveragedClassifier(classifier, *sizes)
        else:
            self._routed = RoutedClassifier(classifier, self.combine_, *sizes)
        self._routed.fit(Z, self.clusters_, codes)
        self.models_ = self._routed.models or [self._routed.pooled]
        self.fallback_ = self._routed.fallback

    def _scaled(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return np.asarray(self.scaler_.transform(check_X(self, X)), dtype=np.float64)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            Columns in the order of ``classes_``; rows sum to 1.
        """
        Z = self._scaled(X)
        out = np.empty((len(Z), len(self.classes_)))
        for start in range(0, len(Z), CHUNK):
            rows = slice(start, start + CHUNK)
            out[rows] = self._routed.predict_proba(Z[rows], self._assigned(Z[rows]))
        return out

    def predict(self, X: Any) -> np.ndarray:
        """Predict the likeliest class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def apply(self, X: Any) -> np.ndarray:
        """Cluster of each unit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        clusters : ndarray of shape (n_samples,), int64
        """
        return self._assigned(self._scaled(X))

    def dea_classes(self, X: Any) -> np.ndarray:
        """Class by plain DEA: each unit against the frontier of the training units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,), int64
            A class that no training unit has is possible. Units better than the frontier are in the top class.

        Raises
        ------
        ParameterError
            When the model was fitted to classes in y, and there is no frontier.
        """
        check_is_fitted(self)
        return self.classes_of_scores(self.dea_scores(X))

    def classes_of_scores(self, efficiency: Any) -> np.ndarray:
        """Class of each score, by the edges of the training units.

        Parameters
        ----------
        efficiency : array-like of shape (n_samples,)
            Scores, 1 is best.

        Returns
        -------
        y : ndarray of shape (n_samples,), int64
        """
        check_is_fitted(self)
        if self.edges_ is None:
            raise ParameterError(NO_FRONTIER)
        return cut(np.asarray(efficiency, dtype=np.float64), self.edges_)

    def dea_scores(self, X: Any) -> np.ndarray:
        """Efficiency by plain DEA, 1 is the frontier of the training units; this solves linear programmes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        efficiency : ndarray of shape (n_samples,), float64
            Above 1 beyond the frontier, inf where nothing is comparable.
        """
        check_is_fitted(self)
        if self.dea_ is None:
            raise ParameterError(NO_FRONTIER)
        if hasattr(self.dea_, "efficiency_units"):
            return self.dea_.efficiency_units(X)
        return _as_efficiency(self.dea_, np.asarray(self.dea_.score_units(X), dtype=np.float64))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Accuracy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or None, default=None
            True classes; None for those by plain DEA against the frontier of the training units.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the units.

        Returns
        -------
        accuracy : float
        """
        return super().score(X, self.dea_classes(X) if y is None else y, sample_weight)

    def report(self, X: Any) -> pd.DataFrame:
        """Class, probability and cluster of each unit, with its score by plain DEA beside them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        table : DataFrame
            One row per unit, named as in X: `class`, `probability`, `cluster`, and when the classes come from scores
            `DEA score`, `DEA class` and `agree`.
        """
        proba = self.predict_proba(X)
        best = proba.argmax(axis=1)
        names = np.array(self.class_names_, dtype=object)
        columns: dict[str, Any] = {"class": names[best], "probability": proba.max(axis=1), "cluster": self.apply(X)}
        if self.dea_ is not None:
            scores = self.dea_scores(X)
            by_dea = np.array(self.all_class_names_, dtype=object)[self.classes_of_scores(scores)]
            columns |= {"DEA score": scores, "DEA class": by_dea, "agree": by_dea == columns["class"]}
        return pd.DataFrame(columns, index=pd.Index(_names_of_units(X, len(proba)), name="unit"))

    def save_report(self, path: str | Path, X: Any) -> Path:
        """Write a page for managers: how the units were classified, how far that can be trusted, and each unit's class.

        Parameters
        ----------
        path : str or pathlib.Path
            HTML file to write; it needs nothing beside itself.
        X : array-like of shape (n_samples, n_features)
            Units to report on.

        Returns
        -------
        path : pathlib.Path
        """
        from modpart.efficiency._classes.report import efficiency_page

        check_is_fitted(self)
        path = Path(path)
        path.write_text(efficiency_page(self, X), encoding="utf-8")
        return path


def _names_of_units(X: Any, n_units: int) -> np.ndarray:
    """Index of a frame, or 0, 1, ..."""
    names = labels_of(X)
    return np.arange(n_units) if names is None else names


def _as_efficiency(dea: Any, scores: np.ndarray) -> np.ndarray:
    """Scores of another estimator than DEA with 1 as the frontier and more as better, as `efficiency_` has them."""
    orientation = getattr(dea, "orientation", "input")
    if orientation == "output":
        with np.errstate(divide="ignore"):
            return np.where(np.isfinite(scores) & (scores > 0.0), 1.0 / scores, np.inf)
    return 1.0 - scores if orientation == "directional" else scores
