"""In which direction an expert's prediction moves with each input, over the rows of its partition."""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Effect", "effects_of"]

QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
ROWS = 200
ONE_WAY = 0.9  # share of all movement that goes one way for it to be called a rise or a fall
WORTH_NAMING = 0.1  # of the strongest effect
MOST_EFFECTS = 3


@dataclass(frozen=True)
class Effect:
    """What a prediction does when one input goes from low to high and the other inputs of a row stay.

    Attributes
    ----------
    name : str
        Of the input.
    direction : {"rises", "falls", "varies"}
        "varies" where less than nine tenths of all movement goes one way.
    change : float
        Mean difference between the predictions at `high` and at `low`, in units of y.
    size : float
        Mean difference between highest and lowest prediction of a row, in units of y (>= 0).
    low, high : float
        10 % and 90 % quantile of the input within the partition.
    """

    name: str
    direction: str
    change: float
    size: float
    low: float
    high: float


def effects_of(expert: Any, X: np.ndarray, names: list[str], rng: np.random.Generator) -> tuple[Effect, ...]:
    """The at most three strongest effects of the inputs on an expert's prediction, strongest first.

    The curves are individual conditional expectations (Goldstein et al., 2015) at five quantiles of the input, for at
    most 200 rows. Nothing is told of an expert with several outputs.
    """
    if np.size(expert.predict(X[:1])) != 1:
        return ()
    rows = X if len(X) <= ROWS else X[rng.choice(len(X), ROWS, replace=False)]
    found = []
    for j, name in enumerate(names):
        places = np.quantile(X[:, j], QUANTILES)
        asked = np.repeat(rows, len(places), axis=0)
        asked[:, j] = np.tile(places, len(rows))
        curves = np.reshape(expert.predict(asked), (len(rows), len(places)))
        steps = np.diff(curves, axis=1)
        up, down = steps[steps > 0].sum(), -steps[steps < 0].sum()
        direction = "rises" if up >= ONE_WAY * (up + down) else "falls" if down >= ONE_WAY * (up + down) else "varies"
        change = float(np.mean(curves[:, -1] - curves[:, 0]))
        size = float(np.mean(np.ptp(curves, axis=1)))
        found.append(Effect(name, direction, change, size, float(places[0]), float(places[-1])))
    found.sort(key=lambda effect: -effect.size)
    least = max(WORTH_NAMING * found[0].size, 1e-12 * float(np.abs(curves).max()))
    return tuple(effect for effect in found[:MOST_EFFECTS] if effect.size > least)
