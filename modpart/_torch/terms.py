"""Terms that are added to the loss of a task so that a net falls into parts.

A term is called with a :class:`Scene` and returns a scalar >= 0 (times its weight), finite for every batch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

__all__ = [
    "CrossLinks",
    "GateContrast",
    "Ramp",
    "Scene",
    "Term",
    "UnitCosts",
    "WireCost",
    "gate_contrast",
]


@dataclass
class Scene:
    """What a term may look at: net, what its taps heard (B, H) in this batch, classes, and how far training is."""

    module: nn.Module
    heard: list[torch.Tensor]
    y: torch.Tensor
    fraction: float = 0.0


Term = Callable[[Scene], torch.Tensor]


class Ramp:
    """A factor that changes with the fraction of training done: the value of the last breakpoint passed.

    Parameters
    ----------
    points : sequence of (fraction, factor)
        Fractions in rising order, the first one 0.
    """

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self.points = list(points)

    def __call__(self, fraction: float) -> float:
        return [factor for start, factor in self.points if start <= fraction][-1]


class _UnitCosts(torch.autograd.Function):
    """Likeness, unlikeness and size of unit vectors, as :class:`UnitCosts` says, with the gradient in closed form.

    With u_i the unit vectors and s_c their sum over class c, the cosines of all pairs within classes add up to
    sum_c |s_c|^2 - sum_i |u_i|^2, and those between classes to |sum_c s_c|^2 - sum_c |s_c|^2: O(B H) for H units, no
    B x B matrix. The gradient comes with the value, from the same sums.
    """

    @staticmethod
    def forward(
        ctx: Any, members: torch.Tensor, base: float, same: float, different: float, size: float, *layers: torch.Tensor
    ) -> torch.Tensor:
        n_classes = members.shape[1]
        pulls = members.new_full((n_classes, n_classes), 2.0 * different).fill_diagonal_(-2.0 * same)
        cost, slopes = members.new_full((), base + same * len(members) * len(layers)), []
        for layer in layers:
            length = torch.linalg.vector_norm(layer, dim=1, keepdim=True)
            silent = length <= 1e-12
            scale = length.reciprocal().masked_fill_(silent, 0.0)
            owners = members * scale
            slope = owners @ (pulls @ (owners.T @ layer))
            along = (layer * slope).sum(1, keepdim=True)  # u_i times the slope there: all of them are twice their cost
            cost.add_(torch.add(along, silent, alpha=-2.0 * same).sum(), alpha=0.5)
            slope.addcmul_(layer, along.mul_(scale).mul_(scale), value=-1.0)
            if size:
                cost.add_(torch.linalg.vector_norm(layer, 1), alpha=size / layer.numel())
                slope.add_(layer.sgn(), alpha=size / layer.numel())
            slopes.append(slope)
        ctx.save_for_backward(*slopes)
        return cost

    @staticmethod
    def backward(ctx: Any, *slopes: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return None, None, None, None, None, *(slopes[0] * slope for slope in ctx.saved_tensors)


@dataclass
class UnitCosts:
    """What units cost, mean over taps: the three terms of MODA, the first two those of MwT.

    `affinity` (1 - mean cosine of rows of one class) + `dispersion` (mean cosine of rows of different classes)
    + `compactness` (mean magnitude). A part without a pair of rows is 0; a zero vector stays zero and gets no gradient.
    """

    n_classes: int
    affinity: float
    dispersion: float
    compactness: float = 0.0

    def __call__(self, scene: Scene) -> torch.Tensor:
        layers, rows = scene.heard, len(scene.y)
        members = nn.functional.one_hot(scene.y, self.n_classes).to(layers[0].dtype)
        same = float(members.sum(0).square().sum())
        parts = [
            self.affinity / (same - rows) if same > rows else 0.0,
            self.dispersion / (rows**2 - same) if rows**2 > same else 0.0,
            self.compactness,
        ]
        base = self.affinity if same > rows else 0.0
        return _UnitCosts.apply(members, base, *(part / len(layers) for part in parts), *layers)


def gate_contrast(gates: torch.Tensor, y: torch.Tensor, temperature: float) -> torch.Tensor:
    """-log of the share of a row's own class in its similarities exp(cos / T) to others, over rows with partner."""
    u = nn.functional.normalize(gates, dim=1)
    similar = u @ u.T / temperature
    itself = torch.eye(len(y), dtype=torch.bool, device=y.device)
    own = (y[:, None] == y) & ~itself
    paired = own.any(1)
    if not bool(paired.any()):
        return similar.new_zeros(())
    every = similar.masked_fill(itself, -torch.inf).logsumexp(1)
    mine = similar.masked_fill(~own, -torch.inf)[paired].logsumexp(1)
    return (every[paired] - mine).mean()


