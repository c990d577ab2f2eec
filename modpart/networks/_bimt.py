"""BIMT: units have places, long wires are dear, and units move to where their wires are short."""

from typing import Any, ClassVar, Literal

import numpy as np

from modpart._utils.params import Rule, integer, number, one_of
from modpart.networks._clusters import Links
from modpart.networks._layout import Places, even_places, place_units, swap_units
from modpart.networks._modularity import Modularity, Recipe, Training, links_between
from modpart.networks._plan import Wiring

__all__ = ["Bimt", "useful_wires", "wire_lengths"]

_REFIT = 300  # steps of L-BFGS
_RIDGE = 1e-6  # of a refit of classes
_PRICES = ((0.0, 1.0), (0.125, 3.0), (0.4, 10.0), (0.8, 1.0))  # share of the training done, factor of the price


class Bimt(Modularity):
    """Brain-inspired modular training: a price on wires by their length, and units that move.

    Unit i of n in a layer sits at (2 i + 1) / (2 n). The loss gets `weight` times the sum of
    ``|W_ij| (locality |x_i - x_j| + depth)``, for biases ``depth |b|``, so that few and short wires are left; every
    `every` steps units move to where their wires are shorter. Near the end wires below `prune` are cut, and those that
    lead nowhere; the rest is trained without the price. Use it for small nets that are to be read.

    Parameters
    ----------
    weight : float >= 0, default=0.001
        Price of a wire of length 1, in units of the task loss.
    locality : float >= 0, default=1.0
        Price of distance along a layer; 0 gives a plain L1 penalty.
    depth : float >= 0, default=0.1
        Distance of two layers.
    placement : {"assignment", "swap"}, default="assignment"
        "assignment" gives all units of a layer their best places at once; "swap" lets the heaviest units swap in turn,
        the published rule.
    every : int >= 0, default=200
        Steps of the optimiser between moves; 0 moves units only at the end.
    prune : float >= 0, default=0.01
        Wires with a smaller absolute weight are cut before the last part; 0 cuts none.
    slack : float from 0 to 1, default=0.3
        Wires are then cut one after the other, the cheapest first and with a refit each time, while the loss of the
        task stays below this share of what it was under the price; 0 cuts no more. Only when every step sees all rows.
    last_part : float from 0 to 1, default=0.2
        Share of a training in batches that comes after cutting. A training on all rows at once is refitted by L-BFGS
        instead.
    warmup : float from 0 to below 1, default=0.0
        Share of the training up to the cut in which wires cost nothing yet, and weights decay. For tasks where training
        rows are learned by heart long before the rule behind them is found, such as addition in a ring: see Notes.
    decay : float >= 0, default=1.0
        Decay of weights and biases while wires cost nothing: each step takes the learning rate times this off each.

    Notes
    -----
    Only places move; weights, and with them the optimiser's moments, stay where they are, so moving changes no
    prediction. The best places of a layer are a linear assignment problem, since no wire joins two of its units; its
    matrix is one product for each side, O(n^2 m), against O(n^2) evaluations of the whole cost. The price is
    multiplied by 1, by 3 after an eighth of the training, by 10 after two fifths, and by 1 again, biases included,
    after four fifths. (Published: by 10 from a quarter to three quarters.) With `warmup` these are shares of what
    comes after it. What is left for classes is refitted with an L2 penalty of 1e-6 on weights, since the cross entropy
    of rows that can be told apart has no least value. What a unit says that hears nobody any more goes into the biases
    of those who listened to it.

    A price on absolute weights likes exceptions: to know one number by heart takes one wire, a wave over all numbers
    takes one for each. A net that is priced before it has found the rule therefore keeps what it learned by heart.
    Decay likes what is spread over many wires [2]_, so rules come first, and the price then leaves the few wires that
    they need: ``warmup=1/3``, all rows in each step and a learning rate of .006 learn addition in rings of 23 to 41.

    References
    ----------
    .. [1] Liu, Gan & Tegmark, "Seeing is believing: brain-inspired modular training for mechanistic interpretability",
       arXiv:2305.08746 (2023), eq. (1) to (4) and algorithm 1.
    .. [2] Nanda, Chan, Lieberum, Smith & Steinhardt, "Progress measures for grokking via mechanistic interpretability",
       ICLR (2023), arXiv:2301.05217, where decay decides whether addition in a ring is learned as a rule.

    Examples
    --------
    >>> from modpart.networks import Bimt
    >>> Bimt(locality=0.0, placement="swap")
    Bimt(locality=0.0, placement='swap')
    """

    recipe: ClassVar[Recipe] = Recipe("adam", 2e-3, -1, 5_000)
    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {
        "weight": (number(0),),
        "locality": (number(0),),
        "depth": (number(0),),
        "placement": (one_of("assignment", "swap"),),
        "every": (integer(0),),
        "prune": (number(0),),
        "slack": (number(0, 1),),
        "last_part": (number(0, 1),),
        "warmup": (number(0, 1, open_high=True),),
        "decay": (number(0),),
    }

    def __init__(
        self,
        weight: float = 1e-3,
        locality: float = 1.0,
        depth: float = 0.1,
        placement: Literal["assignment", "swap"] = "assignment",
        every: int = 200,
        prune: float = 0.01,
        slack: float = 0.3,
        last_part: float = 0.2,
        warmup: float = 0.0,
        decay: float = 1.0,
    ) -> None:
        self.weight = weight
        self.locality = locality
        self.depth = depth
        self.placement = placement
        self.every = every
        self.prune = prune
        self.slack = slack
        self.last_part = last_part
        self.warmup = warmup
        self.decay = decay

    def join(self, training: Training) -> None:
        """Put units in their places and add the price of wires.

        Parameters
        ----------
        training : Training
            What is known of the net; terms and steps are added.
        """
        from modpart._torch.state import from_numpy, to_numpy
        from modpart._torch.terms import Ramp, WireCost

        wiring, ridge = training.wiring(repr(self)), _RIDGE if training.n_classes else 0.0
        places = {group: even_places(width) for group, width in wiring.widths.items()}
        training.found["layout_"] = places

        def lengths(places: Places) -> dict[str, Any]:
            found = wire_lengths(wiring, places, self.locality, self.depth)
            return {layer: from_numpy(length, np.float32).to(training.device) for layer, length in found.items()}

        end = 1.0 if training.whole else 1.0 - self.last_part
        start = self.warmup * end
        prices = [(start + share * (end - start), factor) for share, factor in _PRICES]
        ramp, biases = [(0.0, 0.0), *prices, (end, 0.0)], [(0.0, 0.0), (prices[-1][0], 1.0)]
        term = WireCost(self.weight, lengths(places), self.depth, Ramp(ramp), Ramp(biases))
        training.terms.append(term)
        cut_at = int(end * training.n_steps)

        def move(net: Any) -> None:
            if net.fraction <= start:
                net.decay(self.decay)
            if self.prune and net.done == cut_at:
                kept = self._wires_kept(to_numpy(net.module_), wiring)
                if training.whole:
                    kept = self._refitted(net, kept, wiring, ridge)
                net.keep_zero(training.zeros | kept)
            if net.done == training.n_steps or (self.every and net.done < cut_at and net.done % self.every == 0):
                links = links_between(to_numpy(net.module_), wiring, inner=False, power=1)
                training.found["layout_"] = self._moved(links, training.found["layout_"], wiring)
                term.lengths = lengths(training.found["layout_"])

        training.steps.append(move)

    def _moved(self, links: Links, places: Places, wiring: Wiring) -> Places:
        groups = list(wiring.widths)
        if self.placement == "assignment":
            return place_units(links, places, groups)
        return swap_units(links, places, groups, n_units=5)

    def _wires_kept(self, weights: dict[str, np.ndarray], wiring: Wiring) -> dict[str, np.ndarray]:
        names = [f"{wire.layer}.weight" for wire in wiring.wires]
        return {name: np.abs(weights[name]) >= self.prune for name in names}

    def _refitted(self, net: Any, kept: dict[str, np.ndarray], wiring: Wiring, ridge: float) -> dict[str, np.ndarray]:
        """Refit what is left, and cut more wires while the loss stays below its share of what it was."""
        from modpart._torch.pruning import Pruning

        pruning = Pruning(net, kept, lambda masks: useful_wires(masks, wiring), ridge)
        before = pruning.loss().item()
        pruning.refit(_REFIT)
        if self.slack:
            pruning.cut_while(self.slack * before)
            pruning.refit(_REFIT)
        return pruning.finish()


