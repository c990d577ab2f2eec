"""Discrete models drawn at random, confounded strongly enough to show, with exact answers by summation."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from modpart.causal import CausalGraph

__all__ = ["TableModel", "confounded_model", "distance", "grown_graph"]


class TableModel:
    """Tables of conditional probabilities over parents and hidden causes, one hidden cause for each clique.

    Rows are Dirichlet with concentration `concentration`, mixed with a tenth of the uniform law; hidden causes have
    four states with Dirichlet(2) probabilities.
    """

    def __init__(self, graph: CausalGraph, n_states: int, seed: int, concentration: float = 0.6) -> None:
        rng = np.random.default_rng(seed)
        self.graph, self.n_states = graph, n_states
        self.hidden = [rng.dirichlet(np.full(4, 2.0)) for _ in graph.cliques]
        self.parents = {v: [p for p in graph.order if p in graph.parents(v)] for v in graph.order}
        self.causes = {v: [i for i, clique in enumerate(graph.cliques) if v in clique] for v in graph.order}
        self.tables = {}
        for v in graph.order:
            shape = [n_states] * len(self.parents[v]) + [4] * len(self.causes[v])
            rows = rng.dirichlet(np.full(n_states, concentration), size=shape)
            self.tables[v] = 0.9 * rows + 0.1 / n_states

    def distribution(self, names: Sequence[str], do: Mapping[str, int] | None = None) -> np.ndarray:
        """P(names | do), one axis for each name."""
        do = dict(do or {})
        needed = [v for v in self.graph.order if v in self.graph.ancestors([*names, *do])]
        axis: dict[str | int, int] = {v: i for i, v in enumerate(needed)}
        operands: list = []
        for v in needed:
            if v in do:
                operands += [np.eye(self.n_states)[do[v]], [axis[v]]]
                continue
            for cause in self.causes[v]:
                if cause not in axis:
                    axis[cause] = len(axis)
                    operands += [self.hidden[cause], [axis[cause]]]
            operands += [self.tables[v], [axis[w] for w in (*self.parents[v], *self.causes[v], v)]]
        return np.einsum(*operands, [axis[v] for v in names], optimize="greedy")

    def sample(self, n_samples: int, seed: int, do: Sequence[str] = ()) -> pd.DataFrame:
        """Rows; the variables of `do` are set at random."""
        rng = np.random.default_rng(seed)
        hidden = [rng.choice(4, n_samples, p=prior) for prior in self.hidden]
        values: dict[str, np.ndarray] = {}
        for v in self.graph.order:
            if v in do:
                values[v] = rng.integers(self.n_states, size=n_samples)
                continue
            rows = self.tables[v][(*(values[p] for p in self.parents[v]), *(hidden[i] for i in self.causes[v]))]
            rows = np.broadcast_to(rows, (n_samples, self.n_states))
            values[v] = (rng.random(n_samples)[:, None] >= rows.cumsum(1)[:, :-1]).sum(1)
        return pd.DataFrame({v: values[v] for v in self.graph.nodes})

    def naive(self, outcome: str, treatment: str) -> np.ndarray:
        """P(outcome | treatment), one row for each value of the treatment."""
        joint = self.distribution([treatment, outcome])
        return joint / joint.sum(1, keepdims=True)

    def ignoring(self, outcome: str, treatment: str) -> np.ndarray:
        """P(outcome | do(treatment)) of the graph without hidden causes, with this model's P(v | parents)."""
        needed = [v for v in self.graph.order if v in self.graph.ancestors(outcome)]
        axis = {v: i for i, v in enumerate(needed)}
        operands: list = []
        for v in needed:
            if v != treatment:
                law = self.distribution([*self.parents[v], v])
                operands += [law / law.sum(-1, keepdims=True), [axis[w] for w in (*self.parents[v], v)]]
        if treatment not in axis:
            operands += [np.ones(self.n_states), [axis.setdefault(treatment, len(axis))]]
        return np.einsum(*operands, [axis[treatment], axis[outcome]], optimize="greedy")

    def answers(self, outcome: str, treatment: str) -> np.ndarray:
        """P(outcome | do(treatment)), one row for each value of the treatment."""
        return np.array([self.distribution([outcome], {treatment: x}) for x in range(self.n_states)])

    def misled(self, outcome: str, treatment: str, wrong: str) -> float:
        """How far a wrong answer, the naive or the ignoring one, is off in the mean over the treatment's values."""
        gaps = getattr(self, wrong)(outcome, treatment) - self.answers(outcome, treatment)
        return float(np.abs(gaps).sum(1).mean() / 2)

    def size(self, name: str) -> int:
        """Number of states of a variable."""
        return self.n_states


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Total variation distance."""
    return float(np.abs(np.asarray(first) - np.asarray(second)).sum() / 2)


def confounded_model(
    graph: CausalGraph,
    n_states: int,
    seed: int,
    outcome: str = "Y",
    treatment: str = "X",
    least: float = 0.05,
    wrong: str = "naive",
) -> TableModel:
    """The first model from `seed` on whose `wrong` answer is off by at least `least`: its naive or ignoring one."""
    for offset in range(2000):
        model = TableModel(graph, n_states, seed + offset, 0.6 if offset < 100 else 0.2)
        if model.misled(outcome, treatment, wrong) >= least:
            return model
    raise LookupError(f"no model of this graph has a {wrong} answer that is wrong enough")


def grown_graph(n_nodes: int, seed: int) -> CausalGraph:
    """A graph that is locally alike at every size.

    A node has one or two parents among the three before it, every fourth a hidden cause in common with one of these.
    """
    rng = np.random.default_rng(seed)
    names = [f"V{i}" for i in range(n_nodes)]
    edges, tied = [], []
    for i in range(1, n_nodes):
        near = range(max(0, i - 3), i)
        edges += [(names[j], names[i]) for j in rng.choice(near, min(len(near), rng.integers(1, 3)), replace=False)]
        if i % 4 == 3:
            tied.append((names[rng.choice(near)], names[i]))
    return CausalGraph(edges, bidirected=tied, nodes=names)
