"""Made-up worlds of numbers with hidden causes: rows as they are observed, or after X was set."""

from collections.abc import Callable

import numpy as np
import pandas as pd

__all__ = ["WORLDS"]

FRONT_DOOR = "X -> Z -> Y; X <-> Y"
World = Callable[[int, int, float | None], pd.DataFrame]  # rows, seed, value that X is set to


def front_door(noise: float, *, bent: bool = True) -> World:
    """Hidden cause of X and Y; `noise` is what of Z does not follow from X."""

    def rows(count: int, seed: int, dose: float | None = None) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        hidden = rng.normal(size=count)
        X = (np.tanh(1.5 * hidden) if bent else 0.8 * hidden) + 0.5 * rng.normal(size=count)
        X = X if dose is None else np.full(count, dose)
        Z = (np.sin(1.5 * X) + 0.3 * X if bent else 0.9 * X) + noise * rng.normal(size=count)
        Y = (Z**2 / 2 + Z if bent else 0.7 * Z) + 1.5 * hidden + 0.3 * rng.normal(size=count)
        return pd.DataFrame({"X": X, "Z": Z, "Y": Y})

    return rows


def two_groups(count: int, seed: int, dose: float | None = None) -> pd.DataFrame:
    """X is one of two states, Z and Y are numbers, Z skewed in one group."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=count)
    X = (rng.random(count) < 1 / (1 + np.exp(-2 * hidden))).astype(int)
    X = X if dose is None else np.full(count, int(dose))
    Z = np.where(X == 1, rng.gamma(2, 1, count), rng.normal(size=count))
    Y = np.where(Z > 1, 1.5, 0.0) + 0.4 * Z + hidden + 0.3 * rng.normal(size=count)
    return pd.DataFrame({"X": X, "Z": Z, "Y": Y})


def napkin(count: int, seed: int, dose: float | None = None) -> pd.DataFrame:
    """W shares one hidden cause with X and another with Y."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, count))
    W = 0.7 * first + 0.7 * second + 0.4 * rng.normal(size=count)
    R = 0.5 * W + 0.9 * rng.normal(size=count)
    X = np.tanh(R) + 0.6 * first + 0.4 * rng.normal(size=count)
    X = X if dose is None else np.full(count, dose)
    Y = np.sin(1.5 * X) + second + 0.3 * rng.normal(size=count)
    return pd.DataFrame({"W": W, "R": R, "X": X, "Y": Y})


def covariate(count: int, seed: int, dose: float | None = None) -> pd.DataFrame:
    """Z causes X and Y and shares a hidden cause with Y."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=count)
    Z = hidden + 0.5 * rng.normal(size=count)
    X = 0.8 * Z + 0.7 * rng.normal(size=count)
    X = X if dose is None else np.full(count, dose)
    Y = X * np.tanh(Z) + Z + hidden + 0.4 * rng.normal(size=count)
    return pd.DataFrame({"X": X, "Z": Z, "Y": Y})


WORLDS: dict[str, tuple[str, World]] = {
    "bent front door": (FRONT_DOOR, front_door(0.8)),
    "straight front door": (FRONT_DOOR, front_door(0.8, bent=False)),
    "two groups": (FRONT_DOOR, two_groups),
    "napkin": ("W -> R -> X -> Y; W <-> X; W <-> Y", napkin),
    "confounded covariate": ("Z -> X; Z -> Y; X -> Y; Z <-> Y", covariate),
    "bent front door, Z half free": (FRONT_DOOR, front_door(0.4)),
    "bent front door, Z hardly free": (FRONT_DOOR, front_door(0.2)),
}
