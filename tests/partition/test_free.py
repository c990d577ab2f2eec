"""Free competition of scikit-learn regressors and of stacked networks."""

import warnings

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from modpart.datasets import make_elastoplastic, make_linear, make_two_planes
from modpart.exceptions import ModpartWarning, ParameterError
from modpart.partition import ActivePartitioner, MLPExpert
from modpart.partition._evidence.local import neighbours
from modpart.partition._free.free import award, own_column, random_start, start_labels
from modpart.partition._free.teams import EstimatorTeam, make_team, normal_density


def test_award_gives_rows_to_the_best_expert_and_keeps_ties():
    errors = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    labels = np.array([0, 0, 1, 1])
    density = normal_density(errors, errors, labels)
    assert award(density, labels, np.zeros((4, 1), int), 0.0, min_samples=1).tolist() == [0, 1, 1, 0]
    noise = errors[[0, 1, 2, 3], labels].mean()
    np.testing.assert_allclose(density, np.log(np.exp(-0.5 * errors / noise) / np.sqrt(2 * np.pi * noise)))


def test_award_dissolves_small_experts():
    errors = np.array([[0.0, 1.0]] * 5 + [[1.0, 0.0]])
    assert award(-errors, np.zeros(6, int), np.zeros((6, 1), int), 0.0, min_samples=2).tolist() == [0] * 6


def test_votes_outweigh_a_small_difference():
    X = np.linspace(0, 1, 30)[:, None]
    errors = np.column_stack([np.full(30, 0.010), np.full(30, 0.010)])
    errors[15] = [0.010, 0.009]  # a speck
    labels = np.zeros(30, int)
    labels[25:] = 1
    density = normal_density(errors, errors, labels)
    assert award(density, labels, neighbours(X, 5), 0.0, 1)[15] == 1
    assert award(density, labels, neighbours(X, 5), 1.0, 1)[15] == 0


def test_own_column():
    assert own_column(np.arange(6).reshape(3, 2), np.array([1, 0, 1])).tolist() == [1, 2, 5]


def test_an_expert_is_judged_on_rows_it_has_not_learned():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 1)), rng.normal(size=60)
    team = EstimatorTeam(KNeighborsRegressor(1), X, y, seed=0)
    team.train(np.zeros(60, int))
    assert team.errors()[:, 0].mean() > 0.5  # in-sample it would be exactly 0
    assert ((team.predict(X)[:, 0] - y) ** 2).max() == 0.0
    held_out = cross_val_predict(KNeighborsRegressor(1), X, y, cv=3)
    assert team.errors()[:, 0].mean() == pytest.approx(((held_out - y) ** 2).mean() / y.var(), rel=0.5)


def test_a_team_refits_only_experts_whose_rows_changed():
    X, y, _ = make_two_planes(60, random_state=0)
    team = EstimatorTeam(Ridge(), X, y, seed=0)
    labels = np.repeat([0, 1, 2], 20)
    team.train(labels)
    before = team.experts(labels)
    labels[0] = 1
    team.train(labels)
    after = team.experts(labels)
    assert after[2] is before[2]
    assert after[0] is not before[0]
    state = team.snapshot()
    team.keep(np.array([2]))
    assert team.experts(labels) == [before[2]]
    team.restore(state)
    assert team.experts(labels) == after


def test_stacked_networks_learn_snapshot_and_forget():
    X, y, regime = make_two_planes(300, random_state=0)
    team = make_team(MLPExpert((8,), random_state=0), X, y, seed=0)
    team.train(regime)
    own = own_column(team.errors(), regime).mean()
    other = own_column(team.errors(), 1 - regime).mean()
    assert own < 0.1 * other
    state, predictions = team.snapshot(), team.predict(X)
    team.keep(np.array([1]))
    np.testing.assert_allclose(team.predict(X)[:, 0], predictions[:, 1], rtol=1e-5, atol=1e-5)
    team.restore(state)
    np.testing.assert_array_equal(team.predict(X), predictions)


