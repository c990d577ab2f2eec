"""Slots that learn side by side, none from the gradient of the next: local critics, and synthetic gradients."""

from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["Critics", "LocalChain", "SyntheticGradients", "own_gradients"]


class LocalChain(nn.Module):
    """A chain whose slots do not pass gradients on, and a companion for each hidden slot.

    In training its answer is the list of what each slot answers, the last one being that of the net; otherwise the
    last one alone.
    """

    def __init__(self, slots: Sequence[nn.Module], companions: Sequence[nn.Module]) -> None:
        super().__init__()
        self.slots, self.companions = nn.ModuleList(slots), nn.ModuleList(companions)
        self.inputs: list[torch.Tensor] = []

    def forward(self, X: torch.Tensor) -> list[torch.Tensor]:
        answers: list[torch.Tensor] = []
        self.inputs = []
        for slot in self.slots:
            X = (answers[-1] if answers else X).detach().requires_grad_(bool(answers))
            self.inputs.append(X)
            answers.append(slot(X))
        return answers


class _Local(nn.Module):
    """A criterion that knows the chain whose answers it judges (without owning its parameters)."""

    def __init__(self, chain: LocalChain, task: nn.Module) -> None:
        super().__init__()
        self.chain, self.task = [chain], task


class Critics(_Local):
    """Local critic training: a slot follows its critic's loss; a critic's loss follows that of the next critic.

    Lee, Hsieh & Lee (2022): the first part moves slots only, the second, |loss of a critic - loss of the next one|,
    critics only; the last slot has the loss of the task.
    """

    def forward(self, answers: list[torch.Tensor], target: torch.Tensor) -> torch.Tensor:
        chain = self.chain[0]
        total = last = self.task(answers[-1], target)
        goals = [self.task(critic(h.detach()), target) for critic, h in zip(chain.companions, answers, strict=False)]
        for critic, hidden in zip(chain.companions, answers, strict=False):
            still = {name: value.detach() for name, value in critic.named_parameters()}
            total = total + self.task(torch.func.functional_call(critic, still, (hidden,)), target)
        for own, following in zip(goals, [*goals[1:], last], strict=True):
            total = total + (own - following.detach()).abs()
        return total


def own_gradients(
    chain: LocalChain, answers: list[torch.Tensor], target: torch.Tensor, task: nn.Module, labels: torch.Tensor
) -> tuple[list[torch.Tensor], list[torch.Tensor], torch.Tensor]:
    """Surrogates of the hidden slots, the gradients that their companions are to predict, and the task's loss.

    The gradient of a surrogate, mean over rows of <answer, predicted gradient>, with respect to the slot's parameters
    is the one that back-propagation would give if the prediction were exact. Gradients are by row (times the rows of
    the batch), so that they do not shrink with it.
    """
    rows = len(target)
    last = task(answers[-1], target)
    guessed = [
        companion(torch.cat([hidden.detach().flatten(1), labels], 1)).reshape(hidden.shape)
        for companion, hidden in zip(chain.companions, answers, strict=False)
    ]
    local = [(hidden * g.detach()).sum() / rows for hidden, g in zip(answers, guessed, strict=False)]
    true = [
        torch.autograd.grad(following, inputs, retain_graph=True)[0] * rows
        for following, inputs in zip([*local[1:], last], chain.inputs[1:], strict=True)
    ]
    return local, [(g - t).square().sum() / rows for g, t in zip(guessed, true, strict=True)], last


class SyntheticGradients(_Local):
    """Decoupled neural interfaces: a companion predicts the loss's gradient at a slot's answer from it and the class.

    Jaderberg et al. (2017). Each companion is regressed on the gradient that the next slot has for its input, which
    rests on the next companion's prediction, and for the last one on the task's loss.
    """

    def __init__(self, chain: LocalChain, task: nn.Module, n_classes: int) -> None:
        super().__init__(chain, task)
        self.n_classes = n_classes

    def forward(self, answers: list[torch.Tensor], target: torch.Tensor) -> torch.Tensor:
        labels = nn.functional.one_hot(target[:, 0].long(), self.n_classes).to(answers[-1].dtype)
        local, errors, last = own_gradients(self.chain[0], answers, target, self.task, labels)
        return last + sum(local) + sum(errors)
