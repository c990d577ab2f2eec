"""Comparisons by the whole table of states: exact probabilities, against sums written out and against samples."""

from itertools import product

import numpy as np
import pytest
import torch

from modpart._torch.dcm.nodes import DISCRETE, NUMERIC, Node
from modpart._torch.dcm.system import Draw, System, new_mechanism
from modpart._torch.dcm.tables import Table, fits_a_table
from modpart._torch.init import new_generator

Z = Node("Z", DISCRETE, 2)
X = Node("X", DISCRETE, 3, ("Z",), (0,))
Y = Node("Y", DISCRETE, 2, ("X", "Z"), (0, 1))
W = Node("W", DISCRETE, 2, (), (1,))
STATES = {0: 4, 1: 3}


@pytest.fixture
def system():
    nodes, generator = [X, W, Y], new_generator(0)
    known = {node.name: node for node in (Z, *nodes)}
    nets = [
        new_mechanism(node, [known[p] for p in node.parents], [STATES[c] for c in node.causes], (8,), 1, generator)
        for node in nodes
    ]
    system = System(nodes, nets, STATES, [Z])
    with torch.no_grad():
        for prior in system.priors:
            prior.copy_(torch.randn(prior.shape, generator=generator))
        for parameter in system.mechanisms.parameters():
            parameter.mul_(4.0)  # laws that are far from uniform
    return system


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    return {name: rng.integers(size, size=500) for name, size in (("Z", 2), ("X", 3), ("W", 2), ("Y", 2))}


def one_hot(states, size):
    return torch.nn.functional.one_hot(torch.tensor(states), size).float()


@torch.no_grad()
def probability(system, z, x, w, y):
    """P(x, w, y | z) with every sum written out."""
    total = 0.0
    for a, b in product(range(STATES[0]), range(STATES[1])):
        seen = {"Z": one_hot([z], 2), "X": one_hot([x], 3), "W": one_hot([w], 2)}
        hidden = {0: torch.tensor([a]), 1: torch.tensor([b])}
        term = system.prior(0).softmax(0)[a] * system.prior(1).softmax(0)[b]
        for name, state in (("X", x), ("W", w), ("Y", y)):
            term = term * system.law(name, seen, hidden, 1).softmax(1)[0, state]
        total += float(term)
    return total


def cells(table):
    return [row.argmax(1).tolist() for row in table.rows]


def test_probabilities_are_sums_over_hidden_states(system, values):
    table = Table(system, values, ["Z"], ["X", "W", "Y"])
    assert len(table.real) == 2 * 3 * 2 * 2
    with torch.no_grad():
        fake = table.fake(system)
    for z, x, w, y, real, found in zip(*cells(table), table.real.tolist(), fake.tolist(), strict=True):
        same = (values["Z"] == z) & (values["X"] == x) & (values["W"] == w) & (values["Y"] == y)
        assert real == pytest.approx(same.mean(), abs=1e-6)
        assert found == pytest.approx((values["Z"] == z).mean() * probability(system, z, x, w, y), abs=1e-6)


@torch.no_grad()
def test_probabilities_are_those_of_samples(system, values):
    table = Table(system, values, ["Z"], ["X", "W", "Y"])
    draw, count = Draw(new_generator(1)), 200_000
    z = draw.choice(torch.tensor(np.bincount(values["Z"]) / 500), count)
    rows = system.relaxed(["X", "W", "Y"], {"Z": one_hot(z.tolist(), 2)}, count, draw, 0.0)
    code = sum(rows[name].argmax(1) * step for name, step in (("Z", 12), ("X", 4), ("W", 2), ("Y", 1)))
    found = torch.bincount(code, minlength=24) / count
    where = [12 * z + 4 * x + 2 * w + y for z, x, w, y in zip(*cells(table), strict=True)]
    assert float((found[where] - table.fake(system)).abs().sum() / 2) < 0.01


