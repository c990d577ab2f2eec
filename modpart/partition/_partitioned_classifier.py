"""The modular model of classes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import check_cv
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X, check_X_classes
from modpart._utils.params import model, nothing
from modpart.partition._classes import (
    aligned,
    bounded_losses,
    check_probabilities,
    class_codes,
    fit_classifier,
    stratified,
)
from modpart.partition._modular import Folds, PartitionedModel, partitioner_of
from modpart.partition._rows import WeightedRows

__all__ = ["PartitionedClassifier"]


class PartitionedClassifier(ClassifierMixin, PartitionedModel):
    """Classify with one expert per regime where that beats a single model, and with the single model where it does not.

    A partitioner finds regimes, in each of which one rule tells the classes apart; one expert is trained per regime,
    and a gate routes rows to experts. Cross-validation, with the partition itself made anew in every fold, compares the
    log loss with that of one model of the same kind on all rows; unless the gain is larger than its standard error, the
    single model is kept. Use it where the rule changes with the conditions; with one rule it costs time and gives the
    single model. A label says less than a number: count on some hundred rows for each regime.

    Parameters
    ----------
    partitioner : ActivePartitioner or None, default=None
        Finds the regimes; its `estimator` must be a classifier. None lets clones of `estimator` compete.
    estimator : classifier or None, default=None
        Expert with `predict_proba` that is trained anew on the rows of each regime. None keeps the experts of the
        competition, ``LogisticRegression()`` when `partitioner` is None too.
    routing : {"auto", "hard", "soft"}, default="auto"
        "hard" asks the likeliest expert, "soft" blends the experts' probabilities by the gate's shares, "auto" takes
        "soft" unless it did worse when the gate was cross-validated.
    fallback : bool, default=True
        Whether a single model may replace the partition. Without it only the gate is cross-validated.
    cv : int, splitter or iterable of (train, test) indices, default=5
        Folds of the comparison (>= 2). A number makes shuffled and stratified folds of distinct rows: equal rows of X
        and y stay together.
    n_jobs : int or None, default=None
        Workers for the folds, as in joblib. Results do not depend on it.
    random_state : int, Generator, RandomState or None, default=None
        Seeds every draw, also of a `partitioner` or `estimator` that has none of its own.
    verbose : int, default=0
        1 prints a line per step.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    partitioner_ : ActivePartitioner
        Fitted partitioner.
    experts_ : list of fitted classifiers
        One per partition, a single one after falling back. An expert whose rows lack a class knows of it all the same
        and gives it a small probability.
    n_partitions_ : int
        Number of experts in use.
    routing_ : {"hard", "soft"}
    gain_ : float
        Cross-validated share of the single model's log loss that the modular model saves; nan when not compared.
    gain_se_ : float
        Its standard error over rows.
    routing_risk_ : float
        Cross-validated log loss per row, in nats, that misrouting adds.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X has string column names.

    See Also
    --------
    ActivePartitioner : The partition alone.
    PartitionedRegressor : The same for numbers.

    Notes
    -----
    The time is that of ``1 + cv`` partitions; one partition when it finds a single regime. Where losses are compared,
    probabilities are kept above 0.001; those that :meth:`predict_proba` returns are as the experts give them. Hard
    routing between local classifiers is the competition of [1]_; blending them by a gate is a mixture of experts [2]_,
    here not trained as one. Weights of rows are those of :class:`ActivePartitioner`.

    References
    ----------
    .. [1] Tacke et al., "Active partitioning: inverting the paradigm of active learning", arXiv:2411.18254 (2024).
    .. [2] Jordan & Jacobs, "Hierarchical mixtures of experts and the EM algorithm", Neural Computation 6 (1994),
       181-214.

    Examples
    --------
    >>> from modpart.datasets import make_two_rules
    >>> from modpart.partition import PartitionedClassifier
    >>> X, y, regime = make_two_rules(400, random_state=0)
    >>> model = PartitionedClassifier(routing="hard", fallback=False, random_state=0).fit(X, y)
    >>> model.n_partitions_, bool(model.score(X, y) > 0.9)
    (2, True)
    """

    _rules = PartitionedModel._rules | {
        "partitioner": (
            nothing,
            partitioner_of("classifier", lambda expert: expert is not None and is_classifier(expert)),
        ),
        "estimator": (nothing, model("classifier")),
    }

    def _checked(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        if self.estimator is not None:
            check_probabilities(self, self.estimator)
        X, y = check_X_classes(self, X, y)
        self.classes_ = np.unique(y)
        return X, y

    def _competitor(self) -> Any:
        return LogisticRegression() if self.estimator is None else self.estimator

    def _shuffled_folds(self, y: np.ndarray, n_folds: int, seed: int) -> Folds:
        return stratified(class_codes(self.classes_, y), n_folds, seed)

    def _given_folds(self, X: np.ndarray, y: np.ndarray) -> Folds:
        return check_cv(self.cv, y, classifier=True).split(X, y)

    def _fit_expert(self, expert: Any, X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Any:
        prior = np.full(len(self.classes_), 1.0 / len(self.classes_))
        return fit_classifier(expert, X, y, self.classes_, prior, weight)

    def _answers(self, expert: Any, X: np.ndarray) -> np.ndarray:
        return aligned(expert, X, self.classes_)

    def _loss(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        return lambda answers, target: bounded_losses(answers, class_codes(self.classes_, target))

    def _risk_unit(self, rows: WeightedRows) -> float:
        return 1.0

    def _alike(self) -> "PartitionedClassifier":
        alike = type(self)()
        alike.classes_ = self.classes_
        return alike

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; rows sum to 1.
        """
        check_is_fitted(self)
        X = check_X(self, X)
        return self._routed(self.partitioner_, self.experts_, X, self.routing_)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the likeliest class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def predict_all(self, X: Any) -> np.ndarray:
        """Class of each row by every expert.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples, n_partitions_)
        """
        check_is_fitted(self)
        X = check_X(self, X)
        answers = [self._answers(expert, X) for expert in self.experts_]
        return np.column_stack([self.classes_[answer.argmax(axis=1)] for answer in answers])
