"""Pseudo frontiers for the bootstrap of efficiency scores: a smooth law of inefficiency, a smooth frontier.

Everything is on the scale of δ >= 1, the inverse input score or the output score. Scores of exactly one, which only say
that a unit spans the estimated frontier, are not drawn from (Kneip, Simar & Wilson 2008). Distances are smoothed as
logarithms, so that none becomes negative and it does not matter which way they are measured.
"""

from dataclasses import dataclass

import numpy as np

from modpart.efficiency._models.frontier import EFFICIENT, Frontier
from modpart.efficiency._models.technology import Evaluated
from modpart.exceptions import InputDataError

__all__ = ["Smoothed", "pseudo_units"]


@dataclass(frozen=True)
class Smoothed:
    """A kernel estimate of the density of log δ among the inefficient units, reflected at zero.

    Attributes
    ----------
    reflected : ndarray of shape (2 N,)
        Logarithms of the distances above one, and their negatives.
    bandwidth : float
    """

    reflected: np.ndarray
    bandwidth: float

    @classmethod
    def of(cls, owner: str, delta: np.ndarray) -> "Smoothed":
        """With the bandwidth of the normal reference rule.

        Raises
        ------
        InputDataError
            When no unit is inefficient, so that there is nothing to resample.
        """
        inside = np.log(delta[delta > 1.0 + EFFICIENT])
        reflected = np.concatenate([inside, -inside])
        if len(inside) < 2:
            raise InputDataError(
                f"{owner}: {len(inside)} of {len(delta)} units are inefficient, so there is no distribution of "
                "efficiency to draw from. Add units, or drop inputs or outputs."
            )
        spread = reflected.std(ddof=1)
        quartiles = np.subtract(*np.percentile(reflected, [75, 25])) / 1.349
        width = min(spread, quartiles) if quartiles > 0.0 else spread
        h = 0.9 * width * len(reflected) ** -0.2
        if not np.isfinite(h) or h <= 0.0:
            raise InputDataError(f"{owner}: the efficiencies of the units do not vary, so no bandwidth can be found.")
        return cls(reflected, float(h))

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """`n` distances (Simar & Wilson 1998, section 3): resampled, smoothed, shrunk to the variance, reflected."""
        drawn = self.reflected[rng.integers(len(self.reflected), size=n)]
        moved = drawn + self.bandwidth * rng.standard_normal(n)
        return np.exp(np.abs(moved) / np.sqrt(1.0 + self.bandwidth**2 / self.reflected.var()))


def pseudo_units(frontier: Frontier, delta: np.ndarray, drawn: np.ndarray) -> tuple[Frontier, Evaluated]:
    """A frontier of units whose distances `delta` were exchanged for drawn ones, and the original units before it."""
    t = frontier.technology
    if frontier.orientation == "input":
        X, Y = t.X * (drawn / delta)[:, None], t.Y
    else:
        X, Y = t.X, t.Y * (delta / drawn)[:, None]
    place = np.arange(len(t))
    return frontier.of(X, Y), Evaluated(t.X, t.Y, t.B, place, True, np.hstack([X, Y]))
