"""ModularDCM on Asia, Insurance and Alarm with hidden roots: what it costs, and how far its answers are off.

Run ``python benchmarks/bench_dcm_networks.py --networks FOLDER`` to print the table, with ``--write`` to write
docs/benchmarks/dcm_networks.md; FOLDER is what ``benchmarks/peers/get_causal_networks.sh FOLDER`` made. The runs are
kept and go on where they were.
"""

import argparse
import json
import platform
import time
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from dcm_study.models import distance
from dcm_study.networks import Network
from modpart.causal import ModularDCM

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "dcm_networks.md"
STORE = Path(__file__).parent / "dcm_study" / "networks.jsonl"
N_ROWS, N_DRAWS, N_QUERIES, FEWEST = 20_000, 100_000, 20, 100
HIDDEN = {
    "asia": ["smoke"],
    "insurance": ["Age", "Mileage"],
    "alarm": ["INTUBATION", "LVFAILURE", "HYPOVOLEMIA", "KINKEDTUBE"],
}
LOSSES = {"adversarial": "wgan-gp", "auto": "auto"}

PAGE = """\
# Deep causal models of known networks

Python {python}, torch {torch}, one thread. Made by `python benchmarks/bench_dcm_networks.py --write`; the machine was
shared, so seconds are processor time.

Three published networks (from the pgmpy package, read by `benchmarks/peers/get_causal_networks.sh`), some of whose
roots are hidden: {hidden}.
{n_rows:,} rows of the others are given to the model. *Marginals*: total variation distance between the law of a pair of
variables in {n_draws:,} draws and in as many rows of the network, in the mean and in the worst pair. *Queries*:
{n_queries} pairs, drawn at random among those with X a cause of Y and P(Y | do(X)) identifiable; distance to the exact
law, mean over the values of X that at least {fewest} rows have; *naive* is P(y | x) in the data.

| network (observed) | model | seconds | marginals, mean | worst | queries, mean | worst | naive, mean |
|---|---|---|---|---|---|---|---|
{rows}
"""


def laws(table: pd.DataFrame, sizes: dict[str, int]) -> dict[tuple[str, str], np.ndarray]:
    columns = {name: table[name].to_numpy() for name in table}
    return {
        (a, b): np.bincount(columns[a] * sizes[b] + columns[b], minlength=sizes[a] * sizes[b]) / len(table)
        for a, b in combinations(table, 2)
    }


def measure(folder: Path, name: str, loss: str, seed: int) -> dict:
    network = Network(folder / f"{name}.bif")
    graph = network.hidden_graph(HIDDEN[name])
    sizes = {v: len(states) for v, states in network.states.items()}
    data = network.sample(N_ROWS, 10 + seed)[list(graph.nodes)]
    start = time.process_time()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = ModularDCM(graph, loss=LOSSES[loss], random_state=seed, device="cpu").fit(data)
    seconds = time.process_time() - start
    drawn = model.sample(N_DRAWS, random_state=seed)[list(data)]
    true = laws(network.sample(N_DRAWS, 1000 + seed)[list(data)], sizes)
    gaps = [distance(law, true[pair]) for pair, law in laws(drawn, sizes).items()]
    rng = np.random.default_rng(seed)
    pairs = [(x, y) for x in graph.order for y in sorted(graph.descendants(x)) if x != y and graph.identify(y, do=x)]
    errors, naive = [], []
    for i in sorted(rng.choice(len(pairs), min(N_QUERIES, len(pairs)), replace=False)):
        x, y = pairs[i]
        here: list[tuple[float, float]] = []
        for value, count in data[x].value_counts().items():
            if count >= FEWEST:
                exact = network.distribution([y], {x: int(value)})
                rows = model.sample(N_DRAWS, variables=y, do={x: value}, random_state=seed)[y]
                seen = data[y][data[x] == value]
                shares = [np.bincount(part, minlength=sizes[y]) / len(part) for part in (rows, seen)]
                here.append((distance(shares[0], exact), distance(shares[1], exact)))
        errors.append(float(np.mean([e for e, _ in here])))
        naive.append(float(np.mean([e for _, e in here])))
    return {
        "network": name,
        "nodes": len(graph),
        "model": loss,
        "seed": seed,
        "seconds": round(seconds, 1),
        "marginals": [float(np.mean(gaps)), max(gaps)],
        "errors": errors,
        "naive": naive,
        "warnings": sorted({str(w.message)[:80] for w in said}),
    }


def stored() -> list[dict]:
    return [json.loads(line) for line in STORE.read_text().splitlines()] if STORE.exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=Path, help="folder of the .bif files")
    parser.add_argument("--only", nargs="*", default=list(HIDDEN), choices=list(HIDDEN))
    parser.add_argument("--models", nargs="*", default=list(LOSSES), choices=list(LOSSES))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--write", action="store_true", help=f"write {TARGET.name}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    done = {(run["network"], run["model"], run["seed"]) for run in stored()}
    for name in options.only if options.networks else []:
        for seed in range(options.seeds):
            for model in options.models:
                if (name, model, seed) not in done:
                    run = measure(options.networks, name, model, seed)
                    with STORE.open("a") as file:
                        file.write(json.dumps(run) + "\n")
                    print(run, flush=True)
    runs, rows = pd.DataFrame(stored()), []
    for (name, nodes, model), part in runs.groupby(["network", "nodes", "model"], sort=False):
        errors, naive = np.concatenate(part["errors"].to_list()), np.concatenate(part["naive"].to_list())
        mean, worst = np.mean(part["marginals"].to_list(), axis=0)
        rows.append(
            f"| {name} ({nodes}) | {model} | {part['seconds'].mean():.0f} | {mean:.4f} | {worst:.4f} "
            f"| {errors.mean():.4f} | {errors.max():.4f} | {naive.mean():.4f} |"
        )
    page = PAGE.format(
        python=platform.python_version(),
        torch=torch.__version__,
        hidden="; ".join(f"{name}: {', '.join(roots)}" for name, roots in HIDDEN.items()),
        n_rows=N_ROWS,
        n_draws=N_DRAWS,
        n_queries=N_QUERIES,
        fewest=FEWEST,
        rows="\n".join(rows),
    )
    print(page)
    if options.write:
        TARGET.write_text(page)


if __name__ == "__main__":
    main()
