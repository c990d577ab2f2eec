"""Optional packages: imported where they are used, with an error that says how to get them."""

from importlib import import_module
from types import ModuleType

from modpart.exceptions import MissingDependencyError

__all__ = ["optional_import"]


def optional_import(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import `module`, or raise a :class:`MissingDependencyError` that names the extra to install."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingDependencyError(
            f"{purpose} needs the package {package!r}, which is not installed. Run: pip install 'modpart[{extra}]'"
        ) from error
