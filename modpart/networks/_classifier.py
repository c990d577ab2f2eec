"""The modular classifier."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X_classes
from modpart._utils.params import Rule, number, one_of
from modpart.exceptions import InputDataError, ParameterError
from modpart.networks._class_module import ClassModule
from modpart.networks._cut import cut, n_parameters, silenced, ungated, without_gates
from modpart.networks._cutter import GraphCutter, PlanCutter
from modpart.networks._logits import LogitClassifier
from modpart.networks._masks import Masks, class_masks, union_units
from modpart.networks._modularity import Modularity, Training
from modpart.networks._pieces import ClusteredNet
from modpart.networks._plan import wire_up
from modpart.networks._threshold import Cutter, calibrate, choose_threshold, held_out_rows

__all__ = ["ModularNetClassifier"]

_FIXED_THRESHOLD = 0.9


class ModularNetClassifier(LogitClassifier, ClusteredNet):
    """A neural network for classification that is trained to fall into modules, which can be cut out and put together.

    `modularity` says what a module is: with "moda" each class lives in few units of its own, and
    :meth:`extract_module` cuts them out as a really smaller classifier; with "clusterability", "blocks" and "bimt"
    units form clusters or sit in places. Use it where parts of a model shall be shipped, replaced or looked at on their
    own; where only accuracy counts, a plain net does as well.

    Parameters
    ----------
    modularity : str, object, list of objects or None, default="moda"
        "moda", "mwt", "nemo", "clusterability", "bimt" or "blocks"; an object such as ``Moda(compactness=0.1)``;
        a list of several at once (methods with gates stand alone); None trains a plain net.
    module : torch module, callable or None, default=None
        None is a feed-forward net. A module starts from the weights it has, and stays as it is; a function is called
        with (n_features, n_classes), its random weights follow from `random_state`. It answers logits. What is to be
        cut must be an ``nn.Sequential`` of layers of torch.nn (Linear, Conv, BatchNorm, pooling, Flatten, ...) and
        :class:`Residual`; an image net begins with ``nn.Unflatten(1, (channels, height, width))``. Other modules are
        cut by torch-pruning, where it is installed, if their ``nn.ReLU`` follow Linear or convolutional layers.
    hidden_layer_sizes : sequence of int >= 1, default=(128, 128)
        Widths of the hidden layers of the feed-forward net.
    activation : {"relu", "silu", "tanh"}, default="relu"
        Of the feed-forward net. Classes can be cut out of ReLU nets only.
    standardize : bool, default=True
        Whether columns are standardised first; constant ones are only centred. For images, whose columns share one
        scale, modules get smaller still with False and X divided by its largest value.
    threshold : "auto" or float from 0 to 1, default="auto"
        A unit belongs to a class if it is active for at least this share of the class's training rows. "auto" takes the
        largest at which cut nets lose at most `max_loss` on held-out rows, found among all shares that occur, if
        `modularity` is by class and has no gates, and 0.9 otherwise.
    max_loss : float >= 0, default=0.003
        Accuracy that cut nets may lose against the whole net restricted to the same classes.
    validation_fraction : float in (0, 1), default=0.1
        Share of each class that is held out to choose the threshold.
    optimizer : {"auto", "adam", "sgd"} or a class of torch.optim, default="auto"
        "auto" is what the method was published with: SGD with Nesterov momentum .9 along a cosine for methods by class
        and plain nets, Adam for the others.
    lr : "auto" or float > 0, default="auto"
        Learning rate.
    max_epochs : "auto" or int >= 1, default="auto"
        Passes over the training rows.
    batch_size : "auto" or int >= 1, default="auto"
        Rows per step; "auto" takes the method's, but no more than a tenth of the rows (and at least 16).
    weight_decay : float >= 0, default=0.0
        L2 penalty, as the optimizer defines it.
    callbacks : list of skorch callbacks or None, default=None
        They see the skorch net. The objects themselves are used, not copies.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where training and prediction run.
    random_state : int, RandomState, Generator or None, default=None
        Source of the start weights, the batches, the held-out rows and all else.
    verbose : int >= 0, default=0
        Positive values print one line for each epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    plan_ : list of dict or None
        The layers of the net as plain data; None if it is no chain of known layers.
    weights_ : dict of str to ndarray
        Parameters and buffers by their torch names.
    rates_ : dict of str to ndarray of shape (n_classes, n_units), or None
        How often each unit is active for each class, by group of units; None where units cannot be cut.
    masks_ : dict of str to ndarray of bool, shape (n_classes, n_units), or None
        Units of each class.
    threshold_ : float
    threshold_path_ : list of dict
        Thresholds tried, the largest first, with the loss of accuracy on held-out rows and the mean size of the modules
        of one class (nan where only torch-pruning can cut).
    calibration_ : ndarray of shape (n_classes, 2)
        Slope and intercept of the log odds of each class's module.
    partition_ : UnitPartition
        Only for methods with clusters.
    layout_ : dict of str to ndarray
        Place of each unit, from 0 to 1, by group; only for "bimt".
    x_mean_, x_scale_ : ndarray of shape (n_features,)
    loss_curve_ : ndarray of shape (n_iter_,), float64
        Mean training loss by epoch, terms included.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X had names for all columns.

    Raises
    ------
    ParameterError
        When an argument is out of range, the module does not fit, or training diverged.
    InputDataError
        When X or y cannot be used; the message names the column.

    See Also
    --------
    compose : One classifier from several modules.
    patch : A module in place of one class of another classifier.
    modularity_report : How modular the net is, with what chance would give.

    Notes
    -----
    Given `random_state` a fit is the same to the last bit on one kind of machine, and no global random state is
    touched. Nothing stays hooked to a module. Terms of "moda" cost O(batch x units); the whole fit takes 1.2
    to 1.8 times as long as a plain one (digits).

    Examples
    --------
    >>> from modpart.networks import ModularNetClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ModularNetClassifier(hidden_layer_sizes=(16, 16), max_epochs=40, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True
    >>> model.extract_module(2).predict(X[[0, -1]])
    array([False,  True])
    """

    _task = "classification"
    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = ClusteredNet._rules | {
        "threshold": (one_of("auto"), number(0, 1)),
        "max_loss": (number(0),),
        "validation_fraction": (number(0, 1, open_low=True, open_high=True),),
    }

    def __init__(
        self,
        modularity: str | Modularity | list[Modularity] | None = "moda",
        *,
        module: Any = None,
        hidden_layer_sizes: Sequence[int] = (128, 128),
        activation: Literal["relu", "silu", "tanh"] = "relu",
        standardize: bool = True,
        threshold: Literal["auto"] | float = "auto",
        max_loss: float = 0.003,
        validation_fraction: float = 0.1,
        optimizer: Any = "auto",
        lr: Literal["auto"] | float = "auto",
        max_epochs: Literal["auto"] | int = "auto",
        batch_size: Literal["auto"] | int = "auto",
        weight_decay: float = 0.0,
        callbacks: list[Any] | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.modularity = modularity
        self.module = module
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.standardize = standardize
        self.threshold = threshold
        self.max_loss = max_loss
        self.validation_fraction = validation_fraction
        self.optimizer = optimizer
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def _checked_rows(self, X: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        X, y = check_X_classes(self, X, y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputDataError(
                f"{type(self).__name__}: y holds one class, {self.classes_.tolist()[0]!r}. "
                "Pass rows of two classes or more."
            )
        return X, y, codes

    def _learn(self, X: np.ndarray, target: np.ndarray, rng: np.random.Generator, given: tuple[Any, Any]) -> None:
        n_classes = len(self.classes_)
        held = np.zeros(len(X), dtype=bool)
        if self._validates(n_classes):
            held = held_out_rows(target, self.validation_fraction, rng)
        training = self._train(X[~held], target[~held], n_classes, n_classes, rng, given)
        self._find_modules(training, X, target, held, rng)

    def _validates(self, n_classes: int) -> bool:
        methods = self._methods(n_classes)
        by_class = any(method.by_class for method in methods)
        return self.threshold == "auto" and by_class and not any(method.gated for method in methods)

    def _find_modules(
        self, training: Training, X: np.ndarray, codes: np.ndarray, held: np.ndarray, rng: np.random.Generator
    ) -> None:
        """Rates, threshold, masks and calibration."""
        from modpart._torch.modular_net import class_rates

        self.threshold_ = _FIXED_THRESHOLD if self.threshold == "auto" else float(self.threshold)
        self.threshold_path_: list[dict[str, float]] = []
        n_classes = len(self.classes_)
        self.rates_: dict[str, np.ndarray] | None = None
        self.masks_: Masks | None = None
        self.calibration_ = np.tile([1.0, 0.0], (n_classes, 1))
        cutter, taps = self._cutter(training.taps)
        if not taps:
            return
        rates = class_rates(
            self._rebuilt(self.weights_), X[~held], codes[~held], n_classes, list(taps), self._torch_device()
        )
        self.rates_ = {}
        for layer, group in taps.items():
            self.rates_[group] = np.maximum(self.rates_.get(group, 0.0), rates[layer])
        if held.any():
            self.threshold_, self.threshold_path_ = choose_threshold(
                cutter, self.rates_, X[held], codes[held], self.max_loss, rng
            )
        self.masks_ = class_masks(self.rates_, self.threshold_)
        answers = [cutter.answers(self.masks_, [c], X)[:, 0] for c in range(n_classes)]
        self.calibration_ = np.array([calibrate(answer, codes == c) for c, answer in enumerate(answers)])

    def _cutter(self, taps: dict[str, str]) -> tuple[Cutter, dict[str, str]]:
        """What answers for parts of the net, and the ReLUs whose groups of units can be left out."""
        plan, weights = self._bare()
        if plan is None:
            graph = self._graph()
            return GraphCutter(graph), graph.listeners
        loose = wire_up(plan).loose
        cutter = PlanCutter(plan, weights, len(self.classes_))
        return cutter, {layer: ungated(group) for layer, group in taps.items() if ungated(group) in loose}

    def _graph(self) -> Any:
        """A net that is no chain of known layers, seen through by one pass of a row."""
        from modpart._torch.graphs import Graph

        return Graph(self._rebuilt(self.weights_), np.zeros((2, self.n_features_in_)))

    def _bare(self) -> Any:
        """Plan and weights of the net without gates; None for a net that cannot be cut."""
        if self.plan_ is None:
            return None, self.weights_
        plan, weights = without_gates(self.plan_, self.weights_)
        try:
            wire_up(plan)
        except ParameterError:
            return None, self.weights_
        return plan, weights

    @property
    def parent_(self) -> str:
        """A mark of these weights: modules with the same mark were cut from the same net."""
        digest = blake2b(digest_size=12)
        for name in sorted(self.weights_):
            digest.update(self.weights_[name].tobytes())
        return digest.hexdigest()

    @property
    def n_parent_parameters_(self) -> int:
        """Parameters of the net, gates not counted."""
        return n_parameters(self._bare()[1])

    def extract_module(self, classes: Any, *, threshold: float | None = None) -> ClassModule:
        """Cut out what some classes need, as a smaller net of its own.

        Parameters
        ----------
        classes : label or list of labels
            One class gives a module that tells it from all else, several give one that tells them apart: the union of
            their units, and those whose rates add up to the threshold over these classes, with the weights between.
        threshold : float from 0 to 1 or None, default=None
            Another threshold than ``threshold_``.

        Returns
        -------
        module : ClassModule
            Calibrated on the training rows of this net; it keeps no reference to it.

        Raises
        ------
        ParameterError
            When a class is unknown, the threshold no share, or the net cannot be cut; the message says why.

        Notes
        -----
        What is cut out is compared with the net itself, the units left out being ignored, on random rows. Modules of
        gated nets ("mwt", "nemo") lose their gates and need :meth:`ClassModule.fine_tune`.
        """
        check_is_fitted(self)
        labels = list(classes) if isinstance(classes, list | tuple | set | np.ndarray) else [classes]
        return self._module_of(labels, None, threshold)

    def _module_of(
        self, labels: list[Any], modules: Sequence[ClassModule] | None, threshold: float | None = None
    ) -> ClassModule:
        """The module of these labels, by this net's masks or by those of its modules."""
        known = self.classes_.tolist()
        unknown = [label for label in labels if label not in known]
        if unknown or not labels or len(set(labels)) < len(labels):
            raise ParameterError(
                f"{type(self).__name__}.extract_module: classes={labels!r} must be different labels of {known}."
            )
        if self.masks_ is None:
            raise ParameterError(
                f"{type(self).__name__}.extract_module: no unit can be told to belong to a class here. Classes can be "
                "cut out of an nn.Sequential (or the default net) with ReLU layers: pass activation='relu', or one "
                "of nn.Linear, nn.Conv2d, nn.BatchNorm2d, nn.ReLU, ... and modpart.networks.Residual; and out of other "
                "modules whose nn.ReLU layers follow a Linear or convolution, each of them used once."
            )
        plan, weights = self._bare()
        codes = np.sort([known.index(label) for label in labels])
        rates, masks, level = self.rates_ or {}, self.masks_, self.threshold_
        if threshold is not None:
            if not number(0, 1).accepts(threshold):
                raise ParameterError(
                    f"{type(self).__name__}.extract_module: threshold={threshold!r} is not valid. It must be a number "
                    "from 0 to 1, a share of the rows of a class."
                )
            masks, level = class_masks(rates, float(threshold)), float(threshold)
        keep = union_units(masks, rates, level, codes.tolist())
        if modules is not None:  # they may have been cut at other thresholds
            keep = {group: np.any([own, *(m.masks_[group] for m in modules)], axis=0) for group, own in keep.items()}
        probe = np.random.default_rng(0).standard_normal((16, self.n_features_in_))
        if plan is None:
            return self._pruned(codes, keep, probe)
        outputs = {wire_up(plan).output: np.isin(np.arange(len(known)), codes)}
        small = cut(plan, weights, keep | outputs)
        from modpart._torch.plans import build, forward

        whole = forward(build(plan, silenced(plan, weights, keep)), probe)[:, codes]
        _compare(whole, forward(build(*small), probe), "This is a defect of modpart: please report your layers.")
        return ClassModule(*small, self.classes_[codes], self.calibration_[codes], keep, self)

    def _pruned(self, codes: np.ndarray, keep: dict[str, np.ndarray], probe: np.ndarray) -> ClassModule:
        """A module of a net that is no chain of known layers."""
        import torch

        from modpart._torch.plans import forward
        from modpart._torch.state import to_numpy

        graph = self._graph()
        small = graph.smaller(keep, codes)
        whole = forward(graph.masked(keep, codes), probe, dtype=torch.float32)
        remedy = "Some layer looks at several units at once, or past a ReLU: pass an nn.Sequential of known layers."
        _compare(whole, forward(small, probe, dtype=torch.float32), remedy)
        labels, pairs = self.classes_[codes], self.calibration_[codes]
        return ClassModule(None, to_numpy(small), labels, pairs, keep, self, small)


def _compare(masked: np.ndarray, small: np.ndarray, remedy: str) -> None:
    """Raise unless a cut net answers what the whole one does in which nobody hears the units left out."""
    gap = np.abs(masked - small).max()
    if gap > 1e-4 * max(1.0, float(np.abs(masked).max())):
        raise ParameterError(f"The cut net differs from the masked one by {gap:g}. {remedy}")
