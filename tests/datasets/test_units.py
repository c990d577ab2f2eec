"""Tables of decision-making units, and a frontier that is known."""

import numpy as np
import pytest

from modpart.datasets import load_bank_branches, load_follow_through, make_frontier
from modpart.efficiency import dea_scores
from modpart.exceptions import ParameterError


def test_published_tables_have_their_sums():
    branches, sites = load_bank_branches(), load_follow_through()
    assert branches.shape == (17, 6) and sites.shape == (70, 8)
    weights = np.arange(1, 18), np.arange(1, 71)  # so that no two rows can be swapped
    np.testing.assert_allclose(weights[0] @ branches.to_numpy(), BRANCHES)
    np.testing.assert_allclose(weights[1] @ sites.to_numpy(), SITES)
    assert list(branches.index[:2]) == ["K1", "K2"] and list(sites.index[:2]) == [1, 2]


BRANCHES = [6384601, 1293909, 97932, 35286066, 2193489, 3301075]
SITES = [69944.99, 20880.99, 74754.25, 75424.16, 18895.0, 61375.46, 71850.46, 54177.04]


@pytest.mark.parametrize("n_inputs, n_outputs, scale", [(3, 3, 0.9), (1, 1, 0.5), (2, 1, 1.0)])
def test_no_score_is_below_the_truth_and_many_units_come_near_it(n_inputs, n_outputs, scale):
    X, Y, efficiency = make_frontier(400, n_inputs=n_inputs, n_outputs=n_outputs, scale=scale, random_state=0)
    found = 1 / dea_scores(X, Y, orientation="output")
    assert (found >= efficiency - 1e-9).all() and (efficiency <= 1).all()
    assert np.corrcoef(found, efficiency)[0, 1] > 0.85
    inputs = dea_scores(X, Y)
    assert (inputs >= efficiency ** (1 / scale) - 1e-9).all()


def test_a_frontier_without_inefficiency_is_a_frontier():
    _, _, efficiency = make_frontier(20, inefficiency=0, random_state=0)
    assert (efficiency == 1).all()
    with pytest.raises(ParameterError, match=r"scale=1\.5"):
        make_frontier(20, scale=1.5)
