"""One job of training: some mechanisms are learned, those that they are run with stay as they are."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn

from modpart._torch.dcm.adversarial import AdversarialNet, Rivals
from modpart._torch.dcm.comparisons import Comparison
from modpart._torch.dcm.critics import Critic
from modpart._torch.dcm.likelihood import Evidence, Likelihood
from modpart._torch.dcm.mmd import Discrepancy
from modpart._torch.dcm.nodes import DISCRETE, NUMERIC, TENSOR, Node
from modpart._torch.dcm.steps import STEPS, StepNet
from modpart._torch.dcm.system import Draw, System, features, new_mechanism, sizes_of
from modpart._torch.dcm.tables import Table, fits_a_table
from modpart._torch.init import new_generator
from modpart._torch.nets import make_net
from modpart._torch.state import from_numpy, load_numpy, to_numpy

__all__ = ["DataSet", "Job", "Learned", "Settings", "build", "train", "worst_pair"]

STEPS_OF = {"likelihood": 1000, "table": 1600, "samples": 3000}  # of a module of several variables


@dataclass(frozen=True)
class Settings:
    """What the user chose, the same for all jobs."""

    loss: str
    hidden: tuple[int, ...]
    critic_hidden: tuple[int, ...]
    noise_dim: int
    critic_iters: int
    gp_weight: float
    lr: float
    batch_size: int
    callbacks: tuple[Any, ...] = ()
    device: str = "cpu"


@dataclass(frozen=True)
class DataSet:
    """Values of one regime, with what of them is fed to the model, and what it has to draw, in causal order."""

    values: Mapping[str, np.ndarray]
    given: tuple[str, ...]
    drawn: tuple[str, ...]

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))


@dataclass(frozen=True)
class Job:
    """What to learn, from what, and what is known already.

    Parameters
    ----------
    of : frozenset of str
        The module.
    nodes : sequence of Node
        Everything that is given or drawn, in causal order.
    learn : tuple of str
    own_causes : tuple of int
        Hidden causes of learned variables alone; only their probabilities may be learned.
    n_states : mapping of int to int
        States of each hidden cause of a drawn node.
    states, priors : mapping
        Weights by node and logits by hidden cause; fresh where missing.
    prototypes : mapping of str to nn.Module
        A user's nets.
    data : sequence of DataSet
    n_steps : int or None
        For a module of several variables, half as many for one; None takes :data:`STEPS_OF`.
    seeds : tuple of int
        One for each start; the best start is kept.
    settings : Settings
    """

    of: frozenset[str]
    nodes: Sequence[Node]
    learn: tuple[str, ...]
    own_causes: tuple[int, ...]
    n_states: Mapping[int, int]
    states: Mapping[str, Mapping[str, np.ndarray]]
    priors: Mapping[int, np.ndarray]
    prototypes: Mapping[str, nn.Module]
    data: Sequence[DataSet]
    n_steps: int | None
    seeds: tuple[int, ...]
    settings: Settings


@dataclass
class Learned:
    """What a job brings back: weights, logits of the hidden causes, history by epoch, and how well the data are met."""

    states: dict[str, dict[str, np.ndarray]]
    priors: dict[int, np.ndarray]
    history: list[dict[str, float]] = field(default_factory=list)
    misfit: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


def build(
    nodes: Sequence[Node],
    names: Sequence[str],
    n_states: Mapping[int, int],
    states: Mapping[str, Mapping[str, np.ndarray]],
    priors: Mapping[int, np.ndarray],
    prototypes: Mapping[str, nn.Module],
    settings: Settings,
    generator: torch.Generator,
) -> System:
    """The system of the named nodes, with the weights that are known and fresh ones for the others."""
    known = {node.name: node for node in nodes}
    mechanisms = []
    for name in names:
        node = known[name]
        if name in prototypes:
            mechanism = deepcopy(prototypes[name])
        else:
            counts = [n_states[cause] for cause in node.causes]
            parents = [known[parent] for parent in node.parents]
            hidden, noise_dim = settings.hidden, settings.noise_dim
            if name in states:  # learned with other widths, perhaps
                hidden, noise_dim = sizes_of(node, parents, states[name])
            mechanism = new_mechanism(node, parents, counts, hidden, noise_dim, generator)
        if name in states:
            load_numpy(mechanism, states[name])
        mechanisms.append(mechanism)
    system = System([known[name] for name in names], mechanisms, n_states, nodes)
    for cause, prior in zip(system.causes, system.priors, strict=True):
        if cause in priors:
            prior.data = from_numpy(priors[cause])
    return system


def train(job: Job) -> Learned:
    """Learn from each seed, and keep what comes closest to the data."""
    tries = [_start(job, seed) for seed in job.seeds]
    if job.settings.loss == "likelihood":
        return min(tries, key=lambda learned: learned.history[-1]["train_loss"] if learned.history else 0.0)
    return min(tries, key=lambda learned: learned.misfit["distance"])


def _start(job: Job, seed: int) -> Learned:
    weights, noise, check = (new_generator(s) for s in np.random.default_rng(seed).integers(2**31, size=3).tolist())
    names = [node.name for node in job.nodes if any(node.name in part.drawn for part in job.data)]
    s = job.settings
    system = build(job.nodes, names, job.n_states, job.states, job.priors, job.prototypes, s, weights).to(s.device)
    for name in names:
        system.mechanism(name).requires_grad_(name in job.learn)
    system.eval()  # a user's batch normalisation keeps its statistics: ours are means over other batches
    for cause in system.causes:
        system.prior(cause).requires_grad_(cause in job.own_causes)
    draw = Draw(noise, s.device)
    history: list[dict[str, float]] = []
    start = perf_counter()
    if job.learn:
        net = _net(job, system, draw, weights)
        history = [{key: epoch[key] for key in ("epoch", "train_loss")} for epoch in net.fit(None).history]
    seconds = perf_counter() - start
    with torch.no_grad():
        misfit = worst_pair(system, job, Draw(check, s.device))
    own = {name: to_numpy(system.mechanism(name)) for name in job.learn}
    priors = {cause: system.prior(cause).detach().cpu().numpy().copy() for cause in job.own_causes}
    return Learned(own, priors, history, misfit, seconds)


def _net(job: Job, system: System, draw: Draw, weights: torch.Generator) -> StepNet:
    s = job.settings
    common: dict[str, Any] = {
        "generator": draw.generator,
        "batch_size": s.batch_size,
        "callbacks": deepcopy(list(s.callbacks)),
        "device": s.device,
    }
    if s.loss == "likelihood":
        total = sum(map(len, job.data))
        evidence = [
            Evidence.of(system, [v for v in part.drawn if v in job.learn], part.values, len(part) / total).to(s.device)
            for part in job.data
        ]
        reads_tensors = any(node.kind == TENSOR for node in job.nodes)  # convolutions bear no large steps
        return make_net(
            Likelihood(system, evidence, draw, s.batch_size),
            net_class=StepNet,
            lr=s.lr if reads_tensors else 4 * s.lr,
            **_length(job, "likelihood"),
            **common,
        )
    nodes = {node.name: node for node in job.nodes}
    comparisons = [_comparison(system, job, part, nodes) for part in job.data]
    if not all(isinstance(comparison, Table) for comparison in comparisons):
        system.priors.requires_grad_(False)  # samples pass no gradient to them
    common |= _length(job, _kind(comparisons))
    rivals = Rivals(system, comparisons, draw)
    if s.loss == "mmd":
        return make_net(Discrepancy(rivals, s.batch_size), net_class=StepNet, lr=s.lr, **common)
    critics = nn.ModuleList(
        Critic([nodes[name] for name in part.given + part.drawn], s.critic_hidden, weights) for part in job.data
    ).to(s.device)
    return make_net(
        rivals,
        net_class=AdversarialNet,
        critics=critics,
        critic_iters=s.critic_iters,
        gp_weight=s.gp_weight,
        lr=s.lr,
        optimizer__betas=(0.5, 0.9),
        **common,
    )


def _kind(comparisons: Sequence[Comparison | Table]) -> str:
    """Which entry of :data:`STEPS_OF` holds."""
    return "table" if all(isinstance(comparison, Table) for comparison in comparisons) else "samples"


def _length(job: Job, kind: str) -> dict[str, Any]:
    """Steps of the training, and epochs that hold them."""
    steps = STEPS_OF[kind] if job.n_steps is None else job.n_steps
    steps = steps if len(job.of) > 1 else (steps + 1) // 2
    return {"n_steps": steps, "max_epochs": -(-steps // STEPS)}


def _comparison(system: System, job: Job, part: DataSet, nodes: Mapping[str, Node]) -> Comparison | Table:
    device = job.settings.device
    if fits_a_table(system, part.values, part.given, part.drawn):
        return Table(system, part.values, part.given, part.drawn, job.learn).to(device)
    rows = {name: features(nodes[name], _tensor(nodes[name], values, device)) for name, values in part.values.items()}
    return Comparison(rows, part.given, part.drawn)


def _tensor(node: Node, values: np.ndarray, device: str) -> torch.Tensor:
    return from_numpy(values, np.int64 if node.kind == DISCRETE else np.float32).to(device)


BINS = 8  # of a column of numbers, with equal counts
CHECKED = 20_000  # rows at most


def worst_pair(system: System, job: Job, draw: Draw) -> dict[str, Any]:
    """The pair of columns, one of them drawn, whose joint law is farthest from the data's, in total variation.

    Numbers are cut at the data's octiles, tensors left out. `noise` is the distance to expect of that pair from two
    samples of this size of one law.
    """
    nodes = {node.name: node for node in job.nodes}
    worst: dict[str, Any] = {"distance": 0.0, "noise": 0.0, "columns": ()}
    for part in job.data:
        names = [name for name in part.given + part.drawn if nodes[name].kind in (DISCRETE, NUMERIC)]
        rows = draw.order(len(part))[:CHECKED].cpu().numpy()
        real = {name: part.values[name][rows] for name in part.given + part.drawn}
        seen = {
            name: features(nodes[name], _tensor(nodes[name], real[name], job.settings.device)) for name in part.given
        }
        fake = system.relaxed(part.drawn, seen, len(rows), draw, 1.0)
        codes = {}
        for name in names:
            generated = fake[name].argmax(1) if nodes[name].kind == DISCRETE else fake[name][:, 0]
            codes[name] = _binned(nodes[name], real[name], generated.cpu().numpy())
        for i, first in enumerate(names):
            for second in names[: i + 1]:
                if first in part.drawn or second in part.drawn:
                    found = _pair_distance(codes[first], codes[second])
                    if found[0] > worst["distance"]:
                        worst = {"distance": found[0], "noise": found[1], "columns": (second, first)}
    return worst


def _binned(node: Node, real: np.ndarray, fake: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    if node.kind == DISCRETE:
        return node.size, real, fake
    cuts = np.unique(np.quantile(real, np.arange(1, BINS) / BINS))
    return len(cuts) + 1, np.searchsorted(cuts, real), np.searchsorted(cuts, fake)


def _pair_distance(first: Any, second: Any) -> tuple[float, float]:
    """Total variation distance of two columns' joint law, real against generated, and what chance alone would make."""
    cells = first[0] * second[0]
    real, fake = (
        np.bincount(first[side] * second[0] + second[side], minlength=cells) / len(first[side]) for side in (1, 2)
    )
    spread = np.sqrt(real * (1 - real) * (2 / len(first[1])))
    return float(np.abs(real - fake).sum() / 2), float(spread.sum() / np.sqrt(2 * np.pi))
