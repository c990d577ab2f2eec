"""The search for a c-factor: Tian's descent from a c-component to the part that a query needs.

``Q[C]`` is the distribution of C when everything else is set from outside. It is known for every c-component of the
graph of a data set, and for what two moves make of it: summing out what is no ancestor, and taking a c-component.
"""

from dataclasses import dataclass

from modpart.causal._graph import CausalGraph

__all__ = ["Factor", "Hedge", "find_factor", "is_hedge", "smallest"]


@dataclass(frozen=True)
class Factor:
    """How ``Q[target]`` follows from the data of one regime.

    Attributes
    ----------
    target : frozenset of str
    regime : frozenset of str
        What the experiment sets; empty for observational data.
    start : frozenset of str
        The c-component of the regime's graph that holds the target.
    steps : tuple of (frozenset, frozenset)
        In each step first the rest is summed out of the current set, then the c-component is split off.
    """

    target: frozenset[str]
    regime: frozenset[str]
    start: frozenset[str]
    steps: tuple[tuple[frozenset[str], frozenset[str]], ...]


@dataclass(frozen=True)
class Hedge:
    """Why ``Q[inner]`` does not follow from the data of one regime.

    Attributes
    ----------
    outer, inner : frozenset of str
        Two sets, the inner one a part of the outer, each connected by bidirected edges, whose every node is inside the
        set an ancestor of the inner one: their difference is hit by the intervention and cannot be told from it
        (Shpitser & Pearl 2006, definition 6).
    regime : frozenset of str
        What the experiment sets, whose data do not help.
    """

    outer: frozenset[str]
    inner: frozenset[str]
    regime: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{{{', '.join(sorted(self.outer))}}} > {{{', '.join(sorted(self.inner))}}}"


def find_factor(graph: CausalGraph, target: frozenset[str], regime: frozenset[str]) -> Factor | Hedge:
    """The way from a regime's data to ``Q[target]`` for a target connected by bidirected edges, or the hedge on it.

    Tian & Pearl (2002), algorithm IDENTIFY, complete by Huang & Valtorta (2006).
    """
    start = graph.district(min(target), within=frozenset(graph.nodes) - regime)
    end, steps = _descended(graph, target, start)
    return Factor(target, regime, start, steps) if end == target else Hedge(end, target, regime)


def _descended(
    graph: CausalGraph, target: frozenset[str], start: frozenset[str]
) -> tuple[frozenset[str], tuple[tuple[frozenset[str], frozenset[str]], ...]]:
    """Where the two moves come to an end, and the steps: the target itself, or the largest hedge on it in `start`."""
    any_node, district = min(target), start
    steps: list[tuple[frozenset[str], frozenset[str]]] = []
    while True:
        kept = graph.ancestors(target, within=district)
        if kept == target:
            return target, tuple(steps)
        if kept == district:
            return district, tuple(steps)
        district = graph.district(any_node, within=kept)
        steps.append((kept, district))


def smallest(graph: CausalGraph, hedge: Hedge) -> Hedge:
    """A hedge on the same inner set inside this one, of which no node can be left out: easy to read and to prove by."""
    outer = hedge.outer
    for node in sorted(outer - hedge.inner):
        if node in outer:
            inside = graph.district(min(hedge.inner), within=outer - {node})
            end, _ = _descended(graph, hedge.inner, inside)
            outer = end if end != hedge.inner else outer
    return Hedge(outer, hedge.inner, hedge.regime)


def is_hedge(graph: CausalGraph, hedge: Hedge, outcomes: frozenset[str], do: frozenset[str]) -> bool:
    """Whether the two sets make a hedge for P(outcomes | do) in the data of its regime, from the definition alone."""
    outer, inner, nodes = hedge.outer, hedge.inner, frozenset(graph.nodes)
    return (
        bool(inner)
        and inner < outer
        and not outer & hedge.regime
        and bool(outer & do)
        and not inner & do
        and len(graph.c_components(within=outer)) == 1
        and len(graph.c_components(within=inner)) == 1
        and graph.ancestors(inner, within=outer) == outer
        and inner <= graph.ancestors(outcomes, within=nodes - do)
    )
