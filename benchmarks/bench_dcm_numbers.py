"""ModularDCM on numbers with hidden causes, by likelihood and by critic: how far Y | do(x) is from the truth.

Run ``python benchmarks/bench_dcm_numbers.py`` to add the runs that are missing to the store and print the page, with
``--write`` to write docs/benchmarks/dcm_numbers.md. ``--store FILE`` keeps runs elsewhere, and ``--collect FOLDER``
adds those of all numbers-*.jsonl there to the store.
"""

import argparse
import platform
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from dcm_study import store
from dcm_study.curves import WORLDS
from modpart.causal import ModularDCM

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "dcm_numbers.md"
STORE = Path(__file__).parent / "dcm_study" / "numbers.jsonl"
N_ROWS, N_DRAWS, N_TRUE, NEAR = 10_000, 50_000, 100_000, 400
LOSSES = {"auto": "auto", "adversarial": "wgan-gp"}

PAGE = """\
# Deep causal models of numbers

{where}; one thread. Made by `python benchmarks/bench_dcm_numbers.py --write`; seconds are processor time.

{n_rows:,} rows with a hidden cause are given to `ModularDCM(graph)` (*adversarial*) and to `ModularDCM(graph,
loss="auto")`, which takes the likelihood for columns of numbers. The error is the Wasserstein distance between
{n_draws:,} draws of Y | do(X = x) and as it truly is, mean over the deciles 1, 3, 5, 7 and 9 of X (both values in *two
groups*); *naive* is that of the {near} rows nearest to x. *Overlap* is what `fit_report()` says of the worst module:
the share of what it is asked about that the data cover; below 0.8 the fit warns. Median over seeds, in brackets their
number.

| world | naive | {columns} | overlap |
|---|---|{lines}---|
{rows}

Where Z hardly varies by itself, nothing tells its effect from that of X: no method can answer there, and the distance
of the sampled rows to the data does not show it. The overlap does.

The critic is behind the likelihood in every world, and on the napkin no nearer to the truth than *naive*. A fit by the
critic of numbers that share hidden causes therefore warns, and names `loss="auto"`.
"""


def wasserstein(first: pd.Series, second: pd.Series) -> float:
    places = np.linspace(0.0005, 0.9995, 1000)
    return float(np.abs(np.quantile(first, places) - np.quantile(second, places)).mean())


def measure(name: str, loss: str, seed: int) -> store.Run:
    graph, world = WORLDS[name]
    data = world(N_ROWS, 1 + seed, None)
    start = time.process_time()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = ModularDCM(graph, loss=LOSSES[loss], random_state=seed, device="cpu").fit(data)
    seconds = time.process_time() - start
    states = data["X"].nunique() == 2
    errors, naive = [], []
    for dose in [0, 1] if states else data["X"].quantile([0.1, 0.3, 0.5, 0.7, 0.9]):
        truth = world(N_TRUE, 1000 + seed, dose)["Y"]
        near = data["Y"][data["X"] == dose] if states else data["Y"][(data["X"] - dose).abs().argsort()[:NEAR]]
        drawn = model.sample(N_DRAWS, variables="Y", do={"X": dose}, random_state=seed)["Y"]
        errors.append(wasserstein(drawn, truth))
        naive.append(wasserstein(near, truth))
    return {
        "world": name,
        "model": loss,
        "seed": seed,
        "errors": errors,
        "naive": naive,
        "seconds": round(seconds, 1),
        "overlap": round(float(model.fit_report()["overlap"].min()), 3),
        "warnings": sorted({type(w.message).__name__ for w in said}),
        "where": f"Python {platform.python_version()}, torch {torch.__version__}",
    }


def place(run: store.Run) -> tuple[int, int, int]:
    return list(WORLDS).index(run["world"]), list(LOSSES).index(run["model"]), run["seed"]


def page_of(runs: list[store.Run]) -> str:
    rows = []
    for world in WORLDS:
        here = [run for run in runs if run["world"] == world]
        if not here:
            continue
        naive = np.median([np.mean(run["naive"]) for run in here])
        cells = []
        for loss in LOSSES:
            part = [run for run in here if run["model"] == loss]
            error = np.median([np.mean(run["errors"]) for run in part]) if part else np.nan
            seconds = np.median([run["seconds"] for run in part]) if part else np.nan
            told = [f"{error:.3f}, {naive / error:.1f} times less ({len(part)})", f"{seconds:.0f}"]
            cells += told if part else ["not run", ""]
        overlap = np.median([run["overlap"] for run in here if run["model"] == "auto"] or [np.nan])
        rows.append(f"| {world} | {naive:.3f} | {' | '.join(cells)} | {overlap:.2f} |")
    return PAGE.format(
        where="; ".join(sorted({run["where"] for run in runs})),
        n_rows=N_ROWS,
        n_draws=N_DRAWS,
        near=NEAR,
        columns=" | ".join(f"{loss} | seconds" for loss in LOSSES),
        lines="---|---|" * len(LOSSES),
        rows="\n".join(rows),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", nargs="*", default=list(WORLDS), choices=list(WORLDS))
    parser.add_argument("--models", nargs="*", default=list(LOSSES), choices=list(LOSSES))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--store", type=Path, default=STORE, help="file of runs to add to")
    parser.add_argument("--collect", type=Path, help="run nothing; add the runs of a folder to the store")
    parser.add_argument("--write", action="store_true", help=f"write {TARGET.name}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.collect:
        store.collect(options.collect, "numbers-*.jsonl", STORE, place)
        options.worlds = []
    done = {place(run) for run in store.read(options.store)}
    for name in options.worlds:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            for loss in options.models:
                if place({"world": name, "model": loss, "seed": seed}) not in done:
                    run = measure(name, loss, seed)
                    store.add(options.store, run)
                    print(run, flush=True)
    page = page_of(store.read(options.store))
    print(page)
    if options.write:
        TARGET.write_text(page)


if __name__ == "__main__":
    main()
