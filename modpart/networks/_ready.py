"""Classifiers that come fitted: what scikit-learn wants to know of them."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

from modpart._utils.checks import check_X

__all__ = ["ReadyClassifier"]


class ReadyClassifier(ClassifierMixin):
    """A classifier made from parts of fitted ones. It has no `fit`; all else works as in scikit-learn."""

    classes_: np.ndarray
    n_features_in_: int

    def __sklearn_tags__(self) -> Tags:
        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            requires_fit=False,
            input_tags=InputTags(),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _take_columns_of(self, other: Any) -> None:
        """Expect the columns that `other` was fitted with."""
        self.n_features_in_ = other.n_features_in_
        if hasattr(other, "feature_names_in_"):
            self.feature_names_in_ = other.feature_names_in_

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        """Probabilities (n, n_classes) for checked rows."""
        raise NotImplementedError

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
        return self._probabilities(check_X(self, X))

    def predict(self, X: Any) -> np.ndarray:
        """Predict the likeliest class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
