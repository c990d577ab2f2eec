"""Terms of the loss: class sums against all pairs, finite for every batch, gradients where they belong."""

import numpy as np
import pytest
import torch
from torch import nn

from modpart._torch.terms import (
    CrossLinks,
    GateContrast,
    Ramp,
    Scene,
    UnitCosts,
    gate_contrast,
)


def pairwise(vectors, y):
    """The same by the B x B matrix of cosines."""
    u = nn.functional.normalize(vectors, dim=1)
    cosines, same = u @ u.T, y[:, None] == y
    itself = torch.eye(len(y), dtype=torch.bool)
    parts = []
    for chosen, sign in ((same & ~itself, True), (~same, False)):
        mean = cosines[chosen].mean() if chosen.any() else None
        parts.append(torch.zeros(()) if mean is None else 1 - mean if sign else mean)
    return parts


def draw(rows, units, n_classes, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.relu(torch.randn(rows, units, generator=generator, dtype=dtype))
    vectors[: rows // 5] = 0.0
    return vectors.requires_grad_(), torch.randint(n_classes, (rows,), generator=generator)


@pytest.mark.parametrize("seed", range(10))
def test_class_sums_are_the_mean_over_all_pairs(seed):
    (one, y), (two, _) = draw(40, 12, 4, seed), draw(40, 5, 4, seed + 100)
    scene = Scene(nn.Identity(), [one, two], y)
    fast = [UnitCosts(4, *weights)(scene) for weights in np.eye(3)]
    slow = [torch.stack(parts).mean() for parts in zip(pairwise(one, y), pairwise(two, y), strict=True)]
    slow.append((one.abs().mean() + two.abs().mean()) / 2)
    for closed, plain in zip(fast, slow, strict=True):
        torch.testing.assert_close(closed, plain, atol=1e-12, rtol=1e-12)
        for layer in (one, two):
            found, known = (torch.autograd.grad(part, layer, retain_graph=True)[0] for part in (closed, plain))
            live = layer.any(1)  # autograd divides by next to nothing for a zero row
            assert not found[~live].any()
            torch.testing.assert_close(found[live], known[live], atol=1e-10, rtol=1e-10)


BATCHES = {
    "one row": [0],
    "one class": [1, 1, 1],
    "no pair": [0, 1, 2, 3],
    "one pair": [0, 0, 1],
    "absent classes": [3, 3, 0],
}


@pytest.mark.parametrize("labels", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("silent", [True, False], ids=["dead layer", "live layer"])
def test_no_batch_makes_a_term_or_a_gradient_other_than_finite(labels, silent):
    y = torch.tensor(labels)
    vectors = torch.zeros(len(y), 6) if silent else torch.rand(len(y), 6, generator=torch.Generator().manual_seed(0))
    for term in (UnitCosts(4, 1.0, 1.0, 0.3), GateContrast(1.0, 0.2)):
        leaf = vectors.clone().requires_grad_()
        value = term(Scene(nn.Identity(), [leaf * 1.0, leaf * 2.0], y))
        assert torch.isfinite(value) and value >= 0
        (value + 0 * leaf.sum()).backward()
        assert torch.isfinite(leaf.grad).all()


def test_the_contrast_leaves_pairs_out_and_can_reach_zero():
    y = torch.tensor([0, 0, 1, 1])
    apart = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert gate_contrast(apart, y, 0.01) < 1e-6
    u = nn.functional.normalize(torch.rand(4, 3, generator=torch.Generator().manual_seed(1)), dim=1)
    similar = torch.exp(u @ u.T / 0.2)
    partner = torch.tensor([1, 0, 3, 2])
    expected = [-torch.log(similar[i, partner[i]] / (similar[i].sum() - similar[i, i])) for i in range(4)]
    torch.testing.assert_close(gate_contrast(u, y, 0.2), torch.stack(expected).mean())


def test_cross_links_are_the_share_of_squared_weight_between_clusters():
    net = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Conv1d(2, 2, 2, bias=False))
    term = CrossLinks(2.0)
    scene = Scene(net, [], torch.zeros(1, dtype=torch.long))
    assert term(scene) == 0
    rows, columns = np.array([0, 1, 0, -1]), np.array([0, 1, 1])
    term.relabel({"0": (rows, columns), "1": (np.array([0, 1]), np.array([0, 1]))})
    linear, conv = net[0].weight.detach().numpy() ** 2, (net[1].weight.detach().numpy() ** 2).sum(2)
    shares = [linear[rows[:, None] != columns].sum() / linear.sum(), (conv[0, 1] + conv[1, 0]) / conv.sum()]
    assert term(scene).item() == pytest.approx(2 * np.mean(shares), rel=1e-5)


def test_a_ramp_takes_the_last_breakpoint_passed():
    ramp = Ramp([(0, 1), (0.25, 10), (0.75, 0.5)])
    assert [ramp(f) for f in (0, 0.24, 0.25, 0.6, 0.75, 1.0)] == [1, 1, 10, 10, 0.5, 0.5]
