"""The modular model: one expert per regime, routed by the gate, unless a single model does as well."""

from math import ceil
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, clone
from sklearn.model_selection import KFold
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_X, check_X_y
from modpart._utils.parallel import one_thread, parallel_map
from modpart._utils.params import boolean, integer, model, nothing, one_of, where, workers
from modpart._utils.progress import Progress, with_callbacks
from modpart._utils.seeds import check_rng, child_seeds, seed_nested
from modpart.exceptions import ParameterError
from modpart.partition._bayes import BayesianExpert
from modpart.partition._describe import Described
from modpart.partition._partitioner import ActivePartitioner

__all__ = ["PartitionedRegressor"]


class PartitionedRegressor(Described, RegressorMixin, Estimator):
    """Predict with one expert per regime where that beats a single model, and with the single model where it does not.

    A partitioner finds regimes, one expert is trained per regime, and a gate routes rows to experts. Cross-validation,
    with the partition itself made anew in every fold, compares this with one model of the same kind on all rows; unless
    the gain is larger than its standard error, the single model is kept. Use it where a table holds several laws; on
    one coherent law it costs time and gives the single model.

    Parameters
    ----------
    partitioner : ActivePartitioner or None, default=None
        Finds the regimes. None lets clones of `estimator` compete, or closed-form experts when that is None too.
    estimator : regressor or None, default=None
        Expert that is trained anew on the rows of each regime. None keeps the experts of the competition.
    routing : {"auto", "hard", "soft"}, default="auto"
        "hard" asks the likeliest expert, "soft" blends experts by the gate's shares, "auto" takes what does better in
        cross-validation.
    fallback : bool, default=True
        Whether a single model may replace the partition. Without it, and with a fixed `routing`, nothing is
        cross-validated.
    cv : int, default=5
        Folds of the comparison (>= 2).
    n_jobs : int or None, default=None
        Workers for the folds, as in joblib. Results do not depend on it.
    random_state : int, Generator, RandomState or None, default=None
        Seeds every draw, also of a `partitioner` or `estimator` that has none of its own.
    verbose : int, default=0
        1 prints a line per step.

    Attributes
    ----------
    partitioner_ : ActivePartitioner
        Fitted partitioner.
    experts_ : list of fitted regressors
        One per partition, a single one after falling back.
    n_partitions_ : int
        Number of experts in use.
    routing_ : {"hard", "soft"}
    gain_ : float
        Cross-validated share of the single model's squared error that the modular model saves; nan when not compared.
    gain_se_ : float
        Its standard error over rows.
    routing_risk_ : float
        Cross-validated squared error per row that misrouting adds, in squared units of y.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X has string column names.

    See Also
    --------
    ActivePartitioner : The partition alone.

    Notes
    -----
    The time is that of ``1 + cv`` partitions; one partition when it finds a single regime, since there is nothing to
    compare then.

    References
    ----------
    .. [1] Tacke et al., "Active partitioning: inverting the paradigm of active learning", arXiv:2411.18254 (2024).

    Examples
    --------
    >>> from modpart.datasets import make_elastoplastic
    >>> from modpart.partition import PartitionedRegressor
    >>> X, y, regime = make_elastoplastic(300, random_state=0)
    >>> model = PartitionedRegressor(random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.99)
    True
    """

    _rules = {
        "partitioner": (nothing, where("an ActivePartitioner", lambda value: isinstance(value, ActivePartitioner))),
        "estimator": (nothing, model("regressor")),
        "routing": (one_of("auto", "hard", "soft"),),
        "fallback": (boolean,),
        "cv": (integer(2),),
        "n_jobs": (nothing, workers),
        "verbose": (integer(0),),
    }

    def __init__(
        self,
        partitioner: Any = None,
        estimator: Any = None,
        *,
        routing: str = "auto",
        fallback: bool = True,
        cv: int = 5,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.partitioner = partitioner
        self.estimator = estimator
        self.routing = routing
        self.fallback = fallback
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    def fit(self, X: Any, y: Any) -> "PartitionedRegressor":
        """Find the regimes, train the experts, compare with a single model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        self : PartitionedRegressor
        """
        self._check_params()
        rng = check_rng(self.random_state)
        X, y = check_X_y(self, X, y)
        progress = Progress(self, X, y, total=2)
        partitioner = ActivePartitioner(self.estimator) if self.partitioner is None else self.partitioner
        partitioner = seed_nested(clone(partitioner), rng)
        expert = None if self.estimator is None else seed_nested(clone(self.estimator), rng)
        single = seed_nested(clone(_kind(partitioner, expert)), rng)
        with one_thread():
            self.partitioner_ = clone(partitioner).fit(X, y)
            self.n_partitions_ = self.partitioner_.n_partitions_
            self.experts_ = _experts(self.partitioner_, expert, X, y)
            progress.step("partition", f"{self.n_partitions_} regimes")
            self.routing_ = "hard" if self.routing == "auto" else self.routing
            self.gain_, self.gain_se_ = np.nan, np.nan
            if self.n_partitions_ > 1 and (self.fallback or self.routing == "auto"):
                self._compare(partitioner, expert, single, X, y, child_seeds(rng, 1)[0])
            if self.n_partitions_ == 1 and self.partitioner_.n_partitions_ > 1:
                self.experts_ = [clone(single).fit(X, y)]
        progress.step("comparison", f"gain {self.gain_:.3f} +- {self.gain_se_:.3f}, {self.n_partitions_} experts kept")
        self.routing_risk_ = self.partitioner_.gate_.routed_error * float(np.var(y)) if self.n_partitions_ > 1 else 0.0
        progress.finish()
        return self

    def _compare(self, partitioner: Any, expert: Any, single: Any, X: np.ndarray, y: np.ndarray, seed: int) -> None:
        """Cross-validate single, hard and soft predictions; set routing, gain and the fallback."""
        n_folds = min(self.cv, len(X))
        self._check_folds(partitioner, len(X), len(X) - ceil(len(X) / n_folds))
        folds = KFold(n_folds, shuffle=True, random_state=seed).split(X)
        jobs = [(partitioner, expert, single, X, y, train, test) for train, test in folds]
        errors = np.empty((3, len(X)))
        for (*_, test), predictions in zip(jobs, parallel_map(_held_out, jobs, n_jobs=self.n_jobs), strict=True):
            errors[:, test] = (predictions - y[test]) ** 2
        if self.routing == "auto":
            self.routing_ = "soft" if errors[2].mean() < errors[1].mean() else "hard"
        gain = errors[0] - errors[1 if self.routing_ == "hard" else 2]
        reference = max(float(errors[0].mean()), np.finfo(np.float64).tiny)
        self.gain_ = float(gain.mean()) / reference
        self.gain_se_ = float(gain.std(ddof=1)) / np.sqrt(len(X)) / reference
        if self.fallback and self.gain_ <= self.gain_se_:
            self.n_partitions_ = 1

    def _check_folds(self, partitioner: Any, n_samples: int, n_train: int) -> None:
        try:
            partitioner._check_rows(n_train)
        except ParameterError as error:
            raise ParameterError(
                f"PartitionedRegressor: with cv={self.cv} a fold trains on {n_train} of the {n_samples} rows. {error} "
                "Or raise cv, or compare nothing: fallback=False and routing='hard' or 'soft'."
            ) from error

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        X = check_X(self, X)
        return _route(self.partitioner_, self.experts_, X, self.routing_)

    def predict_all(self, X: Any) -> np.ndarray:
        """Prediction of every expert.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        predictions : ndarray of shape (n_samples, n_partitions_)
        """
        check_is_fitted(self)
        X = check_X(self, X)
        return np.column_stack([np.ravel(expert.predict(X)) for expert in self.experts_])

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
        X = check_X(self, X)
        if self.n_partitions_ == 1:
            return np.zeros(len(X), dtype=np.int64)
        return self.partitioner_.predict(X)


def _kind(partitioner: ActivePartitioner, expert: Any) -> Any:
    """The kind of model that the experts are, unfitted."""
    if expert is not None:
        return expert
    return BayesianExpert() if partitioner.estimator is None else partitioner.estimator


def _experts(partitioner: ActivePartitioner, expert: Any, X: np.ndarray, y: np.ndarray) -> list[Any]:
    """The competition's own experts, or clones of `expert` trained on the rows that each partition won."""
    if expert is None:
        return partitioner.experts_
    winners = partitioner.winner_labels_
    return [clone(expert).fit(X[winners == k], y[winners == k]) for k in range(partitioner.n_partitions_)]


def _route(partitioner: ActivePartitioner, experts: list[Any], X: np.ndarray, routing: str) -> np.ndarray:
    """Predictions of the experts, each row by the likeliest one or blended, shape (n_samples,)."""
    if len(experts) == 1:
        return np.ravel(experts[0].predict(X))
    shares = partitioner.predict_proba(X)
    if routing == "hard":
        shares = np.eye(len(experts))[shares.argmax(axis=1)]
    predictions = np.zeros(len(X))
    for k, expert in enumerate(experts):
        rows = np.flatnonzero(shares[:, k])
        if len(rows):
            predictions[rows] += shares[rows, k] * np.ravel(expert.predict(X[rows]))
    return predictions


def _held_out(
    partitioner: Any, expert: Any, single: Any, X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Predictions of rows `test` by everything made from rows `train`: single, hard and soft, shape (3, n_test)."""
    whole = clone(single).fit(X[train], y[train])
    parts = clone(partitioner).fit(X[train], y[train])
    experts = _experts(parts, expert, X[train], y[train])
    return np.array(
        [
            np.ravel(whole.predict(X[test])),
            _route(parts, experts, X[test], "hard"),
            _route(parts, experts, X[test], "soft"),
        ]
    )
