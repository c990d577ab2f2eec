"""Cross-efficiency: every unit judged by the weights of every other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.parallel import one_thread
from modpart._utils.params import boolean, nothing, one_of, validate, workers
from modpart.efficiency._models.evaluate import evaluate
from modpart.efficiency._models.frontier import Frontier
from modpart.efficiency._models.secondary_goal import SecondaryGoal
from modpart.efficiency._units.pairs import paired

__all__ = ["CrossEfficiency", "cross_efficiency"]

_RULES = {
    "kind": (one_of("benevolent", "aggressive", "arbitrary"),),
    "include_self": (boolean,),
    "n_jobs": (nothing, workers),
}


@dataclass(frozen=True)
class CrossEfficiency:
    """Units judged by each other's weights.

    Parameters
    ----------
    scores : Series of shape (n_units,), float64
        Mean efficiency of each unit over all judges.
    matrix : DataFrame of shape (n_units, n_units), float64
        Efficiency of the unit in the column by the weights of the unit in the row.
    weights : DataFrame of shape (n_units, m + s), float64
        Weights of inputs and outputs of each judge.
    kind : str
        How the judges choose among their optimal weights.

    Examples
    --------
    >>> from modpart.efficiency import cross_efficiency
    >>> cross_efficiency([[2.0], [4.0]], [[2.0], [2.0]]).scores.tolist()
    [1.0, 0.5]
    """

    scores: pd.Series
    matrix: pd.DataFrame
    weights: pd.DataFrame
    kind: str

    @property
    def maverick(self) -> pd.Series:
        """By how much each unit's own judgement exceeds the mean of the others' (Doyle & Green 1994)."""
        own = np.diag(self.matrix.to_numpy())
        others = (self.matrix.to_numpy().sum(axis=0) - own) / (len(own) - 1)
        return pd.Series((own - others) / others, index=self.scores.index, name="maverick")


def cross_efficiency(
    X: Any, Y: Any, *, kind: str = "benevolent", include_self: bool = True, n_jobs: int | None = None
) -> CrossEfficiency:
    """Judge every unit by the optimal weights of every other, under constant returns to scale.

    Optimal weights are rarely unique. "benevolent" judges choose those that are kindest to the others together,
    "aggressive" ones the harshest; "arbitrary" takes the first optimal ones found, which another program need not find.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_units, m)
        Inputs, >= 0.
    Y : array-like or DataFrame of shape (n_units, s)
        Outputs, >= 0.
    kind : {"benevolent", "aggressive", "arbitrary"}, default="benevolent"
        How judges choose.
    include_self : bool, default=True
        Whether a unit's own judgement counts in its mean.
    n_jobs : int or None, default=None
        Number of workers.

    Returns
    -------
    result : CrossEfficiency
        Scores, matrix and weights, with the names of units and columns.

    Raises
    ------
    InputDataError
        When the tables cannot be used or do not fit one another.

    References
    ----------
    J. Doyle & R. Green (1994), J. Operational Research Society 45, 567-578.

    Examples
    --------
    >>> from modpart.efficiency import cross_efficiency
    >>> result = cross_efficiency([[2.0, 4.0], [4.0, 2.0], [5.0, 5.0]], [[1.0], [1.0], [1.0]])
    >>> result.matrix.round(3).to_numpy().tolist()
    [[1.0, 1.0, 0.6], [1.0, 1.0, 0.6], [1.0, 1.0, 0.6]]
    """
    validate("cross_efficiency", {"kind": kind, "include_self": include_self, "n_jobs": n_jobs}, _RULES)
    pair = paired("cross_efficiency", X, Y, cone=True)
    m = pair.X.shape[1]
    technology = pair.technology("crs")
    frontier = Frontier(technology, n_jobs=n_jobs)
    units = frontier.own_units()
    with one_thread():
        scored = frontier.score(units)
        dual = np.asarray(scored.dual)
        if kind != "arbitrary" and len(pair.X) > 1:
            answer = evaluate(SecondaryGoal(scored.scores, kind), technology, units, n_jobs=n_jobs)
            dual = answer.solution.dual
    v, u = dual[:, :m], dual[:, m:]
    with np.errstate(divide="ignore", invalid="ignore"):
        matrix = (u @ pair.Y.T) / (v @ pair.X.T)
    total = matrix.sum(axis=0) if include_self else matrix.sum(axis=0) - np.diag(matrix)
    scores = total / (len(matrix) - (not include_self))
    scale = v @ pair.X.sum(axis=0)
    return CrossEfficiency(
        pd.Series(scores, index=pair.index, name="cross_efficiency"),
        pd.DataFrame(matrix, index=pair.index, columns=pair.index),
        pd.DataFrame(np.hstack([v, u]) / scale[:, None], index=pair.index, columns=pair.columns.names),
        kind,
    )
