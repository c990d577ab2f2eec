"""Gates and modules of small transformers: attention is gated, cut and put back without changing what it computes."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from torch import nn

from modpart import io
from modpart._torch.init import new_generator
from modpart._torch.plans import Gated, build, describe, forward
from modpart._torch.schedule.start import draw
from modpart.exceptions import ParameterError
from modpart.networks import ModularNetClassifier, NeMo, TransformerChain, compose
from modpart.networks._cut import silenced, ungated, without_gates
from modpart.networks._gates import add_gates
from modpart.networks._modularity import Training
from modpart.networks._plan import wire_up

X, Y = load_iris(return_X_y=True)
NET = TransformerChain(8, heads=2, patch=1)  # four columns are an image of two by two


def training(seed=0):
    plan = NET.net(2)(4, 3)
    plan = describe(plan)
    weights = draw(plan, new_generator(seed))
    return Training("test", plan, weights, 3, np.random.default_rng(seed), "cpu", 1)


def gateable(plan):
    return {group for group in wire_up(plan).loose if "key" not in group}


def test_gates_sit_on_values_and_hidden_units_and_come_off_again():
    made = training()
    before = replace(made)
    found = add_gates(made, "nemo")
    gated = {ungated(group) for group in made.taps.values()}
    assert gated == gateable(before.plan)
    assert len(found) == 4
    assert all(group.endswith(("attention.value.linear", "body.wide")) for group in gated)
    plan, weights = without_gates(made.plan, made.weights)
    assert plan == before.plan
    assert list(weights) == list(before.weights)
    for name, value in weights.items():
        np.testing.assert_array_equal(value, before.weights[name])
    answer = forward(build(made.plan, made.weights), X)
    bare = forward(build(plan, weights), X)
    assert np.abs(answer - bare).max() > 1e-3, "gates do something"
    for name in made.weights:  # gates that are wide open: tanh(40) is 1
        if ".gate.second." in name:
            made.weights[name] = np.full_like(made.weights[name], 40.0 if name.endswith("bias") else 0.0)
    np.testing.assert_allclose(forward(build(made.plan, made.weights), X), bare, atol=1e-12)


def test_tokens_of_a_row_share_a_gate():
    rng = torch.Generator().manual_seed(0)
    body, gate = nn.Sequential(nn.Linear(3, 5)), nn.Sequential(nn.Linear(3, 5), nn.Sigmoid())
    rows = torch.randn(7, 4, 3, generator=rng)
    expected = body(rows) * gate(rows.mean(1))[:, None, :]
    torch.testing.assert_close(Gated(body, gate)(rows), expected)


@pytest.fixture(scope="module")
def model():
    settings = {"module": NET.net(2), "max_epochs": 60, "lr": 0.05, "random_state": 0, "batch_size": 30}
    return ModularNetClassifier(NeMo(0.1), **settings).fit(X, Y)


def test_nemo_learns_on_a_transformer_and_repeats_to_the_bit(model):
    assert model.score(X, Y) > 0.9
    again = clone(model).fit(X, Y)
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))
    assert set(model.masks_) == gateable(model._bare()[0])


def test_a_module_of_attention_is_smaller_and_computes_what_the_masked_net_does(model, tmp_path):
    plan, weights = model._bare()
    rows = (X - model.x_mean_) / model.x_scale_
    for c in range(3):
        module = model.extract_module(c, threshold=0.9)
        masked = forward(build(plan, silenced(plan, weights, module.masks_)), rows)[:, [c]]
        np.testing.assert_allclose(module._logits(X), masked, atol=1e-6)
        assert module.retention_ < 1
        assert module.widths_["stem"] == 8, "a normalisation looks at all of the stream"
        copied = pickle.loads(pickle.dumps(module))
        io.save(module, tmp_path / "module.modpart")
        loaded = io.load(tmp_path / "module.modpart")
        for other in (copied, loaded):
            np.testing.assert_array_equal(other.log_odds(X), module.log_odds(X))


def test_tuned_modules_vote(model):
    modules = [model.extract_module(c).fine_tune(X, Y, max_epochs=20, random_state=0) for c in range(3)]
    assert compose(modules).score(X, Y) > 0.9
    union = model.extract_module([0, 2]).fine_tune(X, Y, random_state=0)
    assert union.score(X[Y != 1], Y[Y != 1]) == 1.0


def test_moda_hears_the_units_of_tokens():
    moda = ModularNetClassifier("moda", module=NET.net(1), max_epochs=5, random_state=0).fit(X, Y)
    assert {group: rates.shape for group, rates in moda.rates_.items()} == {"think0.body.wide": (3, 16)}
    assert moda.extract_module(0, threshold=1.0).retention_ < 1


@pytest.mark.parametrize("method", ["clusterability", "blocks", "bimt"])
def test_methods_that_keep_units_apart_refuse_a_normalisation_of_all_units(method):
    with pytest.raises(ParameterError, match="layer 'stem' feeds one that looks at all units of a row"):
        ModularNetClassifier(method, module=NET.net(1)).fit(X, Y)


def test_a_chain_as_a_module():
    made = NET.net(2)
    assert repr(made) == "TransformerChain(heads=2, patch=1, width=8).net(2)"
    assert pickle.loads(pickle.dumps(made))(4, 3)(torch.zeros(2, 4)).shape == (2, 3)
    with pytest.raises(ParameterError, match=r"depth=0"):
        NET.net(0)
    with pytest.raises(ParameterError, match="images of 2 x 2 into patches of side 3"):
        ModularNetClassifier("nemo", module=TransformerChain(8, patch=3).net(1)).fit(X, Y)


def test_fine_tuning_starts_from_the_calibrated_log_odds(model):
    module = model.extract_module(1)
    still = module.fine_tune(X, Y, lr=1e-9, max_epochs=1, random_state=0)
    np.testing.assert_allclose(still.log_odds(X), module.log_odds(X), rtol=1e-2, atol=1e-2)
    with pytest.raises(ParameterError, match=r"fine_tune diverged with lr=1e\+20"):
        module.fine_tune(X, Y, lr=1e20, random_state=0)
