"""Between torch modules and numpy arrays: fitted state holds no tensor and no device."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

__all__ = ["from_numpy", "load_numpy", "to_numpy"]


def to_numpy(module: nn.Module) -> dict[str, np.ndarray]:
    """Copy the parameters and buffers of `module` into numpy arrays, by their names in its state dict."""
    return {name: value.detach().cpu().numpy().copy() for name, value in module.state_dict().items()}


def load_numpy(module: nn.Module, state: Mapping[str, np.ndarray]) -> None:
    """Copy arrays made by :func:`to_numpy` into `module`; names and shapes must agree."""
    module.load_state_dict({name: from_numpy(value) for name, value in state.items()})


def from_numpy(array: Any, dtype: Any = None) -> torch.Tensor:
    """Copy an array of any layout, read-only ones included, into a tensor of its own memory."""
    return torch.from_numpy(np.array(array, dtype=dtype, order="C", copy=True))
