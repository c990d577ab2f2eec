"""Which unit of one net corresponds to which of another: assignment problems over weights, for all layers together."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from modpart._utils.optional import optional_import
from modpart.networks._cut import Weights
from modpart.networks._plan import INPUT, Wire, Wiring

__all__ = ["Maps", "carried", "matched", "transported"]

Maps = dict[str, np.ndarray]  # group -> share of each unit of the other net in each of this one's, (n_here, n_there)

_ROUNDS = 100


def _matrix(weights: Weights, wiring: Wiring, wire: Wire) -> np.ndarray:
    """Weights of a wire as (outputs, units of the source, values that belong to a pair)."""
    matrix = weights[f"{wire.layer}.weight"].astype(np.float64)
    width = wiring.widths[wire.source]
    if wire.strided:
        matrix = matrix.reshape(len(matrix), wire.fold, width, -1).transpose(0, 2, 1, 3)
    return matrix.reshape(len(matrix), width, -1)


def _norm_rows(weights: Weights, wiring: Wiring, group: str) -> list[np.ndarray]:
    """What normalisations hold for each unit of a group, (units, values)."""
    rows = []
    for norm in wiring.norms:
        if norm.group == group:
            for part in ("weight", "bias", "running_mean", "running_var"):
                values = weights.get(f"{norm.layer}.{part}")
                if values is not None:
                    width = wiring.widths[group]
                    flat = values.astype(np.float64)
                    rows.append(flat.reshape(-1, width).T if norm.strided else flat.reshape(width, -1))
    return rows


def _likeness(
    group: str, here: tuple[Weights, Wiring], there: tuple[Weights, Wiring], maps: Maps, *, known_only: bool
) -> np.ndarray:
    """Sum of products of all that belongs to a unit here and a unit there, given how the other groups correspond."""
    (a, wires_a), (b, wires_b) = here, there
    score = np.zeros((wires_a.widths[group], wires_b.widths[group]))
    for one, two in zip(wires_a.wires, wires_b.wires, strict=True):
        if one.target == group and one.source in maps:
            into = np.einsum("tsk,hs->thk", _matrix(b, wires_b, two), _columns(maps[one.source]))
            score += np.einsum("ihk,jhk->ij", _matrix(a, wires_a, one), into)
            bias = f"{one.layer}.bias"
            if bias in a:
                score += np.multiply.outer(a[bias].astype(np.float64), b[bias].astype(np.float64))
        if one.source == group and not known_only and one.target in maps:
            out = np.einsum("tsk,ht->hsk", _matrix(b, wires_b, two), maps[one.target])
            score += np.einsum("tik,tjk->ij", _matrix(a, wires_a, one), out)
    for mine, other in zip(_norm_rows(a, wires_a, group), _norm_rows(b, wires_b, group), strict=True):
        score += mine @ other.T
    return score


def _columns(shares: np.ndarray) -> np.ndarray:
    """What an input weight of the other net adds to that of each unit here: it is handed out in full."""
    return shares / np.maximum(shares.sum(axis=0), 1e-300)


def _fixed(wiring: Wiring) -> Maps:
    """Inputs and outputs mean the same in both nets."""
    return {group: np.eye(wiring.widths[group]) for group in (INPUT, wiring.output)}


def matched(a: Weights, b: Weights, wiring: Wiring) -> Maps:
    """One unit there for each unit here, so that the weights differ as little as can be found.

    The squared distance of all weights is lowered group by group, each an assignment problem given the others; a first
    round looks at what comes into a group from those that are matched already. A net whose units were reordered is
    matched exactly. O(sum of the cubes of the widths) for a round.
    """
    maps = _fixed(wiring)
    for group in wiring.hidden:
        maps[group] = _assigned(_likeness(group, (a, wiring), (b, wiring), maps, known_only=True))
    for _ in range(_ROUNDS):
        moved = False
        for group in wiring.hidden:
            score = _likeness(group, (a, wiring), (b, wiring), maps, known_only=False)
            found = _assigned(score)
            gain = float((score * found).sum() - (score * maps[group]).sum())
            if gain > 1e-9 * max(np.abs(score).max(), 1e-300):
                maps[group], moved = found, True
        if not moved:
            break
    return maps


def _assigned(score: np.ndarray) -> np.ndarray:
    columns = linear_sum_assignment(score, maximize=True)[1]
    return np.eye(len(score))[columns]


def transported(a: Weights, b: Weights, wires_a: Wiring, wires_b: Wiring) -> Maps:
    """Shares of the units there in each unit here, for nets of other widths: optimal transport, group by group.

    The cost is the squared distance of what comes into a unit; every unit here gets the same mass, and every unit there
    gives the same.
    """
    ot = optional_import("ot", extra="fuse", purpose="modpart.networks.fuse, for nets of unequal widths,")
    maps = _fixed(wires_a)
    for group in wires_a.hidden:
        score = _likeness(group, (a, wires_a), (b, wires_b), maps, known_only=True)
        mine, other = (_size(group, *net, m) for net, m in (((a, wires_a), None), ((b, wires_b), maps)))
        cost = np.maximum(mine[:, None] + other - 2.0 * score, 0.0)
        plan = ot.emd(np.full(len(mine), 1.0 / len(mine)), np.full(len(other), 1.0 / len(other)), cost)
        maps[group] = np.asarray(plan) * len(mine)
    return maps


def _size(group: str, weights: Weights, wiring: Wiring, maps: Maps | None) -> np.ndarray:
    """Squared length of what comes into each unit."""
    total = np.zeros(wiring.widths[group])
    for wire in wiring.wires:
        if wire.target == group:
            matrix = _matrix(weights, wiring, wire)
            if maps is not None:
                if wire.source not in maps:
                    continue
                matrix = np.einsum("tsk,hs->thk", matrix, _columns(maps[wire.source]))
            total += np.square(matrix).sum(axis=(1, 2))
            if f"{wire.layer}.bias" in weights:
                total += np.square(weights[f"{wire.layer}.bias"].astype(np.float64))
    return total + sum((np.square(rows).sum(1) for rows in _norm_rows(weights, wiring, group)), np.zeros(len(total)))


def carried(b: Weights, wires_a: Wiring, wires_b: Wiring, maps: Mapping[str, np.ndarray]) -> Weights:
    """The other net's weights in the order, and the widths, of this one."""
    weights: dict[str, Any] = {name: value.copy() for name, value in b.items()}
    for one, two in zip(wires_a.wires, wires_b.wires, strict=True):
        matrix = _matrix(b, wires_b, two)
        moved = np.einsum("tsk,ot,hs->ohk", matrix, maps[one.target], _columns(maps[one.source]), optimize=True)
        if one.strided:
            moved = moved.reshape(*moved.shape[:2], one.fold, -1).transpose(0, 2, 1, 3)
        columns, tail = one.fold * wires_a.widths[one.source], b[f"{one.layer}.weight"].shape[2:]
        weights[f"{one.layer}.weight"] = moved.reshape(len(moved), columns, *tail).astype(np.float32)
        if f"{one.layer}.bias" in b:
            weights[f"{one.layer}.bias"] = (maps[one.target] @ b[f"{one.layer}.bias"].astype(float)).astype(np.float32)
    for norm in wires_a.norms:
        for part in ("weight", "bias", "running_mean", "running_var"):
            name = f"{norm.layer}.{part}"
            if name in b:
                width, values = wires_b.widths[norm.group], b[name].astype(float)
                rows = values.reshape(-1, width).T if norm.strided else values.reshape(width, -1)
                moved = maps[norm.group] @ rows
                weights[name] = (moved.T if norm.strided else moved).ravel().astype(np.float32)
    return weights
