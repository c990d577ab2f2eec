"""ActivePartitioner: what it promises of labels, gate, columns and seeds."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import adjusted_rand_score, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modpart.datasets import load_nile, make_elastoplastic, make_four_quadrants, make_linear, make_pipe_friction
from modpart.partition import ActivePartitioner, BayesianExpert


@pytest.fixture(scope="module")
def quadrants():
    X, y, regime = make_four_quadrants(600, random_state=0)
    return X, y, regime, ActivePartitioner(random_state=0).fit(X, y)


def test_partitions_agree_with_the_regimes(quadrants):
    _, _, regime, partitioner = quadrants
    assert partitioner.n_partitions_ == 4
    assert adjusted_rand_score(regime, partitioner.labels_) > 0.95
    assert adjusted_rand_score(regime, partitioner.winner_labels_) > 0.95
    new, _, expected = make_four_quadrants(1000, random_state=1)
    assert adjusted_rand_score(expected, partitioner.predict(new)) > 0.95


def test_partitions_are_numbered_by_share(quadrants):
    counts = np.bincount(quadrants[3].winner_labels_)
    assert (np.diff(counts) <= 0).all()


def test_labels_come_from_the_gate_and_predict_is_its_likeliest_expert(quadrants):
    X, _, _, partitioner = quadrants
    np.testing.assert_array_equal(partitioner.labels_, partitioner.predict(X))
    shares = partitioner.predict_proba(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_array_equal(shares.argmax(axis=1), partitioner.predict(X))
    np.testing.assert_array_equal(partitioner.transform(X), shares)


def test_predictions_do_not_depend_on_other_rows(quadrants):
    X, _, _, partitioner = quadrants
    np.testing.assert_array_equal(partitioner.predict(X[:7]), partitioner.predict(X)[:7])


def test_score_is_the_routed_r2(quadrants):
    X, y, _, partitioner = quadrants
    labels = partitioner.predict(X)
    routed = np.array([partitioner.experts_[k].predict(row[None])[0] for k, row in zip(labels, X, strict=True)])
    assert partitioner.score(X, y) == pytest.approx(r2_score(y, routed))


def test_units_of_the_inputs_and_target_do_not_matter(quadrants):
    X, y, _, partitioner = quadrants
    rescaled = ActivePartitioner(random_state=0).fit(X * [1e3, 1e-4] + 7.0, 1e6 * y - 3.0)
    assert adjusted_rand_score(partitioner.winner_labels_, rescaled.winner_labels_) > 0.98


def test_an_irrelevant_constant_column_changes_nothing():
    X, y, _ = make_elastoplastic(300, random_state=0)
    wide = np.column_stack([X, np.full(len(X), 3.0)])
    assert ActivePartitioner(random_state=0).fit(wide, y).n_partitions_ == 2


def test_permuted_target_gives_one_partition():
    X, y, _ = make_four_quadrants(400, random_state=0)
    assert ActivePartitioner(random_state=0).fit(X, np.random.default_rng(0).permutation(y)).n_partitions_ == 1


def test_one_law_gives_one_partition_and_no_gate():
    partitioner = ActivePartitioner(random_state=0).fit(*make_linear(300, random_state=0)[:2])
    assert partitioner.n_partitions_ == 1
    assert partitioner.gate_.kind == "none"
    assert (partitioner.labels_ == 0).all()


def test_constant_target_and_duplicate_rows():
    X = np.repeat(np.arange(5.0), 10)[:, None]
    partitioner = ActivePartitioner(random_state=0).fit(X, np.ones(50))
    assert partitioner.n_partitions_ == 1
    np.testing.assert_allclose(partitioner.experts_[0].predict(X), 1.0, atol=1e-6)


def test_level_shift_of_the_nile_is_found_at_its_year():
    years, flow = load_nile()
    partitioner = ActivePartitioner(BayesianExpert("linear"), random_state=0).fit(years, flow)
    early = partitioner.winner_labels_ == partitioner.winner_labels_[0]
    assert partitioner.n_partitions_ == 2
    assert abs(years[early, 0].max() - 1898) <= 1
    assert early[: early.sum()].all()


def test_history_tells_the_steps(quadrants):
    history = pd.DataFrame(quadrants[3].history_)
    assert history["step"].iloc[0] == "cut"
    assert history["step"].iloc[-1] == "end"
    assert history["n_experts"].iloc[-1] == 4
    assert (history["changed"].between(0, 1)).all()


def test_search_over_the_number_of_experts_and_an_expert_s_parameter():
    X, y, _ = make_elastoplastic(240, random_state=0)
    search = GridSearchCV(
        ActivePartitioner(Ridge(), n_init=1, max_rounds=5, random_state=0),
        {"n_experts": [1, 2], "estimator__alpha": [1e-3, 1e3]},
        cv=2,
    ).fit(X, y)
    assert search.best_params_ == {"n_experts": 2, "estimator__alpha": 1e-3}


def test_in_a_pipeline_the_shares_are_features():
    X, y, _ = make_elastoplastic(300, random_state=0)
    pipeline = make_pipeline(StandardScaler(), ActivePartitioner(random_state=0), Ridge()).fit(X, y)
    names = pipeline[:-1].get_feature_names_out()
    assert names.tolist() == ["activepartitioner0", "activepartitioner1"]
    assert pipeline.predict(X).shape == (300,)


def test_training_features_do_not_know_the_target():
    """A row's transform depends on its X alone: two fits that differ in nothing but the call give the same shares."""
    X, y, _ = make_elastoplastic(300, random_state=0)
    together = ActivePartitioner(random_state=0).fit_transform(X, y)
    apart = ActivePartitioner(random_state=0).fit(X, y).transform(X)
    np.testing.assert_array_equal(together, apart)


