"""Silence a warning of a method's own making, also while other threads do the same."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from sklearn.exceptions import ConvergenceWarning

__all__ = ["no_convergence_warnings"]

_lock = Lock()
_inside = 0
_filters: warnings.catch_warnings


@contextmanager
def no_convergence_warnings() -> Iterator[None]:
    """Ignore :class:`~sklearn.exceptions.ConvergenceWarning`; the last one out restores what the first one found.

    ``warnings.catch_warnings`` alone would let two threads restore each other's filters.
    """
    global _inside, _filters
    with _lock:
        if _inside == 0:
            _filters = warnings.catch_warnings(action="ignore", category=ConvergenceWarning)
            _filters.__enter__()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _filters.__exit__(None, None, None)
