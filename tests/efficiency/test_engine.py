"""The engine's ways to the answer: cold, from neighbours, in two rounds, by HiGHS, in parallel: one answer."""

from itertools import pairwise

import numpy as np
import pytest
from joblib import parallel_config

import modpart.efficiency._models.evaluate as evaluate
import modpart.efficiency._models.warm as warm
import modpart.efficiency._simplex.solve as solving
from modpart.datasets import make_frontier
from modpart.efficiency import DEA
from modpart.efficiency._models.frontier import Frontier
from modpart.efficiency._models.radial import Directional
from modpart.efficiency._models.technology import Technology
from modpart.efficiency._simplex.programs import INFEASIBLE
from modpart.exceptions import ModpartWarning
from tests.efficiency.problems import KINDS, problem

RETURNS = ["crs", "vrs", "nirs", "ndrs"]


def scored(X, Y, returns, orientation="input", skip=False, **settings):
    model = Frontier(Technology.of(X, Y, returns), orientation, **settings)
    return model.score(model.own_units(allowed=not skip))


@pytest.mark.parametrize("returns", RETURNS)
@pytest.mark.parametrize("orientation", ["input", "output", "directional"])
def test_every_way_leads_to_the_same_scores(returns, orientation, monkeypatch):
    for kind in KINDS:
        X, Y = problem(kind, 3, 2, 110, 0)
        for skip in (False, True):
            monkeypatch.setattr(evaluate, "FEW", 10**6)
            cold = scored(X, Y, returns, orientation, skip)
            monkeypatch.setattr(evaluate, "FEW", 20)
            monkeypatch.setattr(evaluate, "CHUNK", 50)
            monkeypatch.setattr(evaluate, "PART", 30)
            for many in (10**6, 20):
                monkeypatch.setattr(evaluate, "MANY", many)
                monkeypatch.setattr(evaluate, "SPLIT", 1e3 if many == 20 else 5e6)
                other = scored(X, Y, returns, orientation, skip)
                np.testing.assert_array_equal(other.status, cold.status)
                np.testing.assert_allclose(other.scores, cold.scores, rtol=1e-9, atol=1e-9)
                solved = other.stage[1]
                assert solved.gap.max() < 1e-9 and not solved.fallback.any()
                if not skip:
                    prices = other.dual
                    left = prices @ Technology.of(X, Y, returns).shared_columns().T
                    size = np.abs(prices) @ np.abs(Technology.of(X, Y, returns).shared_columns().T)
                    assert (left <= 1e-8 * (1 + size)).all(), "no unit at all has a gain"


@pytest.mark.parametrize("skip", [False, True])
def test_samples_too_are_compared_with_every_unit(skip, monkeypatch):
    """Where no second round follows nothing is left to a working set, however much there is to compare."""
    X, Y, _ = make_frontier(600, random_state=0)
    expected = scored(X, Y, "vrs", skip=skip)
    monkeypatch.setattr(evaluate, "MUCH", 0)
    found = scored(X, Y, "vrs", skip=skip)
    np.testing.assert_array_equal(found.status, expected.status)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-9)


def test_what_the_engine_does_not_finish_goes_to_highs(monkeypatch):
    for kind in ("smooth", "zeros"):
        X, Y = problem(kind, 3, 2, 40, 0)
        for skip in (False, True):
            expected = scored(X, Y, "vrs", skip=skip)
            with monkeypatch.context() as patch:
                patch.setattr(solving, "MOST_STEPS", 3)
                found = scored(X, Y, "vrs", skip=skip)
            assert found.stage[1].fallback.sum() > 10
            np.testing.assert_allclose(found.scores, expected.scores, atol=1e-8)
            np.testing.assert_array_equal(found.status, expected.status)
            model = Frontier(Technology.of(X, Y, "vrs"))
            units = model.own_units(allowed=not skip)
            slacks = [model.slack_stage(units, each).slacks.sum(axis=1) for each in (found, expected)]
            np.testing.assert_allclose(*slacks, atol=1e-5)


@pytest.mark.parametrize("count", [200, 201, 999, 5000])
def test_samples_hold_every_place_once_and_grow(count):
    parts = warm.samples(count)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(count))
    assert len(parts[0]) < 300 and all(len(a) < len(b) for a, b in pairwise(parts))


@pytest.mark.parametrize("returns", RETURNS)
def test_a_unit_begins_at_the_prices_that_bound_it_best(returns):
    """With the bases of all units known each finds its own bound, which no other one's exceeds."""
    X, Y = problem("smooth", 3, 2, 60, 0)
    technology = Technology.of(X, Y, returns)
    units = Frontier(technology).own_units()
    model = Directional(np.hstack([X, 0 * Y]))
    found = evaluate.evaluate(model, technology, units).solution
    known = warm.Known.of(found, np.arange(60), model.own, units.place, np.zeros(60, dtype=bool))
    assert len(known) > 40
    programs = model.programs(technology, units, technology.shared_columns(), technology.largest, None)
    begun = known.begin(programs, technology.largest)
    again = solving.solve(programs, np.arange(60), [np.arange(60)], begun)
    np.testing.assert_allclose(again.value, found.value, atol=1e-9)
    move, rhs = (part / programs.scale for part in (programs.columns[:, 0], programs.rhs))
    bound = -(rhs @ known.prices.T) / (move @ known.prices.T)
    assert (bound <= found.value[:, None] + 1e-9).all()
    own = np.isin(np.arange(60), known.place)
    np.testing.assert_allclose(bound.max(axis=1)[own], found.value[own], atol=1e-9)


