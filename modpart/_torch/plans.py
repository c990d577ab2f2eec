"""Nets from plans and back: modules described as plain data, built from it again without a random draw."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from modpart._torch import tokens
from modpart._torch.init import draw_layers
from modpart._torch.state import from_numpy
from modpart.exceptions import ParameterError

__all__ = ["Gated", "Residual", "build", "describe", "describe_one", "draw_mlp", "filled", "forward", "shell"]

_CHUNK = 4096  # rows of one forward pass

_CONVOLUTION = (
    *("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode"),
)

# What each layer's constructor needs; all of them are attributes of the layer too.
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "AdaptiveAvgPool1d": ("output_size",),
    "AdaptiveAvgPool2d": ("output_size",),
    "AvgPool1d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
    "AvgPool2d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
    "BatchNorm1d": ("num_features", "eps", "momentum", "affine", "track_running_stats"),
    "BatchNorm2d": ("num_features", "eps", "momentum", "affine", "track_running_stats"),
    "Conv1d": _CONVOLUTION,
    "Conv2d": _CONVOLUTION,
    "Dropout": ("p",),
    "Dropout2d": ("p",),
    "ELU": ("alpha",),
    "Flatten": ("start_dim", "end_dim"),
    "GELU": ("approximate",),
    "Identity": (),
    "LayerNorm": ("normalized_shape", "eps", "elementwise_affine"),
    "LeakyReLU": ("negative_slope",),
    "Linear": ("in_features", "out_features"),
    "LogitScale": ("factor",),
    "MaxPool1d": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "MaxPool2d": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "Patches": ("channels", "height", "width", "patch"),
    "Positions": ("length", "features"),
    "ReLU": (),
    "SelfAttention": ("key_sizes", "value_sizes", "scale"),
    "SiLU": (),
    "Sigmoid": (),
    "Softplus": ("beta", "threshold"),
    "Tanh": (),
    "TokenMean": (),
    "Unflatten": ("dim", "unflattened_size"),
    "UnitLength": (),
}
_SIDES = ("query", "key", "value", "out")  # of an attention
_WITH_BIAS = {"Conv1d", "Conv2d", "LayerNorm", "Linear"}


def _class_of(kind: str) -> Any:
    """The class of a kind of layer: ours, or torch's."""
    return getattr(tokens if kind in tokens.__all__ else nn, kind, None)


class Residual(nn.Module):
    """A block of layers whose result is added to what came in.

    With it a residual net can be written as an ``nn.Sequential`` that
    :class:`~modpart.networks.ModularNetClassifier` can take apart. Units that are added to one another are cut
    together.

    Parameters
    ----------
    body : nn.Sequential
        The layers of the block.
    shortcut : nn.Sequential or None, default=None
        What the input passes before it is added; None adds it as it is.

    Examples
    --------
    >>> import torch
    >>> from modpart.networks import Residual
    >>> block = Residual(torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU()))
    >>> block(torch.zeros(2, 4)).shape
    torch.Size([2, 4])
    """

    def __init__(self, body: nn.Sequential, shortcut: nn.Sequential | None = None) -> None:
        super().__init__()
        self.body, self.shortcut = body, nn.Sequential() if shortcut is None else shortcut

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Add the two branches.

        Parameters
        ----------
        X : Tensor

        Returns
        -------
        sum : Tensor
        """
        return self.shortcut(X) + self.body(X)


class Gated(nn.Module):
    """Layers whose output units are each multiplied by a gate in [0, 1) that their input decides.

    A map, or a unit of a sequence of tokens, has one gate for all its places, from the mean of what comes in over them.
    """

    def __init__(self, body: nn.Sequential, gate: nn.Sequential) -> None:
        super().__init__()
        self.body, self.gate = body, gate

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Multiply."""
        out = self.body(X)
        if X.ndim == 2:
            return out * self.gate(X)
        if isinstance(self.body[0], nn.Linear):  # units are the last axis
            return out * self.gate(X.flatten(1, -2).mean(1)).reshape(len(X), *[1] * (X.ndim - 2), -1)
        return out * self.gate(X.flatten(2).mean(2)).reshape(len(X), -1, *[1] * (X.ndim - 2))


def describe(module: nn.Module) -> list[dict[str, Any]] | None:
    """Return the plan of an ``nn.Sequential`` of known layers, None for any other module.

    A layer with weights that stands in two places has no plan either: there the two would be trained apart.
    """
    uses = len(list(module.named_parameters(remove_duplicate=False)))
    if type(module) is not nn.Sequential or uses != len(list(module.parameters())):
        return None
    try:
        return _layers(module)
    except KeyError:
        return None


