"""MODA: classes live in few units of their own, by terms on the activations themselves."""

from typing import ClassVar

from modpart._utils.params import Rule, number
from modpart.exceptions import ParameterError
from modpart.networks._modularity import Modularity, Recipe, Training

__all__ = ["Moda"]


class Moda(Modularity):
    """Affinity, dispersion and compactness of activations: MODA.

    With u the activations of a ReLU layer scaled to length 1, the loss gets `affinity` (1 - mean cosine of rows of one
    class), `dispersion` (mean cosine of rows of different classes) and `compactness` (mean activation), each the mean
    over layers. Units then fire for few classes, and the few units of a class can be cut out. No weights are added.
    Use it for classification with ReLU nets.

    Parameters
    ----------
    affinity : float >= 0, default=0.2
        Weight of likeness within classes. Much of it costs accuracy: training rows of a class are packed together
        although new ones are not.
    dispersion : float >= 0, default=0.6
        Weight of unlikeness between classes; it makes modules disjoint.
    compactness : float >= 0, default=0.8
        Weight of the mean activation; it makes modules small.

    See Also
    --------
    MwT : The same terms on learned gates.

    Notes
    -----
    The cosines of all pairs follow from the sums of u over each class, so a batch of B rows and H units costs O(B H).
    A batch without two rows of one class has no affinity term. Training recipe as published: SGD with Nesterov momentum
    .9, rate .05 falling along a cosine, batches of 128. The published weights are 1, 1 and 0.3. Their effect hangs on
    the scale of inputs, and the cross entropy tends to 0 while they do not. On digits (five splits) the defaults leave
    modules of 1.3 % of the weights with pixels from 0 to 1, where the published ones leave 2.1 %, and 2.2 % with
    standardised columns; accuracy is 0.1 points below a plain net's in the first case and 0.8 points in the second (on
    five other splits it is the same there).

    References
    ----------
    .. [1] Ngo et al., "Improved Modularization for Deep Neural Networks by Design", ICSE 2026,
       doi:10.1145/3744916.3773190; the loss is eq. (1) to (4) of its section on training.

    Examples
    --------
    >>> from modpart.networks import Moda
    >>> Moda(compactness=0.1)
    Moda(compactness=0.1)
    """

    recipe: ClassVar[Recipe] = Recipe("sgd", 0.05, 128, 150, cosine=True)
    by_class: ClassVar[bool] = True
    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {
        "affinity": (number(0),),
        "dispersion": (number(0),),
        "compactness": (number(0),),
    }

    def __init__(self, affinity: float = 0.2, dispersion: float = 0.6, compactness: float = 0.8) -> None:
        self.affinity = affinity
        self.dispersion = dispersion
        self.compactness = compactness

    def join(self, training: Training) -> None:
        """Listen to every ReLU.

        Parameters
        ----------
        training : Training
            What is known of the net; taps and terms are added.
        """
        from modpart._torch.terms import UnitCosts

        if not training.taps:
            raise ParameterError(
                f"{training.owner}: modularity={self!r} tells active from silent units and needs nn.ReLU layers, and "
                "the net has none. Pass activation='relu', or a module with nn.ReLU layers."
            )
        training.terms.append(UnitCosts(training.n_classes or 0, self.affinity, self.dispersion, self.compactness))
