"""A query about several worlds as a product of counterfactual factors.

The variables that matter are found world by world; what has the same causes is the same in every world; what is left
falls into one factor for each c-component. A factor has to be consistent (one value for each variable) and to follow
from the data (algorithm ctfID of Correa, Lee & Bareinboim, "Nested counterfactual identification from arbitrary
surrogate experiments", NeurIPS 2021; that worlds merge: Shpitser & Pearl, "Complete identification methods for the
causal hierarchy", JMLR 2008).
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from modpart.causal._graph import CausalGraph
from modpart.causal._identify.factors import Factor, Hedge, find_factor, smallest

__all__ = ["ContradictionError", "Event", "NoAnswerError", "Symbol", "WorldFactor", "factorise", "key_of", "values_of"]

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
class Symbol:
    """A value that is not fixed: of an outcome whose distribution is asked for, or one that is summed over."""

    variable: str
    setting: Setting


@dataclass(frozen=True)
class WorldFactor:
    """Values at which one c-factor is taken, and how it follows from the data."""

    values: Mapping[str, Hashable]  # of the factor's variables and of their parents
    source: Factor


class NoAnswerError(Exception):
    """The query does not follow from the data; the message says why, `hedges` where that is the reason."""

    def __init__(self, message: str, hedges: tuple[Hedge, ...] = ()) -> None:
        super().__init__(message)
        self.hedges = hedges


class ContradictionError(Exception):
    """The events contradict each other."""


def key_of(graph: CausalGraph, event: Event) -> Key:
    return _minimal(graph, event.variable, frozenset((event.do or {}).items()))


def _minimal(graph: CausalGraph, variable: str, setting: Setting) -> Key:
    """The variable in its world, without what was set in vain (interventional minimisation)."""
    names = frozenset(name for name, _ in setting)
    if variable in names:
        return variable, frozenset(pair for pair in setting if pair[0] == variable)
    reached = graph.ancestors(variable, within=frozenset(graph.nodes) - names)
    return variable, frozenset(pair for pair in setting if pair[0] in graph.parents(reached))


def values_of(graph: CausalGraph, events: Iterable[Event]) -> dict[Key, Hashable]:
    """Value of each distinct variable in its world; a symbol where none is given."""
    values: dict[Key, Hashable] = {}
    for event in events:
        key = key_of(graph, event)
        set_to = dict(key[1]).get(event.variable)
        if event.variable in dict(key[1]):  # Y had Y been set
            if event.value is not None and event.value != set_to:
                raise ContradictionError
            continue
        value = Symbol(*key) if event.value is None else event.value
        if (
            not isinstance(values.get(key, value), Symbol)
            and not isinstance(value, Symbol)
            and values.get(key, value) != value
        ):
            raise ContradictionError
        values[key] = values[key] if isinstance(value, Symbol) and key in values else value
    return values


def factorise(
    graph: CausalGraph,
    values: Mapping[Key, Hashable],
    conditions: Mapping[Key, Hashable],
    regimes: tuple[frozenset[str], ...] | None,
    *,
    cut: Mapping[Key, Hashable] | None = None,
) -> tuple[tuple[WorldFactor, ...], dict[Symbol, Hashable]]:
    """Counterfactual factors of the ancestors that matter, identified one by one, and what settles which symbols.

    Ancestors are followed up to `cut` (the conditions, unless said otherwise). Without `regimes` it is only found out
    whether the values contradict each other.
    """
    cut = conditions if cut is None else cut
    ancestors = _ancestors(graph, values, conditions, cut)
    known = {**cut, **{key: Symbol(*key) for key in ancestors}, **values}
    elements, links = _merged(graph, ancestors, known)
    if regimes is None:
        return (), links
    found = []
    for component in graph.c_components(within=frozenset(variable for variable, _, _ in elements)):
        group = _unified([element for element in elements if element[0] in component])
        found.append(WorldFactor(group, _source(graph, component, regimes)))
    return tuple(found), links


Element = tuple[str, dict[str, Hashable], Hashable]  # a variable, the values of its causes, and its own


def _merged(
    graph: CausalGraph, ancestors: Iterable[Key], known: Mapping[Key, Hashable]
) -> tuple[list[Element], dict[Symbol, Hashable]]:
    """Each variable with the values of its causes; a variable with the same causes is the same in every world.

    Causes come first, so that what is the same in two worlds makes its effects the same too (consistency).
    """
    place = {node: i for i, node in enumerate(graph.order)}
    links: dict[Symbol, Hashable] = {}
    seen: dict[Hashable, Hashable] = {}
    elements: list[Element] = []

    def settled(value: Hashable) -> Hashable:
        while isinstance(value, Symbol) and value in links:
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
        if isinstance(value, Symbol):
            links[value] = other
        elif isinstance(other, Symbol):
            links[other] = value
        else:
            raise ContradictionError
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
                raise NoAnswerError(
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
            hedges.append(smallest(graph, found))
    words = f"; {hedges[0]} is a hedge" if hedges else ""
    raise NoAnswerError(
        f"P({', '.join(sorted(component))} | do(everything else)) does not follow from the data{words}.",
        tuple(hedges),
    )