def describe_one(module: nn.Module) -> tuple[list[dict[str, Any]] | None, str]:
    """Plan of any module that stands alone, or None and the name of the first layer that is not known."""
    whole = module if type(module) is nn.Sequential else nn.Sequential(module)
    plan = describe(whole)
    strange = (type(part).__name__ for part in whole.modules() if _class_of(type(part).__name__) is not type(part))
    ours = ("Gated", "Residual")
    return plan, next((name for name in strange if name not in ours), type(module).__name__)


def _layers(container: nn.Module) -> list[dict[str, Any]]:
    return [{"name": name, **_layer(child)} for name, child in container._modules.items() if child is not None]


def _layer(module: nn.Module) -> dict[str, Any]:
    kind = type(module).__name__
    if type(module) is nn.Sequential:
        return {"kind": kind, "layers": _layers(module)}
    if type(module) is Residual:
        return {"kind": kind, "body": _layers(module.body), "shortcut": _layers(module.shortcut)}
    if type(module) is Gated:
        return {"kind": kind, "body": _layers(module.body), "gate": _layers(module.gate)}
    if type(module) is not _class_of(kind):
        raise KeyError(kind)
    layer: dict[str, Any] = {"kind": kind}
    if kind == "SelfAttention":
        layer |= {side: _layers(getattr(module, side)) for side in _SIDES}
    layer |= {name: _plain(getattr(module, name)) for name in _ARGUMENTS[kind]}
    if kind in _WITH_BIAS:
        layer["bias"] = module.bias is not None
    return layer


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | torch.Size) else value


def build(plan: Sequence[Mapping[str, Any]], weights: Mapping[str, np.ndarray]) -> nn.Sequential:
    """Build the net of a plan with these weights, in training mode; no random number is drawn."""
    return filled(shell(plan), weights)


def filled(net: nn.Sequential, weights: Mapping[str, np.ndarray]) -> nn.Sequential:
    """The net itself with these weights in place of those it has."""
    net.load_state_dict({name: from_numpy(value) for name, value in weights.items()}, assign=True)
    return net


def shell(plan: Sequence[Mapping[str, Any]]) -> nn.Sequential:
    """The net of a plan without weights: its tensors have shapes and no memory."""
    with torch.device("meta"):
        return _sequential(plan)


def _sequential(plan: Sequence[Mapping[str, Any]]) -> nn.Sequential:
    net = nn.Sequential()
    for layer in plan:
        net.add_module(layer["name"], _module(layer))
    return net


def _module(layer: Mapping[str, Any]) -> nn.Module:
    kind = layer["kind"]
    if kind == "Sequential":
        return _sequential(layer["layers"])
    if kind == "Residual":
        return Residual(_sequential(layer["body"]), _sequential(layer["shortcut"]))
    if kind == "Gated":
        return Gated(_sequential(layer["body"]), _sequential(layer["gate"]))
    settings = {name: value for name, value in layer.items() if name not in ("name", "kind")}
    if kind == "SelfAttention":
        settings |= {side: _sequential(layer[side]) for side in _SIDES}
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    return _class_of(kind)(**settings)


def draw_mlp(sizes: Sequence[int], activation: str, generator: torch.Generator) -> tuple[list[dict], dict]:
    """Plan and start weights of a feed-forward net: layers ``hidden1``, ``relu1``, ..., ``output``."""
    kind = {"relu": "ReLU", "silu": "SiLU", "tanh": "Tanh"}[activation]
    plan: list[dict[str, Any]] = []
    weights = {}
    for depth, (weight, bias) in enumerate(draw_layers(sizes, generator), start=1):
        last = depth == len(sizes) - 1
        name = "output" if last else f"hidden{depth}"
        inputs, outputs = weight.shape
        plan.append({"name": name, "kind": "Linear", "in_features": inputs, "out_features": outputs, "bias": True})
        weights[f"{name}.weight"], weights[f"{name}.bias"] = weight.T.contiguous().numpy(), bias.numpy()
        if not last:
            plan.append({"name": f"{activation}{depth}", "kind": kind})
    return plan, weights


@torch.no_grad()
def forward(
    net: nn.Module, X: Any, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float64
) -> np.ndarray:
    """Answer (n, n_outputs), float64, of a net in evaluation mode, whose parameters become `dtype`.

    In float64 an answer does not depend on which rows are asked together; a module of a user's own may need float32.
    """
    net = net.to(device, dtype).eval()
    parts = [net(part.to(device, dtype)).double().cpu() for part in from_numpy(X, np.float64).split(_CHUNK)]
    answer = torch.cat(parts).numpy()
    if answer.ndim != 2 or len(answer) != len(X):
        raise ParameterError(f"module: it answers shape {answer.shape} for {len(X)} rows. Return (rows, outputs).")
    return answer
