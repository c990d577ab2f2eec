"""Tables as whole tensors, and batches cut from them without touching single rows in Python.

These stand in for skorch's dataset and torch's DataLoader, which collect each batch row by row.
"""

from collections.abc import Iterator
from math import ceil
from typing import Any

import numpy as np
import torch

from modpart._torch.state import from_numpy

__all__ = ["HoldOut", "TensorBatches", "TensorTable"]


class TensorTable(torch.utils.data.Dataset):
    """A table held as two float32 tensors on the training device; the one place where data is cast and shaped.

    Parameters
    ----------
    X : array-like or tensor of shape (n, n_features)
    y : array-like or tensor of shape (n,) or (n, n_outputs), or None
        A 1-d target becomes one column, so that it never broadcasts against the (n, 1) prediction.
        None (rows to predict on) stands for a column of zeros.
    device : torch.device or str, default "cpu"
    """

    def __init__(self, X: Any, y: Any = None, device: torch.device | str = "cpu") -> None:
        self.X = _matrix(X, device)
        self.y = self.X.new_zeros(len(self.X), 1) if y is None else _matrix(y, device)
        if len(self.X) != len(self.y):
            raise ValueError(f"X has {len(self.X)} rows and y has {len(self.y)}: pass one target for each row of X.")

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return self.X[rows], self.y[rows]


def _matrix(values: Any, device: torch.device | str) -> torch.Tensor:
    tensor = values if isinstance(values, torch.Tensor) else from_numpy(values, np.float32)
    tensor = tensor.to(device=device, dtype=torch.float32)
    return tensor.reshape(-1, 1) if tensor.ndim == 1 else tensor


class TensorBatches:
    """Iterate over the batches of a :class:`TensorTable`, shuffled anew for each epoch when a generator is given.

    An epoch costs one gather of the table; its batches are views into that copy. A single batch is never shuffled,
    since the order of its rows does not matter.

    Parameters
    ----------
    dataset : TensorTable
    batch_size : int
        Rows per batch; the last batch has what is left.
    generator : torch.Generator, optional
        CPU generator of the permutations. None keeps the rows in order.
    """

    def __init__(self, dataset: TensorTable, batch_size: int, generator: torch.Generator | None = None) -> None:
        self.dataset, self.batch_size, self.generator = dataset, batch_size, generator

    def __len__(self) -> int:
        return ceil(len(self.dataset) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        X, y = self.dataset.X, self.dataset.y
        if self.generator is not None and len(self) > 1:
            order = torch.randperm(len(X), generator=self.generator).to(X.device)
            X, y = X[order], y[order]
        return zip(X.split(self.batch_size), y.split(self.batch_size), strict=True)


class HoldOut:
    """Split a :class:`TensorTable` into training and validation rows drawn from a generator (a skorch train_split).

    Parameters
    ----------
    fraction : float in (0, 1)
        Share of rows held out, rounded to whole rows, at least one on either side.
    generator : torch.Generator
    """

    def __init__(self, fraction: float, generator: torch.Generator) -> None:
        self.fraction, self.generator = fraction, generator

    def __call__(self, dataset: TensorTable, y: Any = None) -> tuple[TensorTable, TensorTable]:
        n = len(dataset)
        held = min(max(round(self.fraction * n), 1), n - 1)
        order = torch.randperm(n, generator=self.generator).to(dataset.X.device)
        device = dataset.X.device
        return TensorTable(*dataset[order[held:]], device), TensorTable(*dataset[order[:held]], device)
