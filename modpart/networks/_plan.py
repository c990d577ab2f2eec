"""The plan of a net as plain data, and what follows from it: groups of units, the wires between them, where to listen.

A plan is a list of layers in the order of the forward pass, each a dict with its `name`, its `kind` (a class of
torch.nn or of ours) and the numbers that its constructor needs. Containers (``Sequential``, ``Residual``, ``Gated``,
``SelfAttention``) hold lists of layers.
Together with the arrays of a state dict it is all that is needed to build the net, to cut it and to store it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modpart.exceptions import ParameterError

__all__ = ["BRANCHES", "INPUT", "Attention", "Layer", "Norm", "Plan", "Wire", "Wiring", "layer_paths", "wire_up"]

Layer = dict[str, Any]
Plan = list[Layer]

INPUT = "input"
BRANCHES = ("body", "shortcut", "gate", "query", "key", "value", "out")  # where containers hold lists of layers
_SHAPELESS = {"Dropout", "Dropout2d", "Flatten", "Identity", "LogitScale", "TokenMean"}
_POOLS = {"AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d", "MaxPool1d", "MaxPool2d"}
_ACTIVATIONS = {"ELU", "GELU", "LeakyReLU", "ReLU", "SiLU", "Sigmoid", "Softplus", "Tanh"}
_CONVOLUTIONS = {"Conv1d", "Conv2d"}
_TOGETHER = {"LayerNorm", "Positions", "UnitLength"}  # they look at, or add to, all units of a row
_SHAPES = {"Patches", "Unflatten"}


@dataclass(frozen=True)
class Wire:
    """A Linear or convolution: from the units of one group to those of another.

    `fold` inputs belong to each unit of `source` (the pixels of a flattened map); they lie side by side, or, when
    `strided`, one round over all units after the other (a flattened sequence of vectors).
    """

    layer: str
    source: str
    target: str
    fold: int
    strided: bool

    def columns(self, of_units: np.ndarray) -> np.ndarray:
        """Repeat what is known of the source's units for the layer's input columns."""
        return np.tile(of_units, self.fold) if self.strided else np.repeat(of_units, self.fold)

    def units(self, of_columns: np.ndarray) -> np.ndarray:
        """Put the input columns that belong to one unit in a row: (width of the source, fold)."""
        return of_columns.reshape(self.fold, -1).T if self.strided else of_columns.reshape(-1, self.fold)


@dataclass(frozen=True)
class Norm:
    """A batch normalisation: its values for the units of a group, `fold` of them for each unit."""

    layer: str
    group: str
    fold: int
    strided: bool


@dataclass(frozen=True)
class Attention:
    """Heads side by side: a unit of `keys` is an entry of a query and of a key, which only meet in their product."""

    layer: str
    keys: str
    values: str


@dataclass
class Wiring:
    """Groups of units and what joins them.

    Attributes
    ----------
    widths : dict of str to int
        Units of each group. A group bears the name of the layer that makes it; inputs are ``"input"``. Layers whose
        outputs are added share one group.
    wires, norms, attentions : list
    whole : set of str
        Groups that a layer looks at as a whole, such as a layer normalisation: none of their units can be left out.
    listeners : dict of str to str
        Group that each ReLU shows.
    smooth : dict of str to str
        The same for other activations.
    output : str
        Group of the outputs.
    """

    widths: dict[str, int] = field(default_factory=dict)
    wires: list[Wire] = field(default_factory=list)
    norms: list[Norm] = field(default_factory=list)
    attentions: list[Attention] = field(default_factory=list)
    whole: set[str] = field(default_factory=set)
    listeners: dict[str, str] = field(default_factory=dict)
    smooth: dict[str, str] = field(default_factory=dict)
    output: str = INPUT

    @property
    def hidden(self) -> list[str]:
        """Groups that are neither inputs nor outputs, in the order of the forward pass."""
        return [group for group in self.widths if group not in (INPUT, self.output)]

    @property
    def loose(self) -> list[str]:
        """Hidden groups whose units can be left out."""
        return [group for group in self.hidden if group not in self.whole]

    @property
    def inner(self) -> list[Wire]:
        """Wires from hidden units to hidden units."""
        hidden = set(self.hidden)
        return [wire for wire in self.wires if wire.source in hidden and wire.target in hidden]


@dataclass(frozen=True)
class _Place:
    """Where the walk is: whose units the values at hand belong to, and whether units are the last axis."""

    group: str
    last: bool


def layer_paths(plan: Plan, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Yield (path in the state dict, layer) for every layer that is no container."""
    for layer in plan:
        path = f"{prefix}{layer['name']}"
        inside = [(key, layer[key]) for key in ("layers", *BRANCHES) if layer.get(key)]
        if not inside:
            yield path, layer
        for key, layers in inside:
            yield from layer_paths(layers, f"{path}." if key == "layers" else f"{path}.{key}.")


def wire_up(plan: Plan, *, reorder: bool = False) -> Wiring:
    """Walk through a plan and join what belongs together.

    With `reorder` units are only to be put into another order, which layers that look at all units of a row allow too.

    Raises
    ------
    ParameterError
        When a layer cannot be taken apart by units; the message names it.
    """
    walk = _Walk(reorder)
    end = walk.through(plan, "", _Place(INPUT, last=True))
    return walk.finished(end.group)


