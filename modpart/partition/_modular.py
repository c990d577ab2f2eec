"""The modular model: one expert per regime, routed by the gate, unless a single model does as well.

:class:`PartitionedModel` is what the models for numbers and for classes share.
"""

from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_sample_weight, check_X
from modpart._utils.parallel import one_thread, parallel_map
from modpart._utils.params import Rule, boolean, integer, nothing, one_of, where, workers
from modpart._utils.progress import Progress, with_callbacks
from modpart._utils.seeds import check_rng, child_seeds, seed_nested
from modpart.exceptions import ParameterError
from modpart.partition._bayes import BayesianExpert
from modpart.partition._free.nets import as_expert
from modpart.partition._partitioner import ActivePartitioner
from modpart.partition._rows import WeightedRows, check_takes_weights, standard_error
from modpart.partition._words.describe import Described

__all__ = ["Folds", "PartitionedModel", "partitioner_of"]

Folds = Iterable[tuple[np.ndarray, np.ndarray]]


def partitioner_of(kind: str, accepts: Callable[[Any], bool]) -> Rule:
    """An ActivePartitioner whose experts are of one kind."""
    words = f"an ActivePartitioner whose estimator is a {kind}"
    return where(words, lambda value: isinstance(value, ActivePartitioner) and accepts(value.estimator))


