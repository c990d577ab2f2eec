"""Counterfactual queries: what would have been, had something been set, given what has been seen.

How a query is taken apart stands in `_worlds`; here is what users get, and how its numbers are put together.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from modpart.causal._graph import CausalGraph, Names
from modpart.causal._identify.counterexample import two_models
from modpart.causal._identify.estimand import factor_expression
from modpart.causal._identify.expression import Expression, text
from modpart.causal._identify.factors import Hedge
from modpart.causal._identify.worlds import (
    ContradictionError,
    Event,
    NoAnswerError,
    Symbol,
    WorldFactor,
    factorise,
    key_of,
    values_of,
)
from modpart.causal._model import DiscreteModel
from modpart.causal._numbers.answers import as_series, place_of, warn_of_gaps
from modpart.causal._numbers.discrete import REPLICATE, DiscreteData, Table, evaluate, sum_product
from modpart.exceptions import GraphError, NotIdentifiableError

__all__ = ["CounterfactualIdentification", "Event", "identify_counterfactual"]


@dataclass(frozen=True, repr=False)
class CounterfactualIdentification:
    """The answer to "does the probability of these events follow from the data?".

    Made by :meth:`CausalGraph.identify_counterfactual`; true in a condition when the answer is yes.

    Parameters
    ----------
    graph : CausalGraph
        The graph that was asked.
    events, given : tuple of Event
        The query.
    regimes : tuple of frozenset of str
        What was set in each data set at hand.
    numerator, denominator : tuple of WorldFactor
        Counterfactual factors whose products, summed over what the query does not name, make the answer.
    shared : bool
        Whether the denominator is the numerator summed over all values of the events.
    links : mapping of Symbol to value or Symbol
        Values that others settle, since what has the same causes is the same in every world.
    impossible : bool
        Whether the events contradict each other, so that their probability is 0 without any data.
    reason : str
        Why not; empty when identifiable.
    hedges : tuple of Hedge
        For each regime the hedge that stands in the way, when that is the reason.

    Examples
    --------
    >>> from modpart.causal import CausalGraph, Event
    >>> graph = CausalGraph("Z -> X; Z -> Y; X -> Y")
    >>> treated = [Event("X", value=1)]
    >>> graph.identify_counterfactual([Event("Y", {"X": 0})], given=treated).identifiable
    True
    """

    graph: CausalGraph
    events: tuple[Event, ...]
    given: tuple[Event, ...]
    regimes: tuple[frozenset[str], ...]
    numerator: tuple[WorldFactor, ...] = ()
    denominator: tuple[WorldFactor, ...] = ()
    shared: bool = False
    links: Mapping[Symbol, Hashable] = field(default_factory=dict)
    impossible: bool = False
    reason: str = ""
    hedges: tuple[Hedge, ...] = ()

    @property
    def identifiable(self) -> bool:
        """Whether the query follows from the data."""
        return not self.reason

    def __bool__(self) -> bool:
        return self.identifiable

    @property
    def query(self) -> str:
        """The query in words, such as ``P(Y_{X=1} | X=0)``."""
        bar = " | " if self.given else ""
        return f"P({', '.join(map(str, self.events))}{bar}{', '.join(map(str, self.given))})"

    def __str__(self) -> str:
        if self.identifiable:
            return f"{self.query} = {self.estimand}"
        return f"{self.query} is not identifiable: {self.reason}"

    @property
    def estimand(self) -> str:
        """The formula as text; values of the query stand where they are put in.

        Raises
        ------
        NotIdentifiableError
            When there is none.
        """
        self.raise_if_not()
        if self.impossible:
            return "0"
        labels: dict[Symbol, str] = {}
        asked = [_symbol(self.graph, event) for event in self.events]
        parts = [self._factor_text(factor, labels) for factor in self.numerator]
        parts += [f"1[{_label(symbol, labels)} = {_label(value, labels)}]" for symbol, value in self.links.items()]
        above = _summed_text(parts, [label for symbol, label in labels.items() if symbol not in asked])
        if not self.given:
            return above
        if self.shared:
            below = _summed_text(parts, labels.values())
        else:
            others: dict[Symbol, str] = {}
            parts = [self._factor_text(factor, others) for factor in self.denominator]
            below = _summed_text(parts, others.values())
        if self.shared and not set(asked) & set(labels):
            return above
        return f"({above}) / ({below})"

    def _factor_text(self, factor: WorldFactor, labels: dict[Symbol, str]) -> str:
        expression = factor_expression(self.graph, factor.source)
        names = {
            name: _label(value, labels) if isinstance(value, Symbol) else f"{name}={value}"
            for name, value in factor.values.items()
        }
        return text(expression, names=names)

    def counterexample(self, *, random_state: Any = 0) -> tuple[DiscreteModel, DiscreteModel]:
        """Two models of the graph that agree on all data at hand and give different answers.

        Parameters
        ----------
        random_state : int, Generator, RandomState or None, default=0
            Draws the models.

        Returns
        -------
        first, second : DiscreteModel
            As for :meth:`Identification.counterexample`. Their variables take the values 0 and 1; other values in the
            query are numbered as they come.

        Raises
        ------
        GraphError
            When the query is identifiable, or names three or more values of one variable.
        ModpartError
            When the search finds none.
        """
        if self.identifiable:
            raise GraphError(f"{self.query} is identifiable: models that agree on the data agree on it.")
        named = [*self.events, *self.given]
        active = self.graph.ancestors([name for event in named for name in (event.variable, *(event.do or {}))])
        outer = frozenset().union(*(hedge.outer for hedge in self.hedges)) or active
        hidden = [pair for pair in self.graph.bidirected if set(pair) <= outer]
        noises = [node for node in self.graph.nodes if node in outer]
        return two_models(self.graph, self.regimes, self._parts, [active], [*hidden, *noises], random_state)

    def _codes(self) -> dict[str, dict[Hashable, int]]:
        """The values that the query names, numbered: 0 and 1 stay what they are, others are numbered as they come."""
        values: dict[str, dict[Hashable, None]] = {}
        for event in [*self.events, *self.given]:
            for name, value in [*(event.do or {}).items(), (event.variable, event.value)]:
                if value is not None:
                    values.setdefault(name, {})[value] = None
        codes: dict[str, dict[Hashable, int]] = {}
        for name, found in values.items():
            if len(found) > 2:
                raise GraphError(f"The query names {len(found)} values of {name!r}; a counterexample has two.")
            plain = all(value in (0, 1) for value in found)
            codes[name] = {value: int(value) if plain else k for k, value in enumerate(found)}  # type: ignore[call-overload]
        return codes

    def _parts(self, model: DiscreteModel, apart: Any) -> tuple[np.ndarray, np.ndarray]:
        """The query's numerator and denominator."""
        codes = self._codes()
        named = [*self.events, *self.given]
        worlds = [
            tuple(sorted((name, codes[name][value]) for name, value in (event.do or {}).items())) for event in named
        ]
        joint = model._contract(
            [(event.variable, world) for event, world in zip(named, worlds, strict=True)], apart=apart
        )
        seen = [codes[event.variable][event.value] for event in self.given]
        joint = joint[(slice(None),) * len(self.events) + tuple(seen)]
        whole = joint.sum(axis=tuple(range(len(self.events))), keepdims=True)
        picked = [slice(None) if event.value is None else [codes[event.variable][event.value]] for event in self.events]
        for axis, places in enumerate(picked):
            joint = joint[(slice(None),) * axis + (places,)]
        return joint, np.broadcast_to(whole, joint.shape)

    def __repr__(self) -> str:
        return f"<CounterfactualIdentification: {self}>"

    def _repr_html_(self) -> str:
        color = "#009E73" if self.identifiable else "#D55E00"
        return f'<div style="border-left:4px solid {color};padding-left:.6em">{escape(str(self))}</div>'

    def raise_if_not(self) -> "CounterfactualIdentification":
        """Return the identification, or raise :class:`NotIdentifiableError` when the query has no answer.

        Returns
        -------
        self : CounterfactualIdentification
        """
        if not self.identifiable:
            raise NotIdentifiableError(str(self), self)
        return self

    def evaluate(self, data: Any) -> pd.Series:
        """The query's numbers on discrete data.

        Parameters
        ----------
        data : DataFrame, Series, or mapping of regimes to these
            As for :meth:`Identification.evaluate`.

        Returns
        -------
        probability : Series
            One index level for each event without a value; a single number without an index level when all have one.

        Raises
        ------
        NotIdentifiableError
            When the query does not follow from the data.
        """
        self.raise_if_not()
        frame = DiscreteData.read(data, self.graph.nodes)
        answer = as_series(self._table(frame), self._levels(), frame)
        warn_of_gaps(self.query, answer, self._expressions(), frame, lambda gaps: self._table(frame, gaps))
        return answer

    def _levels(self) -> list[tuple[Symbol, str, str]]:
        """For each event without a value its symbol, its name and its variable."""
        return [
            (_symbol(self.graph, event), event.name, event.variable) for event in self.events if event.value is None
        ]

    def _expressions(self) -> list[Expression]:
        """The formulas of all factors."""
        return [factor_expression(self.graph, factor.source) for factor in (*self.numerator, *self.denominator)]

    def _table(self, frame: DiscreteData, gaps: Any = None) -> Table:
        """The answer on data, one axis for each event without a value; see :func:`evaluate` for `gaps`."""
        if self.impossible:
            return Table((), np.array(0.0))
        kept = [REPLICATE, *(_symbol(self.graph, event) for event in self.events)]
        tables = [self._factor_table(factor, frame, gaps) for factor in self.numerator]
        for symbol, value in self.links.items():  # a value that another one settles
            tables.append(_equal(symbol, value, frame))
        above = _summed(tables, kept)
        for event in self.events:
            symbol = _symbol(self.graph, event)
            if event.value is not None and symbol in above.names:
                above = above.at(symbol, place_of(frame, event.variable, event.value, "The query asks for"))
        if not self.given:
            return above
        if self.shared:
            return above / _summed(tables, [REPLICATE])
        return above / _summed([self._factor_table(factor, frame, gaps) for factor in self.denominator], [REPLICATE])

    def _factor_table(self, factor: WorldFactor, frame: DiscreteData, gaps: Any) -> Table:
        """The numbers of a factor at its values, one axis for each symbol."""
        table = evaluate(factor_expression(self.graph, factor.source), frame, gaps)
        for name in table.names:
            if name == REPLICATE:
                continue
            if name not in factor.values:
                table = frame.averaged(table, name)
            elif not isinstance(factor.values[name], Symbol):
                table = table.at(name, place_of(frame, name, factor.values[name], "The query sets"))
        return Table(tuple(factor.values.get(name, name) for name in table.names), table.values)


