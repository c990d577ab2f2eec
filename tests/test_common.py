"""Laws that every public estimator keeps: scikit-learn's checks, all of them, and our own."""

import pickle
import warnings
from functools import cache
from inspect import signature

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone, is_regressor
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_info

from modpart._base import Estimator
from tests.public import (
    OTHER_ANSWERS,
    PARALLEL,
    estimator_classes,
    public_names,
    quick,
    resolve,
    table_for,
    tags_of,
    target_for,
)

CLASSES = estimator_classes()
every_estimator = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
TRANSFORMERS = [cls for cls in CLASSES if hasattr(cls, "transform")]


@parametrize_with_checks([quick(cls) for cls in CLASSES], expected_failed_checks=None)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def table(cls, n_samples=80):
    """Two straight laws on either side of a = 0, little noise, float64; two classes for a classifier."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(n_samples, 3))
    y = np.where(X[:, 0] < 0, 2 * X[:, 1], 5 - X[:, 2]) + 0.01 * rng.normal(size=n_samples)
    return table_for(cls, X), target_for(cls, y)


@cache
def reference(cls):
    """A model fitted to the table, for tests that do not change it."""
    return quick(cls).fit(*table(cls))


def answers(model, X):
    """All that a fitted model says about X, by method."""
    methods = ("predict", "predict_proba", "decision_function", "transform")
    said = {method: np.asarray(getattr(model, method)(X)) for method in methods if hasattr(model, method)}
    other = OTHER_ANSWERS.get(type(model).__name__, lambda model: {"labels_": model.labels_})
    return said or {name: np.asarray(found) for name, found in other(model).items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    assert first
    for method in first:
        np.testing.assert_array_equal(first[method], second[method], err_msg=method)


@every_estimator
def test_same_seed_same_bits(cls):
    X, y = table(cls)
    assert_same(answers(quick(cls).fit(X, y), X), answers(reference(cls), X))


@every_estimator
def test_the_number_of_workers_changes_no_bit(cls):
    if "n_jobs" not in signature(cls).parameters:
        pytest.skip("works alone")
    X, y = table(cls)
    alone, spread = (quick(cls, **PARALLEL.get(cls.__name__, {}), n_jobs=n_jobs) for n_jobs in (None, 2))
    assert_same(answers(alone.fit(X, y), X), answers(spread.fit(X, y), X))


@every_estimator
def test_a_clone_learns_the_same_and_fit_leaves_parameters_alone(cls):
    X, y = table(cls)
    model = quick(cls)
    before = {name: repr(value) for name, value in model.get_params().items()}
    twin = clone(model)
    model.fit(X, y)
    assert {name: repr(value) for name, value in model.get_params().items()} == before
    assert_same(answers(model, X), answers(twin.fit(X, y), X))


@every_estimator
def test_a_pickle_is_small_and_predicts_the_same_bits(cls):
    X, _ = table(cls)
    model = reference(cls)
    stored = pickle.dumps(model)
    assert len(stored) < 1_000_000
    assert_same(answers(pickle.loads(stored), X), answers(model, X))


@every_estimator
def test_fitted_state_holds_no_network(cls):
    stored = pickle.dumps(reference(cls))
    assert b"ctorch" not in stored
    assert b"skorch" not in stored


@every_estimator
def test_frames_are_taken_and_their_columns_remembered(cls):
    X, y = table(cls)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = quick(cls).fit(frame, pd.Series(y, name="target", index=np.arange(len(y))[::-1]))
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    assert model.n_features_in_ == 3
    assert_same(answers(model, frame), answers(reference(cls), X))


def whole_numbers(cls):
    """The table in numbers that are the same in every numeric type."""
    X, y = table(cls)
    return table_for(cls, np.round(16 * X)), np.round(16 * y)


@cache
def reference_on_whole_numbers(cls):
    return quick(cls).fit(*whole_numbers(cls))


@every_estimator
@pytest.mark.parametrize("kind", ["float32", "int64", "object", "list", "fortran", "read-only", "column y"])
def test_kinds_of_input_that_mean_the_same_give_the_same(cls, kind):
    if kind == "column y" and not tags_of(cls).target_tags.required:
        pytest.skip("needs no y")
    X, y = whole_numbers(cls)
    expected = answers(reference_on_whole_numbers(cls), X)
    if kind == "list":
        given, target = X.tolist(), y.tolist()
    elif kind == "fortran":
        given, target = np.asfortranarray(X), y
    elif kind == "read-only":
        given, target = X.copy(), y.copy()
        given.flags.writeable = target.flags.writeable = False
    elif kind == "column y":
        with pytest.warns(UserWarning, match="column-vector"):
            model = quick(cls).fit(X, y[:, None])
        assert_same(answers(model, X), expected)
        return
    else:
        given, target = X.astype(kind), y.astype(kind)
    assert_same(answers(quick(cls).fit(given, target), given), expected)


@every_estimator
def test_data_on_disk_are_taken(cls, tmp_path):
    X, y = table(cls)
    for name, values in {"X": X, "y": y}.items():
        np.save(tmp_path / f"{name}.npy", values)
    stored = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("X", "y")]
    assert isinstance(stored[0], np.memmap)
    assert_same(answers(quick(cls).fit(*stored), stored[0]), answers(reference(cls), X))


@every_estimator
def test_the_data_are_left_as_they_were(cls):
    X, y = table(cls)
    kept = X.copy(), y.copy()
    answers(quick(cls).fit(X, y), X)
    np.testing.assert_array_equal(X, kept[0])
    np.testing.assert_array_equal(y, kept[1])


@every_estimator
def test_the_process_is_left_as_it_was(cls):
    X, y = table(cls)
    before = state_of_the_process()
    answers(quick(cls).fit(X, y), X)
    quick(cls, random_state=None).fit(X, y) if "random_state" in signature(cls).parameters else None
    after = state_of_the_process()
    for name in before:
        assert after[name] == before[name], name


def state_of_the_process():
    """What a fit must neither use nor change. Reading the global generators is the only way to see that."""
    return {
        "numpy's generator": pickle.dumps(np.random.get_state()),
        "torch's generator": torch.get_rng_state().numpy().tobytes(),
        "warning filters": list(warnings.filters),
        "numpy's error handling": np.geterr(),
        "torch's threads": torch.get_num_threads(),
        "torch's default type": torch.get_default_dtype(),
        "torch's determinism": torch.are_deterministic_algorithms_enabled(),
        "threads": {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()},
    }


@every_estimator
def test_an_unknown_parameter_is_answered_with_the_closest(cls):
    known = next(iter(signature(cls).parameters))
    wrong = known[:-1] + known[-1] * 2
    with pytest.raises(TypeError, match=rf"{cls.__name__} has no parameter '{wrong}'. Did you mean '{known}'\?"):
        cls(**{wrong: 1})
    with pytest.raises(ValueError, match=f"Invalid parameter '{wrong}'"):
        quick(cls).set_params(**{wrong: 1})


@every_estimator
def test_silent_by_default(cls, capfd):
    X, y = table(cls)
    answers(quick(cls).fit(X, y), X)
    assert capfd.readouterr() == ("", "")


@every_estimator
def test_a_repr_can_be_read_back(cls):
    model = quick(cls)
    shown = eval(repr(model), {name.rpartition(".")[2]: resolve(name) for name in public_names()})
    assert repr(shown) == repr(model)


@pytest.mark.parametrize("cls", TRANSFORMERS, ids=lambda cls: cls.__name__)
def test_transformers_give_frames_when_asked(cls):
    X, y = table(cls)
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=np.arange(len(X)) + 7)
    plain = quick(cls).fit(frame, y)
    model = quick(cls).set_output(transform="pandas").fit(frame, y)
    out = model.transform(frame)
    assert isinstance(out, pd.DataFrame)
    assert list(out.columns) == list(model.get_feature_names_out())
    assert list(out.index) == list(frame.index)
    np.testing.assert_array_equal(out.to_numpy(), plain.transform(frame))


@every_estimator
def test_a_regressor_answers_a_float_for_each_row(cls):
    if not is_regressor(quick(cls)):
        pytest.skip("no regressor")
    X, _ = table(cls)
    model = reference(cls)
    for rows in (1, 2, 7):
        predicted = model.predict(X[:rows])
        assert predicted.shape == (rows,)
        assert predicted.dtype == np.float64
    np.testing.assert_allclose(model.predict(X)[:7], model.predict(X[:7]), rtol=1e-6, atol=1e-9)


def test_every_estimator_stands_on_the_common_base():
    assert [cls for cls in CLASSES if not issubclass(cls, Estimator)] == []
