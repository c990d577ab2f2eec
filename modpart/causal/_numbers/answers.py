"""From tables of numbers to the Series that users read, with a warning that names what the data lack."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd

from modpart.causal._identify.expression import Expression
from modpart.causal._numbers.discrete import DiscreteData, Table, empty_cells
from modpart.exceptions import GraphError, PositivityWarning

__all__ = ["as_series", "place_of", "warn_of_gaps"]

Gaps = Any


def as_series(table: Table, levels: Sequence[tuple[Any, str, str]], data: DiscreteData) -> pd.Series:
    """A table as a Series, one index level for each (axis, name of the level, variable)."""
    shape = [len(data.states[variable]) for _, _, variable in levels]
    numbers = np.broadcast_to(table.aligned([axis for axis, _, _ in levels]), shape).ravel()
    if not levels:
        return pd.Series(numbers, name="probability", dtype=np.float64)
    states = [data.states[variable] for _, _, variable in levels]
    names = [name for _, name, _ in levels]
    index = states[0].rename(names[0]) if len(levels) == 1 else pd.MultiIndex.from_product(states, names=names)
    return pd.Series(numbers.astype(np.float64), index, name="probability")


def place_of(data: DiscreteData, name: str, value: Any, where: str) -> int:
    """The place of a value that a query names among those of its variable."""
    place = data.place(name, value)
    if place < 0:
        known = ", ".join(map(str, data.states[name]))
        raise GraphError(f"{where} {name}={value!r}, which does not occur in the data; it takes {known}.")
    return place


def warn_of_gaps(
    query: str,
    answer: pd.Series,
    expressions: Sequence[Expression],
    data: DiscreteData,
    table: Callable[[Mapping[Any, np.ndarray]], Table],
    *,
    stacklevel: int = 4,
) -> None:
    """Warn when a part of an answer is nan, and name the empty cells that it would need."""
    if not answer.isna().any():
        return
    cells = [
        cell
        for expression in expressions
        for cell in empty_cells(expression, data, lambda gaps: np.isnan(table(gaps).values))
    ]
    cells = list(dict.fromkeys(cells))
    if cells:
        words = f"the data hold no rows with {'; none with '.join(cells)}"
    else:
        words = "what it conditions on has no rows in the data"
    count = int(answer.isna().sum())
    part = "the answer" if count == len(answer) else f"{count} of {len(answer)} numbers"
    warn(
        f"{query}: {words}. The formula needs them, so {part} is nan. More data, or fewer classes, would help.",
        PositivityWarning,
        stacklevel=stacklevel,
    )