def useful_wires(masks: dict[str, np.ndarray], wiring: Wiring) -> dict[str, np.ndarray]:
    """The masks without wires into units that nobody hears, and out of units that hear nobody."""
    masks = {name: mask.copy() for name, mask in masks.items()}
    before = -1
    while before != (before := sum(int(mask.sum()) for mask in masks.values())):
        for group in wiring.hidden:
            alive = [np.zeros(wiring.widths[group], dtype=bool) for _ in range(2)]
            for wire in wiring.wires:
                mask = masks[f"{wire.layer}.weight"]
                if wire.target == group:
                    alive[0] |= mask.reshape(len(mask), -1).any(1)
                if wire.source == group:
                    heard = mask.any(axis=tuple(axis for axis in range(mask.ndim) if axis != 1))
                    alive[1] |= wire.units(np.asarray(heard)).any(1)
            dead = ~(alive[0] & alive[1])
            for wire in wiring.wires:
                mask = masks[f"{wire.layer}.weight"]
                if wire.target == group:
                    mask[dead] = False
                if wire.source == group:
                    mask[:, wire.columns(dead)] = False
    return masks


def wire_lengths(wiring: Wiring, places: Places, locality: float, depth: float) -> dict[str, np.ndarray]:
    """Length of each wire, in the shape of its weight without kernels: (n_outputs, n_input_columns)."""
    lengths = {}
    for wire in wiring.wires:
        distance = np.abs(places[wire.target][:, None] - wire.columns(places[wire.source]))
        lengths[wire.layer] = locality * distance + depth
    return lengths
