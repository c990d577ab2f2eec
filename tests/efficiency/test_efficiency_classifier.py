"""The efficiency classifier: edges, leaks, clusters, fallbacks, and what it says of itself."""

import doctest
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC

from modpart.datasets import make_bank_branches
from modpart.efficiency import (
    DEA,
    SOM,
    EfficiencyClassifier,
    ReducedPolynomialClassifier,
    cross_validate_classes,
)
from modpart.efficiency._classes.edges import cut
from modpart.efficiency._classes.routed import RoutedClassifier, fold_numbers
from modpart.exceptions import InputDataError, ModpartWarning, ParameterError
from tests.public import ROOT

PAGE = ROOT / "docs" / "efficiency_classes.rst"
OUTPUTS = ["deposits", "loans", "transactions"]
X, EFFICIENCY, GROUP = make_bank_branches(260, random_state=0)
TRAIN, TEST = X.iloc[:180], X.iloc[180:]


def classifier(bins=3, **more):
    return EfficiencyClassifier(DEA(outputs=OUTPUTS), bins, **{"n_clusters": 2, "random_state": 0} | more)


@pytest.fixture(scope="module")
def fitted():
    return classifier().fit(TRAIN)


def test_the_generated_truth_is_the_efficiency():
    rows, truth, group = make_bank_branches(400, noise=0.0, random_state=1)
    scores = DEA(outputs=OUTPUTS).fit(rows).efficiency_
    assert (scores >= truth - 1e-9).all(), "a sample's frontier lies within the technology"
    assert np.corrcoef(scores, truth)[0, 1] > 0.85
    assert set(group.tolist()) == {0, 1, 2}
    idle = make_bank_branches(50, inefficiency=0.0, random_state=0)[1]
    np.testing.assert_array_equal(idle, 1.0)


# Classes


@pytest.mark.parametrize("technology", ["vrs", "crs"])
def test_classes_are_the_scores_cut_at_the_edges(technology):
    dea = DEA(outputs=OUTPUTS, technology=technology)
    model = EfficiencyClassifier(dea, (0.7, 0.9, 1.0), n_clusters=2, combine="none", random_state=0).fit(TRAIN)
    scores = dea.fit(TRAIN).efficiency_
    np.testing.assert_array_equal(model.efficiency_, scores)
    expected = (scores > 0.7).astype(int) + (scores > 0.9) + (scores > 1 - 1e-6)
    np.testing.assert_array_equal(model.classes_of_scores(scores), expected)
    np.testing.assert_array_equal(model.class_shares_, np.bincount(expected) / 180)
    assert model.class_names_ == ["below 0.7", "0.7 to 0.9", "0.9 to 1", "efficient"]


def test_quantile_classes_are_of_equal_size(fitted):
    np.testing.assert_allclose(fitted.class_shares_, 1 / 3, atol=0.02)
    assert classifier("efficient").fit(TRAIN).all_class_names_[-1] == "efficient"


def test_an_edge_is_reached_up_to_rounding():
    np.testing.assert_array_equal(cut(np.array([0.5, 1.0 - 1e-9, 1.2, np.inf]), np.array([0.6, 1.0])), [0, 2, 2, 2])


def test_output_orientation_has_efficiency_of_new_units_the_right_way_up():
    model = EfficiencyClassifier(
        DEA(outputs=OUTPUTS, orientation="output"), 2, n_clusters=2, combine="none", random_state=0
    ).fit(TRAIN)
    np.testing.assert_allclose(model.dea_scores(TRAIN), model.efficiency_, atol=1e-9)
    assert (model.dea_scores(TRAIN.assign(deposits=TRAIN["deposits"] / 2)) <= model.efficiency_ + 1e-9).all()


def test_an_experts_classes_are_learned_without_dea():
    y = np.where(EFFICIENCY > np.median(EFFICIENCY), "good", "poor")
    model = EfficiencyClassifier(n_clusters=2, random_state=0).fit(TRAIN, y[:180])
    assert model.dea_ is None and model.class_names_ == ["good", "poor"]
    assert model.score(TEST, y[180:]) > 0.7
    with pytest.raises(ParameterError, match="no frontier"):
        model.score(TEST)


# No leaks


def test_test_units_change_nothing_in_the_model(fitted):
    again = classifier().fit(TRAIN)
    again.score(TEST)
    again.predict(TEST)
    np.testing.assert_array_equal(again.edges_, fitted.edges_)
    np.testing.assert_array_equal(again.efficiency_, fitted.efficiency_)
    np.testing.assert_array_equal(again.predict_proba(TEST), fitted.predict_proba(TEST))


