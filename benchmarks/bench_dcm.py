"""ModularDCM beside its rivals: how far P(Y | do(X)) is from the truth, and what that costs.

Run ``python benchmarks/bench_dcm.py`` to add the runs that are missing to the store and print the tables, with
``--write`` to write docs/benchmarks/dcm.md, with ``--methods likelihood --seeds 1`` for a quicker look. The runs can be
stopped and go on where they were. To run in many places, ``--store FILE`` keeps runs elsewhere; ``--collect FOLDER``
adds those of all dcm-*.jsonl there to the store.
"""

import argparse
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch

from dcm_study import store
from dcm_study.gan_ncm import GanNcm
from dcm_study.models import TableModel, confounded_model, distance
from modpart.causal import CausalGraph, ModularDCM
from modpart.causal.graphs import IDENTIFIABLE

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "dcm.md"
STORE = Path(__file__).parent / "dcm_study" / "runs.jsonl"
N_ROWS, N_DRAWS, FIRST_SEED = 20_000, 200_000, 100
ALWAYS_RIGHT = ("m-graph", "verma", "confounded mediator")  # P(y | x) is the answer there
SMALL = [name for name in IDENTIFIABLE if name not in ALWAYS_RIGHT]
# Graphs of seven to nine nodes: front-doors one after another, with covariates, side effects and more hidden causes.
LARGE = {
    "two front-doors": "X -> M -> S; X <-> S; S -> N -> Y; S <-> Y; C -> X; C -> S; D -> N",
    "long chain": "X -> A -> B -> C -> D -> Y; X <-> Y; W -> X; W -> Y",
    "covariates": "W1 -> X; W1 -> Y; W2 -> X; W2 -> Y; X -> Z -> Y; X <-> Y; W1 -> W2; Z -> S; Y -> T",
    "three mediators": "X -> A -> Y; X -> B -> Y; X -> C -> Y; X <-> Y; W -> X; W -> Y; A -> E; B -> F",
    "six steps": "X -> A -> B -> C -> D -> E -> F -> Y; X <-> Y",
    "two front-doors and a side effect": (
        "X -> M -> S; X <-> S; S -> N -> Y; S <-> Y; C -> X; C -> S; D -> N; N -> T; T <-> C"
    ),
    "napkin with covariates": "W -> R -> X -> Y; W <-> X; W <-> Y; C -> X; C -> Y; D -> R; Y -> T; X -> S",
    "three covariates": "C -> X; C -> Y; D -> X; D -> Y; E -> D; E <-> C; X -> M -> Y; M -> S; S <-> T; Y -> T",
    "mediators in a row": "X -> A -> B -> Y; X <-> Y; A -> S; B -> T; C -> X; C -> Y; D -> A",
    "chain of hidden causes": "X -> Z -> Y; X <-> Y; X <-> W; W -> Z; W <-> V; V -> S; S <-> T; T -> U; Z -> U",
    "mediators with causes": (
        "X -> A -> Y; X -> B -> Y; A -> B; X <-> Y; C -> A; C -> B; D -> Y; E -> X; E <-> D; B -> S"
    ),
    "conditional front-door and more": (
        "W -> X; W -> Z; W -> Y; X -> Z -> Y; X <-> Y; V -> W; Z -> S -> T; V <-> S; V -> U"
    ),
    "two treatments": "X -> Z -> Y; X <-> Y; Q -> P -> Y; Q <-> Y; Q -> X; C -> Q; C -> X; Y -> T; T -> U",
}
GRAPHS = {**{name: IDENTIFIABLE[name] for name in SMALL}, **LARGE}
MATTERS = ", causes matter"  # after a graph's name: models in which it is the hidden causes that mislead
MATTERING = [  # graphs on which that is common
    name + MATTERS
    for name in (
        "front-door",
        "napkin",
        "conditional front-door",
        "two mediators",
        "long front-door",
        "front-door with a confounder",
        "four hidden causes",
        "covariates",
        "three mediators",
        "three covariates",
        "mediators in a row",
        "mediators with causes",
        "conditional front-door and more",
    )
]

