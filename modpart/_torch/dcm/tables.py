"""Comparisons of discrete columns by their whole table: every combination of states with its probability.

Where the columns of a module have few states together, what the model says of each combination is a finite sum, and so
is every expectation of the training: nothing has to be sampled, and the gradient has neither bias nor noise.
"""

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
import torch

from modpart._torch.dcm.comparisons import Bout
from modpart._torch.dcm.critics import Critic
from modpart._torch.dcm.likelihood import Evidence, log_likelihood
from modpart._torch.dcm.nodes import DISCRETE
from modpart._torch.dcm.system import Draw, System, features

__all__ = ["Table", "fits_a_table"]

CELLS = 8192  # combinations of states, at most
PAIRS = 128  # rows between which a critic's slope is measured in one step
NUMBERS = 500_000  # that a variable's probabilities for all combinations and hidden states may take


def fits_a_table(system: System, values: Mapping[str, np.ndarray], given: Sequence[str], drawn: Sequence[str]) -> bool:
    """Whether all columns are discrete, with few enough combinations of what is drawn and what was given."""
    if any(system.known[name].kind != DISCRETE for name in (*given, *drawn)):
        return False
    cells = prod(system.known[name].size for name in drawn)
    if cells > CELLS:
        return False
    cells *= len(_different(values, given))
    widest = max(prod(len(system.prior(cause)) for cause in system.nodes[name].causes) for name in drawn)
    return cells <= CELLS and cells * widest <= NUMBERS


def _different(values: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Different rows of some columns; one row without columns when there are none."""
    if not names:
        return np.zeros((1, 0), np.int64)
    return np.unique(np.stack([np.asarray(values[name], np.int64) for name in names], 1), axis=0)


class Table:
    """All combinations of what was given and what may be drawn, with their share in the data.

    Parameters
    ----------
    system : System
    values : mapping of str to ndarray
        Columns of states.
    given, drawn : sequence of str
        `drawn` in causal order.
    """

    def __init__(
        self, system: System, values: Mapping[str, np.ndarray], given: Sequence[str], drawn: Sequence[str]
    ) -> None:
        names = [*given, *drawn]
        real = np.stack([np.asarray(values[name], np.int64) for name in names], 1)
        known = _different(values, given)
        sizes = [system.known[name].size for name in drawn]
        every = np.indices(sizes).reshape(len(sizes), -1).T
        cells = np.hstack([known.repeat(len(every), 0), np.tile(every, (len(known), 1))])
        both = dict(zip(names, np.vstack([cells, real]).T, strict=True))  # so that each combination occurs once more
        self.evidence = Evidence.of(system, drawn, both, 1.0)
        counts = (self.evidence.weight.double() * len(both[names[0]])).round() - 1
        self.real = (counts / len(real)).float()
        states = [self.evidence.values[name] for name in given]
        group = torch.zeros(len(self.real), dtype=torch.int64)
        for name, state in zip(given, states, strict=True):
            group = group * system.known[name].size + state
        _, group = group.unique(return_inverse=True)
        self.given = torch.zeros(len(known)).index_add_(0, group, self.real)[group]
        self.rows = [features(system.known[name], self.evidence.values[name]) for name in names]

    def to(self, device: torch.device | str) -> "Table":
        """The same on another device."""
        self.evidence = self.evidence.to(device)
        self.real, self.given = self.real.to(device), self.given.to(device)
        self.rows = [x.to(device) for x in self.rows]
        return self

    def fake(self, system: System) -> torch.Tensor:
        """Probability (n_cells,) of each combination in the model, with the given columns as in the data."""
        return self.given * log_likelihood(system, self.evidence.factors(system)).exp()

    def bouts(self, system: System, count: int, size: int, draw: Draw, temperature: float) -> list[Bout]:
        """What a critic learns from in `count` steps: all combinations, and pairs of rows drawn from them."""
        fake = self.fake(system)
        weights = fake - self.real
        pairs = [draw.choice(law, count * PAIRS).split(PAIRS) for law in (self.real, fake)]
        return [
            Bout(self.rows, weights, [x[a] for x in self.rows], [x[b] for x in self.rows])
            for a, b in zip(*pairs, strict=True)
        ]

    def appeal(self, system: System, critic: Critic, size: int, draw: Draw, temperature: float) -> torch.Tensor:
        """Mean score of what the model generates."""
        with torch.no_grad():
            scores = critic(self.rows)
        return self.fake(system) @ scores
