"""Laws that every generator of classes obeys."""

import numpy as np
import pytest

from modpart.datasets import labelled_classes
from modpart.exceptions import ParameterError

GENERATORS = labelled_classes()
SHARES = {"two_rules": [0.55, 0.45], "quadrant_rules": [0.25] * 4, "fault_modes": [0.5, 0.5]}
N_CLASSES = {"two_rules": 2, "quadrant_rules": 2, "fault_modes": 3}

every_generator = pytest.mark.parametrize("name", GENERATORS)

SCORES = {
    "two_rules": [lambda a, b: [0 * a, b + a / 4], lambda a, b: [0 * a, a / 2 - b]],
    "quadrant_rules": [
        lambda a, b, c, d: [0 * a, c + 0.3 * d],
        lambda a, b, c, d: [0 * a, d - 0.3 * c - 0.2],
        lambda a, b, c, d: [0 * a, d - c],
        lambda a, b, c, d: [0 * a, -0.1 - c - d],
    ],
    "fault_modes": [
        lambda s, v, h: [0 * v, 2 * v - h - 0.3, 2 * h - v - 0.3],
        lambda s, v, h: [0 * v, -v - h - 0.2, 2 * v + h / 2 - 0.4],
    ],
}


@every_generator
@pytest.mark.parametrize("n_samples", [1, 2, 257])
def test_shapes_and_dtypes(name, n_samples):
    X, y, regime = GENERATORS[name](n_samples, random_state=0)
    assert X.shape[0] == n_samples and y.shape == regime.shape == (n_samples,)
    assert (X.dtype, y.dtype, regime.dtype) == (np.float64, np.int64, np.int64)


@every_generator
def test_without_noise_the_class_is_that_of_the_largest_score_of_its_regime(name):
    X, y, regime = GENERATORS[name](2000, noise=0, random_state=3)
    for k, scores in enumerate(SCORES[name]):
        np.testing.assert_array_equal(y[regime == k], np.argmax(scores(*X[regime == k].T), axis=0))
    assert set(y) == set(range(N_CLASSES[name]))


@every_generator
def test_noise_is_the_share_of_labels_that_are_wrong(name):
    X, y, regime = GENERATORS[name](20_000, noise=0, random_state=5)
    same_X, noisy, same_regime = GENERATORS[name](20_000, noise=0.2, random_state=5)
    assert np.array_equal(X, same_X) and np.array_equal(regime, same_regime)
    assert abs(np.mean(y != noisy) - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 20_000)


@every_generator
def test_shares_are_as_documented(name):
    regime = GENERATORS[name](20_000, random_state=0)[2]
    np.testing.assert_allclose(np.bincount(regime) / 20_000, SHARES[name], atol=0.015)


@every_generator
def test_same_seed_gives_the_same_bits_and_another_seed_does_not(name):
    first, again, other = (GENERATORS[name](50, random_state=seed) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


@every_generator
@pytest.mark.parametrize(
    ("argument", "value"), [("n_samples", 0), ("noise", -0.1), ("noise", 1.1), ("random_state", -1)]
)
def test_a_bad_argument_is_named_with_its_value(name, argument, value):
    with pytest.raises(ParameterError, match=rf"{argument}={value!r}"):
        GENERATORS[name](**{argument: value})
