"""A module of a chain as a thing of its own: to save, to hand on, to put into another chain."""

import numpy as np

from modpart.networks._cut import Weights
from modpart.networks._plan import Plan
from modpart.networks._schedule.parts import Part

__all__ = ["ChainModule"]


class ChainModule:
    """What stands in one slot of a trained chain. Made by :meth:`IncubatedClassifier.get_module`.

    It is plain data: layers and arrays, no net. ``modpart.io.save`` writes it, and
    :meth:`IncubatedClassifier.replace` puts it into a chain.

    Parameters
    ----------
    slot : int
        Number of its slot, from 0.
    plan : list of dict
        Its layers.
    weights : dict of str to ndarray
        Its parameters and buffers.

    Attributes
    ----------
    slot : int
    plan : list of dict
    weights : dict of str to ndarray
    n_parameters : int
    digest : str
        A mark of the weights: equal marks, equal bits.

    Examples
    --------
    >>> import numpy as np
    >>> from modpart.networks import ChainModule
    >>> layer = {"name": "line", "kind": "Linear", "in_features": 2, "out_features": 1, "bias": False}
    >>> ChainModule(0, [layer], {"line.weight": np.ones((1, 2), np.float32)})
    ChainModule(slot=0, 2 parameters)
    """

    def __init__(self, slot: int, plan: Plan, weights: Weights) -> None:
        self.slot, self.plan = slot, plan
        self.weights = {name: np.array(value) for name, value in weights.items()}

    @property
    def n_parameters(self) -> int:
        """Weights that training adjusts."""
        return self._part().n_parameters

    @property
    def digest(self) -> str:
        """A mark of the weights."""
        return self._part().digest

    def __repr__(self) -> str:
        return f"ChainModule(slot={self.slot}, {self.n_parameters} parameters)"

    def _part(self) -> Part:
        return Part(self.plan, self.weights)
