"""Finds regimes and predicts with them, beside single models, other partitions and other programs.

``python benchmarks/bench_partition.py --data TABLES --peers ENVIRONMENTS --write`` measures everything and writes
docs/benchmarks/partition.md and its plot; docs and README say what is in them. TABLES is a folder for
:func:`modpart.datasets.load_table`, ENVIRONMENTS one that ``benchmarks/peers/make_env.sh`` has filled; without one or
the other the page says what was not run. Every result is appended to the file ``--store`` and not measured again, so
a run that was stopped goes on where it was. Pieces may run anywhere, each with a file ``partition*.csv`` of its own:
``--collect FOLDER`` takes them into the store, in place of older results of the same runs, and ``--seeds 0 0 0
--write`` writes the page from what is there.
The results behind the page are kept in benchmarks/partition_study/results.csv, a store like any other.
"""

import argparse
import csv
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partition_study.contestants import Answer, Attempt, Contestant, contestants
from partition_study.page import write_page
from partition_study.peers import Peers
from partition_study.problems import Set, all_sets

ROOT = Path(__file__).parents[1]
FIELDS = ("group", "set", "method", "seed", "error", "seconds", "parts", "ari", "note")
FIRST_SEED = 4000  # none that anything was tuned on


class Store:
    """Results in a file, one line per set, method and seed."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.done = path, set()
        if not path.exists():
            self._write([FIELDS], "w")
        for line in self._lines(path):
            self.done.add(_key(line))

    @staticmethod
    def _lines(path: Path) -> list[dict[str, str]]:
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    def _write(self, lines: Iterable[Iterable[Any]], mode: str = "a") -> None:
        with self.path.open(mode, newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(lines)

    def collect(self, folder: Path) -> None:
        """Take over what was measured elsewhere; where files measured the same, the last by name holds."""
        known = {_key(line): line for line in self._lines(self.path)}
        for path in sorted(folder.glob("**/partition*.csv"), key=lambda path: path.name):
            known |= {_key(line): line for line in self._lines(path)}
        self._write([FIELDS, *([line[field] for field in FIELDS] for line in known.values())], "w")
        self.done = set(known)

    def add(self, source: Set, method: str, attempt: Attempt, answer: Answer, note: str = "") -> None:
        target, seed = attempt.problem.target, attempt.problem.seed
        error = "" if answer.predictions is None else f"{_error(answer.predictions, target):.6g}"
        ari = "" if answer.ari is None else f"{answer.ari:.5f}"
        seconds = f"{answer.seconds:.3f}"
        self._write([(source.group, source.name, method, seed, error, seconds, answer.parts, ari, note)])
        self.done.add((source.name, method, seed))
        print(seed, source.name, method, error, f"{answer.seconds:.1f} s", note, flush=True)


def _error(predictions: np.ndarray, target: np.ndarray) -> float:
    """Mean squared error over the variance of the target."""
    return float(np.mean((predictions - target) ** 2) / np.var(target))


def _key(line: dict[str, str]) -> tuple[str, str, int]:
    return line["set"], line["method"], int(line["seed"])


def measure(store: Store, source: Set, methods: dict[str, Contestant], seed: int) -> None:
    """Let `methods` meet one draw of a set, as far as they have not."""
    methods = {
        name: method
        for name, method in methods.items()
        if source.group in method.groups
        and (not method.only or source.name in method.only)
        and (source.name, name, seed) not in store.done
    }
    if not methods:
        return
    attempt = Attempt(source.draw(seed))
    for name, method in methods.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # networks that have not converged are judged by their error
                answer = method.run(attempt)
        except Exception as error:
            store.add(source, name, attempt, Answer(None, 0.0), f"{type(error).__name__}: {error}"[:200])
        else:
            store.add(source, name, attempt, answer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", help="folder of tables NAME.csv.gz")
    parser.add_argument("--peers", type=Path, help="folder made by benchmarks/peers/make_env.sh")
    parser.add_argument(
        "--store", type=Path, default=ROOT / "build" / "bench_partition.csv", help="file of the results"
    )
    parser.add_argument("--collect", type=Path, help="folder of files of results measured elsewhere")
    parser.add_argument(
        "--seeds", type=int, nargs=3, default=(10, 5, 2), metavar=("QUICK", "MEDIUM", "SLOW"), help="runs per set"
    )
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--sets", nargs="+", help="only these sets")
    parser.add_argument("--methods", nargs="+", help="only these methods")
    pages = ROOT / "docs" / "benchmarks"
    parser.add_argument("--write", type=Path, nargs="?", const=pages, help="write partition.md, there or in a folder")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    store, peers = Store(arguments.store), Peers(arguments.peers)
    if arguments.collect:
        store.collect(arguments.collect)
    sets, methods = all_sets(arguments.data), contestants(peers)
    runs = dict(zip(("quick", "medium", "slow"), arguments.seeds, strict=True), once=min(1, *arguments.seeds))
    for i in range(max(arguments.seeds)):
        now = {
            name: method
            for name, method in methods.items()
            if i < runs[method.pace] and not method.why_not and name in (arguments.methods or methods)
        }
        for name in arguments.sets or sets:
            measure(store, sets[name], now, arguments.first_seed + i)
    peers.close()
    if arguments.write:
        print(write_page(store.path, methods, arguments.write))


if __name__ == "__main__":
    main()
