"""Efficiency classes of new branches: accuracy beside plain baselines, and seconds.

Run ``python benchmarks/bench_efficiency.py`` to print the tables and add ``--write`` to store them in
docs/benchmarks/efficiency.md; ``--data FOLDER`` adds a real table, the file Rbenchmarking_banks1.csv of that folder.
"""

import argparse
import os
import platform
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.utils.parallel import Parallel, delayed

from modpart.datasets import make_bank_branches
from modpart.efficiency import DEA, EfficiencyClassifier, ReducedPolynomialClassifier, cross_validate_classes

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "efficiency.md"
OUTPUTS = ["deposits", "loans", "transactions"]
BINS = {"edges .6, .8, 1": (0.6, 0.8, 1.0), "three of equal size": 3}
NOISES = (0.05,)
FORCED = {"one for all": "none", "cluster as input": "feature", "one per cluster": "local"}
FORCED_SEEDS = 1  # each costs three cross-validations
FIRST_SEED = 3000
BANKS = ["STEXP", "FASUM", "INPSUM", "LNSUM", "DBSUM", "INCSUM"]

PAGE = """\
# Efficiency classes

How often the class of a new branch is told right, in 5-fold cross-validation: frontier, edges, scaling, clusters, order
and penalty come from the training folds alone, and a test branch is judged by the frontier of the training branches.
Python {python}, scikit-learn {sklearn}. Made by `python benchmarks/bench_efficiency.py --write --data FOLDER`.

"EfficiencyClassifier" chooses by cross-validation within the training folds what clusters are used for; the rows "one
for all", "cluster as input" and "one per cluster" force it, for the first seed.
"pooled RM" is the reduced polynomial on its own, which is "one for all" up to seeds. Baselines learn the same classes
from the same scaled columns.

## Generated branches

`make_bank_branches({n})`, {seeds} seeds from {first} on, errors of measurement of 5 % in every output.
Accuracy, mean over seeds; in brackets the standard deviation over seeds.

{generated}

Best of logistic regression, gradient boosting and pooled RM minus EfficiencyClassifier, mean over seeds, in points of
accuracy: {behind}. Below zero means that EfficiencyClassifier is ahead.

{banks}
## Who else is in the table

How often the class by the frontier of the training folds is that by the frontier of all branches: about the best that
anyone can do who is judged by the latter.

{everybody}

## Time

Seconds, {cores} cores.

| task | seconds |
|---|---|
{times}

## What could not be checked

Only the abstract of Kassani, Kassani & Najafi (arXiv:1810.05524) was at hand. Their branches, their inputs and outputs,
their edges, the number of their clusters and their accuracy are not known here, so no figure of theirs is compared
with.
"""


def model(bins: object, combine: str = "auto", outputs: object = OUTPUTS) -> EfficiencyClassifier:
    return EfficiencyClassifier(DEA(outputs=outputs, data_warnings=False), bins, combine=combine, random_state=0)


def compared(X: pd.DataFrame, bins: object, seed: int, outputs: object = OUTPUTS, *, forced: bool = True) -> pd.Series:
    """Accuracy by method."""
    table = cross_validate_classes(model(bins, outputs=outputs), X, random_state=seed)
    found = table.groupby("method", sort=False)["accuracy"].mean()
    for name, combine in FORCED.items() if forced else ():
        alone = cross_validate_classes(model(bins, combine, outputs), X, random_state=seed, baselines=None)
        found[name] = alone.query("method == 'EfficiencyClassifier'")["accuracy"].mean()
    return found


def agreement(X: pd.DataFrame, bins: object, seed: int) -> float:
    """Share of branches whose class is the same by the frontiers of the training folds and of all branches."""
    simple = EfficiencyClassifier(
        DEA(outputs=OUTPUTS), bins, n_clusters=1, combine="none", classifier=LogisticRegression(max_iter=5000), cv=2
    )
    table = cross_validate_classes(simple, X, frontier="all", baselines=None, random_state=seed)
    return table.query("method == 'plain DEA'")["accuracy"].mean()


def summarised(runs: list[pd.Series]) -> pd.Series:
    both = pd.DataFrame(runs)
    return pd.Series({name: f"{both[name].mean():.3f} ({both[name].std():.3f})" for name in both})


