"""A module: the part of a net that some classes need, as a small classifier of its own."""

from copy import deepcopy
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from modpart._utils.checks import check_X, check_X_classes
from modpart._utils.parallel import one_thread
from modpart._utils.params import integer, number, validate
from modpart._utils.seeds import check_rng, child_seeds
from modpart.exceptions import InputDataError, ParameterError
from modpart.networks._cut import Weights, n_parameters
from modpart.networks._modularity import no_single_row
from modpart.networks._plan import Plan, wire_up
from modpart.networks._ready import ReadyClassifier
from modpart.networks._threshold import calibrate

__all__ = ["ClassModule"]


class ClassModule(ReadyClassifier):
    """The part of a net that some of its classes need: a really smaller net that classifies by itself.

    Made by :meth:`ModularNetClassifier.extract_module`; it knows nothing of the net that it was cut from. A module of
    one class tells that class from all else (``classes_`` are False and True); a module of several tells them from one
    another.

    Parameters
    ----------
    plan : list of dict or None
        The layers of the cut net; None if it is no chain of known layers.
    weights : dict of str to ndarray
        Its parameters.
    labels : ndarray of shape (n_labels,)
        The classes that it knows, one for each output.
    calibration : ndarray of shape (n_labels, 2)
        For each label a and b of its log odds against all else, a logit + b.
    masks : dict of str to ndarray of bool
        Units of the net that are in the module, by group.
    source : object
        The fitted classifier that it is cut from: columns, their scale and the size of the net are taken over.
    module : torch module or None, default=None
        The cut net where there is no plan.

    Attributes
    ----------
    labels_ : ndarray of shape (n_labels,)
        The classes that it knows.
    classes_ : ndarray
        False and True for one label, otherwise the labels.
    n_parameters_ : int
    retention_ : float
        Parameters of the module as a share of those of the net.
    widths_ : dict of str to int
        Units left in each group; of a net without plan, in those that can be cut.
    calibration_ : ndarray of shape (n_labels, 2), float64
    masks_ : dict of str to ndarray of bool
    plan_ : list of dict or None
    weights_ : dict of str to ndarray
    x_mean_, x_scale_ : ndarray of shape (n_features,)
    parent_ : str
        A mark of the weights of the net that it was cut from.
    n_features_in_ : int

    See Also
    --------
    compose : One classifier from several modules.
    patch : A module in place of one class of another classifier.

    Examples
    --------
    >>> from modpart.networks import ModularNetClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ModularNetClassifier(hidden_layer_sizes=(16,), max_epochs=40, random_state=0).fit(X, y)
    >>> module = model.extract_module(0)
    >>> module.labels_, module.predict(X[:2]), bool(module.retention_ < 1)
    (array([0]), array([ True,  True]), True)
    """

    def __init__(
        self,
        plan: Plan | None,
        weights: Weights,
        labels: np.ndarray,
        calibration: np.ndarray,
        masks: Any,
        source: Any,
        module: Any = None,
    ) -> None:
        self.plan_, self.weights_, self.masks_, self._module = plan, weights, masks, module
        self.labels_ = np.asarray(labels)
        self.classes_ = np.array([False, True]) if len(self.labels_) == 1 else self.labels_
        self.calibration_ = np.asarray(calibration, dtype=np.float64)
        self.x_mean_, self.x_scale_ = source.x_mean_, source.x_scale_
        self.parent_, self.n_parent_parameters_ = source.parent_, source.n_parent_parameters_
        self._take_columns_of(source)

    @property
    def n_parameters_(self) -> int:
        """Parameters of the cut net."""
        return n_parameters(self.weights_)

    @property
    def retention_(self) -> float:
        """Parameters as a share of those of the net that it was cut from."""
        return self.n_parameters_ / self.n_parent_parameters_

    @property
    def widths_(self) -> dict[str, int]:
        """Units left in each group."""
        if self.plan_ is None:
            return {group: int(mask.sum()) for group, mask in self.masks_.items()}
        return wire_up(self.plan_).widths

    def __repr__(self) -> str:
        return f"ClassModule(labels={self.labels_.tolist()}, {self.n_parameters_} parameters, {self.retention_:.1%})"

    def _logits(self, X: np.ndarray) -> np.ndarray:
        import torch

        from modpart._torch.plans import forward

        known = torch.float32 if self.plan_ is None else torch.float64
        return forward(self._net(), (X - self.x_mean_) / self.x_scale_, dtype=known)

    def _net(self) -> Any:
        """The torch module of this module, a copy."""
        from modpart._torch.plans import build

        return deepcopy(self._module) if self.plan_ is None else build(self.plan_, self.weights_)

    def log_odds(self, X: Any) -> np.ndarray:
        """Calibrated log odds of each label against all else; those of different modules can be compared.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        log_odds : ndarray of shape (n_samples, n_labels), float64
        """
        return self._logits(check_X(self, X)) * self.calibration_[:, 0] + self.calibration_[:, 1]

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        logits = self._logits(X)
        if len(self.labels_) > 1:
            return softmax(logits, axis=1)
        share = expit(logits * self.calibration_[:, 0] + self.calibration_[:, 1])
        return np.hstack([1.0 - share, share])

    def recalibrated(self, X: Any, y: Any) -> "ClassModule":
        """Copy of the module whose log odds are calibrated on these rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels; those that the module does not know count as all else.

        Returns
        -------
        module : ClassModule
        """
        X, y = check_X_classes(_Namesake(self), X, y)
        logits = self._logits(X)
        pairs = [calibrate(logits[:, k], y == label) for k, label in enumerate(self.labels_)]
        return ClassModule(self.plan_, self.weights_, self.labels_, np.array(pairs), self.masks_, self, self._module)

    def fine_tune(
        self, X: Any, y: Any, *, max_epochs: int = 10, lr: float = 0.05, batch_size: int = 128, random_state: Any = None
    ) -> "ClassModule":
        """Copy of the module that was trained further, and calibrated anew, on these rows.

        Modules of gated nets (MwT, NeMo) need it. A module of one class is trained to tell it from all rows given, a
        module of several to tell them apart on their own rows. Training starts from the calibrated log odds, and
        gradients are no longer than 1: what is left of a net without its gates is easily thrown off.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels; all of the module's must occur.
        max_epochs : int >= 1, default=10
        lr : float > 0, default=0.05
            Rate of SGD with Nesterov momentum .9; it falls along a cosine.
        batch_size : int >= 1, default=128
        random_state : int, Generator, RandomState or None, default=None
            Seeds the order of batches.

        Returns
        -------
        module : ClassModule

        Raises
        ------
        InputDataError
            When a label of the module does not occur in y; the message names it.
        ParameterError
            When training diverged.
        """
        settings: dict[str, Any] = {"max_epochs": max_epochs, "lr": lr, "batch_size": batch_size}
        rules = {"max_epochs": (integer(1),), "lr": (number(0, open_low=True),), "batch_size": (integer(1),)}
        validate("ClassModule.fine_tune", settings, rules)
        X, y = check_X_classes(_Namesake(self), X, y)
        absent = [label for label in self.labels_.tolist() if label not in set(y.tolist())]
        if absent:
            raise InputDataError(
                f"ClassModule.fine_tune: y holds no row of {absent[0]!r}. Pass rows of all its labels."
            )
        seed = child_seeds(check_rng(random_state), 1)[0]
        from modpart._torch.state import to_numpy

        with one_thread():
            net = self._trained((X - self.x_mean_) / self.x_scale_, y, seed, **settings)
        module = None if self._module is None else net.eval()
        tuned = ClassModule(self.plan_, to_numpy(net), self.labels_, self.calibration_, self.masks_, self, module)
        return tuned.recalibrated(X, y)

    def _trained(self, X: np.ndarray, y: np.ndarray, seed: int, *, max_epochs: int, lr: float, batch_size: int) -> Any:
        import torch
        from skorch.callbacks import GradientNormClipping

        from modpart._torch.init import new_generator
        from modpart._torch.modular_net import CalibratedCrossEntropy, CrossEntropy, ModularNet
        from modpart._torch.nets import make_net
        from modpart._torch.state import to_numpy

        criterion: torch.nn.Module
        if len(self.labels_) > 1:
            rows = np.isin(y, self.labels_)
            X, target, criterion = X[rows], np.searchsorted(self.labels_, y[rows]).astype(float), CrossEntropy()
        else:  # a logit that is far from log odds would first be pushed there, at the cost of all below
            target, criterion = (y == self.labels_[0]).astype(float), CalibratedCrossEntropy(*self.calibration_[0])
        batch_size = no_single_row(len(X), batch_size)
        net = make_net(
            self._net(),
            net_class=ModularNet,
            n_steps=max_epochs * -(-len(X) // batch_size),
            cosine=True,
            criterion=criterion,
            generator=new_generator(seed),
            optimizer=torch.optim.SGD,
            optimizer__momentum=0.9,
            optimizer__nesterov=True,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            callbacks=[GradientNormClipping(1.0)],
        ).fit(X, target)
        if not all(np.isfinite(value).all() for value in to_numpy(net.module_).values()):
            raise ParameterError(f"ClassModule.fine_tune diverged with lr={lr:g}. Pass a lower one.")
        return net.module_


class _Namesake(ReadyClassifier):
    """Takes the place of a module while columns are checked, so that checking leaves the module as it is."""

    def __init__(self, module: ClassModule) -> None:
        self._take_columns_of(module)
