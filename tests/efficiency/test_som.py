"""The self-organising map: its rule against a loop, its grid by counting, its groups by brute force."""

import numpy as np
import pandas as pd
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.datasets import load_iris, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV

from modpart.efficiency import SOM
from modpart.efficiency._clusters.grid import Grid
from modpart.efficiency._clusters.ward import ward_groups
from modpart.exceptions import InputDataError, ParameterError

IRIS = load_iris().data


def epoch_by_hand(X, units, positions, sigma, weight):
    """Kohonen's batch rule, written as a loop."""
    winners = [int(np.argmin([np.sum((x - w) ** 2) for w in units])) for x in X]
    new = units.copy()
    for a in range(len(units)):
        top, bottom = np.zeros(X.shape[1]), 0.0
        for x, b, m in zip(X, winners, weight):
            h = np.exp(-np.sum((positions[a] - positions[b]) ** 2) / (2 * sigma**2))
            top, bottom = top + m * h * x, bottom + m * h
        new[a] = top / bottom if bottom > 0 else units[a]
    return new


@pytest.mark.parametrize("topology", ["rectangular", "hexagonal"])
def test_an_epoch_is_the_batch_rule(topology):
    weight = np.random.default_rng(0).integers(1, 4, size=len(IRIS)).astype(float)
    som = SOM((3, 4), topology=topology, n_epochs=1, sigma=(0.7, 0.7), random_state=0).fit(IRIS, sample_weight=weight)
    before = som.cluster_centers_
    som._mass *= 0.0
    som.partial_fit(IRIS, sample_weight=weight)
    expected = epoch_by_hand(IRIS, before, som.positions_, 0.7, weight)
    np.testing.assert_allclose(som.cluster_centers_, expected, atol=1e-10)


def test_the_order_of_the_rows_does_not_matter():
    mixed = np.random.default_rng(0).permutation(len(IRIS))
    first, second = SOM((4, 4), random_state=0).fit(IRIS), SOM((4, 4), random_state=0).fit(IRIS[mixed])
    np.testing.assert_allclose(first.cluster_centers_, second.cluster_centers_, atol=1e-9)


def test_errors_hits_and_distances_are_what_they_say():
    som = SOM((4, 5), random_state=0).fit(IRIS)
    distances = np.sqrt(((IRIS[:, None] - som.cluster_centers_[None]) ** 2).sum(axis=2))
    np.testing.assert_allclose(som.transform(IRIS), distances, atol=1e-6)
    np.testing.assert_array_equal(som.predict(IRIS), distances.argmin(axis=1))
    assert som.quantization_error_ == pytest.approx(distances.min(axis=1).mean())
    assert som.score(IRIS) == pytest.approx(-som.quantization_error_)
    np.testing.assert_array_equal(som.hits_.ravel(), np.bincount(som.labels_, minlength=20))
    first, second = np.argsort(distances, axis=1, kind="stable")[:, :2].T
    rows, columns = np.divmod(np.array([first, second]), 5)
    apart = np.maximum(abs(rows[0] - rows[1]), abs(columns[0] - columns[1])) > 1
    assert som.topographic_error_ == pytest.approx(apart.mean())


def test_the_u_matrix_is_the_mean_distance_to_the_neighbours():
    som = SOM((3, 3), random_state=0).fit(IRIS)
    units = som.cluster_centers_.reshape(3, 3, -1)
    for i in range(3):
        for j in range(3):
            around = [
                units[a, b]
                for a in range(max(i - 1, 0), min(i + 2, 3))
                for b in range(max(j - 1, 0), min(j + 2, 3))
                if (a, b) != (i, j)
            ]
            expected = np.mean([np.linalg.norm(units[i, j] - other) for other in around])
            assert som.u_matrix_[i, j] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("topology", "toroid", "counts"),
    [
        ("rectangular", False, {3, 5, 8}),
        ("rectangular", True, {8}),
        ("hexagonal", False, {2, 3, 4, 5, 6}),
        ("hexagonal", True, {6}),
    ],
)
def test_neighbours_on_the_grid(topology, toroid, counts):
    grid = Grid((4, 6), topology, toroid)
    assert set(grid.adjacent.sum(axis=1).tolist()) <= counts
    assert max(counts) in grid.adjacent.sum(axis=1)
    np.testing.assert_array_equal(grid.adjacent, grid.adjacent.T)
    assert not grid.adjacent.diagonal().any()


