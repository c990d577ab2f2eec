"""Likelihood of what hidden causes tie together, summed exactly over the states of those causes.

Where no tensor is involved the law of the variables H of a c-component, given their parents, is

    Q[H] = sum over states u of  prod over hidden causes c of P(u_c)  times  prod over v in H of P(v | parents, u),

and the likelihood of the data is the product of the Q's: each can be maximised alone, in any order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import torch
from torch import nn

from modpart._torch.dcm.mechanisms import Quantiles
from modpart._torch.dcm.nodes import DISCRETE, TENSOR
from modpart._torch.dcm.system import Draw, System, features
from modpart._torch.state import from_numpy

__all__ = ["Evidence", "Likelihood", "log_likelihood", "log_probability"]

Factor = tuple[tuple[int, ...], torch.Tensor]  # hidden causes, and numbers of shape (n, states of each)
CELLS = 2_000_000  # numbers up to which one step takes all different rows


def log_probability(
    system: System, name: str, values: dict[str, torch.Tensor], rows: torch.Tensor | None = None
) -> torch.Tensor:
    """Log probability (density of a number) of a column in each row, for all states of its hidden causes.

    `rows` says which row of the values of the parents belongs to each value of the column, None that they are aligned.
    """
    node = system.nodes[name]
    kind = next(system.parameters(), torch.zeros(())).dtype
    parents = [features(system.known[parent], values[parent]).to(kind) for parent in node.parents]
    count = len(parents[0]) if parents else 1
    law = system.grid(name, parents, count)
    value = values[name]
    if node.kind == DISCRETE:
        law = law.log_softmax(-1)
    if rows is not None:
        law = law[rows]
    law = law.expand(len(value), *law.shape[1:])
    index = value.reshape(-1, *[1] * (law.ndim - 2)).expand(law.shape[:-1])
    if node.kind == DISCRETE:
        return law.gather(-1, index[..., None])[..., 0]
    return Quantiles(law).log_density(index)


def log_likelihood(system: System, factors: Sequence[Factor]) -> torch.Tensor:
    """Log of the sum over all hidden states of the product of the factors and of the priors, (n,).

    Hidden causes are summed out one after another, the one that ties the smallest table first.
    """
    causes = {cause for axes, _ in factors for cause in axes}
    waiting = list(factors) + [((cause,), system.prior(cause).log_softmax(0)[None]) for cause in causes]
    size = {cause: len(system.prior(cause)) for cause in causes}

    def joint(cause: int) -> tuple[int, ...]:
        return tuple(sorted({other for axes, _ in waiting if cause in axes for other in axes}))

    while causes:
        cause = min(causes, key=lambda c: (np.prod([size[other] for other in joint(c)]), c))
        axes = joint(cause)
        together = reduce(add, (_spread(factor, axes) for factor in waiting if cause in factor[0]))
        waiting = [factor for factor in waiting if cause not in factor[0]]
        left = tuple(other for other in axes if other != cause)
        waiting.append((left, together.logsumexp(1 + axes.index(cause))))
        causes.remove(cause)
    return reduce(add, (table for _, table in waiting))


def _spread(factor: Factor, axes: tuple[int, ...]) -> torch.Tensor:
    """The factor's table with one axis for each of `axes`, of length one where it does not depend on it."""
    own, table = factor
    sizes = iter(table.shape[1:])
    return table.reshape(len(table), *[next(sizes) if axis in own else 1 for axis in axes])


