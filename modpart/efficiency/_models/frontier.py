"""A frontier and a way to measure the distance to it: what estimator, indices and statistics all ask for scores."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array

from modpart.efficiency._models.additive import Additive, range_bounds, slack_weights
from modpart.efficiency._models.evaluate import Answer, evaluate, moves
from modpart.efficiency._models.fdh import fdh_additive, fdh_distance
from modpart.efficiency._models.hyperbolic import Tangent
from modpart.efficiency._models.radial import Directional, direction_of
from modpart.efficiency._models.restrictions import Restrictions
from modpart.efficiency._models.sbm import SlacksBased, SuperSlacksBased
from modpart.efficiency._models.second_stage import largest_slacks
from modpart.efficiency._models.technology import Evaluated, Technology
from modpart.efficiency._simplex.programs import INFEASIBLE, OPTIMAL, Solution

__all__ = ["EFFICIENT", "UNDEFINED", "Frontier", "Scored"]

EFFICIENT = 1e-6  # how close to one a score has to be
UNDEFINED = 3  # status of a unit that has nothing to move
NEWTON_STEPS = 60
NEWTON_TOL = 1e-13


@dataclass(frozen=True)
class Scored:
    """Scores of some units, and what led to them.

    Attributes
    ----------
    scores : ndarray of shape (U,)
        Optimum of the model; ``inf`` or ``-inf`` where it is infeasible, nan where there is nothing to move.
    efficiency : ndarray of shape (U,)
        The same as "1 is best", nan where that is not defined.
    status : ndarray of shape (U,), int8
    lambdas : csr_array of shape (U, n)
    dual : ndarray of shape (U, R) or None
        Prices of the rows; None for free disposal hulls and for measures without a meaning for them.
    moved : ndarray of shape (U, m + s + p)
        Inputs and outputs after the move that the score asks for, before any slack.
    slacks : ndarray of shape (U, m + s) or None
        None where a second stage has yet to find them.
    stage : tuple or None
        Model, solution and rows of the units, for the second stage.
    rough : tuple of int
        Units whose slacks the second stage could not find exactly.
    """

    scores: np.ndarray
    efficiency: np.ndarray
    status: np.ndarray
    lambdas: csr_array
    dual: np.ndarray | None
    moved: np.ndarray
    slacks: np.ndarray | None
    stage: tuple[Any, Solution, np.ndarray] | None
    rough: tuple[int, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Plain arrays in place of the sparse one, which files could hold with places outside itself."""
        table = self.lambdas.tocoo()
        return vars(self) | {"lambdas": (*table.coords, table.data, self.lambdas.shape)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        row, column, values, shape = state["lambdas"]
        vars(self).update(state, lambdas=csr_array(coo_array((values, (row, column)), shape=shape)))


@dataclass(frozen=True)
class Frontier:
    """A technology and a measure of distance.

    Attributes
    ----------
    technology : Technology
    orientation : {"input", "output", "directional", "hyperbolic"}
    measure : {"radial", "additive", "mip", "ram", "bam", "sbm", "russell"}
    discretionary : ndarray of shape (m + s + p,), bool, or None
        Columns that a unit can choose; None for all.
    direction : callable or None
        Takes the units and returns their direction, shape (U, m + s + p); for the orientation "directional".
    weights : ndarray of shape (m + s,) or None
        Weights of the slacks, in the second stage and in the additive measure; None for ones.
    restrictions : Restrictions or None
        Those of `technology.trade_offs` aside, they differ from unit to unit.
    bounds : ndarray of shape (2, m + s) or None
        Least and largest weights of the radial measure.
    n_jobs : int or None
    report : callable or None
        Called with a few words whenever some chunks of units are done.
    """

    technology: Technology
    orientation: str = "input"
    measure: str = "radial"
    discretionary: np.ndarray | None = None
    direction: Callable[[Evaluated], np.ndarray] | None = None
    weights: np.ndarray | None = None
    restrictions: Restrictions | None = None
    bounds: np.ndarray | None = None
    n_jobs: int | None = field(default=None, compare=False)
    report: Callable[[str], object] | None = field(default=None, compare=False)

    def returning(self, returns: str) -> "Frontier":
        """The same with other returns to scale."""
        return replace(self, technology=replace(self.technology, returns=returns))

    def of(self, X: np.ndarray, Y: np.ndarray) -> "Frontier":
        """The same with other reference units (without undesirable outputs)."""
        return replace(self, technology=replace(self.technology, X=X, Y=Y, B=np.empty((len(X), 0))))

    def units(self, X: np.ndarray, Y: np.ndarray, B: np.ndarray | None = None) -> Evaluated:
        """Units that are not among the reference units."""
        B = np.empty((len(X), 0)) if B is None else B
        return Evaluated(X, Y, B, np.full(len(X), -1), allowed=False)

    def own_units(self, *, allowed: bool = True) -> Evaluated:
        """The reference units themselves."""
        t = self.technology
        return Evaluated(t.X, t.Y, t.B, np.arange(len(t)), allowed)

    def score(self, units: Evaluated) -> Scored:
        """Measure the distance of each unit."""
        if self.measure == "sbm":
            return self._slacks_based(units)
        if self.measure != "radial":
            return self._additive(units)
        return self._hyperbolic(units) if self.orientation == "hyperbolic" else self._move(units)

    def efficiencies(self, units: Evaluated) -> np.ndarray:
        """Radial efficiencies alone, where all units can move (not of free disposal hulls)."""
        return self._as_scores(moves(Directional(self._direction(units)), self.technology, units))[1]

    def slack_stage(self, units: Evaluated, scored: Scored) -> Scored:
        """Add the largest slacks to scores that have none, and the intensities that go with them."""
        if scored.slacks is not None or scored.stage is None:
            return scored
        model, solution, rows = scored.stage
        weights = self._stage_weights(units)
        slacks = np.full((len(units), weights.shape[1]), np.nan)
        lambdas, inexact = scored.lambdas, rows[:0]
        if len(rows):
            some = units.take(rows)
            extra = self._extra(some)
            found, answer, rough = largest_slacks(
                model, self.technology, some, solution, weights[rows], extra=extra, n_jobs=self.n_jobs
            )
            size = np.where(some.values == 0.0, self.technology.largest, np.abs(some.values))
            slacks[rows] = np.where(found > 1e-12 * size[:, : found.shape[1]], found, 0.0)
            lambdas, inexact = _spread_rows(answer.lambdas, rows, len(units)), rows[rough]
        return replace(scored, slacks=slacks, lambdas=lambdas, rough=tuple(inexact.tolist()))

    # ---- moves ------------------------------------------------------------------------------------------------
    def _move(self, units: Evaluated) -> Scored:
        direction = self._direction(units)
        movable = np.flatnonzero((direction > 0.0).any(axis=1))
        beta = np.full(len(units), np.nan)
        status = np.full(len(units), UNDEFINED, dtype=np.int8)
        some = units.take(movable)
        if self.technology.returns == "fdh":
            beta[movable], peer = fdh_distance(self.technology, some, direction[movable])
            status[movable] = np.where(peer >= 0, OPTIMAL, INFEASIBLE)
            scored = self._of_peers(units, movable, peer)
            dual, stage = None, None
            slacks = None
        else:
            model = Directional(direction[movable], self.bounds)
            answer = self._evaluate(model, some)
            beta[movable] = np.where(answer.feasible, model.distance(answer.solution), -np.inf)
            status[movable] = answer.solution.status
            scored = _spread_rows(answer.lambdas, movable, len(units))
            dual, stage, slacks = *_staged(model, answer, movable, len(units)), None
        m, s = units.X.shape[1], units.Y.shape[1]
        column = np.arange(direction.shape[1])
        sign = np.where((column < m) | (column >= m + s), -1.0, 1.0)
        step = np.where(np.isfinite(beta), beta, np.nan)
        if self.bounds is not None:  # the weights say how far to move and what to slacken: no second stage
            step[movable] = answer.solution.own[:, 0]
            slacks, stage = np.full((len(units), m + s), np.nan), None
            slacks[movable] = model.slacks(answer.solution, some, self.technology.largest)
        moved = units.values + sign * step[:, None] * direction
        if self.technology.returns == "fdh":
            slacks = self._fdh_slacks(scored, moved, status)
        return Scored(*self._as_scores(beta), status, scored, dual, moved, slacks, stage)

    def _hyperbolic(self, units: Evaluated) -> Scored:
        discretionary = self._discretionary(units)
        answer = self._evaluate(Tangent(np.ones(len(units)), discretionary), units)
        solutions, lambdas, status = answer.solution, answer.lambdas.tolil(), answer.solution.status
        gamma = np.where(answer.feasible, solutions.own[:, 0], np.inf)
        left = np.flatnonzero(answer.feasible & (gamma > 0.0))
        for _ in range(NEWTON_STEPS):
            if not len(left):
                break
            model = Tangent(gamma[left], discretionary)
            answer = self._evaluate(model, units.take(left))
            solutions.put(left, answer.solution)
            lambdas[left] = answer.lambdas
            new = np.where(answer.feasible, model.distance(answer.solution), gamma[left])
            moved = new - gamma[left] > NEWTON_TOL * np.maximum(new, 1.0)
            gamma[left] = np.where(moved, new, gamma[left])
            left = left[moved]
        feasible = status == OPTIMAL
        m, s = units.X.shape[1], units.Y.shape[1]
        column = np.arange(units.values.shape[1])
        is_output = (column >= m) & (column < m + s)
        held = np.where(feasible, gamma, np.nan)[:, None]
        moved = units.values * np.where(discretionary, np.where(is_output, 1.0 / held, held), 1.0)
        rows = np.flatnonzero(feasible)
        stage = Tangent(gamma[rows], discretionary), solutions.take(rows), rows
        dual = np.where(feasible[:, None], solutions.dual, np.nan)
        return Scored(gamma, gamma, status, csr_array(lambdas), dual, moved, None, stage)

    def _as_scores(self, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score and efficiency of a distance."""
        if self.orientation == "input":
            return 1.0 - beta, 1.0 - beta
        if self.orientation == "output":
            with np.errstate(divide="ignore"):
                return 1.0 + beta, np.where(np.isneginf(beta), np.inf, 1.0 / (1.0 + beta))
        return beta, 1.0 - beta

    # ---- slacks -----------------------------------------------------------------------------------------------
    def _additive(self, units: Evaluated) -> Scored:
        technology = self.technology
        name = f"russell_{self.orientation}" if self.measure == "russell" else self.measure
        weights, fixed = slack_weights(name, technology, units, self.weights)
        weights = weights * self._discretionary(units)[: weights.shape[1]]
        if technology.returns == "fdh":
            value, peer = fdh_additive(technology, units, weights, fixed)
            status = np.where(peer >= 0, OPTIMAL, INFEASIBLE).astype(np.int8)
            lambdas, dual = self._of_peers(units, np.arange(len(units)), peer), None
            slacks = self._fdh_slacks(lambdas, units.values, status)
        else:
            free = np.zeros(weights.shape[1], dtype=bool)
            bounded = self.measure == "bam" and technology.returns != "vrs"
            if bounded:
                value, answer, slacks = self._within_range(units, weights, fixed, free)
            else:
                model = Additive(weights, fixed, free)
                answer = self._evaluate(model, units)
                value = model.total(answer.solution, units)
                slacks = model.slacks(answer.solution, units, technology.largest)
            status, lambdas = answer.solution.status, answer.lambdas
            dual = None if bounded else np.where(answer.feasible[:, None], answer.solution.dual, np.nan)
        feasible = status == OPTIMAL
        value = np.where(feasible, np.where(np.abs(value) < 1e-12, 0.0, value), -np.inf)
        slacks = np.where(feasible[:, None], np.maximum(slacks, 0.0), np.nan)
        scores, efficiency = value, np.full(len(units), np.nan)
        if self.measure in ("ram", "bam"):
            efficiency = 1.0 - value
        elif name == "russell_input":
            scores = efficiency = 1.0 - value
        elif name == "russell_output":
            scores = 1.0 + value
            efficiency = np.where(feasible, 1.0 / np.where(feasible, scores, 1.0), np.inf)
        return Scored(scores, efficiency, status, lambdas, dual, units.values.copy(), slacks, None)

    def _within_range(
        self, units: Evaluated, weights: np.ndarray, fixed: np.ndarray, free: np.ndarray
    ) -> tuple[np.ndarray, Answer, np.ndarray]:
        """Additive programmes whose projection has no less input and no more output than the reference units have."""
        t = self.technology
        low, high = range_bounds(t)
        wide = replace(t, X=np.hstack([t.X, t.Y]), Y=np.hstack([t.Y, t.X]))
        both = replace(units, X=np.hstack([units.X, units.Y]), Y=np.hstack([units.Y, units.X]))
        m, s, n = units.X.shape[1], units.Y.shape[1], len(units)
        zeros = np.zeros((n, s)), np.zeros((n, m))
        ends = [-units.X, np.broadcast_to(-high, (n, s)), units.Y, np.broadcast_to(low, (n, m)), units.B]
        model = Additive(
            np.hstack([weights[:, :m], zeros[0], weights[:, m:], zeros[1]]),
            np.hstack([fixed[:, :m], zeros[0] > 0.0, fixed[:, m:], zeros[1] > 0.0]),
            np.zeros(2 * (m + s), dtype=bool),
            np.hstack(ends),
        )
        answer = evaluate(model, wide, both, n_jobs=self.n_jobs)
        slacks = model.slacks(answer.solution, both, wide.largest)
        return model.total(answer.solution, both), answer, np.hstack([slacks[:, :m], slacks[:, m + s : m + 2 * s]])

    def _slacks_based(self, units: Evaluated) -> Scored:
        technology = self.technology
        answer = self._evaluate(SlacksBased(), units)
        status = answer.solution.status.copy()
        scores = np.where(answer.feasible, answer.solution.value, np.nan)
        slacks = SlacksBased().slacks(answer.solution, units, technology.largest)
        norm = np.where(answer.feasible, answer.solution.own[:, 0], 1.0)
        lambdas = csr_array(answer.lambdas.multiply(1.0 / norm[:, None]))
        beyond = np.flatnonzero(answer.infeasible)
        if len(beyond):
            better = self._evaluate(SuperSlacksBased(), units.take(beyond))
            scores[beyond] = np.where(better.feasible, better.solution.value, np.inf)
            status[beyond] = better.solution.status
            norm = np.where(better.feasible, better.solution.own[:, 0], 1.0)
            lambdas = lambdas + _spread_rows(
                csr_array(better.lambdas.multiply(1.0 / norm[:, None])), beyond, len(units)
            )
            width = slacks.shape[1]
            size = np.abs(units.take(beyond).values)
            size = np.where(size > 0.0, size, technology.largest)[:, :width]
            slacks[beyond] = -better.solution.own[:, 2 : 2 + width] / norm[:, None] * size
        slacks[status != OPTIMAL] = np.nan
        return Scored(scores, scores.copy(), status, csr_array(lambdas), None, units.values.copy(), slacks, None)

    # ---- pieces -----------------------------------------------------------------------------------------------
    def _evaluate(self, model: Any, units: Evaluated) -> Answer:
        return evaluate(model, self.technology, units, extra=self._extra(units), n_jobs=self.n_jobs, report=self.report)

    def _extra(self, units: Evaluated) -> np.ndarray | None:
        return None if self.restrictions is None else self.restrictions.of_units(units)

    def _discretionary(self, units: Evaluated) -> np.ndarray:
        width = units.values.shape[1]
        return np.ones(width, dtype=bool) if self.discretionary is None else self.discretionary

    def _stage_weights(self, units: Evaluated) -> np.ndarray:
        width = units.X.shape[1] + units.Y.shape[1]
        weights = np.ones(width) if self.weights is None else self.weights
        return np.broadcast_to(weights * self._discretionary(units)[:width], (len(units), width))

    def _direction(self, units: Evaluated) -> np.ndarray:
        if self.orientation == "directional" and self.direction is not None:
            return self.direction(units) * self._discretionary(units)
        return direction_of(self.orientation, units, self._discretionary(units))

    def _of_peers(self, units: Evaluated, rows: np.ndarray, peer: np.ndarray) -> csr_array:
        there = peer >= 0
        entries = np.ones(int(there.sum())), (rows[there], peer[there])
        return csr_array(entries, shape=(len(units), len(self.technology)))

    def _fdh_slacks(self, lambdas: csr_array, moved: np.ndarray, status: np.ndarray) -> np.ndarray:
        t = self.technology
        m = t.X.shape[1]
        width = m + t.Y.shape[1]
        projected = lambdas @ np.hstack([t.X, t.Y])
        slacks = np.where(np.arange(width) < m, moved[:, :width] - projected, projected - moved[:, :width])
        slacks = np.where(slacks > 1e-12 * np.abs(moved[:, :width]), slacks, 0.0)
        return np.where((status == OPTIMAL)[:, None], slacks, np.nan)


def _staged(
    model: Directional, answer: Answer, rows: np.ndarray, n_units: int
) -> tuple[np.ndarray, tuple[Any, Solution, np.ndarray]]:
    """Prices of all units, and what the second stage needs of those that are feasible."""
    dual = np.full((n_units, answer.solution.dual.shape[1]), np.nan)
    dual[rows] = np.where(answer.feasible[:, None], answer.solution.dual, np.nan)
    kept = np.flatnonzero(answer.feasible)
    return dual, (model.take(kept), answer.solution.take(kept), rows[kept])


def _spread_rows(table: csr_array, rows: np.ndarray, n_rows: int) -> csr_array:
    """A sparse table with its rows put at `rows` of a taller one."""
    if len(rows) == n_rows:
        return table
    counts = np.zeros(n_rows + 1, dtype=table.indptr.dtype)
    counts[rows + 1] = np.diff(table.indptr)
    return csr_array((table.data, table.indices, np.cumsum(counts)), shape=(n_rows, table.shape[1]))
