"""The modular model: one expert per regime, routed by the gate, unless a single model does as well."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, clone
from sklearn.model_selection import KFold, check_cv
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_sample_weight, check_X, check_X_y
from modpart._utils.parallel import one_thread, parallel_map
from modpart._utils.params import boolean, integer, model, nothing, one_of, where, workers
from modpart._utils.progress import Progress, with_callbacks
from modpart._utils.seeds import check_rng, child_seeds, seed_nested
from modpart.exceptions import ParameterError
from modpart.partition._accuracy import families, fit_corrected
from modpart.partition._bayes import BayesianExpert
from modpart.partition._contest import Scaling
from modpart.partition._describe import Described
from modpart.partition._nets import as_expert
from modpart.partition._partitioner import ActivePartitioner
from modpart.partition._rows import WeightedRows, answer, check_takes_weights, fit_rows, standard_error

__all__ = ["PartitionedRegressor"]


class PartitionedRegressor(Described, RegressorMixin, Estimator):
    """Predict with one expert per part of a table where that beats a single model, and with the single model elsewhere.

    There are two modes. ``mode="regimes"`` makes one partition, to be read: a partitioner finds regimes, one expert is
    trained per regime, and a gate routes rows to experts. ``mode="accuracy"`` makes many, to predict well: trees with a
    straight line in every cell cut the table again and again, clones of `estimator` learn the cells, and their mean and
    their boosted sum correct one model of all rows. Cross-validation, with the partitions themselves made anew in every
    fold, compares this with that one model of the same kind; unless the gain is larger than its standard error, the
    single model is kept. Use it where a table holds several laws; on one coherent law it costs time and gives the
    single model.

    Parameters
    ----------
    partitioner : ActivePartitioner or None, default=None
        Finds the regimes. None lets clones of `estimator` compete, or closed-form experts when that is None too. Only
        with ``mode="regimes"``.
    estimator : regressor or None, default=None
        Expert that is trained anew on the rows of each part. None keeps the experts of the competition; with
        ``mode="accuracy"`` the best of straight ridge, quadratic ridge and a :class:`BayesianExpert` in
        cross-validation, or the mean of those within two standard errors of it if that is better, with parts of the
        first two where they gain.
    mode : {"regimes", "accuracy"}, default="regimes"
    routing : {"auto", "hard", "soft"}, default="auto"
        "hard" asks the likeliest expert, "soft" blends experts by the gate's shares, "auto" takes "soft" unless it did
        worse when the gate was cross-validated. Only with ``mode="regimes"``; the bag routes hard within each
        of its partitions.
    n_trees : int, default=10
        Partitions in the bag of ``mode="accuracy"`` (>= 1), which has twice as many boosting rounds; time is
        proportional to it.
    fallback : bool, default=True
        Whether a single model may replace the partition. Without it only the gate of regimes is
        cross-validated.
    cv : int, splitter or iterable of (train, test) indices, default=5
        Folds of the comparison (>= 2). A number makes shuffled folds of distinct rows: equal rows stay together.
    n_jobs : int or None, default=None
        Workers for the folds, as in joblib. Results do not depend on it.
    random_state : int, Generator, RandomState or None, default=None
        Seeds every draw, also of a `partitioner` or `estimator` that has none of its own.
    verbose : int, default=0
        1 prints a line per step.

    Attributes
    ----------
    partitioner_ : ActivePartitioner
        Fitted partitioner. Only with ``mode="regimes"``.
    experts_ : list of fitted regressors
        One per partition, a single one after falling back. Only with ``mode="regimes"``.
    n_partitions_ : int
        Number of experts in use; with ``mode="accuracy"`` the cells of the finest partition in use, 1 for none.
    routing_ : {"hard", "soft"}
    gain_ : float
        Cross-validated share of the single model's squared error that the modular model saves; nan when not compared.
        The error of several outputs is the mean of their squared errors, each in units of its variance.
    gain_se_ : float
        Its standard error over rows.
    routing_risk_ : float
        Cross-validated squared error per row that misrouting adds, in squared units of y; of several outputs the mean,
        each in units of its variance. Only with ``mode="regimes"``.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X has string column names.

    See Also
    --------
    ActivePartitioner : The partition alone.

    Notes
    -----
    The time is that of ``1 + cv`` partitions; one partition when it finds a single regime, since there is nothing to
    compare then. With ``mode="accuracy"`` it is that of up to ``20 n_trees (1 + cv)`` fits of `estimator` to cells; the
    trees themselves, which see sums of products of inputs and target and never `estimator`, take milliseconds.

    The bag [2]_ averages experts over trees of bootstrap samples and random inputs [3]_, with cuts that leave the least
    ridge loss, best first. The boosted sum [4]_ takes short steps on what the single model leaves over when held out.
    Both correct the single model with non-negative weights that sum to at most one, by least squares on held-out
    predictions [5]_; `gain_` is that of weights made without the rows they are judged on. Equal rows of X are held out
    together. No correction is larger than 99 % of those held out, nor leads more than a tenth of the range of y
    outside it. A correction that gains g with standard error s is added at all but (s / g)^2 of its size.

    Weights of rows and several outputs are those of :class:`ActivePartitioner`, except that with ``mode="accuracy"``
    each output has a bag of its own, which falls back on its own; `gain_` is that of all which could be compared.

    References
    ----------
    .. [1] Tacke et al., "Active partitioning: inverting the paradigm of active learning", arXiv:2411.18254 (2024).
    .. [2] Breiman, "Bagging predictors", Machine Learning 24 (1996).
    .. [3] Ho, "The random subspace method for constructing decision forests", IEEE TPAMI 20 (1998).
    .. [4] Friedman, "Stochastic gradient boosting", Computational Statistics & Data Analysis 38 (2002).
    .. [5] Breiman, "Stacked regressions", Machine Learning 24 (1996).

    Examples
    --------
    >>> from modpart.datasets import make_elastoplastic
    >>> from modpart.partition import PartitionedRegressor
    >>> X, y, regime = make_elastoplastic(300, random_state=0)
    >>> model = PartitionedRegressor(random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.99)
    True

    A bag of partitions where straight lines fit badly:

    >>> from sklearn.linear_model import Ridge
    >>> model = PartitionedRegressor(estimator=Ridge(), mode="accuracy", n_trees=3, random_state=0).fit(X, y)
    >>> bool(model.gain_ > 0.5)
    True
    """

    _rules = {
        "partitioner": (nothing, where("an ActivePartitioner", lambda value: isinstance(value, ActivePartitioner))),
        "estimator": (nothing, model("regressor")),
        "mode": (one_of("regimes", "accuracy"),),
        "routing": (one_of("auto", "hard", "soft"),),
        "n_trees": (integer(1),),
        "fallback": (boolean,),
        "cv": (
            integer(2),
            where("a splitter or a list of (train, test) indices", lambda v: hasattr(v, "split") or type(v) is list),
        ),
        "n_jobs": (nothing, workers),
        "verbose": (integer(0),),
    }

    def __init__(
        self,
        partitioner: Any = None,
        estimator: Any = None,
        *,
        mode: str = "regimes",
        routing: str = "auto",
        n_trees: int = 10,
        fallback: bool = True,
        cv: Any = 5,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.partitioner = partitioner
        self.estimator = estimator
        self.mode = mode
        self.routing = routing
        self.n_trees = n_trees
        self.fallback = fallback
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "PartitionedRegressor":
        """Find the regimes, train the experts, compare with a single model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,) or None
            How many observations each row stands for (>= 0); None is one each.

        Returns
        -------
        self : PartitionedRegressor
        """
        self._check_params()
        rng = check_rng(self.random_state)
        X, y = check_X_y(self, X, y, multi_output=True)
        weight = check_sample_weight(self, sample_weight, X)
        if self.mode == "accuracy":
            return self._fit_bag(X, y, weight, rng)
        rows = WeightedRows.of(X, y, weight)
        if self.estimator is not None:
            check_takes_weights("PartitionedRegressor", self.estimator, rows.weight)
        progress = Progress(self, X, y, total=2)
        partitioner = ActivePartitioner(self.estimator) if self.partitioner is None else self.partitioner
        partitioner = seed_nested(clone(partitioner), rng)
        expert = None if self.estimator is None else seed_nested(clone(as_expert(self.estimator)), rng)
        single = seed_nested(clone(as_expert(_kind(partitioner, expert))), rng)
        with one_thread():
            self.partitioner_ = clone(partitioner).fit(X, y, sample_weight=weight)
            self.n_partitions_ = self.partitioner_.n_partitions_
            self.experts_ = _experts(self.partitioner_, expert, rows)
            progress.step("partition", f"{self.n_partitions_} regimes")
            gate = self.partitioner_.gate_
            self.routing_ = gate.routing if self.routing == "auto" else self.routing
            self.gain_, self.gain_se_ = np.nan, np.nan
            if self.n_partitions_ > 1 and self.fallback:
                table = (rows.X, rows.y, rows.weight) if isinstance(self.cv, Integral) else (X, y, weight)
                self._compare(partitioner, expert, single, table, child_seeds(rng, 1)[0])
            if self.n_partitions_ == 1 and self.partitioner_.n_partitions_ > 1:
                self.experts_ = [fit_rows(clone(single), rows.X, rows.y, rows.weight)]
        progress.step("comparison", f"gain {self.gain_:.3f} +- {self.gain_se_:.3f}, {self.n_partitions_} experts kept")
        variance = Scaling.of(rows.X, rows.y, rows.weight).y_sd ** 2 if y.ndim == 1 else 1.0
        added = gate.routed_error if self.routing_ == "hard" else gate.blended_error
        self.routing_risk_ = added * variance if self.n_partitions_ > 1 else 0.0
        progress.finish()
        return self

    def _fit_bag(
        self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, rng: np.random.Generator
    ) -> "PartitionedRegressor":
        """Train and weigh the bag of ``mode="accuracy"``."""
        if self.partitioner is not None or self.routing != "auto":
            name = "routing" if self.partitioner is None else "partitioner"
            raise ParameterError(
                f"PartitionedRegressor: {name}={getattr(self, name)!r} has no effect with mode='accuracy', which makes "
                f"partitions of its own. Leave {name} at its default, or use mode='regimes'."
            )
        progress = Progress(self, X, y, total=1)
        own = self.estimator is not None
        if own:
            check_takes_weights("PartitionedRegressor", self.estimator, weight)
            kinds = [(seed_nested(clone(as_expert(self.estimator)), rng), True)]
        else:
            kinds = families(X.shape[1], weight, rng)
        with one_thread():
            self.bag_ = fit_corrected(
                kinds,
                X,
                y,
                weight,
                rng,
                scale=not own,
                n_trees=self.n_trees,
                cv=self.cv,
                fallback=self.fallback,
                n_jobs=self.n_jobs,
            )
        saved, self.n_partitions_ = self.bag_.saved, self.bag_.n_partitions
        self.gain_, self.gain_se_ = (np.nan, np.nan) if saved is None else (saved.share, saved.share_se)
        progress.step("comparison", f"gain {self.gain_:.3f} +- {self.gain_se_:.3f}, up to {self.n_partitions_} cells")
        progress.finish()
        return self

    def _check_regimes(self, method: str) -> None:
        """Refuse what only one readable partition can answer."""
        if self.mode == "accuracy":
            raise ParameterError(
                f"PartitionedRegressor: {method} reads one partition, and mode='accuracy' averages many. "
                "Fit with mode='regimes' to see regimes."
            )

    def _compare(
        self,
        partitioner: Any,
        expert: Any,
        single: Any,
        table: tuple[np.ndarray, np.ndarray, np.ndarray],
        seed: int,
    ) -> None:
        """Cross-validate the single and the modular model on X, y, weight; set gain and the fallback."""
        X, y, weight = table
        if isinstance(self.cv, Integral):
            cv: Any = KFold(min(int(self.cv), len(X)), shuffle=True, random_state=seed)
        else:
            cv = check_cv(self.cv)
        jobs = [
            (partitioner, expert, single, self.routing_, X, y, weight, train, test) for train, test in cv.split(X, y)
        ]
        for *_, train, _ in jobs:
            self._check_folds(partitioner, weight, train)
        scaling, held_out = Scaling.of(X, y, weight), parallel_map(_held_out, jobs, n_jobs=self.n_jobs)
        errors = np.concatenate(
            [
                [scaling.squared_error(kind, y[job[-1]]) for kind in kinds]
                for job, kinds in zip(jobs, held_out, strict=True)
            ],
            axis=1,
        )
        weight = np.concatenate([weight[job[-1]] for job in jobs])
        gain = errors[0] - errors[1]
        reference = max(float(np.average(errors[0], weights=weight)), np.finfo(np.float64).tiny)
        self.gain_ = float(np.average(gain, weights=weight)) / reference
        self.gain_se_ = float(standard_error(gain, weight)) / reference
        if self.gain_ <= self.gain_se_:
            self.n_partitions_ = 1

    def _check_folds(self, partitioner: Any, weight: np.ndarray, train: np.ndarray) -> None:
        try:
            partitioner._check_rows(np.count_nonzero(weight[train]), float(weight[train].sum()))
        except ParameterError as error:
            raise ParameterError(
                f"PartitionedRegressor: with cv={self.cv} a fold trains on {len(train)} of the {len(weight)} rows. "
                f"{error} Or raise cv, or compare nothing: fallback=False."
            ) from error

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        X = check_X(self, X)
        if self.mode == "accuracy":
            return self.bag_.predict(X)
        return _route(self.partitioner_, self.experts_, X, self.routing_)

    def predict_all(self, X: Any) -> np.ndarray:
        """Prediction of every expert.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        predictions : ndarray of shape (n_samples, n_partitions_) or (n_samples, n_partitions_, n_outputs)
        """
        check_is_fitted(self)
        self._check_regimes("predict_all")
        X = check_X(self, X)
        return np.stack([answer(expert, X) for expert in self.experts_], axis=1)

    def apply(self, X: Any) -> np.ndarray:
        """Partition that each row is routed to, all 0 after falling back to a single model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,), int64
        """
        check_is_fitted(self)
        self._check_regimes("apply")
        X = check_X(self, X)
        if self.n_partitions_ == 1:
            return np.zeros(len(X), dtype=np.int64)
        return self.partitioner_.predict(X)


def _kind(partitioner: ActivePartitioner, expert: Any) -> Any:
    """The kind of model that the experts are, unfitted."""
    if expert is not None:
        return expert
    return BayesianExpert() if partitioner.estimator is None else partitioner.estimator


def _experts(partitioner: ActivePartitioner, expert: Any, rows: WeightedRows) -> list[Any]:
    """The competition's own experts, or clones of `expert` trained on the rows that each partition won."""
    if expert is None:
        return partitioner.experts_
    winners = partitioner.winner_labels_[rows.first]
    own = [winners == k for k in range(partitioner.n_partitions_)]
    return [fit_rows(clone(expert), rows.X[won], rows.y[won], rows.weight[won]) for won in own]


