"""What a data set is compared on: its rows beside rows that the model generates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from modpart._torch.dcm.critics import Critic
from modpart._torch.dcm.system import Draw, System

__all__ = ["Bout", "Comparison"]

Rows = Sequence[torch.Tensor]  # features of each variable


@dataclass(frozen=True)
class Bout:
    """What a critic sees in one step.

    Parameters
    ----------
    rows : sequence of tensor
        Features of each variable, in rows.
    weights : tensor of shape (n_rows,)
        What the model says of a row's probability minus what the data say.
    real, fake : sequence of tensor
        Rows between which the critic pays for its slope.
    """

    rows: Rows
    weights: torch.Tensor
    real: Rows
    fake: Rows


@dataclass(frozen=True)
class Comparison:
    """Rows of `given` and `drawn` variables, the former fed to the model as they are; compared by samples of both.

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

    def fake(self, system: System, real: Mapping[str, torch.Tensor], draw: Draw, temperature: float) -> dict[str, Any]:
        """Generated rows with the given variables of the real ones."""
        given = {name: real[name] for name in self.given}
        return system.relaxed(self.drawn, given, len(real[self.drawn[0]]), draw, temperature)

    def bouts(self, system: System, count: int, size: int, draw: Draw, temperature: float) -> list[Bout]:
        """Rows for `count` steps of a critic; all are generated at once."""
        real = self.real(size * count, draw)
        fake = self.fake(system, real, draw, temperature)
        weights = torch.full((2 * size,), 1.0 / size, device=draw.device)
        weights[:size] *= -1.0
        found = []
        for k in range(count):
            part = slice(k * size, (k + 1) * size)
            a, b = [real[name][part] for name in real], [fake[name][part] for name in real]
            found.append(Bout([torch.cat(both) for both in zip(a, b, strict=True)], weights, a, b))
        return found

    def appeal(self, system: System, critic: Critic, size: int, draw: Draw, temperature: float) -> torch.Tensor:
        """Mean score of what the model generates."""
        real = self.real(size, draw)
        fake = self.fake(system, real, draw, temperature)
        return critic([fake[name] for name in real]).mean()
