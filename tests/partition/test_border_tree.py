"""The tree of borders: cuts where misrouting costs least, none that does not pay, and shares across the gap."""

import numpy as np
import pytest

from modpart.partition._gate.border_tree import BorderTree, _Node, _place, _share_cuts


def corner(n=600, n_idle=6, seed=0):
    X = np.random.default_rng(seed).uniform(size=(n, 2 + n_idle))
    return X, ((X[:, 0] > 0.6) & (X[:, 1] > 0.7)).astype(np.int64)


def test_shares_rise_in_a_straight_line_across_the_gap():
    X = np.array([[0.0], [1.0], [2.0], [6.0], [7.0], [8.0]])
    tree = BorderTree().fit(X, [4, 4, 4, 9, 9, 9])
    assert tree.classes_.tolist() == [4, 9]
    places = np.array([[-5.0], [2.0], [3.0], [4.0], [6.0], [50.0]])
    np.testing.assert_allclose(tree.predict_proba(places)[:, 1], [0.0, 0.0, 0.25, 0.5, 1.0, 1.0])


def test_a_doubtful_row_widens_the_place_of_the_border_by_its_cost():
    """The posterior of the border is the length of each gap times exp(-cost), normalised."""
    X, y = np.arange(8.0)[:, None], np.array([0, 0, 0, 0, 1, 1, 1, 1])
    tree = BorderTree().fit(X, y, np.array([50.0, 50.0, 50.0, np.log(3.0), 50.0, 50.0, 50.0, 50.0]))
    mass = np.array([1 / 3, 1.0])  # gaps from 2 to 3, which misroutes row 3, and from 3 to 4
    np.testing.assert_allclose(
        tree.predict_proba(np.array([[2.0], [3.0], [4.0]]))[:, 1], [0.0, mass[0] / mass.sum(), 1.0]
    )


def test_a_cut_costs_as_little_as_brute_force_finds():
    rng = np.random.default_rng(3)
    for _ in range(20):
        X, y, weight = rng.normal(size=(12, 2)), rng.integers(2, size=12), rng.uniform(1.0, 40.0, size=12)
        node = _Node(0, column=1, children=(_Node(0), _Node(1)))
        _place(node, X, np.where(y == 1, weight, -weight))  # class 0 on the left, 1 on the right

        def cost(column, threshold, X=X, y=y, weight=weight):
            return weight[(X[:, column] > threshold) != y].sum()

        inner = [(j, t) for j in (0, 1) for t in np.sort(X[:, j])[:-1]]
        assert cost(node.column, node.threshold) == pytest.approx(min(cost(j, t) for j, t in inner))


def test_a_cut_is_kept_when_it_saves_more_than_its_price():
    X, y = np.arange(10.0)[:, None], np.repeat([0, 1], 5)
    price = np.log(10.0) + np.log(2.0)  # ten rows, one column, two classes
    assert BorderTree().fit(X, y, np.full(10, 1.01 * price / 5)).n_cuts_ == 1
    assert BorderTree().fit(X, y, np.full(10, 0.99 * price / 5)).n_cuts_ == 0


def test_cuts_of_two_branches_share_a_place_where_one_border_explains_them():
    """On the left of b the rows leave a gap from 1 to 4 in a, on the right from 3 to 6: one border lies from 3 to 4."""
    left, right = np.array([0.0, 0.5, 1.0, 4.0, 5.0, 7.0]), np.array([0.2, 2.0, 3.0, 6.0, 6.5, 8.0])
    X = np.column_stack([np.append(left, right), np.repeat([0.0, 1.0], 6)])
    y = np.where(X[:, 0] > 3.5, 1, 0) + 2 * X[:, 1].astype(int)
    shares = BorderTree().fit(X, y).predict_proba(np.array([[a, b] for a in (3.0, 3.5, 4.0) for b in (0.0, 1.0)]))
    np.testing.assert_allclose(shares[:, [1, 3]].sum(axis=1), [0.0, 0.0, 0.5, 0.5, 1.0, 1.0], atol=1e-9)
    y = np.where(X[:, 0] > np.where(X[:, 1] > 0, 3.5, 0.7), 1, 0) + 2 * X[:, 1].astype(int)
    apart = BorderTree().fit(X, y)  # here the rows between deny it
    assert apart.predict(X).tolist() == y.tolist()


@pytest.mark.parametrize("threshold", [2.2, 9.0])  # one row is left on its right, or none
def test_a_cut_without_rows_to_tell_apart_keeps_its_place(threshold):
    X, costs = np.arange(4.0)[:, None], np.eye(2)[[0, 0, 1, 1]] * 50.0
    places = np.array([[2.0, 3.0], [0.0, 1.0]])
    child = _Node(0, 0, 2.5, places, (_Node(0), _Node(1)))
    _share_cuts(_Node(0, 0, threshold, places, (_Node(1), child)), X, costs)
    assert child.threshold == 2.5
    assert child.places is places


@pytest.mark.parametrize("seed", range(3))
def test_a_corner_is_found_among_idle_inputs_with_two_cuts(seed):
    X, y = corner(seed=seed)
    tree = BorderTree().fit(X, y)
    assert tree.n_cuts_ == 2
    assert set(tree.columns_) == {-1, 0, 1}
    new, expected = corner(2000, seed=seed + 100)
    shares = tree.predict_proba(new)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert np.mean(shares.argmax(axis=1) == expected) > 0.99


def test_no_cut_where_the_classes_do_not_depend_on_the_inputs():
    rng = np.random.default_rng(0)
    tree = BorderTree().fit(rng.normal(size=(300, 3)), rng.integers(2, size=300), np.full(300, 0.5))
    assert tree.n_cuts_ == 0
    np.testing.assert_allclose(tree.predict_proba(np.zeros((2, 3))).max(axis=1), 1.0)


def test_cuts_of_a_checkerboard_line_up():
    """A greedy first cut falls anywhere; placed anew it falls on a border."""
    X = np.random.default_rng(1).uniform(0, 3, size=(1000, 2))
    y = X.astype(int).sum(axis=1) % 2
    new = np.random.default_rng(2).uniform(0, 3, size=(5000, 2))
    assert np.mean(BorderTree().fit(X, y).predict(new) == new.astype(int).sum(axis=1) % 2) > 0.993
