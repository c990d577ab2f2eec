"""Is one method better than another? Within a set, over many sets, and over many methods."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class MeanRatio:
    """Mean log-ratio of two errors over repeated draws of one set; below 0 the first method is better."""

    mean: float
    se: float
    p: float

    @property
    def verdict(self) -> str:
        """Win, tie or loss at one standard error; unknown when a single draw leaves no standard error."""
        if np.isnan(self.se):
            return "unknown"
        return "win" if self.mean < -self.se else "loss" if self.mean > self.se else "tie"


def mean_ratio(log_ratios: Sequence[float], test_over_train: float = 0.0) -> MeanRatio:
    """Corrected resampled t-test of the mean log-ratio.

    Nadeau & Bengio, "Inference for the generalization error", Machine Learning 52 (2003), section 3: training sets of
    repeated splits overlap, so the variance of the mean is (1/J + n_test/n_train) times that of one split. Draws that
    share no rows have `test_over_train` = 0, which is the ordinary t-test.
    """
    ratios = np.asarray(log_ratios, dtype=np.float64)
    mean, J = float(ratios.mean()), len(ratios)
    if J < 2:
        return MeanRatio(mean, np.nan, np.nan)
    se = float(np.sqrt((1 / J + test_over_train) * ratios.var(ddof=1)))
    if se == 0:
        return MeanRatio(mean, 0.0, 1.0 if mean == 0 else 0.0)
    return MeanRatio(mean, se, float(2 * stats.t.sf(abs(mean) / se, df=J - 1)))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """P-values adjusted for their number; Holm, Scandinavian Journal of Statistics 6 (1979)."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def signed_rank(differences: Sequence[float]) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test on the differences of set means; 1 when all are zero."""
    values = np.asarray(differences, dtype=np.float64)
    return 1.0 if not values.any() else float(stats.wilcoxon(values).pvalue)


def pairwise(scores: np.ndarray) -> dict[tuple[int, int], float]:
    """Holm-adjusted signed-rank p-value of each pair of columns; `scores` has a row per set, a column per method."""
    pairs = list(combinations(range(scores.shape[1]), 2))
    return dict(zip(pairs, holm([signed_rank(scores[:, i] - scores[:, j]) for i, j in pairs]).tolist(), strict=True))


def mean_ranks(scores: np.ndarray) -> np.ndarray:
    """Mean rank of each column over the rows, 1 being least; equal scores share their ranks."""
    return np.asarray(stats.rankdata(scores, axis=1).mean(axis=0))


def friedman(scores: np.ndarray) -> float:
    """P-value of Friedman's test that all columns rank alike."""
    return float(stats.friedmanchisquare(*scores.T).pvalue)


def critical_difference(n_methods: int, n_sets: int, alpha: float = 0.05) -> float:
    """Least difference of mean ranks that Nemenyi's test calls significant.

    Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7 (2006), section 3.2.2.
    """
    q = stats.studentized_range.ppf(1 - alpha, n_methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_methods * (n_methods + 1) / (6 * n_sets)))


def groups_alike(ranks: np.ndarray, difference: float) -> list[tuple[float, float]]:
    """Largest runs of sorted ranks that lie within `difference` of each other, as (least, greatest) rank."""
    values, runs = np.sort(ranks), []
    for low in values:
        high = values[values <= low + difference].max()
        if high > low and not any(a <= low and high <= b for a, b in runs):
            runs.append((float(low), float(high)))
    return runs


def draw_critical_difference(names: Sequence[str], ranks: np.ndarray, difference: float, path: Path) -> None:
    """Draw mean ranks on a line, best on the left; bars join methods that the test cannot tell apart."""
    from matplotlib.figure import Figure

    order, half = np.argsort(ranks, kind="stable"), (len(ranks) + 1) // 2
    runs = groups_alike(ranks, difference)
    depth = 1.2 + 0.35 * len(runs)
    figure = Figure(figsize=(8, 1.6 + 0.14 * len(runs) + 0.24 * half), layout="constrained")
    axes = figure.add_subplot()
    left, right = np.floor(ranks.min()), np.ceil(ranks.max())
    axes.set(xlim=(left - 0.45 * (right - left), right + 0.45 * (right - left)), ylim=(depth + half + 0.2, -2))
    axes.axis("off")
    axes.plot([left, right], [0, 0], color="black", linewidth=1)
    for tick in np.arange(left, right + 1):
        axes.plot([tick, tick], [-0.2, 0], color="black", linewidth=1)
        axes.text(tick, -0.4, f"{tick:g}", ha="center", va="bottom", fontsize=9)
    axes.plot([left, left + difference], [-1.4, -1.4], color="black", linewidth=2)
    axes.text(left + difference, -1.4, f"  critical difference {difference:.2f}", va="center", fontsize=9)
    for level, (low, high) in enumerate(runs):
        axes.plot([low - 0.04, high + 0.04], [0.5 + 0.35 * level] * 2, color="tab:blue", linewidth=3)
    for place, method in enumerate(order):
        first = place < half
        row = depth + (place if first else len(ranks) - 1 - place)
        end = left - 0.05 * (right - left) if first else right + 0.05 * (right - left)
        axes.plot([ranks[method], ranks[method], end], [0, row, row], color="grey", linewidth=0.8)
        label = f"{names[method]} {ranks[method]:.2f} " if first else f" {ranks[method]:.2f} {names[method]}"
        axes.text(end, row, label, ha="right" if first else "left", va="center", fontsize=9)
    figure.savefig(path, dpi=110, metadata={"Software": None})
