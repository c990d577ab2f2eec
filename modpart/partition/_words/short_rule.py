"""A short rule for a set of rows, found by shallow trees and judged on the rows themselves."""

from dataclasses import dataclass
from math import inf

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from modpart._utils.words import plain, shortest_between
from modpart.partition._words.oblique_rule import Oblique, oblique_condition

__all__ = ["Condition", "Otherwise", "Rule", "box_around", "meets", "short_rule"]

LEAVES = (2, 3, 4, 6, 8)
MOST_CONDITIONS = 3
LEAST_AGREEMENT = 0.9  # of coverage and of precision; a rule that does worse is not told
TOLERANCE = 0.005  # of F1, by which a shorter rule may be worse
SLANT = 0.01  # of F1, by which a slanting border must be better than upright ones
SEARCH_ROWS = 20_000


@dataclass(frozen=True)
class Condition:
    """One input within bounds: ``low < value <= high``.

    Attributes
    ----------
    column : int
    name : str
    low, high : float
        Infinite where there is no bound.
    values : tuple of float or None
        The two values of an input that has no others, None for all other inputs.
    """

    column: int
    name: str
    low: float = -inf
    high: float = inf
    values: tuple[float, float] | None = None

    def holds(self, X: np.ndarray) -> np.ndarray:
        """Whether it holds in each row, shape (n_samples,)."""
        column = X[:, self.column]
        return (column > self.low) & (column <= self.high)

    def __str__(self) -> str:
        if self.values is not None:
            return f"{self.name} = {plain(self.values[self.low > -inf], 15)}"
        if self.low == -inf:
            return f"{self.name} <= {plain(self.high, 15)}"
        if self.high == inf:
            return f"{self.name} > {plain(self.low, 15)}"
        return f"{plain(self.low, 15)} < {self.name} <= {plain(self.high, 15)}"


@dataclass(frozen=True)
class Rule:
    """Boxes, of which one must hold; a box holds where all its conditions hold.

    Attributes
    ----------
    boxes : tuple of tuple of Condition or Oblique
    """

    boxes: tuple[tuple[Condition | Oblique, ...], ...]

    def holds(self, X: np.ndarray) -> np.ndarray:
        """Whether it holds in each row, shape (n_samples,)."""
        held = np.zeros(len(X), dtype=bool)
        for box in self.boxes:
            held |= np.logical_and.reduce([condition.holds(X) for condition in box])
        return held

    def __len__(self) -> int:
        return sum(len(box) for box in self.boxes)

    def __str__(self) -> str:
        boxes = [" and ".join(map(str, box)) for box in self.boxes]
        return " or ".join(f"({box})" if " and " in box and len(boxes) > 1 else box for box in boxes)


@dataclass(frozen=True)
class Otherwise:
    """Holds where none of the other rules does.

    Attributes
    ----------
    others : tuple of Rule
    """

    others: tuple[Rule, ...]

    def holds(self, X: np.ndarray) -> np.ndarray:
        """Whether it holds in each row, shape (n_samples,)."""
        return ~np.logical_or.reduce([rule.holds(X) for rule in self.others])

    def __str__(self) -> str:
        return "all other rows"


def short_rule(X: np.ndarray, inside: np.ndarray, names: list[str], rng: np.random.Generator) -> Rule | None:
    """The shortest rule of at most three conditions that tells the rows `inside` from the others, or None.

    Trees of two to eight leaves are fitted to the ranks of each input: units and float precision do not matter. The
    leaves in which rows inside prevail become boxes, needless bounds are dropped, and of the rules whose F1 is within
    0.005 of the best the shortest is taken, unless a slanting border is better by 0.01. Bounds are rounded within the
    gap between two rows, which changes no row. A rule with less than 90 % coverage or precision is not told.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    inside : ndarray of shape (n_samples,), bool
    names : list of str
    rng : numpy.random.Generator
        Draws the rows to learn from where there are more than 20,000.
    """
    search = np.arange(len(X)) if len(X) <= SEARCH_ROWS else rng.choice(len(X), SEARCH_ROWS, replace=False)
    if inside[search].all() or not inside[search].any():
        return None
    rules = _upright_rules(X, inside, names, search)
    scores = [_f1(rule.holds(X), inside) for rule in rules]
    best = max(scores, default=0.0)
    near = [rule for rule, score in zip(rules, scores, strict=True) if score >= best - TOLERANCE]
    rule = min(near, key=len, default=None)
    if best < 1.0 - SLANT and (slant := oblique_condition(X[search], inside[search], names)) is not None:
        other = Rule(((slant,),))
        rule = other if _f1(other.holds(X), inside) > best + SLANT else rule
    return rule if rule is not None and meets(rule.holds(X), inside) else None


def _upright_rules(X: np.ndarray, inside: np.ndarray, names: list[str], search: np.ndarray) -> list[Rule]:
    """Rules read off trees of several sizes that learned the rows `search`."""
    values, ranks = _ranks(X)
    found = []
    for leaves in LEAVES:
        tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0).fit(ranks[search], inside[search])
        boxes = _pruned(_boxes_of(tree), ranks[search], inside[search])
        count = sum(len({column for column, _ in box}) for box in boxes)
        if boxes and all(boxes) and count <= MOST_CONDITIONS:
            found.append(Rule(tuple(_conditions(box, values, names) for box in boxes)))
    return found


