"""Decision-making units before a frontier that is known."""

from typing import Any

import numpy as np

from modpart._utils.params import integer, number, validate
from modpart._utils.seeds import check_rng

__all__ = ["make_frontier"]

_RULES = {
    "n_units": (integer(2),),
    "n_inputs": (integer(1),),
    "n_outputs": (integer(1),),
    "scale": (number(0.0, 1.0, open_low=True),),
    "inefficiency": (number(0.0),),
}


def make_frontier(
    n_units: int = 1000,
    *,
    n_inputs: int = 3,
    n_outputs: int = 3,
    scale: float = 0.9,
    inefficiency: float = 0.35,
    random_state: Any = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units of known efficiency before a Cobb-Douglas frontier.

    Outputs y are possible from inputs x where the length of y is at most f(x), the product of x_i ** (scale * a_i) with
    shares a of sum one. Each unit has an output mix of its own and stays below by the factor exp(-abs(u)), u normal.

    Parameters
    ----------
    n_units : int >= 2, default=1000
        Number of units.
    n_inputs, n_outputs : int >= 1, default=3
        Numbers of inputs and outputs.
    scale : float in (0, 1], default=0.9
        Returns to scale: 1 is constant, less is decreasing.
    inefficiency : float >= 0, default=0.35
        Standard deviation of u; 0 puts all units on the frontier.
    random_state : int, Generator, RandomState or None, default=None
        Seeds the draws: inputs, shares, mixes, inefficiency.

    Returns
    -------
    X : ndarray of shape (n_units, n_inputs), float64
        Uniform from 10 to 100.
    Y : ndarray of shape (n_units, n_outputs), float64
        Outputs.
    efficiency : ndarray of shape (n_units,), float64
        True output efficiency 1/φ; the input efficiency is its power 1/scale.

    Raises
    ------
    ParameterError
        When an argument is out of its range; the message names it.

    Examples
    --------
    >>> from modpart.datasets import make_frontier
    >>> from modpart.efficiency import dea_scores
    >>> X, Y, efficiency = make_frontier(200, random_state=0)
    >>> bool((1 / dea_scores(X, Y, orientation="output") >= efficiency - 1e-9).all())
    True
    """
    given = {
        "n_units": n_units,
        "n_inputs": n_inputs,
        "n_outputs": n_outputs,
        "scale": scale,
        "inefficiency": inefficiency,
    }
    validate("make_frontier", given, _RULES)
    rng = check_rng(random_state)
    X = rng.uniform(10.0, 100.0, (n_units, n_inputs))
    shares = rng.dirichlet(np.full(n_inputs, 3.0))
    mix = rng.uniform(0.2, 1.0, (n_units, n_outputs))
    mix /= np.linalg.norm(mix, axis=1, keepdims=True)
    efficiency = np.exp(-np.abs(rng.normal(0.0, inefficiency, n_units)))
    possible = np.prod(X ** (scale * shares), axis=1)
    return X, mix * (possible * efficiency)[:, None], efficiency
