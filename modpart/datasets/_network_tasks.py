"""Tasks on which modular networks are tried: signals that slide, formulas with known structure, addition in a ring."""

from typing import Any, Literal

import numpy as np
from scipy.ndimage import gaussian_filter1d

from modpart._utils.params import integer, number, one_of, validate
from modpart._utils.seeds import check_rng

__all__ = ["make_modular_addition", "make_sliding_signals", "make_symbolic_task"]

_LENGTH, _LONG = 40, 72
# Ten strokes of twelve points, one for each class.
_STROKES = np.array(
    [
        [0, 2, 4, 5, 4, 2, 0, -2, -4, -5, -4, -2],
        [0, 1, 2, 3, 4, 5, 6, 5, 0, 0, 0, 0],
        [0, 3, 5, 5, 3, 0, -3, -4, -2, 1, 4, 6],
        [0, 4, 5, 2, 0, 1, 4, 6, 5, 2, -1, -2],
        [0, -2, -4, -5, -5, -4, 0, 5, 5, 0, 0, 0],
        [0, 5, 5, 5, 4, 1, -2, -4, -4, -3, 0, 2],
        [0, -3, -5, -5, -3, 0, 2, 3, 2, 0, -2, -3],
        [0, 5, 5, 5, 5, 4, 3, 2, 1, 0, -1, -2],
        [0, 3, 4, 1, -3, -4, -1, 3, 4, 1, -3, -4],
        [0, 3, 5, 5, 3, 0, 0, -1, -2, -3, -4, -5],
    ],
    dtype=np.float64,
)