def test_a_user_s_gate_and_its_parameters():
    X, y, regime = make_elastoplastic(300, random_state=0)
    partitioner = ActivePartitioner(gate=LogisticRegression(), random_state=0).set_params(gate__C=100.0).fit(X, y)
    assert partitioner.gate_.kind == "LogisticRegression"
    assert partitioner.gate_.members[0].C == 100.0
    assert adjusted_rand_score(regime, partitioner.labels_) > 0.85


def test_plain_winner_takes_all_speckles_more():
    X, y, _ = make_four_quadrants(400, random_state=3)
    voting = ActivePartitioner(random_state=0).fit(X, y)
    plain = ActivePartitioner(vote_weight=0.0, random_state=0).fit(X, y)
    disagreement = [np.mean(p.winner_labels_ != p.labels_) for p in (voting, plain)]
    assert disagreement[0] < disagreement[1]


def test_verbose_prints_a_line_per_step(capsys):
    X, y, _ = make_elastoplastic(200, random_state=0)
    ActivePartitioner(random_state=0).fit(X, y)
    assert capsys.readouterr().out == ""
    ActivePartitioner(random_state=0, verbose=1).fit(X, y)
    assert "gate" in capsys.readouterr().out


def test_a_gate_that_separates_perfectly_warns_nobody():
    """Its weights have no limit, and the solver says so; warnings are errors here."""
    X, y, _ = make_pipe_friction(1000, random_state=501)
    assert ActivePartitioner(gate="logistic", random_state=501).fit(X, y).gate_.kind == "logistic"


@pytest.mark.parametrize("kind", ["logistic", "tree", "quadratic", "quartic", "kernel", "neighbours"])
def test_a_kind_of_gate_goes_by_its_name(kind):
    X, y, _ = make_elastoplastic(120, random_state=0)
    partitioner = ActivePartitioner(gate=kind, random_state=0).fit(X, y)
    assert partitioner.gate_.kind == kind
    np.testing.assert_allclose(partitioner.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.parametrize(
    ("chosen", "gate"),
    [(["width"], "auto"), ([1], "tree"), ([-1], "logistic"), (np.array([False, True]), KNeighborsClassifier())],
    ids=["name", "index", "from the end", "mask"],
)
def test_a_border_uses_only_the_gate_s_features(quadrants, chosen, gate):
    X, y = quadrants[:2]
    X = pd.DataFrame(X, columns=["load", "width"])
    partitioner = ActivePartitioner(n_experts=2, gate=gate, gate_features=chosen, random_state=0).fit(X, y)
    assert partitioner.gate_columns_.tolist() == [1]
    shares = partitioner.predict_proba(X)
    shuffled = X.assign(load=np.random.default_rng(0).permutation(X["load"]))
    np.testing.assert_array_equal(partitioner.predict_proba(shuffled), shares)
    assert not np.array_equal(partitioner.predict_proba(X[::-1].set_axis(X.index)), shares)
