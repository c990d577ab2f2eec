"""GradSplitter: modules of a net that is already trained, by masks that are learned while its weights stay."""

from copy import deepcopy
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_X, check_X_classes
from modpart._utils.parallel import one_thread
from modpart._utils.params import Rule, integer, nothing, number, where
from modpart._utils.seeds import check_rng, child_seeds, seed_nested
from modpart.exceptions import InputDataError, ParameterError
from modpart.networks._class_module import ClassModule
from modpart.networks._classifier import ModularNetClassifier
from modpart.networks._compose import compose
from modpart.networks._masks import Masks
from modpart.networks._plan import wire_up
from modpart.networks._threshold import calibrate, cut_classes

__all__ = ["GradSplitter"]


class GradSplitter(ClassifierMixin, Estimator):
    """Find a module for each class in a net that is already trained.

    The weights are frozen; for each class every hidden unit gets a switch, and the switches are trained by gradients
    that pass straight through them, so that modules vote right and few units are on. Use it for a net that cannot be
    trained anew, and expect larger modules than :class:`Moda` makes.

    Parameters
    ----------
    estimator : ModularNetClassifier, FrozenEstimator or None, default=None
        ``FrozenEstimator(net)`` around a fitted net takes it as it is; any other is cloned and trained first; None is
        ``ModularNetClassifier(None)``, a plain net. The net needs ReLU layers.
    weight : float >= 0, default=0.1
        Weight of the share of units that are on; larger values make smaller modules.
    start : float > 0, default=0.1
        Where the value behind each switch starts. The published 1 needs ten times as many steps before any unit goes.
    lr : float > 0, default=0.01
        Learning rate of Adam.
    max_epochs : int >= 1, default=60
        Passes over the rows.
    batch_size : int >= 1, default=64
        Rows per step; each is seen once for each class.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the batches, and the net unless it has a seed.

    Attributes
    ----------
    net_ : ModularNetClassifier
        The net with the masks that were found; it extracts modules.
    classes_ : ndarray of shape (n_classes,)
    masks_ : dict of str to ndarray of bool, shape (n_classes, n_units)
        Units of each class, by group.
    loss_curve_ : ndarray of shape (n_iter_,), float64
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X had names for all columns.

    Raises
    ------
    ParameterError
        When the net cannot be cut, or knows other classes than y.

    See Also
    --------
    Moda : Modules of a net that is trained for them.

    Notes
    -----
    A step costs as many forward passes as there are classes. Differences from the paper: the head of a module is a
    slope and an intercept for the logit of its class instead of a small net on all logits, so that a module can do
    without the other outputs; switches and heads are trained together.

    References
    ----------
    .. [1] Qi et al., "Reusing convolutional neural network models through modularization and composition",
       arXiv:2311.04438 (2023).

    Examples
    --------
    >>> from modpart.networks import GradSplitter, ModularNetClassifier
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> X, y = load_iris(return_X_y=True)
    >>> net = ModularNetClassifier(None, hidden_layer_sizes=(16,), max_epochs=30, random_state=0).fit(X, y)
    >>> splitter = GradSplitter(FrozenEstimator(net), max_epochs=20, random_state=0).fit(X, y)
    >>> bool(splitter.score(X, y) > 0.9), bool(splitter.extract_module(0).retention_ < 0.9)
    (True, True)
    """

    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {
        "estimator": (
            nothing,
            where(
                "a ModularNetClassifier, or a FrozenEstimator around a fitted one",
                lambda value: isinstance(getattr(value, "estimator", value), ModularNetClassifier),
            ),
        ),
        "weight": (number(0),),
        "start": (number(0, open_low=True),),
        "lr": (number(0, open_low=True),),
        "max_epochs": (integer(1),),
        "batch_size": (integer(1),),
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        weight: float = 0.1,
        start: float = 0.1,
        lr: float = 0.01,
        max_epochs: int = 60,
        batch_size: int = 64,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.weight = weight
        self.start = start
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> "GradSplitter":
        """Train the net unless it is frozen, then its switches.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        self : GradSplitter
        """
        self._check_params()
        rng = check_rng(self.random_state)
        given, labels = X, y
        X, y = check_X_classes(self, X, y)
        if isinstance(self.estimator, FrozenEstimator):
            self.net_ = deepcopy(self.estimator.estimator)
            check_is_fitted(self.net_)
            check_X(self.net_, given)
        else:
            made = ModularNetClassifier(None) if self.estimator is None else clone(self.estimator)
            self.net_ = seed_nested(made, rng).fit(given, labels)
        self.classes_ = self.net_.classes_
        strange = sorted(set(y.tolist()) - set(self.classes_.tolist()), key=repr)
        if strange:
            raise InputDataError(
                f"GradSplitter: y holds {strange[0]!r}, which the net does not know. Its classes are "
                f"{self.classes_.tolist()}."
            )
        codes, seed = np.searchsorted(self.classes_, y), child_seeds(rng, 1)[0]
        import modpart._torch.modular_net  # noqa: F401  one_thread holds torch to one thread only when it is loaded

        with one_thread():
            self._split((X - self.net_.x_mean_) / self.net_.x_scale_, codes, seed)
        self.masks_ = self.net_.masks_
        return self

    def _split(self, X: np.ndarray, codes: np.ndarray, seed: int) -> None:
        from modpart._torch.init import new_generator
        from modpart._torch.modular_net import CrossEntropy, ModularNet
        from modpart._torch.nets import make_net
        from modpart._torch.plans import build, forward
        from modpart._torch.splitter import SplitNet

        plan, weights = self.net_._bare()
        if plan is None or not self.net_.rates_ or plan != self.net_.plan_:
            raise ParameterError(
                f"GradSplitter: estimator={self.estimator!r} cannot be cut. Pass a ModularNetClassifier without gates "
                "whose net is an nn.Sequential (or the default one) with ReLU layers."
            )
        wiring, n_classes = wire_up(plan), len(self.classes_)
        groups = list(self.net_.rates_)
        listeners = {layer: group for layer, group in wiring.listeners.items() if group in groups}
        split = SplitNet(
            build(plan, weights), listeners, {g: wiring.widths[g] for g in groups}, n_classes, float(self.start)
        )
        net = make_net(
            split,
            net_class=ModularNet,
            terms=[lambda scene: self.weight * _mean_on(scene.module)],
            criterion=CrossEntropy,
            generator=new_generator(seed),
            lr=self.lr,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
        ).fit(X, codes)
        self.loss_curve_ = np.array([epoch["train_loss"] for epoch in net.history_])
        self.n_iter_ = len(self.loss_curve_)
        values = [part.detach().numpy() for part in split.values]
        masks: Masks = {group: _never_empty(found) for group, found in zip(groups, values, strict=True)}
        self.net_.masks_, self.net_.threshold_path_ = masks, []
        self.net_.rates_ = {group: mask.astype(float) for group, mask in masks.items()}
        logits = [forward(build(*cut_classes(plan, weights, masks, [c], n_classes)), X)[:, 0] for c in range(n_classes)]
        self.net_.calibration_ = np.array([calibrate(logit, codes == c) for c, logit in enumerate(logits)])

    def extract_module(self, classes: Any) -> ClassModule:
        """Cut out what some classes need, as :meth:`ModularNetClassifier.extract_module` does.

        Parameters
        ----------
        classes : label or list of labels

        Returns
        -------
        module : ClassModule
        """
        check_is_fitted(self)
        return self.net_.extract_module(classes)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Probability of each class: the vote of all modules.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
        """
        check_is_fitted(self)
        X = check_X(self, X)
        return compose([self.net_.extract_module(label) for label in self.classes_.tolist()])._probabilities(X)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the likeliest class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _mean_on(split: Any) -> Any:
    """Share of all units, over all classes, that are on."""
    masks = list(split.masks().values())
    return sum(mask.sum() for mask in masks) / sum(mask.numel() for mask in masks)


def _never_empty(values: np.ndarray) -> np.ndarray:
    """Where values are positive; the largest one of a class that would be left without a unit."""
    keep = values > 0
    keep[np.arange(len(values)), values.argmax(axis=1)] = True
    return keep
