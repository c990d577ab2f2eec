"""Methods that learn a gate for every unit and sample: MwT and NeMo. Gates go when a module is cut out."""

import re
from collections import Counter
from typing import Any, ClassVar

import numpy as np

from modpart._utils.params import Rule, number
from modpart.exceptions import ParameterError
from modpart.networks._modularity import Modularity, Recipe, Training
from modpart.networks._plan import BRANCHES, Layer, Plan

__all__ = ["MwT", "NeMo", "add_gates"]


_WIDE = {"Linear": "out_features", "Conv1d": "out_channels", "Conv2d": "out_channels"}


def add_gates(training: Training, method: str) -> list[str]:
    """Give each layer whose units can be cut a gate: relu(tanh(W2 relu(W1 x) + 1)), x the mean over places.

    The body of a gated layer is the layer with the batch normalisation that follows it. Inside a residual block what is
    added at its end has no gate, since it is added to units that have theirs, or none. Attention has gates on its
    values; those on queries and keys, an option of the paper, cost accuracy. Returns the paths of the gates.
    """
    wiring = training.wiring(method, whole=True)
    targets = {wire.layer: wire.target for wire in wiring.wires}
    writers = Counter(targets.values())
    free = set(wiring.loose) - {attention.keys for attention in wiring.attentions}
    chosen = [
        layer
        for layer, group in targets.items()
        if group in free and (writers[group] == 1 or not re.search(r"\.(body|shortcut)\.", layer))
    ]
    gates: dict[str, str] = {}
    training.plan = _gated(training, training.plan or [], "", "", chosen, gates)
    if not gates:
        raise ParameterError(
            f"{training.owner}: modularity={method} gates hidden layers, and the net has none whose units can be cut. "
            "Pass hidden_layer_sizes with at least one number."
        )
    training.taps = gates
    return list(gates)


def _gated(training: Training, plan: Plan, old: str, new: str, chosen: list[str], gates: dict[str, str]) -> Plan:
    """The plan with gates; `old` and `new` are where it stands in the net without and with gates."""
    gated: Plan = []
    for place, layer in enumerate(plan):
        path = f"{old}{layer['name']}"
        follows = layer["kind"].startswith("BatchNorm") and place > 0 and f"{old}{plan[place - 1]['name']}" in chosen
        if follows:
            home = gated[-1]
            home["body"].append(layer)
            _move(training, f"{new}{layer['name']}", f"{new}{home['name']}.body.{layer['name']}")
        elif path in chosen:
            name = f"gated_{layer['name']}"
            body = f"{new}{name}.body.{layer['name']}"
            _move(training, f"{new}{layer['name']}", body)
            gate = _gate(training, layer, f"{new}{name}")
            gated.append({"name": name, "kind": "Gated", "body": [layer], "gate": gate})
            gates[f"{new}{name}.gate"] = body
        else:
            inside = {}
            for side in ("layers", *BRANCHES):
                if side in layer:
                    step = "" if side == "layers" else f"{side}."
                    here, there = f"{path}.{step}", f"{new}{layer['name']}.{step}"
                    inside[side] = _gated(training, layer[side], here, there, chosen, gates)
            gated.append(layer | inside)
    return gated


def _move(training: Training, old: str, new: str) -> None:
    """Give the arrays of a layer the names of its new place."""
    training.weights = {
        (f"{new}.{name.removeprefix(f'{old}.')}" if name.startswith(f"{old}.") else name): value
        for name, value in training.weights.items()
    }


def _gate(training: Training, layer: Layer, name: str) -> Plan:
    """A gate's plan; its start weights (He normal, second bias 1) go to the training."""
    inputs = layer["in_features"] if layer["kind"] == "Linear" else layer["in_channels"]
    outputs = layer[_WIDE[layer["kind"]]]
    hidden = outputs if outputs < 128 else outputs // 2
    draw: Any = training.rng.standard_normal
    first = draw((hidden, inputs)) * np.sqrt(2.0 / inputs)
    second = draw((outputs, hidden)) * np.sqrt(2.0 / hidden)
    training.weights |= {
        f"{name}.gate.first.weight": first.astype(np.float32),
        f"{name}.gate.second.weight": second.astype(np.float32),
        f"{name}.gate.second.bias": np.ones(outputs, np.float32),
    }
    return [
        {"name": "first", "kind": "Linear", "in_features": inputs, "out_features": hidden, "bias": False},
        {"name": "relu", "kind": "ReLU"},
        {"name": "second", "kind": "Linear", "in_features": hidden, "out_features": outputs, "bias": True},
        {"name": "tanh", "kind": "Tanh"},
        {"name": "open", "kind": "ReLU"},
    ]


