"""Laws of fusion: a net with reordered units is the same net, averages of equals are equal, clusters follow units."""

import sys
from copy import deepcopy

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from modpart.exceptions import MissingDependencyError, ParameterError
from modpart.networks import (
    ConvChain,
    DenseChain,
    IncubatedRegressor,
    ModularNetClassifier,
    ResidualChain,
    ScheduledClassifier,
    TransformerChain,
    UnitPartition,
    fuse,
)
from modpart.networks._align import carried, matched
from modpart.networks._fuse import _with_weights
from modpart.networks._plan import wire_up

X, Y = load_digits(n_class=4, return_X_y=True)
X, Y = X[:200] / 16, Y[:200]
IRIS, KIND = load_iris(return_X_y=True)
MADE = {
    "plain": lambda: ModularNetClassifier(None, hidden_layer_sizes=(16, 12), max_epochs=3, random_state=0),
    "blocks": lambda: ModularNetClassifier("blocks", hidden_layer_sizes=(16, 16), max_epochs=3, random_state=0),
    "residual": lambda: ScheduledClassifier(chain=ResidualChain(8), n_modules=2, depth=2, max_epochs=3, random_state=0),
    "dense": lambda: ScheduledClassifier(chain=DenseChain(12), n_modules=2, depth=1, max_epochs=3, random_state=0),
    "conv": lambda: ScheduledClassifier(chain=ConvChain(6), n_modules=2, depth=1, max_epochs=3, random_state=0),
}


def reordered(model, rng):
    """The same net with the units of every hidden group in another order, and that order."""
    wiring = wire_up(model.plan_, reorder=True)
    orders = {group: rng.permutation(wiring.widths[group]) for group in wiring.hidden}
    maps = {group: np.eye(width) for group, width in wiring.widths.items()}
    maps |= {group: np.eye(len(order))[order] for group, order in orders.items()}
    return _with_weights(deepcopy(model), carried(model.weights_, wiring, wiring, maps)), maps


@pytest.mark.parametrize("kind", MADE)
def test_a_net_with_reordered_units_is_recovered_exactly(kind):
    model = MADE[kind]().fit(X, Y)
    other, orders = reordered(model, np.random.default_rng(0))
    np.testing.assert_allclose(other.decision_function(X), model.decision_function(X), atol=1e-5)
    moved = [name for name, value in model.weights_.items() if not np.array_equal(value, other.weights_[name])]
    assert len(moved) > 3  # it is another net on paper
    fused = fuse([model, other])
    for name, value in model.weights_.items():
        np.testing.assert_array_equal(fused.weights_[name], value, err_msg=name)
    for group, shares in fused.unit_maps_[1].items():
        np.testing.assert_array_equal(shares, orders[group].T)
    np.testing.assert_array_equal(fused.decision_function(X), model.decision_function(X))


def test_a_matching_is_no_worse_than_any_single_swap():
    one, two = (
        ModularNetClassifier(None, hidden_layer_sizes=(6, 5), max_epochs=5, random_state=seed).fit(IRIS, KIND)
        for seed in (0, 1)
    )
    wiring = wire_up(one.plan_)

    def distance(maps):
        moved = carried(two.weights_, wiring, wiring, maps)
        return sum(np.square(moved[name] - one.weights_[name]).sum() for name in moved)

    maps = matched(one.weights_, two.weights_, wiring)
    least, untouched = distance(maps), distance({group: np.eye(width) for group, width in wiring.widths.items()})
    assert least < untouched
    for group in wiring.hidden:
        for i in range(len(maps[group])):
            for j in range(i):
                swapped = maps[group].copy()
                swapped[[i, j]] = swapped[[j, i]]
                assert distance(maps | {group: swapped}) >= least - 1e-6


