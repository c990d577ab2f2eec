"""Predictions of classes by a net that answers one logit for each."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X

__all__ = ["LogitClassifier"]


class LogitClassifier(ClassifierMixin):
    """A classifier whose `_answers` gives logits (n_samples, n_classes), float64, for checked rows."""

    classes_: np.ndarray
    _answers: Any

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Logits of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        logits : ndarray of shape (n_samples, n_classes) or, for two classes, (n_samples,), float64
            For two classes, how much larger that of the second one is.
        """
        check_is_fitted(self)
        logits = self._answers(check_X(self, X))
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            Columns in the order of ``classes_``; rows sum to 1.
        """
        check_is_fitted(self)
        return softmax(self._answers(check_X(self, X)), axis=1)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the likeliest class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
