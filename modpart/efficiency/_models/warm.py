"""Where a programme begins: at the optimal basis of a solved unit whose prices judge it most strictly.

Prices that are optimal for one unit are feasible for every other once they are scaled to its move, and bound its
optimum from below. The basis whose bound is largest belongs to the face of the frontier that the unit lies beneath, or
to one close by, so that few dual steps are left, often none.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from modpart.efficiency._models.technology import Evaluated, Technology
from modpart.efficiency._simplex.programs import OPTIMAL, Programs, Solution

__all__ = ["Known", "neighbours_in_a_row", "samples", "spread"]

DIRECTIONS = 60
FACTOR = 5  # each sample is so many times as large as the one before
FEWEST = 40  # units in the first sample
CANDIDATES = 800  # bases that a unit is compared with: all, or those around it and some from everywhere
BLOCK = 1 << 16  # numbers in a block that stays in the processor's cache


def samples(count: int) -> list[np.ndarray]:
    """Places of an order that are solved one sample after another; the rest comes last."""
    strides = [FACTOR]
    while count // (strides[0] * FACTOR) >= FEWEST:
        strides.insert(0, strides[0] * FACTOR)
    place, left, parts = np.arange(count), np.ones(count, dtype=bool), []
    for stride in strides:
        parts.append(place[left & (place % stride == 0)])
        left[parts[-1]] = False
    return [*parts, place[left]]


@dataclass(frozen=True)
class Known:
    """Bases of solved units, as others would write them.

    Attributes
    ----------
    place : ndarray of shape (K,), int64
        Where the solved units stand in the order of all.
    bases : ndarray of shape (K, R), int64
        Codes of the basic variables.
    prices : ndarray of shape (K, R)
        Optimal prices of the rows, in the units of the shared columns.
    """

    place: np.ndarray
    bases: np.ndarray
    prices: np.ndarray

    @classmethod
    def of(cls, found: Solution, place: np.ndarray, own: int, reference: np.ndarray, zeros: np.ndarray) -> "Known":
        """What solutions tell others; the unit's own column is named as that of a `reference` unit (-1: it is none).

        Prices of units with hard `zeros` do not judge all columns, and are kept back.
        """
        n_own = found.own.shape[1]
        named = np.where(reference >= 0, reference + n_own, -1)[:, None]
        bases = np.where(found.basis == own, named, found.basis)
        doubled = (np.diff(np.sort(bases, axis=1), axis=1) == 0).any(axis=1)
        good = ~((bases < 0).any(axis=1) | doubled | found.fallback | zeros | (found.status != OPTIMAL))
        return cls(place[good], bases[good], found.dual[good])

    def __len__(self) -> int:
        return len(self.place)

    def joined(self, other: "Known") -> "Known":
        """Both together."""
        pairs = ((self.place, other.place), (self.bases, other.bases), (self.prices, other.prices))
        return Known(*(np.concatenate(pair) for pair in pairs))

    def near(self, first: int, last: int) -> "Known":
        """Those that stand between two places of the order, and some from everywhere."""
        if len(self) <= CANDIDATES:
            return self
        kept = (self.place >= first) & (self.place < last)
        kept[:: max(1, len(self) * 2 // CANDIDATES)] = True
        return Known(self.place[kept], self.bases[kept], self.prices[kept])

    def begin(self, programs: Programs, largest: np.ndarray) -> np.ndarray:
        """For each programme the basis to begin at, -1 first where there is none; shape (U, R).

        The move is own variable 0 and costs -1: prices p are scaled by -1 / p·move, and the bound is p·rhs.
        """
        size = np.ones(programs.rhs.shape[1])
        size[: len(largest)] = largest
        prices = np.ascontiguousarray((self.prices * size).T, dtype=np.float32)  # rough numbers do: steps put it right
        given = programs.rhs, programs.columns[:, 0]
        rhs, move = ((part / programs.scale / size).astype(np.float32) for part in given)
        best, bound = np.zeros(len(programs), dtype=np.int64), np.empty(len(programs), dtype=np.float32)
        height = max(1, BLOCK // len(self))
        for top in range(0, len(programs), height):
            rows = slice(top, top + height)
            worth, value = move[rows] @ prices, rhs[rows] @ prices
            with np.errstate(divide="ignore", invalid="ignore"):
                np.divide(value, worth, out=value)
            value[~(worth < 0.0)] = np.inf
            best[rows] = value.argmin(axis=1)
            bound[rows] = value[np.arange(len(value)), best[rows]]
        return np.where(np.isfinite(bound)[:, None], self.bases[best], -1)


def neighbours_in_a_row(technology: Technology, units: Evaluated) -> np.ndarray:
    """An order in which neighbours stand together: by logarithms, for cones without the size."""
    size = np.abs(units.values) / technology.largest
    points = np.log(np.maximum(size, 1e-6))
    points = points - points.mean(axis=1, keepdims=True) if technology.returns == "crs" else points
    return cKDTree(points, leafsize=32).indices.astype(np.int64)


def spread(technology: Technology) -> np.ndarray:
    """Reference units that are best in something, to begin with: most likely peers."""
    rng = np.random.default_rng(0)  # only where the search begins; the answer does not depend on it
    top = technology.largest
    m, s = technology.X.shape[1], technology.Y.shape[1]
    X, Y = (technology.X / top[:m]).astype(np.float32), (technology.Y / top[m : m + s]).astype(np.float32)
    v, u = (rng.dirichlet(np.full(k, 0.5), DIRECTIONS).astype(np.float32) for k in (m, s))
    prices = (0.3, 1.0, 3.0) if technology.has_convexity_row else ()
    best = np.full((1 + len(prices), DIRECTIONS), -np.inf, dtype=np.float32)
    found = np.zeros(best.shape, dtype=np.int64)
    width = BLOCK // DIRECTIONS
    for first in range(0, len(X), width):
        made, used = u @ Y[first : first + width].T, v @ X[first : first + width].T
        worth = [np.divide(made, used, out=np.zeros_like(made), where=used > 0.0)]
        worth += [made - np.float32(price) * used for price in prices]
        for kind, values in enumerate(worth):
            place = values.argmax(axis=1)
            largest = values[np.arange(DIRECTIONS), place]
            better = largest > best[kind]
            best[kind, better], found[kind, better] = largest[better], first + place[better]
    return np.unique(np.concatenate([found.ravel(), X.argmin(axis=0), Y.argmax(axis=0)]))
