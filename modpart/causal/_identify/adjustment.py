"""Adjustment sets: what to hold fixed so that a plain conditional distribution becomes causal."""

from collections.abc import Callable

from modpart.causal._graph import CausalGraph

__all__ = ["adjustment_set", "front_door_set", "is_adjustment_set", "is_front_door_set"]


def _forbidden(
    graph: CausalGraph, do: frozenset[str], outcomes: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Nodes on causal paths from `do` to the outcomes, the first excepted, and all descendants of them."""
    free = frozenset(graph.nodes) - do  # proper causal paths leave `do` once and never come back to it
    on_path = graph.ancestors(outcomes - do, within=free) & graph.descendants(graph.children(do) - do, within=free)
    return on_path, graph.descendants(on_path)


def _proper_back_door_graph(graph: CausalGraph, do: frozenset[str], on_path: frozenset[str]) -> CausalGraph:
    """The graph without the first edges of proper causal paths."""
    kept = [(a, b) for a, b in graph.directed if not (a in do and b in on_path)]
    return CausalGraph(kept, bidirected=graph.bidirected, nodes=graph.nodes)


def is_adjustment_set(graph: CausalGraph, do: frozenset[str], outcomes: frozenset[str], given: frozenset[str]) -> bool:
    """Whether P(outcomes | do) = sum over `given` of P(outcomes | do, given) P(given) in every model of the graph.

    The adjustment criterion (Shpitser, VanderWeele & Robins 2010; van der Zander, Liskiewicz & Textor 2014), sound and
    complete.
    """
    on_path, forbidden = _forbidden(graph, do, outcomes)
    if given & (forbidden | do | outcomes):
        return False
    return _proper_back_door_graph(graph, do, on_path).m_separated(do, outcomes, given=given)


def adjustment_set(graph: CausalGraph, do: frozenset[str], outcomes: frozenset[str]) -> frozenset[str] | None:
    """A minimal adjustment set, or None when there is none.

    If any set works, then all ancestors of the query that are not forbidden do (van der Zander et al. 2014, theorem 4);
    from these one after the other is left out while the rest still works.
    """
    _, forbidden = _forbidden(graph, do, outcomes)
    found = graph.ancestors(do | outcomes) - do - outcomes - forbidden
    if not is_adjustment_set(graph, do, outcomes, found):
        return None
    return _thinned(found, lambda given: is_adjustment_set(graph, do, outcomes, given))


def _thinned(found: frozenset[str], works: Callable[[frozenset[str]], bool]) -> frozenset[str]:
    """Leave one name after the other out while the rest still works, until none can be spared."""
    while spare := next((name for name in sorted(found) if works(found - {name})), None):
        found -= {spare}
    return found


def is_front_door_set(
    graph: CausalGraph, do: frozenset[str], outcomes: frozenset[str], through: frozenset[str]
) -> bool:
    """Whether a set of mediators meets the front-door criterion (Pearl, *Causality*, 2009, definition 3.3.3).

    It lies on every directed path from `do` to the outcomes, no back-door path leads from `do` to it, and `do` blocks
    every back-door path from it to the outcomes.
    """
    if through & (do | outcomes):
        return False
    around = graph.descendants(do, within=frozenset(graph.nodes) - through)
    return (
        not around & outcomes
        and graph.without_effects_of(do).m_separated(do, through)
        and graph.without_effects_of(through).m_separated(through, outcomes, given=do)
    )


def front_door_set(graph: CausalGraph, do: frozenset[str], outcomes: frozenset[str]) -> frozenset[str] | None:
    """A front-door set of which no member can be left out, or None when there is none.

    Nodes that break the second or third condition break it in every larger set, so what is left when they are gone is
    the largest candidate, and the first condition holds for it if for any (Jeong, Tian & Bareinboim 2022).
    """
    cut = graph.without_effects_of(do)
    found = frozenset(node for node in graph.nodes if node not in do | outcomes and cut.m_separated(do, node))
    while True:
        changed = graph.without_effects_of(found)
        kept = frozenset(node for node in found if changed.m_separated(node, outcomes, given=do))
        if kept == found:
            break
        found = kept
    if not is_front_door_set(graph, do, outcomes, found):
        return None
    return _thinned(found, lambda through: is_front_door_set(graph, do, outcomes, through))
