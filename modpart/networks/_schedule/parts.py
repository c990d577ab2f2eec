"""Parts of a net: what stands in one slot of a chain, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from modpart.exceptions import ParameterError
from modpart.networks._cut import Weights, n_parameters
from modpart.networks._plan import Plan

__all__ = ["Part", "answers", "check_fits", "drawn", "hidden_answers", "in_a_row", "shape_after"]


@dataclass
class Part:
    """A stretch of a net: its layers as plain data and their arrays."""

    plan: Plan
    weights: Weights

    @property
    def n_parameters(self) -> int:
        """Weights that training adjusts."""
        return n_parameters(self.weights)

    @property
    def digest(self) -> str:
        """A mark of the weights: equal marks, equal bits."""
        mark = blake2b(digest_size=12)
        for name in sorted(self.weights):
            mark.update(name.encode() + self.weights[name].tobytes())
        return mark.hexdigest()


def drawn(plan: Plan, seed: int) -> Part:
    """A part with new start weights."""
    from modpart._torch.init import new_generator
    from modpart._torch.schedule.start import draw

    return Part(plan, draw(plan, new_generator(seed)))


def in_a_row(parts: Mapping[str, Part]) -> tuple[Plan, Weights]:
    """Plan and weights of the net that parts make one after the other; a part's name is that of its slot."""
    plan: Plan = [{"name": name, "kind": "Sequential", "layers": part.plan} for name, part in parts.items()]
    weights = {f"{name}.{key}": value for name, part in parts.items() for key, value in part.weights.items()}
    return plan, weights


def answers(parts: Sequence[Part], X: np.ndarray, device: Any = "cpu") -> np.ndarray:
    """Answer (n, n_outputs), float64, of parts in a row."""
    from modpart._torch.plans import build, forward

    return forward(build(*in_a_row({f"slot{k}": part for k, part in enumerate(parts)})), X, device)


def shape_after(parts: Sequence[Part], n_features: int) -> tuple[int, ...]:
    """Shape of what parts in a row answer for one row of so many features."""
    import torch

    from modpart._torch.plans import build
    from modpart._torch.schedule.phase_net import answers_of

    return tuple(answers_of([build(part.plan, part.weights) for part in parts], torch.zeros(1, n_features)).shape[1:])


def check_fits(slot: int, parts: Sequence[Part], n_features: int, n_outputs: int) -> None:
    """Raise unless the part in this slot takes what comes before it and the chain ends in `n_outputs` numbers."""
    import torch

    from modpart._torch.plans import build
    from modpart._torch.schedule.phase_net import answers_of

    nets = [build(part.plan, part.weights) for part in parts]
    row = answers_of(nets[:slot], torch.zeros(2, n_features))
    given = f"what slot {slot - 1} answers, shape {tuple(row.shape[1:])} per row" if slot else f"{n_features} columns"
    try:
        row = answers_of(nets[slot : slot + 1], row)
    except (RuntimeError, ValueError) as error:
        raise ParameterError(
            f"Slot {slot}: the module cannot take {given}: {error}. Pass a module of the same slot and width."
        ) from error
    try:
        end = answers_of(nets[slot + 1 :], row)
    except (RuntimeError, ValueError) as error:
        raise ParameterError(
            f"Slot {slot}: the module answers shape {tuple(row.shape[1:])} per row, which slot {slot + 1} cannot take: "
            f"{error}. Pass a module of the same slot and width."
        ) from error
    if tuple(end.shape[1:]) != (n_outputs,):
        raise ParameterError(
            f"Slot {slot}: with this module the net answers shape {tuple(end.shape[1:])} per row where "
            f"{n_outputs} outputs are needed. Pass a module that was trained for the same target."
        )


def hidden_answers(parts: Sequence[Part], X: np.ndarray) -> np.ndarray:
    """Answers of parts in a row as vectors, (n, n_values), float64."""
    from modpart._torch.plans import build, forward

    flat: Plan = [{"name": "flat", "kind": "Flatten", "start_dim": 1, "end_dim": -1}]
    row = {f"slot{k}": part for k, part in enumerate(parts)} | {"flat": Part(flat, {})}
    return forward(build(*in_a_row(row)), X)
