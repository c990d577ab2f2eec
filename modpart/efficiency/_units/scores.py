"""Scores from two arrays, for those who want no estimator."""

from typing import Any

import numpy as np

from modpart._utils.parallel import one_thread
from modpart._utils.params import boolean, nothing, one_of, validate, workers
from modpart.efficiency._models.frontier import Frontier
from modpart.efficiency._models.technology import TECHNOLOGIES
from modpart.efficiency._units.pairs import paired

__all__ = ["dea_scores"]

_RULES = {
    "technology": (one_of(*TECHNOLOGIES),),
    "orientation": (one_of("input", "output"),),
    "super_efficiency": (boolean,),
    "n_jobs": (nothing, workers),
}


def dea_scores(
    X: Any,
    Y: Any,
    *,
    technology: str = "vrs",
    orientation: str = "input",
    X_ref: Any = None,
    Y_ref: Any = None,
    super_efficiency: bool = False,
    n_jobs: int | None = None,
) -> np.ndarray:
    """Radial efficiency scores of units given as inputs and outputs.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_units, m)
        Inputs, >= 0.
    Y : array-like or DataFrame of shape (n_units, s)
        Outputs, >= 0.
    technology : {"vrs", "crs", "nirs", "ndrs", "fdh"}, default="vrs"
        As in :class:`DEA`.
    orientation : {"input", "output"}, default="input"
        What moves.
    X_ref, Y_ref : array-like or DataFrame of shape (n_reference, m), (n_reference, s), or None, default=None
        Units that make the frontier; None for those of X and Y themselves.
    super_efficiency : bool, default=False
        Keep each unit out of its own reference.
    n_jobs : int or None, default=None
        Number of workers.

    Returns
    -------
    scores : ndarray of shape (n_units,), float64
        θ (input) or φ (output); infinite, or minus infinite for φ, where no reference unit comes into question.

    Raises
    ------
    InputDataError
        When the tables cannot be used or do not fit one another.

    Examples
    --------
    >>> from modpart.efficiency import dea_scores
    >>> dea_scores([[2.0], [3.0], [4.0]], [[1.0], [3.0], [3.0]], technology="crs")
    array([0.5 , 1.  , 0.75])
    """
    given = {
        "technology": technology,
        "orientation": orientation,
        "super_efficiency": super_efficiency,
        "n_jobs": n_jobs,
    }
    validate("dea_scores", given, _RULES)
    cone = technology in ("crs", "ndrs")
    pair = paired("dea_scores", X, Y, cone=cone)
    outside = X_ref is not None or Y_ref is not None
    reference = paired("dea_scores", X_ref, Y_ref, names=("X_ref", "Y_ref"), like=pair, cone=cone) if outside else pair
    frontier = Frontier(reference.technology(technology), orientation, n_jobs=n_jobs)
    units = frontier.units(pair.X, pair.Y) if outside else frontier.own_units(allowed=not super_efficiency)
    with one_thread():
        return frontier.score(units).scores
