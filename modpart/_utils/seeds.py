"""Randomness without global state: one explicit generator per fit, child seeds drawn before any work is handed out."""

from numbers import Integral
from typing import Any

import numpy as np

from modpart.exceptions import ParameterError

__all__ = ["check_rng", "child_seeds", "seed_nested"]

_SEED_BOUND = 2**31 - 1


def check_rng(random_state: Any) -> np.random.Generator:
    """Return a generator for `random_state`, never touching numpy's global state.

    ``None`` draws fresh entropy, an integer seeds a new generator, a ``Generator`` is used as it is, and a
    ``RandomState`` gives one seed (so that fitting twice with the same instance gives two different fits).
    """
    if random_state is None:
        return np.random.default_rng()
    if isinstance(random_state, Integral) and int(random_state) >= 0:
        return np.random.default_rng(int(random_state))
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(_SEED_BOUND))
    raise ParameterError(
        f"random_state={random_state!r} cannot seed a generator. Pass None, a non-negative integer, "
        "a numpy Generator or a RandomState."
    )


def child_seeds(rng: np.random.Generator, count: int) -> list[int]:
    """Draw `count` integer seeds, to be handed out before parallel work starts."""
    return [int(seed) for seed in rng.integers(_SEED_BOUND, size=count)]


def seed_nested(estimator: Any, rng: np.random.Generator) -> Any:
    """Give every open ``random_state`` of `estimator`, nested ones included, a seed of its own; return `estimator`."""
    names = [
        name
        for name, value in sorted(estimator.get_params(deep=True).items())
        if (name == "random_state" or name.endswith("__random_state")) and value is None
    ]
    return estimator.set_params(**dict(zip(names, child_seeds(rng, len(names)), strict=True))) if names else estimator
