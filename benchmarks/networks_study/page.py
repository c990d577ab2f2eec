"""The page: one table for each part, means over seeds, with what each number means and where a control wins."""

from typing import Any

import numpy as np

__all__ = ["page"]

HEAD = """\
# Modular networks

Python {python}, scikit-learn {sklearn}, torch {torch}; GradSplitter with Python 3.12, torch 2.11 on another machine.
Made by `python benchmarks/bench_networks.py --write`.
Every number is the mean over seeds; the seeds behind each table stand above it. A seed draws the split, the start
weights and the batches, and arms of one table share all three. Thresholds are chosen on rows held out of the training
rows; test rows judge and choose nothing. Defaults were chosen on seeds 100 to 119, which no table uses. Accuracies and
sizes are in percent; *size* is the parameters of a module of one class by those of the net; *seconds* are processor
time of one thread on a busy machine: compare them within one table only.
"""

PARTS = {
    "modules": (
        "Modules of single classes (digits, 64-128-128-10)",
        "*Vote* is the answer of ten modules, each calibrated on training rows; for the whole nets `union` is the "
        "accuracy of nets cut out for 42 sets of two to eight classes, and `restricted` that of the whole net when it "
        "knows the set. Pixels run from 0 to 1 unless said otherwise. Below the trained nets stand the controls at "
        "MODA's size: the standard net cut by mean activation and by chance, MODA's by chance, ten small nets trained "
        "from scratch one against the rest, and one small net, whose spread over seeds says that on some it failed to "
        "train at all: a weak rival. Thresholds rest on 144 held-out rows, on which a tolerance of .3 points is less "
        "than one row. A net for a set also holds the units that its classes need together. Smaller modules share less "
        "and lose more: with one threshold for ten development nets, .9, .5, .3 or .2, unions fell .44, .30, .16 or "
        ".06 points short of the restricted net and took 11, 14, 17 or 20 % of the weights (.82, .39, .30, .16 points "
        "and 10, 13, 14, 16 % without the units needed together only), modules took 1.3, 1.6, 1.9 or 2.4 %, and their "
        "Jaccard index was .1, .3, 1.1 or 3.0 %. Alone on a machine, on one thread, "
        "six fits of MODA in turn with six of a plain net took 1.7 times as long in the median (1.2 to 1.8).",
        ["accuracy", "size", "overlap", "jaccard", "vote", "restricted", "union", "threshold", "seconds"],
    ),
    "gated": (
        "Methods with gates (digits)",
        "A module loses its gates when it is cut out. *Tuned*: ten epochs on training rows, fixed in advance. *Three "
        "classes*: mean over three unions.",
        ["accuracy", "size", "vote", "vote, tuned", "three classes", "three classes, tuned", "seconds"],
    ),
    "splitter": (
        "GradSplitter on a plain net (digits)",
        "The net is trained already and stays as it is; *seconds* are those of the switches alone.",
        ["accuracy", "size", "vote", "seconds"],
    ),
    "patching": (
        "A module in place of a class (digits)",
        "The weak net, 64-16-10, has seen five rows of one class; the module comes from a MODA net trained on the "
        "other half of the training rows. Mean over ten classes.",
        ["recall of the class", "accuracy on the others"],
    ),
    "signals": (
        "Thresholds (sliding signals, 40-128-128-10)",
        "Units fire for few rows of a class here; 300 epochs, since modules of 150 are half as large again.",
        ["accuracy", "size", "vote", "restricted", "union", "threshold", "seconds"],
    ),
    "images": (
        "Convolutions with batch normalisation, and residual blocks (digits)",
        "",
        ["accuracy", "size", "jaccard", "vote", "restricted", "union", "threshold", "seconds"],
    ),
    "clusters": (
        "Clusters of units (digits, 64-64-64-10, k = 4)",
        "*C* is the share of squared weight inside the clusters of the training, *found* what a search finds for any "
        "net, *null* the same for shuffled weights; 1/k is 25. *Gap* is the accuracy lost when all weights between "
        "clusters are cut, *alone* and *without* the accuracy of the cut net with one cluster alone and without it. "
        "All arms take the same steps of Adam.",
        ["accuracy", "C", "found", "null", "gap", "alone", "without", "balance", "sum error", "seconds"],
    ),
    "circuits": (
        "Circuits of single classes (digits, 64-64-64-10)",
        "The fewest weights that keep the balanced accuracy of one class against the rest, to one point, on training "
        "rows; both accuracies are those on test rows. *By chance* is the Jaccard index of two circuits of these sizes "
        "that have nothing to do with one another. *Seconds* are those of the search.",
        ["accuracy", "size", "balanced", "circuit", "worst circuit", "jaccard", "by chance", "seconds"],
    ),
    "symbolic": (
        "Formulas (100 rows, error on 1000 new ones)",
        "*Wires*: absolute weight above 0.01, for standardised inputs and outputs; *length*: sum of absolute weight "
        "times distance along the layer.",
        ["error", "wires", "length", "seconds"],
    ),
    "formulas": (
        "Other formulas (100 rows of three inputs, error on 1000 new ones)",
        "The preset as it is; no setting was chosen on these. *Wires* as above; an input that a formula does not hold "
        "is to be found out.",
        ["error", "wires", "seconds"],
    ),
    "placement": (
        "Moving units (layers of 64, 64, 64 and 10)",
        "The heaviest five units of each layer swap in turn: closed form, and the whole length computed anew for each "
        "candidate. *Assignment* gives all units of a layer their best places at once.",
        ["length", "ms", "ratio"],
    ),
    "addition": (
        "Addition in a ring of 31",
        "*Accuracy* on the fifth of all pairs (193) that training has not seen; *all right* counts the seeds without "
        "an error there; *dimensions* of the embedding, 32 at first, that reach a twentieth of the largest; *wires "
        "left* of those of the net. `Bimt(2e-5, locality=2, depth=0.5, slack=0, warmup=1/3)` takes 6,000 steps on all "
        "rows at a learning rate of .006; without a warm-up 10,000 steps at .002 were the best settings found. A rate "
        "of .004, or half the time to warm up at that rate, was as right on twelve development seeds.",
        ["accuracy", "all right", "training", "dimensions", "wires left", "seconds"],
    ),
    "rings": (
        "Other rings and operations",
        "The settings of addition in a ring of 31, unchanged; they were chosen on addition alone.",
        ["accuracy", "all right", "training", "dimensions", "wires left", "seconds"],
    ),
}
PERCENT = {
    *("accuracy", "size", "overlap", "jaccard", "vote", "restricted", "union", "C", "found", "null", "gap", "alone"),
    *("without", "vote, tuned", "three classes", "three classes, tuned", "recall of the class", "training"),
    *("wires left", "accuracy on the others", "balance", "balanced", "circuit", "worst circuit", "by chance"),
}