def _label(value: Hashable, labels: dict[Symbol, str]) -> str:
    """The name of a symbol: its variable, with primes where other symbols have that name."""
    if not isinstance(value, Symbol):
        return str(value)
    if value not in labels:
        name = value.variable
        while name in labels.values():
            name += "'"
        labels[value] = name
    return labels[value]


def _summed_text(parts: Sequence[str], over: Iterable[str]) -> str:
    """A product of formulas under a sum; one that is a sum itself stands last, or in brackets."""
    names = ", ".join(over)
    ordered = sorted(parts, key=lambda part: part.startswith("sum_")) or ["1"]
    closed = [f"[{part}]" if part.startswith("sum_") else part for part in ordered[:-1]]
    return (f"sum_{{{names}}} " if names else "") + " ".join([*closed, ordered[-1]])


def _symbol(graph: CausalGraph, event: Event) -> Symbol:
    return Symbol(*key_of(graph, event))


def _summed(tables: Sequence[Table], kept: Sequence[Any]) -> Table:
    """The product of all factors, summed over the symbols that are not kept."""
    return sum_product(tables, {name for table in tables for name in table.names} - set(kept))


def _equal(symbol: Symbol, value: Hashable, frame: DiscreteData) -> Table:
    """1 where the symbol has the value, or that of another symbol, and 0 elsewhere."""
    one = np.eye(len(frame.states[symbol.variable]))
    if isinstance(value, Symbol):
        return Table((symbol, value), one)
    return Table((symbol,), one[place_of(frame, symbol.variable, value, "The query sets")])


