"""Train a net with terms that make it modular: skorch drives, taps listen, structure steps act between batches."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import cos, pi
from typing import Any

import numpy as np
import torch
from torch import nn

from modpart._torch.nets import TensorNet
from modpart._torch.state import from_numpy
from modpart._torch.terms import Scene, Term

__all__ = ["CalibratedCrossEntropy", "CrossEntropy", "ModularNet", "class_rates", "listening", "per_unit", "units_last"]

Step = Callable[["ModularNet"], None]


class CrossEntropy(nn.Module):
    """Cross entropy of logits; the target is a column of class codes."""

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Take (n, n_classes) and (n, 1)."""
        return nn.functional.cross_entropy(prediction, target[:, 0].long())


class CalibratedCrossEntropy(nn.Module):
    """Cross entropy of one class against the rest, whose log odds are a slope times the logit plus an offset."""

    def __init__(self, slope: float, offset: float) -> None:
        super().__init__()
        self.slope, self.offset = float(slope), float(offset)

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Take (n, 1) twice."""
        return nn.functional.binary_cross_entropy_with_logits(self.slope * prediction + self.offset, target)


class ModularNet(TensorNet):
    """A lean skorch net whose training loss is that of the task plus terms, with steps after each batch.

    Parameters
    ----------
    module : nn.Module
    terms : sequence of Term
    steps : sequence of callable
        Each is called with the net after every step of the optimiser.
    heard : list
        Where taps put what they hear in a forward pass; emptied once it is used.
    n_steps : int
        Steps of the whole training, for schedules.
    cosine : bool
        Whether the learning rate falls along half a cosine.
    """

    def __init__(
        self,
        module: Any,
        *args: Any,
        terms: Sequence[Term] = (),
        steps: Sequence[Step] = (),
        heard: list[torch.Tensor] | None = None,
        n_steps: int = 1,
        cosine: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(module, *args, **settings)
        self.terms, self.steps, self.heard, self.n_steps, self.cosine = terms, steps, heard, n_steps, cosine
        self.done = 0
        self.zeros: dict[str, torch.Tensor] = {}

    @property
    def fraction(self) -> float:
        """Share of the training that is done."""
        return self.done / self.n_steps

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, torch.Tensor]:
        if self.cosine:
            for group in self.optimizer_.param_groups:
                group["lr"] = self.lr * 0.5 * (1.0 + cos(pi * min(self.fraction, 1.0)))
        answer = super().train_step(batch, **fit_params)
        self.done += 1
        self.batch_ = batch
        self.hold_zeros()
        for step in self.steps:
            step(self)
        return answer

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> torch.Tensor:
        loss = self.criterion_(y_pred, y_true)
        if training and self.terms:
            scene = Scene(self.module_, self.heard or [], y_true[:, 0].long(), self.fraction)
            for term in self.terms:
                loss = loss + term(scene)
        if self.heard:
            self.heard.clear()
        return loss

    def keep_zero(self, masks: dict[str, np.ndarray]) -> None:
        """From now on hold these entries (False in a mask) of these parameters at zero."""
        self.zeros = {name: from_numpy(mask, np.float32).to(self.device) for name, mask in masks.items()}
        self.hold_zeros()

    @torch.no_grad()
    def decay(self, rate: float) -> None:
        """Take the learning rate times `rate` off all that learns, whatever the optimiser (decoupled weight decay)."""
        for group in self.optimizer_.param_groups:
            for parameter in group["params"]:
                if parameter.requires_grad:
                    parameter.mul_(max(0.0, 1.0 - group["lr"] * rate))

    @torch.no_grad()
    def hold_zeros(self) -> None:
        """Put back to zero what the optimiser moved; elementwise optimisers treat the others as if alone."""
        for name, mask in self.zeros.items():
            self.module_.get_parameter(name).mul_(mask)


def per_unit(values: torch.Tensor, last: bool = False) -> torch.Tensor:
    """Mean absolute value of each unit, (B, H): over the places of a map, or over the vectors of a sequence."""
    if values.ndim == 2:
        return values
    if last:
        return values.abs().flatten(1, -2).mean(1)
    return values.abs().flatten(2).mean(2)


def units_last(module: nn.Module, name: str) -> bool:
    """Whether units are the last axis of what a layer answers: those of a Linear layer are, those of maps are not."""
    made_by = None
    for path, layer in module.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            made_by = layer
        if path == name:
            break
    return isinstance(made_by, nn.Linear)


@contextmanager
def listening(module: nn.Module, layers: Sequence[str]) -> Iterator[list[torch.Tensor]]:
    """Hear what these layers of `module` answer, one (B, H) for each call, until the block is left."""
    heard: list[torch.Tensor] = []
    handles = []
    for name in layers:

        def hear(_: Any, __: Any, out: torch.Tensor, last: bool = units_last(module, name)) -> None:
            heard.append(per_unit(out, last))

        handles.append(module.get_submodule(name).register_forward_hook(hear))
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def class_rates(
    module: nn.Module, X: np.ndarray, y: np.ndarray, n_classes: int, layers: Sequence[str], device: Any = "cpu"
) -> dict[str, np.ndarray]:
    """Share of the rows of each class for which a unit of a layer is not zero: (n_classes, H) by layer."""
    module = module.to(device).eval()
    counts = np.bincount(y, minlength=n_classes)
    totals: dict[str, Any] = {}
    with listening(module, layers) as heard:
        for start in range(0, len(X), 1024):
            rows = slice(start, start + 1024)
            module(from_numpy(X[rows], np.float32).to(device))
            members = np.eye(n_classes)[y[rows]]
            for layer, values in zip(layers, heard, strict=True):
                totals[layer] = totals.get(layer, 0.0) + members.T @ (values != 0).double().cpu().numpy()
            heard.clear()
    return {layer: total / np.maximum(counts, 1)[:, None] for layer, total in totals.items()}
