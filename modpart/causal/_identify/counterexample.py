"""Two models of one graph that agree on all data and disagree on a query: the proof that it has no answer.

One hidden cause (or the noise of one variable) has many values, and everything else is drawn at random and then left
alone. All probabilities are then linear in the distribution of that one cause. A change of it that no data show, but
the query does, makes the two models; linear algebra finds it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import linprog

from modpart._utils.seeds import check_rng
from modpart.causal._graph import CausalGraph
from modpart.causal._model import DiscreteModel
from modpart.exceptions import ModpartError

__all__ = ["Query", "two_models"]

FORCED = 0.1  # share of a variable's noise that sets it whatever its causes say, so that everything can happen
SIZES = ((6, 2), (12, 2), (24, 3), (48, 3), (96, 4))  # values of the hidden cause that changes, and of the others
TRIES = 6  # of each size, for every hidden cause
ENOUGH = 0.05  # difference of the answers with which the search ends
LEAST = 1e-6  # difference that still counts: the data agree to about 1e-16


# Numerator and denominator of a query for a model, with a last axis for the values of the cause that is set apart.
Query = Callable[[DiscreteModel, Any], tuple[np.ndarray, np.ndarray]]


def two_models(
    graph: CausalGraph,
    regimes: Sequence[frozenset[str]],
    query: Query,
    places: Sequence[frozenset[str]],
    causes: Sequence[Any],
    random_state: Any,
) -> tuple[DiscreteModel, DiscreteModel]:
    """Search for the pair.

    `places` are sets of nodes that depend on their causes, all others being coins; `causes` is what may change. All are
    tried in turn.
    """
    rng = check_rng(random_state)
    best, pair = 0.0, None
    for size, others in SIZES:
        for cause, active in [(cause, active) for cause in causes for active in places for _ in range(TRIES)]:
            model = _drawn(graph, active, cause, size, others, rng)
            found = _direction(model, active, regimes, query, cause)
            if found is None:
                continue
            gap, first, second = found
            if gap > best:
                best, pair = gap, (_changed(model, cause, first), _changed(model, cause, second))
            if pair is not None and best >= ENOUGH:
                return pair
        if pair is not None and best >= ENOUGH / 5:
            return pair
    if pair is not None and best >= LEAST:
        return pair
    raise ModpartError(
        "No two models were found that agree on the data and disagree on the query. That does not make it "
        "identifiable; another random_state may find them."
    )


def _drawn(
    graph: CausalGraph, active: frozenset[str], apart: Any, size: int, others: int, rng: np.random.Generator
) -> DiscreteModel:
    """A model of two-valued variables in which `apart` (a bidirected edge, or a node for its noise) has many values."""
    pairs = [pair for pair in graph.bidirected if set(pair) <= active]
    counts = [size if pair == apart else others for pair in pairs]
    hidden = [(pair, np.full(count, 1.0 / count)) for pair, count in zip(pairs, counts, strict=True)]
    noise, functions = {}, {}
    for node in graph.nodes:
        causes = [cause for cause in graph.nodes if cause in graph.parents(node)]
        common = [count for pair, count in zip(pairs, counts, strict=True) if node in pair]
        shape = [2] * len(causes) + common
        own = size if node == apart else 1 if node in active else 2
        if node in active:
            free = rng.integers(2, size=(*shape, own))
            for axis, cause in enumerate(causes):
                if cause not in active:
                    free = np.broadcast_to(free.take([0], axis=axis), free.shape)
        else:
            free = np.broadcast_to(np.arange(own) % 2, (*shape, own))
        forced = np.broadcast_to(np.arange(2), (*shape, 2))
        functions[node] = np.concatenate([free, forced], axis=-1)
        free_share = (1.0 - FORCED) / own
        noise[node] = np.concatenate([np.full(own, free_share), np.full(2, FORCED / 2)])
    return DiscreteModel(graph, n_states=dict.fromkeys(graph.nodes, 2), hidden=hidden, noise=noise, functions=functions)


def _place(model: DiscreteModel, cause: Any) -> Any:
    """How the model names a cause: a bidirected edge by its place, noise by its node."""
    return cause if isinstance(cause, str) else [effects for effects, _ in model._hidden].index(cause)


def _weights(model: DiscreteModel, cause: Any) -> np.ndarray:
    return model._noise[cause] if isinstance(cause, str) else model._hidden[_place(model, cause)][1]


def _changed(model: DiscreteModel, cause: Any, weights: np.ndarray) -> DiscreteModel:
    """The model with other probabilities of one cause."""
    hidden = [(effects, weights if effects == cause else chances) for effects, chances in model._hidden]
    noise = {node: weights if node == cause else chances for node, chances in model._noise.items()}
    return DiscreteModel(model.graph, n_states=model.n_states, hidden=hidden, noise=noise, functions=model._functions)


def _direction(
    model: DiscreteModel, active: frozenset[str], regimes: Sequence[frozenset[str]], query: Query, cause: Any
) -> tuple[float, np.ndarray, np.ndarray] | None:
    """Two distributions of a cause that no data tell apart, and how far apart the query is; None when it is not."""
    place, weights = _place(model, cause), _weights(model, cause)
    shown = [(node, ()) for node in model.graph.nodes if node in active]  # coins tell nothing
    data = [model._contract(shown, drawn=regime, apart=place) for regime in regimes]
    seen = np.concatenate([part.reshape(-1, len(weights)) for part in data])
    unseen = null_space(np.linalg.qr(seen, mode="r"), rcond=1e-9)  # the triangle has the same null space, and is small
    if not unseen.size:
        return None
    above, below = query(model, place)
    answer = (above @ weights) / (below @ weights)
    slopes = ((above - answer[..., None] * below) / (below @ weights)[..., None]).reshape(-1, len(weights)) @ unseen
    steepest = slopes[np.argmax(np.abs(slopes).sum(axis=1))]
    if np.abs(steepest).max() < 1e-7:
        return None
    limits = np.concatenate([weights, weights])
    step = linprog(-steepest, A_ub=np.concatenate([-unseen, unseen]), b_ub=limits, bounds=(None, None)).x
    change = unseen @ step
    change *= min(1.0, float(np.min(weights / np.maximum(np.abs(change), 1e-300)))) * 0.999
    ends = weights + change, weights - change
    first, second = ((above @ end) / (below @ end) for end in ends)
    return float(np.abs(first - second).max()), *ends
