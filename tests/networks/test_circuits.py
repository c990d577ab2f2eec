"""Circuits: planted ones are found, constant ones are not, and their overlap is told from chance."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from modpart._torch.circuits import margin_scores
from modpart.exceptions import InputDataError, ParameterError
from modpart.networks import ClassCircuits, ModularNetClassifier, ModularNetRegressor, class_circuits
from modpart.networks._report import specialisation_entropy

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["ada", "bea", "cal"])[Y]


@pytest.fixture(scope="module")
def net():
    return ModularNetClassifier(None, hidden_layer_sizes=(12, 8), max_epochs=60, random_state=0).fit(X, NAMES)


def planted():
    """A net of eight hidden units of which only three are fed, one for each class."""
    rows, labels = np.repeat(np.eye(3), 10, axis=0), np.repeat([0, 1, 2], 10)
    model = ModularNetClassifier(None, hidden_layer_sizes=(8,), standardize=False, max_epochs=1, random_state=0)
    model.fit(rows, labels)
    first, second = np.zeros((8, 3)), np.random.default_rng(0).normal(size=(3, 8))
    first[:3] = np.eye(3)
    second[:, :3] = np.eye(3)
    model.weights_ = {
        name: {"hidden1.weight": first, "output.weight": second}.get(name, np.zeros_like(value)).astype(np.float32)
        for name, value in model.weights_.items()
    }
    return model, rows, labels


def test_a_planted_circuit_is_found():
    model, rows, labels = planted()
    assert model.score(rows, labels) == 1.0
    circuits = class_circuits(model, rows, labels, tolerance=0.0)
    for mask in circuits.masks:
        live = {name: model.weights_[name] != 0 for name in mask}
        live["output.weight"][:, 3:] = False  # their units are silent
        assert all((mask[name] <= live[name]).all() for name in mask)
    assert (circuits.sizes_ <= 6 / 48).all()
    assert (circuits.judge(rows, labels)["circuit"] == 1.0).all()


def test_what_a_weight_is_worth_is_its_slope(net):
    rows = (X - net.x_mean_) / net.x_scale_
    names = ["hidden1.weight", "output.weight"]
    scores = margin_scores(net.plan_, net.weights_, names, rows, Y)

    def margins(weights):
        net_values = rows
        for layer in ("hidden1", "hidden2"):
            net_values = np.maximum(net_values @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"], 0.0)
        logits = net_values @ weights["output.weight"].T + weights["output.bias"]
        return np.stack([logits[:, c] - np.log(np.exp(np.delete(logits, c, axis=1)).sum(1)) for c in range(3)], axis=1)

    exact = {name: value.astype(np.float64) for name, value in net.weights_.items()}
    for name, place in (("hidden1.weight", (2, 1)), ("output.weight", (1, 4))):
        weight, step = exact[name][place], 1e-6
        sides = []
        for sign in (1, -1):
            moved = exact | {name: exact[name].copy()}
            moved[name][place] += sign * step
            sides.append(margins(moved))
        slope = (sides[0] - sides[1]) / (2 * step)
        for c in range(3):
            expected = abs(weight) * (abs(slope[Y == c, c].mean()) + abs(slope[Y != c, c].mean()))
            assert scores[c][name][place] == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_circuits_keep_what_the_net_can_do_and_never_answer_a_constant(net):
    circuits = class_circuits(net, X, NAMES, tolerance=0.01)
    table = circuits.judge(X, NAMES)
    assert (table["circuit"] >= table["net"] - 0.01).all()
    assert (table["circuit"] > 0.9).all() and (table["size"] < 1).all()
    np.testing.assert_array_equal(table.index, net.classes_)
    for path, size in zip(circuits.paths, circuits.sizes_, strict=True):
        good = [share for share, accuracy in path if share >= size - 1e-12]
        assert len(good) and size == pytest.approx(min(good))


def test_more_tolerance_never_makes_a_larger_circuit(net):
    sizes = [class_circuits(net, X, NAMES, tolerance=t).sizes_ for t in (0.0, 0.02, 0.2)]
    assert (sizes[0] >= sizes[1]).all() and (sizes[1] >= sizes[2]).all()


def test_overlap_beside_chance(net):
    rng = np.random.default_rng(0)
    shape = (100, 200)
    drawn = ClassCircuits(net, [{"w": rng.random(shape) < share} for share in (0.2, 0.5, 0.5)], [])
    jaccard, chance = drawn.overlap()
    assert jaccard == pytest.approx(chance, abs=0.01)
    same = ClassCircuits(net, [drawn.masks[0]] * 2, [])
    size = same.sizes_[0]
    assert same.overlap() == (1.0, pytest.approx(size / (2 - size)))


def test_entropy_of_what_classes_lose():
    assert specialisation_entropy(np.eye(4)) == 0.0
    assert specialisation_entropy(np.ones((3, 4))) == pytest.approx(1.0)
    halves = np.array([[0.3, 0.3, 0.0, 0.0], [-0.1, 0.2, 0.2, 0.0]])
    assert specialisation_entropy(halves) == pytest.approx(0.5), "two of four; gains do not count"
    assert specialisation_entropy(np.zeros((2, 3))) is None
    assert specialisation_entropy(np.ones((2, 1))) is None


def test_bad_input_is_named(net):
    regressor = ModularNetRegressor(None, hidden_layer_sizes=(4,), max_epochs=2, random_state=0).fit(X[:, :3], X[:, 3])
    with pytest.raises(ParameterError, match="must be a fitted ModularNetClassifier"):
        class_circuits(regressor, X[:, :3], Y)
    with pytest.raises(InputDataError, match="no row of class bea"):
        class_circuits(net, X[NAMES != "bea"], NAMES[NAMES != "bea"])
    with pytest.raises(InputDataError, match=r"'dan'.*not trained on"):
        class_circuits(net, X[:2], ["ada", "dan"])
    with pytest.raises(InputDataError, match="y has shape"):
        class_circuits(net, X, NAMES[:5])
    with pytest.raises(ParameterError, match="n_sizes"):
        class_circuits(net, X, NAMES, n_sizes=1)
    assert isinstance(class_circuits(net, pd.DataFrame(X), list(NAMES)), ClassCircuits)
