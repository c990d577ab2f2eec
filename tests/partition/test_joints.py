"""Joining cells with bounds joins what weighing every pair would join; shortcuts to a cell's evidence."""

import numpy as np
import pytest

from modpart.partition._evidence import joints as _joints
from modpart.partition._evidence import regimes as _regimes
from modpart.partition._evidence.arrays import ALONE, NUMPY
from modpart.partition._evidence.basis import SmoothBasis
from modpart.partition._evidence.evidence import Stats, ceiling, condensed, log_evidence, model_evidences
from modpart.partition._evidence.joints import Joints

N_CELLS = 9


@pytest.fixture(params=[1, 2], ids="{}_outputs".format)
def cells(request):
    """Cells along one input with a jump in the middle: statistics of weighted rows, noise, model evidences."""
    rng = np.random.default_rng(3)
    X, weight = rng.uniform(-1.7, 1.7, size=(270, 1)), rng.uniform(0.3, 2.5, size=270)
    laws = [np.sin(2.0 * X[:, 0]) + 2.0 * (X[:, 0] > 0.1), X[:, 0] ** 2 - (X[:, 0] > 0.1)]
    y = np.column_stack(laws[: request.param]) + 0.1 * rng.normal(size=(270, request.param))
    basis, s2 = SmoothBasis(np.ones(1)).fit(X, seed=0), np.array([0.01, 0.02])[: request.param]
    augmented = [np.column_stack([f, y]) * np.sqrt(weight)[:, None] for f in basis.features(X)]
    groups = np.digitize(X[:, 0], np.linspace(-1.7, 1.7, N_CELLS + 1)[1:-1])
    stats = Stats.of_groups(augmented, groups, N_CELLS, basis.n_linear_, n_outputs=request.param, weight=weight)
    each = [model_evidences(output, noise) for output, noise in zip(stats.outputs(), s2, strict=True)]
    return stats, s2, np.stack(each, axis=1)


def test_rows_predicted_exactly_bound_what_rows_add_under_every_model(cells):
    stats, s2, evidences = cells
    exact = ceiling(stats.counts, s2)[:, :, None]
    for a in range(N_CELLS):
        for b in range(N_CELLS):
            if a != b:
                pair = (stats[[a]] + stats[[b]]).outputs()
                joined = np.stack([model_evidences(o, noise)[0] for o, noise in zip(pair, s2, strict=True)])
                assert (joined < evidences[a] + exact[b]).all()


def greedy(stats, s2, rest, least):
    """Pairs joined and their gains, every pair weighed at every step."""
    stats, alive, found = stats[:], list(range(N_CELLS)), []
    stats = Stats.joined([stats])
    while len(alive) > 1:
        gains = {}
        for i, a in enumerate(alive):
            for b in alive[i + 1 :]:
                parts = log_evidence(stats[[a, b]], s2).sum()
                gains[a, b] = log_evidence(stats[[a]] + stats[[b]], s2)[0] - parts + rest(a, b)
        (a, b), gain = max(gains.items(), key=lambda item: item[1])
        if gain <= least:
            break
        stats.absorb(a, b)
        alive.remove(b)
        found.append(((a, b), gain))
    return found


def with_bounds(stats, s2, evidences, rest, least):
    stats, alive, found = Stats.joined([stats]), list(range(N_CELLS)), []
    joints = Joints(stats, evidences, s2)
    joints.enter({(a, b): rest(a, b) for i, a in enumerate(alive) for b in alive[i + 1 :]})
    while len(alive) > 1:
        (a, b), gain = joints.best(least)
        if gain <= least:
            break
        joints.join(a, b)
        alive.remove(b)
        found.append(((a, b), gain))
        joints.enter({(min(a, c), max(a, c)): rest(a, c) for c in alive if c != a})
    return found


