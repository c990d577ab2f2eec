"""The accuracy mode of PartitionedRegressor: what its parts compute, when it helps, and when it stands back."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import KFold, LeaveOneOut, ShuffleSplit, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from modpart.datasets import make_friedman, make_linear, make_pure_noise
from modpart.exceptions import ParameterError
from modpart.partition import ActivePartitioner, BayesianExpert, PartitionedRegressor, _partitioned_regressor
from modpart.partition._bag.accuracy import CorrectedModel, _weigh, shares_of_close, stacking_weights
from modpart.partition._bag.bag import Bag, Family, folds_of
from modpart.partition._bag.held_out import HeldOut, Table
from modpart.partition._bag.mean_of import MeanOf
from modpart.partition._bag.ridge import ALPHAS, PolynomialRidge


def steps(n_samples, seed):
    """Four planes over four quadrants, a little noise."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n_samples, 4))
    slope = np.where(X[:, 0] > 0, 2.0, -2.0) * np.where(X[:, 1] > 0.2, 1.0, 0.3)
    return X, slope * X[:, 2] + X[:, 3] + 0.1 * rng.normal(size=n_samples)


def in_order(X, y):
    """The rows as every fit sorts them, so that sums have the same bits."""
    order = np.lexsort(X.T[::-1])
    return X[order], y[order]


def accurate(estimator=None, **changes):
    return PartitionedRegressor(
        estimator=estimator, mode="accuracy", **{"n_trees": 3, "cv": 4, "random_state": 0} | changes
    )


@pytest.fixture(scope="module")
def fitted():
    X, y = steps(300, 0)
    return X, y, accurate(Ridge()).fit(X, y)


def test_better_than_one_model_where_laws_change(fitted):
    X, y, model = fitted
    new, target = steps(1000, 1)
    single = Ridge().fit(X, y)
    ratio = mean_squared_error(target, model.predict(new)) / mean_squared_error(target, single.predict(new))
    assert ratio < 0.3
    assert 0.3 < model.gain_ < 1 - ratio + 0.15  # folds have fewer rows to find the quadrants with
    assert 0 < model.gain_se_ < model.gain_
    assert 1 < model.n_partitions_ <= 8


@pytest.mark.parametrize("make", [make_linear, make_pure_noise])
def test_one_law_gives_exactly_the_single_model(make):
    X, y, _ = make(200, random_state=1)
    model = accurate(RidgeCV()).fit(X, y)
    assert model.n_partitions_ == 1
    assert model.gain_ <= 1.5 * model.gain_se_
    np.testing.assert_array_equal(model.predict(X), RidgeCV().fit(*in_order(X, y)).predict(X))


def test_without_fallback_parts_are_kept_whatever_they_gain(fitted):
    X, y, _ = fitted
    noise = np.random.default_rng(1).permutation(y)
    back, kept = accurate(Ridge()).fit(X, noise), accurate(Ridge(), fallback=False).fit(X, noise)
    assert kept.gain_ == back.gain_ <= 1.5 * back.gain_se_
    assert len(kept.bag_.weights) > len(back.bag_.weights) == 1


@pytest.mark.parametrize("seed", [1, 3])  # parts make no gain; and a small one, by shrinking what Ridge overfits
def test_a_permuted_target_moves_the_single_model_hardly_or_not(seed):
    X, y = steps(300, 0)
    noise = np.random.default_rng(seed).permutation(y)
    model = accurate(Ridge()).fit(X, noise)
    moved = np.mean((model.predict(X) - Ridge().fit(X, noise).predict(X)) ** 2) / np.var(y)
    assert moved < (1e-20 if model.gain_ <= 1.5 * model.gain_se_ else 0.01)


def test_too_few_rows_for_a_cut_are_one_cell_and_the_single_model():
    X, y = steps(30, 0)
    model = accurate(Ridge()).fit(X, y)
    assert model.n_partitions_ == 1
    assert np.isnan(model.gain_)
    np.testing.assert_array_equal(model.predict(X), Ridge().fit(*in_order(X, y)).predict(X))
    candidates = Bag(Family(Ridge()), 3).fit(X, y, np.ones(30), 0).predict(X)
    np.testing.assert_array_equal(candidates, np.repeat(Ridge().fit(X, y).predict(X)[:, None], 4, axis=1))


