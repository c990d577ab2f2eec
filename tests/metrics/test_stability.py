"""Stability is 1 for what depends on no sample, about 0 for what follows none, and never depends on the workers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modpart.datasets import make_elastoplastic, make_linear
from modpart.exceptions import ParameterError
from modpart.metrics import partition_stability
from modpart.partition import ActivePartitioner, PartitionedRegressor

X, Y = np.linspace(-1.0, 1.0, 200)[:, None], np.zeros(200)


class FixedBorder(BaseEstimator):
    """Labels by sign, whatever the sample."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return (X[:, 0] > 0).astype(int)


class RandomLabels(BaseEstimator):
    """Labels that the sample does not explain."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.random.default_rng(self.random_state).integers(2, size=len(X))


class HalfOfSample(BaseEstimator):
    """Border at the median of the sample."""

    def fit(self, X, y):
        self.border_ = np.median(X)
        return self

    def predict(self, X):
        return (X[:, 0] > self.border_).astype(int)


def test_known_answers():
    fixed = partition_stability(FixedBorder(), X, Y, random_state=0)
    assert fixed.agreement == 1.0 and (fixed.pairs == 1.0).all() and fixed.n_partitions.tolist() == [2] * 10
    drawn = partition_stability(RandomLabels(), X, Y, n_bootstraps=20, random_state=0)
    assert abs(drawn.agreement) < 0.01
    moved = partition_stability(HalfOfSample(), X, Y, random_state=0)
    assert 0.5 < moved.agreement < 1.0


def test_the_pairs_are_those_of_the_bootstraps():
    stability = partition_stability(HalfOfSample(), X, Y, n_bootstraps=5, random_state=0)
    np.testing.assert_array_equal(stability.pairs, stability.pairs.T)
    off = stability.pairs[~np.eye(5, dtype=bool)]
    assert stability.agreement == pytest.approx(off.mean()) and (off < 1.0).any()


def test_a_clear_border_is_found_again_and_one_law_stays_one():
    rows, y, _ = make_elastoplastic(200, random_state=0)
    frame = pd.DataFrame(rows, columns=["strain"], index=np.arange(200) + 7)
    target = pd.Series(y, index=frame.index)
    pipeline = make_pipeline(StandardScaler(), ActivePartitioner())
    assert partition_stability(pipeline, frame, target, n_bootstraps=3, random_state=0).agreement > 0.9
    rows, y, _ = make_linear(150, random_state=0)
    single = partition_stability(ActivePartitioner(), rows, y, n_bootstraps=2, random_state=0)
    assert single.agreement == 1.0 and single.n_partitions.tolist() == [1, 1]


def test_the_partitions_of_a_modular_model_are_compared_and_not_its_predictions():
    rows, y, _ = make_elastoplastic(120, random_state=0)
    model = PartitionedRegressor(routing="hard", fallback=False)
    for estimator in (model, make_pipeline(StandardScaler(), model), make_pipeline(model)):
        stability = partition_stability(estimator, rows, y, n_bootstraps=2, random_state=0)
        assert stability.n_partitions.tolist() == [2, 2]


def test_workers_and_the_estimator_passed_change_nothing():
    estimator = RandomLabels()
    alone = partition_stability(estimator, X, Y, n_bootstraps=4, random_state=3)
    together = partition_stability(estimator, X, Y, n_bootstraps=4, random_state=3, n_jobs=2)
    np.testing.assert_array_equal(alone.pairs, together.pairs)
    assert estimator.random_state is None


@pytest.mark.parametrize(("changes", "word"), [({"n_bootstraps": 1}, "n_bootstraps"), ({"n_jobs": 0}, "n_jobs")])
def test_a_wrong_argument_is_named(changes, word):
    with pytest.raises(ParameterError, match=word):
        partition_stability(FixedBorder(), X, Y, **changes)


@pytest.mark.parametrize("estimator", [StandardScaler(), LinearRegression()])
def test_what_gives_no_labels_is_refused(estimator):
    with pytest.raises(ParameterError, match="gives no labels"):
        partition_stability(estimator, X, Y)
