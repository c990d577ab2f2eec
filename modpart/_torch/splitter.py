"""Masks learned for a net that is frozen: one for each class and unit, on or off, trained straight through."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from modpart._torch.modular_net import units_last

__all__ = ["SplitNet"]


class _OnOff(torch.autograd.Function):
    """1 where positive, else 0; backwards the gradient passes, clipped to [-1, 1]."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        return (values > 0).to(values.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[0].clamp(-1.0, 1.0)


class SplitNet(nn.Module):
    """A frozen net seen through the masks of all classes at once: the log odds of class c come from mask c.

    Parameters
    ----------
    net : nn.Module
        Its weights stay as they are.
    listeners : mapping of str to str
        Layers whose outputs are masked, and the group of units that each shows.
    widths : mapping of str to int
        Units of each masked group.
    n_classes : int
    start : float
        Where every mask value starts; a unit is off once its value has fallen to 0.
    """

    def __init__(
        self, net: nn.Module, listeners: Mapping[str, str], widths: Mapping[str, int], n_classes: int, start: float
    ) -> None:
        super().__init__()
        self.net, self.n_classes = net.requires_grad_(False).eval(), n_classes
        self.groups = list(widths)
        self.values = nn.ParameterList(torch.full((n_classes, width), start) for width in widths.values())
        self.scale, self.shift = nn.Parameter(torch.ones(n_classes)), nn.Parameter(torch.zeros(n_classes))
        self.listeners = dict(listeners)

    def train(self, mode: bool = True) -> "SplitNet":
        """Keep the frozen net in evaluation mode."""
        super().train(mode)
        self.net.eval()
        return self

    def masks(self) -> dict[str, torch.Tensor]:
        """On or off, (n_classes, n_units) by group."""
        return {group: _OnOff.apply(values) for group, values in zip(self.groups, self.values, strict=True)}

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Log odds (B, n_classes)."""
        masks, batch = self.masks(), len(X)

        def mask(layer: str, group: str, out: torch.Tensor) -> torch.Tensor:
            shares = masks[group].repeat_interleave(batch, 0)
            places = (1,) * (out.ndim - 2)
            shape = (len(shares), *places, -1) if units_last(self.net, layer) else (*shares.shape, *places)
            return out * shares.reshape(shape)

        handles = [
            self.net.get_submodule(layer).register_forward_hook(lambda _, __, out, n=layer, g=group: mask(n, g, out))
            for layer, group in self.listeners.items()
        ]
        try:
            logits = self.net(X.repeat(self.n_classes, *[1] * (X.ndim - 1)))
        finally:
            for handle in handles:
                handle.remove()
        own = logits.reshape(self.n_classes, batch, -1).diagonal(dim1=0, dim2=2)
        return own * self.scale + self.shift
