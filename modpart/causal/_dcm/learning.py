"""Train the modules of a causal model in their order, those of one level side by side."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modpart._utils.parallel import parallel_map
from modpart._utils.seeds import child_seeds
from modpart.causal._dcm.plan import levels
from modpart.causal._graph import CausalGraph
from modpart.causal._modules import Module

__all__ = ["ModuleFit", "fingerprint", "learn_modules"]

Regime = frozenset[str]
Weights = dict[str, np.ndarray]


class ModuleFit:
    """What is known of one trained module.

    Parameters
    ----------
    nodes : list of str
    loss : str
        How it was learned; ``"frozen"`` when it was not.
    history : list of dict
        For each epoch its number and loss.
    misfit : dict
        Distance to the data of the worst pair of columns, the distance that chance makes, and the columns.
    seconds : float
        That the training took.
    """

    def __init__(
        self, nodes: list[str], loss: str, history: list[dict[str, float]], misfit: dict[str, Any], seconds: float
    ) -> None:
        self.nodes, self.loss, self.history, self.misfit, self.seconds = nodes, loss, history, misfit, seconds


def learn_modules(
    graph: CausalGraph,
    nodes: Sequence[Any],
    modules: Sequence[Module],
    data: Mapping[Regime, Mapping[str, np.ndarray]],
    losses: Mapping[Module, str],
    settings: Any,
    *,
    n_states: Mapping[int, int],
    weights: dict[str, Weights],
    priors: dict[int, np.ndarray],
    prototypes: Mapping[str, Any],
    frozen: frozenset[str],
    max_steps: int,
    n_restarts: int,
    rng: np.random.Generator,
    n_jobs: int | None,
    report: Any,
) -> list[ModuleFit]:
    """Fill `weights` and `priors`; return one record for each module, in training order."""
    from modpart._torch.dcm.training import train

    fits = []
    seeds = {i: tuple(child_seeds(rng, n_restarts)) for i in range(len(modules))}
    number = {module.nodes: i for i, module in enumerate(modules)}
    for level in levels(modules):
        jobs = [
            _job(
                graph, nodes, module, data, losses[module.nodes], settings, n_states, weights, priors, prototypes,
                frozen, max_steps, seeds[number[module.nodes]],
            )
            for module in level
        ]
        for module, job, learned in zip(level, jobs, parallel_map(train, [(job,) for job in jobs], n_jobs=n_jobs), strict=True):
            weights.update(learned.states)
            priors.update(learned.priors)
            names = [v for v in graph.order if v in module.nodes]
            loss = losses[module.nodes] if job.learn else "frozen"
            fits.append(ModuleFit(names, loss, learned.history, learned.misfit, learned.seconds))
            report(fits[-1])
    return fits


def _job(
    graph: CausalGraph,
    nodes: Sequence[Any],
    module: Module,
    data: Mapping[Regime, Mapping[str, np.ndarray]],
    loss: str,
    settings: Any,
    n_states: Mapping[int, int],
    weights: Mapping[str, Weights],
    priors: Mapping[int, np.ndarray],
    prototypes: Mapping[str, Any],
    frozen: frozenset[str],
    max_steps: int,
    seeds: tuple[int, ...],
) -> Any:
    from dataclasses import replace

    from modpart._torch.dcm.training import DataSet, Job

    parts = []
    for regime, context in module.contexts.items():
        free = (module.nodes | context) - regime
        drawn = tuple(v for v in graph.order if v in free)
        given = tuple(v for v in graph.order if v in graph.parents(free) - free)
        parts.append(DataSet({v: data[regime][v] for v in (*given, *drawn)}, given, drawn))
    involved = {v for part in parts for v in (*part.given, *part.drawn)}
    drawn_anywhere = {v for part in parts for v in part.drawn}
    learn = tuple(v for v in graph.order if v in module.nodes and v not in frozen)
    kept = [node for node in nodes if node.name in involved]
    causes = {cause for node in kept if node.name in drawn_anywhere for cause in node.causes}
    return Job(
        nodes=kept,
        learn=learn,
        own_causes=tuple(i for i in sorted(causes) if set(graph.cliques[i]) <= set(learn)),
        n_states={cause: n_states[cause] for cause in sorted(causes)},
        states={name: weights[name] for name in sorted(drawn_anywhere) if name in weights},
        priors={cause: priors[cause] for cause in causes if cause in priors},
        prototypes={name: prototypes[name] for name in drawn_anywhere if name in prototypes},
        data=parts,
        n_steps=_steps(loss, len(learn), max_steps),
        seeds=seeds,
        settings=replace(settings, loss=loss),
    )


def _steps(loss: str, n_learned: int, max_steps: int) -> int:
    """A single variable is learned in half the steps."""
    return max_steps if n_learned > 1 else (max_steps + 1) // 2


def fingerprint(weights: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of all arrays with their names, buffers included."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
