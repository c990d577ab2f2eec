"""Deep Incubation beside end-to-end training: full rows and 200, modules that grew up apart, time, and the cache."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback
from torch.utils.flop_counter import FlopCounterMode

from modpart.networks import IncubatedClassifier, Phase, ScheduledClassifier
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
    """Accuracy and steps of each arm."""
    X, new, y, target = digits(seed, n_rows)
    found: Numbers = {}
    whole = ScheduledClassifier(standardize=False, max_epochs=EPOCHS, random_state=seed).fit(X, y)
    found["end to end, 32 epochs"] = {"accuracy": whole.score(new, target), "steps": steps_of(whole)}
    model = IncubatedClassifier(standardize=False, random_state=seed).fit(X, y)
    scores = {entry["name"]: entry["score"] for entry in model.phase_scores(new, target)}
    found["meta net alone"] = {"accuracy": scores["meta"]}
    found["assembled, no fine-tuning"] = {"accuracy": scores["assembled"]}
    found["incubated and fine-tuned"] = {"accuracy": scores["fine-tuned"], "steps": steps_of(model)}
    model = IncubatedClassifier(start="random", standardize=False, random_state=seed).fit(X, y)
    found["random start: assembled"] = {"accuracy": model.assembled().score(new, target)}
    found["random start: fine-tuned"] = {"accuracy": model.score(new, target), "steps": steps_of(model)}
    mixed = independent(seed, X, y)
    rows = (new - mixed.x_mean_) / mixed.x_scale_
    alone = float((answers(mixed.modules_, rows).argmax(1) == target).mean())
    found["modules of independent nets"] = {"accuracy": alone}
    found["those, fine-tuned"] = {"accuracy": mixed.fine_tune(X, y, epochs=10, random_state=seed).score(new, target)}
    short = ScheduledClassifier(standardize=False, max_epochs=10, random_state=seed).fit(X, y)
    found["from scratch, 10 epochs"] = {"accuracy": short.score(new, target)}
    return found


def times(seed: int) -> Numbers:
    """Seconds of both ways, the better of two runs that take turns; the critical path has a worker for each module."""
    X, _, y, _ = digits(seed)
    warm(X, y)
    made: dict[str, list[Any]] = {"end to end, 32 epochs": [], "Deep Incubation": []}
    for _ in range(2):
        for name, model in [
            ("end to end, 32 epochs", ScheduledClassifier(max_epochs=EPOCHS)),
            ("Deep Incubation", IncubatedClassifier()),
        ]:
            model.set_params(standardize=False, random_state=seed)
            made[name].append(timed(model, X, y))
    whole = min(seconds for _, seconds in made["end to end, 32 epochs"])
    path = min(model.critical_path_ for model, _ in made["Deep Incubation"])
    serial = min(seconds for _, seconds in made["Deep Incubation"])
    return {
        "end to end, 32 epochs": {"seconds": whole},
        "Deep Incubation, one worker": {"seconds": serial, "share": serial / whole},
        "Deep Incubation, critical path": {"seconds": path, "share": path / whole},
    }


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
    """Seconds of the phases with frozen slots, with and without a cache of what leading ones answer, and products."""
    X, _, y, _ = digits(seed)
    warm(X, y)
    short = {"meta_epochs": 1, "finetune_epochs": 0}
    few = short | {"depth": 1, "module_epochs": 5}
    local: dict[str, Any] = {"chain": "dense", "n_modules": 4, "depth": 4}
    found: Numbers = {}
    for name, model in {
        "4 modules of 4 blocks, meta net of 1 in a slot": _CachedIncubation(depth=4, meta_depth=1, **short),
        "4 modules of 4 blocks, meta net of 4 in a slot": _CachedIncubation(depth=4, meta_depth=4, **short),
        "20 modules of 1 block, as in the meta net": _CachedIncubation(n_modules=20, **few),
        "vision transformer, 4 modules of 1 block, as in the meta net": _CachedIncubation("transformer", **few),
        "local training, 4 modules and a head": ScheduledClassifier(one_after_the_other(10), **local),
    }.items():
        model.set_params(standardize=False, random_state=seed)
        spent: dict[bool, np.ndarray] = {}
        for cache in (True, False, True, False):
            seconds = of_frozen(_with(model, cache).fit(X, y), "seconds")
            spent[cache] = np.minimum(seconds, spent.get(cache, np.inf))
        cached, bare = spent[True], spent[False]
        work = {cache: products(_with(model, cache), X, y) for cache in (True, False)}
        found[name] = {
            "cached": float(cached.sum()),
            "not cached": float(bare.sum()),
            "saved": float(1 - cached.sum() / bare.sum()),
            "last phase": float(1 - cached[-1] / bare[-1]),
            "products saved": float(1 - work[True].sum() / work[False].sum()),
            "products of the last": float(1 - work[True][-1] / work[False][-1]),
        }
    return found


def _with(model: Any, cache: bool) -> Any:
    model.cache = cache
    return model


def of_frozen(model: Any, what: str) -> np.ndarray:
    """One number of each phase that has frozen slots."""
    return np.array([phase[what] for phase in model.phases_ if phase["frozen"]])


def products(model: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Work in products of matrices and convolutions of each phase that has frozen slots, without filling a cache."""
    counter = _Products()
    model.set_params(callbacks=[counter]).fit(X[:160], y[:160])
    model.set_params(callbacks=None)
    pairs = zip(counter.counts, model.phases_, strict=True)
    return np.array([count for count, phase in pairs if phase["frozen"]], float)


class _Products(Callback):
    """Counts what torch multiplies between the begin and the end of a training."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        self.mode = FlopCounterMode(display=False)
        self.mode.__enter__()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        self.mode.__exit__(None, None, None)
        self.counts.append(self.mode.get_total_flops())


def one_after_the_other(epochs: int) -> list[Phase]:
    """Local training with the alignment proxy as a schedule."""
    slots = tuple(f"slot{k}" for k in range(4))
    hidden = [Phase(f"module{k}", (slot,), epochs, slots[: k + 1], loss="alignment") for k, slot in enumerate(slots)]
    return [*hidden, Phase("head", ("head",), epochs, (*slots, "head"))]


class _CachedIncubation(IncubatedClassifier):
    """Incubation whose cache can be turned off."""

    cache = True

    def _settings(self, n_rows: int, **changes: Any) -> Any:
        return replace(super()._settings(n_rows, **changes), cache=self.cache)
