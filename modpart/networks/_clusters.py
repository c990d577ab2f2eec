"""Clusters of units shared by all layers: how good they are, how to find them, and what chance would give."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import linear_sum_assignment
from scipy.sparse.linalg import eigsh
from sklearn.cluster import KMeans

__all__ = [
    "Links",
    "balanced_clusters",
    "block_clusters",
    "clusterability_of",
    "joint_clusters",
    "shuffled_links",
]

Links = dict[tuple[str, str], np.ndarray]  # (source, target) -> weight >= 0 of each pair, (n_source, n_target)
Labels = dict[str, np.ndarray]

_DENSE_BELOW = 400  # units; direct methods are quicker there


def clusterability_of(links: Mapping[tuple[str, str], np.ndarray], labels: Mapping[str, np.ndarray]) -> np.ndarray:
    """Share of each matrix of `links` that joins units of one cluster; nan where a matrix is zero."""
    shares = []
    for (source, target), matrix in links.items():
        rows, columns = labels[source][:, None], labels[target]
        same = (rows == columns) & (rows >= 0)
        total = matrix.sum()
        shares.append(float((matrix * same).sum() / total) if total > 0 else np.nan)
    return np.array(shares)


def block_clusters(widths: Mapping[str, int], n_clusters: int) -> Labels:
    """Neighbours together, clusters as equal as they can be; nobody is left out."""
    return {group: np.arange(width) * n_clusters // width for group, width in widths.items()}


def joint_clusters(links: Links, n_clusters: int, rng: np.random.Generator, *, n_init: int = 10) -> Labels:
    """Spectral clusters of all units of all layers at once, after Dhillon (2001) for one matrix.

    The leading eigenvectors of D^-1/2 A D^-1/2, with A the links between all units and D their degrees, the trivial one
    left away, rows scaled by D^-1/2, one k-means over all units: a row of a matrix and a column get the same label when
    they belong together. Units without a link get -1.
    """
    starts, adjacency = _one_matrix(links)
    degrees = adjacency.sum(1)
    alive = np.flatnonzero(degrees > 1e-12 * max(degrees.max(initial=0.0), 1e-300))
    labels = np.full(len(degrees), -1)
    if len(alive) > n_clusters:
        scale = 1.0 / np.sqrt(degrees[alive])
        normal = scale[:, None] * adjacency[np.ix_(alive, alive)] * scale
        vectors = _leading(normal, n_clusters, rng)[:, 1:] * scale[:, None]
        vectors /= np.maximum(np.linalg.norm(vectors, axis=0), 1e-300)
        seed = int(rng.integers(2**31 - 1))
        labels[alive] = KMeans(n_clusters, n_init=n_init, random_state=seed).fit_predict(vectors)
    elif len(alive):
        labels[alive] = np.arange(len(alive)) % n_clusters
    return {group: labels[start:stop] for group, (start, stop) in starts.items()}


def balanced_clusters(
    links: Links,
    n_clusters: int,
    rng: np.random.Generator,
    *,
    restarts: int = 5,
    rounds: int = 30,
    n_init: int = 10,
) -> Labels:
    """Clusters of equal size in every layer that hold as large a share of the links as can be found.

    One layer after the other gets the best labels given those of its neighbours, an assignment problem with room for
    ceil(width / k) units per cluster; again until nothing is gained. Starts: the joint spectral clusters and random
    ones; the best end is kept. Equal sizes matter, since unequal ones raise the share by themselves.
    """
    widths = _widths(links)
    starts: list[Labels] = [joint_clusters(links, n_clusters, rng, n_init=n_init)]
    starts += [{g: rng.permutation(w) % n_clusters for g, w in widths.items()} for _ in range(restarts)]
    totals = sum(matrix.sum() > 0 for matrix in links.values())
    shares = {pair: matrix / matrix.sum() / max(totals, 1) for pair, matrix in links.items() if matrix.sum() > 0}
    best, least = block_clusters(widths, n_clusters), -1.0
    for labels in starts:
        labels = {group: known.copy() for group, known in labels.items()}
        held = -1.0
        for _ in range(rounds):
            for group, width in widths.items():
                labels[group] = _fair(_pull(group, shares, labels, n_clusters, width), n_clusters)
            found = float(np.nansum(clusterability_of(shares, labels))) / max(totals, 1)
            if found < held + 1e-9:
                break
            held = found
        if held > least:
            best, least = labels, held
    return best


def shuffled_links(links: Links, rng: np.random.Generator) -> Links:
    """The same weights in every layer, in random places: what the values alone would give."""
    return {pair: rng.permutation(matrix.ravel()).reshape(matrix.shape) for pair, matrix in links.items()}


def _pull(group: str, shares: Links, labels: Labels, n_clusters: int, width: int) -> np.ndarray:
    """What each unit of a group would add to each cluster, (width, n_clusters)."""
    pull = np.zeros((width, n_clusters))
    for (source, target), matrix in shares.items():
        if group in (source, target) and source != target:
            other, toward = (target, matrix) if group == source else (source, matrix.T)
            known = labels[other]
            members = (known[:, None] == np.arange(n_clusters)).astype(float)
            pull += toward @ members
    return pull


def _fair(pull: np.ndarray, n_clusters: int) -> np.ndarray:
    """Labels with the largest total pull, none of them for more than ceil(width / k) units."""
    width = len(pull)
    room = -(-width // n_clusters)
    rows, seats = linear_sum_assignment(np.repeat(pull, room, axis=1), maximize=True)
    labels = np.empty(width, dtype=np.int64)
    labels[rows] = seats // room
    return labels


def _widths(links: Links) -> dict[str, int]:
    widths: dict[str, int] = {}
    for (source, target), matrix in links.items():
        widths |= {source: matrix.shape[0], target: matrix.shape[1]}
    return widths


def _one_matrix(links: Links) -> tuple[dict[str, tuple[int, int]], np.ndarray]:
    """All units in a row: where each group lies, and the symmetric matrix of their links."""
    widths = _widths(links)
    edges = np.cumsum([0, *widths.values()])
    places = dict(zip(widths, pairwise(edges.tolist()), strict=True))
    adjacency = np.zeros((edges[-1], edges[-1]))
    for (source, target), matrix in links.items():
        one, two = slice(*places[source]), slice(*places[target])
        adjacency[one, two] += matrix
        adjacency[two, one] += matrix.T
    return places, adjacency


def _leading(normal: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Eigenvectors of the largest eigenvalues, the largest first."""
    if len(normal) < _DENSE_BELOW:
        last = len(normal) - 1
        return eigh(normal, subset_by_index=(last - count + 1, last), check_finite=False)[1][:, ::-1]
    values, vectors = eigsh(normal, k=count, which="LA", v0=rng.standard_normal(len(normal)))
    return vectors[:, np.argsort(-values)]
