"""Hard blocks: hidden units are split into clusters before training begins. The baseline of every claim on clusters."""

from typing import ClassVar

from modpart._utils.params import Rule, integer
from modpart.networks._clusterable import check_hidden, cluster_masks
from modpart.networks._clusters import block_clusters
from modpart.networks._modularity import Modularity, Recipe, Training
from modpart.networks._partition import UnitPartition

__all__ = ["HardBlocks"]


class HardBlocks(Modularity):
    """Weights between clusters of hidden units are zero from the start.

    The simplest modular net, and the one that every other claim on clusters has to beat: neighbours form blocks, only
    weights inside a block exist, and their start values are sqrt(`n_blocks`) times as large, so that units start with
    the usual variance. First and last layer stay whole. The logits are a sum of one part per block, exactly.

    Parameters
    ----------
    n_blocks : int >= 1, default=4
        Blocks in each hidden layer.

    See Also
    --------
    Clusterable : Clusters that a net finds while it is trained.

    Examples
    --------
    >>> from modpart.networks import HardBlocks, ModularNetClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ModularNetClassifier(HardBlocks(2), hidden_layer_sizes=(8, 8), max_epochs=20, random_state=0).fit(X, y)
    >>> parts, intercept = model.contributions(X)
    >>> parts.shape
    (150, 2, 3)
    """

    recipe: ClassVar[Recipe] = Recipe("adam", 1e-3, 64, 60)
    clustered: ClassVar[bool] = True
    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {"n_blocks": (integer(1),)}

    def __init__(self, n_blocks: int = 4) -> None:
        self.n_blocks = n_blocks

    def join(self, training: Training) -> None:
        """Set the weights between blocks to zero, and hold them there.

        Parameters
        ----------
        training : Training
            What is known of the net; its start weights are changed.
        """
        wiring = training.wiring(repr(self))
        check_hidden(training.owner, wiring, self.n_blocks, repr(self))
        partition = UnitPartition(block_clusters({g: wiring.widths[g] for g in wiring.hidden}, self.n_blocks))
        masks = cluster_masks(training.weights, wiring, partition)
        for name, mask in masks.items():
            training.weights[name] = training.weights[name] * mask * float(self.n_blocks) ** 0.5
        training.weights = {name: value.astype("float32", copy=False) for name, value in training.weights.items()}
        training.zeros |= masks
        training.found["partition_"] = partition
