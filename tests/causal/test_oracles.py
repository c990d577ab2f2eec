"""The same verdicts as two independent programs: y0 and causaleffect (extra ``oracles``)."""

import warnings

import numpy as np
import pytest

from modpart.causal import CausalGraph
from modpart.causal import graphs as known
from modpart.datasets import make_causal_graph

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what they warn of when they are imported is their business
    dsl = pytest.importorskip("y0.dsl", reason="extra oracles")
    mixed_graph = pytest.importorskip("y0.graph").NxMixedGraph
    identify_outcomes = pytest.importorskip("y0.algorithm.identify").identify_outcomes
    causaleffect = pytest.importorskip("causaleffect", reason="extra oracles")

pytestmark = pytest.mark.filterwarnings("ignore")


def verdict_of_y0(graph, outcomes, do, given):
    theirs = mixed_graph.from_str_edges(nodes=graph.nodes, directed=graph.directed, undirected=graph.bidirected)
    sets = [{dsl.Variable(name) for name in names} for names in (outcomes, do, given)]
    try:
        return identify_outcomes(theirs, outcomes=sets[0], treatments=sets[1], conditions=sets[2] or None) is not None
    except KeyError:  # y0 0.2.11 loses nodes of its own graph in some conditional queries
        assert given
        return None


def verdict_of_causaleffect(graph, outcomes, do, given):
    edges = [f"{a}->{b}" for a, b in graph.directed] + [f"{a}<->{b}" for a, b in graph.bidirected]
    theirs = causaleffect.createGraph(edges)
    theirs.add_vertices(sorted(set(graph.nodes) - set(theirs.vs["name"])))
    return causaleffect.ID(set(outcomes), set(do), theirs, cond=set(given) or None).hedge is None


def assert_all_agree(graph, outcomes, do, given):
    ours = graph.identify(outcomes, do=do, given=given)
    assert verdict_of_y0(graph, outcomes, do, given) in (ours.identifiable, None), (str(graph), outcomes, do, given)
    assert ours.identifiable == verdict_of_causaleffect(graph, outcomes, do, given), (str(graph), outcomes, do, given)
    return ours.identifiable


def agreement(count, sizes, seed, n_given):
    """How many of `count` random queries are identifiable, all programs agreeing on each."""
    rng = np.random.default_rng(seed)
    yes = 0
    for _ in range(count):
        n_nodes = int(rng.integers(*sizes))
        share = min(1.0, 6.0 / n_nodes)  # of 15 nodes, fewer of the pairs: else no query or every one has an answer
        graph = make_causal_graph(n_nodes, edges=0.5 * share, bidirected=0.3 * share, random_state=rng)
        nodes = [str(node) for node in rng.permutation(graph.nodes)]
        n_do = int(rng.integers(1, 3))
        yes += assert_all_agree(graph, nodes[:1], nodes[1 : 1 + n_do], nodes[1 + n_do : 1 + n_do + n_given])
    return yes


@pytest.mark.parametrize("name", [*known.IDENTIFIABLE, *known.NOT_IDENTIFIABLE])
def test_known_graphs(name):
    graph = CausalGraph({**known.IDENTIFIABLE, **known.NOT_IDENTIFIABLE}[name])
    assert assert_all_agree(graph, ["Y"], ["X"], []) == (name in known.IDENTIFIABLE)


@pytest.mark.parametrize("seed", range(10))
def test_graphs_of_four_to_eight_nodes(seed):
    assert 50 < agreement(100, (4, 9), seed, 0) < 98


@pytest.mark.parametrize("seed", range(4))
def test_graphs_of_fifteen_nodes(seed):
    assert 15 < agreement(50, (15, 16), 100 + seed, 0) < 50


@pytest.mark.parametrize("seed", range(2))
def test_conditional_queries(seed):
    assert 40 < agreement(100, (4, 7), 200 + seed, 1) < 98