def meets(held: np.ndarray, inside: np.ndarray) -> bool:
    """Whether rows in which a rule holds are the rows inside, up to a tenth of either."""
    return bool((held & inside).sum() >= LEAST_AGREEMENT * max(held.sum(), inside.sum(), 1))


def box_around(X: np.ndarray, inside: np.ndarray, names: list[str], columns: list[int]) -> tuple[Condition, ...]:
    """For each of `columns`, the range of about the middle 80 % of the rows inside, in short numbers.

    A range that does not narrow its input is left out, and all of them are where they hold for other rows as often.
    """
    found = []
    for column in columns:
        low, high = (_short(X[inside, column], q, np.ptp(X[:, column])) for q in (0.1, 0.9))
        low, high = (low if low > X[:, column].min() else -inf), (high if high < X[:, column].max() else inf)
        if low < high and (low > -inf or high < inf):
            found.append(Condition(column, names[column], low, high))
    held = np.logical_and.reduce([np.ones(len(X), dtype=bool), *(condition.holds(X) for condition in found)])
    return tuple(found) if found and held[inside].mean() >= 1.5 * held[~inside].mean() else ()


def _short(values: np.ndarray, q: float, span: float) -> float:
    """A quantile to a hundredth of `span`."""
    quantile = float(np.quantile(values, q))
    return shortest_between(quantile - span / 200, quantile + span / 200)


def _ranks(X: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Distinct values of each column, and the rank of each entry among them."""
    pairs = [np.unique(column, return_inverse=True) for column in X.T]
    return [values for values, _ in pairs], np.column_stack([inverse for _, inverse in pairs])


Bound = tuple[int, float]  # side and rank: -1 bounds from below, 1 from above
Bounds = set[tuple[int, Bound]]  # by column


def _boxes_of(tree: DecisionTreeClassifier) -> list[Bounds]:
    """The leaves of a fitted tree in which the rows inside prevail, as the tightest bounds on the way to them."""
    nodes = tree.tree_
    boxes: list[Bounds] = []
    open_nodes: list[tuple[int, dict[tuple[int, int], float]]] = [(0, {})]
    while open_nodes:
        node, bounds = open_nodes.pop()
        left, right = nodes.children_left[node], nodes.children_right[node]
        if left == right:
            if nodes.value[node, 0].argmax() == 1:
                boxes.append({(column, (side, at)) for (column, side), at in bounds.items()})
            continue
        column, at = int(nodes.feature[node]), float(nodes.threshold[node])
        open_nodes.append((right, {**bounds, (column, -1): at}))
        open_nodes.append((left, {**bounds, (column, 1): at}))
    return boxes


def _pruned(boxes: list[Bounds], ranks: np.ndarray, inside: np.ndarray) -> list[Bounds]:
    """Drop boxes and bounds, one after the other, as long as F1 does not suffer."""
    score = _f1(_held(boxes, ranks), inside)
    while True:
        shorter = [boxes[:i] + boxes[i + 1 :] for i in range(len(boxes)) if len(boxes) > 1]
        shorter += [
            [*boxes[:i], box - {bound}, *boxes[i + 1 :]]
            for i, box in enumerate(boxes)
            for bound in sorted(box)
            if len(box) > 1
        ]
        scores = [_f1(_held(each, ranks), inside) for each in shorter]
        if not scores or max(scores) < score - TOLERANCE / 5:
            return boxes
        boxes = shorter[int(np.argmax(scores))]
        score = max(score, *scores)


def _held(boxes: list[Bounds], ranks: np.ndarray) -> np.ndarray:
    held = np.zeros(len(ranks), dtype=bool)
    for box in boxes:
        inside = np.ones(len(ranks), dtype=bool)
        for column, (side, at) in box:
            inside &= ranks[:, column] > at if side < 0 else ranks[:, column] <= at
        held |= inside
    return held


def _f1(held: np.ndarray, inside: np.ndarray) -> float:
    return float(2 * (held & inside).sum() / max(held.sum() + inside.sum(), 1))


def _conditions(box: Bounds, values: list[np.ndarray], names: list[str]) -> tuple[Condition, ...]:
    """Bounds on ranks as conditions on values, one for each input."""
    columns = sorted({column for column, _ in box})
    return tuple(_condition(j, [b for column, b in box if column == j], values[j], names[j]) for j in columns)


def _condition(column: int, bounds: list[Bound], values: np.ndarray, name: str) -> Condition:
    ends = {-1: -inf, 1: inf}
    for side, at in bounds:
        below = int(np.floor(at))
        ends[side] = shortest_between(float(values[below]), float(values[below + 1]))
    two = (float(values[0]), float(values[1])) if len(values) == 2 else None
    return Condition(column, name, ends[-1], ends[1], two)
