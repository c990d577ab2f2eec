"""The grid of a self-organising map: where its units sit, how far apart, and who is whose neighbour."""

from typing import Any

import numpy as np

from modpart.exceptions import ParameterError

__all__ = ["Grid", "automatic_shape", "principal_axes", "spread_along_axes"]

WIDEST = 3.0  # side by side of an automatic map
CLOSE = 1e-9


class Grid:
    """Units in rows and columns, squares or hexagons, on a sheet or on a torus.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns; units are numbered row by row.
    positions : ndarray of shape (n_units, 2)
        Horizontal and vertical place; next units in a row are 1 apart.
    squared : ndarray of shape (n_units, n_units)
        Squared distances on the grid.
    adjacent : ndarray of shape (n_units, n_units), bool
        Neighbours: eight around a square, six around a hexagon.
    """

    def __init__(self, shape: tuple[int, int], topology: str, toroid: bool) -> None:
        rows, columns = shape
        hexagonal = topology == "hexagonal"
        if hexagonal and toroid and rows % 2:
            raise ParameterError(
                f"SOM: shape={shape} has an odd number of rows, and hexagons close to a torus only with an even one. "
                f"Take {rows + 1} rows, or toroid=False."
            )
        row, column = np.divmod(np.arange(rows * columns), columns)
        across = column + 0.5 * (row % 2) if hexagonal else column.astype(float)
        height = np.sqrt(0.75) if hexagonal else 1.0
        self.shape = shape
        self.positions = np.column_stack([across, height * row])
        apart = np.abs(self.positions[:, None] - self.positions[None])
        if toroid:
            apart = np.minimum(apart, np.array([columns, height * rows]) - apart)
        self.squared = (apart**2).sum(axis=2)
        self.adjacent = self.squared <= (1.0 if hexagonal else 2.0) + CLOSE
        np.fill_diagonal(self.adjacent, False)

    def neighbourhood(self, kind: str, sigma: float) -> np.ndarray:
        """How much units learn from one another's rows, shape (n_units, n_units)."""
        if kind == "bubble":
            return (self.squared <= sigma**2 + CLOSE).astype(float)
        return np.exp(self.squared / (-2.0 * sigma**2))


def automatic_shape(n_samples: float, spread: np.ndarray) -> tuple[int, int]:
    """Rows and columns of about 5 sqrt(n) units, as long as the data: Vesanto & Alhoniemi (2000)."""
    units = max(4.0, 5.0 * np.sqrt(n_samples))
    first, second = (*spread, 0.0)[:2]
    ratio = min(first / second, WIDEST) if second > 0.0 else WIDEST
    rows = max(2, round(float(np.sqrt(units / ratio))))
    return rows, max(2, round(units / rows))


def principal_axes(X: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit axes (rows) and standard deviations along them, widest first, of centred rows; signs are fixed."""
    covariance = (X * weight[:, None]).T @ X / weight.sum()
    values, vectors = np.linalg.eigh(covariance)
    axes = vectors[:, ::-1].T
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return axes * np.where(largest < 0.0, -1.0, 1.0), np.sqrt(np.maximum(values[::-1], 0.0))


def spread_along_axes(grid: Grid, axes: np.ndarray, spread: np.ndarray) -> Any:
    """Units laid out like the grid in the plane of the first two axes, its longer side along the first."""
    places = grid.positions - grid.positions.mean(axis=0)
    scale = places.std(axis=0)
    places = places / np.where(scale > 0.0, scale, 1.0)
    if scale[1] > scale[0]:
        places = places[:, ::-1]
    used = min(2, len(axes))
    return places[:, :used] @ (axes[:used] * spread[:used, None])
