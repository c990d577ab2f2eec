"""The public names of modpart, found by looking, and small estimators to try them with."""

import ast
import pkgutil
from functools import cache
from importlib import import_module
from inspect import Parameter, isabstract, isclass, signature
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor

import modpart

PACKAGE = Path(modpart.__file__).parent
ROOT = PACKAGE.parent

# Constructor arguments that make an estimator quick enough for hundreds of fits, or that it cannot do without.
# A value that is a function is called, so that every instance gets an object of its own.
_SHORT_SCHEDULE = {"n_modules": 2, "depth": 1, "meta_epochs": 12, "module_epochs": 8, "finetune_epochs": 6, "lr": 0.02}
QUICK = {
    "ActivePartitioner": {"max_experts": 3},
    "DEA": {"data_warnings": False},
    "GradSplitter": {"estimator": lambda: _small_net(), "max_epochs": 8, "lr": 0.02},
    "IncubatedClassifier": {"chain": lambda: _small_chain(), **_SHORT_SCHEDULE},
    "IncubatedRegressor": {"chain": lambda: _small_chain(), **_SHORT_SCHEDULE},
    "LocalModuleClassifier": {"chain": lambda: _small_dense(), "module_epochs": 12, "head_epochs": 8, "lr": 0.02},
    "MLPExpert": {"hidden_layer_sizes": (8,), "max_epochs": 200},
    "ModularDCM": {"max_steps": 4, "outcome": -1, "hidden": (8,), "critic_hidden": (8,), "batch_size": 32},
    "ModularNetClassifier": {"hidden_layer_sizes": (16, 16), "max_epochs": 60},
    "ModularNetRegressor": {"hidden_layer_sizes": (8, 8), "max_epochs": 30},
    "ModuleDistiller": {"teacher": lambda: _small_teacher(), "depth": 1, "finetune_epochs": 12, "lr": 0.02},
    "PartitionedClassifier": {"fallback": False, "routing": "hard"},
    "PartitionedRegressor": {"fallback": False, "routing": "hard"},
    "PluginEstimator": {"n_bootstrap": 5},
    "ScheduledClassifier": {"chain": lambda: _small_chain(), "n_modules": 2, "depth": 1, "max_epochs": 30, "lr": 0.02},
}
# Constructor arguments with which there is work to hand out.
PARALLEL = {name: {"fallback": True, "cv": 2} for name in ("PartitionedClassifier", "PartitionedRegressor")}

# What estimators that predict nothing have to say, for tests that compare two fits.
OTHER_ANSWERS = {
    "PluginEstimator": lambda model: {"distribution": model.distribution(model.graph_.nodes[-1])},
}


def _small_chain():
    return resolve("modpart.networks.ResidualChain")(8)


def _small_dense():
    return resolve("modpart.networks.DenseChain")(16)


def _small_teacher():
    return resolve("modpart.networks.IncubatedClassifier")(_small_chain(), **_SHORT_SCHEDULE)


def _small_net():
    return resolve("modpart.networks.ModularNetClassifier")(None, hidden_layer_sizes=(8,), max_epochs=30)


@cache
def public_modules():
    """Names of the public modules, `modpart.demo` (a program) aside."""
    found = [module.name for module in pkgutil.iter_modules(modpart.__path__)]
    return [f"modpart.{name}" for name in sorted(found) if not name.startswith("_") and name != "demo"]


@cache
def public_names():
    """Full names such as ``modpart.io.save``, read from the text of each ``__all__``."""
    return [f"{module}.{name}" for module in public_modules() for name in _declared(module)]


def _declared(module):
    path = PACKAGE.joinpath(*module.split(".")[1:])
    text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return ast.literal_eval(node.value)
    raise AssertionError(f"{module} has no literal __all__")


def resolve(full_name):
    """The object that a full name stands for."""
    module, _, name = full_name.rpartition(".")
    return getattr(import_module(module), name)


@cache
def estimator_classes():
    """Every public estimator that can be built and fitted."""
    objects = {resolve(name) for name in public_names()}
    classes = [
        found for found in objects if isclass(found) and issubclass(found, BaseEstimator) and hasattr(found, "fit")
    ]
    return sorted((found for found in classes if not isabstract(found)), key=lambda found: found.__name__)


def quick(cls, **changes):
    """A quick instance of an estimator class: its defaults and a seed, with `QUICK` and `changes` on top."""
    chosen = {name: value() if callable(value) else value for name, value in QUICK.get(cls.__name__, {}).items()}
    parameters = signature(cls).parameters
    if "random_state" in parameters:
        chosen["random_state"] = 0
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is Parameter.empty
        and parameter.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        and name not in chosen | changes
    ]
    if missing:
        raise LookupError(f"{cls.__name__} needs {missing}: give them in QUICK in tests/public.py")
    return cls(**chosen | changes)


def target_for(cls, y):
    """Numbers as a target that an estimator class takes: as they are, or for a classifier above or below the median."""
    return (y > np.median(y)).astype(np.int64) if is_classifier(quick(cls)) else y


def tags_of(cls):
    """What scikit-learn may know of an estimator class."""
    return quick(cls).__sklearn_tags__()


def table_for(cls, X):
    """A table that an estimator class takes: as it is, or moved to positive numbers."""
    return X - np.asarray(X).min() + 1.0 if tags_of(cls).input_tags.positive_only else X


def regressor_classes():
    """Public estimators that predict numbers."""
    return [cls for cls in estimator_classes() if is_regressor(quick(cls))]
