"""Estimands evaluated on discrete data: a distribution, or the rows of a table.

A number that the data do not hold, such as P(y | x) where x was never seen, is nan. It stays unknown in every sum, and
in every product but one with 0: what never happens adds nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.params import suggest
from modpart.causal._identify.expression import Expression, Probability, Product, Ratio, Sum, probabilities
from modpart.exceptions import InputDataError

__all__ = ["Cells", "DiscreteData", "Table", "empty_cells", "evaluate", "sum_product"]

MAX_STATES = 1000
MAX_TRIALS = 64  # empty cells that are tried one by one for whether an answer needs them
REPLICATE = ""  # the axis of bootstrap samples: a name that no variable has

Name = Any  # text for a variable; counterfactual queries have several copies of one


@dataclass(frozen=True)
class Table:
    """Numbers for every combination of values of some variables; axes carry the variables' names."""

    names: tuple[Name, ...]
    values: np.ndarray

    def aligned(self, names: Sequence[Name]) -> np.ndarray:
        """The numbers with one axis for each of `names`, of length 1 where they do not depend on it."""
        own = [name for name in names if name in self.names]
        moved = self.values.transpose([self.names.index(name) for name in own])
        shape = [self.values.shape[self.names.index(name)] if name in self.names else 1 for name in names]
        return moved.reshape(shape)

    def __mul__(self, other: "Table") -> "Table":
        names = tuple(dict.fromkeys(self.names + other.names))
        first, second = self.aligned(names), other.aligned(names)
        product = first * second
        if np.isnan(product).any():
            product = np.where((first == 0) | (second == 0), 0.0, product)
        return Table(names, product)

    def __truediv__(self, other: "Table") -> "Table":
        """The quotient, nan where the divisor is 0."""
        names = tuple(dict.fromkeys(self.names + other.names))
        above, below = np.broadcast_arrays(self.aligned(names), other.aligned(names))
        return Table(names, np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0))

    def sum(self, over: Iterable[Name]) -> "Table":
        """The numbers added over all values of some variables."""
        gone = [name for name in over if name in self.names]
        left = tuple(name for name in self.names if name not in gone)
        return Table(left, self.values.sum(axis=tuple(self.names.index(name) for name in gone)))

    def at(self, name: Name, place: int) -> "Table":
        """The numbers for one value of a variable."""
        axis = self.names.index(name)
        return Table(self.names[:axis] + self.names[axis + 1 :], self.values.take(place, axis=axis))


def sum_product(tables: Iterable[Table], over: Iterable[Name]) -> Table:
    """The product of tables, summed over some variables; each is summed out as soon as no other table needs it."""
    tables = list(tables)
    left = {name for table in tables for name in table.names} & set(over)
    while left:
        cheapest = min(
            sorted(left, key=str), key=lambda name: _size([table for table in tables if name in table.names])
        )
        touched = [table for table in tables if cheapest in table.names]
        tables = [table for table in tables if cheapest not in table.names]
        tables.append(_product(touched).sum([cheapest]))
        left.remove(cheapest)
    return _product(tables)


def _size(tables: Sequence[Table]) -> int:
    lengths = {name: length for table in tables for name, length in zip(table.names, table.values.shape, strict=True)}
    return int(np.prod([float(length) for length in lengths.values()]))


def _product(tables: Iterable[Table]) -> Table:
    result = Table((), np.array(1.0))
    for table in sorted(tables, key=lambda table: table.values.size):
        result = result * table
    return result


@dataclass(frozen=True)
class Cells:
    """Weights on combinations of values, each combination once.

    Attributes
    ----------
    columns : tuple of str
    codes : ndarray of shape (n_cells, n_columns), int64
        Place of each value among the states of its column.
    weights : ndarray of shape (n_cells,), or of shape (n_replicates, n_cells)
    """

    columns: tuple[str, ...]
    codes: np.ndarray
    weights: np.ndarray

    def onto(self, columns: Sequence[str], sizes: Sequence[int]) -> "Cells":
        """The weights on combinations of fewer columns."""
        kept = self.codes[:, [self.columns.index(name) for name in columns]]
        if np.prod([float(size) for size in sizes]) < 2**62:
            _, first, place = np.unique(_keys(kept, sizes), return_index=True, return_inverse=True)
            codes = kept[first]
        else:
            codes, place = np.unique(kept, axis=0, return_inverse=True)
        return Cells(tuple(columns), codes, np.bincount(place.ravel(), self.weights, minlength=len(codes)))

    def resampled(self, rng: np.random.Generator, n_replicates: int) -> "Cells":
        """As many rows drawn again with replacement, so often."""
        count = round(self.weights.sum())
        drawn = rng.multinomial(count, self.weights / self.weights.sum(), size=n_replicates)
        return Cells(self.columns, self.codes, drawn.astype(np.float64))


