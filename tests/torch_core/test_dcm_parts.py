"""Parts of the deep causal model: closed forms against autograd and brute force."""

from itertools import product

import numpy as np
import pytest
import torch

from modpart._torch.dcm.critics import Critic
from modpart._torch.dcm.images import ImageEncoder, TensorGenerator
from modpart._torch.dcm.likelihood import Evidence, Likelihood, log_likelihood, log_probability
from modpart._torch.dcm.mechanisms import KNOTS, Mechanism, Quantiles, pick
from modpart._torch.dcm.nodes import DISCRETE, NUMERIC, TENSOR, Node
from modpart._torch.dcm.sampling import draw_noise, log_density, run, weigh
from modpart._torch.dcm.system import Draw, System, features, new_mechanism
from modpart._torch.init import new_generator

A = Node("A", DISCRETE, 3, (), (0,))
B = Node("B", NUMERIC, 1, ("A",), (0, 1))
C = Node("C", DISCRETE, 2, ("A", "B"), (1,))
NODES = (A, B, C)
N_STATES = {0: 4, 1: 3}


def system(seed=0, dtype=torch.float64):
    generator = new_generator(seed)
    known = {node.name: node for node in NODES}
    mechanisms = [
        new_mechanism(node, [known[p] for p in node.parents], [N_STATES[c] for c in node.causes], (8, 8), 2, generator)
        for node in NODES
    ]
    made = System(NODES, mechanisms, N_STATES)
    with torch.no_grad():
        for prior in made.priors:
            prior.copy_(torch.randn(prior.shape, generator=generator))
        for parameter in made.mechanisms.parameters():
            parameter.mul_(3.0)
    return made.to(dtype)


def rows(count=7, seed=1):
    generator = new_generator(seed)
    return {
        "A": torch.randint(3, (count,), generator=generator),
        "B": torch.randn(count, generator=generator, dtype=torch.float64),
        "C": torch.randint(2, (count,), generator=generator),
    }


def test_quantile_functions_and_their_inverse():
    generator = new_generator(0)
    law = 2 * torch.randn(500, len(KNOTS) + 1, generator=generator, dtype=torch.float64)
    score = (2 * torch.randn(500, generator=generator, dtype=torch.float64)).requires_grad_()
    quantiles = Quantiles(law)
    value = quantiles.value(score)
    (slope,) = torch.autograd.grad(value.sum(), score)
    found, steep = quantiles.score(value.detach())
    torch.testing.assert_close(found, score.detach())
    torch.testing.assert_close(steep, slope)
    torch.testing.assert_close(quantiles.value(torch.zeros(500, dtype=torch.float64)), law[:, 0])


def test_a_density_of_numbers_integrates_to_one():
    law = torch.randn(1, len(KNOTS) + 1, generator=new_generator(3), dtype=torch.float64)
    grid = torch.linspace(-30, 30, 60_001, dtype=torch.float64)
    density = Quantiles(law.expand(len(grid), -1)).log_density(grid).exp()
    assert torch.trapezoid(density, grid).item() == pytest.approx(1.0, abs=1e-4)


def test_hidden_causes_are_summed_out_exactly():
    made, values = system(), rows()
    total = torch.zeros(7, dtype=torch.float64)
    for u in product(range(4), range(3)):
        states = {i: torch.full((7,), s) for i, s in enumerate(u)}
        chance = made.prior(0).softmax(0)[u[0]] * made.prior(1).softmax(0)[u[1]]
        for node in NODES:
            seen = {p: features(made.known[p], values[p]).double() for p in node.parents}
            law = made.law(node.name, seen, states, 7)
            if node.kind == DISCRETE:
                chance = chance * law.softmax(1).gather(1, values[node.name][:, None])[:, 0]
            else:
                chance = chance * Quantiles(law).log_density(values[node.name]).exp()
        total += chance
    torch.testing.assert_close(log_density(made, values), total.log())
    factors = [(node.causes, log_probability(made, node.name, values)) for node in NODES]
    torch.testing.assert_close(log_likelihood(made, factors), total.log())


def test_counted_rows_have_the_likelihood_of_all_rows():
    made = system(dtype=torch.float32)
    generator = np.random.default_rng(0)
    table = {"A": generator.integers(3, size=50), "B": generator.integers(2, size=50) * 1.0}
    table["C"] = generator.integers(2, size=50)
    values = {"A": torch.tensor(table["A"]), "B": torch.tensor(table["B"]).float(), "C": torch.tensor(table["C"])}
    part = Evidence.of(made, ["A", "B", "C"], table, 1.0)
    assert len(part.weight) < 50
    loss = Likelihood(made, [part], Draw(new_generator(0)), 16).loss(0.0)
    assert loss.item() == pytest.approx(-log_density(made, values).mean().item(), rel=1e-4)
    part.weight.requires_grad_(False)
    sampled = Likelihood(made, [part], Draw(new_generator(0)), 16)
    sampled.whole = [False]
    mean = np.mean([sampled.loss(0.0).item() for _ in range(200)])
    assert mean == pytest.approx(loss.item(), rel=0.05)


