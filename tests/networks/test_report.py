"""The report says what is there, beside what chance gives."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from modpart.exceptions import ParameterError
from modpart.networks import ModularNetClassifier, ModularNetRegressor, modularity_report
from modpart.networks._cut import cut, n_parameters
from modpart.networks._plan import wire_up
from modpart.networks._report import shared_parameters

X, Y = load_iris(return_X_y=True)


def fitted(method, **settings):
    settings = {"hidden_layer_sizes": (16, 16), "max_epochs": 25, "random_state": 0} | settings
    return ModularNetClassifier(method, **settings).fit(X, Y)


def test_blocks_are_perfect_and_far_above_shuffled_weights():
    report = modularity_report(fitted("blocks"), X, Y, n_null=15, random_state=0)
    assert report.clusterability == 1.0 and report.chance == 0.25 and report.hard_cut_gap == 0.0
    assert report.size_balance == 1.0
    assert report.found > 0.9 > report.null_mean > 0.25
    assert report.null_z > 5 and report.null_percentile == 100
    assert report.only.shape == report.without.shape == (4,)
    assert report.ablation.shape == (3, 4)
    counts = np.bincount(Y) / len(Y)
    cut_score = report.score - report.hard_cut_gap
    np.testing.assert_allclose(counts @ report.ablation, cut_score - report.without, atol=1e-12)
    assert list(report.to_frame().index)[:2] == ["score", "n_parameters"]


def test_modules_are_described():
    model = fitted("moda", hidden_layer_sizes=(16,))
    report = modularity_report(model, X, Y, n_null=0)
    modules = [model.extract_module(c) for c in range(3)]
    assert report.retention == pytest.approx(np.mean([module.retention_ for module in modules]))
    assert 0 <= report.overlap <= report.jaccard < 1
    assert report.clusterability is report.found is report.hard_cut_gap is None
    assert report.vote > 0.8 and report.union > 0.8


def test_shared_parameters_are_those_of_the_net_of_common_units():
    model = fitted("moda")
    plan, rng = model.plan_, np.random.default_rng(0)
    one, two = ({group: rng.random(16) < 0.6 for group in ("hidden1", "hidden2")} for _ in range(2))
    common = {group: one[group] & two[group] for group in one}
    _, weights = cut(plan, model.weights_, common)
    own = {name: value for name, value in weights.items() if not name.startswith(wire_up(plan).output)}
    assert shared_parameters(plan, one, two) == n_parameters(own)


def test_a_regressor_with_places_and_a_net_of_another_kind():
    model = ModularNetRegressor("bimt", hidden_layer_sizes=(6,), max_epochs=50, random_state=0).fit(X[:, :3], X[:, 3])
    report = modularity_report(model, X[:, :3], X[:, 3], random_state=0)
    assert report.wire_length > 0 and report.retention is None and 0 < report.n_wires <= 24
    with pytest.raises(ParameterError, match="modular net"):
        modularity_report(object(), X, Y)
