"""Modules that are no chain of known layers: whose units a ReLU shows, and parts cut out by torch-pruning."""

import pickle
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from modpart._torch.graphs import Graph
from modpart.exceptions import MissingDependencyError, ParameterError
from modpart.networks import Moda, ModularNetClassifier, compose


class Blocks(nn.Module):
    """Maps that are added and normalised, flattened, and a ReLU in place."""

    def __init__(self):
        super().__init__()
        self.first, self.norm1, self.relu1 = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.second, self.norm2, self.relu2 = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.dense, self.relu3, self.last = nn.Linear(128, 12), nn.ReLU(inplace=True), nn.Linear(12, 10)

    def forward(self, rows):
        maps = self.relu1(self.norm1(self.first(rows.reshape(-1, 1, 8, 8))))
        maps = self.relu2(maps + self.norm2(self.second(maps)))
        return self.last(self.relu3(self.dense(nn.functional.max_pool2d(maps, 2).flatten(1))))


class Odd(nn.Module):
    """A ReLU that is used twice, one behind a concatenation, and one that shows what the answer is made of."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = nn.Linear(4, 6), nn.Linear(4, 6), nn.Linear(12, 6)
        self.twice, self.both, self.good, self.last = nn.ReLU(), nn.ReLU(), nn.ReLU(), nn.Linear(6, 3)

    def forward(self, rows):
        sides = torch.cat([self.twice(self.one(rows)), self.twice(self.two(rows))], 1)
        return self.last(self.good(self.three(self.both(sides))))


def make(n_features, n_outputs):
    return Blocks()


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    torch_state = torch.get_rng_state()
    settings = {"module": make, "standardize": False, "max_epochs": 20, "random_state": 0}
    model = ModularNetClassifier(Moda(compactness=0.1), **settings).fit(images[:600] / 16, labels[:600])
    assert torch.equal(torch.get_rng_state(), torch_state)
    return model, images[600:900] / 16, labels[600:900]


def test_a_relu_is_followed_back_to_the_layers_that_made_its_units():
    graph = Graph(Blocks(), np.zeros((2, 64)))
    assert graph.listeners == {"relu1": "first", "relu2": "first", "relu3": "dense"}
    assert graph.layers == {"first": ["first", "second"], "dense": ["dense"]} and graph.outputs == {"last"}
    assert Graph(Odd(), np.zeros((2, 4))).listeners == {"good": "three"}
    assert not any(layer._forward_hooks for layer in graph.module.modules())


def test_units_are_known_without_the_package_and_cut_only_with_it(digits, monkeypatch):
    model, images, labels = digits
    assert {group: mask.shape for group, mask in model.masks_.items()} == {"first": (10, 8), "dense": (10, 12)}
    assert model.score(images, labels) > 0.7 and 0 < model.threshold_ <= 0.9, "of a small net, trained briefly"
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(MissingDependencyError, match=r"modpart\[prune\]"):
        model.extract_module([1, 7])


def test_a_graph_without_relu_layers_is_refused():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 2)

        def forward(self, rows):
            return self.last(torch.relu(self.first(rows)))

    rows = np.random.default_rng(0).normal(size=(60, 4))
    model = ModularNetClassifier(None, module=Plain(), max_epochs=2, random_state=0).fit(rows, rows[:, 0] > 0)
    with pytest.raises(ParameterError, match="no unit can be told"):
        model.extract_module(True)


def test_a_cut_graph_is_small_whole_and_alone(digits):
    pytest.importorskip("torch_pruning")
    model, images, labels = digits
    module = model.extract_module([1, 4, 7])
    assert 0 < module.retention_ < 1 and module.widths_["dense"] == module.masks_["dense"].sum()
    graph = model._graph()
    codes = [1, 4, 7]
    net = graph.masked(module.masks_, codes)
    masked = net(torch.tensor(images, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(module._logits(images), masked, atol=1e-5)
    rows = np.isin(labels, module.labels_)
    assert module.score(images[rows], labels[rows]) > 0.8
    again = pickle.loads(pickle.dumps(module))
    np.testing.assert_array_equal(again.predict_proba(images), module.predict_proba(images))
    assert len(pickle.dumps(module)) < len(pickle.dumps(model.extract_module(list(range(10)), threshold=0.0)))
    vote = compose([model.extract_module(label) for label in range(10)])
    assert vote.score(images, labels) > 0.3, "of a small net; 0.1 is chance"
    pair = compose([model.extract_module(1), model.extract_module(7)], how="union", source=model)
    np.testing.assert_array_equal(pair.predict_proba(images), model.extract_module([1, 7]).predict_proba(images))
    tuned = module.fine_tune(images, labels, random_state=0)
    assert tuned.score(images[rows], labels[rows]) >= module.score(images[rows], labels[rows])
