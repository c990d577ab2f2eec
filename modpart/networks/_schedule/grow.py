"""Grow a deeper module from a shallower one: at first both answer the same."""

import numpy as np

from modpart.networks._plan import Plan
from modpart.networks._schedule.parts import Part

__all__ = ["grown"]


def grown(part: Part, small: Part) -> Part:
    """`part` with the weights of `small` wherever both have the same layer; its other residual blocks add nothing yet.

    A block adds nothing while the layer that its body ends with is zero (Goyal et al. 2017), and starts
    to learn from there. If all new layers are such blocks, `part` answers as `small` does (Net2Net, Chen et al. 2016);
    new layers of other kinds keep their own start weights.
    """
    known = {layer["name"]: layer for layer in small.plan}
    weights = dict(part.weights)

    def under(path: str) -> list[str]:
        return [key for key in weights if key.startswith(f"{path}.")]

    for layer in part.plan:
        name = layer["name"]
        if known.get(name) == layer:
            weights |= {key: small.weights[key] for key in under(name)}
        elif layer["kind"] == "Residual" and not layer["shortcut"]:
            end = under(_end(layer["body"], f"{name}.body."))
            scales = [key for key in end if key.endswith((".weight", ".bias"))]
            weights |= {key: np.zeros_like(weights[key]) for key in scales}
    return Part(part.plan, weights)


def _end(plan: Plan, prefix: str) -> str:
    """Path of the layer that layers end with; of attention the one that makes its output.

    Where that layer has no weights, such as a ReLU, the block is left as it is: a zero before it might never move.
    """
    path, layer = f"{prefix}{plan[-1]['name']}", plan[-1]
    if layer["kind"] == "Sequential":
        return _end(layer["layers"], f"{path}.")
    return _end(layer["out"], f"{path}.out.") if layer["kind"] == "SelfAttention" else path
