"""All generators by name, for tests and benchmarks that run over every one."""

from collections.abc import Callable
from types import ModuleType

from modpart.datasets import _devices, _flow_and_heat, _hard_cases, _one_law, _shapes
from modpart.datasets._sampling import Sample

__all__ = ["controls", "labelled"]


def _generators(*modules: ModuleType) -> dict[str, Callable[..., Sample]]:
    return {name.removeprefix("make_"): getattr(module, name) for module in modules for name in module.__all__}


def labelled() -> dict[str, Callable[..., Sample]]:
    """Return the generators with more than one regime.

    Returns
    -------
    generators : dict of str to callable
        Keys are the function names without ``make_``; every value can be called as
        ``generator(n_samples, noise=0.05, random_state=0)`` and returns ``(X, y, regime)``.

    Examples
    --------
    >>> from modpart.datasets import labelled
    >>> X, y, regime = labelled()["disc"](100, random_state=0)
    >>> X.shape
    (100, 2)
    """
    return _generators(_shapes, _flow_and_heat, _devices, _hard_cases)


def controls() -> dict[str, Callable[..., Sample]]:
    """Return the generators with a single law, on which finding two regimes is a mistake.

    Returns
    -------
    generators : dict of str to callable
        As in :func:`labelled`; `regime` is zero throughout.

    Examples
    --------
    >>> from modpart.datasets import controls
    >>> sorted(controls())
    ['exponential', 'friedman', 'linear', 'pure_noise', 'smooth_curve', 'student_noise', 'unequal_noise']
    """
    return _generators(_one_law)
