"""Which combinations of a variable's causes the data hold, and how often: what an answer can rest on."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from modpart.causal._dcm.columns import Column
from modpart.causal._graph import CausalGraph

__all__ = ["FEW", "Support", "learn_support"]

FEW = 5  # rows; what follows from fewer is a guess
LIMIT = 2**62  # combinations that can be numbered


@dataclass
class Support:
    """Rows of the data for each combination of states of a variable's causes.

    Parameters
    ----------
    names : list of str
        The causes, two or more, all discrete.
    sizes : list of int
        States of each.
    codes, counts : ndarray of shape (n_combinations,)
        Number of each combination that occurs, rising, and its rows.
    """

    names: list[str]
    sizes: list[int]
    codes: np.ndarray
    counts: np.ndarray

    def code(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Number of the combination in each row."""
        return np.ravel_multi_index([np.asarray(values[name]) for name in self.names], self.sizes)

    def rows(self, codes: np.ndarray) -> np.ndarray:
        """How many rows of the data hold each of these combinations."""
        at = np.searchsorted(self.codes, codes).clip(max=len(self.codes) - 1)
        return np.where(self.codes[at] == codes, self.counts[at], 0)

    def words(self, code: int, columns: Mapping[str, Column], first: str = "") -> str:
        """A combination as the user would write it, the state of `first` beside the others."""
        states = dict(zip(self.names, np.unravel_index(code, self.sizes), strict=True))
        told = {name: f"{name}={np.asarray(columns[name].states)[state]}" for name, state in states.items()}
        lead = f"{told.pop(first)} beside " if first else ""
        return lead + ", ".join(told.values())

    def scarce(self, values: Mapping[str, np.ndarray]) -> tuple[float, int, float, int]:
        """Share of rows with combinations that the data hardly hold; the commonest of these, its share, its rows.

        What is as scarce among the data themselves is allowed for.
        """
        codes, counts = np.unique(self.code(values), return_counts=True)
        rows, share = self.rows(codes), counts / counts.sum()
        usual = self.counts[self.counts < FEW].sum() / self.counts.sum()
        thin = np.where(rows < FEW, share, 0.0)
        worst = int(thin.argmax())
        return float(max(0.0, thin.sum() - 2 * usual)), int(codes[worst]), float(share[worst]), int(rows[worst])

    def least(self) -> tuple[float, str, int, int]:
        """Where one cause hardly ever has some state beside the others: share covered, the cause, combination, rows.

        Covered is the law of the others beside that of the cause, each by itself, but for combinations that would have
        five rows and more if the cause did not depend on the others, and have fewer.
        """
        found: tuple[float, str, int, int] = (1.0, "", 0, 0)
        states = np.array(np.unravel_index(self.codes, self.sizes))
        for i, name in enumerate(self.names):
            others = np.delete(states, i, 0)
            rest, place = np.unique(others, axis=1, return_inverse=True)
            rows = np.zeros((rest.shape[1], self.sizes[i]))
            np.add.at(rows, (place.reshape(-1), states[i]), self.counts)
            wanted = rows.sum(1, keepdims=True) * rows.sum(0) / rows.sum()
            lacking = np.where((rows < FEW) & (wanted >= FEW), wanted, 0.0)
            covered = 1.0 - lacking.sum() / rows.sum()
            if covered < found[0]:
                r, state = np.unravel_index(int(lacking.argmax()), lacking.shape)
                where = np.insert(rest[:, r], i, state)
                found = (float(covered), name, int(np.ravel_multi_index(where, self.sizes)), int(rows[r, state]))
        return found


def learn_support(
    graph: CausalGraph, columns: Mapping[str, Column], tables: Mapping[frozenset[str], Mapping[str, Any]]
) -> dict[str, Support]:
    """Support of each variable with several discrete causes, over the data sets in which it was not set."""
    found = {}
    for v in graph.order:
        names = [name for name in graph.order if name in graph.parents(v)]
        sizes = [columns[name].size for name in names]
        free = [table for regime, table in tables.items() if v not in regime]
        if len(names) > 1 and free and all(columns[n].states is not None for n in names) and prod(sizes) < LIMIT:
            codes = [np.ravel_multi_index([np.asarray(table[name]) for name in names], sizes) for table in free]
            found[v] = Support(names, sizes, *np.unique(np.concatenate(codes), return_counts=True))
    return found
