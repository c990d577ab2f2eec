"""What parts of the study share: numbers by arm, a net, and a fit that is timed."""

import time
from typing import Any

import numpy as np

from modpart.networks import ModularNetClassifier

__all__ = ["Numbers", "fitted", "net"]

Numbers = dict[str, dict[str, float | None]]


def net(method: Any, seed: int, **settings: Any) -> ModularNetClassifier:
    return ModularNetClassifier(method, standardize=False, random_state=seed, **settings)


def fitted(model: Any, X: np.ndarray, y: np.ndarray) -> tuple[Any, float]:
    """The model and the processor time of its fit."""
    start = time.process_time()
    model.fit(X, y)
    return model, time.process_time() - start