def test_noise_picked_from_a_value_gives_that_value():
    made, values = system(dtype=torch.float32), rows(2000)
    values["B"] = values["B"].float()
    noise = draw_noise(made, 2000, Draw(new_generator(0)))
    seen = {p: features(made.known[p], values[p]) for p in ("A", "B")}
    law = made.law("C", seen, noise.states, 2000)
    own = pick(C, law, values["C"], noise.own["C"])
    borders = law.softmax(1).cumsum(1)[:, :-1]
    assert ((own[:, None] >= borders).sum(1) == values["C"]).all()


def test_weights_of_evidence_average_to_its_density():
    made = system(dtype=torch.float32)
    seen = {"A": torch.full((200_000,), 1), "C": torch.full((200_000,), 0)}
    values, _, weight = weigh(made, 200_000, seen, {}, Draw(new_generator(0)))
    drawn = run(made, draw_noise(made, 200_000, Draw(new_generator(1))), {})
    share = ((drawn["A"] == 1) & (drawn["C"] == 0)).float().mean()
    assert weight.exp().mean().item() == pytest.approx(share.item(), rel=0.03)
    assert (values["A"] == 1).all()


def test_looked_up_laws_are_the_computed_ones():
    made = system(dtype=torch.float32)
    noise = draw_noise(made, 3000, Draw(new_generator(0)))
    many = run(made, noise, {})
    few = [run(made, noise.take(torch.tensor([i])), {}) for i in range(5)]  # too few rows for a table
    for name in ("A", "C"):
        assert [int(part[name][0]) for part in few] == many[name][:5].tolist()


@pytest.mark.parametrize("hidden", [(), (5,), (8, 8)])
def test_the_slope_of_a_critic_in_closed_form(hidden):
    nodes = [Node("A", DISCRETE, 3), Node("B", NUMERIC, 1)]
    critic = Critic(nodes, hidden, new_generator(0))
    generator = new_generator(1)
    real, fake = ([torch.rand(9, 3, generator=generator), torch.rand(9, 1, generator=generator)] for _ in range(2))
    share = torch.rand(9, generator=generator)
    closed = critic.penalty(real, fake, share)
    gradients = torch.autograd.grad(closed, list(critic.weights))
    critic.flat = False
    twice = critic.penalty(real, fake, share)
    torch.testing.assert_close(closed, twice)
    for own, other in zip(gradients, torch.autograd.grad(twice, list(critic.weights)), strict=True):
        torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-4)


def test_straight_through_states_are_states_and_pass_gradients():
    made = system(dtype=torch.float32)
    out = made.relaxed(["A", "B", "C"], {}, 500, Draw(new_generator(0)), 0.5)
    assert set(out["A"].detach().unique().tolist()) == {0.0, 1.0}
    assert (out["A"].detach().sum(1) == 1).all()
    (out["C"][:, 0].sum() + out["B"].sum()).backward()
    for name, parameter in made.mechanisms.named_parameters():
        if parameter.numel():  # A has no parents
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_hidden_states_are_as_frequent_as_their_probabilities():
    made = system(dtype=torch.float32)
    states = made.balanced_states(10_000, Draw(new_generator(0)))
    for cause, drawn in states.items():
        shares = torch.bincount(drawn, minlength=N_STATES[cause]) / 10_000
        torch.testing.assert_close(shares, made.prior(cause).detach().softmax(0), atol=2e-4, rtol=0)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 12), (5,), (2, 3, 3)])
def test_tensors_are_drawn_and_read_in_their_shape(shape):
    node = Node("I", TENSOR, int(np.prod(shape)), ("A",), (0,), shape)
    generator = new_generator(0)
    drawn = TensorGenerator(node, [A], [4], 6, generator)(
        [features(A, torch.tensor([0, 1]))], torch.randn(2, 6), [torch.tensor([0, 3])]
    )
    assert drawn.shape == (2, *shape)
    assert ImageEncoder(shape, generator)(drawn).shape == (2, 32)


def test_a_mechanism_s_grid_is_its_law_at_every_state():
    mechanism = Mechanism(B, [A], [4, 3], (8,), new_generator(0))
    parents = [features(A, torch.tensor([0, 2]))]
    grid = mechanism.grid(parents, 2)
    for u, w in product(range(4), range(3)):
        law = mechanism(parents, [torch.full((2,), u), torch.full((2,), w)], 2)
        torch.testing.assert_close(grid[:, u, w], law)