def test_the_networks_that_competed_are_the_experts():
    X, y, regime = make_two_planes(200, random_state=0)
    team = make_team(MLPExpert((8,), max_epochs=40), X, y, seed=0)
    team.train(regime)
    before = own_column(team.errors(), regime).mean()
    experts = team.experts(regime)
    np.testing.assert_allclose(np.column_stack([e.predict(X) for e in experts]), team.predict(X), rtol=1e-3, atol=1e-4)
    assert own_column(team.errors(), regime).mean() < before
    assert [expert.n_iter_ for expert in experts] == [150 + 40] * 2


def test_networks_that_stop_early_are_fitted_anew():
    X, y, regime = make_two_planes(200, random_state=0)
    team = make_team(MLPExpert((8,), max_epochs=5, early_stopping=True), X, y, seed=0)
    team.train(regime)
    assert [len(expert.validation_curve_) for expert in team.experts(regime)] == [5, 5]


def test_networks_on_a_large_table_train_by_steps_not_epochs():
    X, y, _ = make_two_planes(200, random_state=0)
    for rows, warm, later in ((200, 150, 10), (1, 8, 1)):  # 10 x 150 steps of one row are 7.5 epochs
        team = make_team(MLPExpert((2,), batch_size=rows), X, y, seed=0)
        lengths = [team.train(np.zeros(200, int)) or len(team.stack.history) for _ in range(2)]
        assert lengths == [warm, warm + later]


@pytest.mark.parametrize("estimator", [LinearRegression(), MLPExpert((4,))], ids=["line", "networks"])
def test_a_random_start_gives_every_row_to_the_best_of_experts_that_know_few(estimator):
    X, y, _ = make_two_planes(200, random_state=0)
    begins = []
    for seed in (0, 0, 1):
        team = make_team(estimator, X, y, seed=0)
        begins.append(random_start(team, 200, (3, 3), least=10, seed=seed))
        assert begins[-1].shape == (200,) and begins[-1].min() == 0
        assert team.errors().shape == (200, begins[-1].max() + 1)
        np.testing.assert_array_equal(team.errors().argmin(axis=1), begins[-1])
    np.testing.assert_array_equal(begins[0], begins[1])
    assert (begins[0] != begins[2]).any()


def test_the_rule_of_the_paper_alone_finds_a_kink():
    X, y, regime = make_elastoplastic(200, random_state=0)
    settings = {"init": "random", "vote_weight": 0.0, "n_init": 2, "max_rounds": 12, "random_state": 0}
    partitioner = ActivePartitioner(LinearRegression(), gate=SVC(), **settings).fit(X, y)
    assert partitioner.n_partitions_ == 2
    assert adjusted_rand_score(regime, partitioner.labels_) > 0.9
    with parallel_config("threading", n_jobs=2):
        again = ActivePartitioner(LinearRegression(), gate=SVC(), **settings).fit(X, y)
    np.testing.assert_array_equal(again.winner_labels_, partitioner.winner_labels_)


def test_closed_form_experts_have_no_start():
    X, y, _ = make_two_planes(60, random_state=0)
    with pytest.raises(ParameterError, match="init='random' needs experts that compete with starts"):
        ActivePartitioner(init="random").fit(X, y)


@pytest.mark.parametrize("start", range(4))
def test_starts_label_every_row(start):
    X, y, _ = make_two_planes(200, random_state=0)
    labels = start_labels(start, X, y, X, (3, 3), least=10, seed=0)
    assert sorted(set(labels)) == [0, 1, 2]


@pytest.mark.parametrize("estimator", [LinearRegression(), Ridge(alpha=1e-3), MLPExpert((8,), max_epochs=200)], ids=str)
def test_free_experts_find_two_planes(estimator):
    X, y, regime = make_two_planes(400, random_state=0)
    partitioner = ActivePartitioner(estimator, n_init=2, max_rounds=20, random_state=0).fit(X, y)
    assert partitioner.n_partitions_ == 2
    assert adjusted_rand_score(regime, partitioner.labels_) > 0.9
    assert all(type(expert) is type(estimator) for expert in partitioner.experts_)
    assert partitioner.score(X, y) > 0.98


