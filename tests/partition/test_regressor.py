"""PartitionedRegressor: routing, comparison with a single model, and the fallback to it."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import mean_squared_error
from sklearn.tree import DecisionTreeRegressor

from modpart.datasets import make_elastoplastic, make_four_quadrants, make_friedman, make_linear, make_pure_noise
from modpart.partition import ActivePartitioner, BayesianExpert, PartitionedRegressor


@pytest.fixture(scope="module")
def quadrants():
    X, y, _ = make_four_quadrants(500, random_state=0)
    return X, y, PartitionedRegressor(cv=2, random_state=0).fit(X, y)


def test_better_than_a_single_model_where_laws_jump(quadrants):
    X, y, model = quadrants
    new, target, _ = make_four_quadrants(1000, random_state=1)
    single = BayesianExpert(random_state=0).fit(X, y)
    assert mean_squared_error(target, model.predict(new)) < 0.6 * mean_squared_error(target, single.predict(new))
    assert model.gain_ > model.gain_se_ > 0.0


def test_hard_routing_asks_one_expert_and_soft_routing_blends(quadrants):
    X, y, model = quadrants
    everyone, labels, shares = model.predict_all(X), model.apply(X), model.partitioner_.predict_proba(X)
    hard = model.__class__(model.partitioner, routing="hard", fallback=False, random_state=0).fit(X, y)
    soft = model.__class__(model.partitioner, routing="soft", fallback=False, random_state=0).fit(X, y)
    np.testing.assert_allclose(hard.predict(X), everyone[np.arange(len(X)), labels])
    np.testing.assert_allclose(soft.predict(X), (shares * everyone).sum(axis=1))
    assert model.routing_ in {"hard", "soft"}
    assert np.isnan(hard.gain_)


@pytest.mark.parametrize("make", [make_linear, make_friedman, make_pure_noise])
def test_one_law_gives_the_single_model(make):
    X, y, _ = make(300, random_state=0)
    model = PartitionedRegressor(random_state=0).fit(X, y)
    single = BayesianExpert(random_state=0).fit(X, y)
    new, target, _ = make(1000, random_state=1)
    assert model.n_partitions_ == 1
    assert mean_squared_error(target, model.predict(new)) <= 1.02 * mean_squared_error(target, single.predict(new))
    assert (model.apply(X) == 0).all()
    assert model.routing_risk_ == 0.0


def test_fallback_is_the_estimator_on_all_rows():
    """Two experts forced on one law gain nothing, so the single model stands unless chance shows a gain over its SE."""
    stood = 0
    for seed in range(4):
        X, y, _ = make_linear(300, random_state=seed)
        model = PartitionedRegressor(ActivePartitioner(n_experts=2), LinearRegression(), cv=3, random_state=0).fit(X, y)
        assert model.partitioner_.n_partitions_ == 2
        assert (model.n_partitions_ == 1) == (model.gain_ <= model.gain_se_)
        if model.n_partitions_ == 1:
            stood += 1
            np.testing.assert_allclose(model.predict(X), LinearRegression().fit(X, y).predict(X))
    assert stood >= 3
    kept = PartitionedRegressor(ActivePartitioner(n_experts=2), LinearRegression(), fallback=False, random_state=0)
    assert kept.fit(X, y).n_partitions_ == 2


def test_experts_are_trained_on_the_rows_their_partition_won():
    X, y, _ = make_elastoplastic(300, random_state=0)
    model = PartitionedRegressor(ActivePartitioner(random_state=0), Ridge(alpha=1e-6), random_state=0).fit(X, y)
    winners = model.partitioner_.winner_labels_
    for k, expert in enumerate(model.experts_):
        again = Ridge(alpha=1e-6).fit(X[winners == k], y[winners == k])
        np.testing.assert_allclose(expert.coef_, again.coef_, rtol=1e-10)
    slopes = sorted(expert.coef_[0] for expert in model.experts_)
    np.testing.assert_allclose(slopes, [0.3, 5.0], atol=0.15)


def test_summary_counts_every_row_and_names_columns(quadrants):
    X, y, model = quadrants
    frame = pd.DataFrame(X, columns=["load", "width"])
    model = PartitionedRegressor(routing="hard", fallback=False, random_state=0).fit(frame, y)
    summary = model.partition_summary(frame, y)
    assert summary["rows"].sum() == len(X)
    assert summary["share"].sum() == pytest.approx(1.0)
    assert {"load 5%", "load 95%"} <= set(summary.columns)
    squares = (summary["rmse"] ** 2 * summary["rows"]).sum() / len(X)
    assert squares == pytest.approx(mean_squared_error(y, model.predict(frame)))


def test_nested_parameters_can_be_searched():
    model = PartitionedRegressor(ActivePartitioner(Ridge()), Ridge())
    model.set_params(partitioner__n_experts=3, partitioner__estimator__alpha=2.0, estimator__alpha=5.0)
    assert model.partitioner.n_experts == 3
    assert model.partitioner.estimator.alpha == 2.0
    assert model.estimator.alpha == 5.0


def test_an_estimator_alone_competes_itself():
    X, y, _ = make_elastoplastic(240, random_state=0)
    model = PartitionedRegressor(estimator=LinearRegression(), fallback=False, routing="hard", random_state=0)
    model.fit(X, y)
    assert isinstance(model.partitioner_.estimator, LinearRegression)
    assert all(isinstance(expert, LinearRegression) for expert in model.experts_)


def test_the_estimator_that_was_passed_is_left_alone():
    X, y, _ = make_elastoplastic(60, random_state=0)
    estimator = DecisionTreeRegressor(max_depth=2)
    PartitionedRegressor(estimator=estimator, routing="hard", fallback=False, random_state=0).fit(X, y)
    assert estimator.random_state is None


def test_a_summary_takes_the_target_as_a_column():
    X, y, _ = make_elastoplastic(100, random_state=0)
    model = PartitionedRegressor(routing="hard", fallback=False, random_state=0).fit(X, y)
    expected = model.partition_summary(X, y)
    rows = model.apply(X) == 0
    assert expected["rmse"][0] == pytest.approx(np.sqrt(np.mean((model.predict(X)[rows] - y[rows]) ** 2)))
    pd.testing.assert_frame_equal(model.partition_summary(X, y[:, None]), expected)


def test_metadata_routing_may_be_on():
    X, y, _ = make_elastoplastic(80, random_state=0)
    plain = ActivePartitioner(random_state=0).fit(X, y)
    with config_context(enable_metadata_routing=True):
        routed = ActivePartitioner(random_state=0).fit(X, y)
    np.testing.assert_array_equal(routed.predict_proba(X), plain.predict_proba(X))