def test_local_experts_are_the_mean_over_trees_of_clones_on_cells():
    X, y = steps(200, 3)
    bag = Bag(Family(LinearRegression()), 3).fit(X, y, np.ones(200), 0)
    expected = np.zeros(200)
    for partition in bag.local:
        labels = partition.tree.labels(bag.scaling.inputs(X))
        for k in range(partition.tree.n_cells):
            rows = labels == k
            expected[rows] += LinearRegression().fit(X[rows], y[rows]).predict(X[rows]) / 3
    single, local, shrunk, _ = bag.predict(X).T
    np.testing.assert_allclose(local, expected, atol=0.1)  # clipped near the targets of the cell
    assert np.isclose(local, expected, atol=1e-10).mean() > 0.97
    np.testing.assert_array_equal(single, LinearRegression().fit(X, y).predict(X))
    assert np.mean((shrunk - single) ** 2) < np.mean((local - single) ** 2)


def test_weights_are_the_best_that_may_be_taken():
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(200, 3))
    for truth in ([0.5, 0.2, -0.3], [0.9, 0.8, 0.0], [0.0, 0.0, 0.0]):
        left = columns @ truth + 0.01 * rng.normal(size=200)
        weights = stacking_weights(columns, left, np.ones(200))
        assert (weights >= 0).all()
        assert weights.sum() <= 1 + 1e-9
        best = minimize(
            lambda w, left=left: np.mean((left - columns @ w) ** 2),
            np.full(3, 0.3),
            bounds=[(0, 1)] * 3,
            constraints={"type": "ineq", "fun": lambda w: 1 - w.sum()},
        )
        np.testing.assert_allclose(weights, best.x, atol=0.01)
    np.testing.assert_array_equal(stacking_weights(np.zeros((5, 2)), np.ones(5), np.ones(5)), [0.0, 0.0])


def test_equal_rows_are_held_out_together():
    X = np.repeat(np.arange(12.0)[:, None], 5, axis=0)
    folds = folds_of(X, 5, 0)
    assert len(folds) == 5
    np.testing.assert_array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(60))
    assert not any(np.isin(X[test], X[train]).any() for train, test in folds)
    assert folds_of(np.ones((10, 2)), 5, 0) == []


@pytest.mark.parametrize("degree", [1, 2])
def test_ridge_takes_the_penalty_with_the_least_leave_one_out_error(degree):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y = X @ [1.0, 0.0, -2.0] + rng.normal(size=40)
    model = PolynomialRidge(degree).fit(X, y)
    terms = model._terms(X)
    errors = [((cross_val_predict(Ridge(a), terms, y, cv=LeaveOneOut()) - y) ** 2).mean() for a in ALPHAS]
    assert model.alpha_ == ALPHAS[np.argmin(errors)]
    np.testing.assert_allclose(model.predict(X), Ridge(model.alpha_).fit(terms, y).predict(terms), atol=1e-8)


def test_corrections_do_not_leave_the_range_of_the_target(fitted):
    X, y, model = fitted
    far = 50 * X
    single, predicted = Ridge().fit(X, y).predict(far), model.predict(far)
    margin = 0.1 * np.ptp(y)
    assert (predicted <= np.maximum(single, y.max() + margin)).all()
    assert (predicted >= np.minimum(single, y.min() - margin)).all()