def test_score_without_classes_judges_by_the_training_frontier(fitted):
    dea = DEA(outputs=OUTPUTS).fit(TRAIN)
    truth = np.searchsorted(fitted.edges_ - 1e-6, dea.score_units(TEST), side="right")
    assert fitted.score(TEST) == np.mean(truth == fitted.predict(TEST))
    one_by_one = [fitted.dea_classes(TEST.iloc[[row]])[0] for row in range(8)]
    np.testing.assert_array_equal(one_by_one, fitted.dea_classes(TEST)[:8], "no unit's class depends on another's")


def test_units_of_measurement_do_not_matter(fitted):
    scaled = X * np.array([1e-3, 1e3, 1.0, 1e6, 7.0, 1e-4])
    np.testing.assert_array_equal(classifier().fit(scaled.iloc[:180]).predict(scaled.iloc[180:]), fitted.predict(TEST))


# Clusters


@pytest.mark.parametrize("combine", ["none", "feature", "local", "average"])
def test_each_use_of_the_clusters_predicts(combine):
    model = classifier(combine=combine).fit(TRAIN)
    assert (model.combine_, list(model.combine_scores_)) == (combine, [combine])
    assert len(model.models_) == {"local": 2, "average": 4}.get(combine, 1)
    proba = model.predict_proba(TEST)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert model.score(TEST) > 0.5


def test_the_average_is_the_mean_of_the_three():
    ways = [classifier(combine=combine).fit(TRAIN) for combine in ("none", "feature", "local", "average")]
    *single, mean = (model.predict_proba(TEST) for model in ways)
    np.testing.assert_allclose(mean, np.mean(single, axis=0), atol=1e-12)


def test_auto_takes_the_best_of_the_four(fitted):
    assert set(fitted.combine_scores_) == {"none", "feature", "local", "average"}
    assert fitted.fidelity_ == max(fitted.combine_scores_.values()) == fitted.combine_scores_[fitted.combine_]


def test_a_local_model_is_that_of_its_cluster():
    model = classifier(combine="local").fit(TRAIN)
    rows = model.clusters_ == 0
    Z = model.scaler_.transform(TRAIN.to_numpy())
    alone = ReducedPolynomialClassifier().fit(Z[rows], model.classes_of_scores(model.efficiency_)[rows])
    np.testing.assert_allclose(model.predict_proba(TRAIN)[rows], alone.predict_proba(Z[rows]))


def test_a_cluster_of_one_class_or_few_rows_falls_back():
    rows = pd.concat([TRAIN.iloc[:100], TRAIN.iloc[100:108] * 1e4])
    model = classifier(combine="local").fit(rows)
    assert sorted(model.fallback_) in (["", "8 rows"], ["", "one class"])
    assert model.models_.count(None) == 1
    assert model.predict(TEST).shape == (80,)


def test_a_cluster_without_rows_is_told_by_the_classifier_for_all():
    rng = np.random.default_rng(0)
    Z, codes = rng.random((60, 2)), np.repeat([0, 1], 30)
    Z[codes == 1] += 0.5
    clusters = rng.integers(2, size=60)  # nobody is in the third
    model = RoutedClassifier(ReducedPolynomialClassifier(1), "local", 3, 2).fit(Z, clusters, codes)
    assert model.fallback == ["", "", "no row"] and model.models[2] is None and model.sizes[2] == 0
    alone = ReducedPolynomialClassifier(1).fit(Z, codes)
    np.testing.assert_array_equal(model.predict_proba(Z, np.full(60, 2)), alone.predict_proba(Z))


@pytest.mark.parametrize("settings", [{"orientation": "hyperbolic"}, {"measure": "sbm"}, {"orientation": "output"}])
def test_new_units_are_judged_as_those_of_the_fit_for_any_orientation_and_measure(settings):
    model = EfficiencyClassifier(DEA(outputs=OUTPUTS, **settings), 3, n_clusters=1, combine="none", random_state=0)
    model.fit(TRAIN)
    np.testing.assert_allclose(model.dea_scores(TRAIN), model.efficiency_, atol=1e-9)


@pytest.mark.parametrize("clusterer", [KMeans(n_init=3), GaussianMixture(), SOM((1, 3))], ids=repr)
def test_any_clusterer_that_predicts(clusterer):
    model = classifier(clusterer=clusterer, n_clusters=3, combine="local").fit(TRAIN)
    assert model.n_clusters_ == 3
    assert model.score(TEST) > 0.4


def test_any_classifier():
    model = classifier(classifier=LogisticRegression(C=100.0, max_iter=5000)).fit(TRAIN)
    assert model.score(TEST) > 0.4
    with pytest.raises(ParameterError, match="predict_proba"):
        classifier(classifier=LinearSVC()).fit(TRAIN)


