"""A short rule with a slanting border: a weighted sum of two or three inputs above or below a number."""

from dataclasses import dataclass
from math import inf

import numpy as np
from sklearn.linear_model import LogisticRegression

from modpart._utils.quiet import no_convergence_warnings
from modpart._utils.words import plain, shortest_between

__all__ = ["Oblique", "oblique_condition"]

WEIGHT_DIGITS = 2
PENALTY = 1e4  # inverse strength, as scikit-learn counts it: next to none
GAIN = 0.01  # of F1, for which a third input is worth its words


@dataclass(frozen=True)
class Oblique:
    """A weighted sum of inputs within bounds: ``low < sum <= high``.

    Attributes
    ----------
    columns : tuple of int
    names : tuple of str
    weights : tuple of float
        The first is 1, the others have two digits.
    low, high : float
        Infinite where there is no bound.
    """

    columns: tuple[int, ...]
    names: tuple[str, ...]
    weights: tuple[float, ...]
    low: float = -inf
    high: float = inf

    def holds(self, X: np.ndarray) -> np.ndarray:
        """Whether it holds in each row, shape (n_samples,)."""
        total = _weighted_sum(X, self.columns, self.weights)
        return (total > self.low) & (total <= self.high)

    def __str__(self) -> str:
        words = self.names[0]
        for name, weight in zip(self.names[1:], self.weights[1:], strict=True):
            size = "" if abs(weight) == 1 else plain(abs(weight), 15) + " "
            words += f" {'-' if weight < 0 else '+'} {size}{name}"
        return f"{words} > {plain(self.low, 15)}" if self.high == inf else f"{words} <= {plain(self.high, 15)}"


def oblique_condition(X: np.ndarray, inside: np.ndarray, names: list[str]) -> Oblique | None:
    """The condition on two inputs, or on three if that is clearly better, that tells the rows `inside` best.

    Logistic regression on all inputs names those of the largest weights, and again on these alone weighs them. Weights
    are rounded first; then the best cut along the rounded sum is taken.
    """
    means, sds = X.mean(axis=0), X.std(axis=0)
    usable = np.flatnonzero(sds > 1e-12 * np.abs(X).max(axis=0))
    if len(usable) < 2 or inside.all() or not inside.any():
        return None
    Z = (X - means)[:, usable] / sds[usable]
    order = np.argsort(-np.abs(_weights(Z, inside)), kind="stable")
    best, best_score = None, -inf
    for count in (2, 3):
        if count > len(order):
            break
        chosen = order[:count]
        columns = usable[chosen]
        weights = _weights(Z[:, chosen], inside) / sds[columns]
        if not np.all(weights):
            continue
        lead = float(weights[0])
        rounded = [1.0, *(float(f"{weight / lead:.{WEIGHT_DIGITS}g}") for weight in weights[1:])]
        condition, score = _best_cut(X, inside, columns, rounded, names)
        if score > best_score + (GAIN if best is not None else 0.0):
            best, best_score = condition, score
    return best


def _weighted_sum(X: np.ndarray, columns: tuple[int, ...], weights: tuple[float, ...]) -> np.ndarray:
    """Weighted sum of some columns; a row's last bits do not depend on the other rows."""
    total = np.zeros(len(X))
    for column, weight in zip(columns, weights, strict=True):
        total += weight * X[:, column]
    return total


def _weights(Z: np.ndarray, inside: np.ndarray) -> np.ndarray:
    with no_convergence_warnings():
        return LogisticRegression(C=PENALTY, solver="newton-cholesky").fit(Z, inside).coef_[0]


def _best_cut(
    X: np.ndarray, inside: np.ndarray, columns: np.ndarray, weights: list[float], names: list[str]
) -> tuple[Oblique | None, float]:
    """The cut along the weighted sum with the best F1, and that F1."""
    what = tuple(int(j) for j in columns), tuple(names[j] for j in columns), tuple(weights)
    total = _weighted_sum(X, what[0], what[2])
    order = np.argsort(total, kind="stable")
    total, inside = total[order], inside[order]
    below = np.cumsum(inside)
    at = np.arange(1, len(total) + 1)
    count = below[-1]
    cuts = np.flatnonzero(total[1:] > total[:-1])
    if not len(cuts):
        return None, -inf
    low_side = 2 * below[cuts] / (at[cuts] + count)
    high_side = 2 * (count - below[cuts]) / (len(total) - at[cuts] + count)
    side = low_side if low_side.max() >= high_side.max() else high_side
    cut = cuts[int(np.argmax(side))]
    bound = shortest_between(float(total[cut]), float(total[cut + 1]))
    ends = (-inf, bound) if side is low_side else (bound, inf)
    return Oblique(*what, *ends), float(side.max())
