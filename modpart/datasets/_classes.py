"""Classes whose rule changes from regime to regime: two rules, four quadrants of rules, and faults of a machine."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from modpart._utils.params import integer, number, validate
from modpart._utils.seeds import check_rng
from modpart.datasets._sampling import Domain, Law, Sample, box

__all__ = ["labelled_classes", "make_fault_modes", "make_quadrant_rules", "make_two_rules"]

_RULES = {"n_samples": (integer(1),), "noise": (number(0.0, 1.0),)}


def _draw_classes(
    owner: str,
    n_samples: int,
    noise: float,
    random_state: Any,
    *,
    domain: Domain,
    regime: Law,
    rules: Sequence[Law],
    n_classes: int,
) -> Sample:
    """Draw X, label its rows by the rule of their regime, then let the share `noise` change to another class."""
    validate(owner, {"n_samples": n_samples, "noise": noise}, _RULES)
    rng = check_rng(random_state)
    X = domain(rng, n_samples)
    regimes = np.empty(n_samples, dtype=np.int64)
    regimes[:] = regime(*X.T)
    y = np.empty(n_samples, dtype=np.int64)
    for k, rule in enumerate(rules):
        rows = regimes == k
        y[rows] = rule(*X[rows].T)
    changed = rng.random(n_samples) < noise
    y = np.where(changed, (y + rng.integers(1, n_classes, size=n_samples)) % n_classes, y)
    return X, y, regimes


def make_two_rules(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """Two classes by one line, and by the opposite of another one beyond a border.

    (a, b) in [-1, 1]^2. Regime 1 where a > .1: class 1 where b < a/2; regime 0 elsewhere: class 1 where b > -a/4.
    Shares .55 and .45; no single line tells the classes apart.

    Parameters
    ----------
    n_samples : int >= 1, default=1000
        Number of rows.
    noise : float from 0 to 1, default=0.05
        Share of rows whose class is replaced by another one at random.
    random_state : int >= 0, Generator, RandomState or None, default=None
        Seeds the draws. Global random state is neither read nor written.

    Returns
    -------
    X : ndarray of shape (n_samples, 2), float64
        Independent uniform draws.
    y : ndarray of shape (n_samples,), int64
        Class of each row, 0 or 1.
    regime : ndarray of shape (n_samples,), int64
        The rule that each row follows.

    Raises
    ------
    ParameterError
        When an argument is out of its range; the message names it.

    Examples
    --------
    >>> from modpart.datasets import make_two_rules
    >>> X, y, regime = make_two_rules(500, random_state=0)
    >>> bool(((X[:, 0] > 0.1) == regime).all())
    True
    """
    return _draw_classes(
        "make_two_rules",
        n_samples,
        noise,
        random_state,
        domain=box((-1, 1), (-1, 1)),
        regime=lambda a, b: a > 0.1,
        rules=(lambda a, b: b > -a / 4, lambda a, b: b < a / 2),
        n_classes=2,
    )


def make_quadrant_rules(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """Two inputs choose one of four rules, which tell two classes apart by two other inputs.

    (a, b, c, d) in [-1, 1]^4; regime 2 [a > 0] + [b > 0]. Class 1 where c + .3d > 0 in regime 0, d - .3c > .2 in
    regime 1, c < d in regime 2 and c + d < -.1 in regime 3. Shares 1/4 each.

    Parameters
    ----------
    n_samples : int >= 1, default=1000
        Number of rows.
    noise : float from 0 to 1, default=0.05
        Share of rows whose class is replaced by another one at random.
    random_state : int >= 0, Generator, RandomState or None, default=None
        Seeds the draws. Global random state is neither read nor written.

    Returns
    -------
    X : ndarray of shape (n_samples, 4), float64
        Independent uniform draws.
    y : ndarray of shape (n_samples,), int64
        Class of each row, 0 or 1.
    regime : ndarray of shape (n_samples,), int64
        The rule that each row follows.

    Raises
    ------
    ParameterError
        When an argument is out of its range; the message names it.

    Examples
    --------
    >>> from modpart.datasets import make_quadrant_rules
    >>> X, y, regime = make_quadrant_rules(500, noise=0, random_state=0)
    >>> rows = regime == 3
    >>> bool((y[rows] == (X[rows, 2] + X[rows, 3] < -0.1)).all())
    True
    """
    return _draw_classes(
        "make_quadrant_rules",
        n_samples,
        noise,
        random_state,
        domain=box(*[(-1, 1)] * 4),
        regime=lambda a, b, c, d: 2 * (a > 0) + (b > 0),
        rules=(
            lambda a, b, c, d: c + 0.3 * d > 0,
            lambda a, b, c, d: d - 0.3 * c > 0.2,
            lambda a, b, c, d: c < d,
            lambda a, b, c, d: c + d < -0.1,
        ),
        n_classes=2,
    )


def make_fault_modes(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """Three states of a machine whose signs change with its speed.

    speed in [0, 1], vibration v and heat h in [-1, 1]; all dimensionless. The class is that of the largest score of
    sound (0), unbalanced (1) and overheated (2). Regime 0 where speed <= .5: 0, 2v - h - .3 and 2h - v - .3. Regime 1,
    beyond a resonance: 0, -v - h - .2 and 2v + h/2 - .4. Shares 1/2 each.

    Parameters
    ----------
    n_samples : int >= 1, default=1000
        Number of rows.
    noise : float from 0 to 1, default=0.05
        Share of rows whose class is replaced by another one at random.
    random_state : int >= 0, Generator, RandomState or None, default=None
        Seeds the draws. Global random state is neither read nor written.

    Returns
    -------
    X : ndarray of shape (n_samples, 3), float64
        Independent uniform draws.
    y : ndarray of shape (n_samples,), int64
        Class of each row, 0, 1 or 2.
    regime : ndarray of shape (n_samples,), int64
        The rule that each row follows.

    Raises
    ------
    ParameterError
        When an argument is out of its range; the message names it.

    Examples
    --------
    >>> from modpart.datasets import make_fault_modes
    >>> X, y, regime = make_fault_modes(500, random_state=0)
    >>> sorted(set(y.tolist()))
    [0, 1, 2]
    """
    return _draw_classes(
        "make_fault_modes",
        n_samples,
        noise,
        random_state,
        domain=box((0, 1), (-1, 1), (-1, 1)),
        regime=lambda speed, vibration, heat: speed > 0.5,
        rules=(
            lambda speed, v, h: np.argmax([0 * v, 2 * v - h - 0.3, 2 * h - v - 0.3], axis=0),
            lambda speed, v, h: np.argmax([0 * v, -v - h - 0.2, 2 * v + h / 2 - 0.4], axis=0),
        ),
        n_classes=3,
    )


def labelled_classes() -> dict[str, Callable[..., Sample]]:
    """Return the generators of classes with more than one regime.

    Returns
    -------
    generators : dict of str to callable
        Keys are the function names without ``make_``; every value can be called as
        ``generator(n_samples, noise=0.05, random_state=0)`` and returns ``(X, y, regime)``, y holding classes.

    Examples
    --------
    >>> from modpart.datasets import labelled_classes
    >>> sorted(labelled_classes())
    ['fault_modes', 'quadrant_rules', 'two_rules']
    """
    return {"two_rules": make_two_rules, "quadrant_rules": make_quadrant_rules, "fault_modes": make_fault_modes}
