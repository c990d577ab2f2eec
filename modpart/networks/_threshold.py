"""How active a unit has to be to belong to a class: decided on rows that training has not seen."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from sklearn.linear_model import LogisticRegression

from modpart.networks._cut import Weights, cut
from modpart.networks._masks import Masks, class_masks, joined
from modpart.networks._plan import Plan, wire_up

__all__ = ["THRESHOLDS", "Cutter", "calibrate", "choose_threshold", "cut_classes", "held_out_rows", "random_subsets"]

THRESHOLDS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.05, 0.02, 0.01)
_MOST_SUBSETS = 30
_HALVINGS = 5  # of the rates between two of these thresholds


def held_out_rows(codes: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """True for rows held out: the fraction of each class, rounded; none of a class with fewer than five rows."""
    held = np.zeros(len(codes), dtype=bool)
    for c in range(codes.max() + 1):
        rows = np.flatnonzero(codes == c)
        if len(rows) >= 5:
            held[rng.permutation(rows)[: round(fraction * len(rows))]] = True
    return held


def random_subsets(n_classes: int, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Sets of two to eight classes (all of them at most), drawn at random, without repetition."""
    most = min(8, n_classes)
    seen: dict[tuple[int, ...], np.ndarray] = {}
    for _ in range(20 * count):
        if len(seen) == count:
            break
        chosen = np.sort(rng.permutation(n_classes)[: rng.integers(2, most + 1)])
        seen.setdefault(tuple(chosen.tolist()), chosen)
    return list(seen.values())


def cut_classes(plan: Plan, weights: Weights, masks: Masks, classes: Any, n_classes: int) -> tuple[Plan, Weights]:
    """The net of some classes: units that any of them needs, and their outputs."""
    outputs = np.isin(np.arange(n_classes), classes)
    return cut(plan, weights, joined(masks, classes) | {wire_up(plan).output: outputs})


class Cutter(Protocol):
    """Answers of a net and of its parts, float64, and how large the parts are."""

    def whole(self, X: np.ndarray) -> np.ndarray:
        """Answers of the whole net, (n, n_classes)."""

    def answers(self, masks: Masks, classes: Any, X: np.ndarray) -> np.ndarray:
        """Answers of the net of some classes, (n, len(classes))."""

    def retention(self, masks: Masks) -> float:
        """Mean size of the nets of one class, as a share of the whole net's parameters."""


def choose_threshold(
    cutter: Cutter,
    rates: Mapping[str, np.ndarray],
    X: np.ndarray,
    codes: np.ndarray,
    max_loss: float,
    rng: np.random.Generator,
) -> tuple[float, list[dict[str, float]]]:
    """Return the largest threshold found at which cut nets lose at most `max_loss` accuracy, and what each tried gave.

    The loss is the mean over random sets of classes of the accuracy of the whole net, restricted to the outputs of the
    set, less that of the cut net, on rows of these classes. Fixed thresholds are tried from the largest on until one
    holds; then the rates that lie between it and the one before, at which masks change, are halved a few times. Where
    all lose more, the one with the least loss is taken.
    """
    n_classes, full = next(iter(rates.values())).shape[0], cutter.whole(X)
    subsets = [s for s in random_subsets(n_classes, _MOST_SUBSETS, rng) if np.isin(codes, s).any()]

    def tried(threshold: float) -> dict[str, float]:
        masks, losses = class_masks(rates, threshold), []
        for chosen in subsets:
            rows = np.isin(codes, chosen)
            place = np.searchsorted(chosen, codes[rows])
            whole = (full[rows][:, chosen].argmax(1) == place).mean()
            losses.append(whole - (cutter.answers(masks, chosen, X[rows]).argmax(1) == place).mean())
        return {"threshold": threshold, "loss": float(np.mean(losses)), "retention": cutter.retention(masks)}

    path = []
    for threshold in THRESHOLDS:
        path.append(tried(threshold))
        if path[-1]["loss"] <= max_loss:
            break
    if path[-1]["loss"] > max_loss:
        return min(path, key=lambda row: row["loss"])["threshold"], path
    best = path[-1]
    if len(path) > 1:
        steps = np.unique(np.concatenate([rate.ravel() for rate in rates.values()]))
        steps = steps[(steps > best["threshold"]) & (steps < path[-2]["threshold"])]
        for _ in range(_HALVINGS):
            if len(steps) == 0:
                break
            middle = len(steps) // 2
            path.append(tried(float(steps[middle])))
            holds = path[-1]["loss"] <= max_loss
            best, steps = (path[-1], steps[middle + 1 :]) if holds else (best, steps[:middle])
    return best["threshold"], sorted(path, key=lambda row: -row["threshold"])


def calibrate(logits: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of Platt's logistic curve, log odds = a logit + b, for one class against the rest."""
    if positive.all() or not positive.any():
        return 1.0, 0.0
    fitted = LogisticRegression(C=10.0).fit(logits.reshape(-1, 1), positive)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
