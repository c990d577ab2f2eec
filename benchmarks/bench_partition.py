"""Finds regimes and predicts with them, beside single models, other partitions and other programs.

``python benchmarks/bench_partition.py --data TABLES --peers ENVIRONMENTS --write`` measures everything and writes
docs/benchmarks/partition.md and its plot; docs and README say what is in them. TABLES is a folder for
:func:`modpart.datasets.load_table`, ENVIRONMENTS one that ``benchmarks/peers/make_env.sh`` has filled; without one or
the other the page says what was not run. Every result is appended to a file in ``--store`` and not measured again, so
a run that was stopped goes on where it was, and ``--seeds 0 0 0 --write`` writes the page from what is there.
"""

import argparse
import csv
import warnings
from pathlib import Path

import numpy as np
import torch

from partition_study.contestants import Answer, Attempt, Contestant, contestants
from partition_study.page import write_page
from partition_study.peers import Peers
from partition_study.problems import Set, all_sets

ROOT = Path(__file__).parents[1]
FIELDS = ("group", "set", "method", "seed", "error", "seconds", "parts", "ari", "note")
FIRST_SEED = 3000  # none that anything was tuned on


class Store:
    """Results in a file, one line per set, method and seed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "results.csv"
        if not self.path.exists():
            self._write(FIELDS)
        with self.path.open(newline="") as file:
            self.done = {(line["set"], line["method"], int(line["seed"])) for line in csv.DictReader(file)}

    def _write(self, values: tuple) -> None:
        with self.path.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(values)

    def add(self, source: Set, method: str, attempt: Attempt, answer: Answer, note: str = "") -> None:
        target, seed = attempt.problem.target, attempt.problem.seed
        error = "" if answer.predictions is None else np.mean((answer.predictions - target) ** 2) / np.var(target)
        seconds, parts, ari = answer.seconds, answer.parts, answer.ari
        self._write((source.group, source.name, method, seed, error, f"{seconds:.3f}", parts, ari, note))
        self.done.add((source.name, method, seed))
        print(seed, source.name, method, error if error == "" else f"{error:.5f}", f"{seconds:.1f} s", note, flush=True)


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
    parser.add_argument("--store", type=Path, default=ROOT / "build" / "bench_partition", help="folder of the results")
    parser.add_argument(
        "--seeds", type=int, nargs=3, default=(10, 5, 2), metavar=("QUICK", "MEDIUM", "SLOW"), help="runs per set"
    )
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--sets", nargs="+", help="only these sets")
    parser.add_argument("--methods", nargs="+", help="only these methods")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/partition.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    store, peers = Store(arguments.store), Peers(arguments.peers)
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
    folder = ROOT / "docs" / "benchmarks" if arguments.write else arguments.store
    print(write_page(store.path, methods, folder))


if __name__ == "__main__":
    main()
