"""Laws of local training: proxies are their formulas, synthetic gradients exact where they can be, heads apart."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris
from sklearn.metrics.pairwise import cosine_similarity
from torch import nn

from modpart._torch.schedule.local import Critics, LocalChain, own_gradients
from modpart._torch.schedule.losses import SmoothCrossEntropy
from modpart._torch.schedule.proxies import PROXIES, KernelProxy, gram
from modpart.exceptions import CollapseWarning, InputDataError, ParameterError
from modpart.io import load, save
from modpart.networks import DenseChain, LocalModuleClassifier, ResidualChain, ScheduledClassifier, transfer_score
from modpart.networks._local import OBJECTIVES
from modpart.networks._schedule.parts import answers
from modpart.networks._schedule.phase import PROXIES as NAMED
from modpart.networks._transfer import centred_alignment

RNG = np.random.default_rng(0)
Z, Y = np.maximum(RNG.normal(size=(12, 5)), 0), RNG.integers(3, size=12)
IRIS, KIND = load_iris(return_X_y=True)
SMALL = {"chain": DenseChain(16), "module_epochs": 10, "head_epochs": 10, "lr": 0.01, "random_state": 0}


def proxy(kind, z=Z, y=Y):
    return float(KernelProxy(kind)(torch.tensor(z), torch.tensor(y, dtype=torch.float64)[:, None]))


def brute_force(kind):
    """The formulas of the paper, pair by pair."""
    G, values, alike, apart, ideal = cosine_similarity(Z), [], [], [], []
    for i in range(len(Z)):
        for j in range(i + 1, len(Z)):
            values.append(G[i, j])
            ideal.append(float(Y[i] == Y[j]))
            (alike if Y[i] == Y[j] else apart).append(G[i, j])
    if kind == "alignment":
        return 1 - np.corrcoef(values, ideal)[0, 1]
    if kind == "plain_alignment":
        return 1 - np.dot(values, ideal) / np.linalg.norm(values) / np.linalg.norm(ideal)
    if kind == "contrastive":
        return -np.log(np.exp(alike).sum() / np.exp(values).sum())
    if kind == "negatives":
        return np.log(np.exp(apart).mean())
    return np.mean((np.array(values) - ideal) ** 2)


@pytest.mark.parametrize("kind", PROXIES)
def test_a_proxy_is_its_formula(kind):
    assert set(NAMED) == set(PROXIES)
    assert proxy(kind) == pytest.approx(brute_force(kind), rel=1e-10)


@pytest.mark.parametrize("kind", PROXIES)
def test_a_proxy_does_not_see_lengths_rotations_order_or_names(kind):
    turn = np.linalg.qr(RNG.normal(size=(5, 5)))[0]
    order = RNG.permutation(12)
    for z, y in [
        (Z * RNG.uniform(0.5, 2, (12, 1)), Y),
        (Z @ turn, Y),
        (Z[order], Y[order]),
        (Z, np.array([7, 2, 4])[Y]),
    ]:
        assert proxy(kind, z, y) == pytest.approx(proxy(kind), rel=1e-9)


def test_the_centred_alignment_sees_neither_offset_nor_scale_of_a_kernel():
    same = (Y[:, None] == Y).astype(float)
    G = cosine_similarity(Z)
    known = centred_alignment(G, same)
    assert known == pytest.approx(1 - proxy("alignment"), rel=1e-10)
    assert centred_alignment(3 * G + 2, same) == pytest.approx(known, rel=1e-10)
    assert centred_alignment(same, same) == pytest.approx(1.0)
    assert centred_alignment(-same, same) == pytest.approx(-1.0)
    assert centred_alignment(np.ones_like(G), same) == 0.0


@pytest.mark.parametrize("kind", PROXIES)
@pytest.mark.parametrize("y", [[0], [0, 0], [0, 1], [1, 1, 1], [0, 1, 2]])
def test_proxies_are_finite_for_every_batch(kind, y):
    for start in (np.zeros((len(y), 3)), np.ones((len(y), 3))):
        z = torch.tensor(start, requires_grad=True)
        loss = KernelProxy(kind)(z, torch.tensor(y, dtype=torch.float64)[:, None])
        loss.backward()
        assert torch.isfinite(loss) and torch.isfinite(z.grad).all()


def test_rows_of_zeros_are_like_no_other():
    G = gram(torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]))
    np.testing.assert_allclose(G, [[0, 0, 0], [0, 1, 1], [0, 1, 1]])


class _Squared(nn.Module):
    """Mean squared error against one-hot classes: its gradient is linear in the answer and the class."""

    def forward(self, prediction, target):
        return (prediction - nn.functional.one_hot(target[:, 0].long(), 3).to(prediction.dtype)).square().sum(1).mean()


def linear_chain():
    torch_rng = torch.Generator().manual_seed(0)
    slots = [nn.Linear(4, 5).double(), nn.Linear(5, 3).double()]
    for slot in slots:
        for value in slot.parameters():
            value.data = torch.randn(value.shape, generator=torch_rng, dtype=torch.float64)
    return slots


def test_an_exact_synthetic_gradient_is_back_propagation():
    """For a linear head and squared error the gradient 2 W' (W h + b - y) is a linear net of [h, y]."""
    slots = linear_chain()
    W, b = slots[1].weight.detach(), slots[1].bias.detach()
    guess = nn.Linear(5 + 3, 5).double()
    guess.weight.data = torch.cat([2 * W.T @ W, -2 * W.T], 1)
    guess.bias.data = 2 * W.T @ b
    chain = LocalChain(slots, [guess])
    rows = torch.tensor(RNG.normal(size=(12, 4)))
    target = torch.tensor(Y, dtype=torch.float64)[:, None]
    labels = nn.functional.one_hot(target[:, 0].long(), 3).double()
    local, errors, last = own_gradients(chain, chain(rows), target, _Squared(), labels)
    assert float(errors[0].detach()) < 1e-20
    found = torch.autograd.grad(local[0], slots[0].parameters(), retain_graph=True)
    true = torch.autograd.grad(_Squared()(slots[1](slots[0](rows)), target), slots[0].parameters())
    for one, other in zip(found, true, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)
    assert all(g is None for g in torch.autograd.grad(last, slots[0].parameters(), allow_unused=True))


