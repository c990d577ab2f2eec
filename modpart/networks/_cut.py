"""Cut units out of a net: smaller arrays and plan, that compute exactly what the large net does without those units."""

from collections.abc import Mapping
from copy import deepcopy

import numpy as np

from modpart.exceptions import ParameterError
from modpart.networks._plan import INPUT, Plan, layer_paths, wire_up

__all__ = ["Weights", "cut", "n_parameters", "silenced", "without_gates"]

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
    rows = _rows_kept(wiring.widths, keep)
    plan, weights = deepcopy(plan), {name: value.copy() for name, value in weights.items()}
    layers = dict(layer_paths(plan))
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
    rows = _rows_kept(wiring.widths, keep)
    weights = {name: value.copy() for name, value in weights.items()}
    for wire in wiring.wires:
        matrix = weights[f"{wire.layer}.weight"]
        heard = np.zeros(matrix.shape[1], dtype=bool)
        heard[_folded(rows[wire.source], wiring.widths[wire.source], wire.fold, wire.strided)] = True
        matrix[:, ~heard] = 0.0
    return weights


def without_gates(plan: Plan, weights: Weights) -> tuple[Plan, Weights]:
    """The net in which every gated layer stands without its gate."""
    kept: Plan = []
    gated = [layer["name"] for layer in plan if layer["kind"] == "Gated"]
    for layer in plan:
        kept.extend(deepcopy(layer["body"]) if layer["kind"] == "Gated" else [deepcopy(layer)])
    ungated = {}
    for name, value in weights.items():
        first, _, rest = name.partition(".")
        if first not in gated:
            ungated[name] = value.copy()
        elif rest.startswith("body."):
            ungated[rest.removeprefix("body.")] = value.copy()
    return kept, ungated


def n_parameters(weights: Weights) -> int:
    """Weights that training adjusts: running statistics of a normalisation do not count."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return sum(value.size for name, value in weights.items() if not name.endswith(statistics))


def _rows_kept(widths: Mapping[str, int], keep: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Indices of the units that stay, for every group."""
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
        rows[group] = np.flatnonzero(mask)
    return rows


def _folded(units: np.ndarray, width: int, fold: int, strided: bool) -> np.ndarray:
    """Columns that belong to these units where each has `fold` of them."""
    offsets = np.arange(fold)
    if strided:
        return (offsets[:, None] * width + units).ravel()
    return (units[:, None] * fold + offsets).ravel()
