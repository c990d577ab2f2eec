"""Deep Incubation beside end-to-end training: full rows and 200, equal steps, modules that grew up apart."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from modpart.networks import IncubatedClassifier, ScheduledClassifier
from modpart.networks._schedule.parts import answers

Numbers = dict[str, dict[str, Any]]

EPOCHS = 32  # of end-to-end training: passes over the rows on the critical path, 12 + 10 + 10


def digits(seed: int, n_rows: int | None = None) -> tuple[np.ndarray, ...]:
    """Pixels from 0 to 1; 70 % of the rows to train, or `n_rows` of these, classes in proportion; 30 % to judge."""
    X, y = load_digits(return_X_y=True)
    X = X / 16.0
    X, new, y, target = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    if n_rows is not None:
        X, _, y, _ = train_test_split(X, y, train_size=n_rows, stratify=y, random_state=seed)
    return X, new, y, target


def timed(model: Any, X: np.ndarray, y: np.ndarray) -> tuple[Any, float]:
    """The fitted model and the seconds of its phases."""
    model.fit(X, y)
    return model, sum(phase["seconds"] for phase in model.phases_)


def warm(X: np.ndarray, y: np.ndarray) -> None:
    """Load what is loaded once, outside of any clock."""
    ScheduledClassifier(depth=1, max_epochs=1, random_state=0).fit(X[:100], y[:100])


def steps_of(model: Any) -> int:
    return sum(phase["n_steps"] for phase in model.phases_)


def incubation(seed: int, n_rows: int | None = None) -> Numbers:
    """Accuracy and seconds of each arm."""
    X, new, y, target = digits(seed, n_rows)
    warm(X, y)
    found: Numbers = {}
    whole, seconds = timed(ScheduledClassifier(standardize=False, max_epochs=EPOCHS, random_state=seed), X, y)
    found["end to end, 32 epochs"] = {
        "accuracy": whole.score(new, target),
        "seconds": seconds,
        "steps": steps_of(whole),
    }
    model, seconds = timed(IncubatedClassifier(standardize=False, random_state=seed), X, y)
    scores = {entry["name"]: entry["score"] for entry in model.phase_scores(new, target)}
    found["meta net alone"] = {"accuracy": scores["meta"], "seconds": model.phases_[0]["seconds"]}
    found["assembled, no fine-tuning"] = {"accuracy": scores["assembled"]}
    found["incubated and fine-tuned"] = {
        "accuracy": scores["fine-tuned"],
        "seconds": seconds,
        "critical path": model.critical_path_,
        "steps": steps_of(model),
    }
    mixed = independent(seed, X, y)
    rows = (new - mixed.x_mean_) / mixed.x_scale_
    alone = float((answers(mixed.modules_, rows).argmax(1) == target).mean())
    found["modules of independent nets"] = {"accuracy": alone}
    found["those, fine-tuned"] = {"accuracy": mixed.fine_tune(X, y, epochs=10, random_state=seed).score(new, target)}
    short, seconds = timed(ScheduledClassifier(standardize=False, max_epochs=10, random_state=seed), X, y)
    found["from scratch, 10 epochs"] = {"accuracy": short.score(new, target), "seconds": seconds}
    return found


def independent(seed: int, X: np.ndarray, y: np.ndarray) -> IncubatedClassifier:
    """A net of four modules, each from another end-to-end net."""
    settings = {"depth": 4, "meta_depth": 4, "meta_epochs": 8, "module_epochs": 1, "finetune_epochs": 0}
    others = [
        IncubatedClassifier(standardize=False, random_state=1000 * (k + 1) + seed, **settings).fit(X, y)
        for k in range(4)
    ]
    mixed = others[0].assembled()
    mixed.modules_ = [others[k].meta_[k] for k in range(4)]
    return mixed


def caching(seed: int) -> Numbers:
    """Seconds of the module phases with and without a cache of what frozen slots answer, in three kinds of schedule."""
    X, _, y, _ = digits(seed)
    warm(X, y)
    found: Numbers = {}
    for name, depth, meta_depth in [("meta of 1 block, modules of 4", 4, 1), ("meta of 4 blocks, modules of 4", 4, 4)]:
        settings = {"depth": depth, "meta_depth": meta_depth, "meta_epochs": 1, "finetune_epochs": 0}
        spent = {}
        for cache in (True, False, True, False):
            model = _Cached(standardize=False, random_state=seed, module_epochs=5, **settings)
            model.cache = cache
            model.fit(X, y)
            seconds = [phase["seconds"] for phase in model.phases_ if phase["stage"] == 1]
            spent[cache] = min(sum(seconds), spent.get(cache, np.inf))
        found[name] = {"cached": spent[True], "not cached": spent[False], "saved": 1 - spent[True] / spent[False]}
    return found


class _Cached(IncubatedClassifier):
    """Incubation whose cache can be turned off."""

    cache = True

    def _settings(self, n_rows: int, **changes: Any) -> Any:
        return replace(super()._settings(n_rows, **changes), cache=self.cache)
