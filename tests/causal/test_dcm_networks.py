"""Networks that a user brings, modules that move between models, and images."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from modpart.causal import CausalGraph, ModularDCM
from modpart.causal._dcm.learning import fingerprint
from modpart.datasets import DiscreteSCM
from modpart.exceptions import ModpartWarning, NotIdentifiableError, ParameterError, UntrustedFileError
from modpart.io import load, save

FRONT_DOOR = CausalGraph("X -> Z -> Y; X <-> Y")
SCM = DiscreteSCM(FRONT_DOOR, random_state=0)
DATA = SCM.sample(3000, random_state=1)
QUICK = {"loss": "likelihood", "max_steps": 60, "random_state": 0}


@pytest.fixture(scope="module")
def fitted():
    return ModularDCM(FRONT_DOOR, **QUICK).fit(DATA)


class Logits(nn.Module):
    """Two states from the features of the parents, with a layer whose buffers move in training mode."""

    def __init__(self, n_inputs=2, n_states=2):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layer = nn.Linear(n_inputs, n_states)
        self.norm = nn.BatchNorm1d(n_states)

    def forward(self, parents, noise):
        return self.norm(self.layer(torch.cat(parents, 1)))


class Shared(Logits):
    def forward(self, parents, noise, states):
        return self.layer(torch.cat(parents, 1)) + states[0][:, None]


# ---- modules of an earlier model ------------------------------------------------------------------------------
def test_a_frozen_module_is_the_same_to_the_last_bit(fitted, tmp_path):
    part = fitted.export_module("Z")
    save(part, tmp_path / "z.skops")
    again = load(tmp_path / "z.skops")
    model = ModularDCM(FRONT_DOOR, modules={"Z": again}, frozen="Z", **QUICK).fit(DATA)
    assert fingerprint(model.weights_["Z"]) == fingerprint(part.weights["Z"]) == fingerprint(again.weights["Z"])
    assert [module.loss for module in model.modules_] == ["frozen", "likelihood"]
    assert model.modules_[0].history == []


def test_a_confounded_module_moves_as_a_whole(fitted):
    part = fitted.export_module("X")
    assert part.nodes == ["X", "Y"]
    model = ModularDCM(FRONT_DOOR, modules={"X": part}, frozen=["X", "Y"], **QUICK).fit(DATA)
    first, second = (m.sample(20_000, variables="Y", do={"X": 1}, random_state=0)["Y"].mean() for m in (fitted, model))
    assert abs(first - second) < 0.02
    with pytest.raises(ParameterError, match="frozen must hold all of X, Y"):
        ModularDCM(FRONT_DOOR, modules={"X": part}, frozen="X", **QUICK).fit(DATA)


def test_a_module_is_trained_further_unless_frozen(fitted):
    part = fitted.export_module("Z")
    model = ModularDCM(FRONT_DOOR, modules={"Z": part}, **{**QUICK, "max_steps": 2}).fit(DATA)
    assert fingerprint(model.weights_["Z"]) != fingerprint(part.weights["Z"])
    assert np.abs(model.weights_["Z"]["weight"] - part.weights["Z"]["weight"]).max() < 0.1


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ("X -> Z -> Y; X <-> Y; Z <-> Y", "shares other hidden causes"),
        ("Z -> Y; X <-> Y; X -> Y", "'Z' was learned from"),
    ],
)
def test_a_module_that_does_not_fit_the_graph_is_refused(fitted, graph, words):
    with pytest.raises(ParameterError, match=words):
        ModularDCM(graph, modules={"Z": fitted.export_module("Z")}, **QUICK).fit(DATA)


def test_a_module_is_loaded_into_a_fitted_model(fitted, tmp_path):
    other = ModularDCM(FRONT_DOOR, **{**QUICK, "random_state": 1}).fit(DATA)
    save(fitted.export_module("Y"), tmp_path / "xy.skops")
    before = fingerprint(other.weights_["Z"])
    assert other.load_module("X", tmp_path / "xy.skops") is other
    for name in ("X", "Y"):
        assert fingerprint(other.weights_[name]) == fingerprint(fitted.weights_[name])
    assert fingerprint(other.weights_["Z"]) == before
    assert [part.loss for part in other.modules_] == ["likelihood", "loaded"]
    assert other.fit_report()["distance"].isna().tolist() == [False, True]
    other.load_module("Z", fitted.export_module("Z"))
    first, second = (m.sample(50, variables="Y", do={"X": 1}, random_state=0) for m in (fitted, other))
    pd.testing.assert_frame_equal(first, second)


def test_modules_that_cannot_be_loaded_are_refused(fitted, tmp_path):
    with pytest.raises(ParameterError, match="load_module: got a dict"):
        fitted.load_module("Z", {})
    save(fitted, tmp_path / "model.skops")
    with pytest.raises(ParameterError, match="load_module: got a ModularDCM"):
        fitted.load_module("Z", tmp_path / "model.skops")
    with pytest.raises(ParameterError, match="draws Z"):
        fitted.load_module("X", fitted.export_module("Z"))
    odd = ModularDCM(FRONT_DOOR, **QUICK).fit(DATA + 1)
    with pytest.raises(ParameterError, match="'X' takes other values"):
        fitted.load_module("Z", odd.export_module("Z"))


# ---- torch modules --------------------------------------------------------------------------------------------
def test_a_torch_module_is_frozen_with_its_buffers():
    net = Logits()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    model = ModularDCM(FRONT_DOOR, modules={"Z": net}, frozen="Z", max_steps=4, random_state=0).fit(DATA)
    for name, value in before.items():
        assert torch.equal(value, net.state_dict()[name])
        np.testing.assert_array_equal(model.weights_["Z"][name], value.numpy())
    assert set(model.sample(50, random_state=0)["Z"]) <= {0, 1}


def test_a_torch_module_is_trained_in_a_copy():
    net = Logits()
    model = ModularDCM(FRONT_DOOR, modules={"Z": net}, loss="auto", max_steps=300, lr=2e-2, random_state=0).fit(DATA)
    assert torch.equal(net.norm.running_mean, torch.zeros(2))
    share = model.sample(20_000, variables="Z", do={"X": 1}, random_state=0)["Z"].mean()
    assert abs(share - SCM.distribution(["Z"], do={"X": 1}).to_numpy()[1]) < 0.05


def test_a_confounded_torch_module_needs_an_input_for_it():
    with pytest.raises(ParameterError, match="'Y' shares a hidden cause with X, and its network has no input for it"):
        ModularDCM(FRONT_DOOR, modules={"Y": Logits()}, max_steps=1).fit(DATA)
    model = ModularDCM(FRONT_DOOR, modules={"Y": Shared()}, max_steps=2, random_state=0).fit(DATA)
    assert len(model.sample(3, random_state=0)) == 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"modules": {"W": Logits()}}, "modules names 'W'"),
        ({"modules": {"Z": "net"}}, "'Z' is a str. Pass a torch nn.Module"),
        ({"frozen": "Z"}, "frozen names 'Z', for which modules has no network"),
        ({"modules": {"Z": nn.Linear(2, 2)}}, r"callable as forward\(parents, noise\)"),
    ],
)
def test_wrong_networks_are_named(settings, words):
    with pytest.raises(ParameterError, match=words):
        ModularDCM(FRONT_DOOR, max_steps=1, **settings).fit(DATA)


def test_a_column_of_numbers_takes_no_torch_module():
    data = pd.DataFrame({"X": np.linspace(0, 1, 50), "Z": np.linspace(1, 2, 50) ** 2})
    with pytest.raises(ParameterError, match="'Z' is a column of numbers"):
        ModularDCM("X -> Z", modules={"Z": Logits(1)}, max_steps=1).fit(data)


def test_a_file_holds_no_network():
    model = ModularDCM(FRONT_DOOR, modules={"Z": Logits()}, max_steps=1, random_state=0).fit(DATA)
    with pytest.raises(UntrustedFileError):
        save(model, "unused.skops")


# ---- images ---------------------------------------------------------------------------------------------------
def digit_data(n_samples=600, seed=0):
    """X -> I -> Y with X <-> Y: X says which digit is shown, I is its picture, Y depends on the digit."""
    rng = np.random.default_rng(seed)
    digits = load_digits()
    pictures = [digits.images[digits.target == d] / 8.0 - 1.0 for d in (0, 1)]
    hidden = rng.random(n_samples) < 0.5
    X = np.where(rng.random(n_samples) < 0.85, hidden, ~hidden).astype(int)
    shown = np.where(rng.random(n_samples) < 0.9, X, 1 - X)
    images = np.stack([pictures[d][rng.integers(len(pictures[d]))] for d in shown])[:, None].astype(np.float32)
    Y = (rng.random(n_samples) < 0.2 + 0.3 * shown + 0.4 * hidden).astype(int)
    return {"X": X, "I": images, "Y": Y}


def test_images_are_drawn_read_and_judged():
    data = digit_data()
    model = ModularDCM("X -> I -> Y; X <-> Y", loss="auto", max_steps=6, batch_size=64, random_state=0).fit(data)
    rows = model.sample(5, random_state=0)
    assert rows["I"].shape == (5, 1, 8, 8)
    assert set(rows["Y"]) <= {0, 1}
    assert [module.loss for module in model.modules_] == ["likelihood", "wgan-gp"]
    assert [module.nodes for module in model.modules_] == [["X", "Y"], ["I"]]
    assert model.score(data) < 0
    answer = model.sample(100, variables="Y", do={"X": 1}, random_state=0)
    assert list(answer.columns) == ["Y"]
    with pytest.raises(NotIdentifiableError):
        ModularDCM("X -> I -> Y; X <-> Y; X <-> I", max_steps=1, batch_size=64).fit(data).sample(
            2, variables="Y", do={"X": 1}
        )
    with pytest.raises(ParameterError, match="loss='likelihood' cannot learn"):
        ModularDCM("X -> I -> Y; X <-> Y", loss="likelihood").fit(data)


def test_auto_takes_a_gpu_for_images_alone(monkeypatch):
    fits = [ModularDCM("X -> I", max_steps=1), ModularDCM("X -> Y", max_steps=1)]
    data = digit_data(64)
    for model, columns in zip(fits, ("XI", "XY"), strict=True):
        model.set_params(device="cpu").fit({name: data[name] for name in columns}).set_params(device="auto")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [model._settings().device for model in fits] == ["cuda", "cpu"]


@pytest.mark.gpu
def test_the_gpu_gives_the_same_within_monte_carlo_error():
    found = [
        ModularDCM(FRONT_DOOR, loss=loss, max_steps=300, device=device, random_state=0)
        .fit(DATA)
        .sample(50_000, variables="Y", do={"X": 1}, random_state=0)["Y"]
        .mean()
        for loss in ("likelihood", "wgan-gp")
        for device in ("cpu", "cuda")
    ]
    assert abs(found[0] - found[1]) < 0.02
    assert abs(found[2] - found[3]) < 0.05


def test_evidence_that_is_hardly_met_is_told():
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"A": rng.normal(size=500)})
    model = ModularDCM("A -> B", loss="likelihood", max_steps=30, hidden=(8,), random_state=0).fit(
        data.assign(B=data.A * 3)
    )
    with pytest.warns(ModpartWarning, match="worth .* independent rows"):
        model.sample(100, given={"B": 40.0}, random_state=0)
