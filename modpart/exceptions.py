"""Errors and warnings. Every message names what is wrong, what was found, and what to do about it."""

__all__ = [
    "CollapseWarning",
    "DataNotFoundError",
    "GraphError",
    "InputDataError",
    "MissingDependencyError",
    "ModpartError",
    "ModpartWarning",
    "NotIdentifiableError",
    "ParameterError",
    "PositivityWarning",
    "UntrustedFileError",
]


class ModpartError(Exception):
    """Base of every error that modpart raises on purpose."""


class InputDataError(ModpartError, ValueError):
    """The data cannot be used; the message names the column and the remedy."""


class DataNotFoundError(ModpartError, FileNotFoundError):
    """A data folder or a table in it is missing; the message says how to point to it."""


class ParameterError(ModpartError, ValueError):
    """An argument has a value outside its range; the message names it and what it accepts."""


class MissingDependencyError(ModpartError, ImportError):
    """An optional package is needed; the message says which ``pip install`` brings it."""


class UntrustedFileError(ModpartError, ValueError):
    """A saved model asks for types that modpart does not load; the message lists them."""


class ModpartWarning(UserWarning):
    """Base of every warning that modpart gives; each says what was done instead."""


class CollapseWarning(ModpartWarning):
    """A hidden module answers the same, or nothing, for many rows; the message names the objective and the slot."""


class PositivityWarning(ModpartWarning):
    """The data hold no rows, or few, that an answer needs; the message names the values, or the empty cells."""


class GraphError(ModpartError, ValueError):
    """A causal graph cannot be made or asked that; the message names the edge, the node or the place in the text."""


class NotIdentifiableError(ModpartError):
    """A causal query has no answer in the data at hand; the message carries the query and the witness.

    Attributes
    ----------
    identification : Identification
        The verdict with its witness.
    """

    def __init__(self, message: str, identification: object) -> None:
        super().__init__(message)
        self.identification = identification

    def __reduce__(self) -> tuple[type, tuple[str, object]]:
        return type(self), (str(self), self.identification)
