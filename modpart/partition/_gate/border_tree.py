"""A decision tree for regimes: cuts placed by what misrouting costs, and a share for each side where a cut is unsure.

Between the last row on one side of a border and the first on the other nothing says where the border runs. A cut in
the middle is wrong by a quarter of that gap on average; shares that pass from 0 to 1 across it have two thirds of the
squared error. Rows count in nats, so a further cut can be weighed against the nats it saves.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

__all__ = ["BorderTree"]

MAX_LEAVES = 64
ROUNDS = 3
TIE = 1e-9  # nats
NEGLIGIBLE = 1e-4  # least probability of a gap to hold the border


@dataclass
class _Node:
    """A leaf with its class, or a cut of one column with the places where it may lie."""

    label: int
    column: int = -1
    threshold: float = 0.0
    places: np.ndarray | None = None  # knots of a column's values and the share to the right of each, shape (2, n)
    children: "tuple[_Node, _Node] | None" = None

    def size(self) -> int:
        """Number of cuts."""
        return 0 if self.children is None else 1 + sum(child.size() for child in self.children)

    def become(self, other: "_Node") -> None:
        self.__dict__.update(other.__dict__)

    def route(self, X: np.ndarray) -> np.ndarray:
        """Class of each row, shape (n_samples,)."""
        if self.children is None:
            return np.full(len(X), self.label)
        classes, left = np.empty(len(X), dtype=np.int64), X[:, self.column] <= self.threshold
        for child, rows in zip(self.children, (left, ~left), strict=True):
            classes[rows] = child.route(X[rows])
        return classes


class BorderTree(ClassifierMixin, BaseEstimator):
    """Decision tree whose cuts are placed, and pruned, by the cost of misrouted rows.

    A tree that separates all rows is grown greedily. Then, from the leaves up, every cut is placed anew where the
    subtrees below it make the least cost, and a cut that saves less than it takes to describe is removed. The border's
    place has a posterior: uniform within a gap between neighbouring rows, and falling with the cost of the gap. Cuts of
    one column in several branches share a place where that costs less than to describe another.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    columns_, labels_ : ndarray of shape (n_nodes,), int64
        Column that a node cuts (-1 for a leaf), and class number of a leaf.
    children_ : ndarray of shape (n_nodes, 2), int64
        Left and right child, -1 for a leaf; children come after their parents.
    places_ : list of ndarray of shape (2, n_knots)
        Values of the column, and the probability that the border lies below each.

    Notes
    -----
    The cost of a row is its weight when it is routed to another class than its own, in nats. The price of a cut is
    ``log(n_samples * n_features) + log(n_classes)``. Placing cuts given the subtrees below is tree alternating
    optimisation, Carreira-Perpinan & Tavallali, NeurIPS 2018, with axis-parallel cuts. Time
    O(n_features n log n) for each level of the tree; at most 64 leaves.
    """

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> "BorderTree":
        """Learn classes `y` from `X`; `sample_weight` is what a misrouted row costs, in nats (None: certainty)."""
        weight = np.full(len(X), 100.0) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        self.n_features_in_ = X.shape[1]
        greedy = DecisionTreeClassifier(criterion="entropy", max_leaf_nodes=MAX_LEAVES, random_state=0)
        tree = greedy.fit(X, numbers, sample_weight=weight).tree_
        root = _copy(tree, 0)
        costs = weight[:, None] * (numbers[:, None] != np.arange(len(self.classes_)))
        price = float(np.log(X.size) + np.log(len(self.classes_)))
        for _ in range(ROUNDS):
            before = root.route(X)
            _improve(root, X, costs, price)
            if np.array_equal(before, root.route(X)):
                break
        _share_cuts(root, X, costs)
        self._store(root)
        return self

    def _store(self, root: _Node) -> None:
        """Flatten the nodes, parents first, so that no walk can go round in circles."""
        nodes = [root]
        for node in nodes:  # grows while it is walked
            nodes.extend(node.children or ())
        number = {id(node): i for i, node in enumerate(nodes)}
        self.columns_ = np.array([node.column if node.children else -1 for node in nodes])
        self.labels_ = np.array([node.label for node in nodes])
        self.children_ = np.array([[number[id(c)] for c in node.children or ()] or [-1, -1] for node in nodes])
        self.places_ = [np.zeros((2, 0)) if node.places is None or not node.children else node.places for node in nodes]

    @property
    def n_cuts_(self) -> int:
        """Number of cuts."""
        return int(np.sum(self.columns_ >= 0))

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probability of each class, shape (n_samples, n_classes); rows sum to 1."""
        check_is_fitted(self)
        shares = np.zeros((len(X), len(self.classes_)))
        waiting = {0: (np.arange(len(X)), np.ones(len(X)))}
        for node, column in enumerate(self.columns_):
            if node not in waiting:
                continue
            rows, share = waiting.pop(node)
            if column < 0:
                shares[rows, self.labels_[node]] += share
                continue
            right = np.interp(X[rows, column], *self.places_[node])
            for child, part in zip(self.children_[node].tolist(), (1.0 - right, right), strict=True):
                reached = part > 0
                waiting[child] = rows[reached], share[reached] * part[reached]
        return shares

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Likeliest class, shape (n_samples,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _copy(tree: object, node: int) -> _Node:
    """Nodes of a tree of scikit-learn from `node` downwards."""
    left, right = tree.children_left[node], tree.children_right[node]  # type: ignore[attr-defined]
    label = int(tree.value[node, 0].argmax())  # type: ignore[attr-defined]
    if left < 0:
        return _Node(label)
    column, threshold = int(tree.feature[node]), float(tree.threshold[node])  # type: ignore[attr-defined]
    return _Node(label, column, threshold, None, (_copy(tree, left), _copy(tree, right)))


def _improve(node: _Node, X: np.ndarray, costs: np.ndarray, price: float) -> float:
    """Place the cuts of a subtree anew from the leaves up, prune it, and return its cost on the rows that reach it."""
    if node.children is None:
        node.label = int(costs.sum(axis=0).argmin())
        return float(costs[:, node.label].sum())
    left = X[:, node.column] <= node.threshold
    if left.all() or not left.any():
        node.become(node.children[0 if left.all() else 1])
        return _improve(node, X, costs, price)
    for child, rows in zip(node.children, (left, ~left), strict=True):
        _improve(child, X[rows], costs[rows], price)
    every = np.arange(len(X))
    by_child = [costs[every, child.route(X)] for child in node.children]
    total = _place(node, X, by_child[0] - by_child[1]) + float(by_child[1].sum())
    leaf = _Node(int(costs.sum(axis=0).argmin()))
    for other, cost in (
        (leaf, float(costs[:, leaf.label].sum())),
        *((child, float(c.sum())) for child, c in zip(node.children, by_child, strict=True)),
    ):
        if cost <= total + price * (node.size() - other.size()):
            node.become(other)
            return cost
    return total


def _place(node: _Node, X: np.ndarray, dearer: np.ndarray) -> float:
    """Put the cut where it costs least, the present column winning ties; return the cost beside that of all right.

    `dearer` is what a row costs more on the left than on the right, shape (n_samples,).
    """
    least = _least_costs(X, dearer)
    least[node.column] -= TIE
    node.column = int(np.argmin(least))
    best = _posterior(X[:, node.column], dearer)
    node.threshold, node.places = best.threshold, best.places
    return best.least


def _least_costs(X: np.ndarray, dearer: np.ndarray) -> np.ndarray:
    """Cost of the best cut of each column beside that of all right, shape (n_columns,); infinite without a cut."""
    order = np.argsort(X, axis=0, kind="stable")
    values = np.take_along_axis(X, order, axis=0)
    costs = np.where(values[1:] > values[:-1], np.cumsum(dearer[order], axis=0)[:-1], np.inf)
    return np.asarray(costs.min(axis=0))


@dataclass
class _Cut:
    """Where one column is best cut: the cost beside that of all right, a threshold, and the posterior of its place."""

    least: float
    threshold: float
    places: np.ndarray


def _least(values: np.ndarray, dearer: np.ndarray) -> float:
    """Cost of the best cut of one column; see :func:`_posterior`."""
    return float(_least_costs(values[:, None], dearer)[0]) if len(values) > 1 else np.inf


def _posterior(values: np.ndarray, dearer: np.ndarray) -> _Cut:
    """The best cut of a column; its cost is infinite where all values are the same."""
    order = np.argsort(values, kind="stable")
    values, cost = values[order], np.cumsum(dearer[order])
    inner = np.flatnonzero(values[1:] > values[:-1])
    if len(inner) == 0:
        return _Cut(np.inf, 0.0, np.zeros((2, 0)))
    low, high, cost = values[inner], values[inner + 1], cost[inner]
    least = float(cost.min())
    mass = (high - low) * np.exp(least - cost)
    kept = mass > NEGLIGIBLE * mass.sum()
    below = np.cumsum(mass[kept]) / mass[kept].sum()
    places = np.stack([np.column_stack([low[kept], high[kept]]).ravel(), np.repeat(np.append(0.0, below), 2)[1:-1]])
    widest = int(np.argmax(np.where(cost <= least + TIE, high - low, -1.0)))
    return _Cut(least, float(low[widest] + high[widest]) / 2, places)


def _share_cuts(root: _Node, X: np.ndarray, costs: np.ndarray) -> None:
    """Let cuts of one column that may well be one border be one: it is then known from the rows beside all of them.

    Two cuts are joined, the best pair first, while that costs less than to describe a second place.
    """
    cuts = sorted(_cuts(root, X, costs), key=lambda cut: cut[0][0].threshold)
    for column in {nodes[0].column for nodes, *_ in cuts}:
        groups = [cut for cut in cuts if cut[0][0].column == column]
        alone = [_least(*group[1:]) for group in groups]
        extra = [_extra(*pair) for pair in pairwise(zip(groups, alone, strict=True))]
        while extra and min(extra) <= np.log(len(X)):
            i = int(np.argmin(extra))
            groups[i : i + 2] = [_joined(groups[i], groups[i + 1])]
            alone[i : i + 2] = [_least(*groups[i][1:])]
            beside = list(zip(groups, alone, strict=True))[max(i - 1, 0) : i + 2]
            extra[max(i - 1, 0) : i + 2] = [_extra(*pair) for pair in pairwise(beside)]
        for nodes, values, dearer in groups:
            shared = _posterior(values, dearer)
            for node in nodes if len(nodes) > 1 else ():
                node.threshold, node.places = shared.threshold, shared.places


_Sharing = tuple[list[_Node], np.ndarray, np.ndarray]  # nodes, their column's values, what rows cost more on their left


def _joined(first: _Sharing, second: _Sharing) -> _Sharing:
    return first[0] + second[0], np.append(first[1], second[1]), np.append(first[2], second[2])


def _extra(first: tuple[_Sharing, float], second: tuple[_Sharing, float]) -> float:
    """What two groups of cuts, given with what they cost alone, cost more at one place."""
    return _least(*_joined(first[0], second[0])[1:]) - first[1] - second[1]


def _cuts(node: _Node, X: np.ndarray, costs: np.ndarray) -> list[_Sharing]:
    """Every cut below a node, alone in a list, with its column's values and what rows cost more on its left.

    Cuts above have moved since a cut was placed, so that no rows may be left to tell apart; it is passed over.
    """
    if node.children is None or not len(X):
        return []
    every, left = np.arange(len(X)), X[:, node.column] <= node.threshold
    dearer = np.subtract(*(costs[every, child.route(X)] for child in node.children))
    below = [_cuts(child, X[rows], costs[rows]) for child, rows in zip(node.children, (left, ~left), strict=True)]
    own = [([node], X[:, node.column], dearer)] if np.ptp(X[:, node.column]) > 0 else []
    return [*own, *below[0], *below[1]]
