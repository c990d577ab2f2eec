"""Counterfactual queries: what would have been, had something been set, given what has been seen.

The algorithm rewrites a query as a product of counterfactual factors, one for each c-component of the variables that
matter, and asks whether each is consistent and follows from the data (ctfID of Correa, Lee & Bareinboim, "Nested
counterfactual identification from arbitrary surrogate experiments", NeurIPS 2021).
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from modpart.causal._answers import as_series, place_of, warn_of_gaps
from modpart.causal._discrete import REPLICATE, DiscreteData, Table, evaluate, sum_product
from modpart.causal._estimand import factor_expression
from modpart.causal._expression import Expression
from modpart.causal._factors import Factor, Hedge, find_factor
from modpart.causal._graph import CausalGraph, Names
from modpart.exceptions import GraphError, NotIdentifiableError

__all__ = ["CounterfactualIdentification", "Event", "identify_counterfactual"]

Setting = frozenset[tuple[str, Hashable]]
Key = tuple[str, Setting]  # a variable in the world of a setting


@dataclass(frozen=True)
class Event:
    """A variable in the world where something was set; in the actual world when nothing was.

    Parameters
    ----------
    variable : str
        The variable that is observed.
    do : mapping of str to value, default={}
        What was set in its world.
    value : hashable or None, default=None
        Its value; None asks for the distribution over its values.

    Examples
    --------
    >>> from modpart.causal import Event
    >>> str(Event("Y", {"X": 1}, 0))
    'Y_{X=1}=0'
    """

    variable: str
    do: Mapping[str, Hashable] | None = None
    value: Hashable = None

    @property
    def name(self) -> str:
        """The variable with its world, such as ``Y_{X=1}``."""
        setting = ", ".join(f"{name}={value}" for name, value in sorted((self.do or {}).items()))
        return f"{self.variable}_{{{setting}}}" if setting else self.variable

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}={self.value}"


@dataclass(frozen=True)
class _Symbol:
    """A value that is not fixed: of an outcome whose distribution is asked for, or one that is summed over."""

    variable: str
    setting: Setting


@dataclass(frozen=True)
class _CtfFactor:
    """Values at which one c-factor is taken, and how it follows from the data."""

    values: Mapping[str, Hashable]  # of the factor's variables and of their parents
    source: Factor


@dataclass(frozen=True)
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
    numerator, denominator : tuple of _CtfFactor
        Counterfactual factors whose products, summed over what the query does not name, make the answer.
    shared : bool
        Whether the denominator is the numerator summed over all values of the events.
    links : mapping of _Symbol to value or _Symbol
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
    numerator: tuple[_CtfFactor, ...] = ()
    denominator: tuple[_CtfFactor, ...] = ()
    shared: bool = False
    links: Mapping[_Symbol, Hashable] = field(default_factory=dict)
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
            return f"{self.query} is identifiable"
        return f"{self.query} is not identifiable: {self.reason}"

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

    def _levels(self) -> list[tuple[_Symbol, str, str]]:
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

    def _factor_table(self, factor: _CtfFactor, frame: DiscreteData, gaps: Any) -> Table:
        """The numbers of a factor at its values, one axis for each symbol."""
        table = evaluate(factor_expression(self.graph, factor.source), frame, gaps)
        for name in table.names:
            if name == REPLICATE:
                continue
            if name not in factor.values:
                table = frame.averaged(table, name)
            elif not isinstance(factor.values[name], _Symbol):
                table = table.at(name, place_of(frame, name, factor.values[name], "The query sets"))
        return Table(tuple(factor.values.get(name, name) for name in table.names), table.values)


def _symbol(graph: CausalGraph, event: Event) -> _Symbol:
    return _Symbol(*_key(graph, event))


def _summed(tables: Sequence[Table], kept: Sequence[Any]) -> Table:
    """The product of all factors, summed over the symbols that are not kept."""
    return sum_product(tables, {name for table in tables for name in table.names} - set(kept))


def _equal(symbol: _Symbol, value: Hashable, frame: DiscreteData) -> Table:
    """1 where the symbol has the value, or that of another symbol, and 0 elsewhere."""
    one = np.eye(len(frame.states[symbol.variable]))
    if isinstance(value, _Symbol):
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
        conditions = _values(graph, given)
        _product(graph, conditions, {}, None)
    except _ContradictionError:
        raise GraphError(
            f"The conditions {', '.join(map(str, given))} contradict each other, so nothing can be asked given them."
        ) from None
    open_events = [Event(event.variable, event.do) for event in events]
    try:
        if not given:
            numerator, links = _product(graph, _values(graph, events), {}, sets)
            return answer(numerator=numerator, links=links)
        joint = _values(graph, [*events, *given])
        try:  # for all values of the outcomes at once, which add up to the probability of the conditions
            numerator, links = _product(graph, _values(graph, [*open_events, *given]), conditions, sets)
            return answer(numerator=numerator, links=links, shared=True)
        except (_NoAnswerError, _ContradictionError):  # for these values alone
            numerator, links = _product(graph, joint, conditions, sets)
            touched = frozenset().union(*(factor.source.target for factor in numerator))
            seen = {key: value for key, value in conditions.items() if key[0] in touched}
            denominator, _ = _product(graph, seen, {}, sets, cut=conditions)
            return answer(numerator=numerator, links=links, denominator=denominator)
    except _ContradictionError:
        return answer(impossible=True)
    except _NoAnswerError as no:
        return answer(reason=str(no), hedges=no.hedges)


class _NoAnswerError(Exception):
    """The query does not follow from the data; the message says why, `hedges` where that is the reason."""

    def __init__(self, message: str, hedges: tuple[Hedge, ...] = ()) -> None:
        super().__init__(message)
        self.hedges = hedges


class _ContradictionError(Exception):
    """The events contradict each other."""


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
    keys = [_key(graph, event) for event in [*events, *given]]
    for event, key in zip(events, keys, strict=False):
        if event.value is None and (keys.count(key) > 1 or event.variable in (event.do or {})):
            raise GraphError(
                f"The value of {event} is settled by the rest of the query; leave it out, or give its value."
            )


def _key(graph: CausalGraph, event: Event) -> Key:
    return _minimal(graph, event.variable, frozenset((event.do or {}).items()))


def _minimal(graph: CausalGraph, variable: str, setting: Setting) -> Key:
    """The variable in its world, without what was set in vain (interventional minimisation)."""
    names = frozenset(name for name, _ in setting)
    if variable in names:
        return variable, frozenset(pair for pair in setting if pair[0] == variable)
    reached = graph.ancestors(variable, within=frozenset(graph.nodes) - names)
    return variable, frozenset(pair for pair in setting if pair[0] in graph.parents(reached))


def _values(graph: CausalGraph, events: Iterable[Event]) -> dict[Key, Hashable]:
    """Value of each distinct variable in its world; a symbol where none is given."""
    values: dict[Key, Hashable] = {}
    for event in events:
        key = _key(graph, event)
        set_to = dict(key[1]).get(event.variable)
        if event.variable in dict(key[1]):  # Y had Y been set
            if event.value is not None and event.value != set_to:
                raise _ContradictionError
            continue
        value = _Symbol(*key) if event.value is None else event.value
        if (
            not isinstance(values.get(key, value), _Symbol)
            and not isinstance(value, _Symbol)
            and values.get(key, value) != value
        ):
            raise _ContradictionError
        values[key] = values[key] if isinstance(value, _Symbol) and key in values else value
    return values


def _product(
    graph: CausalGraph,
    values: Mapping[Key, Hashable],
    conditions: Mapping[Key, Hashable],
    regimes: tuple[frozenset[str], ...] | None,
    *,
    cut: Mapping[Key, Hashable] | None = None,
) -> tuple[tuple[_CtfFactor, ...], dict[_Symbol, Hashable]]:
    """Counterfactual factors of the ancestors that matter, identified one by one, and what settles which symbols.

    Ancestors are followed up to `cut` (the conditions, unless said otherwise). Without `regimes` it is only found out
    whether the values contradict each other.
    """
    cut = conditions if cut is None else cut
    ancestors = _ancestors(graph, values, conditions, cut)
    known = {**cut, **{key: _Symbol(*key) for key in ancestors}, **values}
    elements, links = _merged(graph, ancestors, known)
    if regimes is None:
        return (), links
    found = []
    for component in graph.c_components(within=frozenset(variable for variable, _, _ in elements)):
        group = _unified([element for element in elements if element[0] in component])
        found.append(_CtfFactor(group, _source(graph, component, regimes)))
    return tuple(found), links


Element = tuple[str, dict[str, Hashable], Hashable]  # a variable, the values of its causes, and its own


def _merged(
    graph: CausalGraph, ancestors: Iterable[Key], known: Mapping[Key, Hashable]
) -> tuple[list[Element], dict[_Symbol, Hashable]]:
    """Each variable with the values of its causes; a variable with the same causes is the same in every world.

    Causes come first, so that what is the same in two worlds makes its effects the same too (consistency).
    """
    place = {node: i for i, node in enumerate(graph.order)}
    links: dict[_Symbol, Hashable] = {}
    seen: dict[Hashable, Hashable] = {}
    elements: list[Element] = []

    def settled(value: Hashable) -> Hashable:
        while isinstance(value, _Symbol) and value in links:
            value = links[value]
        return value

    for key in sorted(ancestors, key=lambda key: (place[key[0]], str(sorted(key[1], key=str)))):
        parents = {name: settled(value) for name, value in _parent_values(graph, key, known).items()}
        signature = key[0], frozenset(parents.items())
        value = settled(known[key])
        if signature not in seen:
            seen[signature] = value
            elements.append((key[0], parents, value))
            continue
        other = settled(seen[signature])
        if other == value:
            continue
        if isinstance(value, _Symbol):
            links[value] = other
        elif isinstance(other, _Symbol):
            links[other] = value
        else:
            raise _ContradictionError
    return [
        (variable, {name: settled(value) for name, value in parents.items()}, settled(value))
        for variable, parents, value in elements
    ], links


def _ancestors(
    graph: CausalGraph, values: Iterable[Key], conditions: Mapping[Key, Hashable], cut: Mapping[Key, Hashable]
) -> list[Key]:
    """Counterfactual ancestors, of those components alone that hold an outcome when there are conditions."""
    sets = {key: _ancestral_set(graph, key, cut) for key in values}
    merged = [(set(members), root not in conditions) for root, members in sets.items()]
    while True:
        for i, (first, outcome) in enumerate(merged):
            touching = [j for j in range(i + 1, len(merged)) if conditions and _touch(graph, first, merged[j][0])]
            if touching:
                j = touching[0]
                other, other_outcome = merged.pop(j)
                merged[i] = (first | other, outcome or other_outcome)
                break
        else:
            break
    return list(
        dict.fromkeys(
            key for members, outcome in merged if outcome or not conditions for key in sorted(members, key=str)
        )
    )


def _touch(graph: CausalGraph, first: Iterable[Key], second: Iterable[Key]) -> bool:
    """Whether two sets of counterfactual variables share hidden causes or noise."""
    names, others = {key[0] for key in first}, {key[0] for key in second}
    return bool((names | graph.siblings(names)) & others)


def _ancestral_set(graph: CausalGraph, key: Key, conditions: Mapping[Key, Hashable]) -> set[Key]:
    """A variable and its causes, each in its world, not beyond what was set or conditioned on."""
    found, stack = {key}, [key]
    while stack:
        variable, setting = stack.pop()
        fixed = {name for name, _ in setting}
        for parent in graph.parents(variable) - fixed:
            above = _minimal(graph, parent, setting)
            if above not in found and above not in conditions:
                found.add(above)
                stack.append(above)
    return found


def _parent_values(graph: CausalGraph, key: Key, values: Mapping[Key, Hashable]) -> dict[str, Hashable]:
    """The values that the causes of a variable have in its world."""
    variable, setting = key
    fixed = dict(setting)
    return {
        parent: fixed[parent] if parent in fixed else values[_minimal(graph, parent, setting)]
        for parent in graph.parents(variable)
    }


def _unified(group: Sequence[Element]) -> dict[str, Hashable]:
    """One value for every variable and parent of a group, when its members agree (consistency of the factor)."""
    values: dict[str, Hashable] = {}
    for variable, parents, value in group:
        for name, wanted in [(variable, value), *parents.items()]:
            if values.setdefault(name, wanted) != wanted:
                raise _NoAnswerError(
                    f"it needs {name} to have different values in worlds that share the hidden causes of "
                    f"{', '.join(sorted({name for name, _, _ in group}))}, and no data show both at once."
                )
    return values


def _source(graph: CausalGraph, component: frozenset[str], regimes: tuple[frozenset[str], ...]) -> Factor:
    hedges = []
    for regime in regimes:
        if not regime & component:
            found = find_factor(graph, component, regime)
            if isinstance(found, Factor):
                return found
            hedges.append(found)
    words = f"; {hedges[0]} is a hedge" if hedges else ""
    raise _NoAnswerError(
        f"P({', '.join(sorted(component))} | do(everything else)) does not follow from the data{words}.",
        tuple(hedges),
    )
