"""Losses of a phase: that of the task, that of a teacher, and those between the rows of a batch."""

from typing import Any

import torch
from torch import nn

from modpart._torch.nets import MeanSquaredError
from modpart._torch.schedule.proxies import PROXIES, KernelProxy

__all__ = ["Distillation", "SmoothCrossEntropy", "criterion_of", "task_loss"]


class SmoothCrossEntropy(nn.Module):
    """Cross entropy of logits with smoothed labels; the target is a column of class codes."""

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__()
        self.smoothing = smoothing

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Take (n, n_classes) and (n, 1)."""
        return nn.functional.cross_entropy(prediction, target[:, 0].long(), label_smoothing=self.smoothing)


class Distillation(nn.Module):
    """(1 - alpha) of the task's loss and alpha of the distance to a teacher, whose logits follow in the target.

    Soft: T^2 KL(teacher || student) of softmax(logits / T), by row ("batchmean") or by row and class ("mean"), as in
    the released code of m2mKD. Hard: cross entropy with the teacher's class. For numbers, squared error either way.
    """

    def __init__(self, task: nn.Module, alpha: float, temperature: float, reduction: str, hard: bool) -> None:
        super().__init__()
        self.task, self.alpha, self.temperature, self.reduction, self.hard = task, alpha, temperature, reduction, hard

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Take (n, n_outputs) and (n, n_columns + n_outputs)."""
        own, teacher = target[:, : -prediction.shape[1]], target[:, -prediction.shape[1] :]
        return (1.0 - self.alpha) * self.task(prediction, own) + self.alpha * self.distance(prediction, teacher)

    def distance(self, prediction: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Distance to the teacher's logits."""
        if isinstance(self.task, MeanSquaredError):
            return nn.functional.mse_loss(prediction, teacher)
        if self.hard:
            return nn.functional.cross_entropy(prediction, teacher.argmax(1))
        heat = self.temperature
        student, wise = (nn.functional.log_softmax(logits / heat, dim=1) for logits in (prediction, teacher))
        kl = nn.functional.kl_div(student, wise, log_target=True, reduction="sum")
        return heat**2 * kl / (len(teacher) if self.reduction == "batchmean" else teacher.numel())


def task_loss(classes: bool, smoothing: float) -> nn.Module:
    """Cross entropy, or the mean squared error."""
    return SmoothCrossEntropy(smoothing) if classes else MeanSquaredError()


def criterion_of(loss: str, options: dict[str, Any], task: nn.Module) -> nn.Module:
    """The criterion that a phase asks for by name."""
    if loss in PROXIES:
        return KernelProxy(loss)
    return Distillation(task, **options) if loss == "distillation" else task
