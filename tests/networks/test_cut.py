"""Cutting is exact: the small net answers what the large one does when nobody listens to the units left out."""

import io
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from modpart._torch.plans import Residual, build, describe, forward
from modpart._torch.state import to_numpy
from modpart.exceptions import ParameterError
from modpart.networks import TransformerChain
from modpart.networks._cut import cut, n_parameters, silenced
from modpart.networks._plan import layer_paths, wire_up


def mlp():
    return nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 5))


def cnn():
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 9, 3, padding=1),
        nn.BatchNorm2d(9),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.BatchNorm1d(36),
        nn.Linear(36, 16),
        nn.ReLU(),
        nn.Linear(16, 5),
    )


def residual():
    block = Residual(nn.Sequential(nn.Linear(20, 40), nn.BatchNorm1d(40), nn.ReLU(), nn.Linear(40, 20)))
    other = Residual(nn.Sequential(nn.Linear(20, 12), nn.ReLU()), nn.Sequential(nn.Linear(20, 12)))
    return nn.Sequential(nn.Linear(64, 20), nn.ReLU(), block, nn.ReLU(), other, nn.ReLU(), nn.Linear(12, 5))


def residual_cnn():
    body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
    head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5)]
    return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3), nn.ReLU(), Residual(body), nn.ReLU(), *head)


def sequence():
    """A weight shared by all vectors of a sequence, flattened vector by vector."""
    return nn.Sequential(nn.Unflatten(1, (8, 8)), nn.Linear(8, 6), nn.ReLU(), nn.Flatten(), nn.Linear(48, 5))


def with_one_relu():
    """One activation in several places, and a convolution that wraps around."""
    act, layers = nn.ReLU(), [nn.Unflatten(1, (1, 64)), nn.Conv1d(1, 6, 3, padding=1, padding_mode="circular")]
    return nn.Sequential(
        *layers, act, nn.AvgPool1d(3, ceil_mode=True), nn.Flatten(), nn.Linear(132, 9), act, nn.Linear(9, 5)
    )


def transformer():
    """Two blocks of attention and a two-layer net, with layer normalisations that look at all units of the stream."""
    return TransformerChain(8, heads=2, expansion=3).net(2)(64, 5)


NETS = [mlp, cnn, residual, residual_cnn, sequence, with_one_relu, transformer]


