"""Networks of bank branches whose technology, and so whose efficiency, is known."""

from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.params import integer, number, validate
from modpart._utils.seeds import check_rng

__all__ = ["make_bank_branches"]

INPUTS = ("staff", "operating_cost", "floor_area")
OUTPUTS = ("deposits", "loans", "transactions")
SHARES = np.array([0.4, 0.4, 0.2])  # of the inputs in what is made
UNITS = np.array([40.0, 15.0, 9.0])  # size of an output that the same effort makes
# Kinds of branches: log size, and the inputs and outputs that they lean to.
SIZES = (0.0, 1.3, -0.9, 0.6)
INPUT_LEAN = np.array([[0.0, 0.0, 0.0], [-0.3, 0.4, -0.1], [0.2, -0.5, 0.5], [0.5, 0.2, -0.6]])
OUTPUT_LEAN = np.array([[1.0, 1.0, 1.0], [0.8, 2.0, 0.5], [2.0, 0.5, 1.0], [0.5, 0.8, 2.2]])
TYPICAL = np.array([12.0, 900.0, 350.0])

_RULES = {
    "n_samples": (integer(1),),
    "n_groups": (integer(1, len(SIZES)),),
    "returns": (number(0.0, open_low=True),),
    "inefficiency": (number(0.0),),
    "noise": (number(0.0),),
}


def make_bank_branches(
    n_samples: int = 500,
    *,
    n_groups: int = 3,
    returns: float = 0.9,
    inefficiency: float = 0.35,
    noise: float = 0.02,
    random_state: Any = None,
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Bank branches of several kinds that share one technology, with their true efficiency.

    A branch with inputs x can make all outputs y with ``|y / c| <= prod x_i^(a_i)``, a Cobb-Douglas aggregate of the
    inputs and an ellipse of outputs. It makes exp(-u) of that, ``u = |N(0, inefficiency)|``. Kinds differ in size and
    in the mix of inputs and outputs: town, city, rural and counter branches.

    Parameters
    ----------
    n_samples : int >= 1, default=500
        Number of branches.
    n_groups : int from 1 to 4, default=3
        Number of kinds, equally likely.
    returns : float > 0, default=0.9
        Sum of the a_i: below 1 large branches make less per input.
    inefficiency : float >= 0, default=0.35
        Scale of u.
    noise : float >= 0, default=0.02
        Standard deviation of the logarithm of an error of measurement in each output.
    random_state : int >= 0, Generator, RandomState or None, default=None
        Seeds the draws. Global random state is neither read nor written.

    Returns
    -------
    X : DataFrame of shape (n_samples, 6), float64
        Inputs staff (persons), operating_cost (thousands a year) and floor_area (square metres), outputs deposits and
        loans (millions) and transactions (thousands a year); all positive. Rows are named "branch 0001", ...
    efficiency : ndarray of shape (n_samples,), float64
        exp(-u / returns): the share of its inputs with which a branch could make its outputs (without their noise).
    group : ndarray of shape (n_samples,), int64
        Kind of each branch.

    Raises
    ------
    ParameterError
        When an argument is out of its range; the message names it.

    Examples
    --------
    >>> from modpart.datasets import make_bank_branches
    >>> X, efficiency, group = make_bank_branches(200, random_state=0)
    >>> list(X.columns), X.index[0]
    (['staff', 'operating_cost', 'floor_area', 'deposits', 'loans', 'transactions'], 'branch 0001')
    """
    arguments = {
        "n_samples": n_samples,
        "n_groups": n_groups,
        "returns": returns,
        "inefficiency": inefficiency,
        "noise": noise,
    }
    validate("make_bank_branches", arguments, _RULES)
    rng = check_rng(random_state)
    group = rng.integers(n_groups, size=n_samples)
    size = np.array(SIZES)[group] + rng.normal(scale=0.35, size=n_samples)
    scatter = rng.normal(scale=0.25, size=(n_samples, 3))
    relative = np.exp(size[:, None] + INPUT_LEAN[group] + scatter)
    made = np.exp(returns * np.log(relative) @ SHARES)
    mix = OUTPUT_LEAN[group] * np.exp(rng.normal(scale=0.25, size=(n_samples, 3)))
    mix /= np.linalg.norm(mix, axis=1, keepdims=True)
    u = np.abs(rng.normal(scale=inefficiency, size=n_samples))
    outputs = UNITS * mix * (made * np.exp(-u))[:, None] * np.exp(noise * rng.normal(size=(n_samples, 3)))
    names = [f"branch {i:04d}" for i in range(1, n_samples + 1)]
    table = pd.DataFrame(np.hstack([TYPICAL * relative, outputs]), index=names, columns=[*INPUTS, *OUTPUTS])
    return table, np.exp(-u / returns), group