@pytest.mark.parametrize("least", [0.0, -np.inf])
@pytest.mark.parametrize("at_a_time", [1, 16])
def test_bounds_change_nothing_in_what_is_joined(cells, least, at_a_time, monkeypatch):
    monkeypatch.setattr(_joints, "PAIRS", at_a_time)
    stats, s2, evidences = cells
    weighed, weigh = [], Joints._weigh
    monkeypatch.setattr(Joints, "_weigh", lambda self, pairs: weighed.extend(pairs) or weigh(self, pairs))

    def rest(a, b):
        return -3.0 if abs(a - b) > 1 else 0.0

    expected = greedy(stats, s2, rest, least)
    found = with_bounds(stats, s2, evidences, rest, least)
    assert [pair for pair, _ in found] == [pair for pair, _ in expected]
    np.testing.assert_allclose([gain for _, gain in found], [gain for _, gain in expected], atol=1e-6)
    entered = sum(n * (n - 1) // 2 if n == N_CELLS else n - 1 for n in range(N_CELLS - len(found), N_CELLS + 1))
    assert len(weighed) < entered if least == 0.0 else len(weighed) <= entered


@pytest.mark.parametrize("p", [ALONE - 1, ALONE, ALONE + 30])
def test_pivots_are_those_of_the_whole_factor_and_leave_the_matrices_alone(p):
    rng = np.random.default_rng(0)
    rows, ridge = rng.normal(size=(3, 2 * p, p)), rng.uniform(0.1, 1.0, size=p)
    grams = rows.swapaxes(1, 2) @ rows
    before = grams.copy()
    factors = np.linalg.cholesky(grams + np.diag(ridge))
    np.testing.assert_allclose(NUMPY.pivots([(grams, ridge)])[0], np.diagonal(factors, axis1=1, axis2=2), rtol=1e-12)
    np.testing.assert_array_equal(grams, before)
    with pytest.raises(np.linalg.LinAlgError):
        NUMPY.pivots([(-grams, ridge)])


def test_sides_of_cuts_are_sums_over_their_rows():
    rng = np.random.default_rng(0)
    rows, weight = rng.normal(size=(60, 5)), rng.uniform(0.5, 2.0, size=60)
    cuts = [(rng.integers(0, 4, size=60), np.array([0, 2])), (rng.integers(0, 3, size=60), np.array([], dtype=int))]
    cuts.append((rng.integers(0, 6, size=60), np.array([4])))
    sides = Stats.of_sides([rows], cuts, 2, n_outputs=1, weight=weight)
    below = [groups <= after for groups, every in cuts for after in every]
    for number, side in enumerate([*below, *(~one for one in below)]):
        np.testing.assert_allclose(sides.grams[0][number], rows[side].T @ rows[side], atol=1e-12)
        assert sides.counts[number] == pytest.approx(weight[side].sum())
    assert len(sides) == 6


def test_features_condensed_for_a_cell_and_again_for_its_part_tell_the_same():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = np.sin(3.0 * X[:, 0]) + (X[:, 1] > 0) + 0.05 * rng.normal(size=300)
    basis = SmoothBasis(np.ones(2)).fit(X, seed=0)
    matrices, rows = [np.column_stack([f, y]) for f in basis.features(X)], np.arange(300)
    for inside in (X[:, 0] > 0.0, X[:, 1] > 0.0, X[:, 0] > 0.5):
        kept = inside[rows]
        matrices, rows = [m[kept] for m in matrices], rows[kept]
        matrices = [condensed(m, m.T @ m, basis.n_linear_, 1, 0.0025) for m in matrices]
    full = [np.column_stack([f, y])[rows] for f in basis.features(X)]
    assert all(few.shape[1] < all_of_them.shape[1] for few, all_of_them in zip(matrices, full, strict=True))
    part = (X[rows, 1] > 0.6).astype(int)
    short, whole = (log_evidence(Stats.of_groups(m, part, 2, basis.n_linear_), 0.0025) for m in (matrices, full))
    np.testing.assert_allclose(short, whole, atol=0.03)


def test_looks_with_the_same_relevance_share_one_basis(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.7, 1.7, size=(300, 1))
    y = np.sin(X[:, 0]) + 2.0 * (X[:, 0] > 0.2) + 0.05 * rng.normal(size=300)
    fitted, fit = [], SmoothBasis.fit
    monkeypatch.setattr(SmoothBasis, "fit", lambda self, *given: fitted.append(self) or fit(self, *given))
    found = _regimes.find_regimes(X, (y - y.mean()) / y.std(), np.random.default_rng(0))
    assert sum(line["step"] == "cut" for line in found.history) == 1  # of the look that stays
    assert found.labels.max() == 1
    assert len(fitted) == 1
