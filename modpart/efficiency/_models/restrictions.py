"""Restrictions of the weights, as columns of the envelopment programme (Podinovski 2004).

A condition a·v + b·u <= 0 on input weights v and output weights u is dual to a column (a, b): a change of inputs by a
and outputs by b that anybody may make.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from modpart.efficiency._models.technology import Evaluated

__all__ = ["Restrictions"]


@dataclass(frozen=True)
class Restrictions:
    """Bounds on ratios of weights, and on shares of a unit's weighted inputs or outputs.

    Attributes
    ----------
    ratios : tuple of (int, int, float, float)
        Columns i and j with low <= w_i / w_j <= high (assurance regions: Thompson, Singleton, Thrall & Smith 1986).
    shares : tuple of (int, float, float)
        Column i whose weighted value is low to high of the unit's weighted inputs (or outputs) (Wong & Beasley 1990).
    n_inputs, n_columns : int
    """

    ratios: tuple[tuple[int, int, float, float], ...]
    shares: tuple[tuple[int, float, float], ...]
    n_inputs: int
    n_columns: int

    @classmethod
    def read(
        cls,
        ratios: Iterable[Any] | None,
        shares: Mapping[Any, Any] | None,
        place: Any,
        n_inputs: int,
        n_columns: int,
    ) -> "Restrictions":
        """From the user's mappings; `place` finds a column by its name."""
        found = tuple((place(i), place(j), float(low), float(high)) for i, j, low, high in ratios or ())
        parts = tuple((place(i), float(low), float(high)) for i, (low, high) in (shares or {}).items())
        return cls(found, parts, n_inputs, n_columns)

    def trade_offs(self) -> np.ndarray:
        """Columns of the ratios, the same for all units."""
        rows = []
        for i, j, low, high in self.ratios:
            if low > 0.0:
                rows.append(self._row({j: low, i: -1.0}))
            if np.isfinite(high):
                rows.append(self._row({i: 1.0, j: -high}))
        return np.array(rows).reshape(-1, self.n_columns)

    def of_units(self, units: Evaluated) -> np.ndarray | None:
        """Columns of the shares, shape (U, E, n_columns), different for each unit."""
        columns = []
        values = units.values
        for i, low, high in self.shares:
            kind = np.arange(self.n_columns) < self.n_inputs
            same = kind == kind[i]
            mine = np.where(np.arange(self.n_columns) == i, values, 0.0)
            if low > 0.0:
                columns.append(low * same * values - mine)
            if high < 1.0:
                columns.append(mine - high * same * values)
        return np.stack(columns, axis=1) if columns else None

    def _row(self, entries: dict[int, float]) -> np.ndarray:
        row = np.zeros(self.n_columns)
        for place, value in entries.items():
            row[place] += value
        return row
