"""Accuracy of a bag of partitions beside one model of the same family, random forest and boosting, on real tables.

Run ``python benchmarks/bench_tables.py --data FOLDER`` with a folder of tables as ``modpart.datasets.load_table`` reads
them (or with the environment variable MODPART_DATA); scikit-learn's diabetes is added. ``--write`` stores the page in
docs/benchmarks/tables.md, ``--seeds 1`` gives a quicker look, ``--tables servo plane`` measures a few and makes
no page, ``--families auto`` some. Every split is appended to the file ``--store`` and not measured again, so a run that
was stopped goes on where it was. Pieces may run anywhere, each with a file ``tables*.jsonl`` of its own; ``--collect
FOLDER`` makes the page of what is there, each family on the splits that it has.
The results behind the page are kept in benchmarks/partition_study/tables.jsonl, a store like any other, and
tables_notes.md beside it says by which state of the code.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures

from modpart.datasets import available_tables, load_table
from modpart.partition import BayesianExpert, PartitionedRegressor

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "benchmarks" / "tables.md"
NOTES = ROOT / "benchmarks" / "partition_study" / "tables_notes.md"
ALPHAS = np.logspace(-2, 5, 8)
LENGTH_SCALES = 2.0 ** np.arange(-1, 3)  # in units of the typical distance between rows
FAMILIES = ("linear", "quadratic", "flexible", "auto")
RIVALS: dict[str, Callable[..., Any]] = {"forest": RandomForestRegressor, "boosting": HistGradientBoostingRegressor}
MOST_ROWS = 3000
OUTLYING, MARGIN = 6.0, 0.1
CONTROL_ROWS = 400

PAGE = """\
# Real tables: a bag of partitions against one model

{tables} tables, random splits into 80 % training and 20 % test rows (seeds {splits}); {cores} cores,
Python {python}, scikit-learn {sklearn}. Made by `python benchmarks/bench_tables.py --data FOLDER --seeds {seeds}
--first-seed {first} --write`. The settings of the method were chosen on seeds 0 to 4, 100 to 104, 200 to 203 and 1000
to 1005 of the same tables, and on made and other small ones, so the page checks new splits, not new tables.

{notes}

Equal rows of a table are dropped, skillcraft is without its game id, kin40k is cut to {most} rows. Inputs and target
are standardised on the training rows, inputs clipped at 6 standard deviations, and all predictions, also those of the
rivals, at the range of the training targets +- 10 %.

## Against one model of the same family

`PartitionedRegressor(estimator, mode="accuracy")` as it comes. Test error (mean squared) over that of the same
`estimator` on all rows, geometric mean over splits, in brackets the worst split: below 1 the bag is better. *linear* is
`RidgeCV`, *quadratic* the same on squares and products, *flexible* on 150 random cosines beside the inputs, whose
length scale is chosen by cross-validation among four for the single model and kept for the experts; all have eight
penalties to choose from. *auto* is `estimator=None`, over the one of its own three single models (straight ridge,
quadratic ridge, `BayesianExpert`) that five-fold cross-validation of the training rows chooses. Parts are clones of
`estimator` and straight lines. *single kept* counts the splits where no partition is in use.

{ratios}

{summary}

## Against the best single model

Error of *auto* over that of a single model, geometric mean over splits and worst split: of the single model chosen by
cross-validation; of the one with the least error in the mean of all splits of a table; and of the one with the least
error on the very test rows, picked anew for each split. Nobody can know the last two beforehand. *choice* is the error
of the one chosen by cross-validation over the last.

{best}

## Against forest and boosting

Test error, the mean over the splits of the column; the variance of the target is 1. Both tree ensembles, measured on
the splits of *auto*, are scikit-learn's as they come.

{errors}

{verdict}

## One law left alone

The same on made tables of {control_rows} rows that one model of the family explains, or none: ratio to the single model
(worst split), in square brackets how often the single model was kept.

