"""Cut units out of a net: smaller arrays and plan, that compute exactly what the large net does without those units."""

import re
from collections.abc import Mapping
from copy import deepcopy

import numpy as np

from modpart.exceptions import ParameterError
from modpart.networks._plan import BRANCHES, INPUT, Layer, Plan, Wiring, layer_paths, wire_up

__all__ = ["Weights", "cut", "n_parameters", "silenced", "ungated", "without_gates"]

Weights = dict[str, np.ndarray]


def cut(plan: Plan, weights: Weights, keep: Mapping[str, np.ndarray]) -> tuple[Plan, Weights]:
    """Keep some units of some groups.

    Parameters
    ----------
    plan, weights
        The net.
    keep : mapping of group to bool ndarray of shape (n_units,)
        Units to keep; a group that is not named keeps all. Rows of the output group are classes.

    Returns
    -------
    plan, weights
        A net of its own memory. What it computes is what the large net computes when the units left out are taken from
        every sum, to rounding.
    """
    wiring = wire_up(plan)
    rows = _rows_kept(wiring, keep)
    plan, weights = deepcopy(plan), {name: value.copy() for name, value in weights.items()}
    layers = dict(layer_paths(plan))
    for attention in wiring.attentions:
        heads = _layer_at(plan, attention.layer)
        values = _by_head(rows[attention.values], heads["value_sizes"])
        keys = _by_head(rows[attention.keys], heads["key_sizes"])
        keys = [own if len(sent) else own[:0] for own, sent in zip(keys, values, strict=True)]  # it says nothing
        rows[attention.keys] = np.concatenate(keys)
        heads["key_sizes"], heads["value_sizes"] = [len(own) for own in keys], [len(own) for own in values]
    for wire in wiring.wires:
        layer, conv = layers[wire.layer], layers[wire.layer]["kind"] != "Linear"
        columns = _folded(rows[wire.source], wiring.widths[wire.source], wire.fold, wire.strided)
        targets = rows[wire.target]
        weights[f"{wire.layer}.weight"] = np.ascontiguousarray(weights[f"{wire.layer}.weight"][targets][:, columns])
        if layer["bias"]:
            weights[f"{wire.layer}.bias"] = weights[f"{wire.layer}.bias"][targets]
        names = ("in_channels", "out_channels") if conv else ("in_features", "out_features")
        layer.update(zip(names, (len(columns), len(targets)), strict=True))
    for norm in wiring.norms:
        places = _folded(rows[norm.group], wiring.widths[norm.group], norm.fold, norm.strided)
        layers[norm.layer]["num_features"] = len(places)
        for part in ("weight", "bias", "running_mean", "running_var"):
            name = f"{norm.layer}.{part}"
            if name in weights:
                weights[name] = weights[name][places]
    return plan, weights


def silenced(plan: Plan, weights: Weights, keep: Mapping[str, np.ndarray]) -> Weights:
    """Weights of the large net in which nobody listens to the units that `keep` leaves out."""
    wiring = wire_up(plan)
    rows = _rows_kept(wiring, keep)
    weights = {name: value.copy() for name, value in weights.items()}
    for wire in wiring.wires:
        matrix = weights[f"{wire.layer}.weight"]
        heard = np.zeros(matrix.shape[1], dtype=bool)
        heard[_folded(rows[wire.source], wiring.widths[wire.source], wire.fold, wire.strided)] = True
        matrix[:, ~heard] = 0.0
    for attention in wiring.attentions:
        lost = np.setdiff1d(np.arange(wiring.widths[attention.keys]), rows[attention.keys])
        for wire in wiring.wires:
            if wire.target == attention.keys:
                for name in (f"{wire.layer}.weight", f"{wire.layer}.bias"):
                    if name in weights:
                        weights[name][lost] = 0.0
    return weights


def without_gates(plan: Plan, weights: Weights) -> tuple[Plan, Weights]:
    """The net in which every gated layer stands without its gate."""
    bare = {ungated(name): value.copy() for name, value in weights.items() if not _OF_GATE.search(name)}
    return _bare_layers(plan), bare


_OF_GATE = re.compile(r"(^|\.)gated_[^.]+\.gate\.")


def ungated(name: str) -> str:
    """What a layer or array of a gated net is called in the net without gates."""
    return re.sub(r"(^|\.)gated_[^.]+\.body\.", r"\1", name)


def _bare_layers(plan: Plan) -> Plan:
    kept: Plan = []
    for layer in plan:
        if layer["kind"] == "Gated":
            kept.extend(deepcopy(layer["body"]))
        else:
            inside = {side: _bare_layers(layer[side]) for side in ("layers", *BRANCHES) if side in layer}
            kept.append(deepcopy(layer) | inside)
    return kept


def n_parameters(weights: Weights) -> int:
    """Weights that training adjusts: running statistics of a normalisation do not count."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return sum(value.size for name, value in weights.items() if not name.endswith(statistics))


def _rows_kept(wiring: Wiring, keep: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Indices of the units that stay, for every group."""
    widths = wiring.widths
    unknown = set(keep) - set(widths)
    if unknown or INPUT in keep:
        raise ParameterError(f"There is no group {sorted(unknown) or [INPUT]} to cut. Groups: {sorted(widths)}.")
    rows = {group: np.arange(width) for group, width in widths.items()}
    for group, mask in keep.items():
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != (widths[group],) or not mask.any():
            raise ParameterError(
                f"The mask of group {group!r} must hold {widths[group]} booleans, at least one of them True."
            )
        if group in wiring.whole and not mask.all():
            raise ParameterError(
                f"Units of group {group!r} cannot be left out: a layer, such as a LayerNorm, looks at all of them."
            )
        rows[group] = np.flatnonzero(mask)
    return rows


def _layer_at(plan: Plan, path: str) -> Layer:
    """The layer at a path of the state dict, a container too."""
    here: Plan = plan
    found: Layer = {}
    for name in path.split("."):
        if found and name in BRANCHES and name in found:
            here = found[name]
        else:
            found = next(layer for layer in here if layer["name"] == name)
            here = found.get("layers", [])
    return found


def _by_head(rows: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    """Units that stay, split into heads of these sizes."""
    return np.split(rows, np.searchsorted(rows, np.cumsum(sizes)[:-1]))


def _folded(units: np.ndarray, width: int, fold: int, strided: bool) -> np.ndarray:
    """Columns that belong to these units where each has `fold` of them."""
    offsets = np.arange(fold)
    if strided:
        return (offsets[:, None] * width + units).ravel()
    return (units[:, None] * fold + offsets).ravel()
