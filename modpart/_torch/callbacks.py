"""skorch callbacks of our own: stop on a plateau and keep the best weights, and tell scikit-learn's callbacks."""

from collections.abc import Callable
from math import isfinite
from typing import Any

import torch
from skorch.callbacks import Callback

from modpart._utils.progress import Progress

__all__ = ["ReportEpochs", "StopOnPlateau"]


class StopOnPlateau(Callback):
    """Stop when the loss has not fallen by `tol` for some epochs; put the best weights back at the end if asked to.

    Small gains add up: the loss of the last `n_iter_no_change` epochs is compared with the one before them, so slow but
    steady progress goes on. A loss that is no longer finite stops the training at once.

    Parameters
    ----------
    monitor : {"train_loss", "valid_loss"}
    tol : float
        Least fall of the loss that counts.
    n_iter_no_change : int
        Epochs to wait for it.
    restore : bool
        Whether the weights of the epoch with the least loss are put back when training ends. They are kept in memory.
    """

    def __init__(self, monitor: str, tol: float, n_iter_no_change: int, restore: bool) -> None:
        self.monitor, self.tol, self.n_iter_no_change, self.restore = monitor, tol, n_iter_no_change, restore

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        self.reference_ = self.least_ = float("inf")
        self.waited_ = 0
        self.best_: dict[str, torch.Tensor] | None = None

    def on_epoch_end(self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any) -> None:
        loss = net.history[-1][self.monitor]
        if self.restore and loss < self.least_:
            self.best_ = {name: value.clone() for name, value in net.module_.state_dict().items()}
        self.least_ = min(self.least_, loss)
        if loss < self.reference_ - self.tol:
            self.reference_, self.waited_ = loss, 0
        else:
            self.waited_ += 1
        if self.waited_ >= self.n_iter_no_change or not isfinite(loss):
            raise KeyboardInterrupt  # skorch's word for "stop training"

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        if self.best_ is not None:
            net.module_.load_state_dict(self.best_)


class ReportEpochs(Callback):
    """Report each epoch to scikit-learn's callbacks, and stop when one of them asks for it.

    Parameters
    ----------
    progress : Progress
    state : callable
        Takes the net and returns the fitted attributes as they would be if training stopped now.
    """

    def __init__(self, progress: Progress, state: Callable[[Any], dict[str, Any]]) -> None:
        self.progress, self.state = progress, state

    def on_epoch_end(self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any) -> None:
        message = f"loss {net.history[-1]['train_loss']:.6f}"
        if self.progress.step("epoch", message, lambda: self.state(net)):
            raise KeyboardInterrupt  # skorch's word for "stop training"