def test_neighbours_on_the_grid_are_alike():
    X = np.random.default_rng(0).uniform(size=(2000, 2))
    som = SOM((8, 8), random_state=0).fit(X)
    gaps = np.linalg.norm(som.cluster_centers_[:, None] - som.cluster_centers_[None], axis=2)
    assert gaps[som._grid.adjacent].max() < np.median(gaps)
    assert som.topographic_error_ < 0.05


def test_the_map_moves_with_its_data():
    som, moved = SOM((5, 6), random_state=0).fit(IRIS), SOM((5, 6), random_state=0).fit(IRIS + 1e6)
    np.testing.assert_allclose(moved.cluster_centers_ - 1e6, som.cluster_centers_, atol=1e-6)


def test_same_seed_same_map_and_another_seed_another():
    first, again, other = (SOM((5, 5), init="random", random_state=seed).fit(IRIS) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.cluster_centers_, again.cluster_centers_)
    assert not np.array_equal(first.cluster_centers_, other.cluster_centers_)


def test_a_row_of_weight_three_is_three_rows():
    weight = np.random.default_rng(0).integers(0, 4, size=len(IRIS)).astype(float)
    weighted = SOM((4, 4), random_state=0).fit(IRIS, sample_weight=weight)
    repeated = SOM((4, 4), random_state=0).fit(np.repeat(IRIS, weight.astype(int), axis=0))
    np.testing.assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_, atol=1e-9)
    assert weighted.quantization_error_ == pytest.approx(repeated.quantization_error_)


