"""The competition of Tacke et al. (arXiv 2411.18254) without our additions, beside ours.

Run ``python benchmarks/paper_rule.py`` to print, for each table, the adjusted Rand index with the true regimes (on new
rows, by the gate), the number of regimes and the routed squared error in units of var(y), as medians over seeds.

Known of the paper's rule, from its abstract and summaries: free networks, winner takes all, an expert added at
intervals on the worst-predicted rows and kept if the loss falls, redundant ones removed, until the winners are stable,
and a support vector machine that learns them. Unknown to us: its sizes, learning rates, intervals, kernel, and when
exactly an expert is redundant; these are ours, the same for both contestants.
"""

import argparse
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.svm import SVC

from modpart import datasets
from modpart.partition import ActivePartitioner, MLPExpert

TABLES = ("elastoplastic", "two_planes", "four_quadrants", "friedman")


def paper_rule(expert: MLPExpert | None = None, **settings: Any) -> ActivePartitioner:
    """Build a partitioner that follows the paper's rule; `settings` as for :class:`ActivePartitioner`."""
    chosen = MLPExpert() if expert is None else expert
    return ActivePartitioner(chosen, **({"init": "random", "vote_weight": 0.0, "gate": SVC()} | settings))


def our_rule(expert: MLPExpert | None = None, **settings: Any) -> ActivePartitioner:
    """Build a partitioner whose networks compete with all additions."""
    return ActivePartitioner(MLPExpert() if expert is None else expert, **settings)


def main() -> None:
    """Run both rules on all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=500)
    arguments = parser.parse_args()
    print("| table | rule | adjusted Rand index | regimes | routed error |\n|---|---|---|---|---|")
    for table in TABLES:
        make = getattr(datasets, f"make_{table}")
        for build in (paper_rule, our_rule):
            lines = []
            for seed in range(arguments.seeds):
                X, y, _ = make(arguments.rows, random_state=seed)
                new, target, regime = make(2 * arguments.rows, random_state=10_000 + seed)
                fitted = build(n_init=2, random_state=seed).fit(X, y)
                score = adjusted_rand_score(regime, fitted.predict(new))
                lines.append((score, fitted.n_partitions_, 1.0 - fitted.score(new, target)))
            rand, regimes, error = np.median(lines, axis=0)
            print(f"| {table} | {build.__name__} | {rand:.2f} | {regimes:.0f} | {error:.4f} |", flush=True)


if __name__ == "__main__":
    main()
