"""Pictures of modular nets show what the net holds."""

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_iris

from modpart.exceptions import ParameterError
from modpart.inspection import ModularityDisplay
from modpart.networks import ModularNetClassifier, ModularNetRegressor, UnitPartition

X, Y = load_iris(return_X_y=True)
SETTINGS = {"hidden_layer_sizes": (8, 8), "max_epochs": 10, "random_state": 0}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def nets():
    return {name: ModularNetClassifier(name, **SETTINGS).fit(X, Y) for name in ("moda", "blocks", "bimt")}


def test_each_net_has_its_picture(nets):
    kinds = {name: ModularityDisplay.from_estimator(net).kind for name, net in nets.items()}
    assert kinds == {"moda": "modules", "blocks": "weights", "bimt": "network"}


def test_weights_stand_in_the_order_of_clusters():
    mixed = np.random.default_rng(0).permutation(8)
    net = ModularNetClassifier("blocks", **SETTINGS).fit(X, Y)
    net.weights_["hidden2.weight"] = net.weights_["hidden2.weight"][mixed]
    net.partition_ = UnitPartition(net.partition_.labels | {"hidden2": net.partition_.labels["hidden2"][mixed]})
    shown = ModularityDisplay.from_estimator(net).image_.get_array()
    outside = np.kron(np.eye(4), np.ones((2, 2))) == 0
    assert (np.asarray(shown)[outside] == 0).all()
    assert (np.asarray(shown)[~outside] > 0).all()


def test_a_network_has_a_wire_for_each_weight_and_unused_units_are_grey():
    net = ModularNetRegressor("bimt", hidden_layer_sizes=(4,), max_epochs=5, random_state=0).fit(X[:, :3], X[:, 3])
    net.weights_["hidden1.weight"][:] = 0.0
    net.weights_["hidden1.weight"][1, 2] = -2.0
    net.weights_["output.weight"][:] = np.array([[0.0, 1.0, 0.0, 0.0]])
    display = ModularityDisplay.from_estimator(net)
    segments = [np.round(segment, 6).tolist() for segment in display.lines_.get_segments()]
    places = net.layout_
    assert len(segments) == 2
    assert [round(places["input"][2], 6), 0.0] in [segment[0] for segment in segments]
    words = {text.get_text() for text in display.ax_.texts}
    assert {"x1", "x2", "x3", "y1", "input", "hidden1", "output"} <= words


def test_curves_and_matrices_are_those_of_the_report(nets):
    display = ModularityDisplay.from_estimator(nets["blocks"], X, Y, kind="ablation")
    assert display.image_.get_array().shape == (3, 4)
    display = ModularityDisplay.from_estimator(nets["moda"], X, Y, kind="tradeoff")
    assert display.lines_[0].get_ydata().max() <= 100
    assert display.ax_.get_xlabel().startswith("size of the module")
    ax = plt.figure().gca()
    assert ModularityDisplay.from_estimator(nets["moda"], ax=ax).ax_ is ax


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("moda", {"kind": "pie"}, "kind='pie'"),
        ("moda", {"kind": "weights"}, "needs clusters"),
        ("moda", {"kind": "tradeoff"}, "Pass X and y"),
        ("moda", {"kind": "ablation", "X": X, "y": Y}, "classifier with clusters"),
    ],
)
def test_what_cannot_be_drawn_is_named(nets, name, settings, words):
    with pytest.raises(ParameterError, match=words):
        ModularityDisplay.from_estimator(nets[name], **settings)
