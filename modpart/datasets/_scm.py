"""Causal graphs drawn at random, and small structural models on them whose every answer can be enumerated."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.params import integer, number, suggest, validate
from modpart._utils.seeds import check_rng
from modpart.causal import CausalGraph
from modpart.exceptions import GraphError, ParameterError

__all__ = ["DiscreteSCM", "make_causal_graph"]

FORCED = 0.15  # share of the own noise that sets a variable whatever its causes say, so that everything can happen
MAX_WORLDS = 5_000_000


def make_causal_graph(
    n_nodes: int = 6, *, edges: float = 0.4, bidirected: float = 0.25, random_state: Any = None
) -> CausalGraph:
    """Draw an acyclic directed mixed graph.

    Parameters
    ----------
    n_nodes : int, default=6
        Nodes, named ``V1``, ``V2``, ...; their names say nothing about their order.
    edges, bidirected : float in [0, 1], default=0.4 and 0.25
        Probability of a directed and of a bidirected edge between any two nodes, independent of each other.
    random_state : int, Generator, RandomState or None, default=None
        Seeds the draws.

    Returns
    -------
    graph : CausalGraph
        With all nodes, also those without edges.

    Notes
    -----
    Sparse graphs hardly ever leave a query unidentifiable; with the defaults about one in nine is at four to eight
    nodes.

    Examples
    --------
    >>> from modpart.datasets import make_causal_graph
    >>> len(make_causal_graph(5, random_state=0))
    5
    """
    values = {"n_nodes": n_nodes, "edges": edges, "bidirected": bidirected}
    share = (number(0.0, 1.0),)
    validate("make_causal_graph", values, {"n_nodes": (integer(1),), "edges": share, "bidirected": share})
    rng = check_rng(random_state)
    names = [f"V{i + 1}" for i in range(n_nodes)]
    order = rng.permutation(n_nodes)
    pairs = [(names[order[i]], names[order[j]]) for i, j in combinations(range(n_nodes), 2)]
    directed = [pair for pair, drawn in zip(pairs, rng.random(len(pairs)) < edges, strict=True) if drawn]
    hidden = [pair for pair, drawn in zip(pairs, rng.random(len(pairs)) < bidirected, strict=True) if drawn]
    return CausalGraph(directed, bidirected=hidden, nodes=names)


class DiscreteSCM:
    """A structural causal model of discrete variables with hidden common causes, drawn at random.

    Every variable is a fixed function of its direct causes, of one hidden cause for each clique of bidirected edges
    that it belongs to, and of noise of its own. All hidden things take few values, so observational, interventional and
    counterfactual distributions are exact sums: the truth that estimates can be held against.

    Parameters
    ----------
    graph : CausalGraph, or anything it is made from
        Which variables cause which, and which share hidden causes.
    n_states : int or mapping of str to int, default=2
        Values of each variable, 0, 1, ...
    n_hidden_states : int, default=2
        Values of each hidden common cause.
    n_noise_states : int, default=2
        Values of each variable's own noise; few make causes strong. Besides, with probability 0.15, a variable takes
        any value whatever its causes are, so that every combination of values has positive probability.
    random_state : int, Generator, RandomState or None, default=None
        Draws the functions and the probabilities.

    Attributes
    ----------
    graph : CausalGraph
    n_states : dict of str to int

    Notes
    -----
    Time and memory grow with the number of combinations of hidden values, refused above five million.

    Examples
    --------
    >>> from modpart.datasets import DiscreteSCM
    >>> model = DiscreteSCM("X -> Y; X <-> Y", random_state=0)
    >>> float(model.distribution(["Y"], do={"X": 1}).sum().round(12))
    1.0
    """

    def __init__(
        self,
        graph: Any,
        *,
        n_states: int | Mapping[str, int] = 2,
        n_hidden_states: int = 2,
        n_noise_states: int = 2,
        random_state: Any = None,
    ) -> None:
        graph = graph if isinstance(graph, CausalGraph) else CausalGraph(graph)
        counts = dict(n_states) if isinstance(n_states, Mapping) else dict.fromkeys(graph.nodes, n_states)
        values = {
            **{f"n_states of {name}": count for name, count in counts.items()},
            "n_hidden_states": n_hidden_states,
        }
        values["n_noise_states"] = n_noise_states
        validate(type(self).__name__, values, dict.fromkeys(values, (integer(1),)))
        if set(counts) != set(graph.nodes):
            raise ParameterError(f"DiscreteSCM: n_states must name every node of the graph: {', '.join(graph.nodes)}.")
        rng = check_rng(random_state)
        self.graph, self.n_states = graph, counts
        self._hidden = [rng.dirichlet(np.full(n_hidden_states, 3.0)) for _ in graph.cliques]
        self._noise: dict[str, np.ndarray] = {}
        self._functions: dict[str, np.ndarray] = {}
        self._causes: dict[str, list[str]] = {}
        self._common: dict[str, list[int]] = {}
        for node in graph.order:
            count = counts[node]
            causes = [cause for cause in graph.nodes if cause in graph.parents(node)]
            common = [i for i, clique in enumerate(graph.cliques) if node in clique]
            shape = [*(counts[cause] for cause in causes), *(n_hidden_states for _ in common)]
            free = rng.integers(count, size=(*shape, n_noise_states))
            forced = np.broadcast_to(np.arange(count), (*shape, count))
            self._functions[node] = np.concatenate([free, forced], axis=-1)
            own = (1.0 - FORCED) * rng.dirichlet(np.full(n_noise_states, 2.0))
            self._noise[node] = np.concatenate([own, np.full(count, FORCED / count)])
            self._causes[node], self._common[node] = causes, common

    def distribution(self, variables: Sequence[str] | None = None, *, do: Mapping[str, int] | None = None) -> pd.Series:
        """Exact probabilities of variables, after setting those of `do`.

        Parameters
        ----------
        variables : sequence of str or None, default=None
            None takes all.
        do : mapping of str to int, default=None

        Returns
        -------
        probability : Series
            Indexed by all combinations of values, one level per variable.
        """
        names = list(self.graph.nodes) if variables is None else list(variables)
        return self.counterfactual([(name, do or {}) for name in names]).rename_axis(index=names)

    def experiment(self, treatments: Iterable[str]) -> pd.Series:
        """Exact distribution of all variables in an experiment that sets `treatments` to each value equally often.

        Parameters
        ----------
        treatments : iterable of str

        Returns
        -------
        probability : Series
            Indexed by all combinations of values, one level per variable.
        """
        names = sorted(self.graph.names(treatments))
        shape = [self.n_states[name] for name in names]
        arms = []
        for values in np.ndindex(*shape):
            do = dict(zip(names, map(int, values), strict=True))
            arm = self.distribution(do=do) / np.prod(shape)
            arms.append(arm)
        return sum(arms[1:], start=arms[0])

    def counterfactual(self, events: Sequence[tuple[str, Mapping[str, int]]]) -> pd.Series:
        """Exact joint probabilities of variables in different worlds that share all hidden things.

        Parameters
        ----------
        events : sequence of (str, mapping)
            A variable and what is set in its world; an empty mapping is the actual world.

        Returns
        -------
        probability : Series
            One index level per event, named like ``Y`` or ``Y_{X=1}``.
        """
        hidden, noise, weights = self._exogenous()
        worlds: dict[tuple[tuple[str, int], ...], dict[str, np.ndarray]] = {}
        columns = []
        for name, do in events:
            self.graph.names([name, *do])
            key = tuple(sorted(do.items()))
            if key not in worlds:
                worlds[key] = self._run(hidden, noise, dict(do), len(weights))
            columns.append(worlds[key][name])
        shape = tuple(self.n_states[name] for name, _ in events)
        flat = np.ravel_multi_index(columns, shape)
        chances = np.bincount(flat, weights, minlength=int(np.prod(shape)))
        levels = [range(count) for count in shape]
        names = [_event_name(name, do) for name, do in events]
        return pd.Series(chances, pd.MultiIndex.from_product(levels, names=names), name="probability")

    def sample(self, n_samples: int, *, do: Mapping[str, int] | None = None, random_state: Any = None) -> pd.DataFrame:
        """Draw rows, after setting the variables of `do`.

        Parameters
        ----------
        n_samples : int
        do : mapping of str to int, default=None
        random_state : int, Generator, RandomState or None, default=None

        Returns
        -------
        data : DataFrame of shape (n_samples, n_nodes), int64
        """
        rng = check_rng(random_state)
        hidden = [rng.choice(len(chances), n_samples, p=chances) for chances in self._hidden]
        noise = {node: rng.choice(len(chances), n_samples, p=chances) for node, chances in self._noise.items()}
        values = self._run(hidden, noise, dict(do or {}), n_samples)
        return pd.DataFrame({node: values[node] for node in self.graph.nodes})

    def _exogenous(self) -> tuple[list[np.ndarray], dict[str, np.ndarray], np.ndarray]:
        """Every combination of hidden causes and own noises, with its probability."""
        chances = [*self._hidden, *(self._noise[node] for node in self.graph.order)]
        count = np.prod([float(len(part)) for part in chances])
        if count > MAX_WORLDS:
            raise ParameterError(
                f"DiscreteSCM: {count:.0f} combinations of hidden values are too many to enumerate (at most "
                f"{MAX_WORLDS}). Use a smaller graph or fewer states, or sample."
            )
        grid = [axis.ravel() for axis in np.indices([len(part) for part in chances])]
        weights = np.ones(grid[0].size if grid else 1)
        for part, axis in zip(chances, grid, strict=True):
            weights *= part[axis]
        n_hidden = len(self._hidden)
        return grid[:n_hidden], dict(zip(self.graph.order, grid[n_hidden:], strict=True)), weights

    def _run(
        self, hidden: list[np.ndarray], noise: dict[str, np.ndarray], do: dict[str, int], count: int
    ) -> dict[str, np.ndarray]:
        """Values of all variables for given hidden things."""
        for name, value in do.items():
            if name not in self.n_states:
                raise GraphError(f"do names {name!r}, which is no node. {suggest(name, list(self.graph.nodes))}")
            if value not in range(self.n_states[name]):
                raise ParameterError(f"do: {name}={value!r} is not one of its values 0 to {self.n_states[name] - 1}.")
        values: dict[str, np.ndarray] = {}
        for node in self.graph.order:
            if node in do:
                values[node] = np.full(count, do[node])
                continue
            causes = [values[cause] for cause in self._causes[node]] + [hidden[i] for i in self._common[node]]
            values[node] = self._functions[node][(*causes, noise[node])]
        return values


def _event_name(name: str, do: Mapping[str, int]) -> str:
    setting = ", ".join(f"{cause}={value}" for cause, value in sorted(do.items()))
    return f"{name}_{{{setting}}}" if do else name
