"""What a user passes as data: one table, arrays by name, or either of these for each regime."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from modpart._utils.checks import check_X
from modpart._utils.params import suggest
from modpart.causal._graph import CausalGraph
from modpart.exceptions import GraphError, InputDataError

__all__ = ["check_variables", "complete_graph", "read_regimes", "read_rows"]

Regime = frozenset[str]
Table = dict[str, Any]  # values of each variable, all of one length


def read_regimes(estimator: Any, X: Any) -> dict[Regime, Table]:
    """The tables of all regimes by what was set in each, columns remembered on `estimator`.

    A mapping is taken for one of regimes when its values are tables themselves.
    """
    if isinstance(X, Mapping) and not issparse(X):  # one of scipy's sparse formats is a mapping
        if not X:
            raise InputDataError("X is an empty mapping. Pass arrays by name, or one table for each regime.")
        if all(isinstance(part, pd.DataFrame | Mapping) for part in X.values()):
            parts = {frozenset([key] if isinstance(key, str) else key): _by_name(part) for key, part in X.items()}
        else:
            parts = {frozenset(): _by_name(X)}
        first = next(iter(parts.values()))
        estimator.feature_names_in_ = np.array(list(first), dtype=object)
        estimator.n_features_in_ = len(first)
    else:
        parts = {frozenset(): _table(estimator, X, reset=True)}
    names = list(next(iter(parts.values())))
    for regime, part in parts.items():
        if set(part) != set(names):
            odd = min(set(part) ^ set(names))
            raise InputDataError(
                f"The data of regime {sorted(regime)} and the first regime differ in column {odd!r}. Every regime "
                "needs the same columns."
            )
    if sum(len(part[names[0]]) for part in parts.values()) < 2:
        raise InputDataError(
            f"X holds 1 sample, and {type(estimator).__name__} needs at least 2 rows: check the selection or join that "
            "made it."
        )
    return {regime: {name: part[name] for name in names} for regime, part in parts.items()}


def read_rows(estimator: Any, X: Any, missing: Iterable[str] = ()) -> Table:
    """Rows to answer for; columns of `missing` may be left out of a frame or mapping."""
    if isinstance(X, Mapping) and not issparse(X):
        table = _by_name(X)
    elif isinstance(X, pd.DataFrame) and hasattr(estimator, "feature_names_in_"):
        left_out = [name for name in missing if name not in X.columns]
        if not left_out:
            return _table(estimator, X, reset=False)
        table = {str(name): X[name] for name in X.columns}
        _some(len(X))
    else:
        return _table(estimator, X, reset=False)
    expected = [str(name) for name in getattr(estimator, "feature_names_in_", estimator.columns_)]
    lacking = [name for name in expected if name not in table and name not in set(missing)]
    if lacking:
        raise InputDataError(f"X has no column {lacking[0]!r}. The model was fitted to {', '.join(expected)}.")
    return {name: table[name] for name in expected if name in table}


def _table(estimator: Any, X: Any, *, reset: bool) -> Table:
    if isinstance(X, pd.DataFrame):
        validate_data(estimator, X, skip_check_array=True, reset=reset)
        if X.shape[1] == 0:
            raise InputDataError("X has 0 feature(s): no columns. Pass one column for each variable of the graph.")
        _some(len(X))
        doubled = X.columns[X.columns.duplicated()]
        if len(doubled):
            raise InputDataError(f"X has several columns named {doubled[0]!r}. Give every variable one name.")
        return {str(name): X[name] for name in X.columns}
    array = check_X(estimator, X, reset=reset)
    known = getattr(estimator, "feature_names_in_", None)
    names = [f"x{i}" for i in range(array.shape[1])] if known is None else [str(name) for name in known]
    return {name: array[:, i] for i, name in enumerate(names)}


def _by_name(part: Any) -> Table:
    table = {str(name): part[name] for name in part}
    lengths = {name: len(values) for name, values in table.items()}
    if not table:
        raise InputDataError("A table without columns was passed.")
    if len(set(lengths.values())) > 1:
        raise InputDataError(f"The variables have different numbers of rows: {lengths}.")
    _some(next(iter(lengths.values())))
    return table


def _some(count: int) -> None:
    if count == 0:
        raise InputDataError("Found array with 0 sample(s): X has no rows, while a minimum of 1 is required.")


def complete_graph(names: Iterable[str]) -> CausalGraph:
    """Every column a cause of all later ones, nothing hidden: what can be said without a graph."""
    listed = list(names)
    pairs = [(a, b) for i, a in enumerate(listed) for b in listed[i + 1 :]]
    return CausalGraph(pairs, nodes=listed)


def check_variables(graph: CausalGraph, names: Iterable[str]) -> None:
    """Refuse data without one of the graph's variables, or with a column that is none."""
    listed = list(names)
    lacking = [node for node in graph.nodes if node not in listed]
    if lacking:
        unnamed = listed == [f"x{i}" for i in range(len(listed))]
        remedy = (
            "The columns of an array have these names; pass a DataFrame to give them their own."
            if unnamed
            else "If it is not observed, name it in CausalGraph(..., latents=[...])."
        )
        raise InputDataError(
            f"The data have no column {lacking[0]!r}, which is a node of the graph. {suggest(lacking[0], listed)} "
            f"{remedy}"
        )
    extra = [name for name in listed if name not in graph]
    if extra:
        raise GraphError(
            f"Column {extra[0]!r} is no node of the graph. Drop it, or add it to the graph. "
            f"{suggest(extra[0], list(graph.nodes))}"
        )
