"""Critics: they tell generated rows from real ones, and pay for their slope.

The penalty is centred at zero rather than one: the critic then flattens as the two laws meet, and training settles
instead of circling around the solution (Mescheder, Geiger & Nowozin, "Which training methods for GANs do actually
converge?", ICML 2018).
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from modpart._torch.dcm.images import encoder_for, width_of
from modpart._torch.dcm.nodes import Node
from modpart._torch.init import draw_layers

__all__ = ["Critic"]

LEAK = 0.2


class Critic(nn.Module):
    """A feed-forward net over the features of several variables side by side; tensors are encoded first.

    Parameters
    ----------
    nodes : sequence of Node
    hidden : sequence of int
    generator : torch.Generator
        Source of the initial weights.
    """

    def __init__(self, nodes: Sequence[Node], hidden: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoder_for(node, generator) for node in nodes)
        self.flat = not any(node.shape for node in nodes)
        inputs = sum(map(width_of, nodes))
        weights, biases = zip(*draw_layers([inputs, *hidden, 1], generator), strict=True)
        self.weights, self.biases = nn.ParameterList(weights), nn.ParameterList(biases)
        self.layers = list(zip(self.weights, self.biases, strict=True))  # torch's lists are slow to read

    def forward(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        """Score (n,) of rows given as one tensor of features for each variable."""
        h = torch.cat([encoder(x) for encoder, x in zip(self.encoders, rows, strict=True)], 1)
        return self._score(h)

    def _score(self, h: torch.Tensor) -> torch.Tensor:
        *hidden, (weight, bias) = self.layers
        for w, b in hidden:
            h = functional.leaky_relu_(torch.addmm(b, h, w), LEAK)
        return torch.addmm(bias, h, weight)[:, 0]

    def penalty(self, real: Sequence[torch.Tensor], fake: Sequence[torch.Tensor], share: torch.Tensor) -> torch.Tensor:
        """Mean squared slope between real and generated rows.

        Without encoders the critic is piecewise linear: its slope is the product of the weights of the units that are
        on, and no second backward pass is needed.
        """
        if self.flat:
            return self._slopes(torch.lerp(torch.cat(list(real), 1), torch.cat(list(fake), 1), share[:, None])).mean()
        between = [
            torch.lerp(a, b, share.reshape(-1, *[1] * (a.ndim - 1))).requires_grad_()
            for a, b in zip(real, fake, strict=True)
        ]
        slopes = torch.autograd.grad(self(between).sum(), between, create_graph=True)
        return torch.stack([slope.flatten(1).square().sum(1) for slope in slopes]).sum(0).mean()

    def _slopes(self, h: torch.Tensor) -> torch.Tensor:
        """Squared slope at each row of features."""
        gains = []
        with torch.no_grad():
            for weight, bias in self.layers[:-1]:
                h = torch.addmm(bias, h, weight)
                gains.append((h > 0).to(h.dtype).mul_(1.0 - LEAK).add_(LEAK))
                h = h * gains[-1]
        slope = self.layers[-1][0].T
        for gain, (weight, _) in zip(reversed(gains), reversed(self.layers[:-1]), strict=True):
            slope = (slope * gain) @ weight.T
        return slope.square().sum(1)
