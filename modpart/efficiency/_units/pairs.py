"""A table of inputs and a table of outputs, read together: what the functions of this package take."""

from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.checks import check_X
from modpart.efficiency._models.technology import Technology
from modpart.efficiency._units.data import Columns, check_units
from modpart.exceptions import InputDataError

__all__ = ["Pair", "paired"]


class Pair:
    """Inputs and outputs of the same units.

    Attributes
    ----------
    X, Y : ndarray of shape (n, m), (n, s)
    units : ndarray of shape (n,)
    columns : Columns
    """

    def __init__(self, X: np.ndarray, Y: np.ndarray, units: np.ndarray, columns: Columns) -> None:
        self.X, self.Y, self.units, self.columns = X, Y, units, columns

    @property
    def index(self) -> pd.Index:
        """The units as an index."""
        return pd.Index(self.units)

    def technology(self, returns: str) -> Technology:
        """What these units make possible."""
        return Technology.of(self.X, self.Y, returns)


class _Asked:
    """Stands where scikit-learn wants an estimator: remembers columns, gives its name to messages."""

    def __init__(self, owner: str) -> None:
        self.__class__ = type(owner, (_Asked,), {})  # messages call the function by its name

    def __sklearn_tags__(self) -> Any:
        from sklearn.base import BaseEstimator

        return BaseEstimator().__sklearn_tags__()


def paired(
    owner: str, X: Any, Y: Any, *, names: tuple[str, str] = ("X", "Y"), like: Pair | None = None, cone: bool = False
) -> Pair:
    """Read and check inputs and outputs.

    Parameters
    ----------
    owner : str
        Name of the function, for messages.
    X, Y : array-like or DataFrame of shape (n, m), (n, s), or (n,) for a single column
    names : tuple of str
        How the arguments are called.
    like : Pair or None
        Tables whose columns these must have.
    cone : bool
        Whether units can be scaled up.
    """
    tables, labels = [], None
    for table, letter in ((X, "x"), (Y, "y")):
        if isinstance(table, pd.Series):
            table = table.to_frame()
        elif np.ndim(table) == 1:
            table = np.asarray(table)[:, None]
        labels = table.index if isinstance(table, pd.DataFrame) and labels is None else labels
        if not isinstance(table, pd.DataFrame):
            checked = check_X(_Asked(owner), table, reset=True)
            table = pd.DataFrame(checked, columns=[f"{letter}{j}" for j in range(checked.shape[1])])
        else:
            check_X(_Asked(owner), table.set_axis([str(column) for column in table.columns], axis=1), reset=True)
        tables.append(table)
    inputs, outputs = tables
    if len(inputs) != len(outputs):
        raise InputDataError(
            f"{owner}: {names[0]} has {len(inputs)} rows and {names[1]} has {len(outputs)}. Pass one row of each for "
            "a unit."
        )
    if (
        isinstance(X, pd.DataFrame | pd.Series)
        and isinstance(Y, pd.DataFrame | pd.Series)
        and not X.index.equals(Y.index)
    ):
        raise InputDataError(
            f"{owner}: the rows of {names[0]} and {names[1]} are named differently. Put them in the same order, for "
            f"example {names[1]}.loc[{names[0]}.index]."
        )
    units = np.arange(len(inputs)) if labels is None else np.asarray(labels)
    m, s = inputs.shape[1], outputs.shape[1]
    columns = Columns(np.arange(m), m + np.arange(s), np.zeros(0, dtype=np.int64), [*inputs.columns, *outputs.columns])
    pair = Pair(inputs.to_numpy(dtype=np.float64), outputs.to_numpy(dtype=np.float64), units, columns)
    if like is not None and (like.X.shape[1], like.Y.shape[1]) != (m, s):
        raise InputDataError(
            f"{owner}: {names[0]} and {names[1]} have {m} and {s} columns where {like.X.shape[1]} and "
            f"{like.Y.shape[1]} are needed."
        )
    negative = np.zeros(m + s, dtype=bool)
    check_units(owner, np.hstack([pair.X, pair.Y]), columns, units, negative=negative, warn=False, cone=cone)
    return pair
