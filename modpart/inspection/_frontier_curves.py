"""Lines of frontiers in the plane."""

import numpy as np

from modpart.efficiency._models.technology import Technology

__all__ = ["frontier_line", "isoquant_line"]


def frontier_line(technology: Technology, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Largest output by input, of one input and one output, from zero to `end`."""
    x, y = technology.X[:, 0], technology.Y[:, 0]
    returns = technology.returns
    if returns == "fdh":
        order = np.argsort(x, kind="stable")
        level = np.maximum.accumulate(y[order])
        steps = np.repeat(x[order], 2)
        return np.append(steps, end), np.concatenate([[0.0], np.repeat(level, 2)])
    corner_x, corner_y = _upper_hull(x, y)
    slope = np.max(np.divide(y, x, out=np.zeros_like(y), where=x > 0.0))
    best = int(np.argmax(np.divide(corner_y, corner_x, out=np.zeros_like(corner_y), where=corner_x > 0.0)))
    if returns == "crs":
        return np.array([0.0, end]), np.array([0.0, slope * end])
    if returns == "nirs":
        left = np.array([0.0]), np.array([0.0])
        return np.concatenate([left[0], corner_x[best:], [end]]), np.concatenate(
            [left[1], corner_y[best:], corner_y[-1:]]
        )
    if returns == "ndrs":
        return np.concatenate([corner_x[:1], corner_x[: best + 1], [end]]), np.concatenate(
            [[0.0], corner_y[: best + 1], [slope * end]]
        )
    return np.concatenate([corner_x[:1], corner_x, [end]]), np.concatenate([[0.0], corner_y, corner_y[-1:]])


def isoquant_line(x1: np.ndarray, x2: np.ndarray, end1: float, end2: float) -> tuple[np.ndarray, np.ndarray]:
    """Least second input by first input, for one unit of output."""
    known = np.isfinite(x1) & np.isfinite(x2)
    corner, height = _upper_hull(x1[known], -x2[known])
    return np.concatenate([corner[:1], corner, [end1]]), np.concatenate([[end2], -height, -height[-1:]])


def _upper_hull(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the concave upper boundary of some points, from the least x to the highest y."""
    order = np.lexsort((-y, x))
    corners: list[int] = []
    for k in order:
        if corners and y[k] <= y[corners[-1]]:
            continue  # no higher than what is to its left
        while len(corners) > 1:
            (ax, ay), (bx, by) = ((x[c], y[c]) for c in corners[-2:])
            if (bx - ax) * (y[k] - ay) >= (by - ay) * (x[k] - ax):
                corners.pop()
            else:
                break
        corners.append(int(k))
    return x[corners], y[corners]
