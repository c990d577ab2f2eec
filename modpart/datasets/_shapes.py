"""Five small piecewise laws: a jump along a line, a burst, three pieces, four quadrants, and a kink."""

from typing import Any

import numpy as np

from modpart.datasets._sampling import Sample, box, draw, shared_sections

__all__ = [
    "make_elastoplastic",
    "make_four_quadrants",
    "make_sine_burst",
    "make_three_pieces",
    "make_two_planes",
]


@shared_sections
def make_two_planes(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """Two planes on either side of an oblique line.

    (a, b) in [-1, 1]^2. Regime 1 where a + b/2 > 0: f = 3a - b + 1; regime 0 elsewhere: f = -2a + 2b - 1.
    Shares 1/2 and 1/2; std(f) = 1.955. Along the line the jump is 2 - 5.5 b, so it vanishes at b = 4/11: rows near
    that point cannot be told apart.

    Examples
    --------
    >>> from modpart.datasets import make_two_planes
    >>> X, y, regime = make_two_planes(500, random_state=0)
    >>> X.shape, bool(((X[:, 0] + X[:, 1] / 2 > 0) == regime).all())
    ((500, 2), True)
    """
    return draw(
        "make_two_planes",
        n_samples,
        noise,
        random_state,
        domain=box((-1, 1), (-1, 1)),
        regime=lambda a, b: a + b / 2 > 0,
        laws=(lambda a, b: -2 * a + 2 * b - 1, lambda a, b: 3 * a - b + 1),
    )


@shared_sections
def make_sine_burst(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """A slow sine with a fast burst in the middle.

    x in [0, 10]. Regime 1 where 4 < x < 6: f = sin(x) + 1.5 sin(10 x); regime 0 elsewhere, in two separate pieces:
    f = sin(x). Shares .8 and .2; std(f) = .816; jumps +1.12 at 4 and +.46 at 6.

    Examples
    --------
    >>> from modpart.datasets import make_sine_burst
    >>> X, y, regime = make_sine_burst(500, random_state=0)
    >>> bool(X[regime == 1].min() > 4), bool(X[regime == 1].max() < 6)
    (True, True)
    """
    return draw(
        "make_sine_burst",
        n_samples,
        noise,
        random_state,
        domain=box((0, 10)),
        regime=lambda x: (x > 4) & (x < 6),
        laws=(np.sin, lambda x: np.sin(x) + 1.5 * np.sin(10 * x)),
    )


@shared_sections
def make_three_pieces(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """A line, a sine and a parabola, one after the other.

    x in [-3, 3]. Regime 0 where x < -1: f = 2x + 4; regime 1 where -1 <= x < 1: f = sin(6x) - 3; regime 2 where
    x >= 1: f = 4 - (x - 2)^2. Shares 1/3 each; std(f) = 2.843; jumps -4.72 at -1 and +6.28 at 1.

    Examples
    --------
    >>> from modpart.datasets import make_three_pieces
    >>> X, y, regime = make_three_pieces(500, noise=0, random_state=0)
    >>> bool((y[regime == 0] == 2 * X[regime == 0, 0] + 4).all())
    True
    """
    return draw(
        "make_three_pieces",
        n_samples,
        noise,
        random_state,
        domain=box((-3, 3)),
        regime=lambda x: np.digitize(x, [-1, 1]),
        laws=(lambda x: 2 * x + 4, lambda x: np.sin(6 * x) - 3, lambda x: 4 - (x - 2) ** 2),
    )


@shared_sections
def make_four_quadrants(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """A law of its own in each quadrant of the plane.

    (a, b) in [-1, 1]^2; regime 2 [a > 0] + [b > 0]. f is 2a - b - 2 in regime 0, sin(5a) + 2 in regime 1,
    3b^2 - 1 - 2a in regime 2 and 2 cos(4ab) - 4b in regime 3. Shares 1/4 each; std(f) = 2.057; f jumps on both axes.

    Examples
    --------
    >>> from modpart.datasets import make_four_quadrants
    >>> X, y, regime = make_four_quadrants(500, random_state=0)
    >>> sorted(set(regime.tolist()))
    [0, 1, 2, 3]
    """
    return draw(
        "make_four_quadrants",
        n_samples,
        noise,
        random_state,
        domain=box((-1, 1), (-1, 1)),
        regime=lambda a, b: 2 * (a > 0) + (b > 0),
        laws=(
            lambda a, b: 2 * a - b - 2,
            lambda a, b: np.sin(5 * a) + 2,
            lambda a, b: 3 * b**2 - 1 - 2 * a,
            lambda a, b: 2 * np.cos(4 * a * b) - 4 * b,
        ),
    )


@shared_sections
def make_elastoplastic(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """A bilinear stress-strain curve: stiff and elastic, then soft and plastic, with a kink and no jump.

    x in [0, 1]. Regime 0 where x <= .4: f = 5x; regime 1 elsewhere: f = 2 + .3 (x - .4). Shares .4 and .6;
    std(f) = .648. Dimensionless; :func:`make_load_unload` has units and an unloading branch.

    Examples
    --------
    >>> from modpart.datasets import make_elastoplastic
    >>> X, y, regime = make_elastoplastic(500, noise=0, random_state=0)
    >>> bool(y[regime == 0].max() <= 2 <= y[regime == 1].min())
    True
    """
    return draw(
        "make_elastoplastic",
        n_samples,
        noise,
        random_state,
        domain=box((0, 1)),
        regime=lambda x: x > 0.4,
        laws=(lambda x: 5 * x, lambda x: 2 + 0.3 * (x - 0.4)),
    )
