"""The smoothed bootstrap of efficiency scores (Simar & Wilson 1998, 2000): pseudo frontiers from resampled distances.

Everything is on the scale of δ >= 1, the inverse input score or the output score. Scores of exactly one, which only say
that a unit spans the estimated frontier, are not drawn from (Kneip, Simar & Wilson 2008): with them, as in the paper of
1998, intervals tend to cover the truth less often.
"""

from dataclasses import dataclass

import numpy as np

from modpart.efficiency._models.frontier import EFFICIENT, Frontier
from modpart.efficiency._models.technology import Evaluated
from modpart.exceptions import InputDataError

__all__ = ["Smoothed", "pseudo_units"]


@dataclass(frozen=True)
class Smoothed:
    """A kernel estimate of the density of δ among the inefficient units, reflected at one.

    Attributes
    ----------
    delta : ndarray of shape (n,)
    bandwidth : float
    variance : float
        Of the reflected sample.
    """

    delta: np.ndarray
    bandwidth: float
    variance: float

    @classmethod
    def of(cls, owner: str, delta: np.ndarray) -> "Smoothed":
        """With the bandwidth of the normal reference rule.

        Raises
        ------
        InputDataError
            When no unit is inefficient, so that there is nothing to resample.
        """
        inside = delta[delta > 1.0 + EFFICIENT]
        reflected = np.concatenate([inside, 2.0 - inside])
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
        return cls(delta, float(h), float(reflected.var()))

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """A new δ for each unit (Simar & Wilson 1998, section 3): resampled, smoothed, shrunk, reflected."""
        n = len(self.delta)
        inside = self.delta[self.delta > 1.0 + EFFICIENT]
        whole = np.concatenate([inside, 2.0 - inside])
        beta = whole[rng.integers(len(whole), size=n)]
        moved = beta + self.bandwidth * rng.standard_normal(n)
        mean = beta.mean()
        drawn = mean + (moved - mean) / np.sqrt(1.0 + self.bandwidth**2 / self.variance)
        return np.where(drawn < 1.0, 2.0 - drawn, drawn)


def pseudo_units(frontier: Frontier, delta: np.ndarray, drawn: np.ndarray) -> tuple[Frontier, Evaluated]:
    """A frontier of units whose distances were exchanged for drawn ones, and the original units before it."""
    t = frontier.technology
    if frontier.orientation == "input":
        X, Y = t.X * (drawn / delta)[:, None], t.Y
    else:
        X, Y = t.X, t.Y * (delta / drawn)[:, None]
    place = np.arange(len(t))
    return frontier.of(X, Y), Evaluated(t.X, t.Y, t.B, place, True, np.hstack([X, Y]))
