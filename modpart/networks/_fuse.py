"""Fuse trained networks: put the units of one in the order of the other, then average."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from modpart._utils.params import number
from modpart.exceptions import ParameterError
from modpart.networks._align import carried, matched, transported
from modpart.networks._cut import Weights
from modpart.networks._net import ModularNet
from modpart.networks._partition import UnitPartition
from modpart.networks._plan import Plan, Wiring, wire_up
from modpart.networks._schedule.estimator import ChainNet
from modpart.networks._schedule.parts import Part

__all__ = ["fuse"]


def fuse(models: Sequence[Any], *, weights: Any = None) -> Any:
    """Average networks after their units have been put in the same order.

    The hidden units of a net can be reordered without changing what it computes, so that plain averages of two nets
    mean nothing. Here each net's units are matched with those of the first one, by the assignment that brings the
    weights of all layers together most closely. Use it to merge nets that were trained on different rows, or to say
    which cluster of one seed is which of another. Nets that started apart usually score less after fusion than each
    alone: fine-tune them.

    Parameters
    ----------
    models : sequence of fitted estimators
        At least two of the same kind: ModularNetClassifier, ModularNetRegressor or one with a chain
        (:class:`IncubatedClassifier`, ...), of layers that have units: Linear, convolutions, normalisations. Columns,
        their scale and classes must agree. Widths of hidden layers may differ (optimal transport, package POT); the
        first model's are kept.
    weights : sequence of float > 0 or None, default=None
        Share of each model in the average; None takes all alike.

    Returns
    -------
    model : estimator
        A fitted copy of the first model with the average weights. ``unit_maps_`` holds for each model, by group of
        units, the share of its units in each unit of the first, (n_units_first, n_units); ``partitions_``, where all
        models have clusters, their clusters in the units and the numbers of the first.

    Raises
    ------
    ParameterError
        When models do not agree; the message names the slot or layer.
    MissingDependencyError
        When widths differ and POT is not installed.

    Notes
    -----
    Assignment by coordinate descent over layers: it never raises the distance, and a net whose units were reordered
    is matched exactly. O(sum of the cubes of the widths) per round. The paper transports layer by layer; so are nets of
    unequal widths here.

    References
    ----------
    .. [1] Singh & Jaggi, "Model Fusion via Optimal Transport", NeurIPS 2020, arXiv:1910.05653.
    .. [2] Ainsworth, Hayase & Srinivasa, "Git Re-Basin: Merging Models modulo Permutation Symmetries", ICLR 2023,
       Algorithm 1.

    Examples
    --------
    >>> from modpart.networks import ModularNetClassifier, fuse
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> models = [
    ...     ModularNetClassifier(None, hidden_layer_sizes=(16,), max_epochs=40, random_state=seed).fit(X, y)
    ...     for seed in (0, 1)
    ... ]
    >>> fused = fuse(models)
    >>> fused.unit_maps_[1]["hidden1"].shape, bool(fused.score(X, y) > 0.7)
    ((16, 16), True)
    """
    models = list(models)
    if len(models) < 2:
        raise ParameterError("fuse: models must hold two fitted estimators or more.")
    for model in models:
        if not isinstance(model, ModularNet | ChainNet):
            raise ParameterError(
                f"fuse: {model!r} has no network of modpart. Pass fitted estimators of modpart.networks."
            )
        check_is_fitted(model)
    shares = _shares(weights, len(models))
    _check_same_data(models)
    first = models[0]
    wirings = [wire_up(_plan(model), reorder=True) for model in models]
    for model, wiring in zip(models[1:], wirings[1:], strict=True):
        _check_same_layers(_plan(first), _plan(model), wirings[0], wiring)
    maps = [{group: np.eye(wirings[0].widths[group]) for group in wirings[0].hidden}]
    total: Weights = {name: shares[0] * value for name, value in first.weights_.items()}
    for model, wiring, share in zip(models[1:], wirings[1:], shares[1:], strict=True):
        alike = wiring.widths == wirings[0].widths
        found = (
            matched(first.weights_, model.weights_, wiring)
            if alike
            else transported(first.weights_, model.weights_, wirings[0], wiring)
        )
        moved = carried(model.weights_, wirings[0], wiring, found)
        maps.append({group: found[group] for group in wirings[0].hidden})
        total = {name: value + share * moved[name] for name, value in total.items()}
    fused = _with_weights(deepcopy(first), total)
    fused.unit_maps_ = maps
    clusters: list[Any] = [getattr(model, "partition_", None) for model in models]
    if None not in clusters and all(wiring.widths == wirings[0].widths for wiring in wirings):
        pairs = zip(clusters, maps, strict=True)
        fused.partitions_ = [_moved(partition, own).match(first.partition_) for partition, own in pairs]
    return fused


def _plan(model: Any) -> Plan:
    if model.plan_ is None:
        raise ParameterError(
            f"fuse: nobody can see through the net of {model!r}. Pass one whose module is an nn.Sequential."
        )
    if any(layer["kind"] == "Gated" for layer in model.plan_):
        raise ParameterError(f"fuse: the net of {model!r} has gates, which are not put in order. Fuse nets without.")
    return model.plan_


def _shares(weights: Any, count: int) -> np.ndarray:
    given = np.ones(count) if weights is None else np.asarray(weights, dtype=float).ravel()
    if len(given) != count or not all(number(0, open_low=True).accepts(float(share)) for share in given):
        raise ParameterError(f"fuse: weights={weights!r} must hold {count} finite numbers > 0, one for each model.")
    return given / given.sum()


def _check_same_data(models: Sequence[Any]) -> None:
    first = models[0]
    for name in ("x_mean_", "x_scale_", "classes_", "y_mean_", "y_scale_"):
        for model in models[1:]:
            mine, other = np.asarray(getattr(first, name, None)), np.asarray(getattr(model, name, None))
            if type(model) is not type(first) or not np.array_equal(mine, other):
                raise ParameterError(
                    f"fuse: {type(first).__name__} and {type(model).__name__} do not agree in {name}. Fuse estimators "
                    "of one kind, fitted to the same columns and classes; with different rows pass standardize=False "
                    "and scale the columns alike before."
                )


def _check_same_layers(one: Plan, two: Plan, here: Wiring, there: Wiring) -> None:
    for place, (mine, other) in enumerate(zip(one, two, strict=False)):
        if _kinds(mine) != _kinds(other):
            raise ParameterError(f"fuse: layer {mine['name']!r} (place {place}) is another one in the second model.")
    same = len(one) == len(two) and list(here.widths) == list(there.widths)
    if not same or any(here.widths[end] != there.widths[end] for end in ("input", here.output)):
        raise ParameterError("fuse: the models have other layers, inputs or outputs. Fuse nets of the same depth.")


def _kinds(layer: Any) -> Any:
    """Names and kinds of a layer and all inside it."""
    inside = [_kinds(child) for key in ("layers", "body", "shortcut", "gate") for child in layer.get(key, [])]
    return layer["name"], layer["kind"], inside


def _with_weights(model: Any, total: Weights) -> Any:
    """Give a fitted copy these weights; counters and the like stay the first model's."""
    kept = {name: total[name].astype(value.dtype) for name, value in model.weights_.items()}
    if isinstance(model, ChainNet):
        model.modules_ = [
            Part(part.plan, {name: kept[f"slot{slot}.{name}"] for name in part.weights})
            for slot, part in enumerate(model.modules_)
        ]
    else:
        model.weights_ = kept
    return model


def _moved(partition: UnitPartition, maps: dict[str, np.ndarray]) -> UnitPartition:
    """Clusters in the order of the first model's units."""
    return UnitPartition({group: known[maps[group].argmax(axis=1)] for group, known in partition.labels.items()})
