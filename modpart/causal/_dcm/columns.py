"""Columns of a table as the networks see them, and back: states, standardised numbers, tensors."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modpart._torch.dcm.nodes import DISCRETE, NUMERIC, TENSOR
from modpart.exceptions import InputDataError, ParameterError

__all__ = ["KINDS", "Column", "learn_column"]

KINDS = ("boolean", "categorical", "ordinal", "integer", "continuous", "tensor")
FEW = 20  # values up to which a numeric column counts as discrete, if each occurs five times on average


@dataclass
class Column:
    """One variable of the data, and how its values become states or numbers.

    Parameters
    ----------
    name : str
    kind : str
        One of :data:`KINDS`.
    dtype : str
        Of the column that was learned from.
    states : ndarray or None
        Values of a discrete column, in their order.
    categories : ndarray or None
        All categories of a pandas categorical, states or not.
    ordered : bool
        Whether that categorical is ordered.
    center, scale : float
        Of a column of numbers.
    low, high : float
        Range of a column of numbers.
    counts : ndarray or None
        How often each state occurs.
    shape : tuple of int
        Of one entry of a tensor.
    """

    name: str
    kind: str
    dtype: str
    states: Any = None
    categories: Any = None
    ordered: bool = False
    center: float = 0.0
    scale: float = 1.0
    low: float = -np.inf
    high: float = np.inf
    counts: Any = None
    shape: tuple[int, ...] = ()

    @property
    def node_kind(self) -> str:
        """What the networks take it for."""
        if self.kind == "tensor":
            return TENSOR
        return NUMERIC if self.kind in ("integer", "continuous") else DISCRETE

    @property
    def size(self) -> int:
        """Number of states, 1 for numbers, entries of a tensor."""
        if self.kind == "tensor":
            return int(np.prod(self.shape))
        return 1 if self.states is None else len(self.states)

    def encode(self, values: Any) -> np.ndarray:
        """States as int64, numbers standardised in float32, tensors as they are in float32."""
        if self.kind == "tensor":
            array = np.asarray(values, dtype=np.float32)
            if array.shape[1:] != self.shape:
                raise InputDataError(
                    f"Variable {self.name!r} has entries of shape {array.shape[1:]}, not {self.shape}."
                )
            return array
        series = pd.Series(values)
        if self.states is None:
            numbers = _numbers(self.name, series)
            return ((numbers - self.center) / self.scale).astype(np.float32)
        index = pd.Index(self.states)
        if index.dtype.kind == "b" and series.dtype.kind in "iuf" and series.isin([0, 1]).all():
            series = series.astype(bool)
        if index.dtype.kind in "iufb" and series.dtype.kind not in "iufb":
            series = pd.to_numeric(series.astype(object), errors="coerce")
        codes = index.get_indexer(pd.Index(series.to_numpy(object) if index.dtype == object else series.to_numpy()))
        if (codes < 0).any():
            value = pd.Series(values, dtype=object).tolist()[int(np.argmax(codes < 0))]
            known = ", ".join(repr(state) for state in index[:10].tolist())
            raise InputDataError(
                f"Column {self.name!r} holds {value!r}, which it did not hold when the model was fitted. It knows "
                f"{known}{' ...' if len(index) > 10 else ''}."
            )
        return codes.astype(np.int64)

    def decode(self, codes: np.ndarray) -> Any:
        """Values in the column's own type; the rows of a tensor."""
        if self.kind == "tensor":
            return codes
        if self.states is not None:
            values: Any = self.states[codes]
        else:
            values = codes.astype(np.float64) * self.scale + self.center
            values = np.rint(values) if self.kind == "integer" else values
        if self.categories is not None:
            return pd.Series(pd.Categorical(values, categories=self.categories, ordered=self.ordered))
        return pd.Series(values).astype(pd.api.types.pandas_dtype(self.dtype))

    def rarity(self, value: Any, few: int) -> str:
        """Words for a value that the data hold rarely, or that lies outside their range; empty otherwise."""
        if self.kind == "tensor":
            return ""
        if self.states is None:
            outside = not self.low <= _numbers(self.name, pd.Series([value]))[0] <= self.high
            return f"outside the data's range from {self.low:g} to {self.high:g}" if outside else ""
        count = int(self.counts[self.encode([value])[0]])
        return f"of which the data hold {count} rows" if count < few else ""


