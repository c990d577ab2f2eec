"""Run a causal model forward: plainly, with variables set, weighted by what was seen, or once more in another world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from modpart._torch.dcm.likelihood import log_likelihood, log_probability
from modpart._torch.dcm.mechanisms import Quantiles, pick
from modpart._torch.dcm.nodes import DISCRETE, NUMERIC, TENSOR
from modpart._torch.dcm.system import Draw, System, features, noise_of

__all__ = ["Noise", "draw_noise", "log_density", "run", "weigh"]

TABLED = 20_000  # combinations of causes up to which a discrete law is looked up instead of computed
CELLS = 4_000_000  # numbers in the largest table made while densities are computed

Values = dict[str, torch.Tensor]


@dataclass
class Noise:
    """Everything that is random in some rows: states of the hidden causes, and the noise of each variable."""

    states: dict[int, torch.Tensor]
    own: Values

    def take(self, rows: torch.Tensor) -> "Noise":
        """The noise of some of the rows."""
        return Noise({c: x[rows] for c, x in self.states.items()}, {name: x[rows] for name, x in self.own.items()})


def draw_noise(system: System, count: int, draw: Draw) -> Noise:
    """Noise of `count` rows."""
    states = {
        cause: torch.multinomial(prior.detach().cpu().softmax(0), count, True, generator=draw.generator).to(draw.device)
        for cause, prior in zip(system.causes, system.priors, strict=True)
    }
    own = {}
    for name, node in system.nodes.items():
        tensor = node.kind == TENSOR
        own[name] = draw.normal(count, noise_of(system.mechanism(name))) if tensor else draw.uniform(count)
    return Noise(states, own)


def run(
    system: System, noise: Noise, do: Mapping[str, torch.Tensor], *, actual: Mapping[str, torch.Tensor] | None = None
) -> Values:
    """Values of all variables for this noise, with those of `do` set.

    With `actual`, the values of the same noise in the actual world, a variable none of whose causes has changed in a
    row keeps its value there: doing what was done changes nothing.
    """
    count = len(next(iter(noise.own.values())))
    values: Values = {}
    for name, node in system.nodes.items():
        if name in do:
            values[name] = do[name]
            continue
        if actual is None:
            values[name] = _value(system, name, values, noise, count)
            continue
        changed = torch.zeros(count, dtype=torch.bool, device=noise.own[name].device)
        for parent in node.parents:
            changed |= (values[parent] != actual[parent]).reshape(count, -1).any(1)
        values[name] = actual[name]
        if changed.any():
            new = _value(system, name, values, noise, count)
            values[name] = torch.where(changed.reshape(-1, *[1] * (new.ndim - 1)), new, actual[name])
    return values


def _value(system: System, name: str, values: Values, noise: Noise, count: int) -> torch.Tensor:
    node = system.nodes[name]
    if node.kind == TENSOR:
        seen = {parent: features(system.nodes[parent], values[parent]) for parent in node.parents}
        return system.tensor(name, seen, noise.states, noise.own[name])
    if node.kind == NUMERIC:
        law, rows = _law(system, name, values, noise, count)
        law = law if rows is None else law[rows]
        return Quantiles(law).value(torch.special.ndtri(noise.own[name].double().clamp(1e-9, 1 - 1e-9)).float())
    law, rows = _law(system, name, values, noise, count)
    borders = law.softmax(1).cumsum(1)[:, :-1]
    borders = borders if rows is None else borders[rows]
    return (noise.own[name][:, None] >= borders).sum(1)


def _law(
    system: System, name: str, values: Values, noise: Noise, count: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Law of each row, or a shorter table of laws and the row of it that belongs to each."""
    node = system.nodes[name]
    sizes = [system.nodes[p].size for p in node.parents] + [len(system.prior(c)) for c in node.causes]
    total = int(torch.tensor(sizes, dtype=torch.float64).prod()) if sizes else 1
    columns = [values[p] for p in node.parents] + [noise.states[c] for c in node.causes]
    if all(system.nodes[p].kind == DISCRETE for p in node.parents) and total <= min(TABLED, count):
        where = torch.zeros(count, dtype=torch.int64, device=noise.own[name].device)
        for column, size in zip(columns, sizes, strict=True):
            where = where * size + column
        every = torch.arange(total, device=where.device)
        columns = []
        for size in reversed(sizes):
            columns.insert(0, every % size)
            every = every // size
        count = total
    else:
        where = None
    n_parents = len(node.parents)
    seen = {p: features(system.nodes[p], x) for p, x in zip(node.parents, columns[:n_parents], strict=True)}
    states = dict(zip(node.causes, columns[n_parents:], strict=True))
    return system.law(name, seen, states, count), where


def weigh(
    system: System,
    count: int,
    seen: Mapping[str, torch.Tensor],
    do: Mapping[str, torch.Tensor],
    draw: Draw,
) -> tuple[Values, Noise, torch.Tensor]:
    """Rows that agree with what was seen, their noise, and the log weight that makes up for it (likelihood weighting).

    A variable that was seen takes its value, and its noise is drawn from what it can have been; the weight of a row is
    the probability of the values seen given its causes.
    """
    noise = draw_noise(system, count, draw)
    weight = torch.zeros(count, device=draw.device)
    values: Values = {}
    for name, node in system.nodes.items():
        if name in do:
            values[name] = do[name]
        elif name not in seen:
            values[name] = _value(system, name, values, noise, count)
        else:
            values[name] = seen[name]
            law, rows = _law(system, name, values, noise, count)
            law = law if rows is None else law[rows]
            if node.kind == DISCRETE:
                weight = weight + law.log_softmax(1).gather(1, seen[name][:, None])[:, 0]
            else:
                weight = weight + Quantiles(law).log_density(seen[name])
            noise.own[name] = pick(node, law, seen[name], noise.own[name])
    return values, noise, weight


def log_density(system: System, values: Values, names: Sequence[str] | None = None) -> torch.Tensor:
    """Log density of the columns `names` given their parents, hidden causes summed out; None takes all but tensors."""
    wanted = [
        name for name, node in system.nodes.items() if node.kind != TENSOR and (names is None or name in set(names))
    ]
    count = len(next(iter(values.values())))
    widest = max([1, *(_cells(system, name) for name in wanted)])
    parts = []
    for rows in torch.arange(count).split(max(1, CELLS // widest)):
        part = {name: x[rows.to(x.device)] for name, x in values.items()}
        factors = [(system.nodes[name].causes, log_probability(system, name, part)) for name in wanted]
        parts.append(log_likelihood(system, factors))
    return torch.cat(parts)


def _cells(system: System, name: str) -> int:
    cells = 64
    for cause in system.nodes[name].causes:
        cells *= len(system.prior(cause))
    return cells
