"""The statistics of the benchmarks against known values and against scipy."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.partition_study.significance import (
    critical_difference,
    draw_critical_difference,
    friedman,
    groups_alike,
    holm,
    mean_ranks,
    mean_ratio,
    pairwise,
    signed_rank,
)


def test_without_overlap_the_corrected_test_is_the_ordinary_one():
    ratios = np.random.default_rng(0).normal(-0.3, 0.5, 10)
    ordinary = stats.ttest_1samp(ratios, 0)
    ours = mean_ratio(ratios)
    assert ours.p == pytest.approx(ordinary.pvalue)
    assert ours.mean == pytest.approx(ratios.mean())
    assert ours.se == pytest.approx(stats.sem(ratios))


def test_overlap_widens_the_standard_error_by_the_factor_of_the_paper():
    ratios = np.random.default_rng(1).normal(size=10)
    assert mean_ratio(ratios, 0.25).se / mean_ratio(ratios).se == pytest.approx(np.sqrt((0.1 + 0.25) / 0.1))
    assert mean_ratio(ratios, 0.25).p > mean_ratio(ratios).p


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [([-0.2, -0.3, -0.25], "win"), ([0.2, 0.3, 0.25], "loss"), ([-1, 1, 0.1], "tie"), ([0, 0, 0], "tie")],
)
def test_a_verdict_needs_more_than_one_standard_error(ratios, verdict):
    assert mean_ratio(ratios).verdict == verdict


def test_one_draw_gives_no_verdict():
    assert mean_ratio([-3.0]).verdict == "unknown"


def test_holm_on_a_worked_example():
    # Sorted .005, .01, .03, .04 times 4, 3, 2, 1, then made monotone.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])


def test_the_least_p_value_of_six_sets():
    assert signed_rank([1, 2, 3, 4, 5, 6]) == pytest.approx(2 / 2**6)
    assert signed_rank([0.0, 0.0]) == 1.0


@pytest.mark.parametrize(("k", "n", "expected"), [(5, 20, 1.364), (5, 22, 1.301), (2, 10, 0.6198), (10, 12, 3.911)])
def test_critical_difference_of_demsar_s_table(k, n, expected):
    assert critical_difference(k, n) == pytest.approx(expected, abs=2e-3)


def test_ranks_and_friedman():
    scores = np.array([[1, 2, 3], [1, 3, 2], [1, 2, 2]], dtype=float)
    assert mean_ranks(scores) == pytest.approx([1, 7.5 / 3, 7.5 / 3])
    noise = np.random.default_rng(0).normal(size=(15, 4))
    assert friedman(noise) == pytest.approx(stats.friedmanchisquare(*noise.T).pvalue)


def test_pairs_are_adjusted_together():
    scores = np.random.default_rng(0).normal((0, 0, 2), size=(12, 3))
    adjusted = pairwise(scores)
    assert set(adjusted) == {(0, 1), (0, 2), (1, 2)}
    raw = {(i, j): stats.wilcoxon(scores[:, i], scores[:, j]).pvalue for i, j in adjusted}
    assert all(adjusted[pair] >= raw[pair] for pair in raw)
    assert adjusted[0, 2] < 0.05 < adjusted[0, 1]


def test_groups_are_the_largest_runs():
    ranks = np.array([3.0, 1.0, 1.5, 2.4, 9.0])
    assert groups_alike(ranks, 1.0) == [(1.0, 1.5), (1.5, 2.4), (2.4, 3.0)]
    assert groups_alike(ranks, 10.0) == [(1.0, 9.0)]
    assert groups_alike(ranks, 0.1) == []


def test_the_plot_is_drawn(tmp_path):
    draw_critical_difference(["a", "b", "c"], np.array([1.2, 2.0, 2.8]), 0.9, tmp_path / "cd.png")
    assert (tmp_path / "cd.png").stat().st_size > 2000