class DiscreteData:
    """Discrete data of one or several regimes, as weights on combinations of values.

    Parameters
    ----------
    states : mapping of str to Index
        Values of each variable.
    parts : mapping of frozenset to Cells
        For each regime (what was set) its weights.
    """

    def __init__(self, states: Mapping[str, pd.Index], parts: Mapping[frozenset[str], Cells]) -> None:
        self.states, self.parts = dict(states), dict(parts)

    @classmethod
    def read(cls, data: Any, variables: Iterable[str]) -> "DiscreteData":
        """Data as a user holds them.

        Parameters
        ----------
        data : DataFrame, Series, or mapping of regimes to these
            A DataFrame holds one column per variable and one row per unit. A Series is a distribution: its index has
            one level per variable, named, its values are probabilities or counts. A mapping tells what was set in each:
            a name, a tuple of names, or ``()`` for observational data.
        variables : iterable of str
            What has to be there; further columns are ignored.
        """
        given = data if isinstance(data, Mapping) else {(): data}
        if not given:
            raise InputDataError("The mapping of regimes is empty; pass at least one data set, {(): DataFrame}.")
        tables = {}
        for regime, part in given.items():
            key = frozenset([regime] if isinstance(regime, str) else regime)
            tables[key] = _rows(part, key)
        wanted = list(dict.fromkeys(variables))
        states = {name: _states(name, [rows for rows, _ in tables.values()]) for name in wanted}
        parts = {}
        for key, (rows, weights) in tables.items():
            held = [name for name in wanted if name in rows.columns]
            codes = [states[name].get_indexer(pd.Index(rows[name])) for name in held]
            whole = Cells(tuple(held), np.stack(codes, axis=1) if held else np.zeros((len(rows), 0), np.int64), weights)
            parts[key] = whole.onto(held, [len(states[name]) for name in held])
        return cls(states, parts)

    def restricted(self, variables: Iterable[str]) -> "DiscreteData":
        """The same data on fewer variables."""
        wanted = set(variables)
        states = {name: found for name, found in self.states.items() if name in wanted}
        parts = {}
        for regime, cells in self.parts.items():
            held = [name for name in cells.columns if name in wanted]
            parts[regime] = cells.onto(held, [len(states[name]) for name in held])
        return DiscreteData(states, parts)

    def resampled(self, rng: np.random.Generator, n_replicates: int) -> "DiscreteData":
        """Bootstrap samples of every regime, along an axis of their own."""
        drawn = {regime: self.parts[regime].resampled(rng, n_replicates) for regime in sorted(self.parts, key=sorted)}
        return DiscreteData(self.states, drawn)

    def place(self, name: str, value: Any) -> int:
        """Where a value stands among those of a variable; -1 where it does not occur."""
        return int(self.states[name].get_indexer(pd.Index([value]))[0])

    def marginal(self, names: tuple[str, ...], regime: frozenset[str]) -> Table:
        """Weights of all combinations of values of some variables in one regime."""
        if regime not in self.parts:
            words = f"the experiment on {', '.join(sorted(regime))}" if regime else "the observational data"
            raise InputDataError(f"The formula needs {words}, which the data do not hold; pass a mapping of regimes.")
        cells = self.parts[regime]
        for name in names:
            if name not in cells.columns:
                raise InputDataError(f"The data of regime {sorted(regime)} have no column {name!r}.")
        shape = tuple(len(self.states[name]) for name in names)
        size = int(np.prod(shape))
        flat = _keys(cells.codes[:, [cells.columns.index(name) for name in names]], shape)
        if cells.weights.ndim == 1:
            return Table(names, np.bincount(flat, cells.weights, minlength=size).reshape(shape))
        rows = np.arange(len(cells.weights))[:, None] * size + flat
        values = np.bincount(rows.ravel(), cells.weights.ravel(), minlength=len(rows) * size)
        return Table((REPLICATE, *names), values.reshape(len(rows), *shape))

    def shares(self, name: str) -> Table:
        """How frequent the values of a variable are, in the observational data where there are any."""
        regime = min((regime for regime, cells in self.parts.items() if name in cells.columns), key=len)
        weights = self.marginal((name,), regime)
        return weights / weights.sum([name])

    def averaged(self, table: Table, name: str) -> Table:
        """The mean over the values of a variable that the answer does not depend on, of those where it is known."""
        known = Table(table.names, np.where(np.isnan(table.values), 0.0, 1.0)) * self.shares(name)
        filled = Table(table.names, np.nan_to_num(table.values, nan=0.0))
        return (filled * known).sum([name]) / known.sum([name])


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


