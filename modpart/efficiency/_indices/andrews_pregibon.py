"""Groups of units that shape the cloud of the data: candidates for mistakes, found without any frontier."""

from itertools import combinations, islice
from math import comb
from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.params import integer, validate
from modpart.efficiency._units.pairs import paired
from modpart.exceptions import InputDataError, ParameterError

__all__ = ["andrews_pregibon"]

MOST_GROUPS = 5_000_000
AT_ONCE = 1 << 16

_RULES = {"n_deleted": (integer(1),), "n_shown": (integer(1),)}


def andrews_pregibon(X: Any, Y: Any, *, n_deleted: int = 2, n_shown: int = 5) -> pd.DataFrame:
    """How much of the volume of the data is left when groups of units are deleted (Andrews-Pregibon statistic).

    The volume is the determinant of W'W, where W holds inputs and outputs side by side. A group that takes much of it
    away lies apart from the rest: look at its rows. Groups show what single units hide, since two outliers side by side
    mask one another. Unlike :func:`leverage` it needs no technology, and finds strange units behind the frontier too.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_units, m)
        Inputs, >= 0.
    Y : array-like or DataFrame of shape (n_units, s)
        Outputs, >= 0.
    n_deleted : int >= 1, default=2
        Size of the largest groups.
    n_shown : int >= 1, default=5
        How many groups of each size are told, those with the smallest ratio.

    Returns
    -------
    table : DataFrame
        Rows by size of the group and ratio, with the columns ``deleted``, size of the group; ``units``, a tuple of the
        labels; ``ratio``, share of the volume that is left; and ``log_ratio``, logarithm of the ratio over the smallest
        one of that size: a group that is alone near 0 there, with a gap to the next, stands out.

    Raises
    ------
    InputDataError
        When the tables cannot be used, do not fit one another, or hold a column that others make up.
    ParameterError
        When there are too many groups, or too few units are left.

    Notes
    -----
    All groups are looked at: n^k / k! determinants of size k, which are those of the identity less the group's part of
    the hat matrix. No random draws, and units of measurement do not matter.

    References
    ----------
    P. W. Wilson (1993), J. Business & Economic Statistics 11, 319-323. D. F. Andrews & D. Pregibon (1978), J. Royal
    Statistical Society B 40, 85-93.

    Examples
    --------
    >>> from modpart.efficiency import andrews_pregibon
    >>> x = [[1.0], [2.0], [3.0], [4.0], [5.0], [2.0]]
    >>> y = [[1.1], [1.9], [3.2], [3.8], [5.1], [9.0]]
    >>> table = andrews_pregibon(x, y, n_deleted=1, n_shown=2)
    >>> table[["units", "ratio"]].round(3).to_dict("list")
    {'units': [(5,), (4,)], 'ratio': [0.002, 0.55]}
    """
    validate("andrews_pregibon", {"n_deleted": n_deleted, "n_shown": n_shown}, _RULES)
    pair = paired("andrews_pregibon", X, Y)
    table = np.hstack([pair.X, pair.Y])
    n, width = table.shape
    groups = sum(comb(n, size) for size in range(1, n_deleted + 1))
    if groups > MOST_GROUPS or n - n_deleted < width:
        why = f"makes {groups:,} groups of {n} units" if n - n_deleted >= width else f"leaves {n - n_deleted} units"
        limit = f"{MOST_GROUPS:,} groups at most" if n - n_deleted >= width else f"{width} columns need as many units"
        raise ParameterError(f"andrews_pregibon: n_deleted={n_deleted} {why}; {limit}. Pass a smaller n_deleted.")
    size = np.linalg.norm(table, axis=0)
    left, strength, _ = np.linalg.svd(table / np.where(size > 0.0, size, 1.0), full_matrices=False)
    if strength[-1] <= n * np.finfo(float).eps * strength[0]:
        raise InputDataError(
            "andrews_pregibon: a column of X or Y is a weighted sum of the others, so the data have no volume. Drop it."
        )
    hat = left @ left.T
    parts = []
    for deleted in range(1, n_deleted + 1):
        ratio, group = _smallest(hat, deleted, n_shown)
        units = [tuple(pair.units[members].tolist()) for members in group]
        least = np.log(np.maximum(ratio, np.finfo(float).tiny))
        parts.append(pd.DataFrame({"deleted": deleted, "units": units, "ratio": ratio, "log_ratio": least - least[0]}))
    return pd.concat(parts, ignore_index=True)


def _smallest(hat: np.ndarray, size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The smallest ratios of groups of one size, and the groups."""
    remains = np.eye(len(hat)) - hat
    every = combinations(range(len(hat)), size)
    ratio, group = np.zeros(0), np.zeros((0, size), dtype=np.int64)
    while some := list(islice(every, AT_ONCE)):
        members = np.array(some)
        found = np.linalg.det(remains[members[:, :, None], members[:, None, :]])
        ratio, group = np.concatenate([ratio, found]), np.concatenate([group, members])
        best = np.argsort(ratio, kind="stable")[:count]
        ratio, group = ratio[best], group[best]
    return np.clip(ratio, 0.0, 1.0), group
