"""Recovery of regimes whose number is unknown, and the error of the modular model beside that of its rivals.

Run ``python benchmarks/bench_regimes.py`` to print the tables, with ``--write`` to store them in
docs/benchmarks/regimes.md, with ``--seeds 3`` for a quicker look. Every set is drawn anew for every seed; training rows
make the partition, new rows judge it.
"""

import argparse
import os
import platform
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import sklearn
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.metrics import adjusted_rand_score, mean_squared_error

from modpart.datasets import controls, labelled
from modpart.partition import ActivePartitioner, BayesianExpert, MLPExpert

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "regimes.md"
N_TRAIN, N_TEST = 1000, 2000
# Regimes that touch with equal value and slope leave little to be found; their rows stand all the same.
SMOOTH_BORDERS = {"column_buckling", "mosfet", "standard_atmosphere"}

PAGE = """\
# Regimes with their number unknown

{n_train} training and {n_test} new rows, {seeds} seeds, noise 5 % of the standard deviation of the law;
{cores} cores, Python {python}, scikit-learn {sklearn}.
Made by `python benchmarks/bench_regimes.py --seeds {seeds} --write`.

## Are they found?

`ActivePartitioner()` as it comes. Agreement is the adjusted Rand index on new rows, through the gate, 1 being perfect:
mean and worst seed. *k-means* is scikit-learn's on the inputs alone, *told* the true number. Error is the mean squared
error of the modular model, each row predicted by the expert that the gate names, with no fallback to a single model; 1
is the error of the true law, the noise alone. Seconds of the processor are those of the partition, in the median. Sets
marked * have borders without jump or kink.

{found}

## Does the modular model predict better?

Mean squared error on new rows over that of the modular model: above 1 the modular model is better. *One model* is the
same closed-form expert on all rows; *k-means* the same experts on clusters of the inputs, their number told;
*network* an `MLPExpert` with two layers of 32; forest and boosting are scikit-learn's as they come. Geometric mean over
seeds.

{rivals}

Modular better / within 5 % / worse, over the sets: {tally}.

## Is one law left whole?

How often `ActivePartitioner()` finds one regime where there is one law.

{whole}
"""


class KMeansExperts:
    """Clusters of the inputs with an expert on each: the partition that never looks at y."""

    def __init__(self, n_clusters: int, seed: int) -> None:
        self.clusters = KMeans(n_clusters, n_init=4, random_state=seed)
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> "KMeansExperts":
        self.mean, self.sd = X.mean(axis=0), X.std(axis=0)
        labels = self.clusters.fit_predict((X - self.mean) / self.sd)
        self.experts = [
            BayesianExpert(random_state=self.seed).fit(X[labels == k], y[labels == k])
            for k in range(self.clusters.n_clusters)
        ]
        return self

    def labels(self, X: np.ndarray) -> np.ndarray:
        return self.clusters.predict((X - self.mean) / self.sd)

    def predict(self, X: np.ndarray) -> np.ndarray:
        labels, predictions = self.labels(X), np.empty(len(X))
        for k, expert in enumerate(self.experts):
            if (labels == k).any():
                predictions[labels == k] = expert.predict(X[labels == k])
        return predictions


def rivals(n_regimes: int, seed: int) -> dict[str, Any]:
    """Models to compare with, by column title."""
    return {
        "one model": BayesianExpert(random_state=seed),
        "k-means": KMeansExperts(n_regimes, seed),
        "network": MLPExpert((32, 32), random_state=seed, device="cpu"),
        "forest": RandomForestRegressor(random_state=seed),
        "boosting": HistGradientBoostingRegressor(random_state=seed),
    }


def judge(make: Callable[..., Any], seed: int) -> dict[str, Any]:
    """Everything measured on one set with one seed."""
    X, y, regime = make(N_TRAIN, random_state=seed)
    new, target, truth = make(N_TEST, random_state=seed + 10_000)
    law = make(N_TEST, noise=0.0, random_state=seed + 10_000)[1]
    start = process_time()
    partitioner = ActivePartitioner(random_state=seed).fit(X, y)
    seconds = process_time() - start
    n_regimes = len(np.unique(regime))
    routed = np.empty(len(new))
    for k, rows in enumerate(np.eye(partitioner.n_partitions_, dtype=bool)[partitioner.predict(new)].T):
        routed[rows] = partitioner.experts_[k].predict(new[rows]) if rows.any() else 0.0
    fitted = {name: rival.fit(X, y) for name, rival in rivals(n_regimes, seed).items()}
    return {
        "agreement": adjusted_rand_score(truth, partitioner.predict(new)),
        "k-means agreement": adjusted_rand_score(truth, fitted["k-means"].labels(new)),
        "right": partitioner.n_partitions_ == n_regimes,
        "n_regimes": n_regimes,
        "seconds": seconds,
        "noise": mean_squared_error(target, law),
        "modular": mean_squared_error(target, routed),
        "rivals": {name: mean_squared_error(target, rival.predict(new)) for name, rival in fitted.items()},
    }


def table(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main() -> None:
    """Measure every set and print or store the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the tables in docs/benchmarks/regimes.md")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=500)
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    found, compared, tally = [], [], {"better": 0, "equal": 0, "worse": 0}
    titles = list(rivals(1, 0))
    for name, make in labelled().items():
        runs = [judge(make, seed) for seed in seeds]
        title = name + ("*" if name in SMOOTH_BORDERS else "")
        agreement = [run["agreement"] for run in runs]
        found.append(
            [
                title,
                runs[0]["n_regimes"],
                f"{sum(run['right'] for run in runs)} of {len(runs)}",
                f"{np.mean(agreement):.3f} ({min(agreement):.3f})",
                f"{np.mean([run['k-means agreement'] for run in runs]):.3f}",
                f"{np.mean([run['modular'] for run in runs]) / np.mean([run['noise'] for run in runs]):.2f}",
                f"{np.median([run['seconds'] for run in runs]):.1f}",
            ]
        )
        ratios = {t: np.exp(np.mean([np.log(r["rivals"][t] / r["modular"]) for r in runs])) for t in titles}
        compared.append([title, *(f"{ratios[t]:.2f}" for t in titles)])
        best = min(ratios.values())
        tally["better" if best > 1.05 else "equal" if best >= 1 / 1.05 else "worse"] += 1
        print(*found[-1], "|", *compared[-1][1:], flush=True)
    whole = []
    for name, make in controls().items():
        counts = [
            ActivePartitioner(random_state=s).fit(*make(N_TRAIN, random_state=s)[:2]).n_partitions_ for s in seeds
        ]
        whole.append([name, f"{counts.count(1)} of {len(counts)}"])
        print(*whole[-1], flush=True)
    text = PAGE.format(
        n_train=N_TRAIN,
        n_test=N_TEST,
        seeds=len(seeds),
        cores=os.cpu_count(),
        python=platform.python_version(),
        sklearn=sklearn.__version__,
        found=table(["set", "regimes", "number right", "agreement", "k-means", "error", "seconds"], found),
        rivals=table(["set", *titles], compared),
        tally=f"{tally['better']} / {tally['equal']} / {tally['worse']} against the best rival of each set",
        whole=table(["control", "left whole"], whole),
    )
    if arguments.write:
        TARGET.write_text(text)
        print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