@pytest.mark.parametrize("seed", [0, 1, 14])  # 14: rounding would decide
def test_order_and_copies_decide_nothing_where_units_coincide(seed):
    """More units than rows: many come to lie on one row, up to rounding."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(12, 2))
    weight = rng.integers(0, 5, size=12)
    copies = rng.permutation(np.repeat(np.arange(12), weight))
    weighted = SOM((5, 5), random_state=0).fit(X, sample_weight=weight)
    repeated = SOM((5, 5), random_state=0).fit(X[copies])
    np.testing.assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_, atol=1e-9)
    np.testing.assert_array_equal(weighted.predict(X), repeated.predict(X))
    np.testing.assert_array_equal(weighted.labels_[copies], repeated.labels_)


def test_small_distances_are_not_made_of_rounding():
    som = SOM((3, 3), random_state=0).fit(IRIS)
    step = 1e-7 * np.eye(4)[0]
    distances = som.transform(som.cluster_centers_ + step)
    np.testing.assert_allclose(np.diag(distances), 1e-7, rtol=1e-5)


# Missing values


def test_a_missing_value_is_left_out_of_distances_and_means():
    rng = np.random.default_rng(0)
    X = np.where(rng.random(IRIS.shape) < 0.15, np.nan, IRIS)
    som = SOM((4, 4), n_epochs=5, random_state=0).fit(X)
    gaps = (X[:, None] - som.cluster_centers_[None]) ** 2
    expected = np.sqrt(np.nanmean(gaps, axis=2) * 4)
    np.testing.assert_allclose(som.transform(X), expected, atol=1e-6)
    np.testing.assert_array_equal(som.predict(X), expected.argmin(axis=1))


def test_missing_values_cost_little():
    X, y = make_blobs(400, centers=3, n_features=6, random_state=0)
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
    labels = SOM((5, 5), n_clusters=3, random_state=0).fit_predict(holes)
    assert adjusted_rand_score(y, labels) > 0.95


def test_a_row_or_column_without_values_is_named():
    X = pd.DataFrame(IRIS, columns=["a", "b", "c", "d"])
    with pytest.raises(InputDataError, match="row 7 of X holds no value"):
        SOM((2, 2), random_state=0).fit(X.drop(7).reindex(X.index))
    with pytest.raises(InputDataError, match="column 'b' holds no value"):
        SOM((2, 2), random_state=0).fit(X.assign(b=np.nan))


# In portions


def test_portions_lead_to_about_the_same_map():
    X, _ = make_blobs(3000, centers=6, n_features=4, random_state=1)
    whole = SOM((6, 6), random_state=0).fit(X)
    parts = SOM((6, 6), random_state=0)
    rng = np.random.default_rng(0)
    for _ in range(3):
        for rows in np.array_split(rng.permutation(len(X)), 15):
            parts.partial_fit(X[rows])
    assert parts.n_steps_ == 45
    assert -parts.score(X) < 1.1 * whole.quantization_error_


def test_a_fitted_map_learns_on():
    som = SOM((4, 4), random_state=0).fit(IRIS)
    before = som.cluster_centers_.copy()
    som.partial_fit(IRIS[:10] + 1.0)
    assert 0 < np.abs(som.cluster_centers_ - before).max() < 1.5
    assert som.labels_.shape == (10,)


# Groups of units


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_those_of_ward_on_repeated_points(seed):
    rng = np.random.default_rng(seed)
    points, weight = rng.normal(size=(12, 3)), rng.integers(1, 6, size=12)
    repeated = np.repeat(np.arange(12), weight)
    for k in (2, 3, 5):
        expected = fcluster(linkage(points[repeated], "ward"), k, criterion="maxclust")
        found = ward_groups(points, weight.astype(float), k)
        assert adjusted_rand_score(expected, found[repeated]) == 1.0
        assert set(found.tolist()) == set(range(k))


def test_separated_clusters_are_found():
    for seed in range(5):
        X, y = make_blobs(300, centers=4, center_box=(-30, 30), random_state=seed)
        som = SOM(n_clusters=4, random_state=0).fit(X)
        assert adjusted_rand_score(y, som.labels_) > 0.9
        np.testing.assert_array_equal(som.predict(X), som.labels_)


def test_a_unit_for_each_cluster():
    X, y = make_blobs(200, centers=3, random_state=3)
    som = SOM((1, 3), sigma=(1.0, 0.2), random_state=0).fit(X)
    assert adjusted_rand_score(y, som.labels_) > 0.95


def test_more_clusters_than_units_are_refused():
    with pytest.raises(ParameterError, match="n_clusters=5 and the map has 4 units"):
        SOM((2, 2), n_clusters=5).fit(IRIS)


def test_hexagons_on_a_torus_need_even_rows():
    with pytest.raises(ParameterError, match=r"odd number of rows.*Take 4 rows"):
        SOM((3, 4), topology="hexagonal", toroid=True).fit(IRIS)


@pytest.mark.parametrize(
    "wrong", [{"shape": (0, 3)}, {"shape": 5}, {"sigma": (1.0,)}, {"sigma": (0.0, 0.5)}, {"sigma": 2}]
)
def test_wrong_shapes_and_radii_are_named(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        SOM(**wrong).fit(IRIS)


def test_more_units_than_rows_and_one_column():
    assert SOM((6, 6), random_state=0).fit(IRIS[:5]).hits_.sum() == 5
    assert SOM((3, 3), random_state=0).fit(IRIS[:, :1]).u_matrix_.shape == (3, 3)
    assert SOM((1, 1), random_state=0).fit(IRIS).quantization_error_ > 0
    same = SOM((2, 2), random_state=0).fit(np.ones((5, 2)))
    assert same.quantization_error_ == 0.0


def test_a_search_over_shapes():
    search = GridSearchCV(SOM(random_state=0), {"shape": [(2, 2), (6, 6)]}, cv=3).fit(IRIS)
    assert search.best_params_ == {"shape": (6, 6)}
