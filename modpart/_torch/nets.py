"""The skorch net of all single-loss training, made lean: batches of whole tensors, work per batch only on demand."""

from collections.abc import Sequence
from inspect import signature
from math import inf
from operator import mul
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import nn

from modpart._torch.batches import TensorBatches, TensorTable
from modpart.exceptions import ParameterError

__all__ = ["MeanSquaredError", "StopTraining", "TensorNet", "WeightedSquaredError", "make_net"]

_BATCH_EVENTS = frozenset({"on_batch_begin", "on_batch_end"})
_EVENTS = _BATCH_EVENTS | {"on_grad_computed"}


class StopTraining(Exception):  # noqa: N818  a request, not an error
    """A callback asked to stop; told apart from a user's Ctrl-C, which ends the whole fit."""


class MeanSquaredError(nn.Module):
    """Mean squared error that refuses to broadcast."""

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the mean over all entries of two tensors of equal shape."""
        if prediction.shape != target.shape:
            raise ValueError(f"The prediction has shape {tuple(prediction.shape)}, the target {tuple(target.shape)}.")
        return nn.functional.mse_loss(prediction, target)


class WeightedSquaredError(nn.Module):
    """Mean over rows of their weight times their squared error; the weight is the last column of the target."""

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Take predictions (n, n_outputs) and targets (n, n_outputs + 1)."""
        if target.shape != (len(prediction), prediction.shape[1] + 1):
            raise ValueError(f"The prediction has shape {tuple(prediction.shape)}, the target {tuple(target.shape)}.")
        return (target[:, -1:] * (prediction - target[:, :-1]).square()).mean()


class TensorNet(NeuralNet):
    """A skorch net that spends its time in torch.

    It keeps skorch's protocol (fit, partial_fit, history, callbacks, optimiser, device) and differs in four points:
    there are no default callbacks; batch events are sent, and per-batch history is kept, only when a callback
    listens to them; the mean loss of an epoch is recorded without waiting for each batch; and when a callback asks to
    stop, all callbacks still see that event, while a real Ctrl-C leaves `fit`.
    """

    def get_default_callbacks(self) -> list:
        return []

    def initialize_callbacks(self) -> "TensorNet":
        super().initialize_callbacks()
        self.heard_ = frozenset(
            event for event in _EVENTS if any(_overrides(callback, event) for _, callback in self.callbacks_)
        )
        self.least_: dict[str, float] = {}
        return self

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        getattr(self, method_name)(self, **cb_kwargs)
        stop = False
        for _, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt:  # skorch's word for "stop training"
                stop = True
        if stop:
            raise StopTraining

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any) -> "TensorNet":
        if not self.initialized_:
            self.initialize()
        try:
            self.notify("on_train_begin", X=X, y=y)
            self.fit_loop(X, y, **fit_params)
        except StopTraining:
            pass
        self.notify("on_train_end", X=X, y=y)
        return self

    def run_single_epoch(self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any) -> None:
        if iterator is None:
            return
        listening = bool(self.heard_ & _BATCH_EVENTS)
        losses, sizes = [], []
        for batch in iterator:
            if listening:
                self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            losses.append(step["loss"].detach())
            sizes.append(self.batch_weight(batch))
            if listening:
                self.history.record_batch(f"{prefix}_loss", step["loss"].item())
                self.history.record_batch(f"{prefix}_batch_size", sizes[-1])
                self.notify("on_batch_end", batch=batch, training=training, **step)
        if losses:
            values = torch.stack(losses).tolist()  # the one wait for the device in an epoch
            self._record(prefix, sum(map(mul, values, sizes)) / sum(sizes), len(sizes))

    def _record(self, prefix: str, loss: float, n_batches: int) -> None:
        best = loss < self.least_.get(prefix, inf)
        if best:
            self.least_[prefix] = loss
        epoch = self.history[-1]
        epoch[f"{prefix}_loss"], epoch[f"{prefix}_loss_best"], epoch[f"{prefix}_batch_count"] = loss, best, n_batches

    def batch_weight(self, batch: Any) -> int:
        """Weight of a batch in the mean loss of an epoch: its rows."""
        return len(batch[1])

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, torch.Tensor]:
        X, y = batch
        first: dict[str, torch.Tensor] = {}
        if not self.module_.training:
            self._set_training(True)

        def closure() -> torch.Tensor:
            self.optimizer_.zero_grad()
            prediction = self.infer(X)
            loss = self.get_loss(prediction, y, training=True)
            loss.backward()
            if "on_grad_computed" in self.heard_:
                named = list(self.module_.named_parameters())
                self.notify("on_grad_computed", named_parameters=named, batch=batch, training=True)
            if not first:
                first.update(loss=loss, y_pred=prediction)
            return loss

        self.optimizer_.step(closure)
        return first

    def infer(self, x: Any, **fit_params: Any) -> torch.Tensor:
        return self.module_(**x) if isinstance(x, dict) else self.module_(x)  # already tensors on the device

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> torch.Tensor:
        return self.criterion_(y_pred, y_true)


def make_net(
    module: nn.Module,
    *,
    generator: torch.Generator,
    net_class: type[TensorNet] = TensorNet,
    optimizer: Any = "adam",
    lr: float = 1e-2,
    weight_decay: float = 0.0,
    max_epochs: int = 1,
    batch_size: int = -1,
    callbacks: Sequence[Any] | None = None,
    device: torch.device | str = "cpu",
    **settings: Any,
) -> TensorNet:
    """Build a silent net around `module`.

    Parameters
    ----------
    module : nn.Module
        Initialised module; the net moves it to `device`.
    generator : torch.Generator
        CPU generator that shuffles the batches.
    net_class : subclass of TensorNet
    optimizer : "adam" or a class of torch.optim
        ``"adam"`` is torch's Adam with fused steps.
    lr, weight_decay : float
    max_epochs : int
    batch_size : int
        -1 takes all rows at once.
    callbacks : sequence of skorch callbacks, optional
    device : torch.device or str
    **settings
        Passed on to the net.

    Raises
    ------
    ParameterError
        When `weight_decay` is positive and the optimiser has no such argument.
    """
    if isinstance(optimizer, str):
        optimizer, settings["optimizer__fused"] = torch.optim.Adam, True
    if weight_decay:
        if "weight_decay" not in signature(optimizer).parameters:
            raise ParameterError(
                f"weight_decay={weight_decay!r} was given, but optimizer={optimizer.__name__} has no weight decay. "
                "Pass weight_decay=0.0 or another optimizer."
            )
        settings["optimizer__weight_decay"] = weight_decay
    defaults = {
        "criterion": MeanSquaredError,
        "dataset": TensorTable,
        "dataset__device": device,
        "iterator_train": TensorBatches,
        "iterator_train__generator": generator,
        "iterator_valid": TensorBatches,
        "iterator_valid__batch_size": -1,
        "train_split": None,
        "verbose": 0,
    }
    return net_class(
        module,
        optimizer=optimizer,
        lr=lr,
        max_epochs=max_epochs,
        batch_size=batch_size,
        callbacks=list(callbacks or []),
        device=str(device),
        **(defaults | settings),
    )


def _overrides(callback: Any, event: str) -> bool:
    """Whether `callback` has an own method for `event`."""
    method = getattr(callback, event)
    return getattr(method, "__func__", method) is not getattr(Callback, event)