def one(n: int, noise: float, words: str, seed: int) -> tuple[pd.Series, float]:
    X, *_ = make_bank_branches(n, noise=noise, random_state=seed)
    found = compared(X, BINS[words], seed, forced=seed < FIRST_SEED + FORCED_SEEDS), agreement(X, BINS[words], seed)
    print(words, noise, seed, found[0].round(3).to_dict(), round(found[1], 3), file=sys.stderr, flush=True)
    return found


def generated(n: int, seeds: int, n_jobs: int) -> tuple[pd.DataFrame, str, pd.DataFrame]:
    jobs = [(n, noise, words, FIRST_SEED + s) for noise in NOISES for words in BINS for s in range(seeds)]
    done = dict(zip(jobs, Parallel(n_jobs=n_jobs)(delayed(one)(*job) for job in jobs), strict=True))
    columns, behind, everybody = {}, [], {}
    for noise in NOISES:
        for words in BINS:
            name = f"{words}; noise {noise:.0%}"
            runs = [done[n, noise, words, FIRST_SEED + s] for s in range(seeds)]
            both = pd.DataFrame([run for run, _ in runs])
            columns[name] = summarised([run for run, _ in runs])
            everybody[name] = [f"{np.mean([same for _, same in runs]):.3f}"]
            rival = both[["pooled RM", "gradient boosting", "logistic regression"]].mean().max()
            behind.append(f"{100 * (rival - both['EfficiencyClassifier'].mean()):+.1f} ({name})")
    return pd.DataFrame(columns), ", ".join(behind), pd.DataFrame(everybody, index=["plain DEA"])


def banks(folder: Path | None) -> str:
    if folder is None:
        return ""
    X = pd.read_csv(folder / "Rbenchmarking_banks1.csv")[BANKS]
    runs = [compared(X, 3, seed, BANKS[3:]) for seed in range(FIRST_SEED, FIRST_SEED + 1)]
    table = markdown(pd.DataFrame({"accuracy": summarised(runs)}))
    words = f"{len(X)} banks, three inputs and three outputs, classes of equal size, 5 folds."
    return f"## A real table\n\n{words}\n\n{table}\n"


def times() -> str:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((100_000, 10))
    classes = (np.sin(rows[:, 0]) + rows[:, 1] * rows[:, 2] > 0).astype(int)
    X, *_ = make_bank_branches(2000, random_state=0)
    many, *_ = make_bank_branches(1_000_000, random_state=1)
    found = {}

    def timed(words: str, work: object) -> object:
        start = perf_counter()
        done = work()
        found[words] = perf_counter() - start
        return done

    timed(
        "ReducedPolynomialClassifier(order=5), 100,000 x 10", lambda: ReducedPolynomialClassifier(5).fit(rows, classes)
    )
    timed("the same, orders 1 to 5 compared", lambda: ReducedPolynomialClassifier().fit(rows, classes))
    fitted = timed("EfficiencyClassifier, 2,000 branches, all compared", lambda: model((0.6, 0.8, 1.0)).fit(X))
    local = model((0.6, 0.8, 1.0), "local").fit(X)
    timed("classes of 1,000,000 new branches", lambda: fitted.predict(many))
    timed("the same with one classifier per cluster", lambda: local.predict(many))
    return "\n".join(f"| {words} | {seconds:.2f} |" for words, seconds in found.items())


def markdown(table: pd.DataFrame) -> str:
    lines = ["| | " + " | ".join(table.columns) + " |", "|" + "---|" * (table.shape[1] + 1)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in table.itertuples())])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="store the tables in docs/benchmarks/efficiency.md")
    parser.add_argument("--data", type=Path, help="folder that holds Rbenchmarking_banks1.csv")
    parser.add_argument("--seeds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--rows", type=int, default=500, help="generated branches (default: %(default)s)")
    parser.add_argument("--n-jobs", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--times", action="store_true", help="print the times alone")
    options = parser.parse_args()
    if options.times:
        print(times())
        return
    table, behind, everybody = generated(options.rows, options.seeds, options.n_jobs)
    page = PAGE.format(
        python=platform.python_version(),
        sklearn=sklearn.__version__,
        n=options.rows,
        seeds=options.seeds,
        first=FIRST_SEED,
        generated=markdown(table),
        behind=behind,
        banks=banks(options.data),
        everybody=markdown(everybody),
        cores=os.cpu_count(),
        times=times(),
    )
    print(page)
    if options.write:
        TARGET.write_text(page)


if __name__ == "__main__":
    main()
