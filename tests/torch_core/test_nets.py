"""The lean skorch net: skorch's protocol kept, its costs and its traps left out."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Checkpoint, EpochScoring, GradientNormClipping, LRScheduler
from torch import nn

from modpart._torch.batches import HoldOut, TensorTable
from modpart._torch.blocks import MLP
from modpart._torch.callbacks import StopOnPlateau
from modpart._torch.init import draw_layers, new_generator
from modpart._torch.nets import MeanSquaredError, make_net
from modpart._torch.state import load_numpy, to_numpy
from modpart.exceptions import ParameterError


def build(seed=0, **settings):
    generator = new_generator(seed)
    return make_net(MLP([2, 5, 1], "tanh", generator), generator=generator, **settings)


class Listener(Callback):
    """Counts the events of a batch; its presence switches them on."""

    def initialize(self):
        self.events_ = []
        return self

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        self.events_.append("begin")

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        self.events_.append("end")

    def on_grad_computed(self, net, named_parameters, **kwargs):
        assert all(parameter.grad is not None for _, parameter in named_parameters)
        self.events_.append("grad")


@pytest.mark.parametrize("optimizer", ["adam", torch.optim.SGD, torch.optim.LBFGS])
def test_training_equals_a_plain_loop(table, optimizer):
    X, y = table
    net = build(optimizer=optimizer, lr=0.05, max_epochs=7).fit(X, y)

    twin = MLP([2, 5, 1], "tanh", new_generator(0))
    own = torch.optim.Adam if optimizer == "adam" else optimizer
    stepper = own(twin.parameters(), lr=0.05)
    inputs, target = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32).reshape(-1, 1)
    losses = []
    for _ in range(7):

        def closure():
            stepper.zero_grad()
            loss = nn.functional.mse_loss(twin(inputs), target)
            loss.backward()
            return loss

        losses.append(stepper.step(closure).item())
    for mine, theirs in zip(net.module_.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(net.history[:, "train_loss"], losses, rtol=1e-4)


def test_a_listener_changes_nothing_but_is_told_everything(table):
    X, y = table
    listener = Listener()
    heard, unheard = (build(max_epochs=2, batch_size=50, callbacks=some).fit(X, y) for some in ([listener], None))
    assert listener.events_ == ["begin", "grad", "end"] * 6
    assert heard.history[:, "train_loss"] == unheard.history[:, "train_loss"]
    assert [row["train_batch_size"] for row in heard.history[-1]["batches"]] == [50, 50, 20]
    assert unheard.history[-1]["batches"] == []
    assert all(torch.equal(a, b) for a, b in zip(heard.module_.parameters(), unheard.module_.parameters(), strict=True))


def test_the_epoch_loss_weighs_batches_by_their_rows(table):
    X, y = table
    net = build(lr=0.0, optimizer=torch.optim.SGD, batch_size=50, max_epochs=1).fit(X, y)
    with torch.no_grad():
        whole = nn.functional.mse_loss(net.module_(net.get_dataset(X, y).X), net.get_dataset(X, y).y)
    assert net.history[-1]["train_loss"] == pytest.approx(whole.item(), rel=1e-5)


def test_skorch_callbacks_work_on_it(table, tmp_path):
    X, y = table
    net = build(
        max_epochs=4,
        train_split=HoldOut(0.25, new_generator(7)),
        callbacks=[
            EpochScoring("r2", lower_is_better=False),
            LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5),
            GradientNormClipping(1.0),
            Checkpoint(dirname=tmp_path, f_history=None, f_pickle=None, f_criterion=None),
        ],
    ).fit(X, y)
    assert net.history[:, "event_lr"] == pytest.approx([0.01, 0.005, 0.0025, 0.00125])
    valid = HoldOut(0.25, new_generator(7))(TensorTable(X, y))[1]
    mse = net.history[-1]["valid_loss"]
    assert net.history[-1]["r2"] == pytest.approx(1 - mse / valid.y.var(correction=0).item(), abs=1e-4)
    assert (tmp_path / "params.pt").exists()


def test_a_target_column_never_broadcasts():
    with pytest.raises(ValueError, match=r"prediction has shape \(3, 1\), the target \(3,\)"):
        MeanSquaredError()(torch.zeros(3, 1), torch.zeros(3))


class StopAt(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


class Last(Callback):
    def on_epoch_end(self, net, **kwargs):
        self.seen_ = len(net.history)


def test_when_a_callback_stops_the_others_still_see_the_epoch(table):
    last = Last()
    net = build(max_epochs=9, callbacks=[StopAt(3), last]).fit(*table)
    assert len(net.history) == last.seen_ == 3


def test_an_interrupt_from_the_keyboard_leaves_fit(table):
    net = build(max_epochs=3).initialize()

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    net.infer = interrupted
    with pytest.raises(KeyboardInterrupt):
        net.partial_fit(*table)


class Recorder(Callback):
    """Keeps the weights after every epoch: the oracle of early stopping."""

    def initialize(self):
        self.weights_ = []
        return self

    def on_epoch_end(self, net, dataset_valid=None, **kwargs):
        self.valid_ = dataset_valid
        self.weights_.append(to_numpy(net.module_))


def test_early_stopping_restores_the_best_weights(table):
    X, y = table
    recorder = Recorder()
    plateau = StopOnPlateau("valid_loss", tol=0.0, n_iter_no_change=5, restore=True)
    noise = np.random.default_rng(0).standard_normal(len(y))
    net = build(lr=0.1, max_epochs=400, train_split=HoldOut(0.3, new_generator(5)), callbacks=[plateau, recorder]).fit(
        X, noise
    )

    losses = []
    twin = MLP([2, 5, 1], "tanh", new_generator(0))
    for weights in recorder.weights_:
        load_numpy(twin, weights)
        with torch.no_grad():
            losses.append(nn.functional.mse_loss(twin(recorder.valid_.X), recorder.valid_.y).item())
    best = int(np.argmin(losses))
    np.testing.assert_allclose(losses, net.history[:, "valid_loss"], rtol=1e-6)
    assert best < len(losses) - 1 == best + 5 < 399
    for name, value in to_numpy(net.module_).items():
        np.testing.assert_array_equal(value, recorder.weights_[best][name])


def test_slow_but_steady_progress_does_not_stop():
    plateau = StopOnPlateau("train_loss", tol=1e-3, n_iter_no_change=4, restore=False)
    plateau.on_train_begin(None)
    for epoch in range(50):
        net = SimpleNamespace(history=[{"train_loss": 1.0 - 4e-4 * epoch}])
        plateau.on_epoch_end(net)
    with pytest.raises(KeyboardInterrupt):
        for _ in range(4):
            plateau.on_epoch_end(net)


def test_weight_decay_needs_an_optimizer_that_has_it():
    with pytest.raises(ParameterError, match="optimizer=LBFGS has no weight decay"):
        build(optimizer=torch.optim.LBFGS, weight_decay=0.1)


def test_weights_are_uniform_over_their_range():
    (weight, bias), (last, _) = draw_layers([400, 100, 1], new_generator(0))
    assert weight.abs().max() <= 1 / 20
    assert bias.abs().max() <= 1 / 20
    assert last.abs().max() <= 1 / 10
    assert weight.std().item() == pytest.approx(1 / 20 / np.sqrt(3), rel=0.02)  # standard deviation of a uniform


def test_state_goes_to_numpy_and_back():
    first, second = MLP([3, 4, 2], "relu", new_generator(0)), MLP([3, 4, 2], "relu", new_generator(1))
    load_numpy(second, to_numpy(first))
    X = torch.rand(5, 3, generator=new_generator(2))
    assert second(X).shape == (5, 2)
    assert torch.equal(first(X), second(X))