# Part, arm, its control, the number that decides, and whether the larger one wins.
RIVALS = [
    ("modules", "MODA", "standard", "accuracy", True),
    ("modules", "MODA, columns standardised", "standard, columns standardised", "accuracy", True),
    ("modules", "MODA", "MODA as published", "accuracy", True),
    ("modules", "MODA", "compactness only", "accuracy", True),
    ("modules", "MODA", "compactness only", "size", False),
    ("modules", "MODA", "standard, most active units", "vote", True),
    ("modules", "MODA", "ten nets, one against the rest", "vote", True),
    ("modules", "MODA", "one small net", "vote", True),
    ("images", "image net, moda", "image net, standard", "accuracy", True),
    ("images", "residual net, moda", "residual net, standard", "accuracy", True),
    ("clusters", "clusterability, balanced", "standard", "accuracy", True),
    ("clusters", "clusterability, balanced", "blocks from the start", "accuracy", True),
    ("clusters", "clusterability, balanced", "blocks from the start", "C", True),
    ("symbolic", "independence, BIMT", "independence, L1", "wires", False),
    ("symbolic", "sharing, BIMT", "sharing, L1", "wires", False),
    ("symbolic", "composition, BIMT", "composition, L1", "wires", False),
    ("symbolic", "composition, BIMT", "composition, L1", "length", False),
    ("formulas", "x1 x2 + sin(pi x3), BIMT", "x1 x2 + sin(pi x3), dense", "error", False),
    ("formulas", "(x1 + x2)^2, BIMT", "(x1 + x2)^2, dense", "error", False),
    ("formulas", "exp(-x1^2 - x2^2), x3, BIMT", "exp(-x1^2 - x2^2), x3, dense", "error", False),
    ("formulas", "x1 / (1 + x2^2), BIMT", "x1 / (1 + x2^2), dense", "error", False),
    ("addition", "BIMT after a warm-up", "BIMT, priced from the start", "accuracy", True),
    ("addition", "BIMT after a warm-up", "BIMT, priced from the start", "wires left", False),
]