def test_critics_move_critics_and_slots_move_slots():
    """The loss of a critic moves its slot as if the critic stood still, and the critic towards the next one's loss."""
    slots, critic = linear_chain(), nn.Linear(5, 3).double()
    chain = LocalChain(slots, [critic])
    rows, target = torch.tensor(RNG.normal(size=(12, 4))), torch.tensor(Y, dtype=torch.float64)[:, None]
    task = SmoothCrossEntropy()
    Critics(chain, task)(chain(rows), target).backward()
    hidden = slots[0](rows)
    own, following = task(critic(hidden), target), task(slots[1](hidden), target)
    alone = torch.autograd.grad(own, slots[0].weight, retain_graph=True)[0]
    np.testing.assert_allclose(slots[0].weight.grad, alone, rtol=1e-10)
    sign = torch.sign(own - following)
    np.testing.assert_allclose(
        critic.weight.grad, (sign * torch.autograd.grad(own, critic.weight)[0]).detach(), rtol=1e-10
    )


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns_and_comes_back_from_a_file(objective, tmp_path):
    pytest.importorskip("skops")
    model = LocalModuleClassifier(objective, n_modules=2, **SMALL).fit(IRIS, KIND)
    assert model.score(IRIS, KIND) > 0.8
    assert len(model.companions_) == (2 if objective in ("auxiliary", "synthetic", "critic") else 0)
    save(model, tmp_path / "net.skops")
    np.testing.assert_array_equal(load(tmp_path / "net.skops").predict_proba(IRIS), model.predict_proba(IRIS))


