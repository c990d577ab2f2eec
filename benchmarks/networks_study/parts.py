"""What is measured: each part takes a seed and returns its numbers by arm."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from torch import nn

from modpart.datasets import make_sliding_signals
from modpart.networks import (
    Bimt,
    Clusterable,
    GradSplitter,
    HardBlocks,
    Moda,
    ModularNetClassifier,
    MwT,
    NeMo,
    Residual,
    class_circuits,
    compose,
    modularity_report,
    patch,
)
from modpart.networks._masks import random_masks_like

from .common import Numbers, fitted, net
from .wires import addition, formulas, placement, rings, symbolic


def digits(seed: int, test_size: float = 0.2) -> tuple[np.ndarray, ...]:
    """Pixels from 0 to 1; columns are left as they are, as in the literature."""
    X, y = load_digits(return_X_y=True)
    return tuple(train_test_split(X / 16.0, y, test_size=test_size, stratify=y, random_state=seed))


def subsets(seed: int) -> list[list[int]]:
    """Six random sets of each size from two to eight."""
    rng = np.random.default_rng(seed)
    return [sorted(rng.permutation(10)[:size].tolist()) for size in range(2, 9) for _ in range(6)]


def union_loss(model: Any, X: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Mean over the 42 sets: accuracy of the whole net restricted to a set, and of the net cut out for it."""
    logits, whole, part = model.decision_function(X), [], []
    for chosen in subsets(0):
        rows = np.isin(y, chosen)
        whole.append((np.array(chosen)[logits[rows][:, chosen].argmax(1)] == y[rows]).mean())
        part.append(model.extract_module(chosen).score(X[rows], y[rows]))
    return float(np.mean(whole)), float(np.mean(part))


def described(model: Any, X: np.ndarray, y: np.ndarray, seconds: float) -> dict[str, float]:
    report = modularity_report(model, X, y, n_null=0)
    whole, part = union_loss(model, X, y)
    return {
        "accuracy": report.score,
        "size": report.retention,
        "overlap": report.overlap,
        "jaccard": report.jaccard,
        "vote": report.vote,
        "restricted": whole,
        "union": part,
        "seconds": seconds,
        "threshold": model.threshold_,
    }


def cut_at_sizes(model: Any, counts: dict[str, np.ndarray], rates: dict[str, np.ndarray], X: Any, y: Any) -> float:
    """Vote of modules that keep, of each group, the units with the largest rates, as many as given for each class."""
    model.masks_ = {
        group: np.argsort(np.argsort(-rates[group], axis=1), axis=1) < counts[group][:, None] for group in counts
    }
    modules = [model.extract_module(c).recalibrated(X[0], y[0]) for c in range(10)]
    return float(compose(modules).score(X[1], y[1]))


def modules(seed: int) -> Numbers:
    """MODA on digits, and everything of the same size."""
    X, new, y, target = digits(seed)
    found: Numbers = {}
    net(None, seed, max_epochs=1).fit(X, y)  # the first fit of a process loads libraries
    standard, base = fitted(net(None, seed), X, y)
    found["standard"] = described(standard, new, target, base)
    moda, seconds = fitted(net("moda", seed), X, y)
    found["MODA"] = described(moda, new, target, seconds)
    for name, method in {"compactness only": Moda(0.0, 0.0), "MODA as published": Moda(1.0, 1.0, 0.3)}.items():
        model, seconds = fitted(net(method, seed), X, y)
        found[name] = described(model, new, target, seconds)
    for name, method in {"standard": None, "MODA": "moda"}.items():
        model = ModularNetClassifier(method, random_state=seed)
        model, seconds = fitted(model, X, y)
        found[f"{name}, columns standardised"] = described(model, new, target, seconds)
    counts = {group: mask.sum(1) for group, mask in moda.masks_.items()}
    both = ((X, new), (y, target))
    size = found["MODA"]["size"]
    activity = class_means(standard, X, y)
    found["standard, most active units"] = {"vote": cut_at_sizes(standard, counts, activity, *both), "size": size}
    rng = np.random.default_rng(seed)
    chance = {group: mask.astype(float) for group, mask in random_masks_like(moda.masks_, rng).items()}
    found["standard, random units"] = {"vote": cut_at_sizes(standard, counts, chance, *both), "size": size}
    found["MODA, random units"] = {"vote": cut_at_sizes(moda, counts, chance, *both), "size": size}
    parameters = size * moda.n_parent_parameters_
    widths = max(range(1, 12), key=lambda w: -abs(65 * w + w * (w + 1) + 2 * (w + 1) - parameters))
    found["ten nets, one against the rest"] = one_against_rest(seed, (widths, widths), X, y, new, target)
    width = max(range(1, 30), key=lambda w: -abs(65 * w + w * (w + 1) + 10 * (w + 1) - parameters))
    small, seconds = fitted(net(None, seed, hidden_layer_sizes=(width, width)), X, y)
    found["one small net"] = {
        "vote": small.score(new, target),
        "size": small.n_parent_parameters_ / moda.n_parent_parameters_,
        "seconds": seconds,
    }
    return found


