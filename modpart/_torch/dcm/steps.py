"""Training counted in steps: the learning rate falls to nothing, and the weights of the last steps are averaged."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from modpart._torch.nets import TensorNet

__all__ = ["StepNet", "lowered", "take"]

STEPS = 100  # in an epoch
FINAL = 0.01  # of the learning rate is left at the end


class StepNet(TensorNet):
    """A net whose module computes its own loss in ``loss(step, progress)`` and draws its rows itself.

    Parameters
    ----------
    *args, **kwargs
        As for a skorch net; `max_epochs` is set from `n_steps`.
    n_steps : int
    """

    def __init__(self, *args: Any, n_steps: int, **kwargs: Any) -> None:
        self.n_steps = n_steps
        super().__init__(*args, **kwargs)

    def initialize_criterion(self) -> "StepNet":
        return self

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> tuple[Any, None]:
        return X, None

    def get_iterator(self, dataset: Any, training: bool = False) -> "_Epochs":
        return _Epochs(self.n_steps)

    def batch_weight(self, batch: Any) -> int:
        return 1

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        super().on_train_begin(net, X=X, y=y, **kwargs)
        self.learned_ = [p for p in self.module_.parameters() if p.requires_grad]
        self.average_ = [p.detach().clone() for p in self.learned_]

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        with torch.no_grad():
            for parameter, mean in zip(self.learned_, self.average_, strict=True):
                parameter.copy_(mean)
        super().on_train_end(net, X=X, y=y, **kwargs)

    def average(self, step: int) -> None:
        """Move the averages towards the weights."""
        weight = max(0.001, 1.0 / (step + 1), 4.0 / self.n_steps)
        torch._foreach_lerp_(self.average_, [p.detach() for p in self.learned_], weight)

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, torch.Tensor]:
        progress = batch / self.n_steps
        lowered(self.optimizer_, self.lr, progress)
        loss = self.module_.loss(progress)
        self.optimizer_.zero_grad()
        loss.backward()
        take(self, self.optimizer_, self.module_, batch)
        self.average(batch)
        return {"loss": loss, "y_pred": loss}


class _Epochs:
    """Numbers of the steps, an epoch at a time."""

    def __init__(self, n_steps: int) -> None:
        self.n_steps, self.done = n_steps, 0

    def __iter__(self) -> Iterator[int]:
        steps = range(self.done, min(self.done + STEPS, self.n_steps))
        self.done = steps.stop
        return iter(steps)


def lowered(optimizer: torch.optim.Optimizer, lr: float, progress: float) -> None:
    """Set the learning rate: whole for half of the training, then falling along a line."""
    for group in optimizer.param_groups:
        group["lr"] = lr * max(FINAL, min(1.0, 2.0 * (1.0 - progress)))


def take(net: TensorNet, optimizer: torch.optim.Optimizer, module: nn.Module, batch: Any) -> None:
    """One step of an optimiser, after the callbacks that listen have seen the gradients."""
    if "on_grad_computed" in net.heard_:
        net.notify("on_grad_computed", named_parameters=list(module.named_parameters()), batch=batch, training=True)
    optimizer.step()
