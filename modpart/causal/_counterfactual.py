"""Counterfactual queries: what would have been, had something been set, given what has been seen.

The algorithm rewrites a query as a product of counterfactual factors, one for each c-component of the variables that
matter, and asks whether each is consistent and follows from the data (ctfID of Correa, Lee & Bareinboim, "Nested
counterfactual identification from arbitrary surrogate experiments", NeurIPS 2021).
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modpart.causal._discrete import DiscreteData, evaluate
from modpart.causal._estimand import factor_expression
from modpart.causal._factors import Factor, find_factor
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
    reason : str
        Why not; empty when identifiable.
    impossible : bool
        Whether the events contradict each other, so that their probability is 0 without any data.

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
    numerator: "tuple[_CtfFactor, ...]"
    denominator: "tuple[_CtfFactor, ...]"
    reason: str
    impossible: bool

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
        frame = DiscreteData(data, self.graph.nodes)
        open_events = [event for event in self.events if event.value is None]
        wanted = [_Symbol(*_key(self.graph, event)) for event in open_events]
        levels = [frame.states[event.variable] for event in open_events]
        numbers = np.zeros([len(states) for states in levels])
        if not self.impossible:
            fixed = {_Symbol(*_key(self.graph, e)): e.value for e in self.events if e.value is not None}
            numbers = _total(self.graph, self.numerator, frame, wanted, fixed)
            if self.given:
                numbers = numbers / _total(self.graph, self.denominator, frame, [], {})
        if not open_events:
            return pd.Series([float(numbers)], name="probability")
        index = pd.MultiIndex.from_product(levels, names=[event.name for event in open_events])
        return pd.Series(np.ravel(numbers), index, name="probability")


def identify_counterfactual(
    graph: CausalGraph, events: Sequence[Event], given: Sequence[Event], regimes: Iterable[Names]
) -> CounterfactualIdentification:
    """Answer a query; see :meth:`CausalGraph.identify_counterfactual`."""
    events, given = tuple(events), tuple(given)
    _check(graph, events, given)
    sets = graph.regimes(regimes)

    def answer(numerator: Any, denominator: Any = (), reason: str = "", impossible: bool = False) -> Any:
        return CounterfactualIdentification(
            graph, events, given, sets, tuple(numerator), tuple(denominator), reason, impossible
        )

    try:
        conditions, joint = _values(graph, given), _values(graph, [*events, *given])
    except _ContradictionError:
        return answer((), impossible=True)
    try:
        if given:  # all outcome values at once, without what does not touch the outcomes
            open_events = [Event(event.variable, event.do) for event in events]
            try:
                shared = _factors(graph, _values(graph, [*open_events, *given]), conditions, sets)
                return answer(shared, shared)
            except (_NoAnswerError, _ContradictionError):
                return answer(_factors(graph, joint, {}, sets), _factors(graph, conditions, {}, sets))
        return answer(_factors(graph, joint, {}, sets))
    except _ContradictionError:
        return answer((), impossible=True)
    except _NoAnswerError as no:
        return answer((), reason=str(no))


class _NoAnswerError(Exception):
    """The query does not follow from the data; the message says why."""


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


def _factors(
    graph: CausalGraph,
    values: dict[Key, Hashable],
    conditions: Mapping[Key, Hashable],
    regimes: tuple[frozenset[str], ...],
) -> list[_CtfFactor]:
    """Counterfactual factors of the ancestors that matter, identified one by one."""
    ancestors = _ancestors(graph, values, conditions)
    known = {**values, **{key: values.get(key, _Symbol(*key)) for key in ancestors}}
    elements = [(key[0], _parent_values(graph, key, known), known[key]) for key in ancestors]
    variables = frozenset(variable for variable, _, _ in elements)
    found = []
    for component in graph.c_components(within=variables):
        group = _unified([element for element in elements if element[0] in component])
        source = _source(graph, component, regimes)
        found.append(_CtfFactor(group, source))
    return found


def _ancestors(graph: CausalGraph, values: Iterable[Key], conditions: Mapping[Key, Hashable]) -> list[Key]:
    """Counterfactual ancestors, of those components alone that hold an outcome when there are conditions."""
    sets = {key: _ancestral_set(graph, key, conditions) for key in values}
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


def _unified(group: Sequence[tuple[str, dict[str, Hashable], Hashable]]) -> dict[str, Hashable]:
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
        f"P({', '.join(sorted(component))} | do(everything else)) does not follow from the data{words}."
    )


def _total(
    graph: CausalGraph,
    factors: Iterable[_CtfFactor],
    frame: DiscreteData,
    wanted: Sequence[_Symbol],
    fixed: Mapping[_Symbol, Hashable],
) -> np.ndarray:
    """The product of all factors, summed over the symbols that are not wanted."""
    number: dict[Hashable, int] = {}
    operands: list[Any] = [np.array(1.0), []]
    for factor in factors:
        table = evaluate(factor_expression(graph, factor.source), frame)
        for name in [name for name in table.names if name not in factor.values]:
            table = (table * frame.shares(name)).sum([name])
        axes: list[int] = []
        array = table.values
        for axis, name in reversed(list(enumerate(table.names))):
            value = factor.values[name]
            value = fixed.get(value, value) if isinstance(value, _Symbol) else value
            if isinstance(value, _Symbol):
                axes.insert(0, number.setdefault(value, len(number)))
            else:
                array = np.take(array, _place(frame, name, value), axis=axis)
        operands += [array, axes]
    return np.asarray(np.einsum(*operands, [number[symbol] for symbol in wanted], optimize=True))


def _place(frame: DiscreteData, name: str, value: Hashable) -> int:
    if value not in frame.states[name]:
        known = ", ".join(map(str, frame.states[name]))
        raise GraphError(f"The query sets {name}={value!r}, which does not occur in the data; it takes {known}.")
    return int(frame.states[name].get_indexer(pd.Index([value]))[0])