PAGE = """\
# Deep causal models

{where}; one thread. Made by `python benchmarks/bench_dcm.py --write` from the runs in
`benchmarks/dcm_study/runs.jsonl`. Many ran side by side, so seconds are processor time.

A model is drawn for each graph and seed: hidden causes of four states, three states for every variable, rows of the
tables Dirichlet(0.6) (0.2 where that confounds too little), mixed with a tenth of the uniform law, such that P(y | x)
is off by at least 0.05. Every method sees the same {n_rows:,} observational rows. The error is the total variation
distance between its P(Y | do(X = x)) and the exact one, mean over x; a network's answer is the share in {n_draws:,}
draws.

{methods}

{notes}

## Error by graph

Median over seeds, in brackets the number of seeds.

{errors}

## Largest error over x

{worst}

## Seconds of processor time

{seconds}

## Where the hidden causes matter

On some graphs P(y | x) misleads while a model without hidden causes does not: on three of those above it is right
whatever the hidden causes do, as adjusting for a covariate is. Here models are drawn the same way, but such that *no
confounding, limit* is off by at least 0.05.

{matters}

## Measured apart

On the machine of two cores, Python 3.11.7 and torch 2.13.0, while nothing else ran: the default on the napkin (seed 7)
14.0 s, with the module of Y frozen 3.4 s, 76 % less; on "two front-doors and a side effect" (seed 7, eight nodes and
the largest tables here) 49.1 s, and 30.8 s, 37 % less, since another module there is nearly as large as that of Y; on
"six steps" (seed 7) 51.3 s, the longest. A million draws of Y under do(X) from a model of eight discrete nodes took
0.45 s.
"""

WORDS = {
    "naive": "P(y | x) in the population",
    "plug-in": "the identified formula on the table of the data, the floor that a method without further assumptions "
    'can hope for; "no rows" where the data lack combinations that it needs',
    "likelihood": '`ModularDCM(graph, loss="auto")`',
    "adversarial": "`ModularDCM(graph)` as it comes",
    "no confounding": "the same on the graph without its bidirected edges",
    "no confounding, likelihood": '`loss="auto"` on that graph',
    "no confounding, limit": "the exact answer of that graph in the population, which no data improve on",
    "joint": '`ModularDCM(graph, mode="joint")` with as many steps as fit into the time that *adversarial* took there',
    "GAN-NCM": "our small re-implementation, in that time too",
    "frozen": "*adversarial* once more with the module of Y taken from a first fit and frozen; seconds of the second",
}


class Study:
    """One graph, one seed: the data and the truth."""

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.seed = name, seed
        self.graph = CausalGraph(GRAPHS[name.removesuffix(MATTERS)])
        wrong = "ignoring" if name.endswith(MATTERS) else "naive"
        self.model: TableModel = confounded_model(self.graph, 3, FIRST_SEED + 1000 * seed, wrong=wrong)
        self.data = self.model.sample(N_ROWS, seed)
        self.truth = self.model.answers("Y", "X")

    def errors(self, answers: Iterable[np.ndarray]) -> list[float]:
        return [distance(*pair) for pair in zip(answers, self.truth, strict=True)]


Result = tuple[list[float], float]  # errors by x, seconds


def naive(study: Study, budget: float) -> Result:
    return study.errors(study.model.naive("Y", "X")), 0.0


def limit(study: Study, budget: float) -> Result:
    return study.errors(study.model.ignoring("Y", "X")), 0.0


def plug_in(study: Study, budget: float) -> Result:
    start = time.process_time()
    graph = study.graph.subgraph(study.graph.ancestors("Y"))  # the rest is no part of the answer
    answer = graph.identify("Y", do="X").evaluate(study.data)
    spent = time.process_time() - start
    return study.errors(answer.loc[x].to_numpy() for x in range(3)), spent


def fitted(study: Study, graph: Any = None, **settings: Any) -> tuple[ModularDCM, float]:
    start = time.process_time()
    settings = {"random_state": study.seed, "device": "cpu"} | settings
    model = ModularDCM(graph or study.graph, **settings).fit(study.data)
    return model, time.process_time() - start


def modular(study: Study, graph: Any = None, **settings: Any) -> Result:
    model, spent = fitted(study, graph, **settings)

    def law(x: int) -> np.ndarray:
        rows = model.sample(N_DRAWS, variables="Y", do={"X": x}, random_state=0)["Y"]
        return rows.value_counts(normalize=True).reindex(range(3), fill_value=0.0).to_numpy()

    return study.errors(law(x) for x in range(3)), spent


def unconfounded(study: Study) -> CausalGraph:
    return CausalGraph(list(study.graph.directed), nodes=study.graph.nodes)


def joint(study: Study, budget: float) -> Result:
    _, trial = fitted(study, mode="joint", max_steps=50)
    return modular(study, mode="joint", max_steps=max(100, int(50 * budget / trial)))


def gan_ncm(study: Study, budget: float) -> Result:
    model = GanNcm(study.graph, budget, lr=2e-3, noise_dim=4, random_state=study.seed).fit(study.data)
    return study.errors(model.law("Y", {"X": x}, N_DRAWS) for x in range(3)), budget


