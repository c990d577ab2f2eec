"""The modular model of numbers."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin, clone, is_regressor
from sklearn.model_selection import KFold
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X, check_X_y
from modpart._utils.params import model, nothing
from modpart.exceptions import InputDataError
from modpart.partition._modular import Folds, PartitionedModel, partitioner_of

__all__ = ["PartitionedRegressor"]


class PartitionedRegressor(RegressorMixin, PartitionedModel):
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

    _rules = PartitionedModel._rules | {
        "partitioner": (nothing, partitioner_of("regressor", lambda expert: expert is None or is_regressor(expert))),
        "estimator": (nothing, model("regressor")),
    }

    def _checked(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        return check_X_y(self, X, y)

    def _checked_target(self, y: Any, n_samples: int) -> np.ndarray:
        """The target as floats, one for each row; a single column is as good as a row."""
        target = pd.to_numeric(pd.Series(np.ravel(y)), errors="coerce").to_numpy(np.float64)
        if len(target) != n_samples or not np.isfinite(target).all():
            raise InputDataError(
                f"PartitionedRegressor: y has shape {np.shape(y)} and must hold one finite number for each of the "
                f"{n_samples} rows of X."
            )
        return target

    def _competitor(self) -> Any:
        return self.estimator

    def _folds(self, y: np.ndarray, n_folds: int, seed: int) -> Folds:
        return KFold(n_folds, shuffle=True, random_state=seed).split(y)

    def _fit_expert(self, expert: Any, X: np.ndarray, y: np.ndarray) -> Any:
        return clone(expert).fit(X, y)

    def _answers(self, expert: Any, X: np.ndarray) -> np.ndarray:
        return np.ravel(expert.predict(X))

    def _losses(self, answers: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (answers - y) ** 2

    def _risk_unit(self, y: np.ndarray) -> float:
        return float(np.var(y))

    def _quality(self, answers: np.ndarray, y: np.ndarray) -> dict[str, float]:
        return {"rmse": float(np.sqrt(np.mean((answers - y) ** 2))) if len(y) else np.nan}

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
        return self._routed(self.partitioner_, self.experts_, X, self.routing_)

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