def lively(make, seed=0):
    """A net with random weights and running statistics, its plan and its arrays."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = make()
        for module in net.modules():
            if hasattr(module, "running_mean"):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2.0)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias)
    return net.eval(), describe(net), to_numpy(net)


def some_units(plan, rng):
    wiring = wire_up(plan)
    keep = {}
    for group in wiring.loose:
        mask = rng.random(wiring.widths[group]) < 0.5
        mask[rng.integers(len(mask))] = True
        keep[group] = mask
    return wiring, keep


@pytest.mark.parametrize("make", NETS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("seed", range(5))
def test_the_cut_net_is_the_masked_net(make, seed):
    _, plan, weights = lively(make, seed)
    rng = np.random.default_rng(seed)
    wiring, keep = some_units(plan, rng)
    X = rng.normal(size=(50, 64))
    outputs = np.array([True, False, True, True, False])
    small = cut(plan, weights, keep | {wiring.output: outputs})
    masked = forward(build(plan, silenced(plan, weights, keep)), X)[:, outputs]
    np.testing.assert_allclose(forward(build(*small), X), masked, atol=1e-6, rtol=1e-6)
    assert n_parameters(small[1]) < n_parameters(weights)
    assert np.abs(masked - forward(build(plan, weights), X)[:, outputs]).max() > 1e-3, "the mask does something"


def test_the_masked_net_is_the_net_with_silent_units():
    """An oracle of its own for `silenced`: hooks that put units to zero."""
    net, plan, weights = lively(cnn)
    rng = np.random.default_rng(0)
    wiring, keep = some_units(plan, rng)
    X = rng.normal(size=(20, 64))
    masks = {"3": keep["1"], "7": keep["5"], "12": keep["11"]}
    for name, mask in masks.items():
        factor = torch.tensor(mask, dtype=torch.float32)
        net.get_submodule(name).register_forward_hook(
            lambda _, __, out, f=factor: out * f.reshape(1, -1, *[1] * (out.ndim - 2))
        )
    net[10].register_forward_hook(  # the normalisation after the flattening moves silent maps: silence them again
        lambda _, __, out: out * torch.tensor(np.repeat(keep["5"], 4), dtype=torch.float32)
    )
    np.testing.assert_allclose(
        forward(net, X), forward(build(plan, silenced(plan, weights, keep)), X), atol=1e-6, rtol=1e-6
    )


def test_attention_without_keys_and_values_is_attention_with_silent_ones():
    """The same oracle for heads: hooks that put entries of keys, of values and hidden units to zero."""
    net, plan, weights = lively(transformer)
    rng = np.random.default_rng(0)
    wiring, keep = some_units(plan, rng)
    assert set(wiring.hidden) - set(wiring.loose) == {"stem"}
    assert len(wiring.loose) == 6
    X = rng.normal(size=(20, 64))
    for group, mask in keep.items():
        factor = torch.tensor(mask, dtype=torch.float64)
        after = group.replace("wide", "relu")  # a unit with a bias is silent after its activation
        net.get_submodule(after).register_forward_hook(lambda _, __, out, f=factor: out * f)
    small = cut(plan, weights, keep)
    np.testing.assert_allclose(forward(build(*small), X), forward(net, X), atol=1e-6)


def test_attention_keeps_the_sizes_of_its_heads():
    _, plan, weights = lively(transformer)
    first = "attend0.body.attention"
    keys, values = np.array([1, 0, 0, 1, 1, 1, 0, 0], bool), np.array([1, 1, 1, 0, 0, 0, 0, 0], bool)
    keep = {f"{first}.key.linear": keys, f"{first}.value.linear": values}
    small, arrays = cut(plan, weights, keep)
    attention = next(layer for layer in small if layer["name"] == "attend0")["body"][1]
    assert (attention["key_sizes"], attention["value_sizes"]) == ([2, 0], [3, 0]), "a silent head needs no keys"
    assert attention["scale"] == 0.5, "as for the four entries of the large net"
    shapes = {side: arrays[f"{first}.{side}.linear.weight"].shape for side in ("query", "key", "value", "out")}
    assert shapes == {"query": (2, 8), "key": (2, 8), "value": (3, 8), "out": (8, 3)}
    again, more = cut(small, arrays, {f"{first}.value.linear": np.array([True, False, True])})
    assert dict(layer_paths(again))[f"{first}.out.linear"]["in_features"] == 2
    X = np.random.default_rng(0).normal(size=(9, 64))
    both = cut(plan, weights, keep | {f"{first}.value.linear": values & (np.arange(8) != 1)})
    np.testing.assert_array_equal(forward(build(again, more), X), forward(build(*both), X))


def test_units_that_a_normalisation_looks_at_stay_together():
    plan = describe(nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 2)))
    wiring = wire_up(plan)
    assert (wiring.hidden, wiring.loose) == (["0"], [])
    with pytest.raises(ParameterError, match="'0' cannot be left out: a layer, such as a LayerNorm"):
        cut(plan, {}, {"0": np.arange(6) < 3})


@pytest.mark.parametrize("make", NETS, ids=lambda make: make.__name__)
def test_a_plan_builds_the_same_net_without_a_draw(make):
    net, plan, weights = lively(make)
    before = torch.get_rng_state()
    again = build(plan, weights)
    assert torch.equal(torch.get_rng_state(), before)
    X = np.random.default_rng(0).normal(size=(7, 64))
    np.testing.assert_array_equal(forward(again, X), forward(net, X))
    assert describe(again) == plan
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_added_units_are_one_group_and_fall_together():
    _, plan, weights = lively(residual)
    wiring = wire_up(plan)
    assert wiring.hidden == ["0", "2.body.0", "4.shortcut.0"]
    assert {wire.layer: wire.target for wire in wiring.wires}["2.body.3"] == "0"
    small, _ = cut(plan, weights, {"0": np.arange(20) < 3})
    assert wire_up(small).widths["0"] == 3


def test_the_file_shrinks_with_the_parameters():
    layers = [nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 5)]
    _, plan, weights = lively(lambda: nn.Sequential(*layers))
    keep = {"0": np.arange(256) < 128, "2": np.arange(256) < 128}
    small = cut(plan, weights, keep)
    bytes_of = [len(pickle.dumps((plan, weights))), len(pickle.dumps(small))]
    share = n_parameters(small[1]) / n_parameters(weights)
    assert bytes_of[1] / bytes_of[0] == pytest.approx(share, rel=0.1)
    buffers = [io.BytesIO(), io.BytesIO()]
    for buffer, net in zip(buffers, [(plan, weights), small]):
        torch.save(build(*net).state_dict(), buffer)
    assert buffers[1].tell() / buffers[0].tell() == pytest.approx(share, rel=0.1)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([nn.Linear(4, 6), nn.GroupNorm(2, 6)], None),
        ([nn.Unflatten(1, (2, 2, 1)), nn.Conv2d(2, 4, 1, groups=2)], "groups=2"),
        ([nn.Linear(4, 6), nn.Unflatten(1, (2, 3))], "gives hidden units a shape"),
        ([nn.Linear(4, 6), Residual(nn.Sequential(nn.Linear(6, 5)))], "Give it a shortcut"),
    ],
)
def test_what_cannot_be_taken_apart_is_named(layers, words):
    plan = describe(nn.Sequential(*layers))
    if words is None:
        assert plan is None, "an unknown layer makes no plan"
        return
    with pytest.raises(ParameterError, match=words):
        wire_up(plan)


@pytest.mark.parametrize("keep", [{"9": np.ones(3, bool)}, {"0": np.zeros(20, bool)}, {"0": [1] * 20}, {"input": []}])
def test_a_wrong_mask_is_named(keep):
    _, plan, weights = lively(mlp)
    with pytest.raises(ParameterError, match="group"):
        cut(plan, weights, keep)