def test_growing_from_one_expert():
    """Slopes and clusters may begin with too few experts: worst rows bring the second one."""
    X, y, _ = make_two_planes(400, random_state=0)
    partitioner = ActivePartitioner(LinearRegression(), n_init=3, max_rounds=30, random_state=0).fit(X, y)
    steps = {line["step"] for line in partitioner.history_}
    assert "compete" in steps
    assert partitioner.n_partitions_ == 2


def test_one_law_keeps_one_expert():
    X, y, _ = make_linear(300, random_state=0)
    assert ActivePartitioner(LinearRegression(), n_init=2, random_state=0).fit(X, y).n_partitions_ == 1


def test_experts_that_learn_by_heart_do_not_split_noise():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, size=(200, 2)), rng.normal(size=200)
    partitioner = ActivePartitioner(DecisionTreeRegressor(), n_init=2, max_rounds=10, random_state=0).fit(X, y)
    assert partitioner.n_partitions_ == 1


def test_a_fixed_number_of_experts_is_kept():
    X, y, _ = make_two_planes(300, random_state=0)
    partitioner = ActivePartitioner(Ridge(), n_experts=3, n_init=2, max_rounds=10, random_state=0).fit(X, y)
    assert partitioner.n_partitions_ == 3


class Listing(RegressorMixin, BaseEstimator):
    """Predicts the mean: as a list, as a read-only column, or as whole numbers."""

    def __init__(self, kind="list"):
        self.kind = kind

    def fit(self, X, y):
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        column = np.full((len(X), 1), self.mean_)
        column.flags.writeable = False
        return {"list": [self.mean_] * len(X), "read-only": column, "int": np.full(len(X), int(self.mean_))}[self.kind]


@pytest.mark.parametrize("kind", ["list", "read-only", "int"])
def test_an_expert_may_answer_with_anything_like_an_array(kind):
    X, y = np.arange(12.0)[:, None], np.arange(12.0)
    team = EstimatorTeam(Listing(kind), X, y, seed=0)
    team.train(np.zeros(12, int))
    own = np.ravel(cross_val_predict(Listing(kind), X, y, cv=KFold(3, shuffle=True, random_state=0)))
    np.testing.assert_allclose(team.errors()[:, 0], (own - y) ** 2 / y.var())


@pytest.mark.parametrize("estimator", [LinearRegression(), MLPExpert(max_epochs=5)], ids=["line", "networks"])
@pytest.mark.parametrize("n_samples", [2, 5, 12])
def test_a_table_without_room_for_two_regimes_has_one(estimator, n_samples):
    X, y, _ = make_two_planes(n_samples, random_state=0)
    assert ActivePartitioner(estimator, random_state=0).fit(X, y).n_partitions_ == 1


@pytest.mark.parametrize("estimator", [LinearRegression(), MLPExpert(max_epochs=5)], ids=["line", "networks"])
def test_holding_out_leaves_rows_to_compete_for(estimator):
    X, y, _ = make_two_planes(24, random_state=0)
    model = ActivePartitioner(estimator, 2, validation_fraction=0.99, n_init=1, max_rounds=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModpartWarning)  # so few rows need not keep two experts
        model.fit(X, y)
    assert len(model.winner_labels_) == 24


def test_no_expert_begins_with_too_few_rows():
    X, y, _ = make_two_planes(25, random_state=0)
    for start in range(4):
        assert np.bincount(start_labels(start, X, y, X, (1, 10), least=9, seed=0)).min() >= 9


def test_experts_that_need_several_rows_compete_on_a_small_table():
    X, y, _ = make_two_planes(25, random_state=0)
    assert ActivePartitioner(KNeighborsRegressor(), random_state=0).fit(X, y).n_partitions_ >= 1
