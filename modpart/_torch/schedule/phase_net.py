"""One phase of a schedule through skorch: some parts learn, the others are frozen, what never changes is cached."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn

from modpart._torch.init import new_generator
from modpart._torch.modular_net import ModularNet
from modpart._torch.nets import make_net
from modpart._torch.plans import build
from modpart._torch.schedule.local import Critics, LocalChain, SyntheticGradients
from modpart._torch.schedule.losses import criterion_of, task_loss
from modpart._torch.state import from_numpy, to_numpy

__all__ = ["Hybrid", "PhaseNet", "Trained", "answers_of", "train_phase"]

_CHUNK = 1024  # rows of a forward pass through frozen parts


@dataclass
class Trained:
    """What a phase gives back: numpy arrays and numbers."""

    weights: dict[str, dict[str, np.ndarray]]
    loss_curve: np.ndarray
    n_steps: int
    seconds: float
    cache_seconds: float


class Hybrid(nn.Module):
    """Parts in a row, some of them frozen: those stay in evaluation mode and have no gradient of their own.

    Leading frozen parts are passed through without a graph.
    """

    def __init__(self, parts: Mapping[str, nn.Module], train: Sequence[str]) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(parts)
        self.frozen = [name for name in parts if name not in train]
        for name in self.frozen:
            self.parts[name].requires_grad_(False)
        self.first = next((k for k, name in enumerate(parts) if name in train), len(parts))
        self.train()  # a net that is in training mode is not told again

    def train(self, mode: bool = True) -> "Hybrid":
        super().train(mode)
        for name in self.frozen:
            self.parts[name].eval()
        return self

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        parts = list(self.parts.values())
        with torch.no_grad():
            for part in parts[: self.first]:
                X = part(X)
        for part in parts[self.first :]:
            X = part(X)
        return X


class PhaseNet(ModularNet):
    """A lean skorch net whose optimiser sees only what is trained."""

    def get_all_learnable_params(self) -> Iterator[tuple[str, nn.Parameter]]:
        return ((name, value) for name, value in super().get_all_learnable_params() if value.requires_grad)


@torch.no_grad()
def answers_of(parts: Sequence[nn.Module], X: torch.Tensor) -> torch.Tensor:
    """What frozen parts in a row answer, (n, ...), in evaluation mode."""
    for part in parts:
        part.eval()
    done = []
    for chunk in X.split(_CHUNK):
        for part in parts:
            chunk = part(chunk)
        done.append(chunk)
    return torch.cat(done)


def train_phase(
    phase: Any, parts: Mapping[str, Any], X: np.ndarray, y: np.ndarray, settings: Any, seed: int
) -> Trained:
    """Train the parts that `phase` names; the given ones stay as they are.

    Parameters
    ----------
    phase : Phase
    parts : mapping of str to Part
        All that the phase names.
    X : ndarray of shape (n, n_features)
        Standardised.
    y : ndarray of shape (n,) or (n, n_outputs)
        Class codes or numbers.
    settings : Settings
    seed : int
        Of the order of batches.
    """
    torch.optim.AdamW([nn.Parameter(torch.zeros(1))])  # the first optimiser of a process loads seconds of torch
    start = perf_counter()
    device = settings.device
    modules = {
        name: build(parts[name].plan, parts[name].weights).to(device)
        for name in dict.fromkeys((*phase.chain, *phase.teacher, *phase.companions))
    }
    rows = from_numpy(X, np.float32).to(device)
    target = from_numpy(y, np.float32).to(device).reshape(len(X), -1)
    began = perf_counter()
    if phase.teacher:
        target = torch.cat([target, answers_of([modules[name] for name in phase.teacher], rows)], 1)
    first = next(k for k, name in enumerate(phase.chain) if name in phase.train)
    left = phase.chain
    if settings.cache and first:
        rows, left = answers_of([modules[name] for name in phase.chain[:first]], rows), phase.chain[first:]
    cached = perf_counter() - began
    task = task_loss(settings.classes, settings.label_smoothing)
    net = _net(phase, modules, left, task, settings, new_generator(seed), len(X)).fit(rows, target)
    return Trained(
        {name: to_numpy(modules[name]) for name in phase.train},
        np.array([epoch["train_loss"] for epoch in net.history_]),
        net.done,
        perf_counter() - start,
        cached,
    )


def _net(
    phase: Any,
    modules: Mapping[str, nn.Module],
    left: Sequence[str],
    task: nn.Module,
    settings: Any,
    generator: torch.Generator,
    n_rows: int,
) -> PhaseNet:
    """The skorch net of a phase around the parts that are left once the cache is made."""
    batch = min(settings.batch_size, n_rows)
    module: nn.Module
    criterion: nn.Module
    if phase.companions:
        module = LocalChain([modules[name] for name in left], [modules[name] for name in phase.companions])
        criterion = (
            Critics(module, task) if phase.loss == "critic" else SyntheticGradients(module, task, settings.n_outputs)
        )
    else:
        module = Hybrid({name: modules[name] for name in left}, phase.train)
        criterion = criterion_of(phase.loss, phase.options, task)
    return make_net(
        module,
        net_class=PhaseNet,
        n_steps=phase.epochs * -(-n_rows // batch),
        cosine=settings.cosine,
        criterion=criterion,
        generator=generator,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        optimizer__weight_decay=settings.weight_decay,
        lr=settings.lr,
        max_epochs=phase.epochs,
        batch_size=batch,
        callbacks=list(settings.callbacks),
        device=settings.device,
    )