def _states(name: str, tables: Sequence[pd.DataFrame]) -> pd.Index:
    """The values of a variable, in sorted order or that of its categories."""
    columns = [rows[name] for rows in tables if name in rows.columns]
    if not columns:
        known = sorted({str(column) for rows in tables for column in rows.columns})
        raise InputDataError(f"The data have no column {name!r}. {suggest(name, known)}")
    for column in columns:
        if isinstance(column, pd.DataFrame):
            raise InputDataError(f"The data have {column.shape[1]} columns named {name!r}. Keep one of them.")
        if column.isna().any():
            raise InputDataError(f"Column {name!r} has {int(column.isna().sum())} missing values. Remove or fill them.")
    kinds = [column.dtype for column in columns]
    if isinstance(kinds[0], pd.CategoricalDtype) and all(kind == kinds[0] for kind in kinds):
        return pd.CategoricalIndex(kinds[0].categories, dtype=kinds[0], name=name)
    states = pd.Index(pd.concat(columns).unique(), name=name)
    if len(states) > MAX_STATES:
        raise InputDataError(
            f"Column {name!r} has {len(states)} different values, too many for a discrete variable. Cut it into "
            "classes, for example with pandas.cut."
        )
    return states.sort_values() if len({type(value) for value in states}) == 1 else states


def _keys(codes: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """One number for each combination of values."""
    keys = np.zeros(len(codes), np.int64)
    for column, size in zip(codes.T, sizes, strict=True):
        keys = keys * size + column
    return keys


def evaluate(expression: Expression, data: DiscreteData, gaps: Mapping[Probability, np.ndarray] | None = None) -> Table:
    """The numbers of an expression for every combination of values of its free variables.

    `gaps` makes a trial of it: conditional probabilities are unknown at the conditions that it marks, and no others.
    """
    known: dict[int, Table] = {}

    def value(node: Expression) -> Table:
        if id(node) not in known:
            known[id(node)] = computed(node)
        return known[id(node)]

    def computed(node: Expression) -> Table:
        if isinstance(node, Probability):
            found = _conditional(node, data)
            return found if gaps is None else _trial(found, node, gaps.get(node))
        if isinstance(node, Product):
            return sum_product(map(value, node.factors), ())
        if isinstance(node, Sum):
            factors = node.term.factors if isinstance(node.term, Product) else (node.term,)
            return sum_product(map(value, factors), node.over)
        if isinstance(node, Ratio):
            return value(node.numerator) / value(node.denominator)
        raise TypeError(type(node).__name__)

    return value(expression)


def _conditional(node: Probability, data: DiscreteData) -> Table:
    """P(of | given) in the regime that sets `do`, nan where the condition never holds."""
    joint = data.marginal(node.of + node.given + node.do, frozenset(node.do))
    return joint / joint.sum(node.of)


def _trial(found: Table, node: Probability, gap: np.ndarray | None) -> Table:
    filled = np.where(np.isnan(found.values), 1.0, found.values)
    if gap is not None:
        filled = np.where(Table(node.given + node.do, gap).aligned(found.names), np.nan, filled)
    return Table(found.names, filled)


def empty_cells(
    expression: Expression, data: DiscreteData, answer: Callable[[Mapping[Probability, np.ndarray]], np.ndarray]
) -> list[str]:
    """Combinations of values that the data do not hold and for want of which an answer is unknown, at most six.

    `answer` says for each asked combination whether it is unknown when the marked conditions are.
    """
    found: list[str] = []
    unknown_anyway = answer({})
    for node in dict.fromkeys(probabilities(expression)):
        conditions = node.given + node.do
        if not conditions:
            continue
        empty = data.marginal(conditions, frozenset(node.do)).values == 0
        if not (answer({node: empty}) & ~unknown_anyway).any():
            continue
        places = np.argwhere(empty)[:MAX_TRIALS]
        alone = []
        for place in places:
            gap = np.zeros_like(empty)
            gap[tuple(place)] = True
            if (answer({node: gap}) & ~unknown_anyway).any():
                alone.append(place)
        for place in alone or places:  # each by itself, or only all of them together
            shown = [f"{name}={data.states[name][k]}" for name, k in zip(conditions, place, strict=True)]
            found.append(", ".join(shown) + (" (experiment)" if node.do else ""))
    return list(dict.fromkeys(found))[:6]