def test_same_bits_for_any_number_of_workers_and_after_pickling(fitted):
    X, y, model = fitted
    with parallel_config("threading"):
        parallel = accurate(Ridge(), n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(parallel.predict(X), model.predict(X))
    assert parallel.gain_ == model.gain_
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_a_frame_gives_the_same_as_an_array(fitted):
    X, y, model = fitted
    frame = pd.DataFrame(X, columns=list("abcd"))
    framed = accurate(Ridge()).fit(frame, pd.Series(y))
    np.testing.assert_array_equal(framed.predict(frame), model.predict(X))
    assert list(framed.feature_names_in_) == list("abcd")


def test_family_chosen_by_cross_validation_is_hardly_worse_than_the_best():
    X, y, _ = make_friedman(200, random_state=0)
    new, target, _ = make_friedman(1000, random_state=1)
    model = accurate(n_trees=2, cv=3).fit(X, y)
    center, sd = X.mean(axis=0), X.std(axis=0)
    scores = [
        mean_squared_error(target, PolynomialRidge(degree).fit((X - center) / sd, y).predict((new - center) / sd))
        for degree in (1, 2)
    ]
    assert mean_squared_error(target, model.predict(new)) < 0.6 * min(scores)


@pytest.mark.parametrize("method", ["apply", "predict_all", "partition_summary"])
def test_a_bag_has_no_single_partition_to_show(fitted, method):
    X, y, model = fitted
    with pytest.raises(ParameterError, match="mode='regimes'"):
        getattr(model, method)(*((X, y) if method == "partition_summary" else (X,)))


def test_arguments_of_the_other_mode_are_named():
    X, y = steps(60, 0)
    with pytest.raises(ParameterError, match=r"partitioner=ActivePartitioner\(\) has no effect with mode='accuracy'"):
        accurate(partitioner=ActivePartitioner()).fit(X, y)
    with pytest.raises(ParameterError, match="routing='soft' has no effect"):
        accurate(routing="soft").fit(X, y)
    with pytest.raises(ParameterError, match="mode must be 'regimes' or 'accuracy'"):
        accurate().set_params(mode="accurate").fit(X, y)
    with pytest.raises(ParameterError, match="n_trees must be an integer >= 1"):
        accurate(n_trees=0).fit(X, y)


def test_an_expert_that_needs_more_rows_than_a_cell_has_is_named():
    X, y = steps(200, 0)
    with pytest.raises(ParameterError, match=r"KNeighborsRegressor\(n_neighbors=60\).* as the expert of a cell of"):
        accurate(KNeighborsRegressor(60)).fit(X, y)


def weighted(seed=0):
    """Rows with weights from 0 to 3, and the same rows repeated, in another order."""
    X, y = steps(130, seed)
    weight = np.random.default_rng(seed).integers(0, 4, size=130)
    places = np.random.default_rng(seed + 1).permutation(np.repeat(np.arange(130), weight))
    return X, y, weight, X[places], y[places]


@pytest.mark.parametrize("estimator", [Ridge(), KNeighborsRegressor(3), None], ids=str)
def test_a_weight_is_a_repetition_to_the_last_bit(estimator):
    X, y, weight, repeated_X, repeated_y = weighted()
    model = accurate(estimator, n_trees=1, cv=2, fallback=False)
    expected = clone(model).fit(repeated_X, repeated_y)
    model.fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    assert (model.gain_, model.gain_se_) == (expected.gain_, expected.gain_se_)
    assert model.n_partitions_ > 1


def test_heavy_rows_decide():
    X, _ = steps(200, 0)
    heavy = X[:, 0] > 0
    weight = np.where(heavy, 1.0, 1e-3)
    y = np.where(heavy, X[:, 2], -X[:, 2])
    model = accurate(Ridge(alpha=1e-6)).fit(X[:, 2:], y, sample_weight=weight)  # the law changes with an input it lacks
    np.testing.assert_allclose(model.predict(X[:, 2:]), X[:, 2], atol=0.1)


def test_fractions_need_an_estimator_that_takes_weights():
    X, y, weight, *_ = weighted()
    with pytest.raises(ParameterError, match=r"KNeighborsRegressor\(\) takes no sample_weight.*whole numbers"):
        accurate(KNeighborsRegressor()).fit(X, y, sample_weight=weight + 0.5)


@pytest.mark.parametrize("degree", [1, 2])
def test_ridge_of_weighted_rows_is_that_of_repeated_rows(degree):
    X, y, weight, repeated_X, repeated_y = weighted()
    model, expected = PolynomialRidge(degree).fit(X, y, weight), PolynomialRidge(degree).fit(repeated_X, repeated_y)
    assert model.alpha_ == expected.alpha_
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-10, atol=1e-10)


