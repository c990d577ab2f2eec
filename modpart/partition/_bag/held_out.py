"""What candidates predict for rows that they have not seen, and the errors that one saves over another."""

from dataclasses import dataclass

import numpy as np

from modpart.partition._rows import standard_error

__all__ = ["TINY", "HeldOut", "Saved", "Table"]

TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Table:
    """Rows that are held out in turn."""

    X: np.ndarray
    weight: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class HeldOut:
    """Predictions of rows by candidates that have not seen them; a row may be held out several times, or never.

    Attributes
    ----------
    candidates : ndarray of shape (n_predictions, n_columns)
    y, weight : ndarray of shape (n_predictions,)
        Those of the rows, a row's weight shared by its predictions.
    row, fold : ndarray of shape (n_predictions,), int
        Place among the rows that were held out, and the fold.
    row_weight : ndarray of shape (n_rows,)
    """

    candidates: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    row: np.ndarray
    fold: np.ndarray
    row_weight: np.ndarray

    @classmethod
    def of(cls, predictions: list[np.ndarray], y: np.ndarray, table: Table) -> "HeldOut":
        """Put the predictions of all folds of a table together."""
        tests = [test for _, test in table.folds]
        tested = np.concatenate(tests)
        rows, row, times = np.unique(tested, return_inverse=True, return_counts=True)
        fold = np.repeat(np.arange(len(tests)), [len(test) for test in tests])
        weight = table.weight[tested] / times[row]
        return cls(np.concatenate(predictions), y[tested], weight, row, fold, table.weight[rows])

    def by_row(self, values: np.ndarray) -> np.ndarray:
        """Mean of values of the predictions of each row, (n_predictions, ...) to (n_rows, ...)."""
        order = np.argsort(self.row, kind="stable")
        times = np.bincount(self.row)
        sums = np.add.reduceat(values[order], np.cumsum(times) - times, axis=0)
        return (sums.T / times).T

    def without_each_fold(self) -> list[np.ndarray]:
        """All predictions, then for each fold those of rows outside it, as masks."""
        everyone = np.ones(len(self.row), dtype=bool)
        folds = range(int(self.fold.max()) + 1)
        return [everyone, *(~np.isin(self.row, self.row[self.fold == k]) for k in folds)]


@dataclass(frozen=True)
class Saved:
    """Squared errors on held-out rows: of the single model, and how much less those of the corrected one are."""

    error: np.ndarray
    less: np.ndarray
    weight: np.ndarray

    @property
    def share(self) -> float:
        """Share of the error that is saved."""
        return float(np.average(self.less, weights=self.weight)) / self._error()

    @property
    def share_se(self) -> float:
        """Its standard error over rows."""
        return float(standard_error(self.less, self.weight)) / self._error()

    @property
    def in_errors(self) -> float:
        """Share of the error that is saved, in standard errors."""
        return self.share / max(self.share_se, TINY)

    def _error(self) -> float:
        return max(float(np.average(self.error, weights=self.weight)), TINY)
