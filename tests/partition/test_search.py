"""The moves of the search for regimes: cuts, merges, competition, drops, joins, and rows beyond the search."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, homogeneity_score

from modpart.datasets import (
    make_curved_minority,
    make_elastoplastic,
    make_four_quadrants,
    make_hammerstein,
    make_rare_corner,
    make_sine_burst,
    make_smooth_curve,
    make_tax_brackets,
    make_three_pieces,
    make_two_planes,
)
from modpart.partition import ActivePartitioner
from modpart.partition._bayes import contest_by_evidence
from modpart.partition._contest import Contest, Scaling
from modpart.partition._evidence import regimes as _regimes
from modpart.partition._evidence.local import neighbours
from modpart.partition._evidence.oversegment import cut_directions, oversegment
from modpart.partition._evidence.regimes import find_regimes
from modpart.partition._evidence.search import VOTERS, Search, compact, ignore, log_votes
from modpart.partition._rows import WeightedRows


def standardised(sample):
    X, y, regime = sample
    scaling = Scaling.of(X, y)
    return scaling.inputs(X), scaling.target(y), regime


def test_compact_keeps_the_grouping_and_closes_gaps():
    labels = np.array([7, 2, 7, 5, 2])
    assert compact(labels).tolist() == [2, 0, 2, 1, 0]


def test_votes_count_neighbours():
    near = np.array([[1, 2], [0, 2], [0, 1]])
    votes = np.exp(log_votes(np.array([0, 0, 1]), near))
    np.testing.assert_allclose(votes * 2.01, [[1.01, 1.01], [1.01, 1.01], [2.01, 0.01]])


def test_directions_contain_the_normal_of_a_kink():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 2))
    normal = np.array([0.6, 0.8])
    slopes = np.where((X @ normal > 0)[:, None], 2.0 * normal, 0.0)
    directions = cut_directions(X, slopes, np.ones(2))
    assert np.abs(directions @ normal).max() > 0.999
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)


def search_on(X, y):
    basis, ones = _regimes.SmoothBasis(np.ones(X.shape[1])).fit(X, seed=0), np.ones(len(X))
    near = neighbours(X, VOTERS)
    return Search(X, y[:, None], ones, basis, np.ones(X.shape[1]), near, ones, 1.0, (1, 10), 10, ignore)


def test_merging_with_votes_climbs_the_total_of_the_search():
    X, y, regime = standardised(make_four_quadrants(600, noise=0.2, random_state=1))
    search, s2 = search_on(X, y), np.array([0.04])
    cut = compact(regime + 4 * (X[:, 1] > 0.8 * X[:, 0]))  # every law in up to two pieces that touch
    merged = search.merge(cut, s2, voting=True)
    assert adjusted_rand_score(regime, merged) == 1.0
    assert search.total(merged, s2) > search.total(cut, s2)
    two = [np.where(merged == b, a, merged) for a in range(4) for b in range(a + 1, 4)]
    assert all(search.total(compact(labels), s2) < search.total(merged, s2) for labels in two)


@pytest.mark.parametrize("slope, n_regimes", [(0.0, 1), (3.0, 2)])
def test_only_pieces_of_one_law_at_their_border_are_joined(slope, n_regimes):
    rng = np.random.default_rng(0)
    X = np.sort(rng.uniform(-1.7, 1.7, size=(500, 1)), axis=0)
    y = np.sin(X[:, 0]) + slope * np.maximum(X[:, 0], 0.0) + 0.05 * rng.normal(size=500)
    halves = (X[:, 0] > 0).astype(np.int64)
    assert search_on(X, y).join_smooth(halves, np.array([0.0025])).max() + 1 == n_regimes


@pytest.mark.parametrize("seed", range(3))
def test_uneven_curvature_is_one_law(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-3, 3, size=(800, 1))
    y = 1.0 / (1.0 + 2.8 * X[:, 0] ** 2)
    X, y, _ = standardised((X, y + 0.05 * y.std() * rng.normal(size=800), None))
    assert find_regimes(X, y, rng).labels.max() == 0


def test_cells_respect_the_least_size_and_do_not_mix_regimes():
    X, y, regime = standardised(make_four_quadrants(600, random_state=0))
    basis = _regimes.SmoothBasis(np.ones(2)).fit(X, seed=0)
    augmented = [np.column_stack([f, y]) for f in basis.features(X)]
    cells = oversegment(augmented, X, 0.0025, n_linear=3, min_leaf=12, max_leaves=24)
    assert np.bincount(cells).min() >= 12
    assert 4 <= cells.max() + 1 <= 24
    assert homogeneity_score(regime, cells) > 0.9


@pytest.mark.parametrize("wanted", [2, 3])
def test_wanted_regimes_are_found_even_on_one_law(wanted):
    X, y, _ = standardised(make_smooth_curve(300, random_state=0))
    assert find_regimes(X, y, np.random.default_rng(0), bounds=(wanted, wanted)).labels.max() + 1 == wanted


@pytest.mark.parametrize(
    ("make", "n_regimes"), [(make_elastoplastic, 2), (make_two_planes, 2), (make_four_quadrants, 4)]
)
def test_number_and_place_of_regimes_are_found(make, n_regimes):
    X, y, regime = standardised(make(600, random_state=1))
    found = find_regimes(X, y, np.random.default_rng(0))
    assert len(found.posteriors) == n_regimes
    assert adjusted_rand_score(regime, found.labels) > 0.9
    assert found.noise == pytest.approx(0.0025, rel=0.35)


@pytest.mark.parametrize(
    ("make", "noise", "seed"),
    [
        (make_curved_minority, 0.05, 119),  # over all rows the third input seems idle; it matters inside a regime
        (make_four_quadrants, 0.2, 117),  # one curve happens to fit parts of two quadrants
        (make_sine_burst, 0.2, 116),  # rows at a border keep the two outer pieces apart
    ],
)
def test_regimes_that_only_a_second_look_finds(make, noise, seed):
    X, y, regime = make(1000, noise=noise, random_state=seed)
    rows = WeightedRows.of(X, y, np.ones(len(X)))
    contest = contest_by_evidence(rows.X, rows.y, np.random.default_rng(seed))
    assert len(contest.experts) == regime.max() + 1
    assert adjusted_rand_score(regime[rows.first], contest.labels) > 0.95


def test_a_kink_is_found_in_two_bootstrap_samples():
    """In the second one its best cut pays only once the border has moved."""
    X, y, _ = make_tax_brackets(1000, random_state=9000)
    rng = np.random.default_rng(9000)
    for rows in rng.integers(1000, size=(2, 1000)):
        assert ActivePartitioner(gate="tree", random_state=9000).fit(X[rows], y[rows]).n_partitions_ == 2


@pytest.mark.parametrize("seed", [501, 520])
def test_a_bump_on_a_line_is_one_law(seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=1000)
    y = x + 2.0 * np.exp(-(((x - 0.2) / 0.07) ** 2))
    X, y, _ = standardised((x[:, None], y + 0.05 * y.std() * rng.standard_normal(1000), None))
    assert find_regimes(X, y, np.random.default_rng(seed)).labels.max() == 0


def test_one_law_may_weigh_two_inputs_unequally():
    """In equal units of both inputs this law is too rough for one expert, and smooth in the flat middle."""
    rng = np.random.default_rng(9101)
    X = rng.uniform(-1, 1, size=(1000, 2))
    y = np.sin(10 * X[:, 0]) * X[:, 1]
    y += 0.05 * y.std() * rng.standard_normal(1000)
    X, y, _ = standardised((X, y, None))
    assert find_regimes(X, y, np.random.default_rng(9101)).labels.max() == 0


def test_kinks_along_one_of_two_inputs_stay_borders():
    """One curve of the input that matters has more evidence than three pieces, but the kinks are plain."""
    X, y, regime = standardised(make_hammerstein(1000, random_state=9010))
    found = find_regimes(X, y, np.random.default_rng(9010))
    assert len(found.posteriors) == 3
    assert adjusted_rand_score(regime, found.labels) > 0.8


@pytest.mark.parametrize(("make", "seed"), [(make_three_pieces, 500), (make_rare_corner, 509)])
def test_a_row_beside_a_jump_is_no_outlier(make, seed):
    X, y, regime = make(1000, random_state=seed)
    rows = WeightedRows.of(X, y, np.ones(len(X)))
    contest = contest_by_evidence(rows.X, rows.y, np.random.default_rng(seed))
    assert adjusted_rand_score(regime[rows.first], contest.labels) == 1.0


@pytest.mark.parametrize("seed", [0, 2, 3])  # one-sided ones side by side by chance make a regime in 1 of 12 draws
@pytest.mark.parametrize("tail", ["student", "gross", "one-sided"])
def test_outliers_make_no_regime(tail, seed):
    rng = np.random.default_rng([seed, 77])
    X = rng.uniform(-3, 3, size=(600, 1))
    errors = {
        "student": rng.standard_t(2, 600),
        "gross": rng.normal(size=600) * np.where(rng.random(600) < 0.02, 20.0, 1.0),
        "one-sided": rng.normal(size=600) + 15.0 * (rng.random(600) < 0.05),
    }[tail]
    X, y, _ = standardised((X, np.sin(X[:, 0]) + 0.05 * errors, None))
    assert find_regimes(X, y, rng).labels.max() == 0


def test_a_few_outliers_leave_the_regimes_as_they_were():
    X, y, regime = make_four_quadrants(800, random_state=0)
    rows = np.random.default_rng(0).choice(800, 16, replace=False)
    y[rows] += np.where(rows % 2, 10.0, -10.0) * y.std()
    X, y, _ = standardised((X, y, regime))
    found = find_regimes(X, y, np.random.default_rng(0))
    assert found.labels.max() == 3
    clean = np.delete(np.arange(800), rows)
    assert adjusted_rand_score(regime[clean], found.labels[clean]) > 0.95


@pytest.mark.parametrize("make", [make_elastoplastic, make_sine_burst])
def test_a_bootstrap_sample_has_the_same_regimes(make):
    X, y, regime = make(1000, random_state=0)
    rows = np.random.default_rng(0).integers(1000, size=(2, 1000))[1]
    found = ActivePartitioner(gate="tree", random_state=0).fit(X[rows], y[rows])
    assert adjusted_rand_score(regime[rows], found.winner_labels_) > 0.9


def test_at_most_max_experts():
    X, y, _ = standardised(make_four_quadrants(400, random_state=0))
    assert len(find_regimes(X, y, np.random.default_rng(0), bounds=(1, 2)).posteriors) <= 2


def test_linear_law_needs_pieces_where_a_smooth_one_does_not():
    X, y, _ = standardised(make_smooth_curve(400, random_state=0))
    assert len(find_regimes(X, y, np.random.default_rng(0), smooth=True).posteriors) == 1
    assert len(find_regimes(X, y, np.random.default_rng(0), smooth=False).posteriors) > 1


def test_rows_beyond_the_search_are_assigned_like_the_others(monkeypatch):
    X, y, regime = standardised(make_two_planes(1500, random_state=0))
    monkeypatch.setattr(_regimes, "MAX_ROWS", 500)
    found = find_regimes(X, y, np.random.default_rng(0))
    assert len(found.posteriors) == 2
    assert found.labels.shape == (1500,)
    assert found.errors.shape == found.log_density.shape == (1500, 2)
    assert adjusted_rand_score(regime, found.labels) > 0.95


def test_outliers_beyond_the_search_follow_their_neighbours(monkeypatch):
    X, y, regime = make_four_quadrants(1500, random_state=0)
    rows = np.random.default_rng(0).choice(1500, 30, replace=False)
    y[rows] += np.where(rows % 2, 10.0, -10.0) * y.std()
    X, y, _ = standardised((X, y, None))
    monkeypatch.setattr(_regimes, "MAX_ROWS", 800)
    found = find_regimes(X, y, np.random.default_rng(0))
    assert found.labels.max() == 3
    assert adjusted_rand_score(regime[rows], found.labels[rows]) > 0.7
    assert np.ptp(found.log_density[rows], axis=1).max() < np.ptp(found.log_density, axis=1).max() / 10


def test_scaling_is_undone_and_survives_constant_columns():
    X = np.column_stack([np.arange(5.0), np.full(5, 1e9 + 0.1)])
    y = np.array([3.0, 3.0, 3.0, 3.0, 3.0])
    scaling = Scaling.of(X, y)
    assert scaling.x_sd[1] == 1.0
    assert scaling.y_sd == 1.0
    np.testing.assert_allclose(scaling.restore(scaling.target(y)), y)


def test_contest_by_share_renumbers_everything_alike():
    labels = np.array([0, 1, 1, 1, 2, 2])
    columns = np.tile([10.0, 11.0, 12.0], (6, 1))
    sorted_ = Contest(labels, columns, columns + 1, ["a", "b", "c"], np.ones(1), []).by_share()
    assert sorted_.labels.tolist() == [2, 0, 0, 0, 1, 1]
    assert sorted_.experts == ["b", "c", "a"]
    assert sorted_.log_density[0].tolist() == [11.0, 12.0, 10.0]
    assert sorted_.errors[0].tolist() == [12.0, 13.0, 11.0]


def test_errors_are_in_units_of_the_target_where_noise_varies():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(600, 1))
    noise = np.where(X[:, 0] < -0.3, 0.02, 0.5) * rng.normal(size=600)
    y = np.where(X[:, 0] < 0.3, X[:, 0], 3 + 2 * X[:, 0]) + noise
    contest = contest_by_evidence(X, y, np.random.default_rng(0))
    assert len(contest.experts) > 1
    for k, expert in enumerate(contest.experts):
        foreign = contest.labels != k
        squares = (expert.predict(X[foreign]) - y[foreign]) ** 2 / y.var()
        np.testing.assert_allclose(contest.errors[foreign, k], squares, atol=1e-9)