def test_own_folds_hold_out_the_rows_as_given():
    X, y = steps(200, 0)
    splitter = KFold(3, shuffle=True, random_state=0)
    once, again = (accurate(Ridge(), cv=cv).fit(X, y) for cv in (splitter, list(splitter.split(X))))
    assert once.gain_ == again.gain_ > once.gain_se_
    np.testing.assert_array_equal(once.predict(X), again.predict(X))
    overlapping = accurate(Ridge(), cv=ShuffleSplit(3, random_state=0)).fit(X, y)
    assert overlapping.gain_ > overlapping.gain_se_
    weight = np.r_[np.zeros(100), np.ones(100)]
    folds = [(np.arange(100), np.arange(100, 200)), (np.arange(100, 200), np.arange(100))]
    with pytest.raises(ParameterError, match="fold without rows of positive weight"):
        accurate(Ridge(), cv=folds).fit(X, y, sample_weight=weight)


def test_each_output_has_the_bag_that_it_would_have_alone(fitted):
    X, y, model = fitted
    plain = 1e3 * np.random.default_rng(1).permutation(y)
    pair = accurate(Ridge()).fit(X, np.column_stack([plain, y]))
    alone = accurate(Ridge()).fit(X, plain)
    np.testing.assert_array_equal(pair.predict(X), np.column_stack([alone.predict(X), model.predict(X)]))
    assert pair.n_partitions_ == model.n_partitions_ > alone.n_partitions_ == 1
    parts = [alone.bag_.saved, model.bag_.saved]
    error, less = (
        sum(getattr(part, name).mean() / target.var() for part, target in zip(parts, (plain, y), strict=True))
        for name in ("error", "less")
    )
    assert pair.gain_ == pytest.approx(less / error)
    assert 0 < pair.gain_se_ < pair.gain_


def test_parts_are_added_at_one_share_of_the_least_error(fitted):
    X, y, model = fitted
    whole = accurate(Ridge(), fallback=False).fit(X, y)
    used = whole.bag_.weights > 0
    share = model.bag_.weights[used] / whole.bag_.weights[used]
    np.testing.assert_allclose(share, share[0])
    assert 0.5 < share[0] <= 1
    assert model.bag_.weights.sum() == pytest.approx(1 + (share[0] * whole.bag_.weights.sum()) - share[0])


def test_two_models_that_do_equally_well_meet_halfway():
    rng = np.random.default_rng(0)
    y, first, second = rng.normal(size=(3, 400))
    rows, fold = np.arange(400), np.arange(400) % 4
    held_out = HeldOut(y[:, None] + np.column_stack([first, second]), y, np.ones(400), rows, fold, np.ones(400))
    bags = [Bag(Family(Ridge(), parts=False), 0), Bag(Family(Ridge(), alone=False), 0)]
    bags[1].local = bags[1].boosted = []
    four = replace(held_out, candidates=np.column_stack([held_out.candidates, y + second, y + second]))
    found = _weigh(CorrectedModel(bags, np.ones(1), np.zeros(4), np.zeros(4), -9.0, 9.0), four, True)
    assert found.weights[1:].sum() == pytest.approx(0.5, abs=0.06)
    assert found.saved.share == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("size", [0.02, 0.1, 0.2, 0.4, 3.0])
def test_parts_count_less_the_nearer_their_gain_is_to_its_uncertainty(size):
    rng = np.random.default_rng(0)
    y, correction, noise = rng.normal(size=(3, 400))
    rows, fold = np.arange(400), np.arange(400) % 4
    single = y - size * correction + noise
    columns = np.column_stack([single, *(3 * [single + size * correction])])
    bags = [Bag(Family(Ridge()), 0)]
    bags[0].local = bags[0].boosted = []
    bags[0].single = bags[0].scaling = bags[0].n_terms = None
    model = CorrectedModel(bags, np.ones(1), np.zeros(4), np.zeros(4), -99.0, 99.0)
    held_out = HeldOut(columns, y, np.ones(400), rows, fold, np.ones(400))
    whole, found = (_weigh(replace(model), held_out, fallback) for fallback in (False, True))
    ratio = whole.saved.share / whole.saved.share_se
    if ratio < 1.5:
        assert found.n_partitions == 1
        assert len(found.weights) == 1
    else:
        assert found.weights[1:].sum() == pytest.approx((1 - (1.5 / ratio) ** 2) * whole.weights[1:].sum(), rel=0.05)
        assert 0 < found.weights[1:].sum() < whole.weights[1:].sum()


