"""What a competition of experts ends with, whatever the experts are."""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Contest", "Scaling"]


@dataclass(frozen=True)
class Scaling:
    """Means and standard deviations that bring inputs and target to mean 0 and variance 1 (constants to 0).

    Those of several outputs are arrays (n_outputs,), each output standardised on its own.
    """

    x_mean: np.ndarray
    x_sd: np.ndarray
    y_mean: "float | np.ndarray"
    y_sd: "float | np.ndarray"

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> "Scaling":
        """Take the scaling from training data, weighted rows of it if `weight` is given."""
        x_mean, x_sd = _mean_and_sd(X, weight)
        y_mean, y_sd = _mean_and_sd(y, weight)
        return cls(x_mean, x_sd, *(part if y.ndim > 1 else float(part) for part in (y_mean, y_sd)))

    def inputs(self, X: np.ndarray) -> np.ndarray:
        """Standardised inputs, shape (n_samples, n_features)."""
        return (X - self.x_mean) / self.x_sd

    def target(self, y: np.ndarray) -> np.ndarray:
        """Standardised target, of the shape of y."""
        return (y - self.y_mean) / self.y_sd

    def restore(self, y: np.ndarray) -> np.ndarray:
        """Predictions in the units of the target."""
        return self.y_mean + self.y_sd * y

    def squared_error(self, predictions: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Squared error in units of var(y), the mean over outputs; (n_samples,), or (n_samples, n_experts).

        Predictions are (n_samples,) or (n_samples, n_experts), with a last axis more for several outputs.
        """
        target = y[:, None] if predictions.ndim > y.ndim else y
        squares = ((predictions - target) / self.y_sd) ** 2
        return squares.mean(axis=-1) if y.ndim > 1 else squares


def _mean_and_sd(values: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean and standard deviation by column; the deviation of a constant is 1."""
    mean = np.average(values, axis=0, weights=weight)
    sd = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    return mean, np.where(sd > 1e-12 * np.abs(values).max(axis=0, initial=0.0), sd, 1.0)


@dataclass
class Contest:
    """Winners and experts.

    Attributes
    ----------
    labels : ndarray of shape (n_samples,), int64
        The expert that won each row.
    log_density, errors : ndarray of shape (n_samples, n_experts)
        Log predictive density, and squared error in units of var(y) (the mean over outputs), of each row under each
        expert. On its own rows an
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
