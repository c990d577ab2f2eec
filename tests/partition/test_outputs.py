"""Several outputs: one partition for all of them, each with its own noise."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import adjusted_rand_score, mean_squared_error
from sklearn.multioutput import MultiOutputRegressor

from modpart.datasets import make_elastoplastic, make_four_quadrants
from modpart.exceptions import InputDataError, ParameterError
from modpart.partition import ActivePartitioner, BayesianExpert, MLPExpert, PartitionedRegressor
from modpart.partition._evidence.basis import SmoothBasis
from modpart.partition._evidence.evidence import Stats, log_evidence


def two_laws(n=240, seed=0):
    """The first output follows one law; the second, in another unit and with more noise, jumps at x0 = 0.2."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, size=(n, 2))
    regime = (X[:, 0] > 0.2).astype(int)
    plain = X @ [1.0, -1.0] + 0.01 * rng.normal(size=n)
    jumping = 1e3 * (np.where(regime, 2.0 - X[:, 1], X[:, 1]) + 0.1 * rng.normal(size=n))
    return X, np.column_stack([plain, jumping]), regime


@pytest.fixture(scope="module")
def fitted():
    X, y, regime = two_laws(400)
    return X, y, regime, PartitionedRegressor(cv=2, random_state=0).fit(X, y)


def test_evidence_of_two_outputs_is_the_sum_of_both():
    rng = np.random.default_rng(0)
    X, y, s2 = rng.normal(size=(40, 2)), rng.normal(size=(40, 2)), np.array([0.1, 0.4])
    basis = SmoothBasis(np.ones(2)).fit(X, seed=0)
    groups = np.arange(40) % 3

    def stats(target, **kind):
        augmented = [np.column_stack([f, target]) for f in basis.features(X)]
        return Stats.of_groups(augmented, groups, 3, basis.n_linear_, **kind)

    alone = [log_evidence(stats(column), noise) for column, noise in zip(y.T, s2)]
    np.testing.assert_allclose(log_evidence(stats(y, n_outputs=2), s2), sum(alone), rtol=1e-10)


@pytest.mark.parametrize("estimator", [None, Ridge(alpha=1e-3)], ids=str)
def test_copies_of_one_output_are_partitioned_like_it(estimator):
    X, y, _ = make_elastoplastic(200, noise=0.005, random_state=0)
    settings = {"n_init": 1, "max_rounds": 10, "random_state": 0}
    one = ActivePartitioner(estimator, **settings).fit(X, y)
    three = ActivePartitioner(estimator, **settings).fit(X, np.column_stack([y, y, y]))
    assert one.n_partitions_ == three.n_partitions_ == 2
    np.testing.assert_array_equal(one.winner_labels_, three.winner_labels_)


def test_stacked_networks_compete_for_several_outputs():
    X, y, regime = two_laws(120)
    networks = MLPExpert((4,), max_epochs=50)
    found = ActivePartitioner(networks, 2, n_init=1, max_rounds=2, gate=LogisticRegression(), random_state=0).fit(X, y)
    assert adjusted_rand_score(regime, found.winner_labels_) > 0.8
    assert found.experts_[0].predict(X).shape == (120, 2)


@pytest.mark.parametrize("estimator", [None, LinearRegression()], ids=str)
def test_a_regime_of_the_second_output_alone_is_found(estimator):
    X, y, regime = two_laws()
    found = ActivePartitioner(estimator, n_init=2, random_state=0).fit(X, y)
    assert adjusted_rand_score(regime, found.winner_labels_) > 0.95
    assert ActivePartitioner(estimator, n_init=2, random_state=0).fit(X, y[:, 0]).n_partitions_ == 1


def test_regimes_of_different_outputs_are_crossed():
    X, y, _ = two_laws(300)
    y[:, 0] = np.where(X[:, 1] > 0.0, 1.0 + X[:, 0], -X[:, 0]) + 0.05 * np.random.default_rng(1).normal(size=300)
    assert ActivePartitioner(gate=LogisticRegression(), random_state=0).fit(X, y).n_partitions_ == 4


