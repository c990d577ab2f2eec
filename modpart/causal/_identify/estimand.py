"""From the way to a c-factor to the formula that a reader can check."""

from collections.abc import Iterable

from modpart.causal._graph import CausalGraph
from modpart.causal._identify.expression import Expression, Probability, product, ratio, total
from modpart.causal._identify.factors import Factor

__all__ = ["adjusted", "conditional", "estimand", "factor_expression"]


def estimand(graph: CausalGraph, factors: Iterable[Factor], keep: frozenset[str]) -> Expression:
    """The product of all c-factors of the outcomes' ancestors, summed over what was not asked for."""
    factors = list(factors)
    ancestors = frozenset().union(*(factor.target for factor in factors))
    terms = product(factor_expression(graph, factor) for factor in factors)
    return total(_ordered(graph, ancestors - keep, reverse=True), terms)


def adjusted(
    graph: CausalGraph, outcomes: frozenset[str], do: frozenset[str], covariates: frozenset[str]
) -> Expression:
    """The outcomes given the intervention and the covariates, averaged over the covariates."""
    inside = Probability(tuple(_ordered(graph, outcomes)), tuple(_ordered(graph, do | covariates)))
    if not covariates:
        return inside
    names = _ordered(graph, covariates)
    return total(names[::-1], product([Probability(tuple(names)), inside]))


def conditional(graph: CausalGraph, joint: Expression, outcomes: frozenset[str]) -> Expression:
    """The joint expression over its own sum over the outcomes."""
    return ratio(joint, total(_ordered(graph, outcomes, reverse=True), joint))


def factor_expression(graph: CausalGraph, factor: Factor) -> Expression:
    """``Q[factor.target]`` in terms of the data of its regime."""
    current = factor.start
    expression = _observed(graph, factor.start, factor.regime)
    for kept, district in factor.steps:
        expression = total(_ordered(graph, current - kept, reverse=True), expression)
        expression = _split(graph, expression, kept, district)
        current = district
    return total(_ordered(graph, current - factor.target, reverse=True), expression)


def _observed(graph: CausalGraph, district: frozenset[str], regime: frozenset[str]) -> Expression:
    """``Q`` of a c-component: each node given what comes before it and matters (Tian & Pearl 2002, lemma 1)."""
    terms, before = [], frozenset[str]()
    for node in _ordered(graph, district):
        own = graph.district(node, within=before | {node})
        matters = (own | graph.parents(own)) - {node} - regime
        terms.append(Probability((node,), tuple(_ordered(graph, matters)), tuple(_ordered(graph, regime))))
        before |= {node}
    return product(terms)


def _split(graph: CausalGraph, expression: Expression, nodes: frozenset[str], part: frozenset[str]) -> Expression:
    """``Q[part]`` from ``Q[nodes]`` for a c-component of the nodes: their conditionals in topological order.

    Neighbours in the order share a sum, which cancels (Tian & Pearl 2002, lemma 4).
    """
    order = _ordered(graph, nodes)
    terms: list[Expression] = []
    place = 0
    while place < len(order):
        if order[place] not in part:
            place += 1
            continue
        stop = place
        while stop < len(order) and order[stop] in part:
            stop += 1
        upper = total(order[stop:][::-1], expression)
        terms.append(upper if place == 0 else ratio(upper, total(order[place:][::-1], expression)))
        place = stop
    return product(terms)


def _ordered(graph: CausalGraph, nodes: Iterable[str], *, reverse: bool = False) -> list[str]:
    wanted = frozenset(nodes)
    found = [node for node in graph.order if node in wanted]
    return found[::-1] if reverse else found
