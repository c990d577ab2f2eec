"""What joining two cells would gain in evidence, weighed only where a bound leaves it open."""

import numpy as np

from modpart.partition._evidence.evidence import Stats, averaged, ceiling, model_evidences

__all__ = ["Joints"]

PAIRS = 16  # weighed at a time

Pair = tuple[int, int]


class Joints:
    """Pairs of cells by what their joining gains; the gain of a pair is a bound until the pair is among the best.

    Rows that are added to a cell raise its evidence under a model at most as if they were predicted exactly. So the
    evidence of any part bounds that of the whole, model by model, and a pair that cannot be the best is not weighed.
    What is returned is what weighing every pair would return.

    Parameters
    ----------
    stats : Stats
        Statistics of the cells; joined cells are added up in place.
    evidences : ndarray of shape (n_cells, n_outputs, n_models)
        Log evidence of every cell under every model.
    s2 : ndarray of shape (n_outputs,)
        Noise variance.
    """

    def __init__(self, stats: Stats, evidences: np.ndarray, s2: np.ndarray) -> None:
        self.stats, self.s2 = stats, s2
        self._cells = evidences.copy()
        self._exact = ceiling(stats.counts, s2)[:, :, None]
        self._pairs: dict[Pair, np.ndarray] = {}  # evidence of a pair under every model, or a bound
        self._parts: dict[Pair, tuple[np.ndarray, np.ndarray]] = {}  # the same of joined cells with the others
        self._rest: dict[Pair, float] = {}  # what the gain holds beside the evidence of the pair
        self._gains: dict[Pair, float] = {}
        self._open: set[Pair] = set()

    def enter(self, others: dict[Pair, float]) -> None:
        """Let pairs compete, given what joining each of them gains beside the evidence."""
        alone = averaged(list(self._cells.swapaxes(0, 1)))
        for (a, b), other in others.items():
            bounds = [self._cells[a] + self._exact[b], self._cells[b] + self._exact[a], *self._parts.get((a, b), ())]
            self._pairs[a, b] = np.min(bounds, axis=0)
            self._rest[a, b] = other - alone[a] - alone[b]
            self._gains[a, b] = float(averaged(list(self._pairs[a, b]))) + self._rest[a, b]
        self._open |= set(others)

    def best(self, least: float) -> tuple[Pair, float]:
        """The pair that gains most, and its gain; a bound below `least` where no pair gains more than that."""
        while True:
            pair = max(self._gains, key=self._gains.__getitem__)
            if pair not in self._open or self._gains[pair] <= least:
                return pair, self._gains[pair]
            known = max((gain for other, gain in self._gains.items() if other not in self._open), default=-np.inf)
            hopeful = [other for other in self._open if self._gains[other] >= max(known, least)]
            self._weigh(sorted(hopeful, key=lambda other: (-self._gains[other], other))[:PAIRS])

    def _weigh(self, pairs: list[Pair]) -> None:
        first, second = np.array(pairs).T
        outputs = (self.stats[first] + self.stats[second]).outputs()
        found = [model_evidences(output, noise) for output, noise in zip(outputs, self.s2, strict=True)]
        for pair, own, evidence in zip(pairs, np.stack(found, axis=1), averaged(found), strict=True):
            self._pairs[pair] = own
            self._gains[pair] = float(evidence) + self._rest[pair]
        self._open -= set(pairs)

    def join(self, a: int, b: int) -> None:
        """Make one cell, `a`, of a weighed pair; the pairs of either are to be entered anew."""
        touched = {c for pair in self._pairs if a in pair or b in pair for c in pair} - {a, b}
        both = {c: [self._pairs[min(k, c), max(k, c)] for k in (a, b)] for c in touched}
        self._parts = {
            (min(a, c), max(a, c)): (with_a + self._exact[b], with_b + self._exact[a])
            for c, (with_a, with_b) in both.items()
        }
        self._cells[a] = self._pairs[a, b]
        self._exact[a] += self._exact[b]
        self.stats.absorb(a, b)
        for pair in [pair for pair in self._pairs if a in pair or b in pair]:
            for known in (self._pairs, self._rest, self._gains):
                del known[pair]
            self._open.discard(pair)
