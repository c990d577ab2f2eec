"""Which shared column gains most: one matrix product, in blocks that stay in the processor's cache."""

import numpy as np

from modpart.efficiency._simplex.programs import Programs

__all__ = ["WorkingSet", "best_in_blocks", "block_out"]

HEIGHT, WIDTH = 128, 1024  # of a block


class WorkingSet:
    """The few shared columns among which almost all steps are made; it grows by those that are found missing."""

    def __init__(self, shared: np.ndarray, start: np.ndarray) -> None:
        self.shared = shared
        self.index = np.unique(start)
        self.matrix = np.ascontiguousarray(shared[self.index].T)

    def add(self, columns: np.ndarray) -> None:
        """Take in columns that are not there yet."""
        if len(columns):
            self.index = np.union1d(self.index, columns)
            self.matrix = np.ascontiguousarray(self.shared[self.index].T)


def block_out(values: np.ndarray, index: np.ndarray, blocked: np.ndarray, nothing: float) -> None:
    """Write `nothing` where a programme may not use a column; `index` names the columns of `values`, sorted."""
    held = np.flatnonzero(blocked >= 0)
    if len(held) and len(index):
        place = np.minimum(np.searchsorted(index, blocked[held]), len(index) - 1)
        there = index[place] == blocked[held]
        values[held[there], place[there]] = nothing


def best_in_blocks(
    programs: Programs, ids: np.ndarray, prices: np.ndarray, candidates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The most gainful of the candidate columns (sorted) for each programme, and that gain; memory stays small."""
    best = np.zeros(len(ids), dtype=np.int64)
    gain = np.full(len(ids), -np.inf)
    blocked = programs.blocked[ids]
    room = np.empty((HEIGHT, WIDTH))
    for first in range(0, len(candidates), WIDTH):
        columns = candidates[first : first + WIDTH]
        matrix = programs.shared[columns]
        flipped = np.ascontiguousarray(matrix.T)
        for top in range(0, len(ids), HEIGHT):
            rows = slice(top, top + HEIGHT)
            some = prices[rows]
            values = np.matmul(some, flipped, out=room[: len(some), : len(columns)])
            reach = programs.reach(ids[rows], matrix)
            if not isinstance(reach, float):
                values *= reach
            block_out(values, columns, blocked[rows], -np.inf)
            barred = programs.barred(ids[rows], matrix)
            if barred is not None:
                values[barred] = -np.inf
            column = values.argmax(axis=1)
            largest = values[np.arange(len(values)), column]
            better = largest > gain[rows]
            gain[rows] = np.where(better, largest, gain[rows])
            best[rows] = np.where(better, columns[column], best[rows])
    return best, gain