@dataclass
class GateContrast:
    """NeMo's contrast of gates, pairs left out by a mask (not by a factor before the exponential); mean over taps."""

    weight: float
    temperature: float

    def __call__(self, scene: Scene) -> torch.Tensor:
        parts = [gate_contrast(gates, scene.y, self.temperature) for gates in scene.heard]
        return self.weight * torch.stack(parts).mean()


@dataclass
class CrossLinks:
    """Share of squared weight between units of different clusters, 1 - C, mean over layers.

    `labels` holds for each layer the clusters of its outputs and of its input columns; they may be replaced while
    training goes on. Without labels the term is 0.
    """

    weight: float
    labels: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def relabel(self, labels: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Use these clusters from now on."""
        self.labels = dict(labels)
        self._inside.clear()

    def __post_init__(self) -> None:
        self._inside: dict[str, torch.Tensor] = {}

    def __call__(self, scene: Scene) -> torch.Tensor:
        parts = []
        for layer, (rows, columns) in self.labels.items():
            squared = _weight(scene, layer).square()
            squared = squared.flatten(2).sum(2) if squared.ndim > 2 else squared
            if layer not in self._inside:
                inside = torch.from_numpy((rows[:, None] != columns).astype(np.float32))
                self._inside[layer] = inside.to(squared.device)
            parts.append((squared * self._inside[layer]).sum() / squared.sum().clamp_min(1e-30))
        return self.weight * torch.stack(parts).mean() if parts else scene.y.new_zeros((), dtype=torch.float32)


@dataclass
class WireCost:
    """Length of the wires times their absolute weight, BIMT's cost: sum |W_ij| (A d_ij + l0), and l0 |b|.

    `lengths` holds A d_ij + l0 for each layer, (n_outputs, n_inputs); they may be replaced while units move.
    """

    weight: float
    lengths: dict[str, torch.Tensor]
    bias_length: float
    ramp: Ramp
    bias_ramp: Ramp

    def __call__(self, scene: Scene) -> torch.Tensor:
        factor, with_bias = self.weight * self.ramp(scene.fraction), self.bias_length * self.bias_ramp(scene.fraction)
        priced: list[torch.Tensor] = []
        for layer, lengths in self.lengths.items():
            weight = _weight(scene, layer)
            priced += [weight, factor * lengths.reshape(*lengths.shape, *[1] * (weight.ndim - 2))]
            bias = getattr(scene.module.get_submodule(layer), "bias", None)
            if with_bias and isinstance(bias, torch.Tensor):
                priced += [bias, bias.new_full((), factor * with_bias)]
        return _PricedMagnitude.apply(*priced)


class _PricedMagnitude(torch.autograd.Function):
    """Sum of |W| times a price over pairs (W, price), with its gradient in closed form."""

    @staticmethod
    def forward(ctx: Any, *pairs: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(*pairs)
        return torch.stack([(w.abs() * price).sum() for w, price in zip(pairs[::2], pairs[1::2], strict=True)]).sum()

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        pairs = ctx.saved_tensors
        slopes: list[torch.Tensor | None] = []
        for weight, price in zip(pairs[::2], pairs[1::2], strict=True):
            slopes += [weight.sgn().mul_(price * slope), None]
        return tuple(slopes)


def _weight(scene: Scene, layer: str) -> torch.Tensor:
    weight: Any = scene.module.get_submodule(layer).weight
    return weight
