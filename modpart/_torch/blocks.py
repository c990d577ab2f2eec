"""Feed-forward nets: one, and K of equal shape computed together."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from math import prod

import torch
from torch import nn

from modpart._torch.init import draw_layers

__all__ = ["ACTIVATIONS", "MLP", "StackedMLP"]

# In place: they act on the fresh output of a product, and their gradients need only their results.
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"tanh": torch.tanh_, "relu": torch.relu_}

_CHUNK, _LEAST_CHUNK = 98_304, 64  # numbers in a layer, and rows, at a time: they stay in the processor's cache


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

    The weights are one matrix with a row per expert, and each expert's row is also a parameter of its own, in the same
    memory. The nets are computed from the matrix; an optimiser sees the parameters and keeps a state (moments, step
    count) for each: experts may be added or removed, and those that take no part in a batch have no gradient and are
    left alone, bit for bit.

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
        self._lengths = [prod(shape) for shape in self._shapes]
        self.seat([])

    def __len__(self) -> int:
        return len(self.experts)

    def draw(self, generator: torch.Generator) -> torch.Tensor:
        """Draw the flat weights of one new expert, the same numbers that an :class:`MLP` would draw."""
        return torch.cat([part.flatten() for layer in draw_layers(self.sizes, generator) for part in layer])

    def seat(self, weights: Sequence[torch.Tensor], parameters: Sequence[nn.Parameter | None] = ()) -> None:
        """Make these flat weights the experts, in this order; a given parameter goes on in its new place."""
        self._weights = torch.stack(list(weights)).detach() if weights else torch.empty(0, sum(self._lengths))
        self._parameters_by_expert = []
        for place, row in enumerate(self._weights):
            known = parameters[place] if place < len(parameters) else None
            if known is None:
                known = nn.Parameter(row)
            else:
                known.data, known.grad = row, None
            self._parameters_by_expert.append(known)
        self.experts = nn.ParameterList(self._parameters_by_expert)

    def layers(self, flat: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Cut flat weights (A, P) into the layers' (A, inputs, outputs) and (A, 1, outputs) views."""
        parts = flat.split(self._lengths, dim=1)
        views = [part.view(len(flat), *shape) for part, shape in zip(parts, self._shapes, strict=True)]
        return zip(views[::2], views[1::2], strict=True)

    def forward(self, X: torch.Tensor, experts: Sequence[int] | None = None) -> torch.Tensor:
        """Map the rows of each expert, (A, B, n_features), to (A, B, n_outputs).

        `experts` names the A experts, in rising order, all of them when None. Gradients arrive at their parameters.
        """
        members = range(len(self)) if experts is None else experts
        flat = self._weights if len(members) == len(self) else self._weights[list(members)]
        if torch.is_grad_enabled():
            flat = flat.detach().requires_grad_()
            flat.register_post_accumulate_grad_hook(partial(self._hand_out, members))
        *hidden, (weight, bias) = self.layers(flat)
        for w, b in hidden:
            X = self.activation(torch.baddbmm(b, X, w))
        return torch.baddbmm(bias, X, weight)

    def _hand_out(self, members: Sequence[int], flat: torch.Tensor) -> None:
        """Give each expert its row of the gradient."""
        rows = () if flat.grad is None else flat.grad.unbind()
        for k, row in zip(members, rows, strict=True):
            self._parameters_by_expert[k].grad = row

    @torch.no_grad()
    def predict_all(self, X: torch.Tensor) -> torch.Tensor:
        """Let all K experts predict all rows (n, n_features); return (n, K, n_outputs).

        It works on the transposed net, whose products are long and thin the right way round. All experts read the same
        rows, so the first layer is one product, biases included.
        """
        (first, start), *others = [(w.transpose(1, 2), b.transpose(1, 2)) for w, b in self.layers(self._weights)]
        first = torch.cat([first, start], dim=2).flatten(0, 1)  # (K h, n_features + 1)
        others = [(weight.contiguous(), bias) for weight, bias in others]
        columns = torch.cat([X.T, X.new_ones(1, len(X))])
        out = X.new_empty(len(self), self.sizes[-1], len(X))
        n_rows = max(_LEAST_CHUNK, _CHUNK // (len(self) * max(self.sizes[1:])))
        parts: list[torch.Tensor] = []  # the layers of some rows, in the same memory for all
        for columns_now, out_now in zip(columns.split(n_rows, dim=1), out.split(n_rows, dim=2), strict=True):
            if not parts or parts[0].shape[2] != out_now.shape[2]:
                parts = [X.new_empty(len(self), size, out_now.shape[2]) for size in self.sizes[1:]]
            torch.mm(first, columns_now, out=parts[0].flatten(0, 1))
            for part, following, (weight, bias) in zip(parts, parts[1:], others, strict=False):
                torch.baddbmm(bias, weight, self.activation(part), out=following)
            out_now.copy_(parts[-1])
        return out.permute(2, 0, 1)
