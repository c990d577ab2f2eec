"""Efficiency classes of new branches: accuracy beside plain baselines, and seconds.

Run ``python benchmarks/bench_efficiency.py --store FOLDER`` to measure what FOLDER does not hold yet, one file for each
part and seed, and to print the tables of all that it holds; ``--only thirds --first-seed 3002 --seeds 1`` measures one,
``--write`` stores the page in docs/benchmarks/efficiency.md. The part "banks" needs ``--data FOLDER``, a folder with
the file Rbenchmarking_banks1.csv.
"""

import argparse
import json
import os
import platform
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import sklearn
from sklearn.linear_model import LogisticRegression

from modpart.datasets import make_bank_branches
from modpart.efficiency import DEA, EfficiencyClassifier, ReducedPolynomialClassifier, cross_validate_classes

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "efficiency.md"
OUTPUTS = ["deposits", "loans", "transactions"]
BINS = {"edges": (0.6, 0.8, 1.0), "thirds": 3, "banks": 3}
WORDS = {"edges": "edges .6, .8, 1", "thirds": "three of equal size"}
ROWS, NOISE = 500, 0.05
FORCED = {
    "one for all": "none",
    "cluster as input": "feature",
    "one per cluster": "local",
    "mean of the three": "average",
}
FIRST_SEED = 3000
PARTS = ["edges", "thirds", "banks", "times"]
BANKS = ["STEXP", "FASUM", "INPSUM", "LNSUM", "DBSUM", "INCSUM"]

