"""Bayesian networks read from BIF files: rows drawn from them, and exact laws by summation."""

import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from modpart.causal import CausalGraph

__all__ = ["Network"]

VARIABLE = re.compile(r"variable\s+(\S+)\s*\{[^{]*\{([^}]*)\}")
BLOCK = re.compile(r"probability\s*\(([^)]*)\)\s*\{([^}]*)\}")
ROW = re.compile(r"\(([^)]*)\)\s*([^;]*);")


def words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


class Network:
    """Discrete variables with a table of P(variable | parents) each.

    Parameters
    ----------
    path : Path
        A file in the Bayesian interchange format, tables only.
    """

    def __init__(self, path: Path) -> None:
        text = path.read_text()
        self.states = {name: words(inside) for name, inside in VARIABLE.findall(text)}
        self.parents: dict[str, list[str]] = {}
        self.tables: dict[str, np.ndarray] = {}
        for head, body in BLOCK.findall(text):
            name, _, after = head.partition("|")
            name, parents = name.strip(), words(after)
            table = np.empty([len(self.states[v]) for v in (*parents, name)])
            if parents:
                for labels, numbers in ROW.findall(body):
                    where = tuple(self.states[p].index(s) for p, s in zip(parents, words(labels), strict=True))
                    table[where] = [float(number) for number in words(numbers)]
            else:
                table[:] = [float(number) for number in words(body.replace("table", "").replace(";", ""))]
            self.parents[name], self.tables[name] = parents, table / table.sum(-1, keepdims=True)
        self.full = CausalGraph([(p, name) for name, parents in self.parents.items() for p in parents])

    def hidden_graph(self, hidden: Sequence[str]) -> CausalGraph:
        """The graph of what is left when some roots are not observed."""
        seen = [name for name in self.full.order if name not in hidden]
        edges = [f"{p} -> {name}" for name in seen for p in self.parents[name] if p not in hidden]
        for root in hidden:
            assert not self.parents[root], f"{root} is no root"
            children = [name for name in seen if root in self.parents[name]]
            edges += [f"{a} <-> {b}" for a, b in product(children, children) if a < b]
        return CausalGraph("; ".join([*edges, *seen]))

    def size(self, name: str) -> int:
        """Number of states of a variable."""
        return len(self.states[name])

    def sample(self, n_samples: int, seed: int) -> pd.DataFrame:
        """Rows of state numbers."""
        rng = np.random.default_rng(seed)
        values: dict[str, np.ndarray] = {}
        for name in self.full.order:
            rows = self.tables[name][tuple(values[p] for p in self.parents[name])]
            rows = np.broadcast_to(rows, (n_samples, rows.shape[-1]))
            values[name] = (rng.random(n_samples)[:, None] >= rows.cumsum(1)[:, :-1]).sum(1)
        return pd.DataFrame(values)

    def distribution(self, names: Sequence[str], do: Mapping[str, int] | None = None) -> np.ndarray:
        """P(names | do), one axis for each name."""
        do = dict(do or {})
        needed = [v for v in self.full.order if v in self.full.ancestors([*names, *do])]
        axis = {name: i for i, name in enumerate(needed)}
        operands: list = []
        for name in needed:
            if name in do:
                operands += [np.eye(len(self.states[name]))[do[name]], [axis[name]]]
            else:
                operands += [self.tables[name], [axis[v] for v in (*self.parents[name], name)]]
        return np.einsum(*operands, [axis[name] for name in names], optimize="greedy")