def test_weights_of_the_average():
    one, two = (
        ModularNetClassifier(None, hidden_layer_sizes=(8,), max_epochs=30, random_state=seed).fit(IRIS, KIND)
        for seed in (0, 1)
    )
    nearly = fuse([one, two], weights=[1.0, 1e-9])
    np.testing.assert_allclose(nearly.decision_function(IRIS), one.decision_function(IRIS), atol=1e-4)
    np.testing.assert_array_equal(fuse([one, one]).decision_function(IRIS), one.decision_function(IRIS))
    half = fuse([one, two])
    wiring = wire_up(one.plan_)
    moved = carried(two.weights_, wiring, wiring, matched(one.weights_, two.weights_, wiring))
    for name, value in half.weights_.items():
        np.testing.assert_allclose(value, (one.weights_[name] + moved[name]) / 2, rtol=1e-6)


def test_clusters_follow_their_units():
    model = MADE["blocks"]().fit(X, Y)
    other, maps = reordered(model, np.random.default_rng(1))
    names = np.array([2, 0, 3, 1])
    labels = {g: names[v][maps[g].argmax(1)] for g, v in model.partition_.labels.items()}
    other.partition_ = UnitPartition(labels)
    found = fuse([model, other]).partitions_
    for partition in found:
        for group, known in model.partition_.labels.items():
            np.testing.assert_array_equal(partition.labels[group], known)


def test_numbers_are_fused_too():
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (120, 3))
    settings = {"n_modules": 2, "depth": 1, "meta_epochs": 2, "module_epochs": 2, "finetune_epochs": 2}
    one = IncubatedRegressor(ResidualChain(6), random_state=0, **settings).fit(rows, rows[:, 0])
    fused = fuse([one, reordered(one, rng)[0]])
    np.testing.assert_array_equal(fused.predict(rows), one.predict(rows))


def test_unequal_widths(monkeypatch):
    one, two = (
        ModularNetClassifier(None, hidden_layer_sizes=(width,), max_epochs=40, random_state=0).fit(IRIS, KIND)
        for width in (8, 12)
    )
    fused = fuse([one, two], weights=[0.5, 0.5])
    assert fused.weights_["hidden1.weight"].shape == (8, 4)
    np.testing.assert_allclose(fused.unit_maps_[1]["hidden1"].sum(1), 1.0)
    np.testing.assert_allclose(fused.unit_maps_[1]["hidden1"].sum(0), 8 / 12)
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(MissingDependencyError, match=r"modpart\[fuse\]"):
        fuse([one, two])


WRONG = {
    "one": (lambda a: [a], "two fitted estimators"),
    "no net": (lambda a: [a, 3], "3 has no network"),
    "other classes": (
        lambda a: [a, ModularNetClassifier(None, hidden_layer_sizes=(8,), max_epochs=1).fit(IRIS, KIND + 1)],
        "do not agree in classes_",
    ),
    "other scale": (
        lambda a: [a, ModularNetClassifier(None, hidden_layer_sizes=(8,), max_epochs=1).fit(2 * IRIS, KIND)],
        "do not agree in x_mean_",
    ),
    "other depth": (
        lambda a: [a, ModularNetClassifier(None, hidden_layer_sizes=(8, 8), max_epochs=1).fit(IRIS, KIND)],
        "layer 'output'|other layers",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_models_that_do_not_agree_are_named(name):
    one = ModularNetClassifier(None, hidden_layer_sizes=(8,), max_epochs=1, random_state=0).fit(IRIS, KIND)
    make, words = WRONG[name]
    with pytest.raises(ParameterError, match=words):
        fuse(make(one))


def test_what_cannot_be_reordered_is_named():
    chain = TransformerChain(8, heads=2, patch=4)
    model = ScheduledClassifier(chain=chain, n_modules=1, depth=1, max_epochs=1, random_state=0).fit(X, Y)
    with pytest.raises(ParameterError, match=r"Layer 'slot0.places' is a Positions"):
        fuse([model, model])
    with pytest.raises(ParameterError, match=r"weights=.* must hold 2"):
        fuse([model, model], weights=[1.0])
    gated = ModularNetClassifier("nemo", hidden_layer_sizes=(8,), max_epochs=1, random_state=0).fit(IRIS, KIND)
    with pytest.raises(ParameterError, match="has gates"):
        fuse([gated, gated])
