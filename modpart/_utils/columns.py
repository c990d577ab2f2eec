"""Columns of a table chosen by name, index or mask; a wrong choice is answered with what is wrong."""

from numbers import Integral
from typing import Any

import numpy as np

from modpart._utils.params import suggest
from modpart.exceptions import ParameterError

__all__ = ["selected_columns"]


def selected_columns(estimator: Any, argument: str) -> np.ndarray:
    """Indices of the columns that `argument` of a validated `estimator` selects, sorted; all of them for None.

    Parameters
    ----------
    estimator : estimator
        Knows ``n_features_in_``, and ``feature_names_in_`` when its table had names.
    argument : str
        Name of an argument that holds None, column names, indices (negative ones count from the end), or a boolean
        mask of all columns.

    Raises
    ------
    ParameterError
        When nothing or something unknown is selected, or a mask does not fit; the message names it.
    """
    chosen, n_features = getattr(estimator, argument), estimator.n_features_in_
    where = f"{type(estimator).__name__}: {argument}={chosen!r}"
    if chosen is None:
        return np.arange(n_features)
    if isinstance(chosen, str | bytes) or not np.iterable(chosen):
        raise ParameterError(f"{where} must be a list of column names or indices, or a boolean mask of the columns.")
    items = list(chosen)
    if items and all(isinstance(item, bool | np.bool_) for item in items):
        if len(items) != n_features:
            raise ParameterError(
                f"{where} masks {len(items)} columns, and X has {n_features}: give one value for each."
            )
        items = np.flatnonzero(items).tolist()
    if not items:
        raise ParameterError(f"{where} selects no column. Name at least one, or pass None for all.")
    return np.unique([_index(item, estimator, where) for item in items])


def _index(item: Any, estimator: Any, where: str) -> int:
    n_features = estimator.n_features_in_
    if isinstance(item, str):
        names = getattr(estimator, "feature_names_in_", None)
        if names is None:
            raise ParameterError(
                f"{where} names the column {item!r}, and X has no column names. Pass indices, or a DataFrame."
            )
        known = [str(name) for name in names]
        if item not in known:
            raise ParameterError(f"{where}: X has no column {item!r}. {suggest(item, known)}")
        return known.index(item)
    if isinstance(item, Integral) and not isinstance(item, bool | np.bool_):
        if -n_features <= int(item) < n_features:
            return int(item) % n_features
        raise ParameterError(f"{where}: X has {n_features} columns, so there is no column {int(item)}.")
    raise ParameterError(f"{where}: {item!r} is neither a column name nor an index.")
