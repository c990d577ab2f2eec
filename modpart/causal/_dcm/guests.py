"""Networks that a user brings: torch modules, and modules of an earlier model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import numpy as np

from modpart._utils.params import suggest
from modpart.causal._dcm.columns import Column
from modpart.causal._graph import CausalGraph
from modpart.exceptions import ParameterError

__all__ = ["Guests", "TrainedModule", "exported", "read_guests", "replaced"]


@dataclass
class TrainedModule:
    """A module taken out of a fitted :class:`ModularDCM`, to be used in another one.

    Made by :meth:`ModularDCM.export_module`; :func:`modpart.io.save` keeps it in a file that holds no code.

    Parameters
    ----------
    nodes : list of str
        The variables that it draws.
    parents : dict of str to list of str
        What each of them is drawn from.
    columns : dict of str to Column
        The values that these variables and their parents take.
    weights : dict of str to dict of str to ndarray
        Weights of each variable's network.
    causes : list of list of str
        Which variables share each hidden cause.
    priors : list of ndarray
        Logits of the states of each hidden cause.
    networks : dict of str to nn.Module
        A user's own networks among them.

    Examples
    --------
    >>> from modpart.causal import ModularDCM
    >>> from modpart.datasets import DiscreteSCM
    >>> from modpart.causal import CausalGraph
    >>> data = DiscreteSCM(CausalGraph("A -> B"), random_state=0).sample(500, random_state=0)
    >>> first = ModularDCM("A -> B", loss="likelihood", max_steps=50, random_state=0).fit(data)
    >>> part = first.export_module("B")
    >>> part.nodes
    ['B']
    >>> second = ModularDCM("A -> B", loss="likelihood", modules={"B": part}, frozen="B", max_steps=50).fit(data)
    >>> second.modules_[-1].loss
    'frozen'
    """

    nodes: list[str]
    parents: dict[str, list[str]]
    columns: dict[str, Column]
    weights: dict[str, dict[str, np.ndarray]]
    causes: list[list[str]]
    priors: list[np.ndarray]
    networks: dict[str, Any] = field(default_factory=dict)


@dataclass
class Guests:
    """All networks that a fit starts from."""

    frozen: frozenset[str]
    prototypes: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)
    weights: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    priors: dict[int, np.ndarray] = field(default_factory=dict)
    n_states: dict[int, int] = field(default_factory=dict)

    def check(self, nodes: Sequence[Any]) -> None:
        """Refuse a torch module for a variable that it cannot draw."""
        for node in nodes:
            if node.name in self.prototypes and node.kind == "numeric":
                raise ParameterError(
                    f"modules: {node.name!r} is a column of numbers, which a torch module cannot draw here. Pass the "
                    "data as an array of shape (n_samples, 1), or a module that export_module gave."
                )


def read_guests(graph: CausalGraph, modules: Mapping[str, Any], frozen: str | Sequence[str]) -> Guests:
    """Look through `modules` and `frozen`; whatever cannot serve is refused with the reason."""
    kept = frozenset([frozen] if isinstance(frozen, str) else frozen)
    guests = Guests(kept)
    for name, module in modules.items():
        if name not in graph:
            raise ParameterError(f"modules names {name!r}, which is no column. {suggest(name, list(graph.nodes))}")
        if isinstance(module, TrainedModule):
            _seat(graph, name, module, guests)
        else:
            _seat_network(graph, name, module, guests)
    lacking = sorted(kept - set(guests.weights))
    if lacking:
        raise ParameterError(
            f"frozen names {lacking[0]!r}, for which modules has no network. Give it one, or take it out of frozen."
        )
    return guests


def _seat_network(graph: CausalGraph, name: str, module: Any, guests: Guests) -> None:
    from torch import nn

    from modpart._torch.state import to_numpy

    if not isinstance(module, nn.Module):
        raise ParameterError(
            f"modules: {name!r} is a {type(module).__name__}. Pass a torch nn.Module, or what export_module gave."
        )
    wanted = 2 + bool(graph.siblings(name))
    try:
        signature(module.forward).bind(*range(wanted))
    except TypeError as error:
        if wanted == 3:
            shared = ", ".join(sorted(graph.siblings(name)))
            raise ParameterError(
                f"modules: {name!r} shares a hidden cause with {shared}, and its network has no input for it, so it "
                "cannot be confounded with them. Leave it out and let the model train its own, or give its forward "
                "a third argument: a list with the state (n,) of each hidden cause."
            ) from error
        raise ParameterError(
            f"modules: the network of {name!r} must be callable as forward(parents, noise), parents being a list of "
            "one tensor for each parent."
        ) from error
    guests.prototypes[name] = module
    guests.weights[name] = to_numpy(module)


def _seat(graph: CausalGraph, name: str, module: TrainedModule, guests: Guests) -> None:
    if name not in module.nodes:
        raise ParameterError(f"modules: the module given for {name!r} draws {', '.join(module.nodes)}.")
    for node in module.nodes:
        if node not in graph or sorted(graph.parents(node)) != sorted(module.parents[node]):
            found = sorted(graph.parents(node)) if node in graph else "no such node"
            raise ParameterError(
                f"modules: {node!r} was learned from {sorted(module.parents[node])} and has {found} as parents in this "
                "graph."
            )
    tied = {clique for clique in graph.cliques if set(clique) & set(module.nodes)}
    known = {tuple(clique): prior for clique, prior in zip(module.causes, module.priors, strict=True)}
    if {frozenset(clique) for clique in tied} != {frozenset(clique) for clique in known}:
        raise ParameterError(
            f"modules: the module of {', '.join(module.nodes)} shares other hidden causes in this graph than where it "
            "was learned, so it cannot be confounded as it should. Leave it out and let the model train its own."
        )
    part = set(module.nodes)
    if guests.frozen & part and not part <= guests.frozen and known:
        raise ParameterError(f"frozen must hold all of {', '.join(module.nodes)} or none: they share hidden causes.")
    for i, clique in enumerate(graph.cliques):
        for own, prior in known.items():
            if set(own) == set(clique):
                guests.priors[i], guests.n_states[i] = np.array(prior), len(prior)
    guests.columns |= module.columns
    guests.prototypes |= module.networks
    guests.weights |= {node: dict(module.weights[node]) for node in module.nodes}


def exported(model: Any, variable: str) -> TrainedModule:
    """The c-component of a variable in a fitted model, cut out."""
    graph = model.graph_
    nodes = [node for node in graph.order if node in graph.district(variable)]
    parents = {node: [p for p in graph.order if p in graph.parents(node)] for node in nodes}
    involved = {*nodes, *(p for own in parents.values() for p in own)}
    shared = [i for i, clique in enumerate(graph.cliques) if set(clique) & set(nodes)]
    own_networks = {v: net for v, net in model._networks().items() if v in nodes}
    return TrainedModule(
        nodes,
        parents,
        {v: model.columns_[v] for v in graph.order if v in involved},
        {v: model.weights_[v] for v in nodes},
        [list(graph.cliques[i]) for i in shared],
        [model.priors_[i] for i in shared],
        own_networks,
    )


def replaced(model: Any, variable: str, module: TrainedModule) -> None:
    """Put a trained module in the place of the one that a fitted model learned."""
    guests = read_guests(model.graph_, {variable: module}, module.nodes)
    if guests.prototypes:
        name = next(iter(guests.prototypes))
        raise ParameterError(
            f"load_module: {name!r} is drawn by a torch module of your own. Pass it in modules, and fit."
        )
    for name, column in guests.columns.items():
        if not _alike(column, model.columns_[name]):
            raise ParameterError(
                f"load_module: {name!r} takes other values in this model than where the module was learned, or was "
                "standardised otherwise. Pass the module in modules, and fit."
            )
    model.weights_ = {**model.weights_, **guests.weights}
    model.priors_ = {**model.priors_, **guests.priors}
    model.n_states_ = {**model.n_states_, **guests.n_states}


def _alike(first: Column, second: Column) -> bool:
    """Whether networks see the values of two columns in the same way."""
    if first.kind != second.kind or first.shape != second.shape or first.size != second.size:
        return False
    if first.states is not None:
        return bool(np.array_equal(first.states, second.states))
    return (first.center, first.scale) == (second.center, second.scale)
