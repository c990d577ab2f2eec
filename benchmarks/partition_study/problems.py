"""The sets: drawn regimes, real tables, scikit-learn's own, and variants that ask about the partition alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes, make_friedman1, make_friedman2, make_friedman3

from modpart.datasets import available_tables, controls, labelled, load_table

N_TRAIN, N_TEST = 1000, 1000
N_BOUND = 1500  # most rows of a table, training and new ones together
TEST_SHARE = 0.2  # of the rows of a table
FIVE = ("elastoplastic", "three_pieces", "two_planes", "four_quadrants", "sine_burst")
# Regimes that touch with equal value and slope leave little to be found; their rows stand all the same.
SMOOTH_BORDERS = ("column_buckling", "mosfet", "standard_atmosphere")


@dataclass(frozen=True)
class Problem:
    """One draw or split of a set."""

    X: np.ndarray
    y: np.ndarray
    new: np.ndarray
    target: np.ndarray
    seed: int
    regime: np.ndarray | None = None  # of the training rows, where it is known
    new_regime: np.ndarray | None = None
    new_law: np.ndarray | None = None  # the target without its noise

    @property
    def n_regimes(self) -> int | None:
        return None if self.regime is None else len(np.unique(self.regime))

    @property
    def held_out(self) -> np.ndarray:
        """The fifth of the training rows on which every contestant chooses its settings."""
        return np.random.default_rng(self.seed).permutation(len(self.X)) < len(self.X) // 5


@dataclass(frozen=True)
class Set:
    """A named source of problems."""

    name: str
    group: str
    draw: Callable[[int], Problem]


def _labelled(make: Callable[..., Any], noise: float, seed: int) -> Problem:
    other = seed + 1_000_000  # new rows come from a seed that no training rows have
    X, y, regime = make(N_TRAIN, noise=noise, random_state=seed)
    new, target, new_regime = make(N_TEST, noise=noise, random_state=other)
    law = make(N_TEST, noise=0.0, random_state=other)[1]
    return Problem(X, y, new, target, seed, regime, new_regime, law)


def _control(make: Callable[..., Any], seed: int) -> Problem:
    X, y, _ = make(N_TRAIN, random_state=seed)
    new, target, _ = make(N_TEST, random_state=seed + 1_000_000)
    return Problem(X, y, new, target, seed)


def _permuted(make: Callable[..., Any], seed: int) -> Problem:
    """A set whose y is shuffled: no law is left."""
    problem, rng = _control(make, seed), np.random.default_rng(seed)
    return replace(problem, y=rng.permutation(problem.y), target=rng.permutation(problem.target))


def _friedman(make: Callable[..., Any], seed: int) -> Problem:
    X, law = make(N_TRAIN + N_TEST, noise=0.0, random_state=seed)
    y = law + 0.05 * law.std() * np.random.default_rng(seed).standard_normal(len(law))
    return Problem(X[:N_TRAIN], y[:N_TRAIN], X[N_TRAIN:], y[N_TRAIN:], seed)


@cache
def _rows(name: str, folder: str | None) -> tuple[np.ndarray, np.ndarray]:
    """A table without exact duplicates, of at most N_BOUND rows drawn once for all."""
    if folder is None:
        X, y = load_diabetes(return_X_y=True, as_frame=True)
    else:
        X, y = load_table(name, folder)
    if name == "skillcraft":
        X = X.drop(columns="x0")  # unique in every row, a running number
    once = ~X.assign(target=y).duplicated()
    X, y = X[once].to_numpy(), y[once].to_numpy()
    kept = np.sort(np.random.default_rng(0).permutation(len(X))[:N_BOUND])
    return X[kept], y[kept]


def _split(name: str, folder: str | None, seed: int) -> Problem:
    X, y = _rows(name, folder)
    order = np.random.default_rng(seed).permutation(len(X))
    new, rows = np.split(order, [round(TEST_SHARE * len(X))])
    return Problem(X[rows], y[rows], X[new], y[new], seed)


def all_sets(folder: str | None) -> dict[str, Set]:
    """Every set by name; the tables are left out without a folder."""
    sets = [Set(name, "labelled", partial(_labelled, make, 0.05)) for name, make in labelled().items()]
    makes = {"friedman1": make_friedman1, "friedman2": make_friedman2, "friedman3": make_friedman3}
    sets += [Set(name, "made", partial(_friedman, make)) for name, make in makes.items()]
    tables = available_tables(folder) if folder else []
    sets += [Set(name, "table", partial(_split, name, folder)) for name in tables]
    sets.append(Set("diabetes", "table", partial(_split, "diabetes", None)))
    sets += [Set(f"{name}, 20 % noise", "noisy", partial(_labelled, labelled()[name], 0.2)) for name in FIVE]
    sets += [Set(name, "control", partial(_control, make)) for name, make in controls().items()]
    sets += [Set(f"{name}, y permuted", "control", partial(_permuted, labelled()[name])) for name in FIVE]
    return {one.name: one for one in sets}
