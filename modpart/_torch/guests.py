"""A user's own skorch net as an expert: plain data in and out, randomness of its own, silent unless asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from threading import RLock
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin, clone
from skorch import NeuralNet

from modpart.exceptions import ParameterError

__all__ = ["NetExpert", "nets_in"]

_SKORCH_VERBOSE = signature(NeuralNet).parameters["verbose"].default
_torch_generator = RLock()  # torch has one global generator for all threads: nets that draw from it train in turn


def nets_in(estimator: Any) -> dict[str, NeuralNet]:
    """The skorch nets that `estimator` is or holds, by the prefix of their parameters."""
    if isinstance(estimator, NeuralNet):
        return {"": estimator}
    return {
        f"{name}__": value for name, value in estimator.get_params(deep=True).items() if isinstance(value, NeuralNet)
    }


class NetExpert(RegressorMixin, BaseEstimator):
    """A skorch net, or a pipeline that ends with one, fed with ordinary tables.

    skorch wants float32 tables and a target of two dimensions, draws from torch's global generator, and prints a line
    for each epoch. Here tables of any type do, initial weights and batches depend on `random_state` alone, the global
    generator is left as it was found, and a net prints only when its `verbose` is not skorch's default.

    Parameters
    ----------
    net : skorch NeuralNetRegressor, or an estimator that holds one
    random_state : int or None
        Seed of torch's generator while the net trains; None starts where the generator stands.
    """

    def __init__(self, net: Any, random_state: int | None = None) -> None:
        self.net = net
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> "NetExpert":
        """Train a clone of the net on (n_samples, n_features) and (n_samples,)."""
        X, y = np.asarray(X, np.float32), np.asarray(y, np.float32).reshape(-1, 1)
        net, inside = clone(self.net), nets_in(self.net)
        net.set_params(**{f"{name}verbose": 0 for name, one in inside.items() if one.verbose == _SKORCH_VERBOSE})
        with self._own_randomness():
            self.net_ = net.fit(X, y)
            answer = np.shape(self.net_.predict(X[:2]))
        self.n_features_in_ = X.shape[1]
        if answer != (min(2, len(X)), 1):
            raise ParameterError(
                f"estimator={self.net!r} predicts shape {answer} for two rows, so its loss was computed over pairs of "
                "rows. Let its module return one column: shape (n_samples, 1)."
            )
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict (n_samples,), float64."""
        with self._own_randomness():  # torch's DataLoader draws a number even where it does not shuffle
            answer = self.net_.predict(np.asarray(X, np.float32))
        return np.ravel(answer).astype(np.float64)

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        """Seed torch's global generators inside, and put back what was found."""
        on_gpu = any(str(net.device).startswith("cuda") for net in nets_in(self.net).values())
        devices = range(torch.cuda.device_count()) if on_gpu or torch.cuda.is_initialized() else ()
        with _torch_generator, torch.random.fork_rng(devices):
            if self.random_state is not None:
                torch.manual_seed(self.random_state)
            yield
