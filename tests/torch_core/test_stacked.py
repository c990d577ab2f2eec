"""Stacked experts: the same as separate ones, added and removed without a trace on the others."""

import numpy as np
import pytest
import torch
from torch import nn

from modpart._torch.blocks import MLP, StackedMLP
from modpart._torch.init import new_generator
from modpart._torch.stacked import StackedTrainer
from modpart.exceptions import ParameterError

SIZES = [2, 6, 4, 1]


def trainer_of(k, **settings):
    trainer = StackedTrainer(2, (6, 4), **({"seed": 0} | settings))
    trainer.grow(k)
    return trainer


def separate(k, generator, activation="tanh"):
    return [MLP(SIZES, activation, generator) for _ in range(k)]


def same(first, second):
    """Whether two snapshots are equal bit for bit."""
    return len(first["experts"]) == len(second["experts"]) and all(
        np.array_equal(a, b) for a, b in zip(_leaves(first), _leaves(second), strict=True)
    )


def _leaves(state, only=None):
    for index, expert in enumerate(state["experts"]):
        if only is None or index in only:
            yield expert
            yield from (np.asarray(value) for _, value in sorted(state["optimizer"].get(index, {}).items()))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_forward_equals_separate_nets(activation):
    stack = StackedMLP(SIZES, activation)
    generator = new_generator(3)
    stack.seat([stack.draw(generator) for _ in range(4)])
    nets = separate(4, new_generator(3), activation)
    X = torch.randn(4, 700, 2, generator=generator)
    expected = torch.stack([net(rows) for net, rows in zip(nets, X, strict=True)])
    torch.testing.assert_close(stack(X), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(stack(X[[0, 2]], [0, 2]), expected[[0, 2]], rtol=1e-6, atol=1e-6)
    everyone = torch.stack([net(X[0]) for net in nets], dim=1)
    torch.testing.assert_close(stack.predict_all(X[0]), everyone.detach(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("worth", [0, 10**9])
@pytest.mark.parametrize("optimizer", ["adam", torch.optim.SGD])
def test_training_equals_separate_trainings(table, optimizer, worth, monkeypatch):
    monkeypatch.setattr("modpart._torch.grouped._WORTH_A_STEP", worth)  # cut steps always, or never
    X, y = table
    labels = np.repeat([0, 1, 2, 3], [80, 30, 7, 3])
    trainer = trainer_of(5, optimizer=optimizer, lr=0.02)
    trainer.train(X, y, labels, 12)
    trainer.train(X, y, labels, 8)  # the optimiser's state goes on where it was

    nets = separate(5, new_generator(0))
    for k, net in enumerate(nets[:4]):
        own = torch.optim.Adam if optimizer == "adam" else optimizer
        stepper = own(net.parameters(), lr=0.02)
        rows = torch.tensor(X[labels == k], dtype=torch.float32)
        target = torch.tensor(y[labels == k], dtype=torch.float32).reshape(-1, 1)
        for _ in range(20):
            stepper.zero_grad()
            nn.functional.mse_loss(net(rows), target).backward()
            stepper.step()
    with torch.no_grad():
        expected = torch.cat([net(torch.tensor(X, dtype=torch.float32)) for net in nets], dim=1)
    np.testing.assert_allclose(trainer.predict_all(X), expected, atol=2e-5)


def test_small_groups_get_their_full_gradient(table):
    X, y = table
    labels = np.array([0] * 117 + [1] * 3)
    trainer = trainer_of(2, optimizer=torch.optim.SGD, lr=1.0)
    before = [state.copy() for state in trainer.copy_state()["experts"]]
    trainer.train(X, y, labels, 1)
    moved = [b - a for a, b in zip(trainer.copy_state()["experts"], before, strict=True)]
    for k, net in enumerate(separate(2, new_generator(0))):
        rows = torch.tensor(X[labels == k], dtype=torch.float32)
        nn.functional.mse_loss(net(rows)[:, 0], torch.tensor(y[labels == k], dtype=torch.float32)).backward()
        gradient = [p.grad.flatten() for pair in zip(net.weights, net.biases, strict=True) for p in pair]
        np.testing.assert_allclose(moved[k], torch.cat(gradient), atol=1e-6)
    assert 0.1 < np.abs(moved[1]).max() / np.abs(moved[0]).max() < 10


def test_mini_batches_visit_each_expert_in_turn_and_learn(table):
    X, y = table
    labels = (X[:, 0] > 0).astype(int)
    counts = np.bincount(labels)
    trainer = trainer_of(2, batch_size=16)
    trainer.train(X, y, labels, 3)
    steps = [int(of["step"]) for of in trainer.copy_state()["optimizer"].values()]
    assert steps == (3 * np.ceil(counts / 16)).tolist()
    trainer.train(X, y, labels, 150)
    error = (trainer.predict_all(X)[np.arange(len(y)), labels] - y) ** 2
    assert error.mean() < 0.03


def test_an_expert_without_rows_stays_as_it_is(table):
    X, y = table
    trainer = trainer_of(3)
    trainer.train(X, y, np.arange(len(y)) % 3, 2)
    before = trainer.copy_state()
    trainer.train(X, y, np.full(len(y), -1), 2)
    assert same(before, trainer.copy_state())
    trainer.train(X, y, np.where(np.arange(len(y)) % 3 == 1, -1, 0), 2)
    after = trainer.copy_state()
    assert not np.array_equal(before["experts"][0], after["experts"][0])
    assert all(np.array_equal(a, b) for a, b in zip(_leaves(before, {1, 2}), _leaves(after, {1, 2}), strict=True))


def test_grow_and_drop_keep_the_others_bit_for_bit(table):
    X, y = table
    labels = np.arange(len(y)) % 3
    trainer, alone = trainer_of(3), trainer_of(3)
    for one in (trainer, alone):
        one.train(X, y, labels, 5)
    trainer.grow(2)
    assert trainer.n_experts == 5
    assert 3 not in trainer.copy_state()["optimizer"]
    assert all(
        np.array_equal(a, b) for a, b in zip(_leaves(alone.copy_state()), _leaves(trainer.copy_state(), {0, 1, 2}))
    )
    trainer.drop(4)
    trainer.drop(3)
    assert same(alone.copy_state(), trainer.copy_state())
    for one in (trainer, alone):
        one.train(X, y, labels, 5)
    assert same(alone.copy_state(), trainer.copy_state())
    trainer.drop(0)
    trainer.train(X, y, labels - 1, 5)
    alone.train(X, y, np.where(labels == 0, -1, labels), 5)
    assert all(np.array_equal(a, b) for a, b in zip(_leaves(alone.copy_state(), {1, 2}), _leaves(trainer.copy_state())))


def test_a_grown_expert_trains_like_a_new_one(table):
    X, y = table
    old = trainer_of(1)
    old.train(X, y, np.zeros(len(y), int), 30)
    old.grow(1)
    weights = old.copy_state()["experts"][1]
    old.train(X, y, np.ones(len(y), int), 10)

    new = trainer_of(1)
    state = new.copy_state()
    state["experts"][0] = weights
    new.load_state(state)
    new.train(X, y, np.zeros(len(y), int), 10)
    np.testing.assert_array_equal(old.copy_state()["experts"][1], new.copy_state()["experts"][0])


def test_a_trial_is_undone_entirely(table):
    X, y = table
    labels = np.arange(len(y)) % 2
    trainer, alone = trainer_of(2), trainer_of(2)
    for one in (trainer, alone):
        one.train(X, y, labels, 4)
    kept = trainer.copy_state()
    trainer.grow(1)
    trainer.drop(0)
    trainer.train(X, y, labels, 4)
    assert not same(kept, trainer.copy_state())
    trainer.load_state(kept)
    assert same(kept, trainer.copy_state())
    for one in (trainer, alone):
        one.train(X, y, labels, 4)
    assert same(alone.copy_state(), trainer.copy_state())


def test_drop_names_what_can_be_dropped():
    trainer = trainer_of(2)
    with pytest.raises(ParameterError, match="There are 2 experts, so expert 2 cannot be dropped"):
        trainer.drop(2)
    trainer.drop(0)
    with pytest.raises(ParameterError, match="keep at least one"):
        trainer.drop(0)


def test_an_optimizer_with_one_state_for_all_is_refused():
    with pytest.raises(ParameterError, match="LBFGS keeps one state for all experts"):
        StackedTrainer(2, seed=0, optimizer=torch.optim.LBFGS)


def test_divergence_of_one_expert_is_named(table):
    X, y = table
    trainer = trainer_of(2, optimizer=torch.optim.SGD, activation="relu", lr=1e6)
    with pytest.raises(ParameterError, match=r"diverged with lr=1000000\.0"):
        trainer.train(X, y, np.zeros(len(y), int), 20)


def test_history_holds_the_mean_loss_of_the_experts(table):
    X, y = table
    labels = np.repeat([0, 1], [100, 20])
    trainer = trainer_of(2)
    error = (trainer.predict_all(X)[np.arange(len(y)), labels] - y) ** 2
    trainer.train(X, y, labels, 1)
    assert trainer.history[-1]["train_loss"] == pytest.approx((error[:100].mean() + error[100:].mean()) / 2, rel=1e-5)


def test_linear_experts_find_the_least_squares_line(table):
    X, _ = table
    labels = (X[:, 0] > 0).astype(int)
    y = np.where(labels == 0, 1 - 2 * X[:, 1], X[:, 0])
    trainer = StackedTrainer(2, (), seed=0, lr=0.05)
    trainer.grow(2)
    trainer.train(X, y, labels, 600)
    state = trainer.expert_state(0)
    np.testing.assert_allclose(state["coefs"][0][:, 0], [0, -2], atol=1e-3)
    np.testing.assert_allclose(state["intercepts"][0], [1], atol=1e-3)