def test_hidden_modules_are_frozen_once_they_have_learnt():
    one = LocalModuleClassifier(n_modules=2, **SMALL).fit(IRIS, KIND)
    names = [(phase["name"], phase["trained"], phase["frozen"]) for phase in one.phases_]
    assert names == [
        ("module0", ["slot0"], []),
        ("module1", ["slot1"], ["slot0"]),
        ("head", ["head"], ["slot0", "slot1"]),
    ]
    few = LocalModuleClassifier(n_modules=2, head_per_class=2, **SMALL).fit(IRIS, KIND)
    assert [a.digest == b.digest for a, b in zip(one.modules_, few.modules_, strict=True)] == [True, True, False]
    assert few.phases_[-1]["n_steps"] == one.phases_[-1]["n_steps"]
    assert few.score(IRIS, KIND) > 0.8


def test_hidden_modules_see_only_which_rows_are_alike():
    """Other names for the classes give the same modules."""
    one = LocalModuleClassifier(**SMALL).fit(IRIS, KIND)
    other = LocalModuleClassifier(**SMALL).fit(IRIS, np.array([2, 0, 1])[KIND])
    assert one.modules_[0].digest == other.modules_[0].digest
    assert one.modules_[1].digest != other.modules_[1].digest


def test_a_new_head_for_other_classes():
    model = LocalModuleClassifier(n_modules=2, **SMALL).fit(IRIS, KIND)
    words = np.where(KIND == 1, "versicolor", "other")
    turned = model.with_head(IRIS, words, epochs=30, random_state=0)
    assert turned.classes_.tolist() == ["other", "versicolor"]
    assert turned.score(IRIS, words) > 0.85
    assert [a is b for a, b in zip(model.modules_, turned.modules_, strict=True)] == [True, True, False]
    assert model.classes_.tolist() == [0, 1, 2]
    assert turned.get_params()["head_epochs"] == 10
    with pytest.raises(InputDataError, match="one class"):
        model.with_head(IRIS, np.zeros(150))


def test_early_exits():
    model = LocalModuleClassifier("critic", n_modules=2, **SMALL).fit(IRIS, KIND)
    exits = list(model.staged_predict(IRIS))
    assert len(exits) == 3
    assert min((found == KIND).mean() for found in exits) > 0.8
    np.testing.assert_array_equal(exits[-1], model.predict(IRIS))
    rows = (IRIS - model.x_mean_) / model.x_scale_
    first = answers([model.modules_[0], model.companions_[0]], rows).argmax(1)
    np.testing.assert_array_equal(exits[0], model.classes_[first])
    with pytest.raises(ParameterError, match="'alignment' makes no early exits"):
        next(LocalModuleClassifier(**SMALL).fit(IRIS, KIND).staged_predict(IRIS))


def test_a_proxy_that_collapses_is_named():
    X, y = load_digits(return_X_y=True)
    X, y = X[:500] / 16, y[:500]
    settings = {"depth": 3, "module_epochs": 20, "head_epochs": 1, "random_state": 0, "standardize": False}
    with pytest.warns(CollapseWarning, match=r"objective='negatives' has collapsed in slot 0: .* for \d+% of the rows"):
        bare = LocalModuleClassifier("negatives", chain=DenseChain(64, batch_norm=False), **settings).fit(X, y)
    assert bare.zero_rows_[0] > 0.05
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LocalModuleClassifier("negatives", chain=DenseChain(64), **settings).fit(X, y)


def test_transfer_scores_rank_tasks_that_modules_know():
    model = LocalModuleClassifier(**SMALL).fit(IRIS, KIND)
    known, mixed = transfer_score(model, IRIS, KIND), transfer_score(model, IRIS, np.arange(150) % 2)
    assert known > 0.7 > 0.1 > mixed > -0.1
    assert known == transfer_score(model, IRIS, np.array(["c", "a", "b"])[KIND])
    with pytest.raises(ParameterError, match="no chain of modules"):
        transfer_score(nn.Linear(1, 1), IRIS, KIND)
    with pytest.raises(InputDataError, match="two classes"):
        transfer_score(model, IRIS, np.zeros(150))
    whole = ScheduledClassifier(chain=ResidualChain(8), n_modules=2, depth=1, random_state=0).fit(IRIS, KIND)
    assert -1 <= transfer_score(whole, IRIS, KIND) <= 1
