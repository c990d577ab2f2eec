"""Start weights of a plan, drawn from one generator in the order of the layers."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import nn

from modpart._torch.plans import shell
from modpart._torch.tokens import Positions

__all__ = ["draw"]

_POSITION_SCALE = 0.02


def draw(plan: Sequence[Mapping[str, Any]], generator: torch.Generator) -> dict[str, np.ndarray]:
    """Weights by their names in the state dict.

    Linear layers and convolutions are uniform on (-1, 1) / sqrt(inputs of a unit), normalisations start as the
    identity, positions are normal with standard deviation .02.
    """
    weights: dict[str, np.ndarray] = {}
    for path, module in shell(plan).named_modules():
        prefix = f"{path}." if path else ""
        for name, value in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            weights[prefix + name] = _start(module, name, value, generator).numpy()
    return weights


def _start(module: nn.Module, name: str, value: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    shape = tuple(value.shape)
    if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
        inputs = module.weight[0].numel()
        return (torch.rand(shape, generator=generator) * 2 - 1) / sqrt(inputs)
    if isinstance(module, Positions):
        return torch.randn(shape, generator=generator) * _POSITION_SCALE
    if name in ("weight", "running_var"):
        return torch.ones(shape)
    return torch.zeros(shape, dtype=value.dtype)
