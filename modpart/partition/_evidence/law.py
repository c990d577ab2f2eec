"""The law of a cell: what it has learned of all outputs, which share its rows and features."""

from dataclasses import dataclass

import numpy as np

from modpart.partition._evidence.arrays import Array
from modpart.partition._evidence.evidence import Posterior, Stats, posterior

__all__ = ["Law"]


@dataclass
class Law:
    """One posterior for each output. Given the rows, outputs are independent: log densities add."""

    outputs: list[Posterior]

    @classmethod
    def of(cls, stats: Stats, s2: np.ndarray, evidences: "list[np.ndarray] | None" = None) -> "Law":
        """Law of the single cell in `stats`; `s2` and, if known, `evidences` of the models for each output."""
        known = [None] * stats.n_outputs if evidences is None else evidences
        return cls([posterior(*each) for each in zip(stats.outputs(), s2, known, strict=True)])

    def on_host(self) -> "Law":
        """The same in numpy arrays."""
        return Law([output.on_host() for output in self.outputs])

    def scales(self) -> set[int]:
        """Length scales in use."""
        return {scale for output in self.outputs for scale in output.scales}

    def s2(self) -> np.ndarray:
        """Noise variances, shape (n_outputs,)."""
        return np.array([output.s2 for output in self.outputs])

    def predict(self, features: list[Array]) -> np.ndarray:
        """Posterior means at every row, shape (n_samples, n_outputs)."""
        return np.column_stack([output.predict(features) for output in self.outputs])

    def variance(self, features: list[Array]) -> np.ndarray:
        """Variances of new observations at every row, shape (n_samples, n_outputs)."""
        return np.column_stack([output.variance(features) for output in self.outputs])

    def log_density(self, features: list[Array], y: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Log predictive density of y (n_samples, n_outputs), shape (n_samples,); see :class:`Posterior`."""
        return np.sum(
            [o.log_density(features, column, own) for o, column in zip(self.outputs, y.T, strict=True)], axis=0
        )

    def squared_error(self, features: list[Array], y: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Squared error, the mean over outputs, shape (n_samples,); see :class:`Posterior`."""
        each = [o.squared_error(features, column, own) for o, column in zip(self.outputs, y.T, strict=True)]
        return np.mean(each, axis=0)

    def freedom(self, features: list[Array], weight: np.ndarray) -> np.ndarray:
        """Effective number of parameters spent on weighted rows of the cell, shape (n_outputs,)."""
        return np.array([output.freedom(features, weight) for output in self.outputs])
