"""Classes of efficiency: edges from an expert or from quantiles, and what to do where they leave a class empty."""

import warnings
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np

from modpart._utils.words import plain
from modpart.exceptions import InputDataError, ModpartWarning, ParameterError

__all__ = ["EFFICIENT", "check_classes", "check_names", "class_edges", "cut", "names_of", "valid_bins"]

EFFICIENT = 1e-6  # what a score may lack to reach an edge


def valid_bins(bins: Any) -> bool:
    """Whether `bins` is "efficient", a number of quantile classes, or rising positive edges."""
    if isinstance(bins, str):
        return bins == "efficient"
    if isinstance(bins, Integral) and not isinstance(bins, bool | np.bool_):
        return int(bins) >= 2
    if not isinstance(bins, Sequence | np.ndarray) or len(bins) == 0:
        return False
    try:
        edges = np.asarray(bins, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return edges.ndim == 1 and bool(np.isfinite(edges).all() and edges[0] > 0.0 and (np.diff(edges) > 0.0).all())


def class_edges(bins: Any, efficiency: np.ndarray) -> np.ndarray:
    """Edges between the classes, rising; quantiles are those of these scores."""
    if isinstance(bins, str):
        below = efficiency[efficiency < 1.0 - EFFICIENT]
        return np.unique(np.append(np.quantile(below, [1 / 3, 2 / 3]) if len(below) else [], 1.0))
    if isinstance(bins, Integral):
        edges = np.quantile(efficiency, np.arange(1, int(bins)) / int(bins))
        distinct = edges[np.append(True, np.diff(edges) > EFFICIENT)]
        if len(distinct) < len(edges):
            warnings.warn(
                f"EfficiencyClassifier: bins={int(bins)} asks for {int(bins)} classes of equal size, and so many units "
                f"share a score that only {len(distinct) + 1} are left. Pass edges, or bins='efficient'.",
                ModpartWarning,
                stacklevel=4,
            )
        return distinct
    return np.asarray(bins, dtype=np.float64)


def cut(efficiency: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Class of each score: the number of edges that it reaches, up to rounding."""
    return np.searchsorted(edges - EFFICIENT, efficiency, side="right").astype(np.int64)


def check_classes(codes: np.ndarray, efficiency: np.ndarray, edges: np.ndarray) -> None:
    """Refuse a cut that leaves one class; warn of classes without a unit."""
    low, high = plain(float(efficiency.min()), 4), plain(float(efficiency.max()), 4)
    where = f"the scores reach from {low} to {high}, and the edges are {', '.join(plain(float(e), 4) for e in edges)}"
    found = np.unique(codes)
    if len(found) < 2:
        remedy = (
            "All scores are the same, so no edge tells units apart: with few units, many columns, or a constant input "
            "or output under variable returns, every unit is efficient. Leave out columns, or use technology='crs'."
            if np.ptp(efficiency) <= EFFICIENT
            else "Move the edges in bins, or pass a number of classes of equal size, such as bins=3."
        )
        raise InputDataError(f"EfficiencyClassifier: all {len(codes)} units fall into one class: {where}. {remedy}")
    empty = sorted(set(range(len(edges) + 1)) - set(found.tolist()))
    if empty:
        warnings.warn(
            f"EfficiencyClassifier: no unit falls into {_listed(empty, edges)}: {where}. Such a class is never "
            "predicted.",
            ModpartWarning,
            stacklevel=4,
        )


def _listed(empty: list[int], edges: np.ndarray) -> str:
    names = names_of(edges)
    return ("class " if len(empty) == 1 else "classes ") + ", ".join(repr(names[k]) for k in empty)


def names_of(edges: np.ndarray) -> list[str]:
    """What the classes are called when nobody has named them, from the worst to the best."""
    said = [plain(float(edge)) for edge in edges]
    last = "efficient" if abs(edges[-1] - 1.0) <= EFFICIENT else f"{said[-1]} and more"
    between = [f"{low} to {high}" for low, high in pairwise(said)]
    return [f"below {said[0]}", *between, last]


def check_names(names: Any, edges: np.ndarray) -> list[str]:
    """The user's names, one for each class, or our own."""
    if names is None:
        return names_of(edges)
    if len(names) != len(edges) + 1:
        raise ParameterError(
            f"EfficiencyClassifier: class_names={list(names)!r} holds {len(names)} names, and {len(edges)} edges make "
            f"{len(edges) + 1} classes. Pass one name for each, from the worst to the best."
        )
    return [str(name) for name in names]
