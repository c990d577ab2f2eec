"""The few lines that every estimator shares: declared parameters, and wrong names answered with the right one."""

from inspect import signature
from typing import Any, ClassVar

from sklearn.base import BaseEstimator

from modpart._utils.params import Rule, suggest, validate
from modpart._utils.progress import CallbackSupportMixin

__all__ = ["Estimator"]


class Estimator(CallbackSupportMixin, BaseEstimator):
    """Base of the public estimators.

    A subclass lists in `_rules` what each constructor argument accepts and calls :meth:`_check_params` first in `fit`.
    """

    _rules: ClassVar[dict[str, tuple[Rule, ...]]]

    def __new__(cls, *args: Any, **kwargs: Any) -> "Estimator":
        known = list(signature(cls.__init__).parameters)[1:]
        for name in kwargs:
            if name not in known:
                raise TypeError(f"{cls.__name__} has no parameter {name!r}. {suggest(name, known)}")
        return super().__new__(cls)

    def _check_params(self) -> None:
        validate(type(self).__name__, self.get_params(deep=False), self._rules)
