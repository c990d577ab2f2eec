"""ModularDCM on Asia, Insurance, Alarm and graphs of 40 nodes: what it costs, and how far its answers are off.

Run ``python benchmarks/bench_dcm_networks.py --networks FOLDER`` to print the table, with ``--write`` to write
docs/benchmarks/dcm_networks.md; FOLDER is what ``benchmarks/peers/get_causal_networks.sh FOLDER`` made; graphs of 10
and 40 nodes drawn at random need none. The runs are kept and go on; ``--store FILE`` keeps them elsewhere,
and ``--collect FOLDER`` adds those of all networks-*.jsonl there to the store.
"""

import argparse
import platform
import time
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from dcm_study import store
from dcm_study.models import TableModel, distance, grown_graph
from dcm_study.networks import Network
from modpart.causal import CausalGraph, ModularDCM

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "dcm_networks.md"
STORE = Path(__file__).parent / "dcm_study" / "networks.jsonl"
N_ROWS, N_DRAWS, N_QUERIES, FEWEST = 20_000, 100_000, 20, 100
HIDDEN = {
    "asia": ["smoke"],
    "insurance": ["Age", "Mileage"],
    "alarm": ["INTUBATION", "LVFAILURE", "HYPOVOLEMIA", "KINKEDTUBE"],
}
GROWN = {"10 nodes": 10, "40 nodes": 40}
MISLED, APART = 0.02, 10  # asked of a grown graph: P(y | x) is off by as much, and X is at most so many nodes before Y
LOSSES = {"adversarial": "wgan-gp", "auto": "auto"}

PAGE = """\
# Deep causal models of known networks, and of many nodes

{where}; one thread. Made by `python benchmarks/bench_dcm_networks.py --write`. Several ran side by side, so seconds are
processor time.

{n_rows:,} rows are given to the model. *Marginals*: total variation distance between the law of a pair of variables in
{n_draws:,} draws and in as many rows of the network, in the mean and in the worst pair. *Queries*: distance of
P(Y | do(X)) to the exact law, mean over the values of X that at least {fewest} rows have; *naive* is P(y | x) in the
data.

- Three published networks (from the pgmpy package, read by `benchmarks/peers/get_causal_networks.sh`), some of whose
  roots are hidden: {hidden}. Asked are {n_queries} pairs, drawn at random among those with X a cause of Y and
  P(Y | do(X)) identifiable.
- Graphs of 10 and of 40 nodes that are alike locally: each node has one or two parents among the three before it, and
  every fourth a hidden cause in common with one of the three before; three states, rows of the tables Dirichlet(0.2)
  mixed with a tenth of the uniform law. Asked are at most {n_queries} such pairs for which P(y | x) is off by at
  least {misled}, and which are at most {apart} nodes apart, so that both sizes are asked alike; another graph for each
  seed.

| network (observed) | model | seeds | seconds | marginals, mean | worst | queries, mean | worst | naive, mean |
|---|---|---|---|---|---|---|---|---|
{rows}

{growth}

One run of *adversarial*, on the second graph of 40 nodes, is of the training before the context of a module was taken
from the data; all others are of the present one.
"""


def laws(table: pd.DataFrame, sizes: dict[str, int]) -> dict[tuple[str, str], np.ndarray]:
    columns = {name: table[name].to_numpy() for name in table}
    return {
        (a, b): np.bincount(columns[a] * sizes[b] + columns[b], minlength=sizes[a] * sizes[b]) / len(table)
        for a, b in combinations(table, 2)
    }


def world(folder: Path | None, name: str, seed: int) -> tuple[Network | TableModel, CausalGraph]:
    """What rows are drawn from, and the graph of the variables that are observed."""
    if name in GROWN:
        model = TableModel(grown_graph(GROWN[name], seed), 3, seed, 0.2)
        return model, model.graph
    network = Network(Path(folder or ".") / f"{name}.bif")
    return network, network.hidden_graph(HIDDEN[name])


def questions(source: Network | TableModel, graph: CausalGraph, seed: int) -> list[tuple[str, str]]:
    pairs = [(x, y) for x in graph.order for y in sorted(graph.descendants(x)) if x != y and graph.identify(y, do=x)]
    if isinstance(source, TableModel):
        place = {v: i for i, v in enumerate(graph.nodes)}
        near = [(x, y) for x, y in pairs if place[y] - place[x] <= APART]
        pairs = [(x, y) for x, y in near if source.misled(y, x, "naive") >= MISLED]
    chosen = np.random.default_rng(seed).choice(len(pairs), min(N_QUERIES, len(pairs)), replace=False)
    return [pairs[i] for i in sorted(chosen)]


