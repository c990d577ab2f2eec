"""What a way of making nets modular is: an object that joins a training with terms, taps and steps."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from modpart._utils.params import Rule, validate
from modpart.exceptions import ParameterError
from modpart.networks._clusters import Links
from modpart.networks._cut import Weights
from modpart.networks._plan import Plan, Wiring, wire_up

__all__ = ["Modularity", "Recipe", "Training", "links_between", "magnitudes", "no_single_row"]


@dataclass(frozen=True)
class Recipe:
    """How a net is trained unless the user says otherwise."""

    optimizer: str = "adam"
    lr: float = 1e-3
    batch_size: int = 64
    max_epochs: int = 60
    cosine: bool = False


@dataclass
class Training:
    """One training as the methods see it: they read the upper half and fill the lower one."""

    owner: str
    plan: Plan | None
    weights: Weights
    n_classes: int | None
    rng: np.random.Generator
    device: Any
    n_steps: int
    whole: bool = False  # whether each step sees all rows
    taps: dict[str, str] = field(default_factory=dict)  # layer to listen to -> group whose units it shows
    terms: list[Any] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)
    zeros: dict[str, np.ndarray] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)  # fitted attributes

    def wiring(self, method: str, *, whole: bool = False) -> Wiring:
        """Groups and wires of the net, or an error that says for which method they are needed.

        With `whole` there may be layers that look at all units of a row, such as a layer normalisation.
        """
        if self.plan is None:
            raise ParameterError(
                f"{self.owner}: modularity={method} looks at single units and needs to know how layers follow one "
                "another. Pass module as an nn.Sequential of layers of torch.nn and modpart.networks.Residual."
            )
        wiring = wire_up(self.plan)
        if wiring.whole and not whole:
            raise ParameterError(
                f"{self.owner}: modularity={method} keeps units apart, and layer {min(wiring.whole)!r} feeds one that "
                "looks at all units of a row together, such as a LayerNorm. Pass one without, or modularity='nemo'."
            )
        return wiring


class Modularity(BaseEstimator):
    """Base of the methods; a subclass says what it accepts in `_rules` and what it does in :meth:`join`."""

    recipe: ClassVar[Recipe] = Recipe()
    by_class: ClassVar[bool] = False  # whether its modules belong to classes
    clustered: ClassVar[bool] = False  # whether it makes clusters of units
    gated: ClassVar[bool] = False  # whether it gives layers gates
    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {}

    def _checked(self, n_classes: int | None) -> "Modularity":
        """Check the parameters, and that there are classes where they are needed."""
        validate(type(self).__name__, self.get_params(deep=False), self._rules)
        if self.by_class and n_classes is None:
            raise ParameterError(
                f"modularity={self!r} makes a module for each class, and a regressor has none. "
                "Pass 'clusterability', 'bimt' or 'blocks', or use ModularNetClassifier."
            )
        return self

    def join(self, training: Training) -> None:
        """Add to the training what this method needs."""
        raise NotImplementedError


def no_single_row(n_rows: int, batch_size: int) -> int:
    """The largest batch size up to this one that leaves no last batch of one row: batch normalisation takes none."""
    while batch_size > 2 and n_rows % batch_size == 1:
        batch_size -= 1
    return batch_size


def magnitudes(weights: Weights, wiring: Wiring, layer: str, power: int) -> np.ndarray:
    """|W| or W^2 of a layer between its units, (n_source, n_target): sums over kernels and over folded inputs."""
    wire = next(wire for wire in wiring.wires if wire.layer == layer)
    matrix = np.abs(weights[f"{layer}.weight"]).astype(np.float64) ** power
    matrix = matrix.reshape(*matrix.shape[:2], -1).sum(2)
    width = wiring.widths[wire.source]
    if wire.fold > 1:
        shape = (len(matrix), wire.fold, width) if wire.strided else (len(matrix), width, wire.fold)
        matrix = matrix.reshape(shape).sum(1 if wire.strided else 2)
    return matrix.T


def links_between(weights: Weights, wiring: Wiring, *, inner: bool, power: int) -> Links:
    """Links between all groups, or between hidden ones only; several layers between two groups are added."""
    links: Links = {}
    for wire in wiring.inner if inner else wiring.wires:
        pair = (wire.source, wire.target)
        matrix = magnitudes(weights, wiring, wire.layer, power)
        links[pair] = links[pair] + matrix if pair in links else matrix
    return links
