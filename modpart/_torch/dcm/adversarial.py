"""Adversarial training of a part of a causal model: WGAN-GP with one critic for each data regime."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from modpart._torch.dcm.steps import StepNet, lowered, take
from modpart._torch.dcm.system import Draw, System

__all__ = ["AdversarialNet", "Comparison", "Rivals"]

HOTTEST, COOLEST = 1.0, 0.3  # temperature of the relaxed states, at the start and from 70 % of the training on


@dataclass(frozen=True)
class Comparison:
    """What one data set compares: rows of `given` and `drawn` variables, the former fed to the model as they are.

    Parameters
    ----------
    rows : mapping of str to tensor
        Features of each variable of the data set.
    given, drawn : tuple of str
        `drawn` in causal order.
    """

    rows: Mapping[str, torch.Tensor]
    given: tuple[str, ...]
    drawn: tuple[str, ...]

    def real(self, count: int, draw: Draw) -> dict[str, torch.Tensor]:
        """`count` rows drawn with replacement."""
        total = len(self.rows[self.drawn[0]])
        chosen = draw.rows(total, count)
        return {name: self.rows[name][chosen] for name in (*self.given, *self.drawn)}


class Rivals(nn.Module):
    """The system that is trained, with what it is compared on.

    Parameters
    ----------
    system : System
        Whatever is not to be trained has no gradient.
    comparisons : sequence of Comparison
        One for each regime.
    draw : Draw
    """

    def __init__(self, system: System, comparisons: Sequence[Comparison], draw: Draw) -> None:
        super().__init__()
        self.system, self.comparisons, self.draw = system, list(comparisons), draw

    def fake(self, comparison: Comparison, real: Mapping[str, torch.Tensor], temperature: float) -> dict[str, Any]:
        """Generated rows with the given variables of the real ones."""
        given = {name: real[name] for name in comparison.given}
        count = len(real[comparison.drawn[0]])
        return self.system.relaxed(comparison.drawn, given, count, self.draw, temperature)


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
        temperature = max(COOLEST, HOTTEST - progress)
        lowered(self.optimizer_, self.lr, progress)
        lowered(self.critic_optimizer_, self.lr, progress)
        self.critics_.requires_grad_(True)
        critic_loss = self._criticise(temperature)
        self.critics_.requires_grad_(False)
        loss = torch.zeros(())
        for comparison, critic in zip(self.module_.comparisons, self.critics_, strict=True):
            real = comparison.real(self.batch_size, self.module_.draw)
            fake = self.module_.fake(comparison, real, temperature)
            loss = loss - critic([fake[name] for name in real]).mean()
        self.optimizer_.zero_grad()
        loss.backward()
        take(self, self.optimizer_, self.module_, batch)
        self.average(batch)
        return {"loss": critic_loss, "y_pred": loss}

    def _criticise(self, temperature: float) -> torch.Tensor:
        """Train the critics; the mechanisms stand still, so all their rows are generated at once."""
        size, draw = self.batch_size, self.module_.draw
        pairs = []
        with torch.no_grad():
            for comparison in self.module_.comparisons:
                real = comparison.real(size * self.critic_iters, draw)
                fake = self.module_.fake(comparison, real, temperature)
                pairs.append(([real[name] for name in real], [fake[name] for name in real]))
        for k in range(self.critic_iters):
            rows = slice(k * size, (k + 1) * size)
            loss = torch.zeros(())
            for critic, (real, fake) in zip(self.critics_, pairs, strict=True):
                a, b = [x[rows] for x in real], [x[rows] for x in fake]
                penalty = critic.penalty(a, b, draw.uniform(size))
                scores = critic([torch.cat(both) for both in zip(a, b, strict=True)])
                loss = loss + scores[size:].mean() - scores[:size].mean() + self.gp_weight * penalty
            self.critic_optimizer_.zero_grad()
            loss.backward()
            self.critic_optimizer_.step()
        return loss.detach()
