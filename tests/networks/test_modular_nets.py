"""Modular nets as estimators: what each method promises, modules as things, manners, errors."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from modpart.exceptions import InputDataError, ParameterError
from modpart.networks import (
    Bimt,
    Clusterable,
    GradSplitter,
    HardBlocks,
    Moda,
    ModularNetClassifier,
    ModularNetRegressor,
    MwT,
    NeMo,
    Residual,
    UnitPartition,
    compose,
    patch,
)
from modpart.networks._cut import n_parameters
from modpart.networks._cutter import PlanCutter
from modpart.networks._masks import class_masks, union_units
from modpart.networks._modularity import links_between
from modpart.networks._plan import wire_up
from modpart.networks._threshold import THRESHOLDS, choose_threshold

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
QUICK = {"hidden_layer_sizes": (12, 12), "max_epochs": 25, "random_state": 0}
METHODS = [None, "moda", "mwt", "nemo", "clusterability", "blocks", "bimt", [Moda(), HardBlocks(2)]]


@pytest.fixture(scope="module")
def moda():
    return ModularNetClassifier(**QUICK).fit(X, NAMES)


@pytest.fixture(scope="module")
def digits():
    """A small image net on a part of the digits."""
    images, labels = load_digits(return_X_y=True)
    net = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        Residual(nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(128, 10),
    )
    start = {name: value.clone() for name, value in net.state_dict().items()}
    model = ModularNetClassifier(module=net, max_epochs=4, lr=0.02, random_state=0).fit(images[:600], labels[:600])
    return model, net, start, images[600:900], labels[600:900]


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_every_method_learns_and_repeats_to_the_bit(method):
    model = ModularNetClassifier(method, **QUICK | {"max_epochs": 500 if method == "bimt" else 25}).fit(X, NAMES)
    assert model.score(X, NAMES) > 0.8
    again = clone(model).fit(X, NAMES)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))
    assert np.isfinite(model.loss_curve_).all()


def test_methods_are_searched_in_a_pipeline():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    pipe = make_pipeline(StandardScaler().set_output(transform="pandas"), ModularNetClassifier(Moda(), **QUICK))
    grid = {"modularnetclassifier__modularity__compactness": [0.1, 0.3]}
    search = GridSearchCV(pipe, grid, cv=2).fit(frame, NAMES)
    assert search.best_score_ > 0.8
    module = search.best_estimator_[-1].extract_module("setosa")
    assert list(module.feature_names_in_) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("labels", [Y, NAMES, Y + 0.0, Y == 1], ids=["int", "text", "float", "bool"])
def test_labels_of_any_kind(labels):
    model = ModularNetClassifier(**QUICK).fit(X, labels)
    assert set(model.predict(X)) <= set(labels)
    assert model.decision_function(X).shape == ((150,) if len(model.classes_) == 2 else (150, 3))
    assert compose([model.extract_module(label) for label in model.classes_]).classes_.tolist() == sorted(set(labels))


# a user's own module


def test_the_users_module_is_left_alone_and_nothing_stays_hooked(digits):
    model, net, start, images, labels = digits
    assert all(torch.equal(value, start[name]) for name, value in net.state_dict().items())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in net.modules())
    trained = model._rebuilt(model.weights_)
    assert not any(layer._forward_hooks for layer in trained.modules())
    assert model.score(images, labels) > 0.8


def test_an_image_net_is_cut_with_its_maps(digits):
    model, _, _, images, labels = digits
    assert set(model.masks_) == {"1"}, "maps that are added fall together"
    module = model.extract_module([1, 4, 7])
    assert module.widths_["1"] < 8 or module.retention_ < 1
    rows = np.isin(labels, module.labels_)
    assert module.score(images[rows], labels[rows]) > 0.7


def test_a_function_makes_the_module_from_the_seed():
    def make(n_features, n_outputs):
        return nn.Sequential(nn.Linear(n_features, 9), nn.ReLU(), nn.Dropout(0.1), nn.Linear(9, n_outputs))

    before = torch.get_rng_state()
    fits = [ModularNetClassifier(module=make, max_epochs=5, random_state=seed).fit(X, Y) for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    answers = [model.predict_proba(X) for model in fits]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])


class Own(nn.Module):
    """A module whose forward pass nobody can see through."""

    def __init__(self):
        super().__init__()
        self.first, self.act, self.last = nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 3)

    def forward(self, rows):
        return self.last(self.act(self.first(rows)))


def test_no_last_batch_of_one_row_meets_a_normalisation():
    chain = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    model = ModularNetClassifier(None, module=chain, batch_size=10, max_epochs=2, random_state=0).fit(X[:141], Y[:141])
    model.extract_module(0).fine_tune(X[:101], Y[:101], batch_size=10)


def test_frozen_layers_stay_and_shared_weights_are_one():
    first, act = nn.Linear(4, 4), nn.ReLU()
    first.requires_grad_(False)
    model = ModularNetClassifier(module=nn.Sequential(first, act, nn.Linear(4, 3)), max_epochs=3).fit(X, Y)
    np.testing.assert_array_equal(model.weights_["0.weight"], first.weight.numpy())
    tied = nn.Linear(4, 4)
    model = ModularNetClassifier(module=nn.Sequential(tied, act, tied, act, nn.Linear(4, 3)), max_epochs=3).fit(X, Y)
    assert model.plan_ is None
    np.testing.assert_array_equal(model.weights_["0.weight"], model.weights_["2.weight"])


def test_a_module_of_any_kind_trains_with_moda():
    model = ModularNetClassifier(module=Own(), max_epochs=30, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.85
    assert pickle.loads(pickle.dumps(model)).score(X, Y) == model.score(X, Y)
    with pytest.raises(ParameterError, match=r"HardBlocks.*nn\.Sequential"):
        ModularNetClassifier("blocks", module=Own()).fit(X, Y)


# modules of classes


def test_a_module_is_small_whole_and_alone(moda):
    module = moda.extract_module("virginica")
    assert is_classifier(module) and 0 < module.retention_ < 1
    stored = pickle.dumps(module)
    assert len(stored) < len(pickle.dumps(moda))
    again = pickle.loads(stored)
    np.testing.assert_array_equal(again.predict_proba(X), module.predict_proba(X))
    assert module.predict_proba(X).shape == (150, 2)
    assert module.score(X, NAMES == "virginica") > 0.85
    assert module.n_parameters_ == n_parameters(module.weights_)


def test_all_classes_with_all_units_are_the_net_itself(moda):
    everything = moda.extract_module(list(moda.classes_), threshold=0.0)
    np.testing.assert_allclose(everything.predict_proba(X), moda.predict_proba(X), atol=1e-6)
    assert everything.retention_ == 1


def test_a_union_is_what_extracting_all_its_labels_gives(moda):
    parts = [moda.extract_module(label) for label in ("virginica", "setosa")]
    union = compose(parts, how="union", source=moda)
    np.testing.assert_array_equal(union.predict_proba(X), moda.extract_module(["setosa", "virginica"]).predict_proba(X))
    other = ModularNetClassifier(**QUICK | {"random_state": 1}).fit(X, NAMES)
    for source in (None, other):
        with pytest.raises(ParameterError, match="how='vote'"):
            compose(parts, how="union", source=source)
    with pytest.raises(ParameterError, match="how='vote'"):
        compose([parts[0], other.extract_module("setosa")], how="union", source=moda)


def test_a_union_also_holds_what_its_classes_need_together():
    rates = {"a": np.array([[1.0, 0.5, 0.5, 0.2, 0.0], [0.0, 0.5, 0.3, 0.9, 0.0], [0.0, 0.0, 0.25, 0.0, 0.5]])}
    masks = class_masks(rates, 0.9)  # the last class takes its most active unit
    for classes, units in {(0,): [0], (2,): [4], (0, 1): [0, 1, 3], (1, 2): [3, 4], (0, 1, 2): range(5)}.items():
        keep = union_units(masks, rates, 0.9, list(classes))["a"]
        assert np.flatnonzero(keep).tolist() == list(units)
    alone = union_units({"a": np.eye(3, 5, dtype=bool)}, rates, 0.9, [1])["a"]
    assert alone.tolist() == [False, True, False, False, False], "one class: its mask, whatever the rates"


def test_a_larger_set_holds_all_that_its_parts_hold(moda):
    labels = moda.classes_.tolist()
    small, large = moda.extract_module(labels[:2]), moda.extract_module(labels)
    for group, keep in moda.masks_.items():
        assert (large.masks_[group] >= small.masks_[group]).all() and (small.masks_[group] >= keep[:2].any(0)).all()
        together = moda.rates_[group][:2].sum(0) >= moda.threshold_
        np.testing.assert_array_equal(small.masks_[group], keep[:2].any(0) | together)


def test_modules_of_different_nets_vote(moda):
    other = ModularNetClassifier(**QUICK | {"random_state": 1}).fit(X, NAMES)
    vote = compose([moda.extract_module(["setosa", "virginica"]), other.extract_module("versicolor")])
    assert vote.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert vote.score(X, NAMES) > 0.85
    np.testing.assert_allclose(vote.predict_proba(X).sum(1), 1)
    odds = np.hstack([module.log_odds(X) for module in vote.modules_])[:, [0, 2, 1]]
    np.testing.assert_array_equal(vote.predict(X), vote.classes_[odds.argmax(1)])


def test_a_patch_gives_a_class_back(moda):
    rows = np.r_[0:2, 50:150]
    weak = LogisticRegression(C=1e-3).fit(X[rows], NAMES[rows])
    first = NAMES == "setosa"
    assert weak.score(X[first], NAMES[first]) < 0.1
    patched = patch(weak, moda.extract_module("setosa"), "setosa")
    assert patched.score(X[first], NAMES[first]) > 0.9
    shares = patched.predict_proba(X)
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_allclose(shares[:, 0], moda.extract_module("setosa").predict_proba(X)[:, 1])
    old = weak.predict_proba(X)
    np.testing.assert_allclose(shares[:, 1] * old[:, 2], shares[:, 2] * old[:, 1], atol=1e-12)


def test_a_module_is_tuned_and_calibrated_on_new_rows(moda):
    module = moda.extract_module(["versicolor", "virginica"])
    tuned = module.fine_tune(X, NAMES, max_epochs=20, random_state=0)
    rows = NAMES != "setosa"
    before, after = (log_loss(NAMES[rows], one.predict_proba(X[rows])) for one in (module, tuned))
    assert after < before
    assert tuned.n_parameters_ == module.n_parameters_
    alone = moda.extract_module("setosa").fine_tune(X, NAMES, random_state=0)
    assert alone.score(X, NAMES == "setosa") > 0.95
    with pytest.raises(InputDataError, match="'setosa'"):
        moda.extract_module("setosa").fine_tune(X[60:], NAMES[60:])


def test_the_threshold_is_validated_on_rows_held_out(moda):
    holds = [row["threshold"] for row in moda.threshold_path_ if row["loss"] <= 0.003]
    assert moda.threshold_ == max(holds)
    fixed = ModularNetClassifier(threshold=0.5, **QUICK).fit(X, NAMES)
    assert fixed.threshold_ == 0.5 and fixed.threshold_path_ == []
    assert all((mask.any(1)).all() for mask in moda.masks_.values()), "no class is left without a unit"


@pytest.mark.parametrize("threshold", [2.0, -0.1, float("nan"), "0.5"])
def test_a_threshold_is_a_share(moda, threshold):
    with pytest.raises(ParameterError, match="from 0 to 1"):
        moda.extract_module("setosa", threshold=threshold)


def test_the_threshold_is_the_largest_rate_that_holds():
    images, labels = load_digits(return_X_y=True)
    images = images / 16.0
    settings = {"hidden_layer_sizes": (24, 24), "standardize": False, "max_epochs": 12, "random_state": 0}
    model = ModularNetClassifier(None, **settings).fit(images[:900], labels[:900])
    rows, codes, new = images[900:1300], labels[900:1300], np.random.default_rng
    rates = {group: new(5).uniform(0, 0.8, rate.shape) for group, rate in model.rates_.items()}  # units by chance
    plain = (PlanCutter(model.plan_, model.weights_, 10), rates, rows, codes)
    for max_loss in (0.03, 0.003):
        threshold, path = choose_threshold(*plain, max_loss, new(0))
        tried = [row["threshold"] for row in path]
        assert tried == sorted(tried, reverse=True) and len(tried) <= len(THRESHOLDS) + 5
        assert [row["loss"] <= max_loss for row in path if row["threshold"] == threshold] == [True]
        above = [row["loss"] > max_loss for row in path if row["threshold"] > threshold]
        assert above and all(above)
        assert threshold > max(step for step in THRESHOLDS if step <= threshold), "finer than the fixed steps"
        assert any(threshold in rate for rate in rates.values()), "masks change there"
    best = min(path, key=lambda row: row["loss"])
    assert choose_threshold(*plain, best["loss"] - 1.0, new(0))[0] in THRESHOLDS, "all lose more: the least loss"


# clusters


@pytest.mark.parametrize("method", [Clusterable(weight=20, n_clusters=3), Clusterable(20, 3, "joint"), HardBlocks(3)])
def test_clusters_add_up_exactly(method):
    model = ModularNetClassifier(method, **QUICK | {"hidden_layer_sizes": (12, 9, 12), "max_epochs": 60}).fit(X, Y)
    parts, intercept = model.contributions(X)
    assert parts.shape[::2] == (150, 3)
    np.testing.assert_allclose(parts.sum(1) + intercept, model.hard_cut().decision_function(X), atol=1e-5)
    assert model.hard_cut().score(X, Y) >= model.score(X, Y) - 0.05
    links = links_between(model.hard_cut().weights_, wire_up(model.plan_), inner=True, power=2)
    for (source, target), matrix in links.items():
        labels = model.partition_.labels
        assert matrix[labels[source][:, None] != labels[target]].sum() == 0


def test_a_partition_of_ones_own_and_blocks_from_the_start():
    own = UnitPartition({"hidden1": np.arange(12) % 2, "hidden2": np.arange(12) // 6})
    model = ModularNetClassifier(Clusterable(5.0, partition=own), **QUICK).fit(X, Y)
    assert model.partition_ is own
    blocks = ModularNetClassifier(HardBlocks(2), **QUICK).fit(X, Y)
    np.testing.assert_array_equal(blocks.hard_cut().predict_proba(X), blocks.predict_proba(X))
    with pytest.raises(ParameterError, match="does not fit the hidden units"):
        ModularNetClassifier(Clusterable(partition=own), hidden_layer_sizes=(5, 5)).fit(X, Y)


def test_a_regressors_parts_are_in_units_of_the_target():
    target = 100 * X[:, :2] + 1000
    model = ModularNetRegressor("blocks", max_epochs=40, random_state=0).fit(X[:, 2:], target)
    parts, intercept = model.contributions(X[:, 2:])
    np.testing.assert_allclose(parts.sum(1) + intercept, model.predict(X[:, 2:]), rtol=1e-5)


def test_wires_are_cut_and_units_sit_in_different_places():
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (100, 4))
    target = np.c_[rows[:, 0] + rows[:, 2], rows[:, 1] - rows[:, 3]]
    settings = {"hidden_layer_sizes": (10,), "activation": "silu", "max_epochs": 1000, "random_state": 0}
    model = ModularNetRegressor(Bimt(0.01), **settings).fit(rows, target)
    assert model.score(rows, target) > 0.99
    kept = sum(np.count_nonzero(model.weights_[f"{layer}.weight"]) for layer in ("hidden1", "output"))
    assert kept < 40, "of 60 wires"
    for places in model.layout_.values():
        np.testing.assert_allclose(np.sort(places), (2 * np.arange(len(places)) + 1) / (2 * len(places)))


# errors


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"activation": "tanh"}, ["nn.ReLU", "activation='relu'"]),
        ({"modularity": Moda(affinity=-1)}, ["Moda", "affinity=-1"]),
        ({"modularity": NeMo(temperature=0)}, ["NeMo", "temperature=0"]),
        ({"modularity": "clusterability", "hidden_layer_sizes": (9,)}, ["hidden_layer_sizes of two or more"]),
        ({"modularity": HardBlocks(20)}, ["asks for 20 clusters", "'hidden1' has 12"]),
        ({"modularity": MwT(), "hidden_layer_sizes": ()}, ["gates hidden layers"]),
        ({"modularity": []}, ["modularity=[]", "must be"]),
        ({"modularity": ["moda", "mwt"]}, ["gates stands alone"]),
        ({"modularity": ["blocks", "clusterability"]}, ["clusters twice"]),
        ({"module": nn.Linear(4, 7)}, ["answers 7 columns where 3 are needed"]),
        ({"module": nn.Linear(5, 3), "modularity": None}, ["cannot take rows of 4 features", "nn.Unflatten"]),
        ({"module": lambda n_features, n_outputs: "net"}, ["'net'", "torch module"]),
        ({"lr": 1e30}, ["diverged", "Lower lr"]),
    ],
)
def test_what_does_not_fit_is_named(settings, words):
    with pytest.raises(ParameterError) as error:
        ModularNetClassifier(**QUICK | settings).fit(X, Y)
    missing = [word for word in words if word not in str(error.value)]
    assert not missing, f"{missing} not in: {error.value}"


def test_wrong_questions_to_a_fitted_net_are_answered(moda):
    for classes in ("rose", [], ["setosa", "setosa"]):
        with pytest.raises(ParameterError, match="must be different labels"):
            moda.extract_module(classes)
    for method in ("moda", "mwt", "nemo"):
        with pytest.raises(ParameterError, match="a regressor has none"):
            ModularNetRegressor(method).fit(X, X[:, 0])
    for call in (moda.hard_cut, lambda: moda.contributions(X)):
        with pytest.raises(ParameterError, match="needs clusters"):
            call()
    with pytest.raises(InputDataError, match="one class, 'a'"):
        ModularNetClassifier().fit(X, ["a"] * 150)
    module = moda.extract_module("setosa")
    for modules, words in (([module], "two or more"), ([module, module], "two modules know"), ([1, 2], "two or more")):
        with pytest.raises(ParameterError, match=words):
            compose(modules)
    with pytest.raises(ParameterError, match="how='sum'"):
        compose([module, moda.extract_module("virginica")], how="sum")
    with pytest.raises(ParameterError, match="no class of the module"):
        patch(moda, module, "virginica")
    narrow = ModularNetClassifier(**QUICK).fit(X[:, :2], NAMES)
    with pytest.raises(ParameterError, match="other columns"):
        compose([module, narrow.extract_module("virginica")])
    with pytest.raises(InputDataError, match="2 features"):
        module.predict(X[:, :2])


# a net that is trained already


def test_modules_of_a_trained_net_are_found_by_switches():
    net = ModularNetClassifier(None, **QUICK).fit(X, NAMES)
    before = {name: value.copy() for name, value in net.weights_.items()}
    splitter = GradSplitter(FrozenEstimator(net), weight=1.0, max_epochs=40, random_state=0).fit(X, NAMES)
    assert splitter.score(X, NAMES) > 0.9
    sizes = [splitter.extract_module(label).retention_ for label in splitter.classes_]
    assert max(sizes) < 1 and np.mean(sizes) < 0.7
    for name, value in before.items():
        np.testing.assert_array_equal(splitter.net_.weights_[name], value)
        np.testing.assert_array_equal(net.weights_[name], value)
    again = clone(splitter).fit(X, NAMES)
    np.testing.assert_array_equal(again.predict_proba(X), splitter.predict_proba(X))


def test_what_cannot_be_split_is_named():
    smooth = ModularNetClassifier(None, activation="tanh", **QUICK)
    gated = ModularNetClassifier("mwt", **QUICK)
    for estimator in (smooth, gated):
        with pytest.raises(ParameterError, match="cannot be cut"):
            GradSplitter(estimator).fit(X, NAMES)
    two = ModularNetClassifier(None, **QUICK).fit(X[:100], NAMES[:100])
    with pytest.raises(InputDataError, match="'virginica'"):
        GradSplitter(FrozenEstimator(two)).fit(X, NAMES)