def _route(partitioner: ActivePartitioner, experts: list[Any], X: np.ndarray, routing: str) -> np.ndarray:
    """Predictions of the experts, each row by the likeliest one or blended, (n_samples,) or (n_samples, n_outputs)."""
    if len(experts) == 1:
        return answer(experts[0], X)
    shares = partitioner.predict_proba(X)
    if routing == "hard":
        shares = np.eye(len(experts))[shares.argmax(axis=1)]
    predictions = np.zeros((len(X), *np.shape(partitioner.scaling_.y_sd)))
    for k, expert in enumerate(experts):
        rows = np.flatnonzero(shares[:, k])
        if len(rows):
            predictions[rows] += (shares[rows, k] * answer(expert, X[rows]).T).T
    return predictions


def _held_out(
    partitioner: Any,
    expert: Any,
    single: Any,
    routing: str,
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
) -> np.ndarray:
    """Predictions of rows `test` by what was made from rows `train`: single and modular, shape (2, n_test, ...)."""
    rows = WeightedRows.of(X[train], y[train], weight[train])
    whole = fit_rows(clone(single), rows.X, rows.y, rows.weight)
    parts = clone(partitioner).fit(X[train], y[train], sample_weight=weight[train])
    return np.array([answer(whole, X[test]), _route(parts, _experts(parts, expert, rows), X[test], routing)])
