"""Images: a generator that draws one, and an encoder that reads one. Plain vectors get a plain net."""

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from modpart._torch.dcm.nodes import Node

__all__ = ["ImageEncoder", "TensorGenerator", "encoder_for", "width_of"]

FEATURES = 32  # that an encoder makes of an image
CHANNELS = 32


def _drawn(layer: Any, generator: torch.Generator) -> Any:
    """The layer with weights uniform on (-1, 1) / sqrt(inputs), drawn from `generator`."""
    fan_in = prod(layer.weight.shape[1:]) if not isinstance(layer, nn.ConvTranspose2d) else layer.weight.shape[0] * 4
    with torch.no_grad():
        for value in (layer.weight, layer.bias):
            value.copy_((torch.rand(value.shape, generator=generator) * 2 - 1) / sqrt(fan_in))
    return layer


def _is_image(shape: Sequence[int]) -> bool:
    """Channels, height and width, the last two multiples of four."""
    return len(shape) == 3 and shape[1] % 4 == 0 and shape[2] % 4 == 0


class ImageEncoder(nn.Module):
    """Features of a tensor: two convolutions of stride two and a linear layer; flat for anything but an image."""

    def __init__(self, shape: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        self.shape, self.size = tuple(shape), FEATURES
        self.convolutions = nn.ModuleList()
        inputs = prod(shape)
        if _is_image(shape):
            channels, height, width = shape
            sizes = ((channels, CHANNELS // 2), (CHANNELS // 2, CHANNELS))
            self.convolutions.extend(_drawn(nn.Conv2d(a, b, 4, 2, 1), generator) for a, b in sizes)
            inputs = CHANNELS * (height // 4) * (width // 4)
        self.last = _drawn(nn.Linear(inputs, FEATURES), generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, *shape) to (n, FEATURES)."""
        h = x.reshape(len(x), *self.shape)
        for layer in self.convolutions:
            h = functional.leaky_relu(layer(h), 0.2)
        return functional.leaky_relu(self.last(h.flatten(1)), 0.2)


class TensorGenerator(nn.Module):
    """Draws a tensor from its parents, its own noise and the states of its hidden causes.

    Images grow from a quarter of their size by two transposed convolutions; other tensors come from a plain net.
    """

    def __init__(
        self,
        node: Node,
        parents: Sequence[Node],
        n_states: Sequence[int],
        noise_dim: int,
        generator: torch.Generator,
        width: int = 64,
    ) -> None:
        super().__init__()
        self.noise_dim, self.shape = noise_dim, node.shape
        self.encoders = nn.ModuleList(encoder_for(parent, generator) for parent in parents)
        inputs = noise_dim + sum(width_of(parent) for parent in parents)
        self.first = _drawn(nn.Linear(inputs, width), generator)
        self.tables = nn.ParameterList(
            nn.Parameter(torch.rand(count, width, generator=generator) * 2 - 1) for count in n_states
        )
        self.convolutions = nn.ModuleList()
        outputs = node.size
        self.seed: tuple[int, ...] = ()
        if _is_image(node.shape):
            channels, height, image_width = node.shape
            self.seed = (CHANNELS, height // 4, image_width // 4)
            outputs = prod(self.seed)
            sizes = ((CHANNELS, CHANNELS // 2), (CHANNELS // 2, channels))
            self.convolutions.extend(_drawn(nn.ConvTranspose2d(a, b, 4, 2, 1), generator) for a, b in sizes)
        self.second = _drawn(nn.Linear(width, outputs), generator)

    def forward(
        self, parents: Sequence[torch.Tensor], noise: torch.Tensor, states: Sequence[torch.Tensor] = ()
    ) -> torch.Tensor:
        """Draw (n, *shape) from parents, noise (n, noise_dim) and one vector of states for each hidden cause."""
        parts = [encoder(x) for encoder, x in zip(self.encoders, parents, strict=True)]
        h = self.first(torch.cat([*parts, noise], 1))
        for table, state in zip(self.tables, states, strict=True):
            h = h + functional.embedding(state, table)
        h = self.second(functional.relu(h))
        if not self.seed:
            return h.reshape(len(noise), *self.shape)
        h = h.reshape(len(noise), *self.seed)
        for layer in self.convolutions:
            h = layer(functional.relu(h))
        return h


class _Flat(nn.Module):
    """A column's features as they are."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def width_of(node: Node) -> int:
    """Number of features that a reader of the variable sees."""
    return FEATURES if node.shape else node.size


def encoder_for(node: Node, generator: torch.Generator) -> Any:
    """What reads a variable: an encoder for a tensor, nothing for a column."""
    return ImageEncoder(node.shape, generator) if node.shape else _Flat(node.size)
