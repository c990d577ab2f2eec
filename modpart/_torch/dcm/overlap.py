"""How much of what a module is asked about the data cover, where it was learned in a context that follows from it.

In the front door X -> Z -> Y with X <-> Y the law of X and Y is learned from rows in which Z follows from X, and is
then asked about every X beside values of Z that come from elsewhere. Where Z nearly follows from X the data hold hardly
any such pair, and what the module says of them is a guess.
"""

from collections.abc import Collection, Mapping
from math import nan

import numpy as np
import torch

from modpart._torch.dcm.nodes import DISCRETE, TENSOR
from modpart._torch.dcm.sampling import draw_noise, log_density, run
from modpart._torch.dcm.system import Draw, System

__all__ = ["overlap"]

ROWS, COPIES, LOOSE = 128, 32, 8  # rows, values of the module beside each, values of what the context alone depends on
THIN = 0.02  # of the density wanted is enough


def overlap(
    system: System, values: Mapping[str, np.ndarray], module: Collection[str], context: Collection[str], draw: Draw
) -> float:
    """Share of the pairs of module and context, were the context set, that the data cover.

    A pair is covered when the density Q[context] that it has in the data is at least a fiftieth of its mean over the
    law that the module has with this context set. The error of an answer is at most the share that is not covered,
    when all else is right. NaN where an image is involved.
    """
    own = {parent for name in context for parent in system.nodes[name].parents}
    asked = {parent for name in module for parent in system.nodes[name].parents}
    involved = {*module, *context, *own, *asked}
    if any(system.nodes[name].kind == TENSOR for name in involved):
        return nan
    total = len(next(iter(values.values())))
    rows = draw.order(total)[:ROWS].repeat_interleave(COPIES)
    around = {name: _taken(system, name, values, rows) for name in involved if name not in module}
    first = torch.zeros(1, dtype=torch.int64)
    for name in set(values) - involved:  # no part of this, but the system draws or takes every variable
        one = _taken(system, name, values, first)
        around[name] = one.expand(len(rows), *one.shape[1:])
    pairs = run(system, draw_noise(system, len(rows), draw), around)
    loose = own - {*asked, *module, *context}
    times = LOOSE if loose else 1
    wide = {name: pairs[name].repeat_interleave(times, 0) for name in {*context, *own}}
    elsewhere = draw.rows(total, len(rows) * times)
    wide |= {name: _taken(system, name, values, elsewhere) for name in loose}
    wide = {name: x.double() if x.is_floating_point() else x for name, x in wide.items()}
    density = log_density(system.double(), wide, sorted(context)).exp().reshape(-1, COPIES, times).mean(2)
    return float((density >= THIN * density.mean(1, keepdim=True)).double().mean())


def _taken(system: System, name: str, values: Mapping[str, np.ndarray], rows: torch.Tensor) -> torch.Tensor:
    kind = np.int64 if system.nodes[name].kind == DISCRETE else np.float32
    return torch.from_numpy(np.asarray(values[name][rows.cpu().numpy()], kind)).to(rows.device)
