"""Which shared column gains most: one matrix product, in blocks that stay in the processor's cache."""

import numpy as np

from modpart.efficiency._simplex.programs import Programs

__all__ = ["WorkingSet", "best_in_blocks"]

BLOCK = 1 << 18  # numbers in a block


class WorkingSet:
    """The few shared columns among which almost all steps are made; it grows by those that are found missing."""

    def __init__(self, shared: np.ndarray, start: np.ndarray) -> None:
        self.shared = shared
        self.place = np.full(len(shared), -1, dtype=np.int64)
        self.index = np.zeros(0, dtype=np.int64)
        self.add(start)

    def add(self, columns: np.ndarray) -> None:
        """Take in columns that are not there yet."""
        new = np.unique(columns[self.place[columns] < 0])
        self.place[new] = len(self.index) + np.arange(len(new))
        self.index = np.concatenate([self.index, new])
        self.matrix = np.ascontiguousarray(self.shared[self.index].T)

    def best(self, prices: np.ndarray, reach: np.ndarray | float, blocked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The column with the largest gain for each row of prices, and that gain."""
        if not len(self.index):
            return np.zeros(len(prices), dtype=np.int64), np.full(len(prices), -np.inf)
        gain = prices @ self.matrix
        if not isinstance(reach, float):
            gain *= reach
        held = np.flatnonzero(blocked >= 0)
        if len(held):
            place = self.place[blocked[held]]
            gain[held[place >= 0], place[place >= 0]] = -np.inf
        best = gain.argmax(axis=1)
        return self.index[best], gain[np.arange(len(gain)), best]


def best_in_blocks(
    programs: Programs, ids: np.ndarray, prices: np.ndarray, candidates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The most gainful of the candidate columns for each programme, and that gain; memory stays small."""
    best = np.zeros(len(ids), dtype=np.int64)
    gain = np.full(len(ids), -np.inf)
    height = 256
    width = max(1, BLOCK // height)
    for first in range(0, len(candidates), width):
        columns = candidates[first : first + width]
        matrix = programs.shared[columns]
        flipped = np.ascontiguousarray(matrix.T)
        for top in range(0, len(ids), height):
            rows = slice(top, top + height)
            values = prices[rows] @ flipped
            reach = programs.reach(ids[rows], matrix)
            if not isinstance(reach, float):
                values *= reach
            blocked = programs.blocked[ids[rows]]
            held = np.flatnonzero(blocked >= 0)
            if len(held):
                place = np.searchsorted(columns, blocked[held])
                there = (place < len(columns)) & (columns[np.minimum(place, len(columns) - 1)] == blocked[held])
                values[held[there], place[there]] = -np.inf
            top_column = values.argmax(axis=1)
            top_gain = values[np.arange(len(values)), top_column]
            better = top_gain > gain[rows]
            gain[rows] = np.where(better, top_gain, gain[rows])
            best[rows] = np.where(better, columns[top_column], best[rows])
    return best, gain
