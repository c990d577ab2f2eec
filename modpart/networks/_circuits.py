"""Circuits: the fewest weights of a net that still tell one class from the rest."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X
from modpart._utils.params import integer, number, validate
from modpart.exceptions import InputDataError, ParameterError
from modpart.networks._classifier import ModularNetClassifier
from modpart.networks._plan import wire_up

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ClassCircuits", "class_circuits"]

_MOST_ROWS = 2000  # that rank weights and choose sizes


@dataclass
class ClassCircuits:
    """For each class the weights that tell it from the rest. Made by :func:`class_circuits`.

    Parameters
    ----------
    estimator : ModularNetClassifier
        The net that the circuits are parts of.
    masks : list of dict of str to ndarray of bool
        For each class, in the order of ``estimator.classes_``, the weights kept, in the shapes of
        ``estimator.weights_``.
    paths : list of list of tuple
        For each class the sizes that were tried, as shares of all weights, and the balanced accuracy of each.

    Attributes
    ----------
    sizes_ : ndarray of shape (n_classes,)
        Share of the weights in each circuit.

    See Also
    --------
    modularity_report : Whether the units of a net fall into groups.

    Examples
    --------
    >>> from modpart.networks import ModularNetClassifier, class_circuits
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ModularNetClassifier(None, hidden_layer_sizes=(8,), max_epochs=30, random_state=0).fit(X, y)
    >>> circuits = class_circuits(model, X, y)
    >>> list(circuits.judge(X, y).columns)
    ['size', 'net', 'circuit']
    """

    estimator: ModularNetClassifier
    masks: list[dict[str, np.ndarray]]
    paths: list[list[tuple[float, float]]] = field(repr=False)

    @property
    def sizes_(self) -> np.ndarray:
        """Share of the weights in each circuit."""
        return np.array([_share(mask) for mask in self.masks])

    def judge(self, X: ArrayLike, y: ArrayLike) -> "pd.DataFrame":
        """Balanced accuracy of each circuit, beside that of the whole net, on rows that did not choose it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        table : pandas DataFrame of shape (n_classes, 3)
            By class, ``size``; and ``net`` and ``circuit``: the mean of the shares of rows of the class that are told
            as such and of other rows that are not. A circuit that always answers its class has 0.5. A class without
            rows, or without other rows, has nan.
        """
        import pandas as pd

        rows, codes = _checked("ClassCircuits.judge", self.estimator, X, y)
        whole = _logits(self.estimator, rows, None)
        cells = [
            (size, _balanced(whole, codes, c), _balanced(_logits(self.estimator, rows, mask), codes, c))
            for c, (size, mask) in enumerate(zip(self.sizes_, self.masks, strict=True))
        ]
        return pd.DataFrame(cells, columns=["size", "net", "circuit"], index=self.estimator.classes_)

    def overlap(self) -> tuple[float, float]:
        """Jaccard index of two circuits, mean over pairs, and what circuits of these sizes would have by chance.

        Returns
        -------
        jaccard, chance : float
            Weights that both hold by those that either holds; by chance a b / (a + b - a b) for shares a and b, which
            is s / (2 - s) for equal ones.
        """
        sizes, flat = self.sizes_, [np.concatenate([part.ravel() for part in mask.values()]) for mask in self.masks]
        pairs = [(i, j) for i in range(len(flat)) for j in range(i)]
        found = [(flat[i] & flat[j]).sum() / max(int((flat[i] | flat[j]).sum()), 1) for i, j in pairs]
        both = [sizes[i] * sizes[j] for i, j in pairs]
        chance = [b / (sizes[i] + sizes[j] - b) for b, (i, j) in zip(both, pairs, strict=True)]
        return float(np.mean(found)), float(np.mean(chance))


def class_circuits(
    estimator: ModularNetClassifier, X: ArrayLike, y: ArrayLike, *, tolerance: float = 0.01, n_sizes: int = 80
) -> ClassCircuits:
    """Find for each class the fewest weights that still tell it from all other classes.

    Weights are ranked by what they add to the margin of the class, on its own rows and on the others. Of circuits that
    grow along that rank the smallest is taken from which on all keep the balanced accuracy of the net, up to
    `tolerance`. Rows of other classes count as much as those of the class: if only the rows of the class had to be
    right, a handful of weights that always answer the class would do.

    Parameters
    ----------
    estimator : ModularNetClassifier
        Fitted, its net a chain of known layers.
    X : array-like of shape (n_samples, n_features)
        Rows that rank and choose; of more than 2000 an even selection is taken. Judge on others.
    y : array-like of shape (n_samples,)
        Their classes; each class of the net must occur.
    tolerance : float >= 0, default=0.01
        Balanced accuracy that a circuit may lack.
    n_sizes : int >= 2, default=80
        Sizes that are tried, in equal ratios from one weight to all.

    Returns
    -------
    circuits : ClassCircuits
        The weights of each class, to be judged on other rows.

    Raises
    ------
    ParameterError
        When the estimator is of another kind, or its net cannot be seen through.
    InputDataError
        When X and y do not fit the estimator, or a class has no row.

    Notes
    -----
    Biases and statistics of normalisations stay as they are and do not count. Circuits of different classes may share
    weights, and usually do: see :meth:`ClassCircuits.overlap`. Time O(n_classes n_sizes) passes over the rows.

    References
    ----------
    .. [1] Golechha, Chaudhary, Velja, Abate & Schoots, "Studying cross-cluster modularity in neural networks",
       arXiv:2502.02470 (2025), who ask for effective circuits of the rows of one class alone.

    Examples
    --------
    >>> from modpart.networks import ModularNetClassifier, class_circuits
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ModularNetClassifier(None, hidden_layer_sizes=(8,), max_epochs=30, random_state=0).fit(X, y)
    >>> bool(class_circuits(model, X, y).sizes_.max() < 1)
    True
    """
    rules = {"tolerance": (number(0.0),), "n_sizes": (integer(2),)}
    validate("class_circuits", {"tolerance": tolerance, "n_sizes": n_sizes}, rules)
    rows, codes = _checked("class_circuits", estimator, X, y)
    absent = [str(label) for c, label in enumerate(estimator.classes_) if not (codes == c).any()]
    if absent:
        raise InputDataError(f"class_circuits: y holds no row of class {', '.join(absent)}. Pass rows of every class.")
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), _MOST_ROWS)).astype(np.intp)
    if len(chosen) < len(rows):
        chosen = np.sort(np.argsort(codes, kind="stable")[chosen])  # an even share of each class
    rows, codes = rows[chosen], codes[chosen]
    from modpart._torch.circuits import margin_scores

    names = [f"{wire.layer}.weight" for wire in wire_up(estimator.plan_ or []).wires]
    scores = margin_scores(estimator.plan_, estimator.weights_, names, rows, codes)
    n_weights = sum(estimator.weights_[name].size for name in names)
    sizes = np.unique(np.geomspace(1, n_weights, int(n_sizes)).round().astype(np.intp))
    whole, masks, paths = _logits(estimator, rows, None), [], []
    for c, score in enumerate(scores):
        goal = _balanced(whole, codes, c) - float(tolerance)
        mask, path = _smallest(estimator, score, sizes, lambda logits, c=c: _balanced(logits, codes, c), goal, rows)
        masks.append(mask)
        paths.append(path)
    return ClassCircuits(estimator, masks, paths)


def _smallest(
    estimator: Any, score: dict[str, np.ndarray], sizes: np.ndarray, judge: Any, goal: float, rows: np.ndarray
) -> tuple[dict[str, np.ndarray], list[tuple[float, float]]]:
    """The smallest circuit from which on all larger ones reach the goal, and what the sizes tried gave."""
    order = np.argsort(-np.concatenate([part.ravel() for part in score.values()]), kind="stable")
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    ends = np.cumsum([part.size for part in score.values()])[:-1]
    ranks = {name: part.reshape(score[name].shape) for name, part in zip(score, np.split(rank, ends), strict=True)}
    best, path = {name: part >= 0 for name, part in ranks.items()}, []
    for size in sizes[::-1]:
        mask = {name: part < size for name, part in ranks.items()}
        path.append((size / len(order), judge(_logits(estimator, rows, mask))))
        if path[-1][1] < goal:
            break
        best = mask
    return best, path[::-1]


def _checked(caller: str, estimator: Any, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows in the net's units, and the positions of their classes."""
    if not isinstance(estimator, ModularNetClassifier):
        raise ParameterError(f"{caller}: estimator={estimator!r} must be a fitted ModularNetClassifier.")
    check_is_fitted(estimator)
    if estimator.plan_ is None:
        raise ParameterError(
            f"{caller}: nobody can see through module={estimator.module!r}. Pass an nn.Sequential to fit."
        )
    rows, labels = check_X(estimator, X), np.asarray(y)
    if labels.shape != (len(rows),):
        raise InputDataError(f"{caller}: y has shape {labels.shape} and X has {len(rows)} rows. Pass one class a row.")
    unknown = set(labels.tolist()) - set(estimator.classes_.tolist())
    if unknown:
        raise InputDataError(f"{caller}: y holds {sorted(map(str, unknown))}, which the estimator was not trained on.")
    return (rows - estimator.x_mean_) / estimator.x_scale_, np.searchsorted(estimator.classes_, labels)


def _logits(estimator: Any, rows: np.ndarray, mask: dict[str, np.ndarray] | None) -> np.ndarray:
    """Answers of the net with the weights of a circuit, all others put to zero."""
    from modpart._torch.plans import build, forward

    cut = {name: estimator.weights_[name] * part for name, part in (mask or {}).items()}
    return forward(build(estimator.plan_, estimator.weights_ | cut), rows)


def _balanced(logits: np.ndarray, codes: np.ndarray, c: int) -> float:
    """Mean of the shares of rows of a class that are told as such, and of others that are not."""
    told, own = logits.argmax(axis=1) == c, codes == c
    if own.all() or not own.any():
        return float("nan")
    return float(balanced_accuracy_score(own, told))


def _share(mask: dict[str, np.ndarray]) -> float:
    return sum(int(part.sum()) for part in mask.values()) / sum(part.size for part in mask.values())
