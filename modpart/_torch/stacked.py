"""K equal experts trained together, each on its own rows, through one skorch net."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
import torch
from torch import nn

from modpart._torch.blocks import StackedMLP
from modpart._torch.device import resolve_device
from modpart._torch.grouped import GroupedBatches, GroupedTable
from modpart._torch.init import new_generator
from modpart._torch.nets import TensorNet, make_net
from modpart._torch.state import from_numpy
from modpart._utils.parallel import one_thread
from modpart.exceptions import ParameterError

__all__ = ["GroupedNet", "GroupedSquaredError", "StackedTrainer"]


class GroupedSquaredError(nn.Module):
    """Sum over experts of the weighted mean squared error on their own rows."""

    def forward(self, prediction: torch.Tensor, target: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Take predictions (A, B, n_outputs) and (targets of that shape, weights (A, B, 1))."""
        y, weights = target
        return (weights / y.shape[2] * nn.functional.mse_loss(prediction, y, reduction="none")).sum()


class GroupedNet(TensorNet):
    """Records the mean loss per expert, where the gradient is that of the sum over experts."""

    def batch_weight(self, batch: Any) -> int:
        return len(batch[0]["experts"])

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, torch.Tensor]:
        step = super().train_step(batch, **fit_params)
        step["loss"] = step["loss"].detach() / self.batch_weight(batch)
        return step


