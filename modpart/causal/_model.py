"""Structural causal models of discrete variables, whose every answer is an exact sum."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.params import suggest
from modpart._utils.seeds import check_rng
from modpart.causal._graph import CausalGraph
from modpart.exceptions import GraphError, ParameterError

__all__ = ["DiscreteModel"]

MAX_NUMBERS = 20_000_000  # in an answer
MAX_LABELS = 52  # of numpy's einsum
World = tuple[tuple[str, int], ...]


class DiscreteModel:
    """A structural causal model of discrete variables with hidden common causes.

    Every variable is a function of its direct causes, of the hidden causes that it shares with others, and of noise of
    its own. All hidden things take few values, so observational, interventional and counterfactual distributions are
    exact sums: the truth that estimates can be held against.

    Parameters
    ----------
    graph : CausalGraph
        Which variables cause which, and which share hidden causes.
    n_states : mapping of str to int
        Values of each variable, 0, 1, ...
    hidden : sequence of (tuple of str, ndarray)
        Each hidden common cause: what it causes, every two of them joined by a bidirected edge, and the probabilities
        of its values.
    noise : mapping of str to ndarray
        Probabilities of the values of each variable's own noise.
    functions : mapping of str to ndarray of int
        Value of each variable, with one axis for each direct cause (in the order of the nodes), one for each of its
        hidden causes (in the order of `hidden`), and a last one for its noise.

    Attributes
    ----------
    graph : CausalGraph
    n_states : dict of str to int

    See Also
    --------
    modpart.datasets.DiscreteSCM : A model drawn at random.

    Examples
    --------
    >>> import numpy as np
    >>> from modpart.causal import CausalGraph, DiscreteModel
    >>> fair, same = np.array([0.5, 0.5]), np.array([[0, 0], [1, 1]])
    >>> model = DiscreteModel(
    ...     CausalGraph("X -> Y"),
    ...     n_states={"X": 2, "Y": 2},
    ...     hidden=[],
    ...     noise={"X": fair, "Y": fair},
    ...     functions={"X": np.array([0, 1]), "Y": same},
    ... )
    >>> model.distribution(["Y"], do={"X": 1}).tolist()
    [0.0, 1.0]
    """

    def __init__(
        self,
        graph: CausalGraph,
        *,
        n_states: Mapping[str, int],
        hidden: Sequence[tuple[tuple[str, ...], np.ndarray]],
        noise: Mapping[str, np.ndarray],
        functions: Mapping[str, np.ndarray],
    ) -> None:
        self.graph, self.n_states = graph, dict(n_states)
        self._hidden, self._noise, self._functions = list(hidden), dict(noise), dict(functions)
        self._causes = {node: [cause for cause in graph.nodes if cause in graph.parents(node)] for node in graph.nodes}
        self._common = {node: [i for i, (effects, _) in enumerate(hidden) if node in effects] for node in graph.nodes}

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
        treatments : str or iterable of str

        Returns
        -------
        probability : Series
            Indexed by all combinations of values, one level per variable.
        """
        drawn = self.graph.names(treatments)
        numbers = self._contract([(name, ()) for name in self.graph.nodes], drawn=drawn)
        return self._as_series(numbers, list(self.graph.nodes), list(self.graph.nodes))

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
        for name, do in events:
            self.graph.names([name])
            self._check(do)
        numbers = self._contract([(name, tuple(sorted(do.items()))) for name, do in events])
        return self._as_series(numbers, [name for name, _ in events], [_event_name(*event) for event in events])

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
        setting = dict(do or {})
        self._check(setting)
        rng = check_rng(random_state)
        hidden = [rng.choice(len(chances), n_samples, p=chances) for _, chances in self._hidden]
        noise = {node: rng.choice(len(self._noise[node]), n_samples, p=self._noise[node]) for node in self.graph.order}
        values: dict[str, np.ndarray] = {}
        for node in self.graph.order:
            if node in setting:
                values[node] = np.full(n_samples, setting[node])
                continue
            causes = [values[cause] for cause in self._causes[node]] + [hidden[i] for i in self._common[node]]
            values[node] = self._functions[node][(*causes, noise[node])]
        return pd.DataFrame({node: values[node] for node in self.graph.nodes})

    # ---- how it is done ---------------------------------------------------------------------------------------
    def _check(self, do: Mapping[str, int]) -> None:
        for name, value in do.items():
            if name not in self.n_states:
                raise GraphError(f"do names {name!r}, which is no node. {suggest(name, list(self.graph.nodes))}")
            if value not in range(self.n_states[name]):
                raise ParameterError(f"do: {name}={value!r} is not one of its values 0 to {self.n_states[name] - 1}.")

    def _contract(
        self,
        events: Sequence[tuple[str, World]],
        *,
        drawn: frozenset[str] = frozenset(),
        apart: int | str | None = None,
    ) -> np.ndarray:
        """One sum over everything hidden: an array with an axis for each event.

        Nodes in `drawn` take each value equally often, whatever their causes are. `apart` (the place of a hidden cause,
        or a node for its noise) is left unweighted and gets a last axis of its own.
        """
        if np.prod([float(self.n_states[name]) for name, _ in events]) > MAX_NUMBERS:
            raise ParameterError(
                "The answer has too many combinations of values to enumerate; ask for fewer variables."
            )
        labels: dict[Any, int] = {}
        operands: list[Any] = [np.array(1.0), []]

        def label(thing: Any) -> int:
            return labels.setdefault(thing, len(labels))

        needed = {world: self._needed([n for n, w in events if w == world], world) for world in {w for _, w in events}}
        several = [node for node in self.graph.order if sum(node in nodes for nodes in needed.values()) > 1]
        for node in self.graph.order:
            worlds = [world for world, nodes in sorted(needed.items()) if node in nodes]
            if not worlds:
                continue
            if node in drawn:
                operands += [np.full(self.n_states[node], 1.0 / self.n_states[node]), [label((worlds[0], node))]]
                continue
            one_hot = np.eye(self.n_states[node])[self._functions[node]]
            shared = node in several or node == apart
            table = one_hot if shared else np.tensordot(one_hot, self._noise[node], ([-2], [0]))
            for world in worlds:
                axes = [label((world, cause)) for cause in self._causes[node]]
                axes += [label(("hidden", i)) for i in self._common[node]]
                axes += [label(("noise", node))] if shared else []
                operands += [table, [*axes, label((world, node))]]
            if shared and node != apart:
                operands += [self._noise[node], [label(("noise", node))]]
        for (world, node), place in list(labels.items()):
            if world not in ("hidden", "noise") and node in dict(world):
                operands += [np.eye(self.n_states[node])[dict(world)[node]], [place]]
        operands += [
            part
            for i, (_, chances) in enumerate(self._hidden)
            if ("hidden", i) in labels and i != apart
            for part in (chances, [labels["hidden", i]])
        ]
        out = []
        for k, (name, world) in enumerate(events):  # an event that stands twice, or is set, needs an axis of its own
            if name in dict(world):
                operands += [np.eye(self.n_states[name])[dict(world)[name]], [label(("event", k))]]
                out.append(labels["event", k])
            elif labels[world, name] in out:
                operands += [np.eye(self.n_states[name]), [labels[world, name], label(("event", k))]]
                out.append(labels["event", k])
            else:
                out.append(labels[world, name])
        if apart is not None:
            size = len(self._noise[apart] if isinstance(apart, str) else self._hidden[apart][1])
            key = ("noise", apart) if isinstance(apart, str) else ("hidden", apart)
            if key not in labels:
                operands += [np.ones(size), [label(key)]]
            out.append(labels[key])
        if len(labels) > MAX_LABELS:
            raise ParameterError(
                f"The sum runs over {len(labels)} variables, at most {MAX_LABELS} can be: ask for less."
            )
        return np.asarray(np.einsum(*operands, out, optimize="greedy"))

    def _needed(self, names: Iterable[str], world: World) -> frozenset[str]:
        """The nodes that matter in a world: causes of the events, reached without passing what is set."""
        free = frozenset(self.graph.nodes) - {name for name, _ in world}
        return self.graph.ancestors(frozenset(names) & free, within=free)

    def _as_series(self, numbers: np.ndarray, variables: Sequence[str], names: Sequence[str]) -> pd.Series:
        levels = [range(self.n_states[name]) for name in variables]
        return pd.Series(numbers.ravel(), pd.MultiIndex.from_product(levels, names=list(names)), name="probability")


def _event_name(name: str, do: Mapping[str, int]) -> str:
    setting = ", ".join(f"{cause}={value}" for cause, value in sorted(do.items()))
    return f"{name}_{{{setting}}}" if do else name
