"""What is measured: each part takes a seed and returns its numbers by arm."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.frozen import FrozenEstimator

from modpart.exceptions import CollapseWarning
from modpart.networks import (
    DenseChain,
    IncubatedClassifier,
    LocalModuleClassifier,
    ModularNetClassifier,
    ModuleDistiller,
    Phase,
    ScheduledClassifier,
    UnitPartition,
    fuse,
)
from schedules_study.attention import attention
from schedules_study.incubation import Numbers, caching, digits, incubation, times

__all__ = ["PARTS", "distillation", "fusion", "local", "partitions"]

BARE = DenseChain(batch_norm=False)
PLAIN: dict[str, Any] = {
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "standardize": False,
    "chain": "dense",
    "depth": 1,
}


def distillation(seed: int, n_rows: int | None = None) -> Numbers:
    """Students of half the depth, with and without their teacher."""
    X, new, y, target = digits(seed, n_rows)
    teacher = FrozenEstimator(IncubatedClassifier(standardize=False, random_state=seed).fit(X, y))
    found: Numbers = {"teacher, 4 x 4 blocks": {"accuracy": teacher.estimator.score(new, target)}}
    student = ModuleDistiller(teacher, random_state=seed).fit(X, y)
    found["distilled, no fine-tuning"] = {"accuracy": student.assembled().score(new, target)}
    found["distilled and fine-tuned"] = {"accuracy": student.score(new, target)}
    alone = ModuleDistiller(teacher, alpha=0.0, random_state=seed).fit(X, y)
    found["modules without the teacher, fine-tuned"] = {"accuracy": alone.score(new, target)}
    for epochs in (10, 20):
        model = ScheduledClassifier(standardize=False, depth=2, max_epochs=epochs, random_state=seed).fit(X, y)
        found[f"end to end, {epochs} epochs"] = {"accuracy": model.score(new, target)}
    return found


def local(seed: int) -> Numbers:
    """Hidden modules from each objective, and heads on all labels and on ten."""
    X, new, y, target = digits(seed)
    found: Numbers = {}

    def arm(name: str, few: bool = False, **settings: Any) -> None:
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always", CollapseWarning)
            common = {"standardize": False, "random_state": seed} | settings
            model = LocalModuleClassifier(**common).fit(X, y)
        numbers = {"accuracy": model.score(new, target), "zero rows": float(model.zero_rows_.max())}
        numbers["warned"] = float(any(issubclass(w.category, CollapseWarning) for w in given))
        if few:
            numbers["10 labels"] = few_labels(model, X, y, new, target, seed)
        found[name] = numbers

    three: dict[str, Any] = {"n_modules": 3, "depth": 1}
    arm("1 module, alignment", few=True)
    arm("1 module, contrastive", objective="contrastive")
    arm("1 module, negatives", objective="negatives")
    arm("3 modules, alignment", few=True, **three)
    arm("3 modules, alignment not centred", centred=False, **three)
    for objective in ("contrastive", "negatives", "squared", "auxiliary", "synthetic", "critic"):
        arm(f"3 modules, {objective}", objective=objective, **three)
    arm("1 module, alignment, no BatchNorm", chain=BARE)
    arm("1 module, negatives, no BatchNorm", chain=BARE, objective="negatives")
    for name, chain in [("end to end, BatchNorm", "dense"), ("end to end, no BatchNorm", BARE)]:
        settings = PLAIN | {"chain": chain, "n_modules": 3, "max_epochs": 80, "random_state": seed}
        model = ScheduledClassifier(**settings).fit(X, y)
        found[name] = {"accuracy": model.score(new, target)}
    slots = ("slot0", "slot1", "slot2", "head")
    frozen = ScheduledClassifier([Phase("head", ("head",), 40, slots)], n_modules=3, random_state=seed, **PLAIN)
    found["random frozen features"] = {"accuracy": frozen.fit(X, y).score(new, target)}
    return found


def few_labels(
    model: LocalModuleClassifier, X: np.ndarray, y: np.ndarray, new: np.ndarray, target: np.ndarray, seed: int
) -> float:
    """Accuracy with a head that saw one label of each class; the mean over five draws of the ten rows."""
    scores = []
    for draw in range(5):
        rng = np.random.default_rng([seed, draw])
        rows = np.array([rng.choice(np.flatnonzero(y == code)) for code in np.unique(y)])
        head = model.with_head(X[rows], y[rows], epochs=800, random_state=seed)
        scores.append(head.score(new, target))
    return float(np.mean(scores))


def fusion(seed: int) -> Numbers:
    """Two nets of different start weights: averaged as they are, and after their units were matched."""
    X, new, y, target = digits(seed)
    settings = PLAIN | {"n_modules": 2, "max_epochs": 20}
    one, two = (ScheduledClassifier(random_state=1000 * k + seed, **settings).fit(X, y) for k in (1, 2))
    fused = fuse([one, two])
    plain = {name: (value + two.weights_[name]) / 2 for name, value in one.weights_.items()}
    from modpart.networks._fuse import _with_weights

    averaged = _with_weights(fuse([one, one]), plain)
    return {
        "each net alone": {"accuracy": (one.score(new, target) + two.score(new, target)) / 2},
        "plain average": {"accuracy": averaged.score(new, target)},
        "fused": {"accuracy": fused.score(new, target)},
    }


def partitions(seed: int) -> Numbers:
    """Clusters of nets with different start weights: how many units have the same cluster once they are matched."""
    X, _, y, _ = digits(seed)
    settings: dict[str, Any] = {"standardize": False, "hidden_layer_sizes": (100, 100), "random_state": 1000 + seed}
    one = ModularNetClassifier("clusterability", **settings).fit(X, y)
    two = ModularNetClassifier("clusterability", **settings | {"random_state": 2000 + seed}).fit(X, y)
    shares = {group: found.argmax(axis=1) for group, found in fuse([one, two]).unit_maps_[1].items()}
    rng = np.random.default_rng(seed)
    chance = [same_cluster(one, two, {g: rng.permutation(len(p)) for g, p in shares.items()}) for _ in range(100)]
    return {
        "fused": {"same cluster": same_cluster(one, two, shares)},
        "paired by their answers": {"same cluster": same_cluster(one, two, paired_by_answers(one, two, X))},
        "by chance": {"same cluster": float(np.mean(chance))},
    }


def same_cluster(one: Any, two: Any, partner: dict[str, np.ndarray]) -> float:
    """Share of units whose partner in the other net is of the same cluster, numbers of clusters matched."""
    moved = UnitPartition({g: two.partition_.labels[g][p] for g, p in partner.items()}).match(one.partition_)
    return float(np.mean(np.concatenate([moved.labels[g] == one.partition_.labels[g] for g in partner])))


def paired_by_answers(one: Any, two: Any, X: np.ndarray) -> dict[str, np.ndarray]:
    """Partners from the assignment with the largest sum of correlations of hidden answers."""
    pairs = {}
    first, second = X, X
    for group in ("hidden1", "hidden2"):
        first, second = (
            np.maximum(rows @ net.weights_[f"{group}.weight"].T + net.weights_[f"{group}.bias"], 0.0)
            for net, rows in ((one, first), (two, second))
        )
        units = [(a - a.mean(0)) / np.maximum(a.std(0), 1e-9) for a in (first, second)]
        pairs[group] = linear_sum_assignment(units[0].T @ units[1], maximize=True)[1]
    return pairs


PARTS: dict[str, Callable[[int], Numbers]] = {
    "incubation": incubation,
    "incubation200": partial(incubation, n_rows=200),
    "times": times,
    "distillation": distillation,
    "distillation200": partial(distillation, n_rows=200),
    "local": local,
    "fusion": fusion,
    "partitions": partitions,
    "attention": attention,
    "caching": caching,
}
