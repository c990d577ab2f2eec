"""The modular model: one expert per regime, routed by the gate, unless a single model does as well.

:class:`PartitionedModel` is what the models for numbers and for classes share.
"""

from collections.abc import Callable, Iterable
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_X
from modpart._utils.parallel import one_thread, parallel_map
from modpart._utils.params import Rule, boolean, integer, nothing, one_of, where, workers
from modpart._utils.progress import Progress, with_callbacks
from modpart._utils.seeds import check_rng, child_seeds, seed_nested
from modpart.exceptions import ParameterError
from modpart.partition._bayes import BayesianExpert
from modpart.partition._partitioner import ActivePartitioner

__all__ = ["PartitionedModel", "partitioner_of"]

Folds = Iterable[tuple[np.ndarray, np.ndarray]]


def partitioner_of(kind: str, accepts: Callable[[Any], bool]) -> Rule:
    """An ActivePartitioner whose experts are of one kind."""
    words = f"an ActivePartitioner whose estimator is a {kind}"
    return where(words, lambda value: isinstance(value, ActivePartitioner) and accepts(value.estimator))


class PartitionedModel(Estimator):
    """What :class:`PartitionedRegressor` and :class:`PartitionedClassifier` share.

    A subclass says how a target is checked, how experts answer, what a wrong answer costs, and what to compare with.
    """

    _rules = {
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

    # ---- what a subclass says ---------------------------------------------------------------------------------
    def _checked(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Validated training data."""
        raise NotImplementedError

    def _checked_target(self, y: Any, n_samples: int) -> np.ndarray:
        """The known target of rows that have been predicted."""
        raise NotImplementedError

    def _competitor(self) -> Any:
        """Estimator whose clones compete when there is no partitioner, None for the partitioner's own."""
        raise NotImplementedError

    def _folds(self, y: np.ndarray, n_folds: int, seed: int) -> Folds:
        """Rows to train on and to test on, for each fold."""
        raise NotImplementedError

    def _fit_expert(self, expert: Any, X: np.ndarray, y: np.ndarray) -> Any:
        """A clone of `expert` that has learned these rows."""
        raise NotImplementedError

    def _answers(self, expert: Any, X: np.ndarray) -> np.ndarray:
        """What an expert says of rows, blendable, one row each."""
        raise NotImplementedError

    def _losses(self, answers: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Loss of each row."""
        raise NotImplementedError

    def _risk_unit(self, y: np.ndarray) -> float:
        """Loss that one unit of the gate's routed error stands for."""
        raise NotImplementedError

    def _quality(self, answers: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """Columns of the summary that say how good the answers to some rows are; nan for no rows."""
        raise NotImplementedError

    # ---- the model --------------------------------------------------------------------------------------------
    @with_callbacks
    def fit(self, X: Any, y: Any) -> "PartitionedModel":
        """Find the regimes, train the experts, compare with a single model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        self : estimator
        """
        self._check_params()
        rng = check_rng(self.random_state)
        X, y = self._checked(X, y)
        progress = Progress(self, X, y, total=2)
        partitioner = ActivePartitioner(self._competitor()) if self.partitioner is None else self.partitioner
        partitioner = seed_nested(clone(partitioner), rng)
        expert = None if self.estimator is None else seed_nested(clone(self.estimator), rng)
        single = seed_nested(clone(_kind(partitioner, expert)), rng)
        with one_thread():
            self.partitioner_ = clone(partitioner).fit(X, y)
            self.n_partitions_ = self.partitioner_.n_partitions_
            self.experts_ = self._experts(self.partitioner_, expert, X, y)
            progress.step("partition", f"{self.n_partitions_} regimes")
            self.routing_ = "hard" if self.routing == "auto" else self.routing
            self.gain_, self.gain_se_ = np.nan, np.nan
            if self.n_partitions_ > 1 and (self.fallback or self.routing == "auto"):
                self._compare(partitioner, expert, single, X, y, child_seeds(rng, 1)[0])
            if self.n_partitions_ == 1 and self.partitioner_.n_partitions_ > 1:
                self.experts_ = [self._fit_expert(single, X, y)]
        progress.step("comparison", f"gain {self.gain_:.3f} +- {self.gain_se_:.3f}, {self.n_partitions_} experts kept")
        self.routing_risk_ = (
            self._risk_unit(y) * self.partitioner_.gate_.routed_error if self.n_partitions_ > 1 else 0.0
        )
        progress.finish()
        return self

    def _compare(self, partitioner: Any, expert: Any, single: Any, X: np.ndarray, y: np.ndarray, seed: int) -> None:
        """Cross-validate single, hard and soft predictions; set routing, gain and the fallback."""
        n_folds = min(self.cv, len(X))
        self._check_folds(partitioner, len(X), len(X) - ceil(len(X) / n_folds))
        jobs = [(self, partitioner, expert, single, X, y, train, test) for train, test in self._folds(y, n_folds, seed)]
        errors = np.empty((3, len(X)))
        for (*_, test), losses in zip(jobs, parallel_map(_held_out, jobs, n_jobs=self.n_jobs), strict=True):
            errors[:, test] = losses
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
                f"{type(self).__name__}: with cv={self.cv} a fold trains on {n_train} of the {n_samples} rows. {error} "
                "Or raise cv, or compare nothing: fallback=False and routing='hard' or 'soft'."
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
        X = check_X(self, X)
        if self.n_partitions_ == 1:
            return np.zeros(len(X), dtype=np.int64)
        return self.partitioner_.predict(X)

    def partition_summary(self, X: Any, y: Any) -> pd.DataFrame:
        """Size, location and error of each partition on given rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        summary : DataFrame
            One row per partition: ``rows``, ``share``, ``rmse`` in units of y (for classes ``accuracy`` and
            ``log_loss`` in nats), and for every input the 5 % and 95 % quantile of its rows, as columns ``<input> 5%``
            and ``<input> 95%``.
        """
        labels = self.apply(X)
        X, y = check_X(self, X), self._checked_target(y, len(labels))
        answers = self._routed(self.partitioner_, self.experts_, X, self.routing_)
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(X.shape[1])])
        lines = []
        for k in range(self.n_partitions_):
            rows = labels == k
            line: dict[str, Any] = {"rows": int(rows.sum()), "share": float(rows.mean())}
            line |= self._quality(answers[rows], y[rows])
            for name, column in zip(names, X[rows].T, strict=True):
                low, high = np.quantile(column, [0.05, 0.95]) if rows.any() else (np.nan, np.nan)
                line[f"{name} 5%"], line[f"{name} 95%"] = low, high
            lines.append(line)
        return pd.DataFrame(lines).rename_axis("partition")

    def _experts(self, partitioner: ActivePartitioner, expert: Any, X: np.ndarray, y: np.ndarray) -> list[Any]:
        """The competition's own experts, or clones of `expert` trained on the rows that each partition won."""
        if expert is None:
            return partitioner.experts_
        winners = partitioner.winner_labels_
        groups = [winners == k for k in range(partitioner.n_partitions_)]
        return [self._fit_expert(expert, X[own], y[own]) for own in groups]

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
    X: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
) -> np.ndarray:
    """Losses of rows `test` by everything made from rows `train`: single, hard and soft, shape (3, n_test)."""
    whole = model._fit_expert(single, X[train], y[train])
    parts = clone(partitioner).fit(X[train], y[train])
    experts = model._experts(parts, expert, X[train], y[train])
    answers = [
        model._answers(whole, X[test]),
        model._routed(parts, experts, X[test], "hard"),
        model._routed(parts, experts, X[test], "soft"),
    ]
    return np.array([model._losses(answer, y[test]) for answer in answers])