{controls}
"""


def flexible(scale: float, n_features: int) -> Any:
    """Ridge regression on the inputs and on random cosines of a length scale (Rahimi & Recht, 2007)."""
    gamma = 0.5 / (scale**2 * n_features)
    features = make_union(FunctionTransformer(), RBFSampler(gamma=gamma, n_components=150, random_state=0))
    return make_pipeline(features, RidgeCV(ALPHAS))


def same_family(family: str, X: np.ndarray, y: np.ndarray) -> Any:
    """The single model of a family, its length scale chosen on training rows."""
    if family == "linear":
        return RidgeCV(ALPHAS)
    if family == "quadratic":
        return make_pipeline(PolynomialFeatures(2, include_bias=False), RidgeCV(ALPHAS))
    candidates = [flexible(scale, X.shape[1]) for scale in LENGTH_SCALES]
    folds = KFold(3, shuffle=True, random_state=0)
    scores = [cross_val_score(model, X, y, cv=folds, scoring="neg_mean_squared_error").mean() for model in candidates]
    return candidates[int(np.argmax(scores))]


def tables(folder: str | None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Inputs and target of every table, without equal rows, small ones first."""
    found = {name: load_table(name, folder) for name in available_tables(folder)}
    found["diabetes"] = load_diabetes(return_X_y=True, as_frame=True)
    for name, (X, y) in found.items():
        X = X.drop(columns="x0") if name == "skillcraft" else X  # a game id
        rows = (
            pd.concat([X, y], axis=1).drop_duplicates().to_numpy(np.float64)[: MOST_ROWS if name == "kin40k" else None]
        )
        found[name] = rows[:, :-1], rows[:, -1]
    return dict(sorted(found.items(), key=lambda item: len(item[1][1])))


