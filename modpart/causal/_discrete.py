"""Estimands evaluated on discrete data: a distribution, or the rows of a table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.params import suggest
from modpart.causal._expression import Expression, Probability, Product, Ratio, Sum
from modpart.exceptions import InputDataError

__all__ = ["DiscreteData", "Table", "evaluate"]

MAX_STATES = 1000


@dataclass(frozen=True)
class Table:
    """Numbers for every combination of values of some variables; axes carry the variables' names."""

    names: tuple[str, ...]
    values: np.ndarray

    def aligned(self, names: tuple[str, ...]) -> np.ndarray:
        """The numbers with one axis for each of `names`, of length 1 where they do not depend on it."""
        own = [name for name in names if name in self.names]
        moved = self.values.transpose([self.names.index(name) for name in own])
        shape = [self.values.shape[self.names.index(name)] if name in self.names else 1 for name in names]
        return moved.reshape(shape)

    def __mul__(self, other: "Table") -> "Table":
        names = tuple(dict.fromkeys(self.names + other.names))
        return Table(names, self.aligned(names) * other.aligned(names))

    def __truediv__(self, other: "Table") -> "Table":
        """The quotient, 0 where both are 0: what never happens adds nothing."""
        names = tuple(dict.fromkeys(self.names + other.names))
        above, below = np.broadcast_arrays(self.aligned(names), other.aligned(names))
        return Table(names, np.divide(above, below, out=np.zeros(above.shape), where=below > 0))

    def sum(self, over: Iterable[str]) -> "Table":
        """The numbers added over all values of some variables."""
        gone = [name for name in over if name in self.names]
        left = tuple(name for name in self.names if name not in gone)
        return Table(left, self.values.sum(axis=tuple(self.names.index(name) for name in gone)))


class DiscreteData:
    """Discrete data of one or several regimes, as weights on combinations of values.

    Parameters
    ----------
    data : DataFrame, Series, or mapping of regimes to these
        A DataFrame holds one column per variable and one row per unit. A Series is a distribution: its index has one
        level per variable, named, its values are probabilities or counts. A mapping tells what was set in each: a name,
        a tuple of names, or ``()`` for observational data.
    variables : iterable of str
        What has to be there; further columns are ignored.

    Attributes
    ----------
    states : dict of str to Index
        Values of each variable, in sorted order or that of its categories.
    """

    def __init__(self, data: Any, variables: Iterable[str]) -> None:
        parts = data if isinstance(data, Mapping) else {(): data}
        self._parts: dict[frozenset[str], tuple[pd.DataFrame, np.ndarray]] = {}
        for regime, part in parts.items():
            key = frozenset([regime] if isinstance(regime, str) else regime)
            self._parts[key] = _rows(part, key)
        self.states = {name: self._states(name) for name in variables}
        self._codes = {
            regime: {
                name: self.states[name].get_indexer(pd.Index(rows[name]))
                for name in self.states
                if name in rows.columns
            }
            for regime, (rows, _) in self._parts.items()
        }

    def _states(self, name: str) -> pd.Index:
        columns = [rows[name] for rows, _ in self._parts.values() if name in rows.columns]
        if not columns:
            known = sorted({str(column) for rows, _ in self._parts.values() for column in rows.columns})
            raise InputDataError(f"The data have no column {name!r}. {suggest(name, known)}")
        for column in columns:
            if column.isna().any():
                raise InputDataError(
                    f"Column {name!r} has {int(column.isna().sum())} missing values. Remove or fill them."
                )
        if all(isinstance(column.dtype, pd.CategoricalDtype) for column in columns):
            return pd.Index(columns[0].cat.categories, name=name)
        states = pd.Index(pd.concat(columns).unique(), name=name)
        if len(states) > MAX_STATES:
            raise InputDataError(
                f"Column {name!r} has {len(states)} different values, too many for a discrete variable. Cut it into "
                "classes, for example with pandas.cut."
            )
        return states.sort_values() if len({type(value) for value in states}) == 1 else states

    def marginal(self, names: tuple[str, ...], regime: frozenset[str]) -> Table:
        """Weights of all combinations of values of some variables in one regime."""
        if regime not in self._parts:
            words = f"the experiment on {', '.join(sorted(regime))}" if regime else "the observational data"
            raise InputDataError(f"The formula needs {words}, which the data do not hold; pass a mapping of regimes.")
        codes, weights = self._codes[regime], self._parts[regime][1]
        for name in names:
            if name not in codes:
                raise InputDataError(f"The data of regime {sorted(regime)} have no column {name!r}.")
        shape = tuple(len(self.states[name]) for name in names)
        if not names:
            return Table((), np.array(weights.sum()))
        flat = np.ravel_multi_index([codes[name] for name in names], shape)
        return Table(names, np.bincount(flat, weights, minlength=int(np.prod(shape))).reshape(shape))

    def conditional(self, of: tuple[str, ...], given: tuple[str, ...], do: tuple[str, ...]) -> Table:
        """P(of | given) in the regime that sets `do`, 0 where the condition never holds."""
        joint = self.marginal(of + given + do, frozenset(do))
        return joint / joint.sum(of)

    def shares(self, name: str) -> Table:
        """How frequent the values of a variable are, in the observational data where there are any."""
        regime = min((regime for regime, codes in self._codes.items() if name in codes), key=len)
        weights = self.marginal((name,), regime)
        return Table(weights.names, weights.values / weights.values.sum())


def _rows(part: Any, regime: frozenset[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows and their weights."""
    if isinstance(part, pd.Series):
        if any(name is None for name in part.index.names):
            raise InputDataError("The index levels of a distribution must be named, one variable each.")
        weights = part.to_numpy(np.float64)
        if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() == 0:
            raise InputDataError("The distribution must hold finite numbers >= 0, not all 0.")
        return part.index.to_frame(index=False), weights
    if isinstance(part, pd.DataFrame):
        if part.empty:
            raise InputDataError(f"The data of regime {sorted(regime)} have no rows.")
        return part, np.ones(len(part))
    raise InputDataError(
        f"The data are a {type(part).__name__}; pass a DataFrame of discrete columns, a Series whose index levels are "
        "the variables, or a mapping of regimes to these."
    )


def evaluate(expression: Expression, data: DiscreteData) -> Table:
    """The numbers of an expression for every combination of values of its free variables."""
    known: dict[int, Table] = {}

    def value(node: Expression) -> Table:
        if id(node) not in known:
            known[id(node)] = computed(node)
        return known[id(node)]

    def computed(node: Expression) -> Table:
        if isinstance(node, Probability):
            return data.conditional(node.of, node.given, node.do)
        if isinstance(node, Product):
            return reduce(mul, map(value, node.factors), Table((), np.array(1.0)))
        if isinstance(node, Sum):
            return value(node.term).sum(node.over)
        if isinstance(node, Ratio):
            return value(node.numerator) / value(node.denominator)
        raise TypeError(type(node).__name__)

    return value(expression)