def make_sliding_signals(
    n_samples: int = 5000, *, max_shift: int = 48, noise: float = 0.25, random_state: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Ten short strokes somewhere in a noisy signal of 40 points: a task in the manner of MNIST-1D.

    A stroke of twelve points is padded with 36 to 60 zeros, resampled to 72 points, scaled by up to 20 %, rolled, given
    correlated noise where it is silent and white noise everywhere, sheared and resampled to 40 points; the table is
    standardised as a whole. A unit that sees only some places fires for few rows of a class, which is hard for rules
    that count how often units fire.

    Parameters
    ----------
    n_samples : int >= 10, default=5000
        Number of rows.
    max_shift : int from 0 to 71, default=48
        Places that a stroke may be rolled by; the larger, the harder.
    noise : float >= 0, default=0.25
        Standard deviation of the correlated noise.
    random_state : int >= 0, Generator, RandomState or None, default=None
        Seeds the draws.

    Returns
    -------
    X : ndarray of shape (n_samples, 40), float64
        Signals, mean 0 and standard deviation 1 over the whole table.
    y : ndarray of shape (n_samples,), int64
        Classes 0 to 9, as often as one another to one row.

    Raises
    ------
    ParameterError
        When an argument is out of its range; the message names it.

    References
    ----------
    .. [1] Greydanus & Kobak, "Scaling down deep learning with MNIST-1D", ICML 2024; steps and constants follow it, the
       strokes are our own.

    Examples
    --------
    >>> from modpart.datasets import make_sliding_signals
    >>> X, y = make_sliding_signals(200, random_state=0)
    >>> X.shape, sorted(set(y.tolist())) == list(range(10))
    ((200, 40), True)
    """
    values = {"n_samples": n_samples, "max_shift": max_shift, "noise": noise}
    validate(
        "make_sliding_signals",
        values,
        {"n_samples": (integer(10),), "max_shift": (integer(0, _LONG - 1),), "noise": (number(0),)},
    )
    rng = check_rng(random_state)
    strokes = (_STROKES - _STROKES.mean(1, keepdims=True)) / _STROKES.std(1, keepdims=True)
    strokes = (strokes - strokes[:, :1]) / 6.0
    y = rng.permutation(np.arange(n_samples) % 10)
    X = np.stack([_signal(strokes[c], max_shift, noise, rng) for c in y])
    return (X - X.mean()) / X.std(), y.astype(np.int64)


def _signal(stroke: np.ndarray, max_shift: int, noise: float, rng: np.random.Generator) -> np.ndarray:
    padded = np.concatenate([stroke, np.zeros(rng.integers(36, 61))])
    signal = _resampled(padded, _LONG) * (1.0 + 0.4 * (rng.random() - 0.5))
    signal = np.roll(signal, rng.integers(0, max_shift + 1))
    silent = signal == 0.0
    hum = gaussian_filter1d(noise * rng.standard_normal(_LONG), 2.0)
    signal = np.where(silent, hum, signal) + 0.02 * rng.standard_normal(_LONG)
    signal = signal - 0.75 * (rng.random() - 0.5) * np.linspace(-0.5, 0.5, _LONG)
    return _resampled(signal, _LENGTH)


def _resampled(signal: np.ndarray, length: int) -> np.ndarray:
    return np.interp(np.linspace(0, len(signal) - 1, length), np.arange(len(signal)), signal)


def make_symbolic_task(
    name: Literal["independence", "sharing", "composition"], n_samples: int = 100, *, random_state: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Formulas whose structure a sparse net can show.

    Inputs are uniform on [-1, 1]. "independence": (x1 + x3)^3 and x2^2 + sin(pi x4) of four inputs, two outputs without
    a common input. "sharing": x1^2, x1^2 + x2^2 and x1^2 + x2^2 + x3^2 of three inputs. "composition":
    sqrt((x1 - x2)^2 + (x3 - x4)^2) of four inputs.

    Parameters
    ----------
    name : {"independence", "sharing", "composition"}
        The task.
    n_samples : int >= 1, default=100
        Number of rows.
    random_state : int >= 0, Generator, RandomState or None, default=None
        Seeds the inputs.

    Returns
    -------
    X : ndarray of shape (n_samples, 3 or 4), float64
        Independent uniform draws.
    y : ndarray of shape (n_samples, n_outputs), float64
        Without noise; "composition" has one output and shape (n_samples,).

    Raises
    ------
    ParameterError
        When an argument is out of its range; the message names it.

    References
    ----------
    .. [1] Liu, Gan & Tegmark, "Seeing is believing: brain-inspired modular training for mechanistic interpretability",
       arXiv:2305.08746 (2023), section on symbolic formulas.

    Examples
    --------
    >>> from modpart.datasets import make_symbolic_task
    >>> X, y = make_symbolic_task("sharing", 50, random_state=0)
    >>> X.shape, y.shape
    ((50, 3), (50, 3))
    """
    values = {"name": name, "n_samples": n_samples}
    rules = {"name": (one_of("independence", "sharing", "composition"),), "n_samples": (integer(1),)}
    validate("make_symbolic_task", values, rules)
    rng = check_rng(random_state)
    X = rng.uniform(-1, 1, (n_samples, 3 if name == "sharing" else 4))
    if name == "independence":
        return X, np.column_stack([(X[:, 0] + X[:, 2]) ** 3, X[:, 1] ** 2 + np.sin(np.pi * X[:, 3])])
    if name == "sharing":
        return X, np.cumsum(X**2, axis=1)
    return X, np.hypot(X[:, 0] - X[:, 1], X[:, 2] - X[:, 3])


def make_modular_addition(p: int = 31, *, random_state: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """All pairs (a, b) of numbers below p, in random order, and (a + b) modulo p.

    Parameters
    ----------
    p : int >= 2, default=31
        Size of the ring.
    random_state : int >= 0, Generator, RandomState or None, default=None
        Seeds the order of the rows.

    Returns
    -------
    X : ndarray of shape (p * p, 2 * p), float64
        a and b, each as a one-hot vector.
    y : ndarray of shape (p * p,), int64
        The sum, 0 to p - 1.

    Raises
    ------
    ParameterError
        When p is out of its range.

    Examples
    --------
    >>> from modpart.datasets import make_modular_addition
    >>> X, y = make_modular_addition(5, random_state=0)
    >>> X.shape, bool((y == (X[:, :5].argmax(1) + X[:, 5:].argmax(1)) % 5).all())
    ((25, 10), True)
    """
    validate("make_modular_addition", {"p": p}, {"p": (integer(2),)})
    order = check_rng(random_state).permutation(p * p)
    a, b = order // p, order % p
    return np.hstack([np.eye(p)[a], np.eye(p)[b]]), (a + b) % p
