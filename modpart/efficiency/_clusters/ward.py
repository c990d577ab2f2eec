"""Ward's clustering of weighted points by chains of nearest neighbours."""

import numpy as np

__all__ = ["ward_groups"]


def ward_groups(points: np.ndarray, weight: np.ndarray, n_groups: int) -> np.ndarray:
    """Group of each weighted point, numbered by first appearance.

    Merging K and L costs w_K w_L / (w_K + w_L) |c_K - c_L|^2, the growth of the weighted sum of squares; a point
    without weight costs nothing and joins its nearest group. Time O(n^2 p), memory O(n p).
    """
    centre, mass = points.copy(), np.maximum(weight, 1e-9 * max(float(weight.max()), 1e-9))
    alive = np.ones(len(points), dtype=bool)
    merges: list[tuple[float, int, int]] = []
    chain: list[int] = []
    while len(merges) < len(points) - 1:
        if not chain:
            chain.append(int(np.argmax(alive)))
        a = chain[-1]
        cost = ((centre - centre[a]) ** 2).sum(axis=1) * (mass * mass[a] / (mass + mass[a]))
        cost[~alive] = np.inf
        cost[a] = np.inf
        b = int(np.argmin(cost))
        if len(chain) > 1 and cost[chain[-2]] <= cost[b]:
            b = chain[-2]
            del chain[-2:]
            merges.append((float(cost[b]), a, b))
            centre[b] = (mass[a] * centre[a] + mass[b] * centre[b]) / (mass[a] + mass[b])
            mass[b] += mass[a]
            alive[a] = False
        else:
            chain.append(b)
    return _cut(len(points), merges, n_groups)


def _cut(n_points: int, merges: list[tuple[float, int, int]], n_groups: int) -> np.ndarray:
    """Groups after the cheapest n - n_groups merges."""
    parent = np.arange(n_points)

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = int(parent[i])
        return i

    for _, a, b in sorted(merges, key=lambda merge: merge[0])[: n_points - n_groups]:
        parent[root(a)] = root(b)
    _, first, groups = np.unique([root(i) for i in range(n_points)], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[groups]
