"""What is said about a partition: numbers, rules and the words made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modpart.partition._words.effects import Effect
from modpart.partition._words.short_rule import Condition, Otherwise, Rule
from modpart.partition._words.words import sentence_about_all, sentence_about_regime

__all__ = ["PartitionDescription", "Regime"]

TELLING = 0.02  # share of rows that shuffling an input must reroute for the input to be named
MOST_NAMED = 3


@dataclass(frozen=True)
class Regime:
    """One partition on given rows.

    Attributes
    ----------
    label, rows : int
        Its number, and how many rows are routed to it.
    share : float
        Of all rows.
    rule : Rule, Otherwise or None
        Holds (``rule.holds(X)``) in at least 90 % of its rows and hardly elsewhere; None where no short rule does.
    coverage, precision : float
        Share of its rows in which the rule holds, and share of the rows in which it holds that are its; nan without.
    mostly : tuple of Condition
        Without a rule, ranges of the telling inputs; nothing else is claimed of them than `mostly_inside` says.
    mostly_inside, mostly_outside : float
        Share of its own rows, and of all others, in which all of `mostly` holds.
    effects : tuple of Effect
        What the expert's prediction does as an input goes from low to high within the partition, strongest first.
    errors : dict of str to float
        Root mean squared error by name of the output (``rmse`` for a single one), in units of y; of classes
        ``accuracy`` and ``log_loss`` in nats; nan without y.
    spread : float
        Standard deviation of y within; nan without y, with several outputs, or with classes.
    unsure : float
        Share of its rows for which less than nine tenths of the gate's votes agree.
    quantiles : ndarray of shape (n_features, 2)
        5 % and 95 % quantile of each input; nan without rows.
    """

    label: int
    rows: int
    share: float
    rule: Rule | Otherwise | None
    coverage: float
    precision: float
    mostly: tuple[Condition, ...]
    mostly_inside: float
    mostly_outside: float
    effects: tuple[Effect, ...]
    errors: dict[str, float]
    spread: float
    unsure: float
    quantiles: np.ndarray


class PartitionDescription:
    """A partition in plain words, and what stands behind them.

    Fitted models make it with ``describe``; printing it prints the words. All it says is counted on the rows that were
    given to ``describe``, rounded numbers included, so it can be checked there.

    Parameters
    ----------
    regimes : sequence of Regime
        One per partition.
    names : sequence of str
        Names of the inputs.
    target : str
        Name of the target.
    importances : ndarray of shape (n_features,)
        Share of rows that go to another partition when an input is shuffled.
    fidelity : float
        Share of rows for which exactly one rule holds and names the partition that the gate names.

    Attributes
    ----------
    regimes : tuple of Regime
        Their ``rule`` can be asked for rows: ``rule.holds(X)`` takes an array and returns booleans.
    importances : Series
        By name of the input.
    fidelity : float

    See Also
    --------
    ActivePartitioner : Its ``describe`` makes one.
    PartitionedRegressor, PartitionedClassifier : So do theirs.

    Examples
    --------
    >>> from modpart.datasets import make_elastoplastic
    >>> from modpart.partition import ActivePartitioner
    >>> X, y, regime = make_elastoplastic(300, random_state=0)
    >>> description = ActivePartitioner(random_state=0).fit(X, y).describe(X, y)
    >>> [str(regime.rule) for regime in description.regimes]
    ['x0 > 0.406', 'x0 <= 0.406']
    """

    def __init__(
        self, regimes: Sequence[Regime], *, names: Sequence[str], target: str, importances: np.ndarray, fidelity: float
    ) -> None:
        self.regimes = tuple(regimes)
        self.names = list(names)
        self.target = target
        self.importances = pd.Series(importances, index=self.names, name="share of rows rerouted when shuffled")
        self.fidelity = fidelity

    @property
    def table(self) -> pd.DataFrame:
        """One row per partition: size, errors, rule, coverage, precision, unsure rows, quantiles of the inputs."""
        lines = []
        for regime in self.regimes:
            line: dict[str, Any] = {"rows": regime.rows, "share": regime.share, **regime.errors}
            line["rule"] = "" if regime.rule is None else str(regime.rule)
            line["coverage"], line["precision"], line["unsure"] = regime.coverage, regime.precision, regime.unsure
            for name, (low, high) in zip(self.names, regime.quantiles, strict=True):
                line[f"{name} 5%"], line[f"{name} 95%"] = low, high
            lines.append(line)
        return pd.DataFrame(lines).rename_axis("partition")

    def telling_inputs(self) -> list[str]:
        """Names of at most three inputs that the gate needs, the most telling first.

        Returns
        -------
        names : list of str
        """
        named = self.importances[self.importances >= TELLING].sort_values(ascending=False, kind="stable")
        return list(named.index[:MOST_NAMED])

    def __str__(self) -> str:
        first = sentence_about_all(self.regimes, self.importances[self.telling_inputs()], self.fidelity)
        return "\n".join([first, *(sentence_about_regime(regime, self.target) for regime in self.regimes)])

    __repr__ = __str__
