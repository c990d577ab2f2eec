"""Wires are cut the cheapest first: those left fit again, those cut stay zero, and no dead end is left."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from modpart._torch.plans import describe
from modpart._torch.pruning import Pruning
from modpart.datasets import make_symbolic_task
from modpart.networks import Bimt, ModularNetClassifier, ModularNetRegressor, Residual, _bimt
from modpart.networks._bimt import useful_wires
from modpart.networks._plan import wire_up


@pytest.fixture(scope="module")
def pruned():
    X, y = make_symbolic_task("sharing", 100, random_state=3)
    settings = {"hidden_layer_sizes": (8,), "activation": "silu", "max_epochs": 800, "lr": 1e-2, "random_state": 0}
    return X, y, {slack: ModularNetRegressor(Bimt(slack=slack), **settings).fit(X, y) for slack in (0.0, 0.3)}


def wires(model):
    return {name: value != 0 for name, value in model.weights_.items() if name.endswith("weight")}


def test_slack_buys_fewer_wires_for_a_bounded_loss(pruned):
    X, y, models = pruned
    errors = {slack: np.mean((model.predict(X) - y) ** 2) / y.var() for slack, model in models.items()}
    counts = {slack: sum(mask.sum() for mask in wires(model).values()) for slack, model in models.items()}
    assert counts[0.3] < counts[0.0] < 48
    assert max(errors.values()) < 0.001


def test_no_wire_leads_nowhere_or_comes_from_nowhere(pruned):
    for model in pruned[2].values():
        masks = wires(model)
        assert masks["hidden1.weight"].any(1).tolist() == masks["output.weight"].any(0).tolist()


def test_what_units_say_that_hear_nobody_goes_into_biases():
    layers = [nn.Linear(3, 5), nn.SiLU(), nn.Linear(5, 4), nn.SiLU(), nn.Linear(4, 2)]
    net = nn.Sequential(*layers)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.from_numpy(np.random.default_rng(0).normal(size=parameter.shape)))
    X = torch.from_numpy(np.random.default_rng(1).normal(size=(20, 3)))
    masks = {f"{place}.weight": np.ones(layers[place].weight.shape, bool) for place in (0, 2, 4)}
    masks["0.weight"][:2] = False  # two units hear nobody
    masks["2.weight"][1, 2:] = False  # one hears these two only
    with torch.no_grad():
        for name, mask in masks.items():
            net.get_parameter(name).mul_(torch.from_numpy(mask))
    before = net.double()(X)
    wiring = wire_up(describe(net))
    trained = SimpleNamespace(module_=net, batch_=(X, before.detach()), criterion_=nn.MSELoss(), heard=None)
    found = Pruning(trained, masks, lambda masks: useful_wires(masks, wiring)).masks
    assert not found["2.weight"][:, :2].any() and not found["4.weight"][:, 1].any()
    assert found["0.weight"][2:].all() and found["4.weight"][:, [0, 2, 3]].all()
    torch.testing.assert_close(net(X), before, rtol=0, atol=1e-12)


def test_a_refit_of_classes_keeps_weights_small(monkeypatch):
    X = np.random.default_rng(0).normal(size=(80, 3))
    settings = {"hidden_layer_sizes": (8,), "activation": "silu", "max_epochs": 300, "lr": 1e-2, "random_state": 0}
    lengths = []
    for ridge in (1e-3, _bimt._RIDGE, 0.0):
        monkeypatch.setattr(_bimt, "_RIDGE", ridge)
        model = ModularNetClassifier(Bimt(slack=0.0), **settings).fit(X, X[:, 0] * X[:, 1] > 0)
        assert model.score(X, X[:, 0] * X[:, 1] > 0) == 1.0
        lengths.append(sum((value**2).sum() for value in model.weights_.values()))
    assert 2 * lengths[0] < lengths[1] < lengths[2] / 2


def test_dead_ends_are_followed_through_folds_and_blocks():
    net = nn.Sequential(
        *(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 3, 1), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3), nn.ReLU()),
        *(Residual(nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 3))), nn.Linear(3, 1)),
    )
    wiring = wire_up(describe(net))
    masks = {f"{wire.layer}.weight": np.ones(net.get_submodule(wire.layer).weight.shape, bool) for wire in wiring.wires}
    assert all(mask.all() for mask in useful_wires(masks, wiring).values())
    masks["4.weight"][:, 4:8] = False  # nobody hears the second map
    masks["7.weight"][:, 0] = False  # the first unit after the block is heard inside the block only
    masks["6.body.2.weight"][1:, 1] = False  # the second unit inside speaks to that one only, which the block hears
    found = useful_wires(masks, wiring)
    assert found["1.weight"][:, 0, 0].tolist() == [True, False, True]
    assert found["6.body.0.weight"].all() and found["6.body.2.weight"][0].all()
    masks["6.body.0.weight"][:, 0] = False
    found = useful_wires(masks, wiring)
    assert not found["6.body.2.weight"][0].any() and not found["4.weight"][0].any()
    assert not found["6.body.0.weight"][1].any() and found["6.body.0.weight"][0, 1:].all()