def test_a_clusterer_of_training_rows_alone_is_refused():
    with pytest.raises(ParameterError, match=r"clusterer=DBSCAN\(\)"):
        classifier(clusterer=DBSCAN()).fit(TRAIN)


def test_the_clusters_are_counted():
    model = classifier(n_clusters="auto", combine="none").fit(TRAIN)
    assert model.n_clusters_ == model.cluster_count_.n_clusters_
    assert model.cluster_count_.votes_


def test_folds_spread_every_class():
    codes = np.repeat([0, 1, 2], [50, 20, 3])
    folds = fold_numbers(codes, 5, np.random.default_rng(0))
    for k, size in enumerate([50, 20, 3]):
        counts = np.bincount(folds[codes == k], minlength=5)
        assert counts.max() - counts.min() <= 1 and counts.sum() == size


# Searches, files, reports


def test_a_search_over_order_clusters_and_technology():
    model = classifier(classifier=ReducedPolynomialClassifier(), combine="feature")
    grid = {"classifier__order": [1, 2], "n_clusters": [1, 2], "dea__technology": ["vrs", "crs"]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(TRAIN)
    assert search.best_params_["classifier__order"] in (1, 2)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_pickle_predicts_the_same_bits(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(TEST), fitted.predict_proba(TEST))


def test_the_table_names_units(fitted):
    table = fitted.report(TEST)
    assert list(table.index) == list(TEST.index)
    assert table["agree"].mean() == pytest.approx(fitted.score(TEST))
    assert table["probability"].between(1 / 3, 1).all()


def test_the_page_says_how_far_to_trust_it(fitted, tmp_path):
    page = fitted.save_report(tmp_path / "page.html", TEST).read_text()
    for words in ("plain DEA", "cross-validation", "branch 0181", "largest class", "data:image/png"):
        assert words in page
    assert "http" not in page


def test_cross_validation_beside_baselines():
    table = cross_validate_classes(classifier(combine="none"), X, cv=3, random_state=0)
    mean = table.groupby("method")["accuracy"].mean()
    assert mean["plain DEA"] == 1.0
    assert mean["EfficiencyClassifier"] > mean["logistic regression"] > mean["majority"]
    assert mean["EfficiencyClassifier"] == pytest.approx(mean["pooled RM"])
    everybody = cross_validate_classes(classifier(combine="none"), X, cv=3, frontier="all", random_state=0)
    assert 0.7 < everybody.query("method == 'plain DEA'")["accuracy"].mean() < 1.0


@pytest.mark.skipif(not PAGE.is_file(), reason="not in a checkout")
def test_the_page_on_classes_shows_what_happens():
    result = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 6 and result.failed == 0


# What is wrong


def test_edges_outside_the_scores_are_named():
    with pytest.raises(
        InputDataError, match=r"all 180 units fall into one class: the scores reach from 0\.\d+ to 1, and"
    ):
        classifier((0.1,)).fit(TRAIN)


def test_equal_scores_are_told_from_badly_placed_edges():
    same = TRAIN.assign(**{TRAIN.columns[0]: 1.0})  # an input that nobody can have less of
    with pytest.raises(InputDataError, match=r"All scores are the same.* Leave out columns, or use technology='crs'"):
        EfficiencyClassifier(DEA(outputs=OUTPUTS, technology="vrs", data_warnings=False), (0.5, 1.0)).fit(same)


def test_an_empty_class_is_warned_of_and_never_predicted():
    with pytest.warns(ModpartWarning, match="no unit falls into class 'below 0.05'"):
        model = classifier((0.05, 0.9)).fit(TRAIN)
    assert model.classes_.tolist() == [1, 2]
    assert model.all_class_names_[0] == "below 0.05"
    assert set(model.predict(TEST).tolist()) <= {1, 2}


@pytest.mark.parametrize("bins", [(0.8, 0.6), (), (0.0, 0.5), 1, "half", (0.5, np.nan), True])
def test_wrong_bins_are_named(bins):
    with pytest.raises(ParameterError, match="bins"):
        classifier(bins).fit(TRAIN)


def test_more_clusters_than_units_and_wrong_names_are_named():
    with pytest.raises(ParameterError, match="n_clusters=200 and there are 180 units"):
        classifier(n_clusters=200).fit(TRAIN)
    with pytest.raises(ParameterError, match="2 names, and 2 edges make 3 classes"):
        classifier(class_names=["low", "high"]).fit(TRAIN)
    with pytest.raises(InputDataError, match="y holds only the class 'a'"):
        classifier().fit(TRAIN, ["a"] * 180)


def test_units_that_share_a_score_leave_fewer_classes():
    with pytest.warns(ModpartWarning, match="share a score"):
        model = classifier(12, n_clusters=1).fit(TRAIN)
    assert len(model.edges_) < 11