class _Walk:
    def __init__(self, reorder: bool) -> None:
        self.wiring, self.reorder = Wiring(), reorder
        self.parent: dict[str, str] = {}

    def root(self, group: str) -> str:
        """The group that `group` has become part of."""
        while group in self.parent:
            group = self.parent[group]
        return group

    def through(self, plan: Plan, prefix: str, place: _Place) -> _Place:
        for layer in plan:
            place = self.step(layer, f"{prefix}{layer['name']}", place)
        return place

    def step(self, layer: Layer, path: str, place: _Place) -> _Place:
        kind, wiring = layer["kind"], self.wiring
        if kind == "Sequential":
            return self.through(layer["layers"], f"{path}.", place)
        if kind == "Gated":
            return self.through(layer["body"], f"{path}.body.", place)
        if kind == "Residual":
            return self.add(layer, path, place)
        if kind == "SelfAttention" and not self.reorder:
            return self.attend(layer, path, place)
        if kind == "Linear":
            return self.wire(path, place, layer["in_features"], layer["out_features"], last=True)
        if kind in _CONVOLUTIONS:
            if layer["groups"] != 1:
                raise ParameterError(f"Layer {path!r} is a convolution in groups={layer['groups']}. Pass groups=1.")
            return self.wire(path, place, layer["in_channels"], layer["out_channels"], last=False)
        if kind.startswith("BatchNorm"):
            fold = self.fold(path, place, layer["num_features"])
            wiring.norms.append(Norm(path, place.group, fold, place.last))
        elif kind == "LayerNorm" and self.reorder:
            wiring.norms.append(Norm(path, place.group, self.fold(path, place, layer["normalized_shape"][-1]), True))
        elif kind in _TOGETHER and not (kind == "Positions" and self.reorder):
            wiring.whole |= set() if self.reorder else {place.group}
        elif kind in _ACTIVATIONS:
            (wiring.listeners if kind == "ReLU" else wiring.smooth)[path] = place.group
        elif kind in _SHAPES:
            if place.group != INPUT:
                raise ParameterError(f"Layer {path!r} gives hidden units a shape. Only the inputs can be given one.")
            return _Place(INPUT, last=True)
        elif kind not in _SHAPELESS | _POOLS:
            raise ParameterError(f"Layer {path!r} is a {kind}, which cannot be taken apart by units.")
        return place

    def fold(self, path: str, place: _Place, n_inputs: int) -> int:
        width = self.wiring.widths.setdefault(place.group, n_inputs)
        if n_inputs % width:
            raise ParameterError(
                f"Layer {path!r} takes {n_inputs} inputs from {width} units: no whole number for each."
            )
        return n_inputs // width

    def wire(self, path: str, place: _Place, n_inputs: int, n_outputs: int, *, last: bool) -> _Place:
        fold = self.fold(path, place, n_inputs)
        self.wiring.widths[path] = n_outputs
        self.wiring.wires.append(Wire(path, place.group, path, fold, place.last))
        return _Place(path, last)

    def add(self, layer: Layer, path: str, place: _Place) -> _Place:
        """Both branches of a residual block end in one group."""
        body = self.through(layer["body"], f"{path}.body.", place)
        other = self.through(layer["shortcut"], f"{path}.shortcut.", place)
        return _Place(self.join(other.group, body.group, path), body.last)

    def join(self, one: str, two: str, path: str) -> str:
        """Make two groups one, since layer `path` brings their units together one by one."""
        first, second = self.root(one), self.root(two)
        if first != second:
            width, widths = self.wiring.widths.get(second), self.wiring.widths
            if widths.setdefault(first, width or 0) != width:
                raise ParameterError(f"Layer {path!r} adds {width} units to {widths[first]}. Give it a shortcut.")
            self.parent[second] = first
        return first

    def attend(self, layer: Layer, path: str, place: _Place) -> _Place:
        """Queries and keys meet entry by entry; what leaves the heads are entries of values."""
        query, key, value = (self.through(layer[side], f"{path}.{side}.", place) for side in ("query", "key", "value"))
        keys = self.join(key.group, query.group, path)
        self.wiring.attentions.append(Attention(path, keys, value.group))
        return self.through(layer["out"], f"{path}.out.", value)

    def finished(self, end: str) -> Wiring:
        """Replace every group by the one that it has become part of."""
        found, root = self.wiring, self.root
        order = dict.fromkeys([INPUT, *(root(group) for group in found.widths)])
        return Wiring(
            widths={group: found.widths[group] for group in order if group in found.widths},
            wires=[Wire(w.layer, root(w.source), root(w.target), w.fold, w.strided) for w in found.wires],
            norms=[Norm(n.layer, root(n.group), n.fold, n.strided) for n in found.norms],
            attentions=[Attention(a.layer, root(a.keys), root(a.values)) for a in found.attentions],
            whole={root(group) for group in found.whole},
            listeners={path: root(group) for path, group in found.listeners.items()},
            smooth={path: root(group) for path, group in found.smooth.items()},
            output=root(end),
        )
