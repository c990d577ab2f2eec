"""Batches for stacked nets: each expert's own rows, padded to one length, weighted so that padding counts nothing."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from modpart._torch.batches import TensorTable

__all__ = ["Block", "GroupedBatches", "GroupedTable"]

_WORTH_A_STEP = 2048  # padded rows that cost about as much as the overhead of one more step (measured on a CPU)


class GroupedTable(TensorTable):
    """A :class:`TensorTable` whose rows each belong to one expert.

    Parameters
    ----------
    X, y, device
        As in :class:`TensorTable`.
    labels : ndarray of int, shape (n,)
        Expert of each row; rows whose label is outside 0..n_experts-1 are left out.
    n_experts : int
    weight : ndarray of shape (n,), optional
        Weights of the rows; only their ratios within an expert's rows matter.
    """

    def __init__(
        self,
        X: Any,
        y: Any,
        labels: np.ndarray,
        n_experts: int,
        device: torch.device | str = "cpu",
        *,
        weight: np.ndarray | None = None,
    ) -> None:
        labels = np.asarray(labels)
        weight = np.ones(len(labels)) if weight is None else weight
        owned = (labels >= 0) & (labels < n_experts)
        if not owned.all():
            X, y, labels, weight = np.asarray(X)[owned], np.asarray(y)[owned], labels[owned], weight[owned]
        super().__init__(X, y, device)
        relative = weight * (np.bincount(labels) / np.maximum(np.bincount(labels, weight), 1e-300))[labels]
        self.weight = torch.tensor(relative, dtype=torch.float32, device=self.X.device).reshape(-1, 1)
        self.labels = torch.tensor(labels, dtype=torch.int64)
        self.counts = np.bincount(labels, minlength=n_experts)


class Block(NamedTuple):
    """One step's experts, and the weights (A, B, 1) of their rows."""

    experts: list[int]
    weights: torch.Tensor


class GroupedBatches:
    """Iterate over steps in which each expert sees up to `batch_size` of its own rows.

    A step holds only the experts that still have rows in this epoch. When groups differ so much in size that padding
    to the largest would cost more than a further step, the step is cut into one for the large and one for the small;
    experts share no parameter, so that changes no result. The weights of an expert's rows in a step sum to one (on
    average, when the rows have weights of their own): a small group gets its full gradient.

    Parameters
    ----------
    dataset : GroupedTable
    batch_size : int
        Rows per expert and step.
    generator : torch.Generator
        CPU generator; draws one permutation for each epoch, none when every group fits into one batch.
    """

    def __init__(self, dataset: GroupedTable, batch_size: int, generator: torch.Generator) -> None:
        self.dataset, self.generator = dataset, generator
        self.shuffled = bool((dataset.counts > batch_size).any())
        self.blocks, positions = _plan(dataset.counts, batch_size)
        self.blocks = [Block(experts, weights.to(dataset.X.device)) for experts, weights in self.blocks]
        self._positions = positions.to(dataset.X.device)
        self._fixed = None if self.shuffled else list(self._cut(torch.argsort(dataset.labels, stable=True)))

    def __len__(self) -> int:
        return len(self.blocks)

    def __iter__(self) -> Iterator[tuple[dict[str, Any], tuple[torch.Tensor, torch.Tensor]]]:
        if self._fixed is not None:
            return iter(self._fixed)
        labels = self.dataset.labels
        mixed = torch.randperm(len(labels), generator=self.generator)
        return self._cut(mixed[torch.argsort(labels[mixed], stable=True)])

    def _cut(self, order: torch.Tensor) -> Iterator[tuple[dict[str, Any], tuple[torch.Tensor, torch.Tensor]]]:
        """Yield the batches of one epoch, views into one gather; `order` lists the rows by label."""
        order = order.to(self._positions.device)[self._positions]
        (X, y), weight = self.dataset[order], self.dataset.weight[order]
        start = 0
        for experts, shares in self.blocks:
            shape = shares.shape[:2]
            rows = slice(start, start := start + shape.numel())
            share = shares * weight[rows].view(*shape, 1)
            yield {"X": X[rows].view(*shape, -1), "experts": experts}, (y[rows].view(*shape, -1), share)


def _plan(counts: np.ndarray, batch_size: int) -> tuple[list[Block], torch.Tensor]:
    """The steps of one epoch for groups of these sizes, and the positions of all their rows in label order."""
    starts = np.cumsum(counts) - counts
    blocks, places = [], [np.empty(0, np.int64)]
    for done in range(0, int(counts.max(initial=0)), batch_size):
        left = np.clip(counts - done, 0, batch_size)
        for experts in _alike(left):
            rows = left[experts][:, None]
            column = np.arange(rows.max())
            positions = (starts[experts] + done)[:, None] + np.minimum(column, rows - 1)  # padding repeats the last row
            weights = ((column < rows) / rows).astype(np.float32)
            places.append(positions.ravel())
            blocks.append(Block(experts.tolist(), torch.from_numpy(weights).unsqueeze(2)))
    return blocks, torch.from_numpy(np.concatenate(places))


def _alike(sizes: np.ndarray) -> list[np.ndarray]:
    """Experts with rows, cut where padding the smaller groups to the larger would cost more than a step."""
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    cuts, largest = [], None
    for place, expert in enumerate(order):
        if largest is None:
            largest = sizes[expert]
        elif (largest - sizes[expert]) * (len(order) - place) > _WORTH_A_STEP:
            cuts.append(place)
            largest = sizes[expert]
    return [np.sort(part) for part in np.split(order, cuts) if len(part)]
