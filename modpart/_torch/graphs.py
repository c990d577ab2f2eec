"""Modules that are no chain of known layers: whose units their ReLU show, themselves without some, smaller copies."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import nn

from modpart._torch.modular_net import per_unit, units_last
from modpart._torch.state import from_numpy
from modpart._utils.optional import optional_import

__all__ = ["Graph", "Masked"]

_MAKERS = (nn.Linear, nn.Conv1d, nn.Conv2d)


class Graph:
    """A module of any shape, seen through by one forward pass.

    Each ``nn.ReLU`` is followed back, along the operations that autograd recorded, to the Linear or convolutional
    layers that made its units. ReLUs with a layer in common show one group of units, such as those of a residual
    block. A group is left out where a layer or ReLU is used twice, where widths differ (a concatenation), and where it
    holds an output of the net; and all are where the outputs are not made by one layer.

    Parameters
    ----------
    module : nn.Module
    X : ndarray of shape (n_rows, n_features)
        Two rows or more that it takes.

    Attributes
    ----------
    listeners : dict of str to str
        Group that each ReLU shows; a group bears the name of its first layer.
    layers : dict of str to list of str
        Layers that make the units of each group.
    """

    def __init__(self, module: nn.Module, X: np.ndarray) -> None:
        self.module, self.X = deepcopy(module).float().eval(), from_numpy(X[:2], np.float32)
        self.layers: dict[str, list[str]] = {}
        calls, end = _calls(self.module, self.X)
        names = [name for name, _, _ in calls]
        twice = {name for name in names if names.count(name) > 1}
        relu = {name: isinstance(self.module.get_submodule(name), nn.ReLU) for name in names}
        made = {node: name for name, node, _ in calls if not relu[name]}
        shown = {name: _back(node, made) for name, node, _ in calls if relu[name]}  # in the order of the calls
        self.outputs = _back(end, made)
        width = {name: count for name, _, count in calls}
        order = list(dict(self.module.named_modules()))
        for layers in _joined([layers for layers in shown.values() if layers]):
            members = layers | {name for name, behind in shown.items() if behind & layers}
            alone = len({width[name] for name in members}) == 1 and not members & (twice | self.outputs)
            if alone and len(self.outputs) == 1:
                self.layers[min(layers, key=order.index)] = sorted(layers, key=order.index)
        groups = {layer: group for group, layers in self.layers.items() for layer in layers}
        found = {name: groups.get(min(layers, default="")) for name, layers in shown.items()}
        self.listeners = {name: group for name, group in found.items() if group is not None}

    def masked(self, keep: Mapping[str, np.ndarray], rows: Sequence[int]) -> "Masked":
        """The whole net in which units that `keep` leaves out are silent, answering some of its outputs."""
        return Masked(self.module, {relu: keep[group] for relu, group in self.listeners.items()}, rows)

    def smaller(self, keep: Mapping[str, np.ndarray], rows: Sequence[int]) -> nn.Module:
        """A copy without the units that `keep` leaves out, and with some of the outputs, by torch-pruning."""
        pruning = optional_import("torch_pruning", extra="prune", purpose="Cutting a module that is no nn.Sequential")
        net = deepcopy(self.module)
        for parameter in net.parameters():
            parameter.requires_grad_(True)
        graph = pruning.DependencyGraph().build_dependency(net, self.X)
        (output,) = self.outputs
        masks = {group: np.asarray(mask) for group, mask in keep.items()}
        masks[output] = np.isin(np.arange(len(net.get_parameter(f"{output}.weight"))), rows)
        for name, mask in masks.items():
            if not mask.all():
                layer = net.get_submodule(name)
                change = graph.get_pruner_of_module(layer).prune_out_channels
                graph.get_pruning_group(layer, change, idxs=np.flatnonzero(~mask).tolist()).prune()
        return net.eval()


class Masked(nn.Module):
    """A copy of a module whose ReLUs answer zero for some units, and which gives some of its outputs."""

    def __init__(self, module: nn.Module, keep: Mapping[str, np.ndarray], rows: Sequence[int]) -> None:
        super().__init__()
        self.module, self.rows = deepcopy(module), list(rows)
        for name, mask in keep.items():
            self._silence(name, torch.from_numpy(np.asarray(mask)))

    def _silence(self, name: str, mask: torch.Tensor) -> None:
        last = units_last(self.module, name)

        def hook(_: Any, __: Any, out: torch.Tensor) -> torch.Tensor:
            factor = mask.to(out.device, out.dtype)
            return out * (factor if last or out.ndim == 2 else factor.reshape(-1, *[1] * (out.ndim - 2)))

        self.module.get_submodule(name).register_forward_hook(hook)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Take rows."""
        return self.module(X)[:, self.rows]


def _calls(module: nn.Module, X: torch.Tensor) -> tuple[list[tuple[str, Any, int]], Any]:
    """Each call of a ReLU, Linear or convolution: its name, the node of autograd and the width; and the last node."""
    calls: list[tuple[str, Any, int]] = []
    handles = []
    for name, layer in module.named_modules():
        if isinstance(layer, (nn.ReLU, *_MAKERS)):

            def hear(
                _: Any, __: Any, out: torch.Tensor, name: str = name, last: bool = units_last(module, name)
            ) -> None:
                calls.append((name, out.grad_fn, per_unit(out.detach(), last).shape[1]))

            handles.append(layer.register_forward_hook(hear))
    try:
        with torch.enable_grad():
            return calls, module(X.clone().requires_grad_(True)).grad_fn
    finally:
        for handle in handles:
            handle.remove()


def _joined(sets: list[set[str]]) -> list[set[str]]:
    """Unions of sets that have a member in common."""
    apart: list[set[str]] = []
    for one in sets:
        touching = [other for other in apart if other & one]
        apart = [other for other in apart if not other & one] + [one.union(*touching)]
    return apart


def _back(node: Any, made: Mapping[Any, str]) -> set[str]:
    """Names of the nearest layers behind a node of autograd."""
    found, seen, left = set(), {node}, [node]
    while left:
        here = left.pop()
        if here is None:
            continue
        if here in made:
            found.add(made[here])
            continue
        ahead = {before for before, _ in here.next_functions} - seen
        seen |= ahead
        left += ahead
    return found
