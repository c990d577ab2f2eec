"""While BIMT warms up, wires cost nothing and weights decay as AdamW lets them; frozen ones stay."""

import numpy as np
import pytest
import torch
from torch import nn

from modpart.exceptions import ParameterError
from modpart.networks import Bimt, ModularNetClassifier

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
SETTINGS = {"hidden_layer_sizes": (10,), "activation": "silu", "batch_size": 60, "lr": 1e-3, "random_state": 0}


def curve(method, **settings):
    return ModularNetClassifier(method, **SETTINGS | {"max_epochs": 40, "optimizer": "adam"} | settings).fit(X, Y)


def test_a_warm_up_without_decay_is_plain_training_and_the_price_comes_after_it():
    plain = curve(None).loss_curve_
    priced = curve(Bimt(warmup=0.5, decay=0.0)).loss_curve_
    np.testing.assert_array_equal(priced[:20], plain[:20])
    assert priced[20] > plain[20], "the first step with a price starts from the same weights"
    assert (curve(Bimt()).loss_curve_[:20] > plain[:20]).all()


def test_weights_decay_as_with_adamw_until_wires_have_a_price():
    decayed = curve(Bimt(0.0, warmup=0.5, decay=20.0, prune=0.0, every=0))
    known = curve(None, optimizer=torch.optim.AdamW, weight_decay=20.0)
    plain = curve(None)
    np.testing.assert_allclose(decayed.loss_curve_[:20], known.loss_curve_[:20], rtol=2e-3)
    assert (np.abs(decayed.loss_curve_ - plain.loss_curve_)[10:20] > 5e-3).all()
    longer, whole = (np.abs(model.weights_["hidden1.weight"]).sum() for model in (decayed, known))
    assert longer > 1.2 * whole, "decay ends with the warm-up"


def test_a_training_in_batches_warms_up_too():
    plain = curve(None, batch_size=20, max_epochs=10).loss_curve_
    model = curve(Bimt(warmup=0.5, decay=0.0, prune=0.2), batch_size=20, max_epochs=10)
    np.testing.assert_array_equal(model.loss_curve_[:4], plain[:4])  # half of the eight epochs before the cut
    assert (model.loss_curve_[4:8] > plain[4:8]).all()
    assert (model.weights_["hidden1.weight"] == 0).any()


def test_what_is_frozen_does_not_decay():
    net = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 2))
    net[0].requires_grad_(False)
    settings = {"module": net, "standardize": False, "batch_size": 60, "max_epochs": 30, "random_state": 0}
    model = ModularNetClassifier(Bimt(warmup=0.9, prune=0.0, every=0, decay=10.0), **settings).fit(X, Y)
    np.testing.assert_array_equal(model.weights_["0.weight"], net[0].weight.numpy())
    assert np.abs(model.weights_["2.weight"]).sum() != pytest.approx(np.abs(net[2].weight.detach().numpy()).sum())


@pytest.mark.parametrize(
    ("method", "words"), [(Bimt(warmup=1.0), "warmup=1.0 .*>= 0 and < 1"), (Bimt(decay=-1), "decay=-1")]
)
def test_a_warm_up_leaves_time_for_the_price(method, words):
    with pytest.raises(ParameterError, match=words):
        curve(method)
