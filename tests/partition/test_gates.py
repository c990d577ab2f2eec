"""Gates route by cost: weights follow the lead of the winner, and the simplest gate as good as the best is taken."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from modpart.partition._gate import gates as _gates
from modpart.partition._gate.gates import (
    KINDS,
    Gate,
    _as_good,
    _coupled,
    _excess,
    _lead,
    _weights,
    fit_gate,
    gate_menu,
    log_blend,
    squared_blend,
)


def contest(n=400, border=lambda X: X[:, 0] > 0, seed=0):
    """Two experts, each certain on its side of a border."""
    X = np.random.default_rng(seed).uniform(-1, 1, size=(n, 2))
    labels = border(X).astype(np.int64)
    errors = np.where(np.eye(2, dtype=bool)[labels], 0.0, 1.0)
    return X, labels, -200.0 * errors, errors


def three_strips(n):
    """Three experts, side by side along the first of two inputs."""
    X = np.random.default_rng(0).uniform(-1, 1, size=(n, 2))
    labels = np.digitize(X[:, 0], [-0.3, 0.4])
    errors = np.where(np.eye(3, dtype=bool)[labels], 0.0, 1.0)
    return X, labels, -200.0 * errors, errors


def test_lead_is_over_the_best_other():
    density = np.array([[0.0, -1.0, -5.0], [0.0, -1.0, -5.0]])
    assert _lead(np.array([0, 1]), density).tolist() == [1.0, -1.0]


def test_weights_are_the_lead_within_bounds():
    density = np.array([[0.0, -1.0], [0.0, -10.0], [0.0, -1e6], [-3.0, 0.0]])
    assert _weights(np.zeros(4, int), density).tolist() == [1.0, 10.0, 100.0, 0.05]


def test_excess_is_zero_for_the_winner():
    excess = _excess(np.array([0, 1]), np.array([[0.1, 9.0], [0.2, 0.1]]))
    np.testing.assert_allclose(excess, [[0.0, 8.9], [0.1, 0.0]])


def test_a_blend_errs_by_the_square_of_its_share():
    """Two experts, one without error: a share s of the other adds s^2 of its squared error."""
    shares, excess = np.array([[0.75, 0.25], [0.0, 1.0]]), np.array([[0.0, 8.0], [0.0, 8.0]])
    np.testing.assert_allclose(squared_blend(shares, excess), [0.5, 8.0])


def test_pairs_of_margins_couple_to_shares():
    np.testing.assert_allclose(_coupled(np.array([0.0, 100.0]), 2), [[0.5, 0.5], [0.0, 1.0]], atol=1e-12)
    np.testing.assert_allclose(_coupled(np.zeros((1, 3)), 3), np.full((1, 3), 1 / 3))
    wins = np.array([[9.0, 9.0, 0.0], [-9.0, 0.0, 9.0], [0.0, -9.0, -9.0]])  # of 0 over 1, 0 over 2, 1 over 2
    assert _coupled(wins, 3).argmax(axis=1).tolist() == [0, 1, 2]


def test_as_good_is_within_some_standard_errors_of_the_best():
    best = np.random.default_rng(0).random(200)
    spread = np.where(np.arange(200) % 2, 1.0, -1.0)  # a standard error of .07
    costs = np.array([best + 0.5, best, best, best + spread + 0.1])
    assert _as_good(costs, np.ones(200), 2.0).tolist() == [False, True, True, True]
    assert _as_good(costs, np.ones(200), 1.0).tolist() == [False, True, True, False]


def test_kinds_without_hope_are_given_up_early(monkeypatch):
    fits, fit = [], _gates._fit
    monkeypatch.setattr(_gates, "_fit", lambda gate, *a: fits.append(type(gate).__name__) or fit(gate, *a))
    X, labels, density, errors = contest(border=lambda X: (np.floor(2 * X).sum(axis=1) % 2) > 0)
    gate = fit_gate(X, labels, density, errors, np.random.default_rng(0))
    assert gate.kind == "tree"
    assert fits.count("LogisticRegression") == _gates.TRIAL_FOLDS
    assert fits.count("BorderTree") == _gates.FOLDS + 1  # the last one sees all rows


def test_kinds_no_better_than_a_smaller_one_are_given_up_early(monkeypatch):
    fits, fit = [], _gates._fit
    monkeypatch.setattr(_gates, "_fit", lambda gate, *a: fits.append(gate) or fit(gate, *a))
    X, labels, density, errors = contest(border=lambda X: X[:, 0] + X[:, 1] > 0)
    assert fit_gate(X, labels, density, errors, np.random.default_rng(0)).kind == "logistic"
    quadratic = [gate for gate in fits if hasattr(gate, "steps") and gate[0].degree == 2]
    assert len(quadratic) == _gates.TRIAL_FOLDS  # the same border, with more numbers


def test_one_expert_needs_no_gate():
    gate = fit_gate(np.zeros((5, 1)), np.zeros(5, int), np.zeros((5, 1)), np.zeros((5, 1)), np.random.default_rng(0))
    assert gate.kind == "none"
    assert gate.predict_proba(np.zeros((3, 1))).tolist() == [[1.0]] * 3


@pytest.mark.parametrize(
    ("border", "kinds"),
    [
        (lambda X: X[:, 0] + X[:, 1] > 0, {"logistic", "quadratic"}),
        (lambda X: (X[:, 0] > 0.1) & (X[:, 1] > 0.1), {"tree", "quadratic", "quartic"}),
        (lambda X: (X**2).sum(axis=1) < 0.5, {"quadratic", "kernel"}),
        (lambda X: abs(np.hypot(*X.T) - 0.6) < 0.25, {"quartic"}),
    ],
    ids=["oblique line", "corner", "disc", "ring"],
)
def test_the_kind_of_gate_follows_the_border(border, kinds):
    X, labels, density, errors = contest(border=border)
    gate = fit_gate(X, labels, density, errors, np.random.default_rng(0))
    new, expected, *_ = contest(border=border, seed=1)
    shares = gate.predict_proba(new)
    assert gate.kind in kinds
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert np.mean(shares.argmax(axis=1) == expected) > 0.97


@pytest.mark.parametrize("classifier", [LogisticRegression(), KNeighborsClassifier(3), LinearSVC(random_state=0)])
def test_a_user_s_classifier_is_used_with_or_without_weights_and_shares(classifier):
    X, labels, density, errors = contest()
    gate = fit_gate(X, labels, density, errors, np.random.default_rng(0), gate=classifier)
    assert gate.kind == type(classifier).__name__
    assert np.mean(gate.predict_proba(X).argmax(axis=1) == labels) > 0.97
    assert not hasattr(classifier, "classes_")  # the user's object stays unfitted


def test_costly_rows_move_the_border():
    """One-dimensional, noisy labels: rows whose misrouting costs most decide where a linear gate cuts."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(600, 1))
    labels = (X[:, 0] > 0).astype(np.int64)
    density = np.where(np.eye(2, dtype=bool)[labels], 0.0, -10.0)
    doubtful = np.abs(X[:, 0]) < 0.3
    density[doubtful & (labels == 1)] = 0.0  # these would do as well in either expert
    swapped = labels.copy()
    swapped[doubtful] = 0
    gate = fit_gate(X, swapped, density, -density, np.random.default_rng(0), gate=LogisticRegression(C=1e3))
    shares = gate.predict_proba(np.array([[-0.05], [0.6]]))
    assert shares[0].argmax() == 0
    assert shares[1].argmax() == 1


