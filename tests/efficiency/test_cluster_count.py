"""The number of clusters: statistics against their definitions, scikit-learn and a table; the vote on blobs."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.datasets import load_iris, make_blobs
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, davies_bouldin_score, silhouette_score

from modpart.efficiency import ClusterCount
from modpart.efficiency._clusters.tree_statistics import TreeHistory
from modpart.exceptions import InputDataError

IRIS = load_iris().data

# k: rows of the merged cluster, RMSSTD, SPRSQ, RSQ, pseudo-F, pseudo-t2, CCC of Ward's tree of iris
TABLE = {
    10: (22, 0.2362, 0.0027, 0.9593, 366.83, 12.87, 4.766),
    9: (29, 0.2078, 0.0027, 0.9566, 388.65, 16.60, 5.086),
    8: (23, 0.2458, 0.0031, 0.9535, 416.18, 13.81, 5.506),
    7: (26, 0.2990, 0.0058, 0.9477, 431.98, 19.07, 5.483),
    6: (38, 0.2990, 0.0060, 0.9417, 464.95, 16.26, 5.858),
    5: (50, 0.2780, 0.0108, 0.9309, 488.48, 44.95, 5.817),
    4: (36, 0.3918, 0.0172, 0.9137, 515.08, 41.00, 3.987),
    3: (64, 0.4114, 0.0301, 0.8836, 558.06, 57.25, 4.329),
    2: (100, 0.5942, 0.1110, 0.7726, 502.82, 115.57, 3.833),
    1: (150, 1.0692, 0.7726, 0.0, np.nan, 502.82, np.nan),
}


@pytest.fixture(scope="module")
def iris():
    return ClusterCount(random_state=0).fit(IRIS)


def test_the_history_of_iris(iris):
    columns = ["merged", "rmsstd", "sprsq", "rsq", "pseudo_f", "pseudo_t2", "ccc"]
    found = iris.history_.loc[list(TABLE), columns].to_numpy()
    expected = np.array(list(TABLE.values()))
    half_a_digit = np.array([0, 5e-5, 5e-5, 5e-5, 5e-3, 5.1e-3, 5e-4]) * 1.01
    assert (np.isnan(found) == np.isnan(expected)).all()
    assert (np.nan_to_num(abs(found - expected)) <= half_a_digit + 1e-12).all()
    assert iris.cophenetic_correlation_ == pytest.approx(0.8728, abs=5e-5)
    assert iris.votes_["pseudo_f"] == 3


@pytest.mark.parametrize("method", ["ward", "average", "complete", "single"])
def test_statistics_are_those_of_scikit_learn(method):
    X, _ = make_blobs(120, centers=4, n_features=3, random_state=2)
    count = ClusterCount(method, random_state=0).fit(X)
    for k in range(2, 11):
        labels = fcluster(count.linkage_, k, criterion="maxclust")
        row = count.history_.loc[k]
        assert row["pseudo_f"] == pytest.approx(calinski_harabasz_score(X, labels), rel=1e-10)
        assert row["silhouette"] == pytest.approx(silhouette_score(X, labels))
        assert row["davies_bouldin"] == pytest.approx(davies_bouldin_score(X, labels))


def sum_of_squares(X):
    return ((X - X.mean(axis=0)) ** 2).sum()


@pytest.mark.parametrize("method", ["ward", "average"])
def test_statistics_are_their_definitions(method):
    X, _ = make_blobs(40, centers=3, n_features=2, random_state=0)
    count = ClusterCount(method, random_state=0).fit(X)
    total = sum_of_squares(X)
    for k in range(1, 11):
        now, before = (fcluster(count.linkage_, g, criterion="maxclust") for g in (k, k + 1))
        (joined,) = [g for g in np.unique(now) if len(np.unique(before[now == g])) == 2]
        rows = X[now == joined]
        parts = [X[before == g] for g in np.unique(before[now == joined])]
        inside = sum(map(sum_of_squares, parts))
        growth = sum_of_squares(rows) - inside
        row = count.history_.loc[k]
        assert row["merged"] == len(rows)
        assert row["rmsstd"] == pytest.approx(np.sqrt(sum_of_squares(rows) / (2 * (len(rows) - 1))))
        assert row["sprsq"] == pytest.approx(growth / total)
        assert row["rsq"] == pytest.approx(1 - sum(sum_of_squares(X[now == g]) for g in np.unique(now)) / total)
        if inside > 0:
            assert row["pseudo_t2"] == pytest.approx(growth / (inside / (len(rows) - 2)))


def test_heights_of_ward_are_the_growth_of_the_sum_of_squares():
    tree = linkage(IRIS, "ward")
    history = TreeHistory.of(IRIS, tree, 20)
    np.testing.assert_allclose(history.sprsq * sum_of_squares(IRIS), tree[::-1, 2][:20] ** 2 / 2, rtol=1e-9)


def test_the_gap_of_uniform_data_is_one_cluster():
    X = np.random.default_rng(0).uniform(size=(200, 2))
    assert ClusterCount(stat="gap", n_references=20, random_state=0).fit(X).n_clusters_ == 1


def separated(seed):
    """Blobs whose centres are at least seven standard deviations apart, of unequal size."""
    rng = np.random.default_rng(seed)
    k, width = int(rng.integers(2, 9)), int(rng.integers(2, 9))
    side = 20.0
    while True:
        centres = rng.uniform(-side, side, (k, width))
        gaps = np.linalg.norm(centres[:, None] - centres[None], axis=2)
        if gaps[~np.eye(k, dtype=bool)].min() > 7.0:
            break
        side *= 1.1
    sizes = rng.integers(10, 40, size=k)
    labels = np.repeat(np.arange(k), sizes)
    return centres[labels] + rng.normal(size=(len(labels), width)), labels, k


@pytest.mark.parametrize("n_sets", [15, pytest.param(50, marks=pytest.mark.claims)])
def test_the_vote_finds_separated_blobs(n_sets):
    right = 0
    for seed in range(n_sets):
        X, labels, k = separated(seed)
        count = ClusterCount(n_references=5, random_state=0).fit(X)
        right += count.n_clusters_ == k
        if count.n_clusters_ == k:
            assert adjusted_rand_score(labels, count.labels_) > 0.99
    assert right >= 0.9 * n_sets


def test_one_statistic_may_decide(iris):
    assert ClusterCount(stat="silhouette", random_state=0).fit(IRIS).n_clusters_ == iris.votes_["silhouette"]
    assert len(np.unique(ClusterCount(stat="pseudo_f", random_state=0).fit_predict(IRIS))) == 3


def test_a_long_table_is_counted_on_a_sample():
    X, y = make_blobs(3000, centers=5, center_box=(-40, 40), random_state=4)
    count = ClusterCount(max_samples=200, random_state=0).fit(X)
    assert count.n_clusters_ == 5
    assert len(count.linkage_) == 199
    assert adjusted_rand_score(y, count.labels_) > 0.99


def test_few_rows_and_repeated_rows():
    assert list(ClusterCount(random_state=0).fit([[0.0], [0.1], [5.0]]).history_.index) == [1, 2]
    twice = np.repeat([[0.0, 0.0], [9.0, 9.0], [0.0, 9.0]], 4, axis=0)
    assert ClusterCount(random_state=0).fit(twice).n_clusters_ == 3


@pytest.mark.parametrize("X", [[[0.0], [1.0]], [[2.0, 2.0]] * 5], ids=["two rows", "equal rows"])
def test_what_cannot_be_clustered_is_said(X):
    with pytest.raises(InputDataError, match="clusters need at least 3 rows, not all equal"):
        ClusterCount().fit(X)
