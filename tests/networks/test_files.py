"""Modular nets and their modules are stored as data and read without running code."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from modpart.io import load, save
from modpart.networks import ModularNetClassifier, compose

pytest.importorskip("skops")
X, Y = load_iris(return_X_y=True)


@pytest.mark.parametrize("method", ["moda", "blocks", "bimt"])
def test_nets_and_modules_come_back_as_they_were(method, tmp_path):
    model = ModularNetClassifier(method, hidden_layer_sizes=(8, 8), max_epochs=5, random_state=0).fit(X, Y)
    things = [model, model.extract_module(1), compose([model.extract_module(0), model.extract_module(2)])]
    for thing in things:
        save(thing, tmp_path / "thing.skops")
        again = load(tmp_path / "thing.skops")
        np.testing.assert_array_equal(again.predict_proba(X), thing.predict_proba(X))
