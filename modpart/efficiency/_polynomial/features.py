"""The terms of a reduced multivariate polynomial: powers of the inputs, powers of their sum, and products of both."""

from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_X
from modpart._utils.params import boolean, integer

__all__ = ["ReducedPolynomialFeatures", "column_range", "n_terms", "reduced_terms"]


class ReducedPolynomialFeatures(TransformerMixin, Estimator):
    """Features of the reduced multivariate polynomial (RM), whose number grows linearly with the order.

    With S the sum of the l inputs and r the order, the terms are a constant, the powers x_j^k and S^k for k = 1..r, and
    the products x_j S^(k-1) for k = 2..r: 1 + r + l(2r - 1) of them, where the full polynomial has (l + r)! / (l! r!).
    Use it before any linear model when inputs interact and the full polynomial is too wide, from about five inputs or
    order four on; of the products only those with the sum are there. Terms stand in the order of their degree, so those
    of a lower order come first.

    Parameters
    ----------
    order : int >= 1, default=3
        Highest power r.
    scale : bool, default=True
        Whether columns are first moved to [0, 1] by the range of the rows in `fit`, as the method is defined; a
        constant column becomes 0. Without it powers are taken of the columns as they are.
    clip : bool, default=True
        Whether values outside the range of the rows in `fit` are moved to its ends, because high powers explode there.
    include_bias : bool, default=True
        Whether the constant is one of the features.
    drop_redundant : bool, default=False
        Leave out the terms that others add up to: S^k = sum of the x_j S^(k-1). The span stays the same; a penalty on
        the coefficients is then spread differently.

    Attributes
    ----------
    data_min_, data_max_ : ndarray of shape (n_features,), float64
        Range of each column in `fit`.
    n_output_features_ : int
        Number of terms.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X has string column names.

    See Also
    --------
    ReducedPolynomialClassifier : Ridge classifier on these features.
    sklearn.preprocessing.PolynomialFeatures : All products.

    Notes
    -----
    Time and memory are O(n l r). The r pure powers of S are always redundant, so the features of l >= 3 inputs have
    rank 1 + l(2r - 1) at most; with two inputs and r >= 2 there is one relation more, x_1 S - x_1^2 = x_2 S - x_2^2.
    The set of terms is that of [1]_; their order is ours.

    References
    ----------
    .. [1] Toh, Tran & Srinivasan, "Benchmarking a reduced multivariate polynomial pattern classifier", IEEE
       Transactions on Pattern Analysis and Machine Intelligence 26 (2004), 740-755.

    Examples
    --------
    >>> from modpart.efficiency import ReducedPolynomialFeatures
    >>> features = ReducedPolynomialFeatures(order=2, scale=False).fit([[1.0, 2.0], [3.0, 5.0]])
    >>> list(features.get_feature_names_out(["a", "b"]))
    ['1', 'a', 'b', 'S', 'a^2', 'b^2', 'S^2', 'a S', 'b S']
    >>> features.transform([[1.0, 2.0]])
    array([[1., 1., 2., 3., 1., 4., 9., 3., 6.]])
    """

    _rules = {
        "order": (integer(1),),
        "scale": (boolean,),
        "clip": (boolean,),
        "include_bias": (boolean,),
        "drop_redundant": (boolean,),
    }

    def __init__(
        self,
        order: int = 3,
        *,
        scale: bool = True,
        clip: bool = True,
        include_bias: bool = True,
        drop_redundant: bool = False,
    ) -> None:
        self.order = order
        self.scale = scale
        self.clip = clip
        self.include_bias = include_bias
        self.drop_redundant = drop_redundant

    def fit(self, X: Any, y: Any = None) -> "ReducedPolynomialFeatures":
        """Learn the range of each column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : None
            Not used.

        Returns
        -------
        self : ReducedPolynomialFeatures
        """
        self._check_params()
        X = check_X(self, X, reset=True, min_samples=2)
        self.data_min_, self.data_max_ = X.min(axis=0), X.max(axis=0)
        self.n_output_features_ = int(self._kept().sum())
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Terms of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        terms : ndarray of shape (n_samples, n_output_features_), float64
        """
        check_is_fitted(self)
        X = check_X(self, X)
        if self.clip:
            X = np.clip(X, self.data_min_, self.data_max_)
        if self.scale:
            X = column_range(X, self.data_min_, self.data_max_)
        terms = reduced_terms(X, self.order)
        kept = self._kept()
        return terms if kept.all() else terms[:, kept]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the terms, where S stands for the sum of the inputs.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the inputs; None for those seen in `fit`, or ``x0``, ``x1``, ...

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None) if input_features is None else input_features
        inputs = [f"x{j}" for j in range(self.n_features_in_)] if names is None else [str(name) for name in names]
        terms = ["1"]
        for k in range(1, self.order + 1):
            power, below = ("" if p == 1 else f"^{p}" for p in (k, k - 1))
            terms += [*(name + power for name in inputs), f"S{power}"]
            terms += [f"{name} S{below}" for name in inputs] if k > 1 else []
        return np.array(terms, dtype=object)[self._kept()]

    def _kept(self) -> np.ndarray:
        """Mask of the terms that are given out."""
        width = self.n_features_in_
        kept = np.ones(n_terms(width, self.order), dtype=bool)
        kept[0] = self.include_bias
        if not self.drop_redundant:
            return kept
        for k in range(1, self.order + 1):
            start = n_terms(width, k - 1)
            kept[start + width] = False  # S^k
            if k > 1 and width == 1:
                kept[start + width + 1] = False  # x S^(k-1) is x^k
        if width == 2 and self.order > 1:
            kept[n_terms(width, 1) + 4] = False  # x_2 S follows from x_1 S and the squares
        return kept


def n_terms(n_features: int, order: int) -> int:
    """Number of terms of a reduced polynomial, the constant included."""
    return 1 + order + n_features * (2 * order - 1) if order else 1


def column_range(X: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Columns with `low` moved to 0 and `high` to 1; constant ones become 0."""
    width = high - low
    return (X - low) / np.where(width > 0.0, width, 1.0)


def reduced_terms(X: np.ndarray, order: int) -> np.ndarray:
    """All terms of each row, sorted by degree: a lower order is a prefix. Lies column by column."""
    n, width = X.shape
    terms = np.empty((n, n_terms(width, order)), order="F")
    total = X.sum(axis=1)
    powers, total_power = X, total
    terms[:, 0] = 1.0
    for k in range(1, order + 1):
        start = n_terms(width, k - 1)
        if k > 1:
            np.multiply(X, total_power[:, None], out=terms[:, start + width + 1 : start + 2 * width + 1])
            powers, total_power = powers * X, total_power * total
        terms[:, start : start + width] = powers
        terms[:, start + width] = total_power
    return terms
