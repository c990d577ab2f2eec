"""Laws with regimes from materials, electronics, economics and control."""

from typing import Any

import numpy as np
from scipy.signal import lfilter

from modpart.datasets._sampling import Sample, box, draw, shared_sections

__all__ = [
    "make_column_buckling",
    "make_hammerstein",
    "make_load_unload",
    "make_mosfet",
    "make_tax_brackets",
]


@shared_sections
def make_mosfet(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """Drain current of a field-effect transistor: cut-off, triode, saturation.

    Columns: gate voltage g and drain voltage d against the source, in V, each in [0, 3]; the overdrive is v = g - 1.
    f in mA is 0 in regime 0, v <= 0 (cut-off), (v - d/2) d (1 + .02 d) in regime 1, d < v (triode), and
    v^2/2 (1 + .02 d) in regime 2 (saturation). Shares 1/3, 2/9 and 4/9. f and its slopes are continuous.

    References
    ----------
    H. Shichman, D. A. Hodges, "Modeling and simulation of insulated-gate field-effect transistor switching circuits",
    IEEE Journal of Solid-State Circuits 3 (1968).

    Examples
    --------
    >>> from modpart.datasets import make_mosfet
    >>> X, y, regime = make_mosfet(500, noise=0, random_state=0)
    >>> float(abs(y[regime == 0]).max()), bool(y[regime > 0].min() > 0)
    (0.0, True)
    """
    return draw(
        "make_mosfet",
        n_samples,
        noise,
        random_state,
        domain=box((0, 3), (0, 3)),
        regime=lambda g, d: np.where(g <= 1, 0, np.where(d < g - 1, 1, 2)),
        laws=(
            lambda g, d: 0.0,
            lambda g, d: (g - 1 - d / 2) * d * (1 + 0.02 * d),
            lambda g, d: (g - 1) ** 2 / 2 * (1 + 0.02 * d),
        ),
    )


@shared_sections
def make_column_buckling(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """Critical stress of a steel column: Johnson's parabola or Euler's hyperbola.

    Columns: slenderness L (length over radius of gyration, dimensionless) in [20, 200] and yield stress s in MPa in
    [200, 500]; Young's modulus is E = 200 GPa. The critical slenderness is C = pi sqrt(2E/s). f in MPa is
    s (1 - L^2 / (2 C^2)) in regime 0, L <= C (Johnson), and pi^2 E / L^2 in regime 1 (Euler). Shares .494 and .506.
    The parabola touches the hyperbola at f = s/2: value and slope agree there, only the curvature jumps.

    References
    ----------
    S. P. Timoshenko, J. M. Gere, "Theory of Elastic Stability"; J. E. Shigley, "Mechanical Engineering Design".

    Examples
    --------
    >>> from modpart.datasets import make_column_buckling
    >>> X, y, regime = make_column_buckling(500, noise=0, random_state=0)
    >>> bool((y[regime == 0] >= X[regime == 0, 1] / 2).all()), bool((y[regime == 1] < X[regime == 1, 1] / 2).all())
    (True, True)
    """
    euler = np.pi**2 * 200e3  # pi^2 E, in MPa
    return draw(
        "make_column_buckling",
        n_samples,
        noise,
        random_state,
        domain=box((20, 200), (200, 500)),
        regime=lambda slenderness, s: slenderness > np.sqrt(2 * euler / s),
        laws=(
            lambda slenderness, s: s * (1 - s * slenderness**2 / (4 * euler)),
            lambda slenderness, s: euler / slenderness**2,
        ),
    )


def _load_path(rng: np.random.Generator, n_samples: int) -> np.ndarray:
    """Strain and direction of half-and-half loading and unloading."""
    place, side = rng.random((n_samples, 2)).T
    loading = side < 0.5
    return np.column_stack([np.where(loading, place, 1 - 0.28 * place), np.where(loading, 1.0, -1.0)])


@shared_sections
def make_load_unload(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """A tensile test with bilinear hardening: elastic, plastic, and elastic unloading from the peak.

    Columns: strain e in percent and direction, +1 for loading and -1 for unloading, half of the rows each. Loading
    goes from 0 to 1, unloading from 1 back to .72, where the stress is gone. f is the stress in MPa for a modulus of
    70 GPa, yield at 140 MPa and a tangent modulus of 7 GPa: 700 e in regime 0, loading up to e = .2 (elastic),
    140 + 70 (e - .2) in regime 1, loading further (plastic), 196 - 700 (1 - e) in regime 2 (unloading). Shares .1, .4
    and .5. Strain alone does not tell the regime. f is continuous along the load path.

    References
    ----------
    J. Lubliner, "Plasticity Theory".

    Examples
    --------
    >>> from modpart.datasets import make_load_unload
    >>> X, y, regime = make_load_unload(500, noise=0, random_state=0)
    >>> bool((X[regime == 2, 1] == -1).all()), bool(0 <= y.min() <= y.max() <= 196)
    (True, True)
    """
    return draw(
        "make_load_unload",
        n_samples,
        noise,
        random_state,
        domain=_load_path,
        regime=lambda e, direction: np.where(direction < 0, 2, e > 0.2),
        laws=(
            lambda e, direction: 700 * e,
            lambda e, direction: 140 + 70 * (e - 0.2),
            lambda e, direction: 196 - 700 * (1 - e),
        ),
    )


@shared_sections
def make_tax_brackets(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """Income tax with progressive brackets: each rate holds for the part of the income inside its bracket.

    One column: income x in thousands, in [0, 100]. f is the tax due, in thousands, of an invented schedule: nothing in
    regime 0, x <= 10; 20 % of what exceeds 10 in regime 1, x <= 40; 6 plus 42 % of what exceeds 40 in regime 2.
    Shares .1, .3 and .6. f is continuous and convex, with kinks.

    Examples
    --------
    >>> from modpart.datasets import make_tax_brackets
    >>> X, y, regime = make_tax_brackets(500, noise=0, random_state=0)
    >>> bool(y[regime == 1].max() <= 6 <= y[regime == 2].min())
    True
    """
    return draw(
        "make_tax_brackets",
        n_samples,
        noise,
        random_state,
        domain=box((0, 100)),
        regime=lambda x: np.digitize(x, [10, 40], right=True),
        laws=(lambda x: 0.0, lambda x: 0.2 * (x - 10), lambda x: 6 + 0.42 * (x - 40)),
    )


def _dead_zone(u: np.ndarray) -> np.ndarray:
    return np.sign(u) * np.maximum(np.abs(u) - 0.4, 0)


def _trajectory(rng: np.random.Generator, n_samples: int) -> np.ndarray:
    """State and input, step by step, of the noise-free system started at rest."""
    u = rng.uniform(-1, 1, n_samples)
    return np.column_stack([lfilter([0, 1], [1, -0.7], _dead_zone(u)), u])


@shared_sections
def make_hammerstein(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """A dynamic system with a dead zone at its input: a piecewise affine ARX model with three regimes.

    Columns: the state w(t), started at 0, and the input u(t), white and uniform in [-1, 1]; rows are in time order.
    f is the next state, w(t+1) = .7 w(t) + g(u(t)), where g is u + .4 in regime 0, u < -.4, zero in regime 1, the dead
    zone, and u - .4 in regime 2, u > .4. Shares .3, .4 and .3. f is continuous. Noise is added to the target alone,
    it does not enter later states. Dimensionless.

    References
    ----------
    L. Ljung, "System Identification: Theory for the User".

    Examples
    --------
    >>> import numpy as np
    >>> from modpart.datasets import make_hammerstein
    >>> X, y, regime = make_hammerstein(500, noise=0, random_state=0)
    >>> bool(np.allclose(y[:-1], X[1:, 0]))
    True
    """
    return draw(
        "make_hammerstein",
        n_samples,
        noise,
        random_state,
        domain=_trajectory,
        regime=lambda w, u: np.where(u < -0.4, 0, np.where(u <= 0.4, 1, 2)),
        laws=(lambda w, u: 0.7 * w + u + 0.4, lambda w, u: 0.7 * w, lambda w, u: 0.7 * w + u - 0.4),
    )
