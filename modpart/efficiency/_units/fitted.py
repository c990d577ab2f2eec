"""What a fitted frontier tells beyond scores; each part is computed when it is first asked for."""

import warnings
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from sklearn.utils.validation import check_is_fitted

from modpart._utils.parallel import one_thread
from modpart._utils.params import suggest
from modpart.efficiency._models.frontier import EFFICIENT, Frontier, Scored
from modpart.efficiency._units.data import Columns, plain_name
from modpart.exceptions import ModpartWarning, ParameterError

__all__ = ["FittedFrontier"]

SAME = 1e-7  # scores that are taken for equal when returns to scale are told


class FittedFrontier:
    """Peers, targets, slacks, weights and returns to scale of the units that a frontier was fitted to.

    A subclass sets in `fit`: `scores_`, `efficiency_`, `status_`, `units_`, `columns_`, `_frontier`, `_scored`.
    """

    scores_: np.ndarray
    efficiency_: np.ndarray
    status_: np.ndarray
    technology: str
    orientation: str
    measure: str
    units_: np.ndarray
    columns_: Columns
    _frontier: Frontier
    _scored: Scored

    @classmethod
    def _lazy(cls) -> list[str]:
        """Names of what is computed when asked for."""
        return [
            name for part in cls.__mro__ for name, found in vars(part).items() if isinstance(found, cached_property)
        ]

    def _forget(self) -> None:
        """Drop what an earlier fit has computed."""
        for name in self._lazy():
            self.__dict__.pop(name, None)

    def __getstate__(self) -> Any:
        """What is computed when asked for is left out of copies."""
        lazy = self._lazy()
        state: Any = super().__getstate__()
        return {name: value for name, value in state.items() if name not in lazy}

    @cached_property
    def _complete(self) -> Scored:
        """The scores with slacks."""
        check_is_fitted(self)
        with one_thread():
            complete = self._frontier.slack_stage(self._own_units, self._scored)
        if complete.rough:
            names = ", ".join(repr(plain_name(self.units_[place])) for place in complete.rough[:3])
            more = f" and {len(complete.rough) - 3} more" if len(complete.rough) > 3 else ""
            warnings.warn(
                f"{type(self).__name__}: slacks and targets of unit {names}{more} are accurate to 1e-7 of its own "
                "values at best, and perhaps not the largest, since its numbers differ too much in size. Scores are "
                "not affected.",
                ModpartWarning,
                stacklevel=2,
            )
        return complete

    @property
    def _own_units(self) -> Any:
        return self._frontier.own_units(allowed=not getattr(self, "super_efficiency", False))

    @cached_property
    def slacks_(self) -> np.ndarray:
        """Slack of each input and output after the move, shape (n_units, m + s)."""
        return np.asarray(self._complete.slacks)

    @cached_property
    def lambdas_(self) -> csr_array:
        """Intensity of each peer (column) for each unit (row), sparse, shape (n_units, n_units)."""
        return self._complete.lambdas

    @cached_property
    def targets_(self) -> np.ndarray:
        """Inputs, outputs and undesirable outputs that the unit is asked to reach, shape (n_units, m + s + p)."""
        moved = self._complete.moved.copy()
        m, width = len(self.columns_.inputs), self.slacks_.shape[1]
        moved[:, :width] += np.where(np.arange(width) < m, -self.slacks_, self.slacks_)
        return moved

    @cached_property
    def peers_(self) -> list[list[Any]]:
        """Labels of the peers of each unit, the one with the largest intensity first."""
        return [list(self.peers(place=place).index) for place in range(len(self.units_))]

    @cached_property
    def weights_(self) -> np.ndarray | None:
        """Optimal weights (multipliers) of inputs, outputs, undesirable outputs, and the free term.

        Shape (n_units, m + s + p + 1). They need not be the only optimal ones. None for free disposal hulls and for
        slacks-based measures.
        """
        check_is_fitted(self)
        dual = self._scored.dual
        if dual is None:
            return None
        weights = dual[:, : len(self.columns_.order)]
        free = dual[:, len(self.columns_.order) :]
        sign = -1.0 if self._frontier.orientation == "output" else 1.0
        return np.hstack([weights, sign * free if free.shape[1] else np.zeros((len(dual), 1))])

    @cached_property
    def efficient_(self) -> np.ndarray:
        """Whether each unit reaches the frontier (perhaps with slack), shape (n_units,), bool."""
        check_is_fitted(self)
        if self._frontier.measure in ("additive", "mip"):
            size = np.abs(np.hstack([self._frontier.technology.X, self._frontier.technology.Y]))
            return (self.slacks_ <= EFFICIENT * np.maximum(size, 1e-300)).all(axis=1)
        return self.efficiency_ >= 1.0 - EFFICIENT

    @cached_property
    def strongly_efficient_(self) -> np.ndarray:
        """Whether each unit reaches the frontier without slack, or is beyond that of the others, shape (n_units,)."""
        technology = self._frontier.technology
        size = np.hstack([technology.X, technology.Y])
        size = np.where(size != 0.0, np.abs(size), technology.largest[: size.shape[1]])
        slack = np.where(np.isfinite(self.slacks_), self.slacks_, 0.0)
        return self.efficient_ & ((slack <= EFFICIENT * size).all(axis=1) | (self.efficiency_ > 1.0 + EFFICIENT))

    @cached_property
    def frontier_indices_(self) -> np.ndarray:
        """Positions of the units on the frontier."""
        return np.flatnonzero(self.efficient_)

    @cached_property
    def scale_efficiency_(self) -> np.ndarray:
        """Efficiency under constant returns over efficiency under variable returns, shape (n_units,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._under("crs") / self._under("vrs")

    @cached_property
    def rts_(self) -> np.ndarray:
        """Returns to scale where each unit is projected: "constant", "increasing" or "decreasing".

        By comparing scores (Faere, Grosskopf & Lovell 1985), so that alternative optimal weights do not matter.
        """
        constant, variable, nirs = (self._under(returns) for returns in ("crs", "vrs", "nirs"))
        with np.errstate(invalid="ignore"):
            grows = np.where(np.abs(nirs - variable) <= SAME * variable, "decreasing", "increasing")
            return np.where(np.abs(constant - variable) <= SAME * variable, "constant", grows)

    def _under(self, returns: str) -> np.ndarray:
        """Efficiency of the units under other returns to scale."""
        check_is_fitted(self)
        frontier = self._frontier
        if frontier.measure != "radial" or frontier.orientation == "directional":
            raise ParameterError(
                f"{type(self).__name__}: returns to scale and scale efficiency compare radial scores. Fit with "
                "measure='radial' and orientation 'input', 'output' or 'hyperbolic'."
            )
        if returns == frontier.technology.returns:
            return self.efficiency_
        with one_thread():
            return frontier.returning(returns).score(self._own_units).efficiency

    # ---- one unit ---------------------------------------------------------------------------------------------
    def place_of(self, unit: Any) -> int:
        """Position of a unit by its label.

        Parameters
        ----------
        unit : label
            As in the index of the DataFrame that was fitted, or a position where there was none.

        Returns
        -------
        place : int

        Raises
        ------
        ParameterError
            When there is no such unit, or more than one.
        """
        check_is_fitted(self)
        found = np.flatnonzero([label == unit for label in self.units_])
        if len(found) == 1:
            return int(found[0])
        owner = type(self).__name__
        if len(found) > 1:
            raise ParameterError(f"{owner}: {len(found)} units are called {unit!r}. Give each unit a name of its own.")
        raise ParameterError(
            f"{owner}: there is no unit {unit!r}. {suggest(str(unit), [str(u) for u in self.units_[:50]])}"
        )

    def peers(self, unit: Any = None, *, place: int | None = None) -> pd.Series:
        """Peers of one unit with their intensities, the largest first.

        Parameters
        ----------
        unit : label
            Name of the unit.
        place : int or None, default=None
            Its position instead.

        Returns
        -------
        peers : Series of float64
            Intensities, indexed by the labels of the peers.
        """
        place = self.place_of(unit) if place is None else place
        start, stop = self.lambdas_.indptr[place : place + 2]
        weight, column = self.lambdas_.data[start:stop], self.lambdas_.indices[start:stop]
        shown = weight > 1e-9 * weight.max(initial=0.0)
        order = np.argsort(-weight[shown], kind="stable")
        return pd.Series(weight[shown][order], index=self.units_[column[shown][order]], name="intensity")

    def to_frame(self) -> pd.DataFrame:
        """All units in one table.

        Returns
        -------
        table : DataFrame
            Score, efficiency, rank (1 is best), whether strongly efficient, peers, and for each column its target and,
            where it has one, its slack; the index holds the names of the units.
        """
        check_is_fitted(self)
        order = np.where(np.isnan(self.efficiency_), -self.scores_, self.efficiency_)
        table = pd.DataFrame({"score": self.scores_, "efficiency": self.efficiency_}, index=pd.Index(self.units_))
        table["rank"] = (
            pd.Series(np.round(order, 9), index=table.index).rank(ascending=False, method="min").astype("Int64")
        )
        table["status"] = self.status_
        table["strongly_efficient"] = self.strongly_efficient_
        table["peers"] = [
            "; ".join(f"{name} ({weight:.3g})" for name, weight in self.peers(place=k).items())
            for k in range(len(self.units_))
        ]
        for j, name in enumerate(self.columns_.names):
            table[f"target_{name}"] = self.targets_[:, j]
            if j < self.slacks_.shape[1]:
                table[f"slack_{name}"] = self.slacks_[:, j]
        return table
