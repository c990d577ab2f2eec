"""Sentences about a partition; every number in them comes from the description."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from modpart._utils.words import percent, plain
from modpart.partition._words.effects import Effect

if TYPE_CHECKING:
    from modpart.partition._words.description import Regime

__all__ = ["sentence_about_all", "sentence_about_regime"]


def sentence_about_all(regimes: Sequence["Regime"], telling: pd.Series, fidelity: float) -> str:
    """How many partitions there are, which inputs tell them apart, how far the rules can be trusted."""
    count = sum(regime.rows for regime in regimes)
    if len(regimes) == 1:
        return f"One partition holds all {count} rows."
    words = [f"{len(regimes)} partitions of {count} rows."]
    if len(telling):
        inputs = [f"{name} ({percent(share)})" for name, share in telling.items()]
        words.append(f"What separates them (rows that go elsewhere when it is shuffled): {', '.join(inputs)}.")
    ruled = sum(regime.rule is not None for regime in regimes)
    if ruled == len(regimes):
        words.append(f"The rules below and the gate agree on {percent(fidelity)} of the rows.")
    elif ruled:
        words.append(
            f"Short rules describe {ruled} of them and agree with the gate on {percent(fidelity)} of all rows."
        )
    else:
        words.append("No short rule describes any of them.")
    return " ".join(words)


def sentence_about_regime(regime: "Regime", target: str) -> str:
    """Where one partition lies, what its expert says, how large its error is and how surely its rows are routed."""
    if not regime.rows:
        return f"Partition {regime.label}: none of these rows."
    alone = regime.share == 1.0
    size = f"{regime.rows} rows, {percent(regime.share)}"
    words = [f"Partition {regime.label} ({size})" + ("." if alone else f": {_place(regime)}.")]
    if regime.effects:
        words.append(f"{target} {_listed([_effect(effect) for effect in regime.effects])}.")
    for name, error in regime.errors.items():
        if np.isfinite(error):
            words.append(_error(name, error, regime.spread, target))
    if not alone:
        words.append(_routing(regime.unsure))
    return " ".join(words)


def _place(regime: "Regime") -> str:
    if regime.rule is not None:
        if regime.coverage == regime.precision == 1.0:
            return f"{regime.rule}, exactly"
        return (
            f"{regime.rule} (true of {percent(regime.coverage)} of its rows; "
            f"{percent(regime.precision)} of the rows it is true of are here)"
        )
    if not regime.mostly:
        return "no short rule"
    return (
        f"no short rule; mostly {_listed([str(condition) for condition in regime.mostly])} "
        f"(true of {percent(regime.mostly_inside)} of its rows and {percent(regime.mostly_outside)} of the others)"
    )


def _effect(effect: Effect) -> str:
    over = f"from {plain(effect.low)} to {plain(effect.high)}"
    if effect.direction == "varies":
        return f"varies with {effect.name} (by {plain(effect.size)} {over})"
    return f"{effect.direction} with {effect.name} (by {plain(abs(effect.change))} {over})"


def _error(name: str, error: float, spread: float, target: str) -> str:
    if name == "accuracy":
        return f"The likeliest class is right in {percent(error)} of its rows."
    if name == "log_loss":
        return f"Log loss {plain(error)} nats."
    of = name.removeprefix("rmse").strip()
    beside = f"; {target} itself spreads by {plain(spread)}" if np.isfinite(spread) else ""
    return f"Typical error{' of ' + of if of else ''} {plain(error)} (root mean square{beside})."


def _routing(unsure: float) -> str:
    if unsure == 0.0:
        return "The gate is sure of all its rows."
    return f"The gate is unsure of {percent(unsure)} of its rows."


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
