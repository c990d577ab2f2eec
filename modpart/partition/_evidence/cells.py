"""What is known of cells of rows, remembered: from one labelling to the next most cells keep their rows."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modpart.partition._evidence.arrays import Array
from modpart.partition._evidence.evidence import Stats, averaged, model_evidences
from modpart.partition._evidence.law import Law

__all__ = ["Cells"]

KEPT = 48  # cells, those asked for last; each holds some Gram matrices


@dataclass
class _Cell:
    """Statistics of a cell, and what follows from them under the noise variances `s2` that were asked for last."""

    stats: Stats
    s2: bytes = b""
    evidences: list[np.ndarray] = field(default_factory=list)  # of every model, for each output
    law: Law | None = None
    density: np.ndarray | None = None


class Cells:
    """Statistics, evidence and laws of the cells of a labelling; a cell is known by its rows.

    Parameters
    ----------
    features : list of array (n_samples, p)
        Feature matrices of all length scales.
    target : ndarray of shape (n_samples, n_outputs)
    weight : ndarray of shape (n_samples,)
    augmented : list of array (n_samples, p + n_outputs)
        Features with the targets as last columns, rows multiplied by the root of their weight.
    n_linear : int
        Number of leading linear features.
    """

    def __init__(
        self, features: list[Array], target: np.ndarray, weight: np.ndarray, augmented: list[Array], n_linear: int
    ) -> None:
        self.features, self.target, self.weight = features, target, weight
        self.augmented, self.n_linear = augmented, n_linear
        self._known: dict[bytes, _Cell] = {}

    def stats(self, labels: np.ndarray) -> Stats:
        """Statistics of all cells, free to be changed."""
        return Stats.joined([cell.stats for cell in self._of(labels)])

    def log_evidence(self, labels: np.ndarray, s2: np.ndarray) -> np.ndarray:
        """Log evidence of every cell, shape (n_cells,)."""
        return np.array([averaged(cell.evidences) for cell in self._weighed(labels, s2)])

    def model_evidences(self, labels: np.ndarray, s2: np.ndarray) -> np.ndarray:
        """Log evidence of every cell under every model, shape (n_cells, n_outputs, n_models)."""
        return np.array([cell.evidences for cell in self._weighed(labels, s2)])

    def laws(self, labels: np.ndarray, s2: np.ndarray) -> list[Law]:
        """What every cell has learned."""
        return [self._law(cell, s2) for cell in self._weighed(labels, s2)]

    def log_density(self, labels: np.ndarray, s2: np.ndarray) -> np.ndarray:
        """Log density of each row under the law of each cell, own rows left out first, shape (n_rows, n_cells)."""
        columns = []
        for k, cell in enumerate(self._weighed(labels, s2)):
            if cell.density is None:
                own = np.where(labels == k, self.weight, 0.0)
                cell.density = self._law(cell, s2).log_density(self.features, self.target, own)
            columns.append(cell.density)
        return np.column_stack(columns)

    def _law(self, cell: _Cell, s2: np.ndarray) -> Law:
        if cell.law is None:
            cell.law = Law.of(cell.stats, s2, cell.evidences)
        return cell.law

    def _of(self, labels: np.ndarray) -> list[_Cell]:
        """The cells of a labelling; those not seen before are added up."""
        keys = [own.tobytes() for own in labels == np.arange(labels.max() + 1)[:, None]]
        found = {key: self._known.pop(key) for key in keys if key in self._known}
        new = [k for k, key in enumerate(keys) if key not in found]
        if new:
            places = np.full(len(keys), -1)
            places[new] = np.arange(len(new))
            groups = places[labels]
            rows: Any = slice(None) if len(new) == len(keys) else np.flatnonzero(groups >= 0)
            stats = Stats.of_groups(
                [matrix[rows] for matrix in self.augmented],
                groups[rows],
                len(new),
                self.n_linear,
                n_outputs=self.target.shape[1],
                weight=self.weight[rows],
            )
            found |= {keys[k]: _Cell(stats[[place]]) for place, k in enumerate(new)}
        self._known |= found  # the last ones are those asked for last
        for key in list(self._known)[: max(0, len(self._known) - KEPT)]:
            del self._known[key]
        return [found[key] for key in keys]

    def _weighed(self, labels: np.ndarray, s2: np.ndarray) -> list[_Cell]:
        """The cells of a labelling with the evidence of every model."""
        cells, noise = self._of(labels), np.asarray(s2).tobytes()
        stale = [cell for cell in cells if cell.s2 != noise]
        if stale:
            outputs = Stats.joined([cell.stats for cell in stale]).outputs()
            every = [model_evidences(output, one) for output, one in zip(outputs, s2, strict=True)]
            for place, cell in enumerate(stale):
                cell.s2, cell.law, cell.density = noise, None, None
                cell.evidences = [evidences[place] for evidences in every]
        return cells
