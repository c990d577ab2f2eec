"""Train the modules of a causal model in their order, those of one level side by side."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    losses: Mapping[frozenset[str], str],
    settings: Any,
    *,
    n_states: Mapping[int, int],
    weights: dict[str, Weights],
    priors: dict[int, np.ndarray],
    prototypes: Mapping[str, Any],
    frozen: frozenset[str],
    max_steps: int | str,
    n_restarts: int,
    rng: np.random.Generator,
    n_jobs: int | None,
    report: Any,
) -> list[ModuleFit]:
    """Fill `weights` and `priors`; return one record for each module, in training order."""
    from modpart._torch.dcm.training import train

    known = _Known(graph, nodes, data, settings, n_states, weights, priors, prototypes, frozen)
    seeds = {module.nodes: tuple(child_seeds(rng, n_restarts)) for module in modules}
    exact = {module.nodes for module in modules if losses[module.nodes] == "likelihood"}
    fits = {}
    for level in levels(modules, exact):
        jobs = []
        for module in level:
            loss = losses[module.nodes]
            steps = max_steps if isinstance(max_steps, int) else None
            alone = (
                Module(module.nodes, dict.fromkeys(module.contexts, frozenset())) if loss == "likelihood" else module
            )
            jobs.append(known.job(alone, loss, steps, seeds[module.nodes]))
        for module, job, learned in zip(
            level, jobs, parallel_map(train, [(job,) for job in jobs], n_jobs=n_jobs), strict=True
        ):
            weights.update(learned.states)
            priors.update(learned.priors)
            names = [v for v in graph.order if v in module.nodes]
            loss = losses[module.nodes] if job.learn else "frozen"
            fits[module.nodes] = ModuleFit(names, loss, learned.history, learned.misfit, learned.seconds)
            report(fits[module.nodes])
    looks = [known.job(module, "likelihood", 0, seeds[module.nodes][:1]) for module in modules if module.nodes in exact]
    for job, learned in zip(looks, parallel_map(train, [(job,) for job in looks], n_jobs=n_jobs), strict=True):
        fits[job.of].misfit = learned.misfit
    return [fits[module.nodes] for module in modules]


@dataclass
class _Known:
    """All that jobs are made from; `weights` and `priors` grow as modules are learned."""

    graph: CausalGraph
    nodes: Sequence[Any]
    data: Mapping[Regime, Mapping[str, np.ndarray]]
    settings: Any
    n_states: Mapping[int, int]
    weights: Mapping[str, Weights]
    priors: Mapping[int, np.ndarray]
    prototypes: Mapping[str, Any]
    frozen: frozenset[str]

    def job(self, module: Module, loss: str, n_steps: int | None, seeds: tuple[int, ...]) -> Any:
        """What a worker needs to learn a module; with no steps, to look at its fit; None leaves their number open."""
        from modpart._torch.dcm.training import DataSet, Job

        graph, parts = self.graph, []
        for regime, context in module.contexts.items():
            free = (module.nodes | context) - regime
            drawn = tuple(v for v in graph.order if v in free)
            given = tuple(v for v in graph.order if v in graph.parents(free) - free)
            parts.append(DataSet({v: self.data[regime][v] for v in (*given, *drawn)}, given, drawn))
        involved = {v for part in parts for v in (*part.given, *part.drawn)}
        drawn_somewhere = {v for part in parts for v in part.drawn}
        learn = tuple(v for v in graph.order if v in module.nodes and v not in self.frozen) if n_steps != 0 else ()
        kept = [node for node in self.nodes if node.name in involved]
        causes = {cause for node in kept if node.name in drawn_somewhere for cause in node.causes}
        return Job(
            of=module.nodes,
            nodes=kept,
            learn=learn,
            own_causes=tuple(i for i in sorted(causes) if set(graph.cliques[i]) <= set(learn)),
            n_states={cause: self.n_states[cause] for cause in sorted(causes)},
            states={name: self.weights[name] for name in sorted(drawn_somewhere) if name in self.weights},
            priors={cause: self.priors[cause] for cause in sorted(causes) if cause in self.priors},
            prototypes={name: self.prototypes[name] for name in sorted(drawn_somewhere) if name in self.prototypes},
            data=parts,
            n_steps=n_steps,
            seeds=seeds,
            settings=replace(self.settings, loss=loss),
        )


def fingerprint(weights: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of all arrays with their names, buffers included."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