def test_gradients_reach_weights_and_priors(system, values):
    table = Table(system, values, ["Z"], ["X", "W", "Y"])
    score = torch.randn(len(table.real), generator=new_generator(3))
    (table.fake(system) @ score).backward()
    reached = [name for name, parameter in system.named_parameters() if parameter.grad is not None]
    lacking = {name for name, _ in system.named_parameters()} - set(reached)
    assert lacking == {"mechanisms.1.weight"}  # W has no parents
    assert all(system.get_parameter(name).grad.abs().sum() > 0 for name in reached)


def test_what_is_given_may_be_nothing(system, values):
    table = Table(system, values, [], ["W"])
    with torch.no_grad():
        assert float(table.fake(system).sum()) == pytest.approx(1.0, abs=1e-6)
    assert table.base.tolist() == [1.0, 1.0]


def test_large_and_continuous_comparisons_are_sampled(system, values):
    assert fits_a_table(system, values, ["Z"], ["X", "W", "Y"])
    system.known["Y"] = Node("Y", NUMERIC, 1)
    assert not fits_a_table(system, values, ["Z"], ["X", "W", "Y"])
    system.known["Y"] = Node("Y", DISCRETE, 5000, Y.parents, Y.causes)
    assert not fits_a_table(system, values, ["Z"], ["X", "W", "Y"])


def sampled(system, count=100_000):
    """Rows of the system, and Z for it."""
    z = np.random.default_rng(1).integers(2, size=count)
    with torch.no_grad():
        rows = system.relaxed(["X", "W", "Y"], {"Z": one_hot(z.tolist(), 2)}, count, Draw(new_generator(5)), 0.0)
    return {"Z": z, **{name: rows[name].argmax(1).numpy() for name in ("X", "W", "Y")}}


def test_the_context_comes_from_the_data_and_half_of_it_by_itself():
    follows = Node("W", DISCRETE, 3, ("X",))
    nodes, generator = [X, follows, Node("Y", DISCRETE, 2, ("W",), (0,))], new_generator(0)
    known = {node.name: node for node in (Z, *nodes)}
    nets = [new_mechanism(n, [known[p] for p in n.parents], [4] * len(n.causes), (8,), 1, generator) for n in nodes]
    system = System(nodes, nets, {0: 4}, [Z])
    with torch.no_grad():
        for parameter in system.parameters():
            parameter.copy_(2 * torch.randn(parameter.shape, generator=generator) / parameter.shape[0] ** 0.5)
    data = sampled(system)
    table = Table(system, data, ["Z"], ["X", "W", "Y"], ["X", "Y"])
    with torch.no_grad():
        law = table.fake(system)
        system.mechanism("W").bias.add_(3.0)
        assert torch.equal(table.fake(system), law)  # an error of the context passes into nothing
    gap = (law - table.real).abs().sum() / 2
    assert float(table.real.sum()) == pytest.approx(1.0, abs=1e-5)
    assert float(gap) < 0.03  # the system that made the data has the law of the data
    shape = (2, 3, 3, 2)
    counts = np.zeros(shape)
    np.add.at(counts, tuple(data[name] for name in ("Z", "X", "W", "Y")), 1)
    plain = Table(system, data, ["Z"], ["X", "W", "Y"]).real.numpy().reshape(shape)
    assert plain == pytest.approx(counts / counts.sum(), abs=1e-6)
    real = table.real.numpy().reshape(shape)
    assert real.sum((2, 3)) == pytest.approx(plain.sum((2, 3)), abs=1e-5)  # Z and X as they are
    seen = counts.sum(3) > 0
    outcome, before = (law / law.sum(3, keepdims=True).clip(1e-12) for law in (real, plain))
    assert outcome[seen] == pytest.approx(before[seen], abs=1e-4)  # Y given all before it as it is
    alone, kept = plain.sum((1, 3)), plain.sum(3) / plain.sum((2, 3))[..., None].clip(1e-12)
    wanted = 0.5 * kept + 0.5 * (alone / alone.sum(1, keepdims=True))[:, None]
    often = (counts.sum(3) > 500).all(2)
    assert often.any()
    found = real.sum(3) / real.sum((2, 3))[..., None].clip(1e-12)
    assert found[often] == pytest.approx(wanted[often], abs=0.01)
