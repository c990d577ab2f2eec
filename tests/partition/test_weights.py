"""sample_weight: a row of weight w is w equal rows, to the last bit, wherever it goes."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn import config_context
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from modpart.datasets import make_elastoplastic, make_four_quadrants
from modpart.exceptions import ModpartWarning, ParameterError
from modpart.partition import ActivePartitioner, BayesianExpert, MLPExpert, PartitionedRegressor
from modpart.partition._evidence import regimes as regimes
from modpart.partition._evidence.basis import SmoothBasis
from modpart.partition._evidence.evidence import AMPLITUDES, Stats, model_evidences, posterior
from modpart.partition._evidence.regimes import find_regimes
from modpart.partition._evidence.search import log_votes
from modpart.partition._rows import WeightedRows, standard_error

S2 = 0.07


@pytest.fixture(scope="module")
def cell():
    """Rows of one cell, their weights, and feature matrices of a basis with two length scales or more."""
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(20, 2)), rng.integers(1, 4, size=20)
    y = np.sin(2.0 * X[:, 0]) + 0.3 * rng.normal(size=20)
    basis = SmoothBasis(np.ones(2)).fit(X, seed=0)
    return basis, basis.features(X), y, weight


def stats_of(basis, features, y, weight):
    augmented = [np.column_stack([f, y]) * np.sqrt(weight)[:, None] for f in features]
    return Stats.of_groups(augmented, np.zeros(len(y), dtype=int), 1, basis.n_linear_, weight=weight)


def test_weighted_evidence_is_the_density_of_repeated_rows(cell):
    basis, features, y, weight = cell
    linear = basis.n_linear_
    designs = [features[0][:, :linear]] + [
        np.hstack([f[:, :linear], a * f[:, linear:]]) for f in features for a in AMPLITUDES
    ]
    repeated = [np.repeat(B, weight, axis=0) for B in designs]
    covariances = [S2 * np.eye(weight.sum()) + B @ B.T for B in repeated]
    expected = [multivariate_normal(cov=covariance).logpdf(np.repeat(y, weight)) for covariance in covariances]
    found = model_evidences(stats_of(basis, features, y, weight), S2)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_a_left_out_row_leaves_with_all_its_weight(cell):
    basis, features, y, weight = cell
    learned = posterior(stats_of(basis, features, y, weight), S2)
    density, error = (ask(features, y, weight) for ask in (learned.log_density, learned.squared_error))
    shares = np.exp(learned.log_weights)
    for row in (0, 7, 19):
        means, densities = [], []
        others = np.delete(np.arange(20), row)
        for index in range(len(shares)):
            B = learned.model_features(features, index).copy()
            B[:, basis.n_linear_ :] *= learned.amplitudes[index]  # the prior variance of its coefficients
            inverse = np.linalg.inv(S2 * np.eye(B.shape[1]) + (B[others].T * weight[others]) @ B[others])
            means.append(B[row] @ inverse @ (B[others].T * weight[others]) @ y[others])
            variance = S2 * (1.0 + B[row] @ inverse @ B[row])
            densities.append(np.exp(-0.5 * (y[row] - means[-1]) ** 2 / variance) / np.sqrt(2 * np.pi * variance))
        assert np.exp(density[row]) == pytest.approx(shares @ densities, rel=1e-5)
        assert error[row] == pytest.approx((y[row] - shares @ means) ** 2, abs=1e-5)


def test_distinct_rows_are_sorted_and_know_where_they_came_from():
    X = np.array([[2.0, 0.0], [1.0, 5.0], [2.0, -0.0], [9.0, 9.0], [1.0, 4.0]])
    y = np.array([1.0, 3.0, 1.0, 7.0, 3.0])
    rows = WeightedRows.of(X, y, np.array([1.0, 2.0, 0.5, 0.0, 1.0]))
    np.testing.assert_array_equal(rows.X, [[1, 4], [1, 5], [2, 0]])
    np.testing.assert_array_equal(rows.y, [3, 3, 1])
    np.testing.assert_array_equal(rows.weight, [1, 2, 1.5])
    np.testing.assert_array_equal(X[rows.first] + 0.0, rows.X)
    np.testing.assert_array_equal(rows.spread(np.array([10, 11, 12]), np.arange(5)), [12, 11, 12, 3, 10])


def test_votes_go_by_weight():
    near = np.array([[1, 2], [0, 2], [0, 1]])
    votes = np.exp(log_votes(np.array([0, 0, 1]), near, np.array([3.0, 1.0, 3.0])))
    np.testing.assert_allclose(votes * 2.01, [[0.51, 1.51], [1.01, 1.01], [2.01, 0.01]])


def test_standard_error_is_the_usual_one_and_knows_no_scale():
    values = np.random.default_rng(0).normal(size=(2, 50))
    expected = values.std(axis=1, ddof=1) / np.sqrt(50)
    np.testing.assert_allclose(standard_error(values, np.ones(50)), expected)
    np.testing.assert_allclose(standard_error(values, np.full(50, 7.0)), expected)


def table(n=90):
    """Two laws, weights 0 to 3, and the same as repeated rows in another order."""
    X, y, _ = make_elastoplastic(n, random_state=0)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 4, size=n)
    rows = rng.permutation(np.repeat(np.arange(n), weight))
    return X, y, weight, rows


TREE = DecisionTreeClassifier(max_depth=2)
QUICK = {"n_experts": 2, "n_init": 1, "max_rounds": 2, "gate": TREE, "random_state": 0}
MODELS = {
    "closed form": ActivePartitioner(random_state=0),
    "lines": ActivePartitioner(BayesianExpert("linear"), **QUICK),
    "weighted estimator": ActivePartitioner(Ridge(alpha=1e-3), n_init=2, gate=TREE, random_state=0),
    "pipeline": ActivePartitioner(make_pipeline(StandardScaler(), Ridge()), **QUICK),
    "repeated rows": ActivePartitioner(KNeighborsRegressor(3), **QUICK),
    "networks": ActivePartitioner(MLPExpert((4,), max_epochs=20), **QUICK),
    "expert": BayesianExpert(random_state=0),
    "network": MLPExpert((4,), max_epochs=30, random_state=0),
    "network in batches": MLPExpert((4,), max_epochs=5, batch_size=16, early_stopping=True, random_state=0),
    "modular": PartitionedRegressor(ActivePartitioner(gate=TREE), cv=3, random_state=0),
    "modular, own experts": PartitionedRegressor(
        ActivePartitioner(LinearRegression(), **QUICK), LinearRegression(), cv=2, random_state=0
    ),
}


def answers(model, X):
    asked = [model.predict(X)]
    asked += [getattr(model, name)(X) for name in ("predict_proba", "predict_all") if hasattr(model, name)]
    return asked + [getattr(model, name) for name in ("gain_", "gain_se_", "noise_") if hasattr(model, name)]


@pytest.mark.parametrize("name", MODELS)
def test_weights_repetitions_and_removals_give_the_same_bits(name):
    X, y, weight, rows = table()
    kept = weight > 0
    fits = (
        MODELS[name].fit(X, y, sample_weight=weight),
        MODELS[name].__class__(**MODELS[name].get_params(deep=False)).fit(X[rows], y[rows]),
        MODELS[name].__class__(**MODELS[name].get_params(deep=False)).fit(X[kept], y[kept], sample_weight=weight[kept]),
    )
    expected = answers(fits[0], X)
    for fit in fits[1:]:
        for found, wanted in zip(answers(fit, X), expected):
            np.testing.assert_array_equal(found, wanted)
    if hasattr(fits[0], "winner_labels_"):
        assert fits[0].winner_labels_.shape == fits[0].labels_.shape == (len(X),)
        np.testing.assert_array_equal(fits[0].winner_labels_[rows], fits[1].winner_labels_)
        np.testing.assert_array_equal(fits[0].winner_labels_[kept], fits[2].winner_labels_)
        np.testing.assert_array_equal(fits[0].winner_labels_[~kept], fits[0].labels_[~kept])


def test_rows_beyond_the_search_carry_their_weight(monkeypatch):
    monkeypatch.setattr(regimes, "MAX_ROWS", 60)
    X, y, weight, rows = table(200)
    first, second = ActivePartitioner(random_state=0), ActivePartitioner(random_state=0)
    first.fit(X, y, sample_weight=weight), second.fit(X[rows], y[rows])
    np.testing.assert_array_equal(first.winner_labels_[rows], second.winner_labels_)


def test_the_order_of_rows_does_not_matter():
    X, y, _ = make_four_quadrants(150, random_state=0)
    order = np.random.default_rng(0).permutation(150)
    first, second = (
        ActivePartitioner(random_state=0).fit(X, y),
        ActivePartitioner(random_state=0).fit(X[order], y[order]),
    )
    np.testing.assert_array_equal(first.winner_labels_[order], second.winner_labels_)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_fractional_weights_of_a_constant_size_keep_the_partition():
    X, y, regime = make_four_quadrants(300, random_state=0)
    partitioner = ActivePartitioner(gate=TREE, random_state=0).fit(X, y, sample_weight=np.full(300, 0.9))
    assert adjusted_rand_score(regime, partitioner.winner_labels_) > 0.95


def test_rows_of_hardly_any_weight_do_not_make_a_regime():
    X, y, regime = make_elastoplastic(200, random_state=0)
    found = ActivePartitioner(gate=TREE, random_state=0).fit(X, y, sample_weight=np.where(regime == 1, 0.01, 1.0))
    assert ActivePartitioner(gate=TREE, random_state=0).fit(X, y).n_partitions_ == 2
    assert found.n_partitions_ == 1


def test_light_weights_are_told():
    X, y, _ = make_elastoplastic(100, random_state=0)
    with pytest.warns(ModpartWarning, match=r"makes 1 observations of 100 rows.*len\(X\) / sample_weight.sum\(\)"):
        assert ActivePartitioner(Ridge(), random_state=0).fit(X, y, sample_weight=np.full(100, 0.01)).n_partitions_ == 1


def test_evidence_counts_effective_observations_unless_rows_were_measured_again():
    X, weight = np.arange(6.0)[:, None], np.array([1.0, 2.0, 1.0, 3.0, 1.0, 1.0])
    informed = regimes._information(X, weight)
    np.testing.assert_allclose(informed.sum(), 81 / 17)  # Kish: (sum w)^2 / sum w^2
    np.testing.assert_allclose(informed.sum(), (informed**2).sum())  # information = variance of the score
    np.testing.assert_allclose(regimes._information(X, weight / 100), informed)
    np.testing.assert_allclose(regimes._information(X, np.full(6, 0.3)), np.ones(6))
    levels = np.repeat(np.arange(2.0), 3)[:, None]  # two settings, three targets of each
    np.testing.assert_array_equal(regimes._information(levels, weight), weight)


def test_a_heavy_law_wins_over_a_light_one_at_the_same_place():
    X = np.tile(np.linspace(0.0, 1.0, 60), 2)[:, None]
    y = np.r_[X[:60, 0], 2.0 - X[60:, 0]]
    for heavy in (0, 1):
        weight = np.repeat([1.0, 99.0] if heavy else [99.0, 1.0], 60)
        for expert in (BayesianExpert(random_state=0), MLPExpert((4,), random_state=0)):
            prediction = expert.fit(X, y, sample_weight=weight).predict(X[:60])
            np.testing.assert_allclose(prediction, y[60 * heavy :][:60], atol=0.1)


def test_an_estimator_without_weights_takes_whole_ones_and_refuses_fractions():
    X, y, weight, _ = table()
    for model in (ActivePartitioner(KNeighborsRegressor(3)), PartitionedRegressor(estimator=KNeighborsRegressor(3))):
        words = f"{type(model).__name__}: estimator=KNeighborsRegressor.* takes no sample_weight.*whole numbers"
        with pytest.raises(ParameterError, match=words):
            model.fit(X, y, sample_weight=weight + 0.5)


def test_weights_reach_a_model_in_a_pipeline():
    X, y, weight, _ = table()
    alone = PartitionedRegressor(fallback=False, routing="hard", random_state=0)
    expected = alone.fit(StandardScaler().fit_transform(X), y, sample_weight=weight).predict(
        StandardScaler().fit_transform(X)
    )
    pipeline = make_pipeline(StandardScaler(), PartitionedRegressor(fallback=False, routing="hard", random_state=0))
    found = pipeline.fit(X, y, partitionedregressor__sample_weight=weight).predict(X)
    np.testing.assert_array_equal(found, expected)
    with config_context(enable_metadata_routing=True):
        pipeline[-1].set_fit_request(sample_weight=True)
        pipeline[0].set_fit_request(sample_weight=False)
        np.testing.assert_array_equal(pipeline.fit(X, y, sample_weight=weight).predict(X), expected)


def test_scores_and_own_folds_take_weights():
    X, y, weight, rows = table()
    model = ActivePartitioner(random_state=0).fit(X, y, sample_weight=weight)
    assert model.score(X, y, sample_weight=weight) == pytest.approx(model.score(X[rows], y[rows]))
    folds = list(KFold(2, shuffle=True, random_state=0).split(X))
    kinds = [
        PartitionedRegressor(ActivePartitioner(gate=TREE), cv=cv, random_state=0).fit(X, y)
        for cv in (folds, KFold(2, shuffle=True, random_state=0))
    ]
    assert kinds[0].gain_ == kinds[1].gain_
    assert np.isfinite(kinds[0].gain_)


def test_few_distinct_rows_cannot_feed_many_experts():
    X, y = np.arange(6.0)[:, None], np.arange(6.0)
    with pytest.raises(ParameterError, match="n_experts=2 is more than 6 distinct rows can feed"):
        ActivePartitioner(n_experts=2).fit(X, y, sample_weight=np.full(6, 50))


def test_one_distinct_row_is_one_law():
    found = find_regimes(np.zeros((1, 2)), np.zeros(1), np.random.default_rng(0), weight=np.array([5.0]))
    assert found.labels.tolist() == [0]
    X, y = np.ones((5, 2)), np.full(5, 3.0)
    for model in (BayesianExpert(), ActivePartitioner(), MLPExpert(max_epochs=2)):
        assert model.fit(X, y).predict(X).shape == (5,)
