"""Trees with a ridge regression in every cell, cut where the two sides lose least; best cuts first.

Sums of products over the rows between two quantiles add up to those of either side of a cut, so all cuts of a cell are
judged at once by batched solves of small systems, and no row is looked at twice.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["LeafTree", "grow_tree", "ridge_loss"]

N_CUTS = 16
ALPHA = 1.0  # ridge penalty of a cell, on slopes of standardised inputs
LEVEL_ALPHA = 1e-9  # keeps an empty side solvable, and a constant free
LEAST_GAIN = 1e-9  # of the sum of squares; less is rounding


@dataclass(frozen=True)
class LeafTree:
    """Cut t moves the rows of cell ``cells[t]`` with ``X[:, columns[t]] > thresholds[t]`` to the new cell ``t + 1``."""

    cells: list[int]
    columns: list[int]
    thresholds: list[float]

    @property
    def n_cells(self) -> int:
        return len(self.cells) + 1

    def labels(self, X: np.ndarray) -> np.ndarray:
        """Cell of each row, shape (n_samples,), int64."""
        labels = np.zeros(len(X), dtype=np.int64)
        for cut, (cell, column, threshold) in enumerate(zip(self.cells, self.columns, self.thresholds, strict=True)):
            labels[(labels == cell) & (X[:, column] > threshold)] = cut + 1
        return labels


def grow_tree(
    X: np.ndarray, y: np.ndarray, weights: np.ndarray, columns: np.ndarray, n_cells: int, min_rows: int
) -> LeafTree:
    """Best-first tree of at most `n_cells` cells with at least `min_rows` rows each.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Standardised inputs.
    y : ndarray of shape (n_samples,)
        Standardised target.
    weights : ndarray of shape (n_samples,)
        How much each row counts in the loss; zero leaves it out of the loss, not out of a cell.
    columns : ndarray of int
        Inputs that may be cut and that enter the regressions.
    n_cells, min_rows : int

    Returns
    -------
    tree : LeafTree

    Notes
    -----
    A cell of n rows costs O(c n p^2 + c q p^3) for c columns, p = c + 2 and q quantiles.
    """
    table = np.column_stack([np.ones(len(X)), X[:, columns], y])
    tree = LeafTree([], [], [])
    rows, least_gain = [np.arange(len(X))], LEAST_GAIN * float(weights @ y**2)
    best = [_best_cut(table, weights, rows[0], min_rows)]
    while len(rows) < n_cells:
        cell = int(np.argmax([gain for gain, *_ in best]))
        gain, column, threshold = best[cell]
        if gain <= least_gain:
            break
        tree.cells.append(cell)
        tree.columns.append(int(columns[column]))
        tree.thresholds.append(threshold)
        above = table[rows[cell], 1 + column] > threshold
        rows.append(rows[cell][above])
        rows[cell] = rows[cell][~above]
        for changed in (cell, len(rows) - 1):
            found = _best_cut(table, weights, rows[changed], min_rows)
            best[changed:] = [found, *best[changed + 1 :]]
    return tree


def _best_cut(table: np.ndarray, weights: np.ndarray, rows: np.ndarray, min_rows: int) -> tuple[float, int, float]:
    """Gain, column (counted without the constant) and threshold of the best cut of a cell; gain 0 if there is none."""
    if len(rows) < 2 * min_rows:
        return 0.0, 0, 0.0
    cell = table[rows]
    root = np.sqrt(weights[rows])[:, None] * cell
    sums, places = [], []
    whole = root.T @ root
    for column in range(table.shape[1] - 2):
        values = cell[:, 1 + column]
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        steps = np.flatnonzero(np.diff(ordered)) + 1  # a cut before row i of the ordered rows
        steps = steps[(steps >= min_rows) & (steps <= len(rows) - min_rows)]
        if len(steps) > N_CUTS:
            wanted = np.linspace(min_rows, len(rows) - min_rows, N_CUTS)
            steps = np.unique(steps[np.abs(steps[:, None] - wanted).argmin(axis=0)])
        if not len(steps):
            continue
        sorted_root = root[order]
        blocks = [part.T @ part for part in np.split(sorted_root, steps)[:-1]]
        sums.append(np.cumsum(blocks, axis=0))
        places += [(column, 0.5 * (ordered[step - 1] + ordered[step])) for step in steps]
    if not places:
        return 0.0, 0, 0.0
    left = np.concatenate(sums)
    losses = ridge_loss(left) + ridge_loss(whole - left)
    winner = int(losses.argmin())
    return float(ridge_loss(whole[None])[0] - losses[winner]), *places[winner]


def ridge_loss(moments: np.ndarray, alpha: float = ALPHA) -> np.ndarray:
    """Least penalised squared error of regressions that are given by their sums of products.

    Parameters
    ----------
    moments : ndarray of shape (n_cells, 1 + p + 1, 1 + p + 1)
        Sums of products of (1, inputs, target).
    alpha : float
        Penalty on the squared slopes.

    Returns
    -------
    loss : ndarray of shape (n_cells,)
    """
    gram, right = moments[:, :-1, :-1].copy(), moments[:, :-1, -1:]
    penalty = np.full(gram.shape[1], alpha)
    penalty[0] = LEVEL_ALPHA
    index = np.arange(len(penalty))
    gram[:, index, index] += penalty
    return moments[:, -1, -1] - (right * np.linalg.solve(gram, right)).sum(axis=(1, 2))
