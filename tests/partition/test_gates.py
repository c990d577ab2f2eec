"""Gates route by cost: weights follow the lead of the winner, and the simplest gate within one error is taken."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from modpart.partition import _gates
from modpart.partition._gates import Gate, _excess, _lead, _simplest_within_one_error, _weights, fit_gate, gate_menu


def contest(n=400, border=lambda X: X[:, 0] > 0, seed=0):
    """Two experts, each certain on its side of a border."""
    X = np.random.default_rng(seed).uniform(-1, 1, size=(n, 2))
    labels = border(X).astype(np.int64)
    errors = np.where(np.eye(2, dtype=bool)[labels], 0.0, 1.0)
    return X, labels, -200.0 * errors, errors


def test_lead_is_over_the_best_other():
    density = np.array([[0.0, -1.0, -5.0], [0.0, -1.0, -5.0]])
    assert _lead(np.array([0, 1]), density).tolist() == [1.0, -1.0]


def test_weights_have_mean_one_and_grow_with_the_lead():
    weights = _weights(np.array([0, 0, 0]), np.array([[0.0, -1.0], [0.0, -10.0], [0.0, -1e6]]))
    assert weights.mean() == pytest.approx(1.0)
    assert weights[2] / weights[0] == pytest.approx(100.0)


def test_excess_is_zero_for_the_winner_and_clipped():
    excess = _excess(np.array([0, 1]), np.array([[0.1, 9.0], [0.2, 0.1]]))
    np.testing.assert_allclose(excess, [[0.0, 0.25], [0.1, 0.0]])


def test_simplest_within_one_error_prefers_the_first_on_a_tie():
    rng = np.random.default_rng(0)
    best = rng.random(200)
    assert _simplest_within_one_error(np.array([best, best, best + 0.5])) == 0
    assert _simplest_within_one_error(np.array([best + 0.5, best, best])) == 1


def test_one_expert_needs_no_gate():
    gate = fit_gate(np.zeros((5, 1)), np.zeros(5, int), np.zeros((5, 1)), np.zeros((5, 1)), np.random.default_rng(0))
    assert gate.kind == "none"
    assert gate.predict_proba(np.zeros((3, 1))).tolist() == [[1.0]] * 3


@pytest.mark.parametrize(
    ("border", "kinds"),
    [
        (lambda X: X[:, 0] + X[:, 1] > 0, {"logistic", "quadratic"}),
        (lambda X: (X[:, 0] > 0.1) & (X[:, 1] > 0.1), {"tree", "quadratic"}),
        (lambda X: (X**2).sum(axis=1) < 0.5, {"quadratic", "smooth kernel"}),
    ],
    ids=["oblique line", "corner", "disc"],
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
    gate = fit_gate(X, labels, density, errors, np.random.default_rng(0), classifier=classifier)
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
    gate = fit_gate(X, swapped, density, -density, np.random.default_rng(0), classifier=LogisticRegression(C=1e3))
    shares = gate.predict_proba(np.array([[-0.05], [0.6]]))
    assert shares[0].argmax() == 0
    assert shares[1].argmax() == 1


def test_kernel_gates_are_left_out_of_large_problems():
    assert "smooth kernel" in gate_menu(1000, 2)
    assert "smooth kernel" not in gate_menu(10_000, 2)
    assert "quadratic" not in gate_menu(1000, 40)


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
