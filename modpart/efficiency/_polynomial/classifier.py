"""The reduced multivariate polynomial classifier: least squares on few terms, order and penalty by leave-one-out."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_sample_weight, check_X, check_X_classes
from modpart._utils.params import boolean, integer, number, one_of, where
from modpart.efficiency._polynomial.features import ReducedPolynomialFeatures, column_range, n_terms, reduced_terms
from modpart.efficiency._polynomial.loo_ridge import CHUNK, LooRidge, Spectrum
from modpart.exceptions import InputDataError, ModpartWarning

__all__ = ["ReducedPolynomialClassifier"]

ORDERS = (1, 2, 3, 4, 5)
ALPHAS = (1e-6, 1e-4, 1e-2, 1.0, 100.0)
CALIBRATION_ROWS = 20_000  # are plenty for three numbers
STEEPEST = 50.0  # of the softmax that turns outputs into probabilities
STEP = 4.0  # of the steps that a logit may have where an output is zero and one half


class ReducedPolynomialClassifier(ClassifierMixin, Estimator):
    """Classify by ridge regression of the classes on a reduced multivariate polynomial (RM).

    One column of zeros and ones per class is regressed on the terms of :class:`ReducedPolynomialFeatures`, and a row
    belongs to the class with the largest output. Training is one matrix decomposition: order and penalty are chosen by
    exact leave-one-out, for all candidates at once. Use it where classes have smooth borders and inputs interact; it
    assumes that columns make sense on a linear scale from 0 to 1 (take logarithms of sizes and amounts first).

    Parameters
    ----------
    order : int >= 1, sequence of int, or "auto", default="auto"
        Highest power. Of a sequence the best is chosen; "auto" stands for 1 to 5 as far as the terms are not more than
        half as many as the rows.
    alpha : float >= 0, sequence of float, or "loo", default="loo"
        Ridge penalty on the squared coefficients. Of a sequence the best is chosen; "loo" stands for 1e-6, 1e-4, 0.01,
        1, 100. Zero gives the minimum-norm least-squares solution.
    penalise_bias : bool, default=True
        Whether the constant is penalised too, as the method is defined.
    drop_redundant : bool, default=False
        Whether terms that others add up to are left out, see :class:`ReducedPolynomialFeatures`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    order_, alpha_ : int, float
        Chosen order and penalty.
    coef_ : ndarray of shape (n_terms, n_classes), float64
        Coefficients of the terms.
    rank_ : int
        Numerical rank of the terms.
    loo_score_ : float
        Share of rows that are classified right when left out, for the chosen order and penalty. The choice makes it
        optimistic by a little.
    loo_accuracy_, loo_error_ : ndarray of shape (n_orders, n_alphas)
        That share, and the mean squared error of the outputs, for every candidate.
    orders_, alphas_ : ndarray
        The candidates.
    loo_path_ : DataFrame
        The same as a table with one row per candidate.
    steepness_ : ndarray of shape (3,), float64
        Weights of f, tanh(4 f) and tanh(4 f - 2) in the logit that `predict_proba` makes of an output f.
    data_min_, data_max_ : ndarray of shape (n_features,), float64
        Range of the training rows, moved to 0 and 1; rows outside are moved to its ends.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X has string column names.

    Raises
    ------
    InputDataError
        When y holds one class only, or X or y cannot be used; the message names the column.

    Warns
    -----
    ModpartWarning
        When a given order has more terms than half the number of rows.

    See Also
    --------
    EfficiencyClassifier : Classes of branches, where this is the default classifier.

    Notes
    -----
    Model and solution are those of [1]_; penalties that are not given are chosen here. Time O(n K^2) for the largest
    number of terms K, memory O(n K). Leave-one-out uses y_i - e_i / (1 - h_i), e the residual and h the leverage; it is
    exact for the scaling of all rows, which a row that holds a column's extreme would have changed. Ties in the share
    of right rows are decided by the squared error. A row with h = 1 has no such value and counts as wrong.

    `predict_proba` is a softmax of one rising function of all outputs, whose three weights have the largest likelihood
    on left-out rows; so the likeliest class is always the predicted one. A row of weight w counts as w equal rows.

    References
    ----------
    .. [1] Toh, Tran & Srinivasan, "Benchmarking a reduced multivariate polynomial pattern classifier", IEEE
       Transactions on Pattern Analysis and Machine Intelligence 26 (2004), 740-755.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from modpart.efficiency import ReducedPolynomialClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ReducedPolynomialClassifier().fit(X, y)
    >>> model.order_, model.alpha_, round(model.loo_score_, 3)
    (4, 1e-06, 0.973)
    """

    _rules = {
        "order": (
            integer(1),
            where("a sequence of such", lambda value: _all_are(integer(1).accepts, value)),
            one_of("auto"),
        ),
        "alpha": (
            number(0.0),
            where("a sequence of such", lambda value: _all_are(number(0.0).accepts, value)),
            one_of("loo"),
        ),
        "penalise_bias": (boolean,),
        "drop_redundant": (boolean,),
    }

    def __init__(
        self,
        order: Any = "auto",
        alpha: Any = "loo",
        *,
        penalise_bias: bool = True,
        drop_redundant: bool = False,
    ) -> None:
        self.order = order
        self.alpha = alpha
        self.penalise_bias = penalise_bias
        self.drop_redundant = drop_redundant

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "ReducedPolynomialClassifier":
        """Learn coefficients, order and penalty.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Number of equal rows that each row stands for.

        Returns
        -------
        self : ReducedPolynomialClassifier
        """
        self._check_params()
        X, y = check_X_classes(self, X, y)
        weight = check_sample_weight(self, sample_weight, X)
        used = weight > 0.0
        X, y, weight = X[used], y[used], weight[used]
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputDataError(
                f"{type(self).__name__} needs at least two classes, and y holds only the class "
                f"{self.classes_.tolist()[0]!r}. Check the rows or class edges that made y."
            )
        self.data_min_, self.data_max_ = X.min(axis=0), X.max(axis=0)
        self.orders_, self.alphas_ = self._orders(X, weight), self._alphas()
        outputs = self._choose(X, codes, weight)
        self.steepness_ = _calibrated(outputs, codes, weight)
        return self

    def _orders(self, X: np.ndarray, weight: np.ndarray) -> np.ndarray:
        n_rows = weight.sum()
        if isinstance(self.order, str):
            fitting = [order for order in ORDERS if n_terms(X.shape[1], order) <= n_rows / 2]
            return np.array(fitting or ORDERS[:1])
        orders = np.atleast_1d(np.asarray(self.order, dtype=np.int64))
        widest = n_terms(X.shape[1], int(orders.max()))
        if widest > n_rows / 2:
            warnings.warn(
                f"{type(self).__name__}: order={int(orders.max())} makes {widest} terms of {X.shape[1]} columns, and "
                f"there are {n_rows:g} rows: little is left to learn from. Take a lower order, or order='auto'.",
                ModpartWarning,
                stacklevel=3,
            )
        return orders

    def _alphas(self) -> np.ndarray:
        return np.atleast_1d(np.asarray(ALPHAS if isinstance(self.alpha, str) else self.alpha, dtype=np.float64))

    def _choose(self, X: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Fit every order and penalty, keep the best; return the outputs of its left-out rows."""
        target = np.eye(len(self.classes_))[codes]
        ridge = LooRidge(self._design(X, int(self.orders_.max())), target, weight, penalise_bias=self.penalise_bias)
        shape = len(self.orders_), len(self.alphas_)
        self.loo_accuracy_, self.loo_error_ = np.empty(shape), np.empty(shape)
        best: tuple[tuple[float, float], int, int, Spectrum] | None = None
        for i, order in enumerate(self.orders_):
            spectrum = ridge.decompose(self._n_terms(int(order)))
            self.loo_accuracy_[i], self.loo_error_[i] = _judged(ridge, spectrum, self.alphas_, codes, weight)
            j = min(range(shape[1]), key=lambda j: (-self.loo_accuracy_[i, j], self.loo_error_[i, j]))
            rank = (-self.loo_accuracy_[i, j], self.loo_error_[i, j])
            if best is None or rank < best[0]:
                best = rank, i, j, spectrum
        _, i, j, spectrum = best  # type: ignore[misc]
        self.order_, self.alpha_ = int(self.orders_[i]), float(self.alphas_[j])
        self.loo_score_, self.rank_ = float(self.loo_accuracy_[i, j]), self._rank(spectrum)
        self.coef_ = ridge.coefficients(spectrum, self.alpha_)
        chosen = ridge.left_out(spectrum, self.alphas_[[j]])
        return np.concatenate([outputs[0] for _, outputs in chosen])

    def _rank(self, spectrum: Spectrum) -> int:
        return len(spectrum.s) + (0 if self.penalise_bias else 1)

    def _n_terms(self, order: int) -> int:
        return int(self._kept(order).sum())

    def _kept(self, order: int) -> np.ndarray:
        features = ReducedPolynomialFeatures(order, drop_redundant=self.drop_redundant)
        features.n_features_in_ = len(self.data_min_)
        return features._kept()

    def _design(self, X: np.ndarray, order: int) -> np.ndarray:
        X = column_range(np.clip(X, self.data_min_, self.data_max_), self.data_min_, self.data_max_)
        terms = reduced_terms(X, order)
        return terms[:, self._kept(order)] if self.drop_redundant else terms

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = check_X(self, X)
        outputs = np.empty((len(X), len(self.classes_)))
        for start in range(0, len(X), CHUNK):
            rows = slice(start, start + CHUNK)
            outputs[rows] = self._design(X[rows], self.order_) @ self.coef_
        return outputs

    def decision_function(self, X: Any) -> np.ndarray:
        """Outputs of the least-squares fit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes, float64
            About 1 for the class of a row and 0 for others; for two classes the second's output minus the first's.
        """
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict(self, X: Any) -> np.ndarray:
        """Class with the largest output.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, calibrated on left-out rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            Columns in the order of ``classes_``; rows sum to 1.
        """
        logits = _logits(self._outputs(X))
        return softmax(np.tensordot(self.steepness_, logits, axes=1), axis=1)

    @property
    def loo_path_(self) -> pd.DataFrame:
        """Leave-one-out accuracy and squared error of every order and penalty."""
        check_is_fitted(self)
        index = pd.MultiIndex.from_product([self.orders_, self.alphas_], names=["order", "alpha"])
        columns = {"accuracy": self.loo_accuracy_.ravel(), "squared error": self.loo_error_.ravel()}
        return pd.DataFrame(columns, index=index).reset_index()