def identify_counterfactual(
    graph: CausalGraph, events: Sequence[Event], given: Sequence[Event], regimes: Iterable[Names]
) -> CounterfactualIdentification:
    """Answer a query; see :meth:`CausalGraph.identify_counterfactual`."""
    events, given = tuple(events), tuple(given)
    _check(graph, events, given)
    sets = graph.regimes(regimes)

    def answer(**found: Any) -> CounterfactualIdentification:
        return CounterfactualIdentification(graph, events, given, sets, **found)

    try:
        conditions = values_of(graph, given)
        factorise(graph, conditions, {}, None)
    except ContradictionError:
        raise GraphError(
            f"The conditions {', '.join(map(str, given))} contradict each other, so nothing can be asked given them."
        ) from None
    open_events = [Event(event.variable, event.do) for event in events]
    try:
        if not given:
            numerator, links = factorise(graph, values_of(graph, events), {}, sets)
            return answer(numerator=numerator, links=links)
        joint = values_of(graph, [*events, *given])
        try:  # for all values of the outcomes at once, which add up to the probability of the conditions
            numerator, links = factorise(graph, values_of(graph, [*open_events, *given]), conditions, sets)
            return answer(numerator=numerator, links=links, shared=True)
        except (NoAnswerError, ContradictionError):  # for these values alone
            numerator, links = factorise(graph, joint, conditions, sets)
            touched = frozenset().union(*(factor.source.target for factor in numerator))
            seen = {key: value for key, value in conditions.items() if key[0] in touched}
            denominator, _ = factorise(graph, seen, {}, sets, cut=conditions)
            return answer(numerator=numerator, links=links, denominator=denominator)
    except ContradictionError:
        return answer(impossible=True)
    except NoAnswerError as no:
        return answer(reason=str(no), hedges=no.hedges)


def _check(graph: CausalGraph, events: tuple[Event, ...], given: tuple[Event, ...]) -> None:
    if not events:
        raise GraphError("A counterfactual query needs at least one event.")
    for event in [*events, *given]:
        if not isinstance(event, Event):
            raise GraphError(f"{event!r} is no event; write Event('Y', {{'X': 1}}) for Y had X been 1.")
        graph.names([event.variable, *(event.do or {})])
    for event in given:
        if event.value is None:
            raise GraphError(f"The condition {event} has no value; a counterfactual is conditioned on what was seen.")
    keys = [key_of(graph, event) for event in [*events, *given]]
    for event, key in zip(events, keys, strict=False):
        if event.value is None and (keys.count(key) > 1 or event.variable in (event.do or {})):
            raise GraphError(
                f"The value of {event} is settled by the rest of the query; leave it out, or give its value."
            )
