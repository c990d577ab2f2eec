"""Controls: samples that follow one law, where a second regime would be false. Their `regime` is zero throughout."""

from typing import Any

import numpy as np

from modpart._utils.params import integer, validate
from modpart.datasets._sampling import Sample, box, draw, shared_sections

__all__ = [
    "make_exponential",
    "make_friedman",
    "make_linear",
    "make_pure_noise",
    "make_smooth_curve",
    "make_student_noise",
    "make_unequal_noise",
]


@shared_sections
def make_smooth_curve(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """One smooth curve: f = sin(1.5 x) + x/3, x in [-3, 3].

    Examples
    --------
    >>> from modpart.datasets import make_smooth_curve
    >>> X, y, regime = make_smooth_curve(500, random_state=0)
    >>> set(regime.tolist())
    {0}
    """
    return draw(
        "make_smooth_curve",
        n_samples,
        noise,
        random_state,
        domain=box((-3, 3)),
        laws=(lambda x: np.sin(1.5 * x) + x / 3,),
    )


@shared_sections
def make_exponential(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """One curve that is flat on the left and steep on the right: f = exp(2x), x in [-1, 1].

    Its uneven curvature tempts a method to split where there is nothing to split.

    Examples
    --------
    >>> from modpart.datasets import make_exponential
    >>> X, y, regime = make_exponential(500, random_state=0)
    >>> set(regime.tolist())
    {0}
    """
    return draw(
        "make_exponential", n_samples, noise, random_state, domain=box((-1, 1)), laws=(lambda x: np.exp(2 * x),)
    )


@shared_sections
def make_linear(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """One linear law of three inputs: f = 2a - b + c/2, (a, b, c) in [-1, 1]^3.

    Examples
    --------
    >>> from modpart.datasets import make_linear
    >>> X, y, regime = make_linear(500, noise=0, random_state=0)
    >>> bool(abs(y - X @ [2, -1, 0.5]).max() < 1e-12)
    True
    """
    return draw(
        "make_linear",
        n_samples,
        noise,
        random_state,
        domain=box(*[(-1, 1)] * 3),
        laws=(lambda a, b, c: 2 * a - b + c / 2,),
    )


@shared_sections
def make_friedman(
    n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None, n_nuisance: int = 5
) -> Sample:
    """Friedman's first surface: one smooth law of five inputs, with idle inputs beside them.

    All columns in [0, 1]; f = 10 sin(pi x0 x1) + 20 (x2 - .5)^2 + 10 x3 + 5 x4. Unlike
    :func:`sklearn.datasets.make_friedman1`, `noise` is a fraction of std(f), which is about 4.9.

    Parameters
    ----------
    n_nuisance : int >= 0, default=5
        Number of idle columns after the first five.

    References
    ----------
    J. H. Friedman, "Multivariate adaptive regression splines", Annals of Statistics 19 (1991).

    Examples
    --------
    >>> from modpart.datasets import make_friedman
    >>> X, y, regime = make_friedman(500, random_state=0)
    >>> X.shape, set(regime.tolist())
    ((500, 10), {0})
    """
    validate("make_friedman", {"n_nuisance": n_nuisance}, {"n_nuisance": (integer(0),)})
    return draw(
        "make_friedman",
        n_samples,
        noise,
        random_state,
        domain=box(*[(0, 1)] * (5 + n_nuisance)),
        laws=(lambda a, b, c, d, e, *idle: 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e,),
    )


def make_pure_noise(
    n_samples: int = 1000, *, noise: float = 1.0, random_state: Any = None, n_features: int = 3
) -> Sample:
    """Nothing to learn: y is normal noise and f is zero, all inputs in [-1, 1].

    Parameters
    ----------
    n_samples : int >= 1, default=1000
        Number of rows.
    noise : float >= 0, default=1.0
        Standard deviation of y; f does not vary, so there is nothing to take a fraction of.
    random_state : int >= 0, Generator, RandomState or None, default=None
        Seeds the draws: first X, then one error per row. Global random state is neither read nor written.
    n_features : int >= 1, default=3
        Number of columns.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features), float64
        Independent uniform inputs.
    y : ndarray of shape (n_samples,), float64
        Normal noise.
    regime : ndarray of shape (n_samples,), int64
        Zeros.

    Raises
    ------
    ParameterError
        When an argument is out of its range; the message names it.

    Examples
    --------
    >>> from modpart.datasets import make_pure_noise
    >>> X, y, regime = make_pure_noise(500, random_state=0)
    >>> X.shape, bool(0.9 < y.std() < 1.1)
    ((500, 3), True)
    """
    validate("make_pure_noise", {"n_features": n_features}, {"n_features": (integer(1),)})
    return draw(
        "make_pure_noise",
        n_samples,
        noise,
        random_state,
        domain=box(*[(-1, 1)] * n_features),
        laws=(lambda *idle: 0.0,),
        unit=1.0,
    )


@shared_sections
def make_unequal_noise(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """One law whose noise grows tenfold from left to right: f = sin(4x), x in [0, 1].

    The normal errors are multiplied by (1 + 9x) / sqrt(37), which has mean square 1, so `noise` keeps its meaning on
    average.

    Examples
    --------
    >>> from modpart.datasets import make_unequal_noise
    >>> X, y, regime = make_unequal_noise(500, random_state=0)
    >>> set(regime.tolist())
    {0}
    """
    return draw(
        "make_unequal_noise",
        n_samples,
        noise,
        random_state,
        domain=box((0, 1)),
        laws=(lambda x: np.sin(4 * x),),
        errors=lambda rng, X: rng.standard_normal(len(X)) * (1 + 9 * X[:, 0]) / np.sqrt(37),
    )


@shared_sections
def make_student_noise(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """One law with heavy-tailed noise: f = sin(x), x in [-3, 3].

    The errors follow Student's t with 3 degrees of freedom, divided by sqrt(3) so that their variance is 1.

    Examples
    --------
    >>> from modpart.datasets import make_student_noise
    >>> X, y, regime = make_student_noise(500, random_state=0)
    >>> set(regime.tolist())
    {0}
    """
    return draw(
        "make_student_noise",
        n_samples,
        noise,
        random_state,
        domain=box((-3, 3)),
        laws=(np.sin,),
        errors=lambda rng, X: rng.standard_t(3, len(X)) / np.sqrt(3),
    )