class PartitionedModel(Described, Estimator):
    """What :class:`PartitionedRegressor` and :class:`PartitionedClassifier` share.

    A subclass says how a target is checked, how experts answer, what a wrong answer costs, and what to compare with.
    """

    _rules = {
        "routing": (one_of("auto", "hard", "soft"),),
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
        routing: str = "auto",
        fallback: bool = True,
        cv: Any = 5,
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

    # ---- what a subclass says ---------------------------------------------------------------------------------
    def _checked(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Validated training data."""
        raise NotImplementedError

    def _competitor(self) -> Any:
        """Estimator whose clones compete when there is no partitioner, None for the partitioner's own."""
        raise NotImplementedError

    def _shuffled_folds(self, y: np.ndarray, n_folds: int, seed: int) -> Folds:
        """Rows to train on and to test on, for each fold, when `cv` is a number."""
        raise NotImplementedError

    def _given_folds(self, X: np.ndarray, y: np.ndarray) -> Folds:
        """The folds of a `cv` that makes its own."""
        raise NotImplementedError

    def _fit_expert(self, expert: Any, X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Any:
        """A clone of `expert` that has learned these rows."""
        raise NotImplementedError

    def _answers(self, expert: Any, X: np.ndarray) -> np.ndarray:
        """What an expert says of rows, blendable, one row each."""
        raise NotImplementedError

    def _loss(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """What gives the loss of each row from answers and target, in units that these rows tell."""
        raise NotImplementedError

    def _risk_unit(self, rows: WeightedRows) -> float:
        """Loss that one unit of the gate's errors stands for."""
        raise NotImplementedError

    def _check_regimes(self, method: str) -> None:
        """Refuse a method that reads one partition, where there is no such thing."""

    # ---- the model --------------------------------------------------------------------------------------------
    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find the regimes, train the experts, compare with a single model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), for a regressor also (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,) or None
            How many observations each row stands for (>= 0); None is one each.

        Returns
        -------
        self : estimator
        """
        self._check_params()
        rng = check_rng(self.random_state)
        X, y = self._checked(X, y)
        self._learn(X, y, check_sample_weight(self, sample_weight, X), rng)
        return self

    def _learn(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, rng: np.random.Generator) -> None:
        rows = WeightedRows.of(X, y, weight)
        if self.estimator is not None:
            check_takes_weights(type(self).__name__, self.estimator, rows.weight)
        progress = Progress(self, X, y, total=2)
        partitioner = ActivePartitioner(self._competitor()) if self.partitioner is None else self.partitioner
        partitioner = seed_nested(clone(partitioner), rng)
        expert = None if self.estimator is None else seed_nested(clone(as_expert(self.estimator)), rng)
        single = seed_nested(clone(as_expert(_kind(partitioner, expert))), rng)
        with one_thread():
            self.partitioner_ = clone(partitioner).fit(X, y, sample_weight=weight)
            self.n_partitions_ = self.partitioner_.n_partitions_
            self.experts_ = self._experts(self.partitioner_, expert, rows)
            progress.step("partition", f"{self.n_partitions_} regimes")
            gate = self.partitioner_.gate_
            self.routing_ = gate.routing if self.routing == "auto" else self.routing
            self.gain_, self.gain_se_ = np.nan, np.nan
            if self.n_partitions_ > 1 and self.fallback:
                table = (rows.X, rows.y, rows.weight) if isinstance(self.cv, Integral) else (X, y, weight)
                self._compare(partitioner, expert, single, table, child_seeds(rng, 1)[0])
            if self.n_partitions_ == 1 and self.partitioner_.n_partitions_ > 1:
                self.experts_ = [self._fit_expert(single, rows.X, rows.y, rows.weight)]
        progress.step("comparison", f"gain {self.gain_:.3f} +- {self.gain_se_:.3f}, {self.n_partitions_} experts kept")
        added = gate.routed_error if self.routing_ == "hard" else gate.blended_error
        self.routing_risk_ = added * self._risk_unit(rows) if self.n_partitions_ > 1 else 0.0
        progress.finish()

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
            folds = list(self._shuffled_folds(y, min(int(self.cv), len(X)), seed))
        else:
            folds = list(self._given_folds(X, y))
        for train, _ in folds:
            self._check_folds(partitioner, weight, train)
        alike = self._alike()
        jobs = [(alike, partitioner, expert, single, self.routing_, X, y, weight, *fold) for fold in folds]
        loss, held_out = self._loss(X, y, weight), parallel_map(_held_out, jobs, n_jobs=self.n_jobs)
        errors = np.concatenate(
            [[loss(kind, y[test]) for kind in kinds] for (_, test), kinds in zip(folds, held_out, strict=True)], axis=1
        )
        weight = np.concatenate([weight[test] for _, test in folds])
        gain = errors[0] - errors[1]
        reference = max(float(np.average(errors[0], weights=weight)), np.finfo(np.float64).tiny)
        self.gain_ = float(np.average(gain, weights=weight)) / reference
        self.gain_se_ = float(standard_error(gain, weight)) / reference
        if self.gain_ <= self.gain_se_:
            self.n_partitions_ = 1

    def _alike(self) -> "PartitionedModel":
        """A model that fits experts and answers as this one, to send to workers without what it has learned."""
        return type(self)()

    def _check_folds(self, partitioner: Any, weight: np.ndarray, train: np.ndarray) -> None:
        try:
            partitioner._check_rows(np.count_nonzero(weight[train]), float(weight[train].sum()))
        except ParameterError as error:
            raise ParameterError(
                f"{type(self).__name__}: with cv={self.cv} a fold trains on {len(train)} of the {len(weight)} rows. "
                f"{error} Or raise cv, or compare nothing: fallback=False."
            ) from error

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

    def _experts(self, partitioner: ActivePartitioner, expert: Any, rows: WeightedRows) -> list[Any]:
        """The competition's own experts, or clones of `expert` trained on the rows that each partition won."""
        if expert is None:
            return partitioner.experts_
        winners = partitioner.winner_labels_[rows.first]
        own = [winners == k for k in range(partitioner.n_partitions_)]
        return [self._fit_expert(expert, rows.X[won], rows.y[won], rows.weight[won]) for won in own]

    def _routed(self, partitioner: ActivePartitioner, experts: list[Any], X: np.ndarray, routing: str) -> np.ndarray:
        """Answers of the experts, each row by the likeliest one or blended, one row each."""
        if len(experts) == 1:
            return self._answers(experts[0], X)
        shares = partitioner.predict_proba(X)
        if routing == "hard":
            shares = np.eye(len(experts))[shares.argmax(axis=1)]
        routed: Any = 0.0
        for k, expert in enumerate(experts):
            rows = np.flatnonzero(shares[:, k])
            if len(rows):
                answers = self._answers(expert, X[rows])
                part = np.zeros((len(X), *answers.shape[1:]))
                part[rows] = (shares[rows, k] * answers.T).T
                routed = routed + part
        return routed


def _kind(partitioner: ActivePartitioner, expert: Any) -> Any:
    """The kind of model that the experts are, unfitted."""
    if expert is not None:
        return expert
    return BayesianExpert() if partitioner.estimator is None else partitioner.estimator


def _held_out(
    model: PartitionedModel,
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
    """Answers to rows `test` by what was made from rows `train`: single and modular, shape (2, n_test, ...)."""
    rows = WeightedRows.of(X[train], y[train], weight[train])
    whole = model._fit_expert(single, rows.X, rows.y, rows.weight)
    parts = clone(partitioner).fit(X[train], y[train], sample_weight=weight[train])
    experts = model._experts(parts, expert, rows)
    return np.array([model._answers(whole, X[test]), model._routed(parts, experts, X[test], routing)])