def test_what_grows_too_large_is_left_out_unless_asked_for():
    def kinds(*size):
        return {name for name, _ in gate_menu("auto", *size)}

    assert kinds(1000, 2) == set(KINDS) - {"boosting"}
    assert "kernel" not in kinds(10_000, 2)
    assert "quadratic" not in kinds(1000, 40)
    assert "quartic" in kinds(1000, 3)
    assert "quartic" not in kinds(1000, 4)
    assert "quartic" not in kinds(1000, 1)
    for kind in KINDS:
        assert {name for name, _ in gate_menu(kind, 10_000, 40)} == {kind}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_asked_for(kind):
    X, labels, density, errors = three_strips(150)
    gate = fit_gate(X, labels, density, errors, np.random.default_rng(0), gate=kind)
    shares = gate.predict_proba(X)
    assert gate.kind == kind
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert np.mean(shares.argmax(axis=1) == labels) > 0.93


def test_the_simplest_is_the_one_with_the_fewest_numbers():
    """Two cuts part three strips as well as three planes do, and hold four numbers where those hold nine."""
    X, labels, density, errors = three_strips(300)
    assert fit_gate(X, labels, density, errors, np.random.default_rng(0)).kind == "tree"


def test_an_axis_parallel_border_is_found_whatever_the_relevance():
    """Relevance is of the laws; a border may run in an input that no law uses."""
    X, labels, density, errors = contest(border=lambda X: X[:, 1] > 0.1)
    gate = fit_gate(X, labels, density, errors, np.random.default_rng(0), relevance=np.array([1.0, 0.0]))
    new, expected, *_ = contest(border=lambda X: X[:, 1] > 0.1, seed=1)
    assert gate.kind == "tree"
    assert np.mean(gate.predict_proba(new).argmax(axis=1) == expected) > 0.99