def learn_column(name: str, values: Any, kind: str = "infer") -> Column:
    """Find out what kind of column this is, and what values it takes.

    Numbers with few different values that come back often are discrete, whatever their type; other whole numbers are
    integers, the rest is continuous. Text, booleans and pandas categoricals are discrete. An array with more than one
    number a row is a tensor.
    """
    if kind not in (*KINDS, "infer"):
        raise ParameterError(f"column_types: {name!r} is {kind!r}. A column is one of {', '.join(KINDS)}, or 'infer'.")
    if np.ndim(values) > 1:
        return _learn_tensor(name, np.asarray(values))
    series = pd.Series(values).reset_index(drop=True)
    if series.isna().any():
        raise InputDataError(
            f"Column {name!r} has {int(series.isna().sum())} missing values (NaN, the first in row "
            f"{int(series.isna().to_numpy().argmax())}). Drop those rows or fill them in first."
        )
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes, counts = np.unique(np.asarray(series.cat.codes), return_counts=True)
        every = dtype.categories.to_numpy()
        kind = ("ordinal" if dtype.ordered else "categorical") if kind == "infer" else kind
        return Column(name, kind, "category", every[codes], every, bool(dtype.ordered), counts=counts)
    if pd.api.types.is_bool_dtype(dtype):
        states, counts = np.unique(series.to_numpy(bool), return_counts=True)
        return Column(name, "boolean", str(dtype), states, counts=counts)
    if pd.api.types.is_numeric_dtype(dtype) and dtype.kind != "c":
        return _learn_numbers(name, series, kind)
    if dtype.kind in "mMc" or isinstance(dtype, pd.PeriodDtype):
        raise InputDataError(f"Column {name!r} has type {dtype}. Turn it into real numbers or categories first.")
    states = _sorted(name, series)
    frequency = series.value_counts().reindex(states).to_numpy()
    return Column(name, "categorical" if kind == "infer" else kind, str(dtype), states, counts=frequency)


def _learn_tensor(name: str, array: np.ndarray) -> Column:
    if array.dtype.kind not in "iufb" or not np.isfinite(array).all():
        raise InputDataError(f"Variable {name!r} must hold finite numbers only; it has type {array.dtype}.")
    return Column(name, "tensor", str(array.dtype), shape=tuple(array.shape[1:]))


def _learn_numbers(name: str, series: pd.Series, kind: str) -> Column:
    numbers = _numbers(name, series)
    different = np.unique(numbers)
    if kind == "infer":
        if len(different) == 1 or (len(different) <= FEW and len(numbers) >= 5 * len(different)):
            kind = "ordinal"
        else:
            kind = "integer" if (different == np.rint(different)).all() else "continuous"
    if kind in ("boolean", "categorical", "ordinal"):
        states, counts = np.unique(series.to_numpy(), return_counts=True)
        return Column(name, kind, str(series.dtype), states, counts=counts)
    center, scale = float(numbers.mean()), float(numbers.std()) or 1.0
    low, high = float(numbers.min()), float(numbers.max())
    return Column(name, kind, str(series.dtype), center=center, scale=scale, low=low, high=high)


def _numbers(name: str, series: pd.Series) -> np.ndarray:
    """The column as finite float64."""
    try:
        numbers = series.astype(np.float64).to_numpy()
    except (TypeError, ValueError) as error:
        raise InputDataError(f"Column {name!r} holds numbers, and {series.iloc[0]!r} is none.") from error
    if not np.isfinite(numbers).all():
        row = int(np.argmin(np.isfinite(numbers)))
        raise InputDataError(f"Column {name!r} holds {numbers[row]} in row {row}; drop that row or fill it in first.")
    return numbers


def _sorted(name: str, series: pd.Series) -> np.ndarray:
    values = series.to_numpy(object)
    unhashable = [value for value in values[:1] if not isinstance(value, Hashable)]
    if unhashable or len({type(value) for value in values} - {str, int, float, bool}) > 0:
        odd = next(value for value in values if not isinstance(value, str | int | float | bool))
        raise InputDataError(f"Column {name!r} holds {type(odd).__name__} objects. Pass text, numbers or booleans.")
    try:
        return np.array(sorted(set(values)), dtype=object)
    except TypeError as error:
        raise InputDataError(f"Column {name!r} mixes text and numbers. Give all values one type.") from error
