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

from modpart.datasets import make_bank_branches
from modpart.efficiency import DEA, EfficiencyClassifier, ReducedPolynomialClassifier, cross_validate_classes

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "efficiency.md"
OUTPUTS = ["deposits", "loans", "transactions"]
BINS = {"edges .6, .8, 1": (0.6, 0.8, 1.0), "three of equal size": 3}
NOISES = (0.02, 0.1)
FIRST_SEED = 3000
BANKS = ["STEXP", "FASUM", "INPSUM", "LNSUM", "DBSUM", "INCSUM"]

PAGE = """\
# Efficiency classes

How often the class of a new branch is told right, in 5-fold cross-validation: frontier, class edges, scaling, clusters,
order and penalty come from the training folds alone, and a test branch is judged by the frontier of the training
branches. Python {python}, scikit-learn {sklearn}. Made by `python benchmarks/bench_efficiency.py --write --data FOLDER`.

"EfficiencyClassifier" chooses by cross-validation within the training folds what clusters are used for; the rows "one
for all", "cluster as input" and "one per cluster" force it. "pooled RM" is the reduced polynomial on its own, which is
"one for all" up to seeds. Baselines learn the same classes from the same scaled columns. In the last table
EfficiencyClassifier is "one for all".

## Generated branches

`make_bank_branches({n})`, {seeds} seeds from {first} on, errors of measurement of 2 % and 10 % in every output.
Accuracy, mean over seeds; in brackets the standard deviation over seeds.

{generated}

Best of logistic regression, gradient boosting and pooled RM minus EfficiencyClassifier, mean over seeds, in points of
accuracy: {behind}. Below zero means that EfficiencyClassifier is ahead.

{banks}
## Who else is in the table

The same with test branches judged by the frontier of all branches: "plain DEA" against the training frontier then
agrees with it only so often, which is about the best that anyone can do.

{everybody}

## Time

Seconds, {cores} cores, the machine shared with others.

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


def compared(X: pd.DataFrame, bins: object, seed: int, **more: object) -> pd.Series:
    """Accuracy by method."""
    outputs = more.pop("outputs", OUTPUTS)
    table = cross_validate_classes(model(bins, outputs=outputs), X, random_state=seed, **more)
    found = table.groupby("method", sort=False)["accuracy"].mean()
    forced = {"one for all": "none", "cluster as input": "feature", "one per cluster": "local"}
    for name, combine in forced.items():
        alone = cross_validate_classes(
            model(bins, combine, outputs), X, random_state=seed, baselines=None, **more
        ).query("method == 'EfficiencyClassifier'")
        found[name] = alone["accuracy"].mean()
    return found


def summarised(runs: list[pd.Series]) -> pd.Series:
    both = pd.DataFrame(runs)
    return pd.Series({name: f"{both[name].mean():.3f} ({both[name].std():.3f})" for name in both})


def generated(n: int, seeds: int) -> tuple[pd.DataFrame, str, pd.DataFrame]:
    columns, behind, everybody = {}, [], {}
    for noise in NOISES:
        for words, bins in BINS.items():
            runs, all_runs = [], []
            for seed in range(FIRST_SEED, FIRST_SEED + seeds):
                X, *_ = make_bank_branches(n, noise=noise, random_state=seed)
                runs.append(compared(X, bins, seed))
                table = cross_validate_classes(model(bins, "none"), X, frontier="all", random_state=seed)
                all_runs.append(table.groupby("method", sort=False)["accuracy"].mean())
                print(words, noise, seed, runs[-1].round(3).to_dict(), file=sys.stderr, flush=True)
            name = f"{words}, {noise:.0%}"
            columns[name], everybody[name] = summarised(runs), summarised(all_runs)
            both = pd.DataFrame(runs)
            rival = both[["pooled RM", "gradient boosting", "logistic regression"]].mean().max()
            behind.append(f"{100 * (rival - both['EfficiencyClassifier'].mean()):+.1f} ({name})")
    return pd.DataFrame(columns), ", ".join(behind), pd.DataFrame(everybody)


def banks(folder: Path | None) -> str:
    if folder is None:
        return ""
    X = pd.read_csv(folder / "Rbenchmarking_banks1.csv")[BANKS]
    runs = [compared(X, 3, seed, outputs=BANKS[3:]) for seed in range(FIRST_SEED, FIRST_SEED + 4)]
    table = markdown(pd.DataFrame({"accuracy": summarised(runs)}))
    words = f"{len(X)} banks, three inputs and three outputs, classes of equal size, 4 x 5 folds."
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
    parser.add_argument("--times", action="store_true", help="print the times alone")
    options = parser.parse_args()
    if options.times:
        print(times())
        return
    table, behind, everybody = generated(options.rows, options.seeds)
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