def test_blending_across_a_border_beats_a_hard_cut():
    """Where the border runs between two rows is unknown: shares that rise across the gap have less squared error."""
    hard, soft = [], []
    for seed in range(40):
        X, labels, density, errors = contest(60, border=lambda X: X[:, 0] > 0.05, seed=seed)
        gate = fit_gate(X, labels, density, errors, np.random.default_rng(0), gate="tree")
        new, expected, *_ = contest(2000, border=lambda X: X[:, 0] > 0.05, seed=1000 + seed)
        shares = gate.predict_proba(new)[:, 1]
        soft.append(np.mean((shares - expected) ** 2))
        hard.append(np.mean((shares > 0.5) != expected))
    assert np.mean(soft) < 0.8 * np.mean(hard)  # two thirds are expected


def test_large_problems_choose_and_learn_on_some_rows(monkeypatch):
    monkeypatch.setattr(_gates, "CHOICE_ROWS", 150)
    monkeypatch.setattr(_gates, "MEMBER_ROWS", 200)
    X, labels, density, errors = contest(n=600)
    gate = fit_gate(X, labels, density, errors, np.random.default_rng(0))
    assert np.mean(gate.predict_proba(X).argmax(axis=1) == labels) > 0.97


def test_shares_of_members_that_know_fewer_experts():
    member = LogisticRegression().fit(np.array([[-1.0], [1.0]]), [0, 2])
    shares = Gate("logistic", 3, [member], 0.0).predict_proba(np.array([[5.0]]))
    assert shares[0, 1] == 0.0
    assert shares.sum() == pytest.approx(1.0)


def test_a_blend_of_probabilities_costs_its_log_loss():
    rng = np.random.default_rng(0)
    shares, right = rng.dirichlet(np.ones(3), 20), rng.uniform(0.01, 1.0, (20, 3))
    excess = np.log(right.max(axis=1, keepdims=True) / right)
    expected = np.log(right.max(axis=1)) - np.log((shares * right).sum(axis=1))
    np.testing.assert_allclose(log_blend(shares, excess), expected)
    hard = np.eye(3)[rng.integers(0, 3, 20)]
    np.testing.assert_allclose(log_blend(hard, excess), (hard * excess).sum(axis=1))
