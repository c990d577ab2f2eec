"""Discrete models drawn at random, confounded strongly enough to show, with exact answers by summation."""

from collections.abc import Mapping, Sequence
from string import ascii_letters

import numpy as np
import pandas as pd

from modpart.causal import CausalGraph

__all__ = ["TableModel", "confounded_model", "distance"]


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
        letters = dict(zip([*self.graph.order, *map(str, range(len(self.hidden)))], ascii_letters, strict=False))
        terms, operands = [], []
        for i, prior in enumerate(self.hidden):
            terms.append(letters[str(i)])
            operands.append(prior)
        for v in self.graph.order:
            if v in do:
                terms.append(letters[v])
                operands.append(np.eye(self.n_states)[do[v]])
            else:
                terms.append("".join(letters[w] for w in [*self.parents[v], *map(str, self.causes[v]), v]))
                operands.append(self.tables[v])
        wanted = "".join(letters[v] for v in names)
        return np.einsum(f"{','.join(terms)}->{wanted}", *operands, optimize="greedy")

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
        gaps = getattr(model, wrong)(outcome, treatment) - model.answers(outcome, treatment)
        if np.abs(gaps).sum(1).mean() / 2 >= least:
            return model
    raise LookupError(f"no model of this graph has a {wrong} answer that is wrong enough")
