"""Adversarial training of a part of a causal model: WGAN-GP with one critic for each data regime."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from modpart._torch.dcm.comparisons import Comparison
from modpart._torch.dcm.steps import StepNet, lowered, take
from modpart._torch.dcm.system import Draw, System
from modpart._torch.dcm.tables import Table

__all__ = ["AdversarialNet", "Rivals", "temperature"]

HOTTEST, COOLEST = 1.0, 0.3  # temperature of the relaxed states, at the start and from 70 % of the training on


def temperature(progress: float) -> float:
    """Temperature of relaxed states after this share of the training."""
    return max(COOLEST, HOTTEST - progress)


class Rivals(nn.Module):
    """The system that is trained, with what it is compared on.

    Parameters
    ----------
    system : System
        Whatever is not to be trained has no gradient.
    comparisons : sequence of Comparison or Table
        One for each regime.
    draw : Draw
    """

    def __init__(self, system: System, comparisons: Sequence[Comparison | Table], draw: Draw) -> None:
        super().__init__()
        self.system, self.comparisons, self.draw = system, list(comparisons), draw


class AdversarialNet(StepNet):
    """A skorch net with two sides: the system's mechanisms against one critic for each regime.

    Parameters
    ----------
    module : Rivals
    critics : nn.ModuleList
        One :class:`Critic` for each comparison.
    critic_iters : int
        Steps of the critics for each step of the mechanisms.
    gp_weight : float
    *args, **kwargs
        As for :class:`StepNet`.
    """

    def __init__(self, *args: Any, critics: Any, critic_iters: int, gp_weight: float, **kwargs: Any) -> None:
        self.critics, self.critic_iters, self.gp_weight = critics, critic_iters, gp_weight
        super().__init__(*args, **kwargs)

    def initialize_module(self) -> "AdversarialNet":
        super().initialize_module()
        self.critics_ = self.critics
        return self

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> "AdversarialNet":
        named = [(name, p) for name, p in self.module_.named_parameters() if p.requires_grad]
        for prefix, parameters in (("optimizer", named), ("critic_optimizer", list(self.critics_.named_parameters()))):
            groups, settings = self.get_params_for_optimizer("optimizer", parameters)
            settings["lr"] = self.lr
            setattr(self, f"{prefix}_", self.optimizer(*groups, **settings))
        return self

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, torch.Tensor]:
        progress = batch / self.n_steps
        lowered(self.optimizer_, self.lr, progress)
        lowered(self.critic_optimizer_, self.lr, progress)
        system, draw, heat = self.module_.system, self.module_.draw, temperature(progress)
        self.critics_.requires_grad_(True)
        critic_loss = self._criticise(heat)
        self.critics_.requires_grad_(False)
        loss = torch.zeros(())
        for comparison, critic in zip(self.module_.comparisons, self.critics_, strict=True):
            loss = loss - comparison.appeal(system, critic, self.batch_size, draw, heat)
        self.optimizer_.zero_grad()
        loss.backward()
        take(self, self.optimizer_, self.module_, batch)
        self.average(batch)
        return {"loss": critic_loss, "y_pred": loss}

    def _criticise(self, heat: float) -> torch.Tensor:
        """Train the critics; the mechanisms stand still meanwhile."""
        system, draw = self.module_.system, self.module_.draw
        with torch.no_grad():
            bouts = [
                comparison.bouts(system, self.critic_iters, self.batch_size, draw, heat)
                for comparison in self.module_.comparisons
            ]
        for step in zip(*bouts, strict=True):
            loss = torch.zeros(())
            for critic, bout in zip(self.critics_, step, strict=True):
                penalty = critic.penalty(bout.real, bout.fake, draw.uniform(len(bout.real[0])))
                loss = loss + bout.weights @ critic(bout.rows) + self.gp_weight * penalty
            self.critic_optimizer_.zero_grad()
            loss.backward()
            self.critic_optimizer_.step()
        return loss.detach()
