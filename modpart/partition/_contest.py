"""What a competition of experts ends with, whatever the experts are."""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Contest", "Scaling"]


@dataclass(frozen=True)
class Scaling:
    """Means and standard deviations that bring inputs and target to mean 0 and variance 1 (constants to 0)."""

    x_mean: np.ndarray
    x_sd: np.ndarray
    y_mean: float
    y_sd: float

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray) -> "Scaling":
        """Take the scaling from training data."""
        x_sd, y_sd = X.std(axis=0), float(y.std())
        tiny = 1e-12
        x_sd = np.where(x_sd > tiny * np.abs(X).max(axis=0, initial=0.0), x_sd, 1.0)
        return cls(X.mean(axis=0), x_sd, float(y.mean()), y_sd if y_sd > tiny * np.abs(y).max() else 1.0)

    def inputs(self, X: np.ndarray) -> np.ndarray:
        """Standardised inputs, shape (n_samples, n_features)."""
        return (X - self.x_mean) / self.x_sd

    def target(self, y: np.ndarray) -> np.ndarray:
        """Standardised target, shape (n_samples,)."""
        return (y - self.y_mean) / self.y_sd

    def restore(self, y: np.ndarray) -> np.ndarray:
        """Predictions in the units of the target."""
        return self.y_mean + self.y_sd * y


@dataclass
class Contest:
    """Winners and experts.

    Attributes
    ----------
    labels : ndarray of shape (n_samples,), int64
        The expert that won each row.
    log_density, errors : ndarray of shape (n_samples, n_experts)
        Log predictive density, and squared error in units of var(y), of each row under each expert. On its own rows an
        expert is judged as if it had not seen them; stacked networks, too small to learn rows by heart, as they are.
    experts : list of fitted regressors
        They predict from inputs in original units.
    relevance : ndarray of shape (n_features,)
        Weight of each input in distances, for the gate.
    history : list of dict
    """

    labels: np.ndarray
    log_density: np.ndarray
    errors: np.ndarray
    experts: list[Any]
    relevance: np.ndarray
    history: list[dict[str, Any]]

    def by_share(self) -> "Contest":
        """The same contest with experts numbered by how many rows they won, the largest first."""
        order = np.argsort(-np.bincount(self.labels, minlength=len(self.experts)), kind="stable")
        return Contest(
            np.argsort(order)[self.labels],
            self.log_density[:, order],
            self.errors[:, order],
            [self.experts[k] for k in order],
            self.relevance,
            self.history,
        )
