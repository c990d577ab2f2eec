"""A small neural network for tables: an ordinary scikit-learn regressor outside, torch only while it trains."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_sample_weight, check_X, check_X_y
from modpart._utils.parallel import one_thread
from modpart._utils.params import Rule, boolean, integer, nothing, number, one_of, where
from modpart._utils.progress import Progress, with_callbacks
from modpart._utils.seeds import check_rng, child_seeds
from modpart.exceptions import ParameterError
from modpart.partition._contest import Scaling
from modpart.partition._rows import WeightedRows

__all__ = ["MLPExpert"]

_FULL_BATCH_BELOW = 5000
_AUTO_BATCH = 128
_CHUNK = 1024  # rows predicted at a time


class MLPExpert(RegressorMixin, Estimator):
    """A feed-forward network for regression, small enough to be one expert among many.

    It standardises X and y itself, trains in float32 with torch through skorch, and keeps only numpy arrays: it
    pickles small, predicts without torch, and moves between machines with and without a GPU. Use it as an expert of a
    partitioned model or on its own. It assumes numeric columns and a smooth law.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int >= 1, default (16, 16)
        Widths of the hidden layers; ``()`` is a linear model.
    activation : {"tanh", "relu"}, default "tanh"
    max_epochs : int >= 1, default 1000
        Most passes over the training rows.
    lr : float > 0, default 0.01
        Learning rate.
    batch_size : "auto" or int >= 1, default "auto"
        Rows per step. ``"auto"`` takes all rows when there are fewer than 5000, and 128 otherwise.
    optimizer : "adam" or a class of torch.optim, default "adam"
        A class is called with the parameters, `lr` and, if positive, `weight_decay`.
    weight_decay : float >= 0, default 0.0
        L2 penalty, as the optimizer defines it.
    early_stopping : bool, default False
        Hold out rows, stop when the loss on them no longer falls, and keep the weights with the least such loss.
    validation_fraction : float in (0, 1), default 0.1
        Share of rows held out by early stopping.
    n_iter_no_change : int >= 1, default 50
        Training stops once the loss (on the held-out rows with `early_stopping`, else on the training rows) has not
        fallen by `tol` for this many epochs.
    tol : float >= 0, default 1e-5
        Least fall of the loss that counts, in units of the variance of y.
    callbacks : list of skorch callbacks or None, default None
        They see the skorch net and may stop the training. The objects themselves are used, not copies.
    device : {"auto", "cpu", "cuda"}, default "auto"
        Where training runs; ``"auto"`` takes CUDA if torch sees it. The start weights do not depend on it.
    random_state : int, RandomState, Generator or None, default None
        Source of the start weights, the held-out rows and the batches.
    verbose : int >= 0, default 0
        Positive values print one line for each epoch.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (inputs, outputs), float32
        Weights by layer, for standardised X and y.
    intercepts_ : list of ndarray of shape (outputs,), float32
    x_mean_, x_scale_ : ndarray of shape (n_features,), float64
        Standardisation of X; a constant column has scale 1.
    y_mean_, y_scale_ : float or ndarray of shape (n_outputs,)
        Standardisation of y.
    loss_curve_ : ndarray of shape (n_iter_,), float64
        Mean squared error of the training batches by epoch, in units of the variance of y. For a network that won its
        rows in a competition, the mean over all networks, and the variance is that of all rows.
    validation_curve_ : ndarray of shape (n_iter_,) or None
        The same on the held-out rows after each epoch; None without early stopping.
    n_iter_ : int
        Epochs trained.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X had names for all columns.

    Raises
    ------
    ParameterError
        When an argument is out of range, when CUDA is asked for and absent, or when training diverged.
    InputDataError
        When X or y cannot be used; the message names the column.

    Notes
    -----
    Weights and biases start uniform on (-1, 1) / sqrt(inputs of the layer). Given `random_state`, the fit is the same
    to the last bit on one kind of machine: one torch thread is used and no global random state is touched. The cost of
    an epoch is proportional to rows times weights, with an overhead of well under a millisecond for each batch. Equal
    rows are joined under their summed weight before training, and only the ratios of weights matter.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-3, 3, 200).reshape(-1, 1)
    >>> expert = MLPExpert(max_epochs=300, random_state=0).fit(X, np.sin(2 * X[:, 0]))
    >>> bool(expert.score(X, np.sin(2 * X[:, 0])) > 0.95)
    True
    """

    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {
        "hidden_layer_sizes": (
            where(
                "a sequence of integers >= 1",
                lambda value: isinstance(value, Sequence | np.ndarray) and all(map(integer(1).accepts, value)),
            ),
        ),
        "activation": (one_of("tanh", "relu"),),
        "max_epochs": (integer(1),),
        "lr": (number(0, open_low=True),),
        "batch_size": (one_of("auto"), integer(1)),
        "optimizer": (
            one_of("adam"),
            where("a class of torch.optim", lambda value: isinstance(value, type) and hasattr(value, "step")),
        ),
        "weight_decay": (number(0),),
        "early_stopping": (boolean,),
        "validation_fraction": (number(0, 1, open_low=True, open_high=True),),
        "n_iter_no_change": (integer(1),),
        "tol": (number(0),),
        "callbacks": (nothing, where("a list of skorch callbacks", lambda value: isinstance(value, list | tuple))),
        "device": (one_of("auto", "cpu", "cuda"),),
        "verbose": (boolean, integer(0)),
    }

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (16, 16),
        *,
        activation: Literal["tanh", "relu"] = "tanh",
        max_epochs: int = 1000,
        lr: float = 1e-2,
        batch_size: Literal["auto"] | int = "auto",
        optimizer: Any = "adam",
        weight_decay: float = 0.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 50,
        tol: float = 1e-5,
        callbacks: list[Any] | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.max_epochs = max_epochs
        self.lr = lr
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @with_callbacks
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> "MLPExpert":
        """Train on a table.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,) or None
            Weight of each row's squared error (>= 0); None is one each.

        Returns
        -------
        self : MLPExpert
        """
        self._check_params()
        X, y = check_X_y(self, X, y, multi_output=True)
        rows = WeightedRows.of(X, y, check_sample_weight(self, sample_weight, X))
        seed = child_seeds(check_rng(self.random_state), 1)[0]
        import modpart._torch.nets  # noqa: F401  one_thread holds torch to one thread only when it is loaded

        progress = Progress(self, X, y, total=self.max_epochs)
        scaling = self._standardise_by(Scaling.of(rows.X, rows.y, rows.weight))
        with one_thread():
            target = scaling.target(rows.y).reshape(len(rows.y), -1)
            self._train(scaling.inputs(rows.X), target, rows.weight, seed, progress)
        progress.finish()
        return self

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
        X = check_X(self, X)
        standardised = self._forward((X - self.x_mean_) / self.x_scale_)
        return (standardised if np.ndim(self.y_mean_) else standardised[:, 0]) * self.y_scale_ + self.y_mean_

    def _standardise_by(self, scaling: Scaling) -> Scaling:
        """Keep the scaling as fitted attributes."""
        self.x_mean_, self.x_scale_ = scaling.x_mean, scaling.x_sd
        self.y_mean_, self.y_scale_ = scaling.y_mean, scaling.y_sd
        return scaling

    def _adopt(
        self, coefs: list[np.ndarray], intercepts: list[np.ndarray], loss_curve: np.ndarray, scaling: Scaling
    ) -> "MLPExpert":
        """Become fitted by weights that were trained elsewhere on data of this scaling; return self."""
        self._standardise_by(scaling)
        self.coefs_, self.intercepts_ = coefs, intercepts
        self.loss_curve_, self.validation_curve_, self.n_iter_ = loss_curve, None, len(loss_curve)
        self.n_features_in_ = len(coefs[0])
        return self

    def _train(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, seed: int, progress: Progress) -> None:
        """Train on standardised data and keep the result as numpy arrays."""
        from modpart._torch.batches import HoldOut
        from modpart._torch.blocks import MLP
        from modpart._torch.callbacks import ReportEpochs, StopOnPlateau
        from modpart._torch.device import resolve_device
        from modpart._torch.init import new_generator
        from modpart._torch.nets import MeanSquaredError, WeightedSquaredError, make_net

        weighted = bool(np.ptp(weight))
        target = np.column_stack([y, weight / weight.mean()]) if weighted else y
        generator = new_generator(seed)
        monitor = "valid_loss" if self.early_stopping else "train_loss"
        plateau = StopOnPlateau(monitor, self.tol, self.n_iter_no_change, restore=self.early_stopping)
        net = make_net(
            MLP([X.shape[1], *self.hidden_layer_sizes, y.shape[1]], self.activation, generator),
            criterion=WeightedSquaredError if weighted else MeanSquaredError,
            generator=generator,
            optimizer=self.optimizer,
            lr=self.lr,
            weight_decay=self.weight_decay,
            max_epochs=self.max_epochs,
            batch_size=self.rows_per_batch(len(X)),
            train_split=HoldOut(self.validation_fraction, generator) if self.early_stopping else None,
            callbacks=[plateau, ReportEpochs(progress, self._fitted), *(self.callbacks or [])],
            device=resolve_device(self.device),
        ).fit(X, target)
        for name, value in self._fitted(net).items():
            setattr(self, name, value)
        finite = np.isfinite(self.loss_curve_ if self.validation_curve_ is None else self.validation_curve_)
        usable = finite.all() if self.validation_curve_ is None else finite.any()  # the best weights are back in place
        if not (usable and all(np.isfinite(part).all() for part in (*self.coefs_, *self.intercepts_))):
            raise ParameterError(
                f"MLPExpert: training diverged with lr={self.lr!r}: the loss or the weights are no longer "
                f"finite after {self.n_iter_} epochs. Lower lr."
            )

    def rows_per_batch(self, n_samples: int) -> int:
        """Rows of one step.

        Parameters
        ----------
        n_samples : int
            Rows to train on.

        Returns
        -------
        rows : int
            -1 for all of them.
        """
        if self.batch_size != "auto":
            return int(self.batch_size)
        return -1 if n_samples < _FULL_BATCH_BELOW else _AUTO_BATCH

    def _fitted(self, net: Any) -> dict[str, Any]:
        """The fitted attributes that `net` stands for now."""
        from modpart._torch.state import to_numpy

        state, epochs = to_numpy(net.module_), net.history_
        layers = range(len(self.hidden_layer_sizes) + 1)
        return {
            "coefs_": [state[f"weights.{layer}"] for layer in layers],
            "intercepts_": [state[f"biases.{layer}"] for layer in layers],
            "loss_curve_": np.array([epoch["train_loss"] for epoch in epochs]),
            "validation_curve_": np.array([epoch["valid_loss"] for epoch in epochs]) if self.early_stopping else None,
            "n_iter_": len(epochs),
        }

    def _forward(self, X: np.ndarray) -> np.ndarray:
        """The network on standardised rows, in float64, a chunk at a time, whose activations stay in the cache."""
        return np.concatenate([self._layers(X[start : start + _CHUNK]) for start in range(0, len(X), _CHUNK)])

    def _layers(self, X: np.ndarray) -> np.ndarray:
        for coef, intercept in zip(self.coefs_[:-1], self.intercepts_[:-1], strict=True):
            X = X @ coef
            X += intercept
            X = np.tanh(X, out=X) if self.activation == "tanh" else np.maximum(X, 0.0, out=X)
        return X @ self.coefs_[-1] + self.intercepts_[-1]
