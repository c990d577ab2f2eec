"""Feed-forward nets: one, and K of equal shape computed together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from math import prod

import torch
from torch import nn

from modpart._torch.init import draw_layers

__all__ = ["ACTIVATIONS", "MLP", "StackedMLP"]

# In place: they act on the fresh output of a product, and their gradients need only their results.
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"tanh": torch.tanh_, "relu": torch.relu_}

_CHUNK = 512  # rows that all experts predict at a time: the activations then stay in the processor's cache


class MLP(nn.Module):
    """A feed-forward net with a linear output.

    Parameters
    ----------
    sizes : sequence of int
        Widths from input to output.
    activation : {"tanh", "relu"}
    generator : torch.Generator
        Source of the initial weights, see :func:`~modpart._torch.init.draw_layers`.
    """

    def __init__(self, sizes: Sequence[int], activation: str, generator: torch.Generator) -> None:
        super().__init__()
        weights, biases = zip(*draw_layers(sizes, generator), strict=True)
        self.weights, self.biases = nn.ParameterList(weights), nn.ParameterList(biases)
        self.activation = ACTIVATIONS[activation]

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Map (n, n_features) to (n, n_outputs)."""
        *hidden, (weight, bias) = zip(self.weights, self.biases, strict=True)
        for w, b in hidden:
            X = self.activation(torch.addmm(b, X, w))
        return torch.addmm(bias, X, weight)


class StackedMLP(nn.Module):
    """K nets of equal shape, computed with one batched product per layer.

    Each expert's weights are one flat parameter of its own, stacked when the nets are computed. An optimiser therefore
    keeps a state (moments, step count) for each expert: experts may be added or removed, and those that take no part
    in a batch have no gradient and are left alone, bit for bit.

    Parameters
    ----------
    sizes : sequence of int
        Widths from input to output.
    activation : {"tanh", "relu"}
    """

    def __init__(self, sizes: Sequence[int], activation: str) -> None:
        super().__init__()
        self.sizes, self.activation = tuple(sizes), ACTIVATIONS[activation]
        self._shapes = [
            shape for inputs, outputs in pairwise(self.sizes) for shape in ((inputs, outputs), (1, outputs))
        ]
        self.experts = nn.ParameterList()

    def __len__(self) -> int:
        return len(self.experts)

    def draw(self, generator: torch.Generator) -> torch.Tensor:
        """Draw the flat weights of one new expert, the same numbers that an :class:`MLP` would draw."""
        return torch.cat([part.flatten() for layer in draw_layers(self.sizes, generator) for part in layer])

    def layers(self, flat: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Cut flat weights (A, P) into the layers' (A, inputs, outputs) and (A, 1, outputs) views."""
        parts = flat.split([prod(shape) for shape in self._shapes], dim=1)
        views = [part.view(len(flat), *shape) for part, shape in zip(parts, self._shapes, strict=True)]
        return zip(views[::2], views[1::2], strict=True)

    def forward(self, X: torch.Tensor, experts: Sequence[int] | None = None) -> torch.Tensor:
        """Map the rows of each expert, (A, B, n_features), to (A, B, n_outputs).

        `experts` names the A experts, all of them when None.
        """
        return self._compute(X, self.layers(self._flat(experts)))

    @torch.no_grad()
    def predict_all(self, X: torch.Tensor) -> torch.Tensor:
        """Let all K experts predict all rows (n, n_features); return (n, K, n_outputs)."""
        layers = [(weight.contiguous(), bias) for weight, bias in self.layers(self._flat(None))]
        out = X.new_empty(len(self), len(X), self.sizes[-1])
        for start in range(0, len(X), _CHUNK):
            rows = X[start : start + _CHUNK].expand(len(self), -1, -1)
            out[:, start : start + _CHUNK] = self._compute(rows, layers)
        return out.transpose(0, 1)

    def _flat(self, experts: Sequence[int] | None) -> torch.Tensor:
        parameters = list(self.experts)
        return torch.stack(parameters if experts is None else [parameters[k] for k in experts])

    def _compute(self, X: torch.Tensor, layers: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
        *hidden, (weight, bias) = layers
        for w, b in hidden:
            X = self.activation(torch.baddbmm(b, X, w))
        return torch.baddbmm(bias, X, weight)
