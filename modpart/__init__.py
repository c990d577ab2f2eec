"""Find the parts of a problem, learn each on its own, put them together again.

Public names are imported on first use (PEP 562), so ``import modpart`` loads neither torch nor scikit-learn.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_SUBPACKAGES = (
    "causal",
    "datasets",
    "efficiency",
    "exceptions",
    "inspection",
    "io",
    "metrics",
    "networks",
    "partition",
)

__all__ = ["__version__", *_SUBPACKAGES]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return import_module(f"modpart.{name}")
    raise AttributeError(f"module 'modpart' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
