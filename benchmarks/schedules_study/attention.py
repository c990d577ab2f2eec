"""NeMo on a small vision transformer: 8 x 8 digits in patches of 2 x 2, modules of one class, their vote."""

from typing import Any

import numpy as np
import torch

from modpart._torch.plans import build, forward
from modpart.networks import ClassModule, ModularNetClassifier, NeMo, TransformerChain, compose
from modpart.networks._masks import Masks, joined, random_masks_like
from modpart.networks._threshold import calibrate, cut_classes
from schedules_study.incubation import Numbers, digits

__all__ = ["attention"]

CLASSES = range(10)


def attention(seed: int) -> Numbers:
    """A standard net, NeMo, its modules, and as many units drawn at random from the standard net."""
    X, new, y, target = digits(seed)
    settings: dict[str, Any] = {
        "module": TransformerChain(32, expansion=4).net(2),
        "standardize": False,
        "optimizer": torch.optim.AdamW,
        "lr": 1e-3,
        "weight_decay": 0.3,
        "max_epochs": 150,
        "random_state": seed,
    }
    plain = ModularNetClassifier(None, **settings).fit(X, y)
    found: Numbers = {"standard net": {"accuracy": plain.score(new, target)}}
    model = ModularNetClassifier(NeMo(1.0), **settings).fit(X, y)
    found["NeMo, with its gates"] = {"accuracy": model.score(new, target)}
    modules = [model.extract_module(c) for c in CLASSES]
    found["its ten modules, as cut"] = voted(modules, new, target)
    found["its ten modules, tuned"] = voted(tuned(modules, X, y, seed), new, target)
    masks = random_masks_like(model.masks_, np.random.default_rng(seed))
    drawn = [masked_module(plain, masks, c, X, y) for c in CLASSES]
    found["units of the standard net at random, as cut"] = voted(drawn, new, target)
    found["units of the standard net at random, tuned"] = voted(tuned(drawn, X, y, seed), new, target)
    return found


def tuned(modules: list[ClassModule], X: np.ndarray, y: np.ndarray, seed: int) -> list[ClassModule]:
    return [module.fine_tune(X, y, random_state=seed) for module in modules]


def voted(modules: list[ClassModule], X: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Accuracy of the vote, and the mean size of a module."""
    sizes = [module.retention_ for module in modules]
    return {"accuracy": compose(modules).score(X, y), "size": float(np.mean(sizes))}


def masked_module(model: Any, masks: Masks, c: int, X: np.ndarray, y: np.ndarray) -> ClassModule:
    """The module of a class by masks that are not the model's own."""
    small = cut_classes(model.plan_, model.weights_, masks, [c], len(CLASSES))
    logits = forward(build(*small), (X - model.x_mean_) / model.x_scale_)[:, 0]
    return ClassModule(*small, np.array([c]), np.array([calibrate(logits, y == c)]), joined(masks, [c]), model)
