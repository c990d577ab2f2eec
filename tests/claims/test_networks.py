"""What the page of modular networks promises, on splits that it was not measured on."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from modpart.datasets import make_modular_addition, make_symbolic_task
from modpart.networks import Bimt, Clusterable, ModularNetClassifier, ModularNetRegressor, modularity_report

SEEDS = (20, 21, 22)

pytestmark = pytest.mark.claims


def digits(seed, test_size=0.2):
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16.0, y, test_size=test_size, stratify=y, random_state=seed)


def test_modules_of_one_class_are_small_disjoint_and_vote_well():
    reports, plain = [], []
    for seed in SEEDS:
        X, new, y, target = digits(seed)
        model = ModularNetClassifier("moda", standardize=False, random_state=seed).fit(X, y)
        reports.append(modularity_report(model, new, target, n_null=0))
        plain.append(ModularNetClassifier(None, standardize=False, random_state=seed).fit(X, y).score(new, target))
    assert np.mean([report.score for report in reports]) >= np.mean(plain) - 0.01  # three splits of 360 rows
    assert np.mean([report.retention for report in reports]) <= 0.025
    assert np.mean([report.jaccard for report in reports]) <= 0.01
    assert np.mean([report.vote for report in reports]) >= 0.955


def test_clusters_can_be_cut_apart():
    gaps = []
    for seed in SEEDS:
        X, new, y, target = digits(seed, 0.3)
        settings = {"hidden_layer_sizes": (64, 64), "standardize": False, "random_state": seed}
        model = ModularNetClassifier(Clusterable(), **settings).fit(X, y)
        report = modularity_report(model, new, target, n_null=10, random_state=seed)
        assert report.clusterability >= 0.999 and report.size_balance == 1.0
        assert report.null_mean < 0.6 < report.found
        parts, intercept = model.contributions(new)
        np.testing.assert_allclose(parts.sum(1) + intercept, model.hard_cut().decision_function(new), atol=1e-5)
        gaps.append(report.hard_cut_gap)
    assert np.mean(gaps) <= 0.005


@pytest.mark.parametrize(
    ("task", "widths", "error", "wires"),
    [
        ("independence", (20, 20), 7.4e-3, 35),
        ("sharing", (20, 20), 2e-4, 25),
        ("composition", (20, 20, 20, 20), 2e-3, 25),
    ],
)
def test_formulas_are_learned_by_few_wires(task, widths, error, wires):
    errors, counts = [], []
    for seed in SEEDS:
        X, y = make_symbolic_task(task, 100, random_state=seed)
        new, target = make_symbolic_task(task, 1000, random_state=seed + 1000)
        settings = {"hidden_layer_sizes": widths, "activation": "silu", "random_state": seed}
        model = ModularNetRegressor("bimt", **settings).fit(X, y)
        errors.append(np.mean((model.predict(new) - target) ** 2))
        counts.append(sum(np.count_nonzero(w) for name, w in model.weights_.items() if name.endswith("weight")))
    assert np.median(errors) <= error
    assert np.median(counts) <= wires


def ring(n_features, n_outputs):
    embedding = [nn.Unflatten(1, (2, 31)), nn.Linear(31, 32, bias=False), nn.Flatten()]
    hidden = [nn.Linear(64, 50), nn.SiLU(), nn.Linear(50, 50), nn.SiLU()]
    return nn.Sequential(*embedding, *hidden, nn.Linear(50, n_outputs))


@pytest.mark.parametrize(("operation", "most"), [(np.add, 8), (np.subtract, 9)], ids=["a + b", "a - b"])
def test_adding_in_a_ring_is_learned_in_few_dimensions(operation, most):
    scores, dimensions = [], []
    for seed in SEEDS:
        X, _ = make_modular_addition(31, random_state=seed)
        y = operation(X[:, :31].argmax(1), X[:, 31:].argmax(1)) % 31
        X, new, y, target = train_test_split(X, y, test_size=0.2, random_state=seed)
        settings = {"module": ring, "standardize": False, "batch_size": len(X), "max_epochs": 6_000, "lr": 6e-3}
        method = Bimt(2e-5, locality=2.0, depth=0.5, slack=0.0, warmup=1 / 3)
        model = ModularNetClassifier(method, **settings, random_state=seed).fit(X, y)
        weights = [value for name, value in model.weights_.items() if name.endswith("weight")]
        size = np.abs(weights[0]).max(1)
        dimensions.append((size > 0.05 * size.max()).sum())
        assert model.score(X, y) == 1.0
        assert sum(np.count_nonzero(value) for value in weights) <= 0.08 * sum(value.size for value in weights)
        scores.append(model.score(new, target))
    assert np.median(scores) == 1.0 and min(scores) >= 0.98
    assert np.median(dimensions) <= most
