"""What the parts of a net for some classes answer, known from silent units, and how large they are once cut."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from modpart.networks._cut import Weights, n_parameters, silenced
from modpart.networks._masks import Masks, joined
from modpart.networks._plan import Plan
from modpart.networks._threshold import cut_classes

__all__ = ["GraphCutter", "PlanCutter"]


@dataclass
class PlanCutter:
    """A chain of known layers."""

    plan: Plan
    weights: Weights
    n_classes: int

    @cached_property
    def _net(self) -> Any:
        from modpart._torch.plans import shell

        return shell(self.plan)

    def _answers(self, weights: Weights, X: np.ndarray) -> np.ndarray:
        from modpart._torch.plans import filled, forward

        return forward(filled(self._net, weights), X)

    def whole(self, X: np.ndarray) -> np.ndarray:
        return self._answers(self.weights, X)

    def answers(self, masks: Masks, classes: Any, X: np.ndarray) -> np.ndarray:
        return self._answers(silenced(self.plan, self.weights, joined(masks, classes)), X)[:, classes]

    def retention(self, masks: Masks) -> float:
        parts = [cut_classes(self.plan, self.weights, masks, [c], self.n_classes)[1] for c in range(self.n_classes)]
        return float(np.mean([n_parameters(part) for part in parts]) / n_parameters(self.weights))


@dataclass
class GraphCutter:
    """Any other module: what its parts answer is known from silent units, their size only once they are cut."""

    graph: Any  # modpart._torch.graphs.Graph

    def whole(self, X: np.ndarray) -> np.ndarray:
        import torch

        from modpart._torch.plans import forward

        return forward(self.graph.module, X, dtype=torch.float32)

    def answers(self, masks: Masks, classes: Any, X: np.ndarray) -> np.ndarray:
        import torch

        from modpart._torch.plans import forward

        return forward(self.graph.masked(joined(masks, classes), classes), X, dtype=torch.float32)

    def retention(self, masks: Masks) -> float:
        return float("nan")
