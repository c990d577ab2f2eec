"""Cut the rows into more cells than there are regimes, by a tree whose criterion is the evidence of its leaves."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from modpart.partition._evidence.arrays import Array
from modpart.partition._evidence.evidence import (
    AMPLITUDES,
    MIDDLE,
    Stats,
    condensed,
    grid_size,
    log_evidence,
    useful_scales,
)

__all__ = ["QUANTILES", "cut_directions", "oversegment"]

QUANTILES = 16
MAX_AXES = 4
SAME = 0.99  # cosine of two directions that cut alike


def cut_directions(X: np.ndarray, slopes: np.ndarray, relevance: np.ndarray) -> np.ndarray:
    """Directions along which a leaf may be cut, one per row: the relevant axes, and where the slope changes.

    At a continuous kink the jump of the gradient is the normal of the border, so the leading eigenvectors of the
    gradients' second moments and covariance are candidates for oblique borders.
    """
    d = X.shape[1]
    # Ties (inputs without smooth relevance, in which a border may still stand) go by how much their slope varies.
    importance = relevance + 1e-3 * slopes.std(axis=0) / (slopes.std() + 1e-12)
    directions = [np.eye(d)[axis] for axis in np.argsort(-importance, kind="stable")[:MAX_AXES]]
    if d > 1:
        limit = np.quantile(np.abs(slopes), 0.98) + 1e-12
        gradients = np.clip(slopes, -limit, limit) * (relevance > 0)
        for moments in (gradients.T @ gradients, np.atleast_2d(np.cov(gradients.T, bias=True))):
            for vector in np.linalg.eigh(moments)[1].T[:-3:-1]:
                if max(abs(vector @ other) for other in directions) < SAME:
                    directions.append(vector)
    return np.array(directions)


@dataclass
class _Leaf:
    """A cell: its rows, their features at the length scales that it may need, and their statistics as one cell."""

    rows: np.ndarray
    evidence: float
    parts: list[Array]
    stats: Stats


_Cut = tuple[float, int, int, float, float]  # gain, direction, quantile, evidence of the two sides


def oversegment(
    augmented: list[np.ndarray],
    projections: np.ndarray,
    s2: "float | np.ndarray",
    *,
    n_linear: int,
    min_leaf: int,
    max_leaves: int,
    wanted_leaves: int = 1,
    weight: np.ndarray | None = None,
    least_gain: float = 0.0,
    quantiles: int = QUANTILES,
) -> np.ndarray:
    """Cut rows into cells, the largest leaf first, while a cut gains enough evidence or cells are still wanted.

    Parameters
    ----------
    augmented : list of ndarray (n_samples, p + 1)
        Feature matrices of all length scales with y as last columns, rows multiplied by the root of their weight.
    projections : ndarray of shape (n_samples, n_directions)
        Rows along the candidate directions.
    s2 : float or ndarray of shape (n_outputs,)
        Noise variance.
    min_leaf, max_leaves, wanted_leaves : int
        Least rows (by weight) of a cell, most cells, and the number of cells up to which even a poor cut is taken.
    weight : ndarray of shape (n_samples,) or None
    least_gain : float
        Nats that a cut must gain; below 0, the parts of a cell that is one law by chance are set free too.
    quantiles : int
        Places along a direction where a cell may be cut.

    Returns
    -------
    labels : ndarray of shape (n_samples,), int64
    """
    n = len(projections)
    weight = np.ones(n) if weight is None else weight
    whole = Stats.of_groups(augmented, np.zeros(n, dtype=np.int64), 1, n_linear, n_outputs=np.size(s2), weight=weight)
    pending = [_Leaf(np.arange(n), log_evidence(whole, s2)[0], augmented, whole)]
    finished: list[_Leaf] = []
    while pending and len(pending) + len(finished) < max_leaves:
        leaf = pending.pop(int(np.argmax([len(leaf.rows) for leaf in pending])))
        enough = -np.inf if len(pending) + len(finished) + 1 < wanted_leaves else least_gain
        children = _best_cut(leaf, projections, weight, s2, grid_size(whole), min_leaf, enough, quantiles)
        if children is None:
            finished.append(leaf)
        else:
            pending.extend(children)
    labels = np.empty(n, dtype=np.int64)
    for label, leaf in enumerate(pending + finished):
        labels[leaf.rows] = label
    return labels


def _best_cut(
    leaf: _Leaf,
    projections: np.ndarray,
    weight: np.ndarray,
    s2: "float | np.ndarray",
    n_models: int,
    min_leaf: int,
    least_gain: float,
    quantiles: int,
) -> tuple[_Leaf, _Leaf] | None:
    """The two halves of the cut with the highest evidence, None when no cut gains more than `least_gain`.

    Every third quantile is tried along every direction, then the others beside the best of them; before a leaf is left
    whole, all the others. Where cuts are only ranked, one amplitude stands for all.
    """
    rows = leaf.rows
    total = float(weight[rows].sum())
    if total < 2 * min_leaf or len(rows) < 2:
        return None
    n_linear, kind = leaf.stats.n_linear, {"n_outputs": np.size(s2), "weight": weight[rows]}
    parts = [
        condensed(matrix, gram[0], n_linear, np.size(s2), s2)
        for matrix, gram in zip(leaf.parts, leaf.stats.grams[: useful_scales(leaf.stats, s2)], strict=False)
    ]
    values = projections[rows]
    edges = np.quantile(values, np.arange(1, quantiles + 1) / (quantiles + 1), axis=0)

    def weigh(directions: Iterable[int], wanted: np.ndarray, amplitudes: tuple[float, ...] = AMPLITUDES) -> list[_Cut]:
        cuts, places = [], []
        for direction in directions:
            segments = np.searchsorted(edges[wanted, direction], values[:, direction], side="left")
            below = np.cumsum(np.bincount(segments, kind["weight"], minlength=len(wanted) + 1))
            allowed = np.flatnonzero((below >= min_leaf) & (total - below >= min_leaf))
            cuts.append((segments, allowed))
            places += [(direction, int(wanted[cut])) for cut in allowed]
        if not places:
            return []
        sides = Stats.of_sides(parts, cuts, n_linear, **kind)
        below, above = np.split(log_evidence(sides, s2, n_models=n_models, amplitudes=amplitudes), 2)
        return [(float(b + a) - leaf.evidence, *place, b, a) for b, a, place in zip(below, above, places, strict=True)]

    def ranked(wanted: np.ndarray) -> list[_Cut]:
        return weigh(range(projections.shape[1]), wanted, MIDDLE)

    coarse = np.arange(1, quantiles, 3)
    found = ranked(coarse)
    if not found:
        return None
    _, direction, centre, *_ = max(found)
    best = max(weigh([direction], np.array([q for q in range(centre - 2, centre + 3) if 0 <= q < quantiles])))
    if best[0] <= least_gain:  # between two coarse cuts a whole regime may hide
        hidden = ranked(np.setdiff1d(np.arange(quantiles), coarse))
        if hidden:
            _, direction, place, *_ = max(hidden)
            best = max(best, *weigh([direction], np.array([place])))
    gain, direction, quantile, below_evidence, above_evidence = best
    if gain <= least_gain:
        return None
    below = values[:, direction] <= edges[quantile, direction]
    stats = Stats.of_groups(parts, (~below).astype(np.int64), 2, n_linear, **kind)
    sides = (np.flatnonzero(below), below_evidence), (np.flatnonzero(~below), above_evidence)
    first, second = (
        _Leaf(rows[side], evidence, [part[side] for part in parts], stats[[number]])
        for number, (side, evidence) in enumerate(sides)
    )
    return first, second
