"""What a picture needs to know of a fitted model: its partitions, its experts and its columns."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X
from modpart._utils.params import suggest
from modpart.exceptions import ParameterError
from modpart.partition import ActivePartitioner, PartitionedClassifier, PartitionedRegressor

__all__ = ["FittedPartition", "last_step"]

FOREST_ROWS = 2000


def last_step(owner: str, estimator: Any) -> tuple[Any, Pipeline | None]:
    """The partition model that `estimator` is or ends in, and the steps before it."""
    before = None
    model = estimator
    if isinstance(estimator, Pipeline):
        model = estimator[-1]
        before = estimator[:-1] if len(estimator) > 1 else None
    if not isinstance(model, ActivePartitioner | PartitionedClassifier | PartitionedRegressor):
        raise ParameterError(
            f"{owner}: estimator={estimator!r} has no partitions to draw. Pass a fitted ActivePartitioner, a fitted "
            "PartitionedRegressor or PartitionedClassifier, or a Pipeline that ends in one of them."
        )
    check_is_fitted(model)
    return model, before


class FittedPartition:
    """A fitted model that partitions, and the rows it is shown.

    Attributes
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The inputs as the model sees them, after the earlier steps of a pipeline.
    labels : ndarray of shape (n_samples,), int64
    names : list of str
        Names of the inputs; ``x0``, ``x1``, ... when they have none.
    experts : list of fitted regressors or classifiers
    """

    def __init__(self, owner: str, estimator: Any, X: Any) -> None:
        self.model, before = last_step(owner, estimator)
        names = getattr(self.model, "feature_names_in_", None)
        if before is not None:
            columns = getattr(X, "columns", None)
            X = before.transform(X)
            names = _names_out(before, columns) if names is None else names
        self.rows = check_X(self.model, X)
        self.labels = self.labels_at(self.rows)
        self.experts = self.model.experts_
        self.names = [f"x{j}" for j in range(self.rows.shape[1])] if names is None else [str(name) for name in names]

    def labels_at(self, rows: np.ndarray) -> np.ndarray:
        """Partition in use for each row of an array."""
        names = getattr(self.model, "feature_names_in_", None)
        X = rows if names is None else pd.DataFrame(rows, columns=names)
        return self.model.predict(X) if isinstance(self.model, ActivePartitioner) else self.model.apply(X)

    def curves_at(self, rows: np.ndarray) -> np.ndarray:
        """Prediction of every expert, shape (n_rows, n_partitions), with an axis more for several outputs.

        Classifiers predict the probability of each class; of two, that of the second.
        """
        if is_classifier(self.experts[0]):
            shares = [expert.predict_proba(rows) for expert in self.experts]
            shares = [share[:, -1:] if share.shape[1] == 2 else share for share in shares]
            predictions = np.stack(shares, axis=1)
        else:
            predictions = np.stack([expert.predict(rows).reshape(len(rows), -1) for expert in self.experts], axis=1)
        return predictions[:, :, 0] if predictions.shape[2] == 1 else predictions

    def heights_of(self, y: Any) -> Any:
        """The target as numbers: classes by their position among the sorted ones, nan where unknown."""
        if y is None or not is_classifier(self.experts[0]):
            return y
        places = pd.Index(self.experts[0].classes_).get_indexer(np.ravel(y))
        return np.where(places < 0, np.nan, places)

    def telling_pair(self) -> tuple[int, int]:
        """The two inputs that tell the partitions apart best; with one partition, those that its prediction needs most.

        They are the two most important inputs of a random forest that learns the labels (or the prediction).
        """
        settings: dict[str, Any] = {"n_estimators": 50, "max_depth": 8, "random_state": 0}
        settings["max_samples"] = min(len(self.rows), FOREST_ROWS)
        if len(np.unique(self.labels)) > 1:
            forest = RandomForestClassifier(**settings).fit(self.rows, self.labels)
        else:
            forest = RandomForestRegressor(**settings).fit(self.rows, self.curves_at(self.rows)[:, self.labels[0]])
        first, second = np.argsort(-forest.feature_importances_, kind="stable")[:2]
        return int(first), int(second)

    def columns_of(self, owner: str, features: Any) -> tuple[int, ...]:
        """Positions of the one or two inputs that `features` asks for by name or position; None chooses."""
        count = len(self.names)
        if features is None:
            return tuple(range(count)) if count <= 2 else self.telling_pair()
        wanted = list(features) if isinstance(features, Sequence | np.ndarray | pd.Index) else [features]
        wanted = [features] if isinstance(features, str) else wanted
        found = tuple(self._column(owner, feature) for feature in wanted)
        if len(found) not in (1, 2) or len(set(found)) < len(found):
            raise ParameterError(f"{owner}: features={features!r} must be one input or two different ones.")
        return found

    def _column(self, owner: str, feature: Any) -> int:
        count = len(self.names)
        if isinstance(feature, str) and self.names.count(feature) == 1:
            return self.names.index(feature)
        if isinstance(feature, Integral) and not isinstance(feature, bool) and 0 <= int(feature) < count:
            return int(feature)
        raise ParameterError(
            f"{owner}: features holds {feature!r}, which is not an input. Pass a position from 0 to {count - 1} or a "
            f"name. {suggest(str(feature), self.names)}"
        )


def _names_out(steps: Pipeline, columns: Any) -> Any:
    """Names of what the earlier steps of a pipeline put out, None when a step does not tell."""
    try:
        return steps.get_feature_names_out(columns)
    except (AttributeError, ValueError):
        return None
