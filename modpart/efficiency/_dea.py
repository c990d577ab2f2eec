"""The estimator: scores, peers and targets of decision-making units by data envelopment analysis."""

from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_X
from modpart._utils.parallel import one_thread
from modpart._utils.params import boolean, nothing, one_of, where, workers
from modpart.efficiency._data import check_units, labels_of, split_columns
from modpart.efficiency._models.frontier import Frontier
from modpart.efficiency._models.technology import TECHNOLOGIES, Evaluated, Technology

__all__ = ["DEA"]

EFFICIENT = 1e-6


class DEA(TransformerMixin, Estimator):
    """Data envelopment analysis: how far each unit is from best practice, and who shows the way.

    Parameters
    ----------
    inputs, outputs : list of column names or positions, or None, default=None
        Columns of X that a unit uses and makes. When both are None the last column is the output; when one is, it
        stands for all columns that are left.
    technology : {"vrs", "crs", "nirs", "ndrs", "fdh"}, default="vrs"
    orientation : {"input", "output", "directional"}, default="input"
    super_efficiency : bool, default=False
    data_warnings : bool, default=True
    n_jobs : int or None, default=None

    Attributes
    ----------
    scores_ : ndarray of shape (n_units,)

    Examples
    --------
    >>> from modpart.efficiency import DEA
    >>> DEA(technology="crs", data_warnings=False).fit([[2.0, 1.0], [3.0, 3.0], [4.0, 3.0]]).scores_
    array([0.5 , 1.  , 0.75])
    """

    _rules = {
        "inputs": (where("a list of column names or indices", np.iterable), nothing),
        "outputs": (where("a list of column names or indices", np.iterable), nothing),
        "technology": (one_of(*TECHNOLOGIES),),
        "orientation": (one_of("input", "output", "directional"),),
        "super_efficiency": (boolean,),
        "undesirable": (where("a list of column names or indices", np.iterable), nothing),
        "data_warnings": (boolean,),
        "n_jobs": (nothing, workers),
    }

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        *,
        technology: str = "vrs",
        orientation: str = "input",
        super_efficiency: bool = False,
        undesirable: Any = None,
        data_warnings: bool = True,
        n_jobs: int | None = None,
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.technology = technology
        self.orientation = orientation
        self.super_efficiency = super_efficiency
        self.undesirable = undesirable
        self.data_warnings = data_warnings
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> "DEA":
        """Score every unit of X against the frontier of all of them.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_units, n_features)
        y : None
            Ignored.

        Returns
        -------
        self : DEA
        """
        self._check_params()
        units = labels_of(X, len(X) if hasattr(X, "__len__") else 0)
        X = check_X(self, X, reset=True, min_samples=2, min_features=2)
        self.columns_ = split_columns(self)
        values = X[:, self.columns_.order]
        negative = np.zeros(values.shape[1], dtype=bool)
        check_units(type(self).__name__, values, self.columns_, units, negative=negative, warn=self.data_warnings)
        self.units_ = units
        m, s = len(self.columns_.inputs), len(self.columns_.outputs)
        technology = Technology.of(values[:, :m], values[:, m : m + s], self.technology, values[:, m + s :])
        self._frontier = Frontier(technology, self.orientation, n_jobs=self.n_jobs)
        with one_thread():
            scored = self._frontier.score(self._frontier.own_units(allowed=not self.super_efficiency))
        self.scores_, self.efficiency_ = scored.scores, scored.efficiency
        self.lambdas_ = scored.lambdas
        self.feasible_ = scored.status == 0
        return self

    def score_units(self, X: Any) -> np.ndarray:
        """Score units against the fitted frontier.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_units, n_features)

        Returns
        -------
        scores : ndarray of shape (n_units,)
        """
        check_is_fitted(self)
        units = labels_of(X, len(X) if hasattr(X, "__len__") else 0)
        X = check_X(self, X)
        values = X[:, self.columns_.order]
        negative = np.zeros(values.shape[1], dtype=bool)
        check_units(type(self).__name__, values, self.columns_, units, negative=negative, warn=False)
        m, s = len(self.columns_.inputs), len(self.columns_.outputs)
        new = self._frontier.units(values[:, :m], values[:, m : m + s], values[:, m + s :], allowed=False)
        with one_thread():
            return self._frontier.score(new).scores

    def transform(self, X: Any) -> np.ndarray:
        """Scores as a feature.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_units, n_features)

        Returns
        -------
        scores : ndarray of shape (n_units, 1)
        """
        return self.score_units(X)[:, None]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name of the feature.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self)
        return np.array(["dea_score"], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags
