"""Many partitions of one table, each with an expert per cell, and what they correct in a single model.

Two kinds of corrections are offered, and their weights are left to whoever compares them on rows not trained on:
*local* experts replace the single model in few cells, averaged over partitions of bootstrap samples; *boosted* experts
learn, one partition after the other, what the sum so far leaves over. Which does more good depends on how stiff the
model is: a straight line leaves much to boost, a flexible model little.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GroupKFold

from modpart._utils.seeds import child_seeds
from modpart.exceptions import ParameterError
from modpart.partition._bag.leaf_trees import LeafTree, grow_tree
from modpart.partition._contest import Scaling
from modpart.partition._rows import answer, fit_rows

__all__ = ["Bag", "Expert", "Family", "Partition", "folds_of", "held_out_predictions"]

LOCAL_CELLS, BOOSTED_CELLS = 8, 6
ROUNDS_PER_TREE, STEP, ROUND_SHARE = 2, 0.3, 0.6  # boosting: rounds for each tree of the bag, share of rows in a round
COLUMN_SHARE = 0.6  # of the inputs, drawn anew for every partition
LEAST_ROWS, ROWS_PER_TERM = 20, 2  # of a cell: at least 20, and 2 for each coefficient of a straight line
SHRINKAGE = 20  # a shrunk expert counts n / (n + 20 p) in a cell of n rows, p being the coefficients of a line
MARGIN = 0.1  # experts predict at most so far outside the targets of their cell, in ranges of those targets
RESIDUAL_FOLDS = 5
UNCHECKED = {"assume_finite": True, "skip_parameter_validation": True}  # for hundreds of small fits on checked rows


@dataclass(frozen=True)
class Family:
    """A kind of regressor, and what is made of it."""

    estimator: Any
    alone: bool = True  # whether its single model is a candidate
    parts: bool = True  # whether partitions are made
    scaled: bool = False  # whether it expects standardised inputs
    folded: Any = None  # what stands for the estimator in folds, where that is quicker


@dataclass
class Expert:
    """A fitted regressor that is believed only near the targets it was trained on."""

    model: Any
    low: float
    high: float
    n_rows: int
    weight: float  # of its rows together

    @classmethod
    def of(cls, estimator: Any, X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> "Expert":
        margin = MARGIN * float(np.ptp(y))
        with config_context(**UNCHECKED), _explained(estimator, len(y)):
            model = fit_rows(clone(estimator), X, y, weight)
        return cls(model, float(y.min()) - margin, float(y.max()) + margin, len(y), float(weight.sum()))

    def predict(self, X: np.ndarray) -> np.ndarray:
        with config_context(**UNCHECKED), _explained(self.model, self.n_rows):
            return np.clip(answer(self.model, X), self.low, self.high)


@contextmanager
def _explained(estimator: Any, n_rows: int) -> Iterator[None]:
    """Say that it was a cell which an estimator could not cope with."""
    try:
        yield
    except ValueError as error:
        raise ParameterError(
            f"PartitionedRegressor: estimator={estimator!r} fails as the expert of a cell of {n_rows} rows: {error} "
            f"With mode='accuracy' it must cope with {LEAST_ROWS} rows."
        ) from error


@dataclass
class Partition:
    """The cells of one tree, an expert in each."""

    tree: LeafTree
    experts: list[Expert]

    @classmethod
    def of(
        cls, tree: LeafTree, estimator: Any, X: np.ndarray, Z: np.ndarray, y: np.ndarray, weight: np.ndarray
    ) -> "Partition":
        labels = tree.labels(Z)
        cells = [labels == k for k in range(tree.n_cells)]
        return cls(tree, [Expert.of(estimator, X[cell], y[cell], weight[cell]) for cell in cells])

    def parts(self, X: np.ndarray, Z: np.ndarray) -> Iterator[tuple[np.ndarray, Expert, np.ndarray]]:
        """Rows of each cell that has any, its expert, and what the expert predicts there."""
        labels = self.tree.labels(Z)
        for k, expert in enumerate(self.experts):
            rows = np.flatnonzero(labels == k)
            if len(rows):
                yield rows, expert, expert.predict(X[rows])

    def predict(self, X: np.ndarray, Z: np.ndarray) -> np.ndarray:
        predictions = np.empty(len(X))
        for rows, _, values in self.parts(X, Z):
            predictions[rows] = values
        return predictions


class Bag:
    """A single model of all rows and three corrections of it: local, local but shrunk, boosted.

    Parameters
    ----------
    family : Family
        The single model and every expert is a clone of its estimator.
    n_trees : int
        Partitions that the local experts average over; there are twice as many boosting rounds.
    """

    def __init__(self, family: Family, n_trees: int) -> None:
        self.family = family
        self.n_trees = n_trees

    def fit(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, seed: int) -> "Bag":
        """Train everything on distinct rows; one of weight w is w equal rows."""
        rng, estimator = np.random.default_rng(seed), self.family.estimator
        self.scaling = Scaling.of(X, y, weight)
        Z = self.scaling.inputs(X)
        X = Z if self.family.scaled else X
        self.single = fit_rows(clone(estimator), X, y, weight)
        self.local: list[Partition] = []
        self.boosted: list[Partition] = []
        self.n_terms = X.shape[1] + 1
        least = max(LEAST_ROWS, ROWS_PER_TERM * self.n_terms)
        if not self.family.parts or len(X) < 2 * least:
            return self
        target, n = self.scaling.target(y), len(X)
        trees = []
        for _ in range(self.n_trees):
            drawn = weight * np.bincount(rng.integers(n, size=n), minlength=n)
            trees.append(grow_tree(Z, target, drawn, _some_columns(X.shape[1], rng), LOCAL_CELLS, least))
        if all(tree.n_cells == 1 for tree in trees):
            return self
        self.local = [Partition.of(tree, estimator, X, Z, y, weight) for tree in trees]
        left = y - held_out_predictions(estimator, X, y, weight, child_seeds(rng, 1)[0])
        for _ in range(ROUNDS_PER_TREE * self.n_trees):
            drawn = weight * (rng.random(n) < ROUND_SHARE)
            columns = _some_columns(X.shape[1], rng)
            tree = grow_tree(Z, left / self.scaling.y_sd, drawn, columns, BOOSTED_CELLS, least)
            self.boosted.append(Partition.of(tree, estimator, X, Z, left, weight))
            left = left - STEP * self.boosted[-1].predict(X, Z)
        return self

    def alone(self) -> "Bag":
        """The single model without corrections."""
        bag = Bag(replace(self.family, parts=False), self.n_trees)
        bag.single, bag.scaling, bag.n_terms, bag.local, bag.boosted = self.single, self.scaling, self.n_terms, [], []
        return bag

    @property
    def n_columns(self) -> int:
        """Columns of the predictions."""
        return self.family.alone + 3 * self.family.parts

    @property
    def n_cells(self) -> int:
        """Most cells of one of the partitions."""
        return max((partition.tree.n_cells for partition in self.local + self.boosted), default=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The single model where it may stand alone, then with each correction, shape (n_samples, n_columns)."""
        Z = self.scaling.inputs(X)
        X = Z if self.family.scaled else X
        single = answer(self.single, X)
        if not self.local:
            return np.repeat(single[:, None], self.n_columns, axis=1)
        local, shrunk = np.zeros(len(X)), np.zeros(len(X))
        for partition in self.local:
            for rows, expert, values in partition.parts(X, Z):
                change = (values - single[rows]) / self.n_trees
                local[rows] += change
                shrunk[rows] += change * expert.weight / (expert.weight + SHRINKAGE * self.n_terms)
        boosted = STEP * sum(partition.predict(X, Z) for partition in self.boosted)
        columns = np.column_stack([single, single + local, single + shrunk, single + boosted])
        return columns if self.family.alone else columns[:, 1:]


def _some_columns(n_columns: int, rng: np.random.Generator) -> np.ndarray:
    return np.sort(rng.choice(n_columns, max(1, round(COLUMN_SHARE * n_columns)), replace=False))


def held_out_predictions(estimator: Any, X: np.ndarray, y: np.ndarray, weight: np.ndarray, seed: int) -> np.ndarray:
    """Prediction of each row by a clone of `estimator` that has not seen it, shape (n_samples,)."""
    predictions = np.empty(len(X))
    for train, test in folds_of(X, RESIDUAL_FOLDS, seed):
        predictions[test] = answer(fit_rows(clone(estimator), X[train], y[train], weight[train]), X[test])
    return predictions


def folds_of(X: np.ndarray, n_folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test rows of shuffled folds; equal rows of X are in the same fold, so that none is known before.

    There are fewer folds where there are fewer different rows, and none for a single one.
    """
    groups = np.unique(X, axis=0, return_inverse=True)[1].reshape(-1)
    n_folds = min(n_folds, int(groups.max()) + 1)
    if n_folds < 2:
        return []
    return list(GroupKFold(n_folds, shuffle=True, random_state=seed).split(X, groups=groups))