def frozen(study: Study, budget: float) -> Result:
    model, _ = fitted(study)
    part = model.export_module("Y")
    return modular(study, modules={"Y": part}, frozen=part.nodes, random_state=100 + study.seed)


METHODS: dict[str, Callable[[Study, float], Result]] = {
    "naive": naive,
    "plug-in": plug_in,
    "likelihood": lambda study, _: modular(study, loss="auto"),
    "adversarial": lambda study, _: modular(study),
    "no confounding": lambda study, _: modular(study, unconfounded(study)),
    "no confounding, likelihood": lambda study, _: modular(study, unconfounded(study), loss="auto"),
    "no confounding, limit": limit,
    "joint": joint,
    "GAN-NCM": gan_ncm,
    "frozen": frozen,
}
TIMED = ("joint", "GAN-NCM")  # they get the time that "adversarial" took


def stored(file: Path) -> pd.DataFrame:
    return pd.DataFrame(store.read(file), columns=["graph", "seed", "method", "errors", "seconds", "where"])


def fill(file: Path, graphs: list[str], methods: list[str], seeds: Iterable[int], seconds: float) -> None:
    """Make the runs that are missing, until the time is over."""
    end = time.monotonic() + seconds
    done = {(run.graph, run.seed, run.method): run.seconds for run in stored(file).itertuples()}
    where = f"Python {platform.python_version()}, torch {torch.__version__}"
    for seed in seeds:
        for name in graphs:
            study = None
            for method in sorted(methods, key=list(METHODS).index):
                budget = done.get((name, seed, "adversarial"), 0.0)
                if (name, seed, method) in done or (method in TIMED and not budget) or time.monotonic() > end:
                    continue
                study = study or Study(name, seed)
                errors, spent = METHODS[method](study, budget)
                done[name, seed, method] = spent
                run = {"graph": name, "seed": seed, "method": method, "errors": errors, "seconds": round(spent, 2)}
                store.add(file, run | {"where": where})
                print(method, seed, name, f"{np.mean(errors):.4f} {max(errors):.4f} {spent:.1f} s", flush=True)


def place(run: store.Run) -> tuple[int, int, int]:
    """Where a run stands in the store."""
    return [*GRAPHS, *MATTERING].index(run["graph"]), run["seed"], list(METHODS).index(run["method"])


