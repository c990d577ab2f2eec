"""How every generator draws its sample: inputs first, then a regime for each row, its law's value, and noise."""

import re
from collections.abc import Callable, Sequence
from inspect import cleandoc
from typing import Any, TypeVar

import numpy as np

from modpart._utils.params import integer, number, validate
from modpart._utils.seeds import check_rng

__all__ = ["Sample", "box", "draw", "shared_sections"]

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]
Domain = Callable[[np.random.Generator, int], np.ndarray]
Law = Callable[..., Any]
Errors = Callable[[np.random.Generator, np.ndarray], np.ndarray]
Generator = TypeVar("Generator", bound=Callable[..., Sample])

_RULES = {"n_samples": (integer(1),), "noise": (number(0),)}

_PARAMETERS = """\
n_samples : int >= 1, default=1000
    Number of rows.
noise : float >= 0, default=0.05
    Standard deviation of the noise added to f, as a fraction of the standard deviation of f over this sample.
    With 0 the same seed gives the same X and regime, and y is f exactly.
random_state : int >= 0, Generator, RandomState or None, default=None
    Seeds the draws: first X, then one error per row. Global random state is neither read nor written.
"""

_RETURNS = """\
Returns
-------
X : ndarray of shape (n_samples, n_features), float64
    Inputs, one independent uniform draw per row and column unless said otherwise above.
y : ndarray of shape (n_samples,), float64
    f(X) plus noise, not standardised.
regime : ndarray of shape (n_samples,), int64
    The law that each row follows, 0, 1, ...

Raises
------
ParameterError
    When an argument is out of its range; the message names it.

"""


def box(*ranges: tuple[float, float]) -> Domain:
    """Independent uniform columns, one for each range (low, high)."""
    low, high = np.array(ranges, dtype=np.float64).T
    return lambda rng, n_samples: rng.uniform(low, high, size=(n_samples, len(low)))


def _normal_errors(rng: np.random.Generator, X: np.ndarray) -> np.ndarray:
    return rng.standard_normal(len(X))


def draw(
    owner: str,
    n_samples: int,
    noise: float,
    random_state: Any,
    *,
    domain: Domain,
    laws: Sequence[Law],
    regime: Law | None = None,
    errors: Errors = _normal_errors,
    unit: float | None = None,
) -> Sample:
    """Draw X, label its rows, evaluate each row's law and add noise.

    Parameters
    ----------
    owner : str
        Name of the public function, for error messages.
    n_samples, noise, random_state
        As the public function got them.
    domain : callable (rng, n_samples) -> ndarray of shape (n_samples, n_features)
        Draws the inputs.
    laws : sequence of callable
        Law k takes the columns of the rows of regime k and returns f.
    regime : callable or None
        Takes the columns of X and returns the index of each row's law; None when there is one law.
    errors : callable (rng, X) -> ndarray of shape (n_samples,)
        Draws errors of mean 0 and variance 1.
    unit : float or None
        Standard deviation that ``noise=1`` stands for; None for that of f over the sample.
    """
    validate(owner, {"n_samples": n_samples, "noise": noise}, _RULES)
    rng = check_rng(random_state)
    X = domain(rng, n_samples)
    labels = np.zeros(n_samples, dtype=np.int64)
    if regime is not None:
        labels[:] = regime(*X.T)
    f = np.empty(n_samples)
    for k, law in enumerate(laws):
        rows = labels == k
        f[rows] = law(*X[rows].T)
    y = f + noise * (f.std() if unit is None else unit) * errors(rng, X)
    return X, y, labels


def shared_sections(generator: Generator) -> Generator:
    """Write the Parameters, Returns and Raises that all generators share into the docstring of `generator`.

    A docstring with a Parameters section of its own lists there only what is particular to that generator.
    """
    if generator.__doc__ is None:  # python -OO
        return generator
    text = cleandoc(generator.__doc__)
    head, tail = re.split(r"(?=^(?:References|Examples)\n--)", text, maxsplit=1, flags=re.MULTILINE)
    title = "Parameters\n----------\n"
    law, own_parameters = head.split(title) if title in head else (head, "\n")
    generator.__doc__ = f"{law}{title}{_PARAMETERS}{own_parameters}{_RETURNS}{tail}"
    return generator
