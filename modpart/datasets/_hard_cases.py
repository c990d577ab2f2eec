"""Regimes that are rare, many, curved, scattered, oblique, or hidden among idle inputs."""

from typing import Any

import numpy as np

from modpart._utils.params import integer, validate
from modpart.datasets._sampling import Sample, box, draw, shared_sections

__all__ = [
    "make_checkerboard",
    "make_curved_minority",
    "make_disc",
    "make_five_pieces",
    "make_nuisance_inputs",
    "make_oblique_hinge",
    "make_rare_corner",
    "make_ten_inputs",
]


@shared_sections
def make_rare_corner(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """A regime of one row in ten, in a corner of the square.

    (a, b) in [0, 1]^2. Regime 1 where both exceed 1 - sqrt(.1): f = 3b - a - 2; regime 0 elsewhere:
    f = 2a + sin(3b). Shares .9 and .1. f falls by more than 1 wherever the corner is entered.

    Examples
    --------
    >>> from modpart.datasets import make_rare_corner
    >>> X, y, regime = make_rare_corner(500, random_state=0)
    >>> bool(0.05 < regime.mean() < 0.15)
    True
    """
    edge = 1 - np.sqrt(0.1)
    return draw(
        "make_rare_corner",
        n_samples,
        noise,
        random_state,
        domain=box((0, 1), (0, 1)),
        regime=lambda a, b: (a > edge) & (b > edge),
        laws=(lambda a, b: 2 * a + np.sin(3 * b), lambda a, b: 3 * b - a - 2),
    )


@shared_sections
def make_nuisance_inputs(
    n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None, n_nuisance: int = 4
) -> Sample:
    """Two regimes in two inputs, among further inputs that do nothing.

    All columns in [-1, 1]; a and b are the first two. Regime 1 where a > 0: f = 2ab - 2; regime 0 elsewhere:
    f = sin(3b) + 2. Shares 1/2 and 1/2. The jump at a = 0 is at least 3.

    Parameters
    ----------
    n_nuisance : int >= 0, default=4
        Number of idle columns after the first two.

    Examples
    --------
    >>> from modpart.datasets import make_nuisance_inputs
    >>> X, y, regime = make_nuisance_inputs(500, random_state=0, n_nuisance=20)
    >>> X.shape
    (500, 22)
    """
    validate("make_nuisance_inputs", {"n_nuisance": n_nuisance}, {"n_nuisance": (integer(0),)})
    return draw(
        "make_nuisance_inputs",
        n_samples,
        noise,
        random_state,
        domain=box(*[(-1, 1)] * (2 + n_nuisance)),
        regime=lambda a, b, *idle: a > 0,
        laws=(lambda a, b, *idle: np.sin(3 * b) + 2, lambda a, b, *idle: 2 * a * b - 2),
    )


@shared_sections
def make_five_pieces(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """Five laws one after the other on a line.

    x in [0, 5]; regime k where k <= x < k + 1. f is 2x, sin(5x) + 4, 3x - 9, 4 (x - 3.5)^2 + 1 and 6 - 2x in regimes 0
    to 4. Shares 1/5 each; jumps +1.04, -6.46, +2 and -4.

    Examples
    --------
    >>> from modpart.datasets import make_five_pieces
    >>> X, y, regime = make_five_pieces(500, random_state=0)
    >>> bool((regime == X[:, 0].astype(int)).all())
    True
    """
    return draw(
        "make_five_pieces",
        n_samples,
        noise,
        random_state,
        domain=box((0, 5)),
        regime=lambda x: np.digitize(x, [1, 2, 3, 4]),
        laws=(
            lambda x: 2 * x,
            lambda x: np.sin(5 * x) + 4,
            lambda x: 3 * x - 9,
            lambda x: 4 * (x - 3.5) ** 2 + 1,
            lambda x: 6 - 2 * x,
        ),
    )


@shared_sections
def make_disc(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """A regime inside a circle, another outside.

    (a, b) in [-1, 1]^2. Regime 1 where a^2 + b^2 < .36: f = a - 2b + 3; regime 0 elsewhere: f = sin(3a) + b.
    Shares 1 - .09 pi = .717 and .283. f rises by more than .9 wherever the disc is entered.

    Examples
    --------
    >>> from modpart.datasets import make_disc
    >>> X, y, regime = make_disc(500, random_state=0)
    >>> bool((regime == ((X**2).sum(axis=1) < 0.36)).all())
    True
    """
    return draw(
        "make_disc",
        n_samples,
        noise,
        random_state,
        domain=box((-1, 1), (-1, 1)),
        regime=lambda a, b: a**2 + b**2 < 0.36,
        laws=(lambda a, b: np.sin(3 * a) + b, lambda a, b: a - 2 * b + 3),
    )


@shared_sections
def make_curved_minority(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """A small regime behind a curved border, in three inputs.

    (a, b, c) in [-1, 1]^3. Regime 1 where b > .47 + a^2/2: f = c - 2a + 4; regime 0 elsewhere: f = sin(2a) + bc.
    Shares .818 and .182.

    Examples
    --------
    >>> from modpart.datasets import make_curved_minority
    >>> X, y, regime = make_curved_minority(500, random_state=0)
    >>> X.shape, bool(0.13 < regime.mean() < 0.24)
    ((500, 3), True)
    """
    return draw(
        "make_curved_minority",
        n_samples,
        noise,
        random_state,
        domain=box((-1, 1), (-1, 1), (-1, 1)),
        regime=lambda a, b, c: b > 0.47 + a**2 / 2,
        laws=(lambda a, b, c: np.sin(2 * a) + b * c, lambda a, b, c: c - 2 * a + 4),
    )


@shared_sections
def make_ten_inputs(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """An oblique border in ten inputs, six of them idle.

    Columns x0 ... x9 in [-1, 1]. Regime 1 where x0 + x1 - x2 > 0: f = 2 x2 - x0 - x3 + 2; regime 0 elsewhere:
    f = 2 x0 - x1 + x3 - 2. Shares 1/2 and 1/2. f rises across the border, except on 3 % of it.

    Examples
    --------
    >>> from modpart.datasets import make_ten_inputs
    >>> X, y, regime = make_ten_inputs(500, random_state=0)
    >>> X.shape, bool((regime == (X[:, 0] + X[:, 1] > X[:, 2])).all())
    ((500, 10), True)
    """
    return draw(
        "make_ten_inputs",
        n_samples,
        noise,
        random_state,
        domain=box(*[(-1, 1)] * 10),
        regime=lambda a, b, c, d, *idle: a + b - c > 0,
        laws=(lambda a, b, c, d, *idle: 2 * a - b + d - 2, lambda a, b, c, d, *idle: 2 * c - a - d + 2),
    )


@shared_sections
def make_oblique_hinge(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """Two planes hinged along an oblique line: a kink and no jump.

    (a, b) in [-1, 1]^2. f = a - b + 3 max(0, a + b/2); regime 1 where a + b/2 > 0, regime 0 elsewhere. Shares 1/2 and
    1/2. Only the slope tells the regimes apart.

    Examples
    --------
    >>> import numpy as np
    >>> from modpart.datasets import make_oblique_hinge
    >>> X, y, regime = make_oblique_hinge(500, noise=0, random_state=0)
    >>> a, b = X.T
    >>> bool(np.allclose(y, a - b + 3 * np.maximum(0, a + b / 2)))
    True
    """
    return draw(
        "make_oblique_hinge",
        n_samples,
        noise,
        random_state,
        domain=box((-1, 1), (-1, 1)),
        regime=lambda a, b: a + b / 2 > 0,
        laws=(lambda a, b: a - b, lambda a, b: 4 * a + b / 2),
    )


@shared_sections
def make_checkerboard(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """Two laws on the squares of a 3 x 3 checkerboard.

    (a, b) in [0, 3]^2; the regime is the parity of floor(a) + floor(b). f is sin(2a) + b + 2 in regime 0, five
    squares, and cos(2b) - a - 1 in regime 1, four squares. Shares 5/9 and 4/9. Each regime lies in pieces that touch
    only at corners.

    Examples
    --------
    >>> from modpart.datasets import make_checkerboard
    >>> X, y, regime = make_checkerboard(500, random_state=0)
    >>> bool((regime == X.astype(int).sum(axis=1) % 2).all())
    True
    """
    return draw(
        "make_checkerboard",
        n_samples,
        noise,
        random_state,
        domain=box((0, 3), (0, 3)),
        regime=lambda a, b: (np.floor(a) + np.floor(b)) % 2,
        laws=(lambda a, b: np.sin(2 * a) + b + 2, lambda a, b: np.cos(2 * b) - a - 1),
    )
