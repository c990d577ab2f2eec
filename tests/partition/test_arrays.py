"""Closed-form experts on another device: the same numbers as numpy's, and nothing of the device is left behind.

Torch on the CPU stands in for a GPU where there is none: the same code runs, only elsewhere.
"""

import pickle

import numpy as np
import pytest
import torch

from modpart._torch.arrays import TorchArrays
from modpart.exceptions import ParameterError
from modpart.partition import ActivePartitioner, BayesianExpert, PartitionedRegressor, _bayes
from modpart.partition._evidence import regimes
from modpart.partition._evidence.arrays import NUMPY, arrays_of, arrays_on
from modpart.partition._evidence.basis import SmoothBasis
from modpart.partition._evidence.evidence import Stats, model_evidences, posterior

CLOSE = {"rtol": 1e-8, "atol": 1e-8}


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def there(request, monkeypatch):
    """Torch arrays on a device, which ``device="cuda"`` then stands for."""
    arrays = TorchArrays(torch.device(request.param))
    monkeypatch.setattr(_bayes, "arrays_on", lambda device: NUMPY if device == "cpu" else arrays)
    return arrays


def two_laws(n_samples, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n_samples, 2))
    y = np.where(X[:, 0] < 0, 2 * X[:, 1] - 1, np.sin(4 * X[:, 1]) + 2)
    return X, y + 0.1 * rng.normal(size=n_samples)


def placed(values, where):
    """Some rows, on a device."""
    return where.put(np.ascontiguousarray(values))


def test_every_operation_gives_numpys_numbers(there):
    rng = np.random.default_rng(0)
    rows, others, groups = rng.normal(size=(30, 4)), rng.normal(size=(7, 4)), rng.integers(0, 5, size=30)
    groups[groups == 2] = 3  # an empty group between others
    wide, narrow = (np.stack([r.T @ r + np.eye(p) for r in rng.normal(size=(3, 9, p))]) for p in (6, 2))
    factor = np.linalg.cholesky(wide[0])
    ridges = rng.uniform(size=6), rng.uniform(size=2)
    asked = [
        lambda a: a.columns([placed(rows, a), placed(rows[:, :2], a)]),
        lambda a: a.joined([placed(wide, a), placed(wide, a)]),
        lambda a: a.squared_distances(placed(rows, a), placed(others, a)),
        lambda a: a.kernel(placed(rows, a) ** 2, 0.3),
        lambda a: a.group_grams(placed(rows, a), groups, 6),
        lambda a: a.side_grams(placed(rows, a), [(groups, np.array([0, 1, 3])), (groups[::-1], np.array([1]))]),
        lambda a: a.cholesky(placed(wide[1], a)),
        lambda a: a.solve_lower(placed(factor, a), placed(rows[:6], a)),
        lambda a: a.solve_lower(placed(factor, a), placed(rows[:6, 0], a), transposed=True),
    ]
    for ask in asked:
        found = ask(there)
        assert found.dtype == torch.float64
        np.testing.assert_allclose(there.get(found), ask(NUMPY), rtol=1e-12, atol=1e-12)
    for found, expected in zip(
        there.pivots([(placed(wide, there), ridges[0]), (placed(narrow, there), ridges[1])]),
        NUMPY.pivots([(wide, ridges[0]), (narrow, ridges[1])]),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert arrays_of(placed(rows, there)).device.type == there.device.type
    assert arrays_of(rows) is NUMPY


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_evidence_and_posterior_agree(there, n_outputs):
    X, y = two_laws(80)
    targets = np.column_stack([y, y**2])[:, :n_outputs]
    basis = SmoothBasis(np.ones(2)).fit(X, seed=0)
    groups = np.arange(80) % 3

    def learned(arrays):
        features = basis.features(X, arrays=arrays)
        augmented = [arrays.columns([f, arrays.put(targets)]) for f in features]
        stats = Stats.of_groups(augmented, groups, 3, basis.n_linear_, n_outputs=n_outputs)
        joined = Stats.joined([stats[[0]], stats[[1]] + stats[[2]], stats.total()])
        first = joined.outputs()[-1]
        law = posterior(first[[0]], 0.05)
        return model_evidences(first, 0.05), law, features

    (evidence, law, features), (expected, model, known) = learned(there), learned(NUMPY)
    np.testing.assert_allclose(evidence, expected, **CLOSE)
    own = np.ones(80)
    for method, rest in (
        ("predict", ()),
        ("variance", ()),
        ("log_density", (y, own)),
        ("squared_error", (y, own)),
        ("freedom", (own,)),
    ):
        np.testing.assert_allclose(
            getattr(law, method)(features, *rest), getattr(model, method)(known, *rest), err_msg=method, **CLOSE
        )
    np.testing.assert_allclose(law.on_host().predict(known), model.predict(known), **CLOSE)


def test_a_whole_fit_agrees_and_is_left_in_numpy(there):
    X, y = two_laws(300)
    here, elsewhere = (
        ActivePartitioner(BayesianExpert(device=device), random_state=0).fit(X, y) for device in ("cpu", "cuda")
    )
    assert here.n_partitions_ == elsewhere.n_partitions_ == 2
    np.testing.assert_array_equal(here.winner_labels_, elsewhere.winner_labels_)
    for one, other in zip(here.experts_, elsewhere.experts_, strict=True):
        np.testing.assert_allclose(other.predict(X, return_std=True), one.predict(X, return_std=True), **CLOSE)
    assert b"torch" not in pickle.dumps(elsewhere)


def test_rows_beyond_the_search_agree(there, monkeypatch):
    monkeypatch.setattr(regimes, "MAX_ROWS", 150)
    X, y = two_laws(500)
    weight = np.random.default_rng(0).integers(1, 3, size=500)
    here, elsewhere = (
        BayesianExpert(device=device, random_state=0).fit(X, y, sample_weight=weight) for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(elsewhere.predict(X), here.predict(X), **CLOSE)
    parts = ActivePartitioner(BayesianExpert(device="cuda"), random_state=0).fit(X, y)
    np.testing.assert_array_equal(parts.winner_labels_, ActivePartitioner(random_state=0).fit(X, y).winner_labels_)


def test_the_cpu_means_numpy_and_an_absent_gpu_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert arrays_on("cpu") is arrays_on("auto") is NUMPY
    X, y = two_laws(40)
    model = PartitionedRegressor(ActivePartitioner(BayesianExpert(device="cuda")))
    with pytest.raises(ParameterError, match="device='cuda' was asked for, but torch sees no CUDA device"):
        model.fit(X, y)
    with pytest.raises(ParameterError, match="BayesianExpert: device='gpu' is not valid"):
        BayesianExpert(device="gpu").fit(X, y)
