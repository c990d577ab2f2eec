"""Clusterability: units fall into clusters, found or fixed, and weights between clusters fade."""

from typing import Any, ClassVar, Literal

import numpy as np

from modpart._utils.params import Rule, integer, number, one_of, where
from modpart.exceptions import ParameterError
from modpart.networks._clusters import balanced_clusters, block_clusters, joint_clusters
from modpart.networks._cut import Weights
from modpart.networks._modularity import Modularity, Recipe, Training, links_between
from modpart.networks._partition import UnitPartition
from modpart.networks._plan import Wiring

__all__ = ["Clusterable", "check_hidden", "cluster_masks", "columns_of"]


class Clusterable(Modularity):
    """Push hidden units into clusters that can be cut apart.

    C(W), the share of squared weight inside clusters, is driven to 1 by the term `weight` (1 - mean C) over all layers
    between hidden units, with one set of clusters for all of them. High C alone does not make modules independent: look
    at the accuracy after :meth:`~modpart.networks.ModularNetClassifier.hard_cut`, and compare with
    :class:`HardBlocks`, which has C = 1 from the start.

    Parameters
    ----------
    weight : float >= 0, default=5.0
        Weight of the term. The published 0.7 does not survive a hard cut; deep nets need about 40.
    n_clusters : int >= 1, default=4
        Clusters in each layer.
    partition : {"balanced", "joint", "blocks"} or UnitPartition, default="balanced"
        "balanced" finds clusters of equal size by assignment, "joint" finds them by one spectral clustering of all
        layers, both on the weights after the warm-up; "blocks" takes neighbours from the start; a partition is used
        as it is.
    warmup : float from 0 to 1, default=0.15
        Share of the training before clusters are found.
    recluster : int >= 0, default=0
        How often found clusters are found anew until two thirds of the training are done.

    See Also
    --------
    HardBlocks : A block mask from initialisation.

    Notes
    -----
    Clusters are found with rows and columns labelled together; labelling them apart, as the released code does, scores
    planted blocks at chance. Finding them costs O(n^3) for n units in a layer. Nothing is promised about what the
    clusters do: version 3 of [2]_ finds no more specialisation than in other nets.

    References
    ----------
    .. [1] Golechha et al., "Modular training of neural networks aids interpretability", arXiv:2409.15747 (2024).
    .. [2] Golechha et al., "Studying cross-cluster modularity in neural networks", arXiv:2502.02470v3 (2025).
    .. [3] Dhillon, "Co-clustering documents and words using bipartite spectral graph partitioning", KDD 2001.

    Examples
    --------
    >>> from modpart.networks import Clusterable
    >>> Clusterable(weight=40.0, n_clusters=8)
    Clusterable(n_clusters=8, weight=40.0)
    """

    recipe: ClassVar[Recipe] = Recipe("adam", 1e-3, 64, 60)
    clustered: ClassVar[bool] = True
    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {
        "weight": (number(0),),
        "n_clusters": (integer(1),),
        "partition": (
            one_of("balanced", "joint", "blocks"),
            where("a UnitPartition", lambda value: isinstance(value, UnitPartition)),
        ),
        "warmup": (number(0, 1),),
        "recluster": (integer(0),),
    }

    def __init__(
        self,
        weight: float = 5.0,
        n_clusters: int = 4,
        partition: Literal["balanced", "joint", "blocks"] | UnitPartition = "balanced",
        warmup: float = 0.15,
        recluster: int = 0,
    ) -> None:
        self.weight = weight
        self.n_clusters = n_clusters
        self.partition = partition
        self.warmup = warmup
        self.recluster = recluster

    def join(self, training: Training) -> None:
        """Add the term, and the steps that find clusters.

        Parameters
        ----------
        training : Training
            What is known of the net; terms and steps are added.
        """
        from modpart._torch.terms import CrossLinks

        wiring = training.wiring(repr(self))
        check_hidden(training.owner, wiring, self.n_clusters, repr(self))
        term = CrossLinks(self.weight)
        training.terms.append(term)
        known = self._known(training.owner, wiring)
        if known is not None:
            training.found["partition_"] = known
            term.relabel(columns_of(wiring, known))
            return
        first = int(self.warmup * training.n_steps)
        last = max(int(training.n_steps * 2 / 3), first)
        due = {first + round((last - first) * k / max(self.recluster, 1)) for k in range(self.recluster + 1)}

        def find(net: Any) -> None:
            if net.done not in due and not (net.done == 1 and first == 0):
                return
            from modpart._torch.state import to_numpy

            found = self._find(to_numpy(net.module_), wiring, training.rng)
            if "partition_" in training.found:
                found = found.match(training.found["partition_"])
            training.found["partition_"] = found
            term.relabel(columns_of(wiring, found))

        training.steps.append(find)

    def _known(self, owner: str, wiring: Wiring) -> UnitPartition | None:
        """The clusters, when they do not have to be found."""
        hidden = {group: wiring.widths[group] for group in wiring.hidden}
        if isinstance(self.partition, UnitPartition):
            given = {group: len(labels) for group, labels in self.partition.labels.items()}
            if given != hidden:
                raise ParameterError(f"{owner}: partition={self.partition!r} does not fit the hidden units {hidden}.")
            return self.partition
        if self.partition == "blocks":
            return UnitPartition(block_clusters(hidden, self.n_clusters))
        return None

    def _find(self, weights: Weights, wiring: Wiring, rng: np.random.Generator) -> UnitPartition:
        if self.partition == "joint":
            return UnitPartition(
                joint_clusters(links_between(weights, wiring, inner=True, power=1), self.n_clusters, rng)
            )
        return UnitPartition(
            balanced_clusters(links_between(weights, wiring, inner=True, power=2), self.n_clusters, rng)
        )


def check_hidden(owner: str, wiring: Wiring, n_clusters: int, method: str) -> None:
    """Raise unless there are weights between hidden units, and units for every cluster."""
    if not wiring.inner:
        raise ParameterError(
            f"{owner}: modularity={method} divides weights between hidden layers, and the net has fewer than two of "
            "them. Pass hidden_layer_sizes of two or more numbers."
        )
    for group in wiring.hidden:
        if wiring.widths[group] < n_clusters:
            raise ParameterError(
                f"{owner}: modularity={method} asks for {n_clusters} clusters, and {group!r} has "
                f"{wiring.widths[group]} units. Pass fewer clusters or wider layers."
            )


def columns_of(wiring: Wiring, partition: UnitPartition) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Cluster of each output and of each input column of the layers between hidden units."""
    labels = partition.labels
    return {wire.layer: (labels[wire.target], wire.columns(labels[wire.source])) for wire in wiring.inner}


def cluster_masks(weights: Weights, wiring: Wiring, partition: UnitPartition) -> dict[str, np.ndarray]:
    """True where a weight between hidden units joins units of one cluster, in the shape of the parameter."""
    masks = {}
    for layer, (rows, columns) in columns_of(wiring, partition).items():
        name = f"{layer}.weight"
        same = rows[:, None] == columns
        masks[name] = np.broadcast_to(same.reshape(same.shape + (1,) * (weights[name].ndim - 2)), weights[name].shape)
    return masks
