"""Speed of identification: a verdict of modpart beside y0 and causaleffect, formulas, training orders.

Run ``python benchmarks/bench_identification.py`` to print the tables and add ``--write`` to store them in
docs/benchmarks/identification.md. All three answer the same queries in turn, each from a graph object of its own that
is already made. Times are processor time.
"""

import argparse
import platform
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import networkx as nx
import numpy as np

from modpart.causal import CausalGraph, PluginEstimator, training_order
from modpart.causal import graphs as known
from modpart.datasets import DiscreteSCM, make_causal_graph

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what they warn of when they are imported is their business
    from importlib.metadata import version

    import causaleffect
    from y0.algorithm.identify import identify_outcomes
    from y0.dsl import Variable
    from y0.graph import NxMixedGraph

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "identification.md"
SIZES = {8: 300, 15: 200, 30: 60, 100: 20}  # nodes: queries
PATIENCE = 60.0  # seconds for one rival and size; it then stops early, and the page says after how many queries

PAGE = """\
# Identification

One thread of a shared machine; Python {python}, networkx {networkx}, y0 {y0}, causaleffect {causaleffect}. Processor
time. Made by `python benchmarks/bench_identification.py --write` (extra `oracles`).

## One verdict

P(Y | do(X)) with one outcome and one or two treatments in random graphs of about 1.5 directed and a third of a
bidirected edge for each node (the denser ones: 4 and 2). The graph objects of all three are made beforehand. `largest`
is the slowest of ours. The verdicts are the same in all queries that a rival finished.

{verdicts}

## A formula, numbers, an interval

Front-door graph, 20,000 rows of three variables with three values.

{numbers}

## Training order

Modules and their order by the closure rule, graphs of n + n / 3 directed and n / 3 bidirected edges.

{orders}
"""


def random_query(n_nodes: int, dense: bool, rng: np.random.Generator) -> tuple[CausalGraph, str, list[str]]:
    """A graph of a given density and a query in it."""
    edges, bidirected = (4.0, 2.0) if dense else (1.5, 1 / 3)
    pairs = (n_nodes - 1) / 2
    graph = make_causal_graph(
        n_nodes, edges=min(1.0, edges / pairs), bidirected=min(1.0, bidirected / pairs), random_state=rng
    )
    nodes = [str(node) for node in rng.permutation(graph.nodes)]
    return graph, nodes[0], nodes[1 : 2 + int(rng.integers(2))]


def for_y0(graph: CausalGraph) -> NxMixedGraph:
    return NxMixedGraph.from_str_edges(nodes=graph.nodes, directed=graph.directed, undirected=graph.bidirected)


def for_causaleffect(graph: CausalGraph) -> object:
    edges = [f"{a}->{b}" for a, b in graph.directed] + [f"{a}<->{b}" for a, b in graph.bidirected]
    theirs = causaleffect.createGraph(edges)
    theirs.add_vertices(sorted(set(graph.nodes) - set(theirs.vs["name"])))
    return theirs


def ask_y0(graph: NxMixedGraph, outcome: str, do: list[str]) -> bool:
    return identify_outcomes(graph, outcomes={Variable(outcome)}, treatments=set(map(Variable, do))) is not None


def ask_causaleffect(graph: object, outcome: str, do: list[str]) -> bool:
    return causaleffect.ID({outcome}, set(do), graph).hedge is None


def seconds(call: Callable[[], object]) -> tuple[float, object]:
    start = process_time()
    found = call()
    return process_time() - start, found


def verdicts(n_nodes: int, count: int, dense: bool) -> str:
    """One line of the table of verdicts."""
    rng = np.random.default_rng(n_nodes)
    queries = [random_query(n_nodes, dense, rng) for _ in range(count)]
    ours, yes = [], []
    for graph, outcome, do in queries:
        _ = graph.order  # made once for each graph, as the others do when they are built
        took, answer = seconds(lambda g=graph, y=outcome, x=do: g.identify(y, do=x))
        ours.append(took)
        yes.append(bool(answer))
    cells = []
    for made, ask in ((for_y0, ask_y0), (for_causaleffect, ask_causaleffect)):
        theirs: list[float] = []
        for (graph, outcome, do), verdict in zip(queries, yes, strict=True):
            built = made(graph)
            took, answer = seconds(lambda b=built, y=outcome, x=do, a=ask: a(b, y, x))
            if answer != verdict:
                raise AssertionError(f"{ask.__name__} says {answer} to P({outcome} | do({do})) in {graph}")
            theirs.append(took)
            if sum(theirs) > PATIENCE:
                break
        note = "" if len(theirs) == count else f" (first {len(theirs)})"
        cells.append(f"{1000 * median(theirs):.2f}{note}")
    kind = "dense" if dense else "sparse"
    shown = [f"{1000 * median(ours):.3f}", f"{1000 * max(ours):.2f}", *cells]
    return f"| {n_nodes}, {kind} | {count} | {100 * np.mean(yes):.0f} % | {' | '.join(shown)} |"


def numbers() -> list[str]:
    model = DiscreteSCM(known.IDENTIFIABLE["front-door"], n_states=3, random_state=0)
    rows = model.sample(20_000, random_state=0)
    answer = model.graph.identify("Y", do="X")
    estimator = PluginEstimator(model.graph, random_state=0).fit(rows)
    tasks = {
        "the formula as text": lambda: model.graph.identify("Y", do="X").estimand,
        "`Identification.evaluate` on the rows": lambda: answer.evaluate(rows),
        "`PluginEstimator.fit`": lambda: PluginEstimator(model.graph).fit(rows),
        "`distribution` with 200 bootstrap samples": lambda: estimator.distribution("Y", do="X"),
        "two models that prove a no (instrument)": lambda: (
            CausalGraph(known.NOT_IDENTIFIABLE["instrument"]).identify("Y", do="X").counterexample()
        ),
    }
    return [f"| {name} | {1000 * median(seconds(task)[0] for _ in range(7)):.2f} |" for name, task in tasks.items()]


def orders() -> list[str]:
    lines = []
    for n_nodes in (15, 30, 50, 100, 200):
        pairs, times, sizes = n_nodes * (n_nodes - 1) / 2, [], []
        for seed in range(10):
            graph = make_causal_graph(
                n_nodes, edges=4 * n_nodes / 3 / pairs, bidirected=n_nodes / 3 / pairs, random_state=seed
            )
            took, modules = seconds(lambda g=graph: training_order(g))
            times.append(took)
            sizes.append(max(len(module.nodes) for module in modules))
        lines.append(f"| {n_nodes} | {1000 * median(times):.1f} | {1000 * max(times):.1f} | {np.mean(sizes):.1f} |")
    return lines


def table(head: list[str], lines: list[str]) -> str:
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"store the page in {TARGET.name}")
    write = parser.parse_args().write
    lines = [verdicts(n_nodes, count, dense) for n_nodes, count in SIZES.items() for dense in (False, True)]
    head = ["nodes", "queries", "identifiable", "modpart, ms", "largest, ms", "y0, ms", "causaleffect, ms"]
    page = PAGE.format(
        python=platform.python_version(),
        networkx=nx.__version__,
        y0=version("y0"),
        causaleffect=version("causaleffect"),
        verdicts=table(head, lines),
        numbers=table(["task", "ms"], numbers()),
        orders=table(["nodes", "median, ms", "largest, ms", "mean size of the largest module"], orders()),
    )
    print(page)
    if write:
        TARGET.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