PAGE = """\
# Efficiency classes

How often the class of a new branch is told right, in 5-fold cross-validation: frontier, edges, scaling, clusters, order
and penalty come from the training folds alone, and a test branch is judged by the frontier of the training branches.
{versions}. Made by
`python benchmarks/bench_efficiency.py --store FOLDER --data FOLDER --write`.

"EfficiencyClassifier" chooses by cross-validation within the training folds what clusters are used for; the rows "one
for all", "cluster as input", "one per cluster" and "mean of the three" (of their probabilities) force it. "pooled RM"
is the reduced polynomial on its own, which is "one for all" up to seeds. Baselines learn the same classes from the same
scaled columns.

## Generated branches

`make_bank_branches({n})`, errors of measurement of 5 % in every output; seeds {seeds}.
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

Wall-clock seconds, {cores} cores.

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


def compared(X: pd.DataFrame, bins: object, seed: int, outputs: object = OUTPUTS) -> pd.Series:
    """Accuracy by method."""
    table = cross_validate_classes(model(bins, outputs=outputs), X, random_state=seed)
    found = table.groupby("method", sort=False)["accuracy"].mean()
    for name, combine in FORCED.items():
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


def branches(part: str, seed: int) -> dict[str, object]:
    """Generated branches: accuracy by method, and how often plain DEA would be right about all branches."""
    X, *_ = make_bank_branches(ROWS, noise=NOISE, random_state=seed)
    return {"accuracy": compared(X, BINS[part], seed).to_dict(), "agreement": agreement(X, BINS[part], seed)}


def banks(folder: Path, seed: int) -> dict[str, object]:
    """A real table."""
    X = pd.read_csv(folder / "Rbenchmarking_banks1.csv")[BANKS]
    return {"accuracy": compared(X, BINS["banks"], seed, BANKS[3:]).to_dict(), "rows": len(X)}


def times() -> dict[str, object]:
    """Seconds by task."""
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
    return {"seconds": found, "cores": os.cpu_count()}


def page(measured: dict[str, dict[str, dict]]) -> str:
    """Everything measured, by part and seed."""
    columns, behind, everybody, seeds = {}, [], {}, {}
    for part, words in WORDS.items():
        runs = measured.get(part, {})
        if not runs:
            continue
        both = pd.DataFrame([run["accuracy"] for run in runs.values()])
        columns[words], seeds[part] = summarised(both), ", ".join(runs)
        everybody[words] = [f"{np.mean([run['agreement'] for run in runs.values()]):.3f}"]
        rival = both[["pooled RM", "gradient boosting", "logistic regression"]].mean().max()
        behind.append(f"{100 * (rival - both['EfficiencyClassifier'].mean()):+.1f} ({words})")
    clock = next(iter(measured.get("times", {}).values()), {"seconds": {}, "cores": "?"})
    return PAGE.format(
        versions="; ".join(sorted({run["versions"] for runs in measured.values() for run in runs.values()})),
        n=ROWS,
        seeds="; ".join(dict.fromkeys(seeds.values())),
        generated=markdown(pd.DataFrame(columns)),
        behind=", ".join(behind),
        banks=real_table(measured.get("banks", {})),
        everybody=markdown(pd.DataFrame(everybody, index=["plain DEA"])),
        cores=clock["cores"],
        times="\n".join(f"| {words} | {seconds:.2f} |" for words, seconds in clock["seconds"].items()),
    )


def real_table(runs: dict[str, dict]) -> str:
    """The section of the real table, empty when it was not measured."""
    if not runs:
        return ""
    table = markdown(pd.DataFrame({"accuracy": summarised(pd.DataFrame([run["accuracy"] for run in runs.values()]))}))
    n_rows = next(iter(runs.values()))["rows"]
    words = f"{n_rows} banks, three inputs and three outputs, classes of equal size, 5 folds; seeds {', '.join(runs)}."
    return f"## A real table\n\n{words}\n\n{table}\n"


def summarised(both: pd.DataFrame) -> pd.Series:
    """Mean and spread over seeds of each method."""
    spread = both.std() if len(both) > 1 else both.iloc[0] * 0.0
    return pd.Series({name: f"{both[name].mean():.3f} ({spread[name]:.3f})" for name in both})


def markdown(table: pd.DataFrame) -> str:
    """A table with row names."""
    lines = ["| | " + " | ".join(table.columns) + " |", "|" + "---|" * (table.shape[1] + 1)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in table.itertuples())])


def main() -> None:
    """Measure what is missing and print or store the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="store the tables in docs/benchmarks/efficiency.md")
    parser.add_argument("--data", type=Path, help="folder that holds Rbenchmarking_banks1.csv")
    parser.add_argument("--store", type=Path, help="folder of what was measured, one file for each part and seed")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS, help="parts (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="(default: %(default)s)")
    options = parser.parse_args()
    measured = known(options.store)
    for part in options.only:
        if part == "banks" and options.data is None:
            continue
        seeds = [0] if part == "times" else range(options.first_seed, options.first_seed + options.seeds)
        for seed in map(str, seeds):
            if seed in measured.setdefault(part, {}):
                continue
            found = measure(part, int(seed), options.data)
            measured[part][seed] = found
            print(part, seed, json.dumps(found), flush=True)
            if options.store:
                options.store.mkdir(parents=True, exist_ok=True)
                (options.store / f"{part}-{seed}.json").write_text(json.dumps(found, indent=1))
    text = page(measured)
    print(text)
    if options.write:
        TARGET.write_text(text)


def measure(part: str, seed: int, data: Path | None) -> dict[str, object]:
    """One part for one seed."""
    versions = {"versions": f"Python {platform.python_version()}, scikit-learn {sklearn.__version__}"}
    if part == "times":
        return times() | versions
    return (banks(data, seed) if part == "banks" else branches(part, seed)) | versions


def known(folder: Path | None) -> dict[str, dict[str, dict]]:
    """What the files of a folder hold, by part and seed."""
    found: dict[str, dict[str, dict]] = {}
    for file in sorted(folder.glob("*-*.json")) if folder else []:
        part, seed = file.stem.split("-")
        if part in PARTS:
            found.setdefault(part, {})[seed] = json.loads(file.read_text())
    return found


if __name__ == "__main__":
    main()
