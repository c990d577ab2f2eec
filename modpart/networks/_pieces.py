"""A net with clusters, taken apart: weights between clusters cut, and the outputs as a sum of one part per cluster."""

from copy import deepcopy
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X
from modpart.exceptions import ParameterError
from modpart.networks._clusterable import cluster_masks
from modpart.networks._cut import Weights
from modpart.networks._net import ModularNet
from modpart.networks._plan import Wiring, wire_up

__all__ = ["ClusteredNet"]


class ClusteredNet(ModularNet):
    """What both estimators can do once their hidden units have clusters."""

    def _clusters(self, purpose: str) -> Wiring:
        check_is_fitted(self)
        if not hasattr(self, "partition_"):
            raise ParameterError(
                f"{type(self).__name__}.{purpose} needs clusters of units, and modularity={self.modularity!r} makes "
                "none. Pass 'clusterability' or 'blocks'."
            )
        return wire_up(self.plan_ or [])

    def _cut_weights(self, wiring: Wiring) -> Weights:
        weights = dict(self.weights_)
        for name, mask in cluster_masks(weights, wiring, self.partition_).items():
            weights[name] = weights[name] * mask
        return weights

    def hard_cut(self) -> Self:
        """Cut all weights between clusters of hidden units.

        Returns
        -------
        estimator : same type
            A fitted copy. Compare its score with the one before: the difference is what the clusters owe one another.

        Raises
        ------
        ParameterError
            When the net has no clusters.
        """
        wiring = self._clusters("hard_cut")
        copy = deepcopy(self)
        copy.weights_ = self._cut_weights(wiring)
        return copy

    def contributions(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Split the outputs of the hard-cut net into one part per cluster, exactly.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        parts : ndarray of shape (n_samples, n_clusters, n_outputs), float64
            What the units of each cluster add to each output (logits, or predictions in units of y). Units without
            a cluster make one more part, the last.
        intercept : ndarray of shape (n_outputs,), float64
            What is left: ``parts.sum(1) + intercept`` are the outputs of ``hard_cut()``, to rounding.

        Raises
        ------
        ParameterError
            When the net has no clusters.
        """
        from modpart._torch.plans import build, forward

        wiring = self._clusters("contributions")
        X = (check_X(self, X) - self.x_mean_) / self.x_scale_
        weights, labels = self._cut_weights(wiring), self.partition_.labels
        numbers = [*range(self.partition_.n_clusters), *([-1] if any((v < 0).any() for v in labels.values()) else [])]
        last = [wire for wire in wiring.wires if wire.target == wiring.output]
        offset = sum((weights.get(f"{wire.layer}.bias", np.zeros(1)) for wire in last), np.zeros(1)).astype(np.float64)
        parts = []
        for q in numbers:
            alone = dict(weights)
            for wire in last:
                known = labels.get(wire.source, np.full(wiring.widths[wire.source], q))
                name = f"{wire.layer}.weight"
                mask = (wire.columns(known) == q).reshape(1, -1, *[1] * (weights[name].ndim - 2))
                alone[name] = weights[name] * mask
                if f"{wire.layer}.bias" in alone:
                    alone[f"{wire.layer}.bias"] = np.zeros_like(weights[f"{wire.layer}.bias"])
            parts.append(forward(build(self.plan_ or [], alone), X, self._torch_device()))
        return np.stack(parts, axis=1), np.broadcast_to(offset, parts[0].shape[1:]).copy()