def split(X: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """Standardised training inputs and target, test inputs and target."""
    order = np.random.default_rng(seed).permutation(len(X))
    test, train = order[: len(X) // 5], order[len(X) // 5 :]
    mean, sd = X[train].mean(axis=0), X[train].std(axis=0)
    Z = np.clip((X - mean) / np.where(sd > 0, sd, 1.0), -OUTLYING, OUTLYING)
    target = (y - y[train].mean()) / y[train].std()
    return Z[train], target[train], Z[test], target[test]


def chosen(kinds: list[Any], X: np.ndarray, y: np.ndarray, seed: int) -> int:
    """The kind of model with the least cross-validated error, predictions cut at the range of the target."""
    folds, margin = KFold(5, shuffle=True, random_state=seed), MARGIN * np.ptp(y)
    held_out = [np.clip(cross_val_predict(kind, X, y, cv=folds), y.min() - margin, y.max() + margin) for kind in kinds]
    return int(np.argmin([np.mean((predictions - y) ** 2) for predictions in held_out]))


def judge(X: np.ndarray, y: np.ndarray, seed: int, families: tuple[str, ...]) -> dict[str, Any]:
    """Test errors of everything on one split."""
    train, target, test, truth = split(X, y, seed)
    margin = MARGIN * np.ptp(target)

    def error(model: Any) -> float:
        predictions = np.clip(model.predict(test), target.min() - margin, target.max() + margin)
        return float(np.mean((predictions - truth) ** 2))

    found: dict[str, Any] = {}
    for family in families:
        start = process_time()
        if family == "auto":
            kinds = [same_family("linear", train, target), same_family("quadratic", train, target)]
            kinds.append(BayesianExpert(random_state=seed))
            estimator = None
        else:
            estimator = same_family(family, train, target)
            kinds = [estimator]
        bag, fit = timed(
            PartitionedRegressor(estimator=estimator, mode="accuracy", random_state=seed).fit, train, target
        )
        best, cv = timed(chosen, kinds, train, target, seed) if len(kinds) > 1 else (0, 0.0)
        found[family] = {
            "singles": [error(clone(kind).fit(train, target)) for kind in kinds],
            "chosen": best,
            "bag": error(bag),
            "kept": bag.n_partitions_ == 1,
            "seconds": process_time() - start,
            "fit": fit,
            "cv": cv,
        }
    for name, rival in RIVALS.items():
        found[name] = error(rival(random_state=seed).fit(train, target))
    return found


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """What a call returns, and its seconds of the processor."""
    start = process_time()
    return function(*arguments), process_time() - start


def of_family(results: dict[str, list[dict[str, Any]]], *families: str) -> dict[str, list[dict[str, Any]]]:
    """The runs of every table that has some with these families."""
    found = {name: [run for run in runs if all(own in run for own in families)] for name, runs in results.items()}
    return {name: runs for name, runs in found.items() if runs}


def geometric(values: list[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def markdown(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def ratios(runs: list[dict[str, Any]], family: str) -> list[float]:
    return [run[family]["bag"] / run[family]["singles"][run[family]["chosen"]] for run in runs]


def best_of(results: dict[str, list[dict[str, Any]]]) -> str:
    """The family chosen by cross-validation against three readings of "the best single model"."""
    rows, means = [], []
    for name, runs in of_family(results, "auto").items():
        singles, bags = (
            np.array([run["auto"]["singles"] for run in runs]),
            np.array([run["auto"]["bag"] for run in runs]),
        )
        by_cv = np.array([own[run["auto"]["chosen"]] for own, run in zip(singles, runs, strict=True)])
        on_average = singles[:, singles.mean(axis=0).argmin()]
        on_test = singles.min(axis=1)
        columns = [bags / by_cv, bags / on_average, bags / on_test, by_cv / on_test]
        means.append([geometric(list(column)) for column in columns])
        rows.append([name, *(f"{m:.3f} ({max(column):.2f})" for m, column in zip(means[-1], columns, strict=True))])
    rows.append(["median", *(f"{value:.3f}" for value in np.median(means, axis=0))])
    rows.append(["worst", *(f"{value:.3f}" for value in np.max(means, axis=0))])
    return markdown(["table", "chosen by CV", "best on average", "best on the test rows", "choice"], rows)


def summary_of(results: dict[str, list[dict[str, Any]]]) -> str:
    """One line per family: median over the sets, worst set and split, sets with a gain, share of fallbacks."""
    rows = []
    for family in FAMILIES:
        of = of_family(results, family)
        runs = [run for own in of.values() for run in own]
        if not runs:
            continue
        per_set = [geometric(ratios(own, family)) for own in of.values()]
        worst = max(ratios(runs, family))
        kept = np.mean([run[family]["kept"] for run in runs])
        seconds = np.median([run[family]["seconds"] for run in runs])
        gains = f"{sum(value <= 0.9 for value in per_set)} of {len(per_set)}"
        figures = [geometric(per_set), np.median(per_set), max(per_set), worst]
        seeds = {run["seed"] for run in runs}
        splits = f"{min(seeds)}-{max(seeds)}"
        rows.append([family, splits, *(f"{value:.3f}" for value in figures), gains, f"{kept:.0%}", f"{seconds:.1f}"])
    head = ["family", "splits", "geometric mean", "median", "worst set", "worst split"]
    text = markdown([*head, "gain >= 10 %", "single kept", "seconds"], rows)
    text += "\n\nSeconds of the processor for one fit with its search, the median."
    times = [
        run["auto"]["fit"] / run["auto"]["cv"]
        for runs in results.values()
        for run in runs
        if "fit" in run.get("auto", {})
    ]
    if times:
        text += (
            f" A fit of *auto* takes {np.median(times):.0f} times as long as five-fold cross-validation of its three"
        )
        text += f" single models ({min(times):.0f} to {max(times):.0f})."
    return text


def controls() -> dict[str, Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]]:
    """Tables of one law, by name."""

    def inputs(rng: np.random.Generator) -> np.ndarray:
        return rng.normal(size=(CONTROL_ROWS, 6))

    def plane(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        X = inputs(rng)
        return X, X @ np.arange(1.0, 7.0) + 3.0 * rng.normal(size=len(X))

    def parabola(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        X = inputs(rng)
        return X, X[:, 0] ** 2 + X[:, 1] * X[:, 2] + X[:, 3] + 0.5 * rng.normal(size=len(X))

    def noise(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return inputs(rng), rng.normal(size=CONTROL_ROWS)

    def heavy_tails(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        X = inputs(rng)
        return X, X[:, 0] + rng.standard_t(2, size=CONTROL_ROWS)

    return {"plane": plane, "parabola": parabola, "noise": noise, "heavy tails": heavy_tails}


def verdict_of(mean: dict[str, dict[str, float]]) -> str:
    """Where the bag with the family chosen by cross-validation wins, and where forest or boosting still do."""
    against = {name: row["auto"] / min(row["forest"], row["boosting"]) for name, row in mean.items() if "auto" in row}
    wins = [f"{name} ({value:.2f})" for name, value in against.items() if value < 1.0]
    losses = [f"{name} ({value:.2f})" for name, value in against.items() if value >= 1.0]
    return (
        "Error of *auto* over the better of forest and boosting, which is picked on the test rows. Below 1 on "
        f"{len(wins)} of {len(against)}: {', '.join(wins) or 'none'}. Forest or boosting still win on: "
        f"{', '.join(losses) or 'none'}. Median {np.median(list(against.values())):.2f}."
    )


def main() -> None:
    """Measure every table and print or store the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder of the tables; without it MODPART_DATA names one")
    parser.add_argument("--write", action="store_true", help="store the page in docs/benchmarks/tables.md")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--tables", nargs="+", help="names of a few tables and controls")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    parser.add_argument("--store", type=Path, default=ROOT / "build" / "bench_tables.jsonl", help="file of the results")
    parser.add_argument("--collect", type=Path, help="folder of files of results measured elsewhere")
    arguments = parser.parse_args()
    data = tables(arguments.data)
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in [*data, *controls()]}
    path, elsewhere = arguments.store, arguments.collect.glob("**/tables*.jsonl") if arguments.collect else []
    path.parent.mkdir(parents=True, exist_ok=True)
    known: dict[tuple[int, str], dict[str, Any]] = {}
    for file in [*sorted(elsewhere), *([path] if path.exists() else [])]:
        for line in map(json.loads, file.read_text().splitlines()):
            known.setdefault((line["seed"], line["table"]), {"seed": line["seed"]}).update(line["run"])
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        made = {name: make(np.random.default_rng(seed)) for name, make in controls().items()}
        for name, (X, y) in {**data, **made}.items():
            if arguments.tables and name not in arguments.tables:
                continue
            run = known.get((seed, name), {"seed": seed})
            missing = tuple(family for family in arguments.families if family not in run)
            if missing and not arguments.collect:
                new = judge(X, y, seed, missing)
                with path.open("a") as file:
                    file.write(json.dumps({"seed": seed, "table": name, "run": new}) + "\n")
                run |= new
            results[name].append(run)
            measured = [family for family in FAMILIES if family in run]
            print(seed, name, *(f"{family} {ratios([run], family)[0]:.3f}" for family in measured), flush=True)
    if not arguments.tables:
        results = {name: [run for run in runs if len(run) > 1] for name, runs in results.items()}
        results = {name: runs for name, runs in results.items() if runs}
        data = {name: data[name] for name in data if name in results}
        text = page(data, results, arguments.first_seed)
        if arguments.write:
            TARGET.write_text(text)
        print(text)


def page(data: dict[str, Any], results: dict[str, list[dict[str, Any]]], first: int) -> str:
    """Everything measured so far."""
    on_tables = {name: results[name] for name in data}
    mean: dict[str, dict[str, float]] = {}
    for name in data:
        of = {family: of_family({name: results[name]}, family).get(name, []) for family in FAMILIES}
        row = {family: float(np.mean([run[family]["bag"] for run in runs])) for family, runs in of.items() if runs}
        mean[name] = row | {rival: float(np.mean([run[rival] for run in of["auto"]])) for rival in RIVALS if of["auto"]}
    seeds = sorted({run["seed"] for runs in results.values() for run in runs})
    sizes = {name: [len(X), X.shape[1]] for name, (X, _) in data.items()}
    controlled = [
        [name, *(cell(results[name], family, kept=True) for family in FAMILIES)]
        for name in controls()
        if name in results
    ]
    return PAGE.format(
        tables=len(data),
        seeds=seeds[-1] + 1 - first,
        first=first,
        splits=f"{seeds[0]} to {seeds[-1]}",
        notes=NOTES.read_text().strip(),
        cores=os.cpu_count(),
        python=platform.python_version(),
        sklearn=sklearn.__version__,
        most=MOST_ROWS,
        ratios=markdown(
            ["table", "rows", "inputs", *FAMILIES],
            [[name, *sizes[name], *(cell(runs, family) for family in FAMILIES)] for name, runs in on_tables.items()],
        ),
        summary=summary_of(on_tables),
        best=best_of(on_tables),
        errors=markdown(
            ["table", *(f"bag, {family}" for family in FAMILIES), "forest", "boosting"],
            [
                [name, *(f"{row[k]:.4f}" if k in row else "-" for k in (*FAMILIES, *RIVALS))]
                for name, row in mean.items()
            ],
        ),
        verdict=verdict_of(mean),
        control_rows=CONTROL_ROWS,
        controls=markdown(["control", *FAMILIES], controlled) if controlled else "Not run again after the last change.",
    )


def cell(runs: list[dict[str, Any]], family: str, *, kept: bool = False) -> str:
    """Geometric mean of the ratios, the worst, and how often the single model stood."""
    runs = [run for run in runs if family in run]
    if not runs:
        return "-"
    values = ratios(runs, family)
    count = f" [{sum(run[family]['kept'] for run in runs)} of {len(runs)}]" if kept else ""
    return f"{geometric(values):.3f} ({max(values):.2f}){count}"


if __name__ == "__main__":
    main()
