"""Comparisons of discrete columns by their whole table: every combination of states with its probability.

Where the columns of a module have few states together, what the model says of each combination is a finite sum, and so
is every expectation of the training: nothing has to be sampled, and the gradient has neither bias nor noise.
"""

from collections.abc import Collection, Mapping, Sequence
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
SET = 0.5  # share of the rows in which the context is drawn by itself
FEW = 30  # rows with which a combination counts half as it should there and half as in the data


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

    What is drawn but tied to nothing that is learned, the context, is taken from the data rather than from its own
    mechanisms, whose errors would pass into what is learned here. Where the context follows closely from other
    variables some of its combinations with them are rare, and yet an intervention asks about just these. So in both
    laws the context is drawn half the time as in the data, and half the time by itself, as if it were set. A
    combination of few rows stays as in the data, for they tell little.

    Parameters
    ----------
    system : System
    values : mapping of str to ndarray
        Columns of states.
    given, drawn : sequence of str
        `drawn` in causal order.
    learn : collection of str, default=None
        Those of `drawn` that are learned; None stands for all.
    """

    def __init__(
        self,
        system: System,
        values: Mapping[str, np.ndarray],
        given: Sequence[str],
        drawn: Sequence[str],
        learn: Collection[str] | None = None,
    ) -> None:
        names = [*given, *drawn]
        known = _different(values, given)
        sizes = [system.known[name].size for name in drawn]
        every = np.indices(sizes).reshape(len(sizes), -1).T
        cells = dict(
            zip(names, np.hstack([known.repeat(len(every), 0), np.tile(every, (len(known), 1))]).T, strict=True)
        )
        counts = _counts(values, given, drawn, (len(known), *sizes))
        tied = _tied(system, drawn, drawn if learn is None else learn)
        context, lift = _context(counts, [name not in tied for name in drawn])
        share = counts / counts.sum()
        law = share.sum(tuple(range(1, share.ndim)), keepdims=True) * context
        self.real = torch.from_numpy((share * lift).ravel()).float()
        self.base = torch.from_numpy(np.broadcast_to(law, counts.shape).ravel()).float()
        self.evidence, self.which = Evidence.rows_of(system, [name for name in drawn if name in tied], cells)
        self.rows = [features(system.known[name], torch.from_numpy(cells[name])) for name in names]

    def to(self, device: torch.device | str) -> "Table":
        """The same on another device."""
        self.evidence = self.evidence.to(device)
        self.real, self.base, self.which = self.real.to(device), self.base.to(device), self.which.to(device)
        self.rows = [x.to(device) for x in self.rows]
        return self

    def fake(self, system: System) -> torch.Tensor:
        """Probability (n_cells,) of each combination in the model, with given columns and context as in the data."""
        return self.base * log_likelihood(system, self.evidence.factors(system)).exp()[self.which]

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


def _counts(
    values: Mapping[str, np.ndarray], given: Sequence[str], drawn: Sequence[str], shape: tuple[int, ...]
) -> np.ndarray:
    """Rows of each combination: an axis for all given columns together, and one for each drawn column."""
    columns = [np.asarray(values[name], np.int64) for name in drawn]
    group = np.zeros(len(columns[0]), np.int64)
    if given:
        stacked = np.stack([np.asarray(values[name], np.int64) for name in given], 1)
        group = np.unique(stacked, axis=0, return_inverse=True)[1].reshape(-1)
    place = np.ravel_multi_index((group, *columns), shape)
    return np.bincount(place, minlength=prod(shape)).reshape(shape).astype(np.float64)


def _tied(system: System, drawn: Sequence[str], learn: Collection[str]) -> set[str]:
    """What is learned, and what hidden causes tie to it."""
    tied: set[str] = set()
    more = {name for name in drawn if name in learn}
    while more:
        tied |= more
        causes = {cause for name in more for cause in system.nodes[name].causes}
        more = {name for name in drawn if name not in tied and causes & set(system.nodes[name].causes)}
    return tied


def _context(counts: np.ndarray, fixed: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Law of the context beside everything before it, and what it is as a multiple of that in the data.

    By Tian's lemma the factor of the context is the product of the laws of its variables given all before them. Each of
    these is mixed with the law of the variable given the context before it alone.
    """
    law, lift = np.ones([1] * counts.ndim), np.ones([1] * counts.ndim)
    for axis in [i for i, is_fixed in enumerate(fixed, 1) if is_fixed]:
        rows = counts.sum(tuple(range(axis + 1, counts.ndim)), keepdims=True)
        others = tuple(i for i in range(1, axis) if not fixed[i - 1])
        alone = _shares(rows.sum(others, keepdims=True), axis, 1.0 / rows.shape[axis])
        own = _shares(rows, axis, 0.0)
        sure = rows**2 / (rows**2 + FEW**2)
        wanted = _shares(sure * alone + (1.0 - sure) * own, axis, 0.0)
        mixed = (1.0 - SET) * own + SET * wanted
        law = law * np.where(rows.sum(axis, keepdims=True) > 0, mixed, alone)
        lift = lift * np.divide(mixed, own, out=np.zeros_like(mixed), where=own > 0)
    return law, lift


def _shares(rows: np.ndarray, axis: int, empty: float) -> np.ndarray:
    """Rows as shares of their sum along an axis; `empty` where that is nothing."""
    total = rows.sum(axis, keepdims=True)
    return np.divide(rows, total, out=np.full(rows.shape, empty), where=total > 0)
