"""Parts about nets of few wires: formulas, operations in rings, and units that move."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from torch import nn

from modpart.datasets import make_modular_addition, make_symbolic_task
from modpart.networks import Bimt, ModularNetRegressor, modularity_report
from modpart.networks._layout import even_places, place_units, swap_units, wire_length

from .common import Numbers, fitted, net

__all__ = ["addition", "formulas", "placement", "rings", "symbolic"]

SYMBOLIC = {"independence": (20, 20), "sharing": (20, 20), "composition": (20, 20, 20, 20)}


def symbolic(seed: int) -> Numbers:
    """Formulas from 100 rows: error on 1000 new ones, wires left, length of wires."""
    found: Numbers = {}
    for task, widths in SYMBOLIC.items():
        X, y = make_symbolic_task(task, 100, random_state=seed)
        new, target = make_symbolic_task(task, 1000, random_state=seed + 1000)
        arms = {"dense": None, "L1": Bimt(locality=0.0, every=0), "BIMT": Bimt()}
        for name, method in arms.items():
            settings = {"hidden_layer_sizes": widths, "activation": "silu", "random_state": seed}
            settings |= {"max_epochs": 5_000, "batch_size": 100, "optimizer": "adam", "lr": 2e-3}
            model, seconds = fitted(ModularNetRegressor(method, **settings), X, y)
            layers = [name for name in model.weights_ if name.endswith("weight")]
            report = modularity_report(model, new, target, n_null=0)
            found[f"{task}, {name}"] = {
                "error": float(np.mean((model.predict(new) - target) ** 2)),
                "wires": sum(int((np.abs(model.weights_[layer]) > 1e-2).sum()) for layer in layers),
                "length": report.wire_length,
                "seconds": seconds,
            }
    return found


FORMULAS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "x1 x2 + sin(pi x3)": lambda X: X[:, 0] * X[:, 1] + np.sin(np.pi * X[:, 2]),
    "(x1 + x2)^2": lambda X: (X[:, 0] + X[:, 1]) ** 2,
    "exp(-x1^2 - x2^2), x3": lambda X: np.c_[np.exp(-(X[:, 0] ** 2) - X[:, 1] ** 2), X[:, 2]],
    "x1 / (1 + x2^2)": lambda X: X[:, 0] / (1.0 + X[:, 1] ** 2),
}


def formulas(seed: int) -> Numbers:
    """Formulas that no setting was chosen on: the preset as it is, and the same net without a price."""
    found: Numbers = {}
    for name, formula in FORMULAS.items():
        X = np.random.default_rng(seed).uniform(-1, 1, (100, 3))
        new = np.random.default_rng(seed + 1000).uniform(-1, 1, (1000, 3))
        for arm, method in {"dense": None, "BIMT": "bimt"}.items():
            settings = {"hidden_layer_sizes": (20, 20), "activation": "silu", "random_state": seed}
            settings |= {"max_epochs": 5_000, "batch_size": 100, "optimizer": "adam", "lr": 2e-3}
            model, seconds = fitted(ModularNetRegressor(method, **settings), X, formula(X))
            weights = [value for name, value in model.weights_.items() if name.endswith("weight")]
            found[f"{name}, {arm}"] = {
                "error": float(np.mean((model.predict(new) - formula(new)) ** 2)),
                "wires": float(sum((np.abs(value) > 1e-2).sum() for value in weights)),
                "seconds": seconds,
            }
    return found


def addition(seed: int) -> Numbers:
    """(a + b) mod 31 from 80 % of all pairs: decay before the price, or the price from the start."""
    X, y = make_modular_addition(31, random_state=seed)
    return {
        "BIMT after a warm-up": in_a_ring(X, y, seed, RING_METHOD, RING_SETTINGS),
        "BIMT, priced from the start": in_a_ring(
            X, y, seed, clone(RING_METHOD).set_params(warmup=0.0), {"lr": 2e-3, "max_epochs": 10_000}
        ),
    }


def rings(seed: int) -> Numbers:
    """Other rings and other operations with the settings of addition in a ring of 31, which were chosen there."""
    found = {}
    for name, p, operation in RINGS:
        X, _ = make_modular_addition(p, random_state=seed)
        y = operation(X[:, :p].argmax(1), X[:, p:].argmax(1)) % p
        found[f"{name} mod {p}"] = in_a_ring(X, y, seed, RING_METHOD, RING_SETTINGS)
    return found


RING_METHOD = Bimt(2e-5, locality=2.0, depth=0.5, slack=0.0, warmup=1 / 3)
RING_SETTINGS = {"lr": 6e-3, "max_epochs": 6_000}
RINGS: list[tuple[str, int, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = [
    ("a + b", 23, lambda a, b: a + b),
    ("a + b", 37, lambda a, b: a + b),
    ("a + b", 41, lambda a, b: a + b),
    ("a - b", 31, lambda a, b: a - b),
    ("2 a + 3 b", 29, lambda a, b: 2 * a + 3 * b),
    ("a b", 31, lambda a, b: a * b),
]


def in_a_ring(
    X: np.ndarray, y: np.ndarray, seed: int, method: Bimt, settings: dict[str, Any]
) -> dict[str, float | None]:
    """A net with one embedding of 32 numbers for both a and b, trained on 80 % of all pairs."""
    p = X.shape[1] // 2

    def chain(n_features: int, n_outputs: int) -> nn.Sequential:
        embedding = [nn.Unflatten(1, (2, p)), nn.Linear(p, 32, bias=False), nn.Flatten()]
        hidden = [nn.Linear(64, 50), nn.SiLU(), nn.Linear(50, 50), nn.SiLU()]
        return nn.Sequential(*embedding, *hidden, nn.Linear(50, n_outputs))

    X, new, y, target = train_test_split(X, y, test_size=0.2, random_state=seed)
    model, seconds = fitted(net(method, seed, module=chain, batch_size=len(X), **settings), X, y)
    weights = [value for name, value in model.weights_.items() if name.endswith("weight")]
    size = np.abs(weights[0]).max(1)
    return {
        "accuracy": (accuracy := model.score(new, target)),
        "all right": float(accuracy == 1.0),
        "training": model.score(X, y),
        "dimensions": float((size > 0.05 * size.max()).sum()),
        "wires left": sum(np.count_nonzero(value) for value in weights) / sum(value.size for value in weights),
        "seconds": seconds,
    }


def placement(seed: int) -> Numbers:
    """The swap search of BIMT on layers of 64, 64, 64 and 10 units, by its closed form and by the whole length anew."""
    rng, widths = np.random.default_rng(seed), {"a": 64, "b": 64, "c": 64, "d": 10}
    links = {pair: np.abs(rng.normal(size=(widths[pair[0]], widths[pair[1]]))) for pair in ("ab", "bc", "cd")}
    links = {tuple(pair): matrix for pair, matrix in links.items()}
    places = {group: even_places(width) for group, width in widths.items()}
    start = time.process_time()
    for _ in range(10):
        quick = swap_units(links, places, list(places), n_units=5)
    seconds = (time.process_time() - start) / 10
    start = time.process_time()
    slow = swaps_by_brute_force(links, places, 5)
    brute = time.process_time() - start
    best = place_units(links, places, list(places))
    return {
        "closed form": {"length": wire_length(links, quick), "ms": 1000 * seconds, "ratio": brute / seconds},
        "brute force": {"length": wire_length(links, slow), "ms": 1000 * brute, "ratio": 1.0},
        "assignment": {"length": wire_length(links, best)},
    }


def swaps_by_brute_force(links: Any, places: dict[str, np.ndarray], n_units: int) -> dict[str, np.ndarray]:
    places = {group: seats.copy() for group, seats in places.items()}
    for group, seats in places.items():
        weight = sum(m.sum(1) for (source, _), m in links.items() if source == group)
        weight = weight + sum(m.sum(0) for (_, target), m in links.items() if target == group)
        for unit in np.argsort(-weight, kind="stable")[:n_units]:
            lengths = []
            for other in range(len(seats)):
                seats[[unit, other]] = seats[[other, unit]]
                lengths.append(wire_length(links, places))
                seats[[unit, other]] = seats[[other, unit]]
            other = int(np.argmin(lengths))
            seats[[unit, other]] = seats[[other, unit]]
    return places
