"""How a variable follows from its causes: a small net for its conditional law, and one noise of its own.

The noise of a table's column is one uniform number per row. A discrete variable is the state in whose share of the unit
interval that number falls; a number is a rising, smooth function of the noise's normal score. So a noise can
be recovered from the value, and the probability of a value is known in closed form.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import e, log, pi, sqrt

import torch
from torch import nn
from torch.nn import functional

from modpart._torch.dcm.images import encoder_for, width_of
from modpart._torch.dcm.nodes import DISCRETE, NUMERIC, TENSOR, Node

__all__ = ["Mechanism", "Quantiles", "pick"]

STEP = 0.625  # between the knots
KNOTS = tuple(STEP * k for k in range(-4, 5))  # of the normal score, from -2.5 to 2.5
BEFORE_ZERO = (
    STEP / 2,
    STEP,
    STEP,
    STEP,
    STEP / 2,
    0.0,
    0.0,
    0.0,
    0.0,
)  # from the first knot on
FLAT = 1e-3  # least slope of a quantile function
ONE = log(e - 1.0)  # softplus(ONE) = 1
EDGE = 1e-6  # a uniform noise stays this far from 0 and 1


class Mechanism(nn.Module):
    """The conditional law of a table's column given its parents and the states of its hidden causes.

    Parameters
    ----------
    node : Node
    parents : sequence of Node
    n_states : sequence of int
        States of each hidden cause of the node.
    hidden : sequence of int
        Widths of the hidden layers.
    generator : torch.Generator
        Source of the initial weights.
    """

    def __init__(
        self,
        node: Node,
        parents: Sequence[Node],
        n_states: Sequence[int],
        hidden: Sequence[int],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoder_for(parent, generator) for parent in parents if parent.kind == TENSOR)
        self.encoded = tuple(parent.kind == TENSOR for parent in parents)
        inputs = sum(map(width_of, parents))
        n_outputs = node.size if node.kind == DISCRETE else len(KNOTS) + 1
        width, *others = [*hidden, n_outputs]
        scale = 1.0 / sqrt(max(1, len(parents) + len(n_states)))  # of a one-hot block one input is on

        def uniform(*shape: int, bound: float) -> nn.Parameter:
            return nn.Parameter((torch.rand(*shape, generator=generator) * 2 - 1) * bound)

        self.weight, self.bias = uniform(inputs, width, bound=scale), uniform(width, bound=scale)
        self.tables = nn.ParameterList(uniform(count, width, bound=scale) for count in n_states)
        layers = [(uniform(a, b, bound=a**-0.5), uniform(b, bound=a**-0.5)) for a, b in pairwise([width, *others])]
        if not hidden:  # a linear law
            layers = []
        self.weights = nn.ParameterList(weight for weight, _ in layers)
        self.biases = nn.ParameterList(bias for _, bias in layers)

    def _first(self, parents: Sequence[torch.Tensor], count: int) -> torch.Tensor:
        """What the first layer makes of the parents, before the hidden causes are added."""
        encoders = iter(self.encoders)
        parts = [next(encoders)(x) if coded else x for x, coded in zip(parents, self.encoded, strict=True)]
        if not parts:
            return self.bias.expand(count, -1)
        return torch.addmm(self.bias, parts[0] if len(parts) == 1 else torch.cat(parts, 1), self.weight)

    def _rest(self, h: torch.Tensor) -> torch.Tensor:
        for weight, bias in zip(self.weights, self.biases, strict=True):
            h = functional.linear(functional.relu(h), weight.T, bias)
        return h

    def forward(self, parents: Sequence[torch.Tensor], states: Sequence[torch.Tensor], count: int) -> torch.Tensor:
        """Law of each of `count` rows, (count, n_outputs): logits, or a quantile function's offset and slopes."""
        h = self._first(parents, count)
        for table, state in zip(self.tables, states, strict=True):
            h = h + functional.embedding(state, table)
        return self._rest(h)

    def grid(self, parents: Sequence[torch.Tensor], count: int) -> torch.Tensor:
        """Law of each row for every combination of hidden states, (count, *n_states, n_outputs)."""
        h = self._first(parents, count)
        axes = len(self.tables)
        h = h.reshape(count, *[1] * axes, -1)
        for axis, table in enumerate(self.tables):
            h = h + table.reshape(*[-1 if i == axis else 1 for i in range(axes)], table.shape[1])
        return self._rest(h)


def pick(node: Node, law: torch.Tensor, value: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Noise (n,) drawn from what it can have been when the column had these values; `uniform` (n,) is the draw."""
    if node.kind == NUMERIC:
        score = Quantiles(law).score(value)[0]
        return torch.special.ndtr(score.double()).to(law.dtype).clamp(EDGE, 1 - EDGE)
    borders = functional.pad(law.softmax(1).cumsum(1)[:, :-1], (1, 1))
    borders[:, -1] = 1.0
    low, high = (borders.gather(1, value[:, None] + side)[:, 0] for side in (0, 1))
    return low + uniform * (high - low)


class Quantiles:
    """Rising functions of a normal score, one for each row: smooth, with slopes that are linear between knots.

    So the density is continuous in the value and in the weights, and both directions are in closed form.

    Parameters
    ----------
    law : tensor of shape (..., len(KNOTS) + 1)
        The value at score 0, then the slopes at the knots before :func:`softplus`; outside they stay as at the ends.
    """

    def __init__(self, law: torch.Tensor) -> None:
        self.offset = law[..., :1]
        self.slopes = functional.softplus(law[..., 1:] + ONE) + FLAT
        self.knots = torch.tensor(KNOTS, dtype=law.dtype, device=law.device)

    def _integrals(self, score: torch.Tensor) -> torch.Tensor:
        """What a unit slope at each knot adds to the value on the way from 0 to the score, (..., n_knots)."""
        inside = (score[..., None] - self.knots[:-1]).clamp(0.0, STEP)
        rising = inside.square() / (2 * STEP)
        share = functional.pad(inside - rising, (0, 1)) + functional.pad(rising, (1, 0))
        share[..., 0] += (score - self.knots[0]).clamp(max=0.0)
        share[..., -1] += (score - self.knots[-1]).clamp(min=0.0)
        return share - torch.tensor(BEFORE_ZERO, dtype=score.dtype, device=score.device)

    def value(self, score: torch.Tensor) -> torch.Tensor:
        """Values at normal scores."""
        return self.offset[..., 0] + (self.slopes * self._integrals(score)).sum(-1)

    def score(self, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Normal scores of values, and the slopes there."""
        reached = self.offset + self.slopes @ self._integrals(self.knots).T
        above = (value[..., None] >= reached).sum(-1, keepdim=True)  # knots at or below the value
        near, far = (above - 1).clamp(min=0), above.clamp(max=len(KNOTS) - 1)
        slope, end = self.slopes.gather(-1, near)[..., 0], self.slopes.gather(-1, far)[..., 0]
        way = value - reached.gather(-1, near)[..., 0]
        bend = (end - slope) / STEP  # 0 outside, where near and far are the same knot
        steep = (slope.square() + 2 * bend * way).clamp(min=FLAT**2).sqrt()
        return self.knots[near[..., 0]] + 2 * way / (slope + steep), steep

    def log_density(self, value: torch.Tensor) -> torch.Tensor:
        """Log density of values."""
        score, slope = self.score(value)
        return -0.5 * score.square() - slope.log() - 0.5 * log(2 * pi)