@dataclass
class Evidence:
    """Different rows of one data set, how often each occurs, and what each variable of the component depends on there.

    Parameters
    ----------
    names : sequence of str
        Variables of the component that this data set leaves free.
    values : dict of str to tensor
        Values of these and of their parents in the different rows.
    weight : tensor of shape (n_rows,)
        Share of each row among the rows of all data sets.
    own : dict of str to (dict of str to tensor, tensor)
        For each variable the different values of its parents, and which of them each row has; empty when one of them
        is a tensor, which no two rows share.
    """

    names: Sequence[str]
    values: dict[str, torch.Tensor]
    weight: torch.Tensor
    own: dict[str, tuple[dict[str, torch.Tensor], torch.Tensor]]

    @classmethod
    def of(cls, system: System, names: Sequence[str], table: Mapping[str, np.ndarray], share: float) -> "Evidence":
        """Count the rows of a table of values."""
        needed = sorted({name for v in names for name in (v, *system.nodes[v].parents)})
        if any(system.known[name].kind == TENSOR for name in needed):
            whole = {name: _values(system, name, table[name]) for name in needed}
            count = len(whole[names[0]])
            return cls(names, whole, torch.full((count,), share / count), {})
        stacked = np.stack([np.asarray(table[name], np.float64) for name in needed], axis=1)
        rows, counts = np.unique(stacked, axis=0, return_counts=True)
        column = {name: rows[:, i] for i, name in enumerate(needed)}
        own = {}
        for v in names:
            parents = list(system.nodes[v].parents)
            part = np.stack([column[p] for p in parents], 1) if parents else np.zeros((len(rows), 1))
            different, which = np.unique(part, axis=0, return_inverse=True)
            values = {p: _values(system, p, different[:, i]) for i, p in enumerate(parents)}
            own[v] = (values, torch.from_numpy(which.reshape(-1)))
        values = {name: _values(system, name, column[name]) for name in needed}
        return cls(names, values, from_numpy(share * counts / counts.sum(), np.float32), own)

    @classmethod
    def rows_of(
        cls, system: System, names: Sequence[str], table: Mapping[str, np.ndarray]
    ) -> tuple["Evidence", torch.Tensor]:
        """The different rows of a table, and which of them each row of the table is."""
        needed = sorted({name for v in names for name in (v, *system.nodes[v].parents)})
        stacked = np.stack([table[name] for name in needed], axis=1)
        rows, which = np.unique(stacked, axis=0, return_inverse=True)
        different = dict(zip(needed, rows.T, strict=True))
        return cls.of(system, names, different, 1.0), torch.from_numpy(which.reshape(-1))

    def factors(self, system: System) -> list[Factor]:
        """Log probability of each variable in every row, for all states of its hidden causes."""
        found = []
        for v in self.names:
            values, rows = self.own[v]
            table = log_probability(system, v, {**values, v: self.values[v]}, rows)
            found.append((system.nodes[v].causes, table))
        return found

    def to(self, device: torch.device | str) -> "Evidence":
        """The same on another device."""
        own = {
            v: ({name: x.to(device) for name, x in values.items()}, which.to(device))
            for v, (values, which) in self.own.items()
        }
        return Evidence(
            self.names, {name: x.to(device) for name, x in self.values.items()}, self.weight.to(device), own
        )


def _values(system: System, name: str, column: np.ndarray) -> torch.Tensor:
    return from_numpy(column, np.int64 if system.known[name].kind == DISCRETE else np.float32)


class Likelihood(nn.Module):
    """Minus the mean log likelihood of a component over its data sets.

    All different rows are used in every step while their tables stay small, and a random part of them otherwise.

    Parameters
    ----------
    system : System
    evidence : sequence of Evidence
        One for each data set.
    draw : Draw
    batch_size : int
        Rows of a step where all together are too many.
    """

    def __init__(self, system: System, evidence: Sequence[Evidence], draw: Draw, batch_size: int) -> None:
        super().__init__()
        self.system, self.evidence, self.draw = system, list(evidence), draw
        self.batch_size = batch_size
        states = dict(zip(system.causes, map(len, system.priors), strict=True))
        self.whole = [bool(part.own) and self._cells(part, states) <= CELLS for part in self.evidence]

    def _cells(self, part: Evidence, states: dict[int, int]) -> int:
        """Numbers that a step on all rows of a data set would hold."""
        cells = 0
        for v in part.names:
            combinations = int(np.prod([states[cause] for cause in self.system.nodes[v].causes]))
            different = max([1, *map(len, part.own[v][0].values())])
            cells += combinations * (64 * different + len(part.weight))
        return cells

    def loss(self, progress: float) -> torch.Tensor:
        """Minus the mean log likelihood of a row."""
        return -reduce(add, (self._mean(part, whole) for part, whole in zip(self.evidence, self.whole, strict=True)))

    def _mean(self, part: Evidence, whole: bool) -> torch.Tensor:
        if whole:
            return part.weight @ log_likelihood(self.system, part.factors(self.system))
        chosen = self.draw.choice(part.weight, self.batch_size)
        values = {name: x[chosen] for name, x in part.values.items()}
        factors = [(self.system.nodes[v].causes, log_probability(self.system, v, values)) for v in part.names]
        return part.weight.sum() * log_likelihood(self.system, factors).mean()