def test_each_output_has_its_own_noise_and_is_learned_as_if_alone():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2.0, 2.0, size=(300, 2))
    y = np.column_stack([np.sin(X[:, 0]), 100.0 * X[:, 1]]) + [0.1, 20.0] * rng.normal(size=(300, 2))
    both = BayesianExpert(random_state=0).fit(X, y)
    mean, std = both.predict(X[:9], return_std=True)
    assert mean.shape == std.shape == (9, 2)
    np.testing.assert_allclose(both.noise_, [0.1, 20.0], rtol=0.15)
    for output in range(2):
        alone = BayesianExpert(random_state=0).fit(X, y[:, output])
        expected = alone.predict(X[:9], return_std=True)
        np.testing.assert_allclose(mean[:, output], expected[0], rtol=1e-4)
        np.testing.assert_allclose(std[:, output], expected[1], rtol=1e-4)
        assert both.noise_[output] == pytest.approx(alone.noise_, rel=1e-4)


def test_a_network_learns_several_outputs():
    X, y, _ = make_four_quadrants(200, random_state=0)
    y = np.column_stack([X[:, 0] ** 2, 1e3 * np.sin(2 * X[:, 1]), np.full(200, 4.0)])
    network = MLPExpert(random_state=0).fit(X, y)
    assert network.predict(X).shape == (200, 3)
    assert (1.0 - ((network.predict(X) - y) ** 2).mean(axis=0)[:2] / y.var(axis=0)[:2] > 0.95).all()
    np.testing.assert_allclose(network.predict(X)[:, 2], 4.0, atol=0.1)


def test_the_modular_model_answers_every_output(fitted):
    X, y, _, model = fitted
    single = BayesianExpert(random_state=0).fit(X, y)
    assert model.n_partitions_ == 2
    assert model.predict(X).shape == (400, 2)
    assert model.predict_all(X).shape == (400, 2, 2)
    assert model.gain_ > model.gain_se_ > 0.0
    assert 0.0 <= model.routing_risk_ < 0.2
    shares = model.partitioner_.predict_proba(X)
    if model.routing_ == "hard":
        shares = np.eye(2)[shares.argmax(axis=1)]
    np.testing.assert_allclose(model.predict(X), np.einsum("nk,nkq->nq", shares, model.predict_all(X)))
    errors = [mean_squared_error(y[:, 1], found.predict(X)[:, 1]) for found in (model, single)]
    assert errors[0] < 0.8 * errors[1]
    assert model.partitioner_.score(X, y) > 0.95


def test_the_summary_has_an_error_for_each_output(fitted):
    X, y, _, model = fitted
    frame = pd.DataFrame(y, columns=["load", "heat"])
    summary = model.partition_summary(X, frame)
    assert {"rmse load", "rmse heat"} <= set(summary.columns)
    for name, errors in zip(("load", "heat"), ((model.predict(X) - y) ** 2).T):
        assert (summary[f"rmse {name}"] ** 2 * summary["rows"]).sum() == pytest.approx(errors.sum())
    assert {"rmse 0", "rmse 1"} <= set(model.partition_summary(X, y).columns)
    with pytest.raises(InputDataError, match=r"shape \(400,\) and must hold 2 finite numbers for each of the 400 rows"):
        model.partition_summary(X, y[:, 0])


def test_an_estimator_of_one_output_is_answered_with_the_remedy():
    X, y, _ = two_laws(60)
    with pytest.raises(ParameterError, match=r"cannot learn the 2 outputs of y.*MultiOutputRegressor\(estimator\)"):
        ActivePartitioner(GradientBoostingRegressor(n_estimators=2), 2, n_init=1).fit(X, y)
    wrapped = MultiOutputRegressor(GradientBoostingRegressor(n_estimators=2))
    model = PartitionedRegressor(estimator=wrapped, fallback=False, routing="hard", random_state=0)
    assert model.set_params(partitioner=ActivePartitioner(n_experts=2)).fit(X, y).predict(X).shape == (60, 2)


def test_one_column_is_one_output():
    X, y, _ = make_elastoplastic(80, random_state=0)
    with pytest.warns(UserWarning, match="column-vector"):
        assert BayesianExpert(random_state=0).fit(X, y[:, None]).predict(X).shape == (80,)
