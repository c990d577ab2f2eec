"""Regimes are found with their number unknown, and none are found where there is one law; fresh seeds, full size."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from modpart.datasets import controls, labelled
from modpart.partition import ActivePartitioner

SEEDS = range(40, 44)
# Least mean agreement on new rows through the gate, n = 1000, 5 % noise.
EXPECTED = {
    "elastoplastic": 0.95,
    "three_pieces": 0.95,
    "two_planes": 0.97,
    "four_quadrants": 0.97,
    "sine_burst": 0.95,
    "rare_corner": 0.93,
    "disc": 0.93,
    "oblique_hinge": 0.93,
}

pytestmark = pytest.mark.claims


@pytest.mark.parametrize("name", EXPECTED)
def test_regimes_are_recovered(name):
    make, agreement, right = labelled()[name], [], []
    for seed in SEEDS:
        X, y, regime = make(1000, random_state=seed)
        new, _, expected = make(1000, random_state=seed + 1000)
        partitioner = ActivePartitioner(random_state=seed).fit(X, y)
        agreement.append(adjusted_rand_score(expected, partitioner.predict(new)))
        right.append(partitioner.n_partitions_ == len(np.unique(regime)))
    assert np.mean(agreement) >= EXPECTED[name]
    assert all(right)


@pytest.mark.parametrize("name", sorted(controls()))
def test_one_law_is_not_split(name):
    found = [
        ActivePartitioner(random_state=seed).fit(*controls()[name](1000, random_state=seed)[:2]).n_partitions_
        for seed in SEEDS
    ]
    assert found.count(1) >= len(SEEDS) - (name == "student_noise")
