"""Discrete models enumerated the plain way: every combination of hidden values, one world after the other.

It shares no line with the package's own sums, and is the checker of what the package says about two models.
"""

import numpy as np


def grid_size(model):
    """Combinations of hidden values."""
    return int(np.prod([float(len(part)) for part in _chances(model)]))


def enumerate_events(model, events):
    """Joint probabilities of variables in worlds, as an array; `events` as for `DiscreteModel.counterfactual`."""
    chances = _chances(model)
    grid = [axis.ravel() for axis in np.indices([len(part) for part in chances])]
    weights = np.ones(len(grid[0]))
    for part, axis in zip(chances, grid):
        weights = weights * part[axis]
    hidden, noise = grid[: len(model._hidden)], dict(zip(model.graph.order, grid[len(model._hidden) :]))
    columns = []
    for name, do in events:
        values = {}
        for node in model.graph.order:
            if node in do:
                values[node] = np.full(len(weights), do[node])
                continue
            causes = [values[cause] for cause in model.graph.nodes if cause in model.graph.parents(node)]
            common = [axis for (effects, _), axis in zip(model._hidden, hidden) if node in effects]
            values[node] = model._functions[node][(*causes, *common, noise[node])]
        columns.append(values[name])
    shape = tuple(model.n_states[name] for name, _ in events)
    return np.bincount(np.ravel_multi_index(columns, shape), weights, minlength=int(np.prod(shape))).reshape(shape)


def _chances(model):
    return [chances for _, chances in model._hidden] + [model._noise[node] for node in model.graph.order]


def largest_gap(answer, queries, regimes):
    """How far two models that agree on every regime to 1e-9 are apart in one of the queries.

    A query is a pair of lists of (name, do), for what is asked and what is given.
    """
    models = answer.counterexample()
    nodes = answer.graph.nodes
    for model in models:
        assert model.graph == answer.graph
        assert {frozenset(effects) for effects, _ in model._hidden} <= set(map(frozenset, answer.graph.bidirected))
    for regime in regimes:
        for values in np.ndindex(*[2] * len(regime)):
            do = dict(zip(sorted(regime), map(int, values)))
            one, two = (enumerate_events(model, [(node, do) for node in nodes]) for model in models)
            np.testing.assert_allclose(one, two, rtol=0, atol=1e-9)
            assert one.min() >= 0 and abs(one.sum() - 1) < 1e-9
    return max(float(np.abs(np.subtract(*(conditional(model, *query) for model in models))).max()) for query in queries)


def conditional(model, events, given):
    """P(events | given) by enumeration."""
    joint = enumerate_events(model, [*events, *given])
    return joint / joint.sum(axis=tuple(range(len(events))), keepdims=True)
