"""The page: one table for each part, means over seeds, and where end-to-end training wins."""

import json
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["PARTS", "Measured", "collected", "page"]

Measured = dict[str, dict[str, Any]]  # by part and seed

HEAD = """\
# Networks trained in pieces

Made by `python benchmarks/bench_schedules.py --write`. Times, and accuracies of Deep Incubation, of distillation and of
NeMo, were measured with Python {python}, scikit-learn {sklearn} and torch {torch}, the rest with Python 3.12 and torch
2.11 on another machine.
Digits, 70 % of the rows to train, 30 % to judge; every number is the mean over seeds with its standard deviation. A
seed draws the split, the start weights and the batches, and arms of one table share all three. Defaults were chosen on
other seeds (100 and above) than those that judge. Accuracies are in percent. Seconds are those of the phases, of one
thread: compare them within one table.
"""

PARTS = {
    "incubation": (
        "Deep Incubation: residual net of 4 modules of 4 blocks",
        "*Independent* modules come from four nets that were trained end to end.",
        ["accuracy", "steps"],
    ),
    "incubation200": ("Deep Incubation with 200 rows", "", ["accuracy", "steps"]),
    "times": (
        "Time of Deep Incubation",
        "Better of two runs. *Critical path*: with a worker for each module, the slowest phase of each stage.",
        ["seconds", "share"],
    ),
    "distillation": (
        "Distillation from module to module: students of 4 modules of 2 blocks",
        "10 epochs for each pair, 10 of fine-tuning. *Without the teacher*: the same steps with alpha = 0.",
        ["accuracy"],
    ),
    "distillation200": ("Distillation with 200 rows", "", ["accuracy"]),
    "local": (
        "Local training: 64-256-256-256-10",
        "40 epochs for each module and for the head; end-to-end training has 80 epochs, as many as one module and its "
        "head. *10 labels*: the head saw one label of each class (mean over five draws of the rows), while the hidden "
        "modules had learnt from which rows are of the same class, for all rows. *Zero rows*: share of rows without an "
        "active unit; *warned*: share of fits with a `CollapseWarning`.",
        ["accuracy", "10 labels", "zero rows", "warned"],
    ),
    "fusion": (
        "Fusion of two nets, 64-256-256-10",
        "Trained on the same rows from different start weights.",
        ["accuracy"],
    ),
    "partitions": (
        "Clusters of two nets, 64-100-100-10, brought together by fusion",
        "*Same cluster*: share of pairs of matched units whose clusters bear the same number, once numbers are matched "
        "too. *Paired by their answers*: the assignment with the largest correlations of hidden answers. *By chance*: "
        "units are paired at random (mean of 100 draws).",
        ["same cluster"],
    ),
    "attention": (
        "NeMo on a small vision transformer",
        "16 patches of 2 x 2 pixels, width 32, two blocks of four heads. *Accuracy*: of the net, or of the vote of ten "
        "modules, one for each class; *size*: mean share of the net's weights in a module, gates not counted. *Tuned*: "
        "ten epochs each. *At random*: as many units for each class as NeMo's modules have.",
        ["accuracy", "size"],
    ),
    "caching": (
        "A cache of what leading frozen slots answer",
        "Seconds of the phases with frozen slots, best of two for each phase. *Last phase*: share saved of that one. "
        "*Products*: share saved of the multiplications in products of matrices, counted by torch: what could be saved "
        "if nothing else took time.",
        ["cached", "not cached", "saved", "products saved", "last phase", "products of the last"],
    ),
}
PERCENT = {"accuracy", "10 labels", "zero rows", "warned", "saved", "last phase", "share", "same cluster", "size"}
PERCENT |= {"products saved", "products of the last"}


def collected(folders: list[Path]) -> Measured:
    """All that was stored in some folders as <anything>.<part>.json; a later folder takes precedence."""
    measured: Measured = {}
    for folder in folders:
        for part in PARTS:
            for file in sorted(folder.glob(f"*.{part}.json")):
                measured.setdefault(part, {}).update(json.loads(file.read_text()))
    return {part: dict(sorted(runs.items(), key=lambda run: int(run[0]))) for part, runs in measured.items()}


def page(measured: Measured, versions: dict[str, str], words: str = "") -> str:
    """Markdown of everything measured."""
    texts = [HEAD.format(**versions)]
    for part, (title, about, columns) in PARTS.items():
        if measured.get(part):
            texts.append(_section(title, about, columns, measured[part]))
        else:
            texts.append(f"## {title}\n\nNot measured.\n")
    return "\n".join([*texts, words] if words else texts)


def _section(title: str, about: str, columns: list[str], runs: dict[str, Any]) -> str:
    arms = list(next(iter(runs.values())))
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    for arm in arms:
        cells = [arm]
        for column in columns:
            values = [run[arm][column] for run in runs.values() if run[arm].get(column) is not None]
            cells.append(_cell(column, np.array(values)) if values else "")
        lines.append(cells)
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"## {title}\n\nSeed{'s' * (len(runs) > 1)} {', '.join(runs)}. {about}".rstrip() + f"\n\n{table}\n"


def _cell(column: str, values: np.ndarray) -> str:
    scale = 100 if column in PERCENT else 1
    mean = scale * values.mean()
    if column not in PERCENT:
        return f"{mean:.1f}"
    return f"{mean:.2f} ± {scale * values.std(ddof=1):.2f}" if len(values) > 1 else f"{mean:.2f}"