class StackedTrainer:
    """Train K feed-forward experts of equal shape at once, each on the rows that it owns.

    A call of :meth:`train` is the same as K separate trainings, only faster: the experts share batched products but
    neither parameters nor optimiser state. Experts can be added and removed between calls, and a trial can be undone.
    A new trainer has no experts: call :meth:`grow` first.

    Parameters
    ----------
    n_features : int
    hidden_layer_sizes : sequence of int
        Widths of the hidden layers; empty for linear experts.
    n_outputs : int or None
        Columns of the target, None for a 1-d one.
    seed : int
        Seed of the one generator that initial weights and batches are drawn from.
    activation : {"tanh", "relu"}
    optimizer : "adam" or a class of torch.optim that keeps its state by parameter
    lr, weight_decay : float
    batch_size : int or None
        Rows per expert and step, None for all rows of the expert.
    callbacks : sequence of skorch callbacks, optional
    device : {"auto", "cpu", "cuda"}

    Notes
    -----
    An epoch costs the rows of all experts once, plus padding of at most about 2048 rows a step. Data are expected to be
    standardised.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> y, labels = np.abs(X[:, 0]), (X[:, 0] > 0).astype(int)
    >>> trainer = StackedTrainer(1, (), seed=0, lr=0.1)
    >>> trainer.grow(2)
    >>> trainer.train(X, y, labels, epochs=300)
    >>> np.round(trainer.predict_all([[0.5]]), 2)
    array([[-0.5,  0.5]])
    """

    def __init__(
        self,
        n_features: int,
        hidden_layer_sizes: Sequence[int] = (16, 16),
        *,
        n_outputs: int | None = None,
        seed: int,
        activation: str = "tanh",
        optimizer: Any = "adam",
        lr: float = 1e-2,
        weight_decay: float = 0.0,
        batch_size: int | None = None,
        callbacks: Sequence[Any] | None = None,
        device: str = "cpu",
    ) -> None:
        if isinstance(optimizer, type) and issubclass(optimizer, torch.optim.LBFGS):
            raise ParameterError(
                "optimizer=LBFGS keeps one state for all experts together. Pass 'adam' or another torch.optim class."
            )
        self._device, self._n_outputs = resolve_device(device), n_outputs
        self._generator = new_generator(seed)
        self._module = StackedMLP([n_features, *hidden_layer_sizes, n_outputs or 1], activation)
        self._net = make_net(
            self._module,
            net_class=GroupedNet,
            criterion=GroupedSquaredError,
            generator=self._generator,
            iterator_train=GroupedBatches,
            optimizer=optimizer,
            lr=lr,
            weight_decay=weight_decay,
            batch_size=-1 if batch_size is None else batch_size,
            callbacks=callbacks,
            device=self._device,
        )

    @property
    def n_experts(self) -> int:
        """Number of experts now."""
        return len(self._module)

    @property
    def history(self) -> list[dict[str, Any]]:
        """One dict per epoch trained so far; ``"train_loss"`` is the mean over the experts of their mean losses."""
        return self._net.history_ or []

    def grow(self, n_new: int) -> None:
        """Add `n_new` experts with fresh weights and no optimiser state; the others keep theirs."""
        with one_thread():
            drawn = [self._module.draw(self._generator).to(self._device) for _ in range(n_new)]
            experts = list(self._module.experts)
            self._seat([*experts, *drawn], experts)

    def drop(self, index: int) -> None:
        """Remove one expert; those after it move down by one, all with their weights and optimiser state."""
        if not 0 <= index < self.n_experts or self.n_experts == 1:
            raise ParameterError(
                f"There are {self.n_experts} experts, so expert {index!r} cannot be dropped. "
                "Pass an index from 0 to n_experts - 1, and keep at least one expert."
            )
        experts = list(self._module.experts)
        self._net.optimizer_.state.pop(experts.pop(index), None)
        self._seat(experts, experts)

    def train(
        self, X: np.ndarray, y: np.ndarray, labels: np.ndarray, epochs: int, weight: np.ndarray | None = None
    ) -> None:
        """Train each expert for some epochs on the rows that carry its index as label.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
        y : array-like of shape (n,) or (n, n_outputs)
        labels : array-like of int, shape (n,)
            Rows with a label outside 0..n_experts-1 train nobody; an expert without rows stays as it is.
        epochs : int
            Passes over the rows; with full batches, the number of steps.
        weight : array-like of shape (n,), optional
            Weights of the rows.

        Raises
        ------
        ParameterError
            When the loss or the weights are no longer finite afterwards.
        """
        with one_thread():
            table = GroupedTable(X, y, labels, self.n_experts, self._device, weight=weight)
            if len(table):
                self._net.partial_fit(table, epochs=epochs)
                self._check_finite()

    def _check_finite(self) -> None:
        weights = torch.stack(list(self._module.experts))
        if not (isfinite(self.history[-1]["train_loss"]) and bool(weights.isfinite().all())):
            raise ParameterError(
                f"Stacked networks: training diverged with lr={self._net.lr!r}: the loss or the weights are no longer "
                f"finite after {len(self.history)} epochs. Lower lr."
            )

    def predict_all(self, X: np.ndarray) -> np.ndarray:
        """Return the predictions of all experts for all rows, float64 (n, n_experts) or (n, n_experts, n_outputs)."""
        with one_thread():
            rows = from_numpy(X, np.float32).to(self._device)
            predictions = self._module.predict_all(rows).cpu().numpy().astype(np.float64)
            return predictions[:, :, 0] if self._n_outputs is None else predictions

    def expert_state(self, index: int) -> dict[str, Any]:
        """Return the ``coefs`` (inputs, outputs) and ``intercepts`` (outputs,) of one expert, float32 by layer.

        With them comes the ``loss_curve``: the mean loss of the experts by epoch, over all calls of :meth:`train`.
        """
        flat = self._module.experts[index].detach().unsqueeze(0)
        layers = [(weight[0].cpu().numpy(), bias[0, 0].cpu().numpy()) for weight, bias in self._module.layers(flat)]
        coefs, intercepts = zip(*layers, strict=True)
        return {
            "coefs": [coef.copy() for coef in coefs],
            "intercepts": [intercept.copy() for intercept in intercepts],
            "loss_curve": np.array([epoch["train_loss"] for epoch in self.history]),
        }

    def copy_state(self) -> dict[str, Any]:
        """Snapshot all experts and their optimiser state as numpy arrays, for :meth:`load_state`."""
        state = self._net.optimizer_.state_dict()["state"]
        return {
            "experts": [expert.detach().cpu().numpy().copy() for expert in self._module.experts],
            "optimizer": {index: {key: _frozen(value) for key, value in of.items()} for index, of in state.items()},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to a snapshot: its number of experts, their weights and their optimiser state.

        The random generator is not turned back: a second trial draws new weights and batches.
        """
        self._seat([from_numpy(expert).to(self._device) for expert in state["experts"]])
        thawed = {index: {key: _thawed(value) for key, value in of.items()} for index, of in state["optimizer"].items()}
        self._net.optimizer_.state.clear()
        groups = self._net.optimizer_.state_dict()["param_groups"]
        self._net.optimizer_.load_state_dict({"state": thawed, "param_groups": groups})

    def _seat(self, weights: Sequence[torch.Tensor], parameters: Sequence[nn.Parameter] = ()) -> None:
        """Make these the experts, in the module and in the optimiser."""
        self._module.seat(weights, parameters)
        if self._net.initialized_:
            self._net.optimizer_.param_groups[0]["params"] = list(self._module.experts)
        else:
            self._net.initialize()


def _frozen(value: Any) -> Any:
    return value.detach().cpu().numpy().copy() if isinstance(value, torch.Tensor) else value


def _thawed(value: Any) -> Any:
    return from_numpy(value) if isinstance(value, np.ndarray) else value