class MwT(Modularity):
    """Modularizing while training: affinity and dispersion of learned gates.

    Every hidden layer gets a small net that opens or closes each of its units for each sample; the loss gets `cohesion`
    (1 - mean cosine of gates within classes) and `coupling` (mean cosine between classes). A module is cut out without
    gates, so it needs fine-tuning. Use it to compare; :class:`Moda` needs neither gates nor fine-tuning.

    Parameters
    ----------
    cohesion : float >= 0, default=0.5
        Weight of likeness within classes.
    coupling : float >= 0, default=1.5
        Weight of unlikeness between classes.

    See Also
    --------
    Moda : The same terms on activations.
    NeMo : A contrast of gates.

    Notes
    -----
    All hidden layers are gated, linear ones too. The epoch of fine-tuning is fixed in advance: the released code takes
    the best one on test data.

    References
    ----------
    .. [1] Qi et al., "Modularizing while Training: a New Paradigm for Modularizing DNN Models", ICSE 2024.

    Examples
    --------
    >>> from modpart.networks import MwT
    >>> MwT(coupling=1.0)
    MwT(coupling=1.0)
    """

    recipe: ClassVar[Recipe] = Recipe("sgd", 0.05, 128, 150, cosine=True)
    by_class: ClassVar[bool] = True
    gated: ClassVar[bool] = True
    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {"cohesion": (number(0),), "coupling": (number(0),)}

    def __init__(self, cohesion: float = 0.5, coupling: float = 1.5) -> None:
        self.cohesion = cohesion
        self.coupling = coupling

    def join(self, training: Training) -> None:
        """Add gates and listen to them.

        Parameters
        ----------
        training : Training
            What is known of the net; plan, weights, taps and terms are changed.
        """
        from modpart._torch.terms import UnitCosts

        add_gates(training, repr(self))
        training.terms.append(UnitCosts(training.n_classes or 0, self.cohesion, self.coupling))


class NeMo(Modularity):
    """NeMo: a contrastive loss on learned gates.

    Every hidden layer gets a small net that opens or closes each of its units for each sample; the gates of rows of one
    class are pulled together and those of other classes pushed away by an InfoNCE loss. A module is cut out without
    gates, so it needs fine-tuning. Small transformers (``TransformerChain().net(depth)``) have gates on the values of
    their attention and on hidden units, one for all tokens of a row.

    Parameters
    ----------
    weight : float >= 0, default=0.1
        Weight of the term; published settings span a factor of 20, so tune it.
    temperature : float > 0, default=0.2
        Scale of the cosines in the exponent.

    See Also
    --------
    MwT : Means of cosines instead of a contrast.

    Notes
    -----
    Pairs that do not count are left out by a mask; the released code multiplies their similarity by 0 before the
    exponential, which adds 1 for each of them to the wrong sum. The released code also pads queries, keys and values of
    a module with zeros to their full size; here each head really has fewer. A batch of B rows costs O(B^2 + B H).

    References
    ----------
    .. [1] Bi et al., "NeMo: A Neuron-Level Modularizing-While-Training Approach for Decomposing DNN Models",
       arXiv:2508.11348 (2025).

    Examples
    --------
    >>> from modpart.networks import NeMo
    >>> NeMo(weight=1.0)
    NeMo(weight=1.0)
    """

    recipe: ClassVar[Recipe] = Recipe("sgd", 0.05, 128, 150, cosine=True)
    by_class: ClassVar[bool] = True
    gated: ClassVar[bool] = True
    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {
        "weight": (number(0),),
        "temperature": (number(0, open_low=True),),
    }

    def __init__(self, weight: float = 0.1, temperature: float = 0.2) -> None:
        self.weight = weight
        self.temperature = temperature

    def join(self, training: Training) -> None:
        """Add gates and listen to them.

        Parameters
        ----------
        training : Training
            What is known of the net; plan, weights, taps and terms are changed.
        """
        from modpart._torch.terms import GateContrast

        add_gates(training, repr(self))
        training.terms.append(GateContrast(self.weight, self.temperature))
