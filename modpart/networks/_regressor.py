"""The modular regressor."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X, check_X_y
from modpart.networks._modularity import Modularity
from modpart.networks._pieces import ClusteredNet

__all__ = ["ModularNetRegressor"]


class ModularNetRegressor(RegressorMixin, ClusteredNet):
    """A neural network for regression that is trained to fall into modules.

    "clusterability" and "blocks" make clusters of hidden units, whose contributions to a prediction add up exactly
    (:meth:`contributions`); "bimt" leaves few and short wires, so that a small net can be read. Methods by class
    ("moda", "mwt", "nemo") need a classifier.

    Parameters
    ----------
    modularity : str, object, list of objects or None, default="clusterability"
        "clusterability", "bimt" or "blocks"; an object such as ``Bimt(weight=0.01)``; a list of several at once; None
        trains a plain net.
    module : torch module, callable or None, default=None
        None is a feed-forward net. A module starts from the weights it has, and stays as it is; a function is called
        with (n_features, n_outputs), its random weights follow from `random_state`. Methods other than None need an
        ``nn.Sequential`` of layers of torch.nn and :class:`Residual`.
    hidden_layer_sizes : sequence of int >= 1, default=(64, 64)
        Widths of the hidden layers of the feed-forward net.
    activation : {"relu", "silu", "tanh"}, default="relu"
        Of the feed-forward net.
    standardize : bool, default=True
        Whether columns are standardised first. The target always is.
    optimizer : {"auto", "adam", "sgd"} or a class of torch.optim, default="auto"
        "auto" is what the method was published with.
    lr : "auto" or float > 0, default="auto"
        Learning rate.
    max_epochs : "auto" or int >= 1, default="auto"
        Passes over the training rows.
    batch_size : "auto" or int >= 1, default="auto"
        Rows per step; "auto" takes the method's.
    weight_decay : float >= 0, default=0.0
        L2 penalty, as the optimizer defines it.
    callbacks : list of skorch callbacks or None, default=None
        They see the skorch net. The objects themselves are used, not copies.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where training and prediction run.
    random_state : int, RandomState, Generator or None, default=None
        Source of the start weights, the batches and all else.
    verbose : int >= 0, default=0
        Positive values print one line for each epoch.

    Attributes
    ----------
    plan_ : list of dict or None
        The layers of the net as plain data; None if it is no chain of known layers.
    weights_ : dict of str to ndarray
        Parameters and buffers by their torch names, for a standardised target.
    partition_ : UnitPartition
        Only for methods with clusters.
    layout_ : dict of str to ndarray
        Place of each unit, from 0 to 1, by group; only for "bimt".
    x_mean_, x_scale_ : ndarray of shape (n_features,)
    y_mean_, y_scale_ : ndarray of shape (n_outputs,)
    loss_curve_ : ndarray of shape (n_iter_,), float64
        Mean training loss by epoch, terms included, in units of the variance of y.
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
    ModularNetClassifier : The same for classes.

    Examples
    --------
    >>> import numpy as np
    >>> from modpart.networks import ModularNetRegressor
    >>> X = np.random.default_rng(0).uniform(-1, 1, (200, 3))
    >>> y = X[:, 0] ** 2 + X[:, 1]
    >>> model = ModularNetRegressor("blocks", max_epochs=60, random_state=0).fit(X, y)
    >>> parts, intercept = model.contributions(X)
    >>> np.allclose(parts.sum(1)[:, 0] + intercept, model.predict(X), atol=1e-4)
    True
    """

    _task = "regression"

    def __init__(
        self,
        modularity: str | Modularity | list[Modularity] | None = "clusterability",
        *,
        module: Any = None,
        hidden_layer_sizes: Sequence[int] = (64, 64),
        activation: Literal["relu", "silu", "tanh"] = "relu",
        standardize: bool = True,
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
        self.optimizer = optimizer
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _checked_rows(self, X: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        X, y = check_X_y(self, X, y, multi_output=True)
        target = y.reshape(len(y), -1)
        self.y_mean_, self.y_scale_ = target.mean(axis=0), target.std(axis=0)
        self.y_scale_[self.y_scale_ == 0.0] = 1.0
        self._one_output = y.ndim == 1
        return X, y, (target - self.y_mean_) / self.y_scale_

    def _learn(self, X: np.ndarray, target: np.ndarray, rng: np.random.Generator, given: tuple[Any, Any]) -> None:
        self._train(X, target, target.shape[1], None, rng, given)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
        """
        check_is_fitted(self)
        answer = self._answers(check_X(self, X)) * self.y_scale_ + self.y_mean_
        return answer[:, 0] if self._one_output else answer

    def contributions(self, X: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Split the predictions of the hard-cut net into one part per cluster, exactly.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        parts : ndarray of shape (n_samples, n_clusters, n_outputs), float64
            What the units of each cluster add to each prediction, in units of y.
        intercept : ndarray of shape (n_outputs,), float64

        Raises
        ------
        ParameterError
            When the net has no clusters.
        """
        parts, intercept = super().contributions(X)
        return parts * self.y_scale_, intercept * self.y_scale_ + self.y_mean_