def _judged(
    ridge: LooRidge, spectrum: Spectrum, alphas: np.ndarray, codes: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Leave-one-out accuracy and mean squared error for each penalty."""
    right, error = np.zeros(len(alphas)), np.zeros(len(alphas))
    for rows, outputs in ridge.left_out(spectrum, alphas):
        known = ~np.isnan(outputs[:, :, 0])
        filled = np.where(known[:, :, None], outputs, 0.0)
        right += ((filled.argmax(axis=2) == codes[rows]) & known) @ weight[rows]
        missed = filled - np.eye(outputs.shape[2])[codes[rows]]
        error += (missed**2).mean(axis=2) @ weight[rows]
    return right / weight.sum(), error / weight.sum()


def _logits(outputs: np.ndarray) -> np.ndarray:
    """The three rising functions of an output that add up to a logit: itself, a step at zero and one at one half."""
    return np.stack([outputs, np.tanh(STEP * outputs), np.tanh(STEP * (outputs - 0.5))])


def _calibrated(outputs: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Steepness of these functions under which left-out rows are likeliest; a convex problem."""
    step = max(1, len(outputs) // CALIBRATION_ROWS)
    outputs, codes, weight = outputs[::step], codes[::step], weight[::step]
    known = ~np.isnan(outputs[:, 0])
    if not known.any():
        return np.array([1.0, 0.0, 0.0])
    logits, codes, weight = _logits(outputs[known]), codes[known], weight[known] / weight[known].sum()
    rows = np.arange(len(codes))

    def cost(steepness: np.ndarray) -> tuple[float, np.ndarray]:
        logs = log_softmax(np.tensordot(steepness, logits, axes=1), axis=1)
        shares = np.exp(logs)
        slope = (logits * shares).sum(axis=2) - logits[:, rows, codes]
        return float(-weight @ logs[rows, codes]), slope @ weight

    bounds = [(1e-3, STEEPEST), (0.0, STEEPEST), (0.0, STEEPEST)]
    return minimize(cost, np.ones(3), jac=True, method="L-BFGS-B", bounds=bounds).x


def _all_are(accepts: Any, value: Any) -> bool:
    return (
        isinstance(value, Sequence | np.ndarray)
        and not isinstance(value, str | bytes)
        and len(value) > 0
        and all(accepts(item) for item in value)
    )