def page(measured: dict[str, dict[str, Any]], versions: dict[str, str]) -> str:
    """Markdown of everything measured."""
    texts = [HEAD.format(**versions)]
    for part, (title, words, columns) in PARTS.items():
        if measured.get(part):
            texts.append(_section(title, words, columns, measured[part]))
    missing = [title for part, (title, *_) in PARTS.items() if not measured.get(part)]
    if missing:
        texts.append("## Not measured\n\n" + "\n".join(f"- {title}" for title in missing) + "\n")
    return "\n".join([*texts, _rivals(measured)])


def _rivals(measured: dict[str, dict[str, Any]]) -> str:
    lines = ["| part | arm | control | number | arm | control | seeds won |", "| --- " * 7 + "|"]
    for part, arm, control, number, larger in RIVALS:
        runs = list(measured.get(part, {}).values())
        if not runs or any(number not in run.get(one, {}) for run in runs for one in (arm, control)):
            continue
        one, two = (np.array([run[name][number] for run in runs]) for name in (arm, control))
        won = (one > two) if larger else (one < two)
        ties = f", {tied} equal" if (tied := int((one == two).sum())) else ""
        cells = [
            part,
            arm,
            control,
            number,
            _cell(number, one),
            _cell(number, two),
            f"{won.sum()} of {len(runs)}{ties}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    words = (
        "Each arm beside the control that it has to beat, seed by seed; where the control wins, that is what it says."
    )
    return f"## Controls\n\n{words}\n\n" + "\n".join(lines) + "\n"


def _section(title: str, words: str, columns: list[str], runs: dict[str, Any]) -> str:
    arms = list(next(iter(runs.values())))
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    for arm in arms:
        cells = [arm]
        for column in columns:
            known = [run[arm][column] for run in runs.values() if run[arm].get(column) is not None]
            values = [value for value in known if np.isfinite(value)]
            cells.append(_cell(column, np.array(values)) if values else "")
        lines.append(cells)
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    seeds = ", ".join(runs)
    return f"## {title}\n\nSeeds {seeds}. {words}\n\n{table}\n".replace(". \n", ".\n")


def _cell(column: str, values: np.ndarray) -> str:
    if column == "all right":
        return f"{int(values.sum())} of {len(values)}"
    scale = 100 if column in PERCENT else 1
    mean, spread = scale * values.mean(), scale * values.std(ddof=1) if len(values) > 1 else 0.0
    if column in PERCENT:
        return f"{mean:.2f} ± {spread:.2f}"
    if column in ("error", "sum error"):
        return f"{np.median(values):.1e}"
    return f"{mean:.2f}" if column in ("threshold", "length") else f"{mean:.1f}"
