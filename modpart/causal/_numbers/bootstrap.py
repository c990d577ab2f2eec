"""Bootstrap intervals of whatever is computed from discrete data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from modpart._utils.parallel import parallel_map
from modpart._utils.seeds import child_seeds
from modpart.causal._counterfactual import CounterfactualIdentification
from modpart.causal._identification import Identification
from modpart.causal._numbers.discrete import REPLICATE, DiscreteData, Table

__all__ = ["Counterfactual", "Difference", "Distribution", "Mean", "Statistic", "replicates"]

CHUNK = 25  # bootstrap samples that are worked on at once; the same for any number of workers


class Statistic(Protocol):
    """Numbers that follow from data; with bootstrap samples in the data, one row of numbers for each."""

    def __call__(self, data: DiscreteData) -> np.ndarray:
        """Compute them: an array of shape (n_samples, ...), of one sample where the data hold none."""


def _flat(table: Table, axes: Sequence[Any], sizes: Sequence[int]) -> np.ndarray:
    found = table.aligned([REPLICATE, *axes])
    return np.broadcast_to(found, [len(found), *sizes])


@dataclass(frozen=True)
class Distribution:
    """P(outcomes | do, given), at chosen places of some conditions."""

    identification: Identification
    chosen: Mapping[str, int]

    def __call__(self, data: DiscreteData) -> np.ndarray:
        """Compute it."""
        levels = self.identification._levels(self.chosen)
        sizes = [len(data.states[variable]) for _, _, variable in levels]
        return _flat(self.identification._table(data, self.chosen), [axis for axis, _, _ in levels], sizes)


@dataclass(frozen=True)
class Mean:
    """The mean of a distribution over its last axis, whose values are numbers."""

    distribution: Distribution
    values: np.ndarray

    def __call__(self, data: DiscreteData) -> np.ndarray:
        """Compute it."""
        return self.distribution(data) @ self.values


@dataclass(frozen=True)
class Difference:
    """One statistic minus another, in the same bootstrap samples."""

    first: Statistic
    second: Statistic

    def __call__(self, data: DiscreteData) -> np.ndarray:
        """Compute it."""
        return self.first(data) - self.second(data)


@dataclass(frozen=True)
class Counterfactual:
    """The probability of events in different worlds."""

    identification: CounterfactualIdentification

    def __call__(self, data: DiscreteData) -> np.ndarray:
        """Compute it."""
        levels = self.identification._levels()
        sizes = [len(data.states[variable]) for _, _, variable in levels]
        return _flat(self.identification._table(data), [axis for axis, _, _ in levels], sizes)


def replicates(
    statistic: Statistic, data: DiscreteData, count: int, *, seed: int, n_jobs: int | None, verbose: int = 0
) -> np.ndarray:
    """A statistic in `count` bootstrap samples, an array of shape (count, ...); every regime is resampled by itself."""
    sizes = [min(CHUNK, count - start) for start in range(0, count, CHUNK)]
    seeds = child_seeds(np.random.default_rng(seed), len(sizes))
    jobs = [(statistic, data, size, child) for size, child in zip(sizes, seeds, strict=True)]
    at_once = -(-len(jobs) // 10) if verbose else len(jobs)
    found: list[np.ndarray] = []
    for start in range(0, len(jobs), at_once):
        found += parallel_map(_chunk, jobs[start : start + at_once], n_jobs=n_jobs)
        if verbose:
            print(f"[PluginEstimator] {sum(map(len, found))} of {count} bootstrap samples")
    return np.concatenate(found)


def _chunk(statistic: Statistic, data: DiscreteData, count: int, seed: int) -> np.ndarray:
    return statistic(data.resampled(np.random.default_rng(seed), count))