def table(runs: pd.DataFrame, value: Callable[[Any], float], digits: int, *, counts: bool = False) -> str:
    """Markdown: a row for each graph, a column for each method."""
    methods = [method for method in METHODS if method in set(runs["method"])]
    lines = ["| graph (nodes) | " + " | ".join(methods) + " |", "|---" * (len(methods) + 1) + "|"]
    for name in [*GRAPHS, *MATTERING]:
        if name not in set(runs["graph"]):
            continue
        cells = []
        for method in methods:
            chosen = runs[(runs["graph"] == name) & (runs["method"] == method)]
            shown = f"{median(value(run) for run in chosen.itertuples()):.{digits}f}" if len(chosen) else ""
            shown = shown.replace("nan", "no rows")
            cells.append(f"{shown} ({len(chosen)})" if counts and len(chosen) else shown)
        name = name.removesuffix(MATTERS)
        lines.append(f"| {name} ({len(CausalGraph(GRAPHS[name]))}) | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def described(runs: pd.DataFrame) -> str:
    """What each method is, and on how many of the graphs it was not run."""
    ran = runs.groupby("method")["graph"].nunique()
    most = runs["graph"].nunique()
    lines = [f"- *{method}*: {words}." for method, words in WORDS.items() if method in ran]
    partly = [f"*{method}* on {ran[method]}" for method in WORDS if ran.get(method, most) < most]
    if partly:
        lines.append(f"- Of {most} graphs ran {', '.join(partly)}; a cell is empty where a method was not run.")
    missing = [f"*{method}*" for method in WORDS if method not in ran]
    if missing:
        lines.append(f"- Run on none of these graphs, so nothing is claimed about them: {', '.join(missing)}.")
    return "\n".join(lines)


def by_seed(runs: pd.DataFrame, value: Callable[[Any], float]) -> pd.DataFrame:
    """A row for each graph and seed, a column for each method."""
    return runs.assign(value=[value(e) for e in runs["errors"]]).pivot(
        index=["graph", "seed"], columns="method", values="value"
    )


def ratios(error: pd.DataFrame, first: str, second: str) -> tuple[pd.Series, str]:
    """By graph, how many times as large the first method's median error is, on seeds that both have; and in words."""
    both = error[[first, second]].dropna().groupby("graph").median()
    ratio = both[first] / both[second]
    return (
        ratio,
        f"{ratio.median():.1f} times in the median graph, at least three on {(ratio >= 3).sum()} of {len(ratio)}",
    )


def notes(runs: pd.DataFrame) -> str:
    """What the tables say, counted; two methods are compared on the seeds that both have."""
    error, worst = by_seed(runs, np.mean), by_seed(runs, max)
    run, lines = set(error.columns), []
    for method in [name for name in ("adversarial", "likelihood") if name in run]:
        known, most = (x[method].dropna().groupby("graph").median() for x in (error, worst))
        within = int(((known <= 0.02) & (most <= 0.04)).sum())
        lines.append(
            f"- *{method}* has a mean error of at most 0.02 and a largest one of at most 0.04 on {within} "
            f"of {len(known)} graphs; its mean error is {known.median():.4f} in the median graph."
        )
        if "plug-in" in run:
            both = error[[method, "plug-in"]].dropna().groupby("graph").median()
            gap = both[method] - both["plug-in"]
            lines.append(
                f"- *{method}* is above the plug-in floor by {gap.median():.4f} in the median graph and by "
                f"{gap.max():.4f} at most; within 0.005 on {int((gap <= 0.005).sum())} of {len(gap)}."
            )
    sizes = {name: len(CausalGraph(text)) for name, text in GRAPHS.items()}
    for rival in [name for name in ("joint", "GAN-NCM") if name in run and "adversarial" in run]:
        ratio, _ = ratios(error, rival, "adversarial")
        large = [name for name in ratio.index if sizes[name] >= 8]
        lines.append(
            f"- *adversarial* has a smaller error than *{rival}* on {int((ratio > 1).sum())} of {len(ratio)} graphs, "
            f"on {int((ratio[large] > 1).sum())} of the {len(large)} that have eight nodes or more."
        )
    if {"frozen", "adversarial"} <= run:
        spent = runs.pivot(index=["graph", "seed"], columns="method", values="seconds")
        saved = 1 - (spent["frozen"] / spent["adversarial"]).dropna()
        gap = (error["frozen"] - error["adversarial"]).dropna()
        lines.append(
            f"- With the module of Y frozen a fit takes {saved.median():.0%} less time, and its error is larger by "
            f"{gap.median():.4f} in the median of {len(gap)} runs, by {gap.max():.4f} at most."
        )
    return "\n".join(lines + ignoring(error))


def ignoring(error: pd.DataFrame) -> list[str]:
    """How much worse a model is that ignores hidden causes, and how much worse it could be."""
    lines = [
        f"- Ignoring hidden causes, the error of *{method}* becomes {ratios(error, blind, method)[1]}."
        for blind, method in (("no confounding", "adversarial"), ("no confounding, likelihood", "likelihood"))
        if {blind, method} <= set(error.columns)
    ]
    if {"no confounding, limit", "plug-in"} <= set(error.columns):
        most = ratios(error, "no confounding, limit", "plug-in")[1]
        lines.append(f"- In the population that error is as large as the plug-in floor here {most}.")
    return lines


def page_of(runs: pd.DataFrame) -> str:
    def mean(run: Any) -> float:
        return float(np.mean(run.errors))

    mattering = runs["graph"].str.endswith(MATTERS)
    plain, matters = runs[~mattering], runs[mattering]
    second = "Not run yet."
    if len(matters):
        second = "\n".join([table(matters, mean, 4, counts=True), "", *ignoring(by_seed(matters, np.mean))])
    return PAGE.format(
        where="; ".join(sorted(set(runs["where"].dropna()))),
        n_rows=N_ROWS,
        n_draws=N_DRAWS,
        methods=described(runs),
        errors=table(plain, mean, 4, counts=True),
        worst=table(plain, lambda run: max(run.errors), 4),
        seconds=table(plain, lambda run: run.seconds, 1),
        notes=notes(plain),
        matters=second,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--graphs", nargs="*", default=[*GRAPHS, *MATTERING], choices=[*GRAPHS, *MATTERING])
    parser.add_argument("--seconds", type=float, default=1e9, help="start no run after this time")
    parser.add_argument("--store", type=Path, default=STORE, help="file of runs to add to")
    parser.add_argument("--collect", type=Path, help="run nothing; add the runs of a folder to the store")
    parser.add_argument("--write", action="store_true", help=f"write {TARGET.name}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.collect:
        store.collect(options.collect, "dcm-*.jsonl", STORE, place)
    else:
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        fill(options.store, options.graphs, options.methods, seeds, options.seconds)
    page = page_of(stored(options.store))
    print(page)
    if options.write:
        TARGET.write_text(page)


if __name__ == "__main__":
    main()