def class_means(model: Any, X: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Mean activation of every hidden unit for each class, by group."""
    values, means = (X - model.x_mean_) / model.x_scale_, {}
    for group in model.masks_:
        values = np.maximum(values @ model.weights_[f"{group}.weight"].T + model.weights_[f"{group}.bias"], 0.0)
        means[group] = np.stack([values[y == c].mean(0) for c in range(10)])
    return means


def one_against_rest(seed: int, widths: Any, X: Any, y: Any, new: Any, target: Any) -> dict[str, float]:
    odds, size, seconds = [], 0.0, 0.0
    for c in range(10):
        single, spent = fitted(net(None, seed, hidden_layer_sizes=widths), X, y == c)
        odds.append(single.decision_function(new))
        size, seconds = single.n_parent_parameters_ / 26_122, seconds + spent
    return {"vote": float((np.argmax(odds, axis=0) == target).mean()), "size": size, "seconds": seconds}


def splitter(seed: int) -> Numbers:
    """GradSplitter on a plain net, at two weights."""
    X, new, y, target = digits(seed)
    plain = net(None, seed).fit(X, y)
    found: Numbers = {}
    for weight in (0.1, 2.0):
        model, seconds = fitted(GradSplitter(FrozenEstimator(plain), weight=weight, random_state=seed), X, y)
        sizes = [model.extract_module(c).retention_ for c in range(10)]
        found[f"weight {weight:g}"] = {
            "accuracy": plain.score(new, target),
            "size": float(np.mean(sizes)),
            "vote": model.score(new, target),
            "seconds": seconds,
        }
    return found


def gated(seed: int) -> Numbers:
    """MwT and NeMo on digits: modules without gates, as cut and after fine-tuning on training rows."""
    X, new, y, target = digits(seed)
    found: Numbers = {}
    for name, method in {"MwT": MwT(), "NeMo": NeMo()}.items():
        model, seconds = fitted(net(method, seed), X, y)
        plain = [model.extract_module(c) for c in range(10)]
        tuned = [module.fine_tune(X, y, random_state=seed) for module in plain]
        pairs = [(0, 1, 2), (3, 5, 8), (4, 7, 9)]
        unions = [model.extract_module(list(chosen)) for chosen in pairs]
        rows = [np.isin(target, chosen) for chosen in pairs]
        before = [module.score(new[r], target[r]) for module, r in zip(unions, rows, strict=True)]
        after = [
            m.fine_tune(X, y, random_state=seed).score(new[r], target[r]) for m, r in zip(unions, rows, strict=True)
        ]
        found[name] = {
            "accuracy": model.score(new, target),
            "size": float(np.mean([module.retention_ for module in plain])),
            "vote": compose(plain).score(new, target),
            "vote, tuned": compose(tuned).score(new, target),
            "three classes": float(np.mean(before)),
            "three classes, tuned": float(np.mean(after)),
            "seconds": seconds,
        }
    return found


def patching(seed: int) -> Numbers:
    """A weak net that saw five rows of a class gets the module of that class from MODA trained on other rows."""
    X, new, y, target = digits(seed)
    first, second = train_test_split(np.arange(len(X)), test_size=0.5, stratify=y, random_state=seed)
    strong = net("moda", seed).fit(X[first], y[first])
    before, after = [], []
    for c in range(10):
        rng = np.random.default_rng(seed)
        seen = rng.permutation(np.flatnonzero(y[second] == c))[:5]
        rows = second[np.union1d(seen, np.flatnonzero(y[second] != c))]
        weak = net(None, seed, hidden_layer_sizes=(16,), max_epochs=15).fit(X[rows], y[rows])
        own = target == c
        for model, found in ((weak, before), (patch(weak, strong.extract_module(c), c), after)):
            found.append([model.score(new[own], target[own]), model.score(new[~own], target[~own])])
    names = ("recall of the class", "accuracy on the others")
    return {
        arm: dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))
        for arm, found in (("weak net", before), ("patched", after))
    }


def clusters(seed: int) -> Numbers:
    """Digits, two hidden layers of 64: clusters found, fixed, from the start, and an L1 penalty; equal steps."""
    X, new, y, target = digits(seed, 0.3)
    same = {"hidden_layer_sizes": (64, 64), "optimizer": "adam", "lr": 1e-3, "batch_size": 64, "max_epochs": 60}
    arms = {
        "standard": None,
        "L1": Bimt(1e-4, locality=0.0, depth=1.0, every=0, prune=0.0, last_part=0.0),
        "blocks from the start": HardBlocks(4),
        "clusterability, blocks": Clusterable(partition="blocks"),
        "clusterability, balanced": Clusterable(),
        "clusterability, joint": Clusterable(partition="joint"),
    }
    found: Numbers = {}
    for name, method in arms.items():
        model, seconds = fitted(net(method, seed, **same), X, y)
        report = modularity_report(model, new, target, n_null=50, random_state=seed)
        found[name] = {"accuracy": report.score, "found": report.found, "null": report.null_mean, "seconds": seconds}
        if report.clusterability is not None:
            parts, intercept = model.contributions(new)
            sums = parts.sum(1) + intercept
            found[name] |= {
                "C": report.clusterability,
                "gap": report.hard_cut_gap,
                "alone": float(report.only.mean()),
                "without": float(report.without.mean()),
                "balance": report.size_balance,
                "sum error": float(np.abs(sums - model.hard_cut().decision_function(new)).max()),
            }
    return found


def circuits(seed: int) -> Numbers:
    """Weights that tell a class from the rest, chosen on training rows and judged on test rows."""
    X, new, y, target = digits(seed, 0.3)
    same = {"hidden_layer_sizes": (64, 64), "optimizer": "adam", "lr": 1e-3, "batch_size": 64, "max_epochs": 60}
    plain = {"locality": 0.0, "depth": 1.0, "every": 0, "prune": 0.0, "last_part": 0.0}
    arms = {
        "standard": None,
        "L1, 1e-4": Bimt(1e-4, **plain),
        "L1, 1e-3": Bimt(1e-3, **plain),
        "clusterability, balanced": Clusterable(),
    }
    found: Numbers = {}
    for name, method in arms.items():
        model = net(method, seed, **same).fit(X, y)
        start = time.process_time()
        parts = class_circuits(model, X, y)
        seconds = time.process_time() - start
        table, (jaccard, chance) = parts.judge(new, target), parts.overlap()
        found[name] = {
            "accuracy": model.score(new, target),
            "size": float(table["size"].mean()),
            "balanced": float(table["net"].mean()),
            "circuit": float(table["circuit"].mean()),
            "worst circuit": float(table["circuit"].min()),
            "jaccard": jaccard,
            "by chance": chance,
            "seconds": seconds,
        }
    return found


def signals(seed: int) -> Numbers:
    """The task on which units fire for few rows of a class: a validated threshold and the fixed one."""
    X, y = make_sliding_signals(5000, random_state=seed)
    X, new, y, target = train_test_split(X, y, test_size=0.2, stratify=y, random_state=seed)
    found: Numbers = {}
    for name, threshold in {"validated": "auto", "fixed at 0.9": 0.9}.items():
        model, seconds = fitted(net("moda", seed, threshold=threshold, max_epochs=300), X, y)
        found[name] = described(model, new, target, seconds)
    return found


def image_net(n_features: int, n_outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        *(nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, n_outputs)),
    )


def residual_net(n_features: int, n_outputs: int) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Linear(n_features, 64), nn.ReLU()),
        Residual(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))),
        *(nn.ReLU(), nn.Linear(64, n_outputs)),
    )


def images(seed: int) -> Numbers:
    """A convolutional net with batch normalisation, and a residual one."""
    X, new, y, target = digits(seed)
    found: Numbers = {}
    for name, make in {"image net": image_net, "residual net": residual_net}.items():
        for method in (None, "moda"):
            epochs = 40 if make is image_net else "auto"
            model = net(method, seed, module=make, max_epochs=epochs)
            model, seconds = fitted(model, X, y)
            found[f"{name}, {method or 'standard'}"] = described(model, new, target, seconds)
    return found


PARTS: dict[str, Callable[[int], Numbers]] = {
    "modules": modules,
    "gated": gated,
    "splitter": splitter,
    "patching": patching,
    "signals": signals,
    "images": images,
    "clusters": clusters,
    "circuits": circuits,
    "symbolic": symbolic,
    "formulas": formulas,
    "placement": placement,
    "addition": addition,
    "rings": rings,
}