def measure(folder: Path | None, name: str, loss: str, seed: int) -> store.Run:
    source, graph = world(folder, name, seed)
    sizes = {v: source.size(v) for v in graph.nodes}
    data = source.sample(N_ROWS, 10 + seed)[list(graph.nodes)]
    start = time.process_time()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = ModularDCM(graph, loss=LOSSES[loss], random_state=seed, device="cpu").fit(data)
    seconds = time.process_time() - start
    drawn = model.sample(N_DRAWS, random_state=seed)[list(data)]
    true = laws(source.sample(N_DRAWS, 1000 + seed)[list(data)], sizes)
    gaps = [distance(law, true[pair]) for pair, law in laws(drawn, sizes).items()]
    errors, naive = [], []
    for x, y in questions(source, graph, seed):
        here: list[tuple[float, float]] = []
        for value, count in data[x].value_counts().items():
            if count >= FEWEST:
                exact = source.distribution([y], {x: int(value)})
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
        "where": f"Python {platform.python_version()}, torch {torch.__version__}",
    }


def place(run: store.Run) -> tuple[int, int, int]:
    return [*HIDDEN, *GROWN].index(run["network"]), list(LOSSES).index(run["model"]), run["seed"]


def growth(runs: list[store.Run]) -> str:
    """How the error of a model grows with the graph."""
    lines = []
    for loss in LOSSES:
        found = {
            name: [e for run in runs if run["network"] == name and run["model"] == loss for e in run["errors"]]
            for name in GROWN
        }
        if all(found.values()):
            few, many = (float(np.mean(errors)) for errors in found.values())
            lines.append(
                f"By *{loss}* the mean error is {few:.4f} at 10 nodes and {many:.4f} at 40, {many / few:.1f} times."
            )
    return "\n".join(lines)


def page_of(runs: list[store.Run]) -> str:
    rows = []
    for (name, nodes, model), part in pd.DataFrame(runs).groupby(["network", "nodes", "model"], sort=False):
        errors, naive = np.concatenate(part["errors"].to_list()), np.concatenate(part["naive"].to_list())
        gaps = np.array(part["marginals"].to_list())
        label = name if name in GROWN else f"{name} ({nodes})"
        rows.append(
            f"| {label} | {model} | {len(part)} | {part['seconds'].mean():.0f} | {gaps[:, 0].mean():.4f} "
            f"| {gaps[:, 1].max():.4f} | {errors.mean():.4f} | {errors.max():.4f} | {naive.mean():.4f} |"
        )
    return PAGE.format(
        where="; ".join(sorted({run["where"] for run in runs if "where" in run})),
        hidden="; ".join(f"{name}: {', '.join(roots)}" for name, roots in HIDDEN.items()),
        n_rows=N_ROWS,
        n_draws=N_DRAWS,
        n_queries=N_QUERIES,
        fewest=FEWEST,
        misled=MISLED,
        apart=APART,
        rows="\n".join(rows),
        growth=growth(runs),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=Path, help="folder of the .bif files")
    parser.add_argument("--only", nargs="*", default=[*HIDDEN, *GROWN], choices=[*HIDDEN, *GROWN])
    parser.add_argument("--models", nargs="*", default=list(LOSSES), choices=list(LOSSES))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--store", type=Path, default=STORE, help="file of runs to add to")
    parser.add_argument("--collect", type=Path, help="run nothing; add the runs of a folder to the store")
    parser.add_argument("--write", action="store_true", help=f"write {TARGET.name}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.collect:
        store.collect(options.collect, "networks-*.jsonl", STORE, place)
        options.only = []
    done = {place(run) for run in store.read(options.store)}
    for name in [name for name in options.only if options.networks or name in GROWN]:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            for model in options.models:
                if place({"network": name, "model": model, "seed": seed}) not in done:
                    run = measure(options.networks, name, model, seed)
                    store.add(options.store, run)
                    print(run, flush=True)
    page = page_of(store.read(options.store))
    print(page)
    if options.write:
        TARGET.write_text(page)


if __name__ == "__main__":
    main()