def test_the_smooth_single_model_is_the_mean_of_several_seeds():
    X, y, _ = make_friedman(150, random_state=0)
    experts = [BayesianExpert(random_state=seed) for seed in (0, 1)]
    weight = np.where(X[:, 0] > 0.5, 2.0, 1.0)
    expected = np.mean([clone(e).fit(X, y, sample_weight=weight).predict(X) for e in experts], axis=0)
    np.testing.assert_array_equal(MeanOf(experts).fit(X, y, weight).predict(X), expected)
    bag = accurate(n_trees=1, cv=2).fit(X, y).bag_
    (smooth,) = [bag for bag in bag.bags if not bag.family.parts and isinstance(bag.single, MeanOf)]
    assert len({expert.random_state for expert in smooth.single.estimators_}) == 3


def test_single_models_count_by_how_close_they_come():
    rng = np.random.default_rng(0)
    squares = (rng.normal(size=(200, 3)) * [1.0, 1.05, 3.0]) ** 2
    worse = squares[:, 1] - squares[:, 0]
    t = worse.mean() / (worse.std(ddof=1) / np.sqrt(200))
    assert 0.2 < t < 2
    far = np.exp(-((t / 1.5) ** 2) / 2)  # an error over rows is too small by 1.5, for folds share training rows
    expected = np.array([1, far, 0]) / (1 + far)
    np.testing.assert_allclose(shares_of_close(squares, 0, np.ones(200)), expected, atol=1e-3)
    np.testing.assert_array_equal(shares_of_close(squares[:, [0, 0]], 0, np.ones(200)), [0.5, 0.5])


@pytest.mark.parametrize(("best", "held"), [(0.3, True), (0.1, False)], ids=["best of equals", "far the best"])
def test_a_single_model_that_flies_off_is_held_by_others_that_do_as_well(best, held):
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    candidates = y[:, None] + rng.normal(size=(400, 3)) * [best, 0.3, 0.3]
    rows, fold = np.arange(400), np.arange(400) % 4
    bags = [Bag(Family(Ridge(), parts=False), 0) for _ in range(3)]
    for bag in bags:
        bag.local, bag.single, bag.scaling, bag.n_terms = [], None, None, None
    model = CorrectedModel(bags, np.eye(3)[0], np.zeros(3), np.zeros(3), -9.0, 9.0)
    found = _weigh(model, HeldOut(candidates, y, np.ones(400), rows, fold, np.ones(400)), True)
    one, far = found.combine(np.array([[1.0, 1.0, 1.0], [8.0, 1.0, 1.2]]), found.weights)
    assert one == 1.0
    assert far < 3 if held else far > 5


def test_small_tables_are_folded_several_times_and_rows_still_count_once():
    X, y = steps(120, 0)
    table = Table(X, np.ones(120), [fold for seed in (0, 1, 2) for fold in folds_of(X, 4, seed)])
    predictions = [np.column_stack([X[test, 0], y[test]]) for _, test in table.folds]
    held_out = HeldOut.of(predictions, y, table)
    assert len(held_out.candidates) == 360
    assert held_out.weight.sum() == pytest.approx(120)
    np.testing.assert_allclose(held_out.by_row(held_out.candidates), np.column_stack([X[:, 0], y]))
    for (train, _), seen in zip(table.folds, held_out.without_each_fold()[1:], strict=True):
        np.testing.assert_array_equal(np.unique(held_out.row[seen]), train)
    assert len(accurate(Ridge(), fallback=False).fit(X, y).bag_.saved.error) == 120


def test_straight_lines_help_where_cells_are_too_small_for_the_estimator(monkeypatch):
    X, y = steps(300, 0)
    new, target = steps(1000, 1)

    def error():
        return mean_squared_error(target, accurate(KNeighborsRegressor(8)).fit(X, y).predict(new))

    with_lines = error()
    monkeypatch.setattr(_partitioned_regressor, "family_of", lambda estimator: [Family(estimator)])
    assert with_lines < 0.9 * error()


@parametrize_with_checks([accurate(Ridge(), n_trees=1, cv=2)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)
