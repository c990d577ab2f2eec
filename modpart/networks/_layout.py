"""Where units sit, and moving them to where their wires are short. Only places move, never weights.

Brain-inspired modular training swaps neurons, that is, it permutes rows and columns of weights (and should permute the
optimiser's moments with them). To give two units each other's *places* costs the same and changes nothing else: the
function of the net stays what it was to the last bit, and every weight keeps its moments.
"""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment

from modpart.networks._clusters import Links

__all__ = ["even_places", "place_units", "placement_costs", "swap_units", "wire_length"]

Places = dict[str, np.ndarray]


def even_places(width: int) -> np.ndarray:
    """Unit i of n sits at (2 i + 1) / (2 n) on a line from 0 to 1."""
    return (2 * np.arange(width) + 1) / (2 * width)


def wire_length(links: Links, places: Mapping[str, np.ndarray]) -> float:
    """Sum over all wires of their absolute weight times the distance of their ends along the line."""
    return float(
        sum((m * np.abs(places[source][:, None] - places[target])).sum() for (source, target), m in links.items())
    )


def placement_costs(group: str, links: Links, places: Mapping[str, np.ndarray]) -> np.ndarray:
    """P[j, k]: length of the wires of unit j of a group if it sat where unit k sits now, one product for each side.

    No wire joins two units of one layer, so exchanging j and k changes the length by
    P[j, k] + P[k, j] - P[j, j] - P[k, k], exactly.
    """
    seats = places[group]
    cost = np.zeros((len(seats), len(seats)))
    for (source, target), matrix in links.items():
        if group == source:
            cost += matrix @ np.abs(places[target][:, None] - seats)
        if group == target:
            cost += matrix.T @ np.abs(places[source][:, None] - seats)
    return cost


def place_units(links: Links, places: Mapping[str, np.ndarray], groups: list[str], *, rounds: int = 10) -> Places:
    """Give every unit of some groups the best place given those of the other groups, in turn, until nothing is gained.

    For one group the assignment is optimal; over several it is a descent, so the length never rises.
    """
    places = {group: seats.copy() for group, seats in places.items()}
    for _ in range(rounds):
        gained = 0.0
        for group in groups:
            cost = placement_costs(group, links, places)
            units, seats = linear_sum_assignment(cost)
            gain = float(np.trace(cost) - cost[units, seats].sum())
            if gain > 1e-12 * max(float(np.trace(cost)), 1e-300):
                places[group] = places[group][seats]
                gained += gain
        if gained == 0.0:
            break
    return places


def swap_units(links: Links, places: Mapping[str, np.ndarray], groups: list[str], *, n_units: int) -> Places:
    """Let the `n_units` heaviest units of each group swap in turn where that shortens wires most: BIMT's rule."""
    places = {group: seats.copy() for group, seats in places.items()}
    for group in groups:
        weight = np.zeros(len(places[group]))
        for (source, target), matrix in links.items():
            weight += matrix.sum(1) if group == source else 0.0
            weight += matrix.sum(0) if group == target else 0.0
        cost = placement_costs(group, links, places)  # column k belongs to a seat, and seats stay
        seat = np.arange(len(weight))
        for unit in np.argsort(-weight, kind="stable")[:n_units]:
            here = seat[unit]
            change = cost[unit, seat] + cost[:, here] - cost[unit, here] - cost[np.arange(len(seat)), seat]
            change[unit] = 0.0
            other = int(np.argmin(change))
            if change[other] < 0.0:
                seat[unit], seat[other] = seat[other], here
        places[group] = places[group][seat]
    return places
