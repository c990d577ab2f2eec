"""Parameter validation: a class states what each argument accepts, and a wrong value is answered with that sentence."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor

from modpart.exceptions import ParameterError

__all__ = [
    "Rule",
    "boolean",
    "integer",
    "model",
    "nothing",
    "number",
    "one_of",
    "suggest",
    "validate",
    "where",
    "workers",
]


@dataclass(frozen=True)
class Rule:
    """One kind of value that an argument accepts, and the words that say so."""

    words: str
    accepts: Callable[[Any], bool]


def integer(low: int, high: int | None = None) -> Rule:
    """Whole numbers from `low` to `high`, both included."""
    words = f"an integer >= {low}" if high is None else f"an integer from {low} to {high}"
    return Rule(
        words,
        lambda value: _is_integer(value) and int(value) >= low and (high is None or int(value) <= high),
    )


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)


def number(low: float, high: float = float("inf"), *, open_low: bool = False, open_high: bool = False) -> Rule:
    """Real numbers between `low` and `high`; an open end is left out."""
    words = f"a finite number {'>' if open_low else '>='} {low:g}"
    if high != float("inf"):
        words += f" and {'<' if open_high else '<='} {high:g}"

    def accepts(value: Any) -> bool:
        if not isinstance(value, Real) or isinstance(value, bool | np.bool_) or not isfinite(value):
            return False
        above = float(value) > low if open_low else float(value) >= low
        return above and (float(value) < high if open_high else float(value) <= high)

    return Rule(words, accepts)


def one_of(*options: str) -> Rule:
    """One of some strings."""
    return Rule(" or ".join(map(repr, options)), lambda value: isinstance(value, str) and value in options)


def model(kind: str) -> Rule:
    """An unfitted scikit-learn "regressor" or "classifier"; the class itself is not one."""
    is_kind = {"regressor": is_regressor, "classifier": is_classifier}[kind]
    return Rule(
        f"a scikit-learn {kind} (an object, not its class, that inherits {kind.title()}Mixin and BaseEstimator)",
        lambda value: (
            hasattr(value, "get_params")
            and hasattr(value, "__sklearn_tags__")
            and not isinstance(value, type)
            and is_kind(value)
        ),
    )


def where(words: str, accepts: Callable[[Any], bool]) -> Rule:
    """Any other condition, with the words that state it."""
    return Rule(words, accepts)


boolean = Rule("True or False", lambda value: isinstance(value, bool | np.bool_))
nothing = Rule("None", lambda value: value is None)
workers = Rule("an integer other than 0", lambda value: _is_integer(value) and value != 0)


def validate(owner: str, values: Mapping[str, Any], rules: Mapping[str, tuple[Rule, ...]]) -> None:
    """Raise :class:`ParameterError` for the first value that none of its rules accepts."""
    for name, accepted in rules.items():
        value = values[name]
        if not any(rule.accepts(value) for rule in accepted):
            words = ", or ".join(rule.words for rule in accepted)
            raise ParameterError(f"{owner}: {name}={value!r} is not valid. {name} must be {words}.")


def suggest(name: str, known: list[str]) -> str:
    """Words for an unknown name: the closest known one when there is one, and all of them."""
    close = get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Valid names: {', '.join(known)}."