@pytest.mark.parametrize("part", [50_000, 300])
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_one_worker_or_two_give_the_same_bits(backend, part, monkeypatch):
    monkeypatch.setattr(evaluate, "SPLIT", 1e5)  # parts, two rounds
    monkeypatch.setattr(evaluate, "MANY", 1000)
    monkeypatch.setattr(evaluate, "PART", part)
    X, Y, _ = make_frontier(1500, random_state=0)
    alone = scored(X, Y, "vrs")
    with parallel_config(backend):
        spread = scored(X, Y, "vrs", n_jobs=2)
    np.testing.assert_array_equal(alone.scores, spread.scores)
    np.testing.assert_array_equal(alone.dual, spread.dual)
    assert (alone.lambdas != spread.lambdas).nnz == 0


def test_intensities_are_few_and_make_the_projection():
    X, Y, _ = make_frontier(1500, random_state=1)
    found = scored(X, Y, "vrs")
    assert np.diff(found.lambdas.indptr).max() <= 7
    np.testing.assert_allclose(found.lambdas.sum(axis=1), 1.0, atol=1e-9)
    assert (found.lambdas @ X <= X * found.scores[:, None] * (1 + 1e-8)).all()
    assert (found.lambdas @ Y >= Y * (1 - 1e-8)).all()


def test_progress_is_told_and_changes_nothing(monkeypatch, capsys):
    monkeypatch.setattr(evaluate, "CHUNK", 100)
    X, Y, _ = make_frontier(900, random_state=0)
    quiet, told = (DEA([0, 1, 2], [3, 4, 5], verbose=v).fit(np.hstack([X, Y])) for v in (0, 1))
    np.testing.assert_array_equal(quiet.scores_, told.scores_)
    assert "[DEA] chunk" in capsys.readouterr().out


@pytest.mark.parametrize("returns", RETURNS)
def test_a_zero_keeps_out_whoever_has_any(returns):
    """Also a unit with a trillionth of what the others have."""
    X = np.array([[0.0, 4.0], [0.0, 2.0], [1e-9, 1.0], [1e3, 1.0], [1e3, 3.0]])
    Y = np.array([[1.0], [1.0], [1.0], [1.0], [2.0]])
    for orientation, expected in (("input", 0.5), ("directional", 1 / 3 if returns in ("crs", "ndrs") else 0.0)):
        found = scored(X, Y, returns, orientation)
        np.testing.assert_allclose(
            found.efficiency[0] if orientation == "input" else found.scores[0], expected, atol=1e-12
        )
        assert not found.lambdas.toarray()[0, 2:].any()
    for measure in ("sbm", "additive", "mip", "russell"):
        dea = DEA([0, 1], [2], technology=returns, measure=measure, data_warnings=False).fit(np.hstack([X, Y]))
        assert not dea.lambdas_.toarray()[0, 2:].any()


def test_what_a_small_unit_lacks_is_found_to_the_last(monkeypatch):
    """Ranges of a column that are ten million times a unit's own value: each small gain counts ten million times."""
    rng = np.random.default_rng(0)
    X = np.exp(rng.normal(0, 1, (12, 2)))
    Y = np.exp(rng.normal(0, 1, (12, 2))) * [1.0, 1e7]
    Y[:4, 1] /= 1e8
    for measure in ("ram", "bam", "additive", "sbm"):
        for returns in RETURNS:
            dea = DEA([0, 1], [2, 3], technology=returns, measure=measure, data_warnings=False)
            found = dea.fit(np.hstack([X, Y])).scores_
            with monkeypatch.context() as patch:
                patch.setattr(solving, "MOST_STEPS", 0)  # HiGHS
                expected = dea.fit(np.hstack([X, Y])).scores_
            atol = 1e-9 * (Y.max() if measure == "additive" else 1.0)
            np.testing.assert_allclose(found, expected, rtol=1e-8, atol=atol)


def test_trouble_of_highs_with_a_feasible_unit_is_not_called_infeasible(monkeypatch):
    from modpart.efficiency._simplex import highs

    honest, asked = highs.linprog, []

    def troubled(*arguments, **options):
        answer = honest(*arguments, **options)
        asked.append(options["method"])
        if len(asked) % 3:
            answer.status = 4 if len(asked) % 3 == 1 else 2
        return answer

    X, Y = problem("smooth", 3, 2, 12, 0)
    expected = scored(X, Y, "vrs").scores
    monkeypatch.setattr(highs, "linprog", troubled)
    monkeypatch.setattr(solving, "MOST_STEPS", 0)
    np.testing.assert_allclose(scored(X, Y, "vrs").scores, expected, atol=1e-6)
    assert asked[2::3] == ["highs-ipm"] * 12


def test_slacks_that_are_rough_are_said_to_be(monkeypatch):
    from modpart.efficiency._models import second_stage

    def never(programs, *_):
        nothing = second_stage.Solution.empty(len(programs), programs.rhs.shape[1], programs.columns.shape[1])
        nothing.status[:] = INFEASIBLE
        return nothing

    X, Y = problem("smooth", 3, 2, 12, 0)
    dea = DEA([0, 1, 2], [3, 4], data_warnings=False).fit(np.hstack([X, Y]))
    exact = dea.slacks_
    dea.fit(np.hstack([X, Y]))
    monkeypatch.setattr(second_stage, "solve", never)
    with pytest.warns(ModpartWarning, match=r"targets of unit 0, 1, 2 and 9 more are accurate to 1e-7"):
        rough = dea.slacks_
    np.testing.assert_allclose(rough.sum(axis=1), exact.sum(axis=1), atol=1e-5)
