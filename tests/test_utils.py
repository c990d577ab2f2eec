"""Laws of the shared tools."""

import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from joblib import parallel_config
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from threadpoolctl import ThreadpoolController, threadpool_info

from modpart._utils import params
from modpart._utils.checks import check_X, check_X_y
from modpart._utils.optional import optional_import
from modpart._utils.parallel import one_thread, parallel_map
from modpart._utils.quiet import no_convergence_warnings
from modpart._utils.seeds import check_rng, child_seeds, seed_nested
from modpart.exceptions import InputDataError, MissingDependencyError, ParameterError

# seeds


@given(st.integers(0, 2**63))
def test_a_seed_gives_numpys_own_stream(seed):
    assert check_rng(seed).random() == np.random.default_rng(seed).random()
    assert check_rng(np.int64(seed % 2**62)).random() == np.random.default_rng(seed % 2**62).random()


def test_a_generator_is_used_as_it_is():
    rng = np.random.default_rng(0)
    assert check_rng(rng) is rng


def test_a_random_state_gives_a_new_stream_each_time():
    state, twin = np.random.RandomState(0), np.random.RandomState(0)
    first, second = check_rng(state).random(), check_rng(state).random()
    assert first != second
    assert first == check_rng(twin).random()


def test_no_seed_gives_different_streams():
    assert check_rng(None).random() != check_rng(None).random()


@pytest.mark.parametrize("wrong", [-1, 1.5, "x", [1], np.random])
def test_what_cannot_seed_is_named(wrong):
    with pytest.raises(ParameterError, match=r"random_state=.*Pass None, a non-negative integer"):
        check_rng(wrong)


@given(st.integers(0, 1000), st.integers(0, 30))
def test_child_seeds_are_drawn_once_and_extend_one_another(seed, count):
    seeds = child_seeds(check_rng(seed), count)
    assert len(seeds) == count
    assert seeds == child_seeds(check_rng(seed), count + 5)[:count]
    assert all(type(child) is int and 0 <= child < 2**31 for child in seeds)


class Inner(BaseEstimator):
    def __init__(self, random_state=None, other=1):
        self.random_state, self.other = random_state, other

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


def test_open_nested_seeds_are_filled_and_set_ones_kept():
    first = seed_nested(make_pipeline(Inner(), Inner(random_state=7)), check_rng(0))
    again = seed_nested(make_pipeline(Inner(), Inner(random_state=7)), check_rng(0))
    assert first[0].random_state == again[0].random_state is not None
    assert first[1].random_state == 7
    assert seed_nested(DummyRegressor(), check_rng(0)).get_params() == DummyRegressor().get_params()


# parameters


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-8, 8))
def test_integer_accepts_exactly_its_range(low, high, value):
    assert params.integer(low, high).accepts(value) == (low <= value <= high)
    assert params.integer(low).accepts(np.int64(value)) == (low <= value)


@given(st.floats(-3, 3), st.booleans(), st.booleans())
def test_number_accepts_exactly_its_range(value, open_low, open_high):
    rule = params.number(-1, 1, open_low=open_low, open_high=open_high)
    above = value > -1 if open_low else value >= -1
    below = value < 1 if open_high else value <= 1
    assert rule.accepts(value) == (above and below)


@pytest.mark.parametrize(
    ("rule", "right", "wrong"),
    [
        (params.integer(1), [1, np.int32(3)], [True, np.True_, 0, 1.0, "1", None]),
        (params.number(0), [0, 0.5, np.float32(2)], [True, np.nan, np.inf, -0.1, "0", None, 1j]),
        (params.one_of("a", "b"), ["a", "b"], ["c", None, 1, ["a"]]),
        (params.boolean, [True, False, np.True_], [1, 0, None, "True"]),
        (params.nothing, [None], [0, "", False]),
        (params.model("regressor"), [DummyRegressor()], [DummyRegressor, DummyClassifier(), object(), None, "ridge"]),
        (params.model("classifier"), [DummyClassifier()], [DummyClassifier, DummyRegressor(), object(), None]),
        (params.workers, [1, -1, np.int64(2)], [0, True, 1.5, "all", None]),
        (params.where("even", lambda value: value % 2 == 0), [2], [3]),
    ],
)
def test_a_rule_accepts_its_kind_alone(rule, right, wrong):
    assert [value for value in right if not rule.accepts(value)] == []
    assert [value for value in wrong if rule.accepts(value)] == []


def test_a_refusal_says_owner_name_value_and_what_is_accepted():
    rules = {"depth": (params.integer(1, 9), params.nothing)}
    params.validate("Tree", {"depth": None}, rules)
    with pytest.raises(
        ParameterError, match=r"^Tree: depth=0 is not valid. depth must be an integer from 1 to 9, or None\.$"
    ):
        params.validate("Tree", {"depth": 0}, rules)


def test_number_says_its_ends():
    assert params.number(0, 1, open_low=True).words == "a finite number > 0 and <= 1"
    assert params.number(2).words == "a finite number >= 2"
    assert params.one_of("a", "b").words == "'a' or 'b'"


def test_suggest_names_the_closest():
    assert (
        params.suggest("max_epoch", ["tol", "max_epochs"]) == "Did you mean 'max_epochs'? Valid names: tol, max_epochs."
    )
    assert params.suggest("zzz", ["tol"]) == "Valid names: tol."


# parallel work


def thread_counts():
    return sorted((pool["filepath"], pool["num_threads"]) for pool in threadpool_info()), torch.get_num_threads()


@pytest.fixture
def two_threads():
    """Two threads to begin with, whatever the machine: else there would be nothing to restore."""
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with threadpool_limits(2):
        yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_one_thread_holds_and_restores_also_nested_and_after_errors():
    before = thread_counts()
    assert before[1] == 2
    assert {count for _, count in before[0]} == {2}
    with one_thread():
        held = thread_counts()
        assert held[1] == 1
        assert {count for _, count in held[0]} == {1}
        with one_thread():
            assert thread_counts() == held
        assert thread_counts() == held
    assert thread_counts() == before
    with pytest.raises(RuntimeError, match="stop"), one_thread():
        raise RuntimeError("stop")
    assert thread_counts() == before


def test_one_thread_holds_a_torch_that_is_imported_inside():
    code = """
from modpart._utils.parallel import one_thread
with one_thread():
    import torch
    with one_thread():
        assert torch.get_num_threads() == 1
assert torch.get_num_threads() == 2
"""
    threads = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | threads)


def test_thread_pools_are_looked_up_again_only_after_an_import(monkeypatch):
    from modpart._utils import parallel

    looked_up = []
    monkeypatch.setattr(parallel, "_known", (0, None))
    monkeypatch.setattr(parallel, "ThreadpoolController", lambda: looked_up.append(1) or ThreadpoolController())
    for _ in range(3):
        with one_thread():
            pass
    assert len(looked_up) == 1
    monkeypatch.setitem(sys.modules, "a_new_module", sys)
    with one_thread():
        pass
    assert len(looked_up) == 2


@pytest.mark.usefixtures("two_threads")
def test_one_thread_restores_after_overlapping_threads():
    """The first one in is the first one out, so the limit has to outlive whoever set it."""
    before = thread_counts()
    first_in, second_in, first_out, seen = threading.Event(), threading.Event(), threading.Event(), {}

    def first():
        with one_thread():
            first_in.set()
            second_in.wait(5)
        first_out.set()

    def second():
        first_in.wait(5)
        with one_thread():
            second_in.set()
            first_out.wait(5)
            seen["held"] = thread_counts()

    workers = [threading.Thread(target=work) for work in (first, second)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(10)
    assert seen["held"][1] == 1
    assert {count for _, count in seen["held"][0]} == {1}
    assert thread_counts() == before


def work(seed, size):
    draws = np.random.default_rng(seed).normal(size=(size, size))
    return draws @ draws, thread_counts()[1]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_parallel_map_keeps_order_and_bits_on_one_thread(n_jobs):
    jobs = [(seed, 40) for seed in range(4)]
    with one_thread():
        expected = [work(*job)[0] for job in jobs]
    found = parallel_map(work, jobs, n_jobs=n_jobs)
    for (matrix, threads), wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(matrix, wanted)
        assert threads == 1
    assert parallel_map(work, [], n_jobs=n_jobs) == []


def whose(number):
    return number, os.getpid()


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_the_caller_takes_a_share_where_there_are_workers_for_all(backend):
    told = []
    with parallel_config(backend):
        for count in (1, 2, 3):
            found = parallel_map(whose, [(k,) for k in range(count)], n_jobs=2, share=True, tell=told.append)
            assert [number for number, _ in found] == list(range(count))
            assert [process == os.getpid() for _, process in found] == [k == 0 and count < 3 for k in range(count)]
    assert [number for number, _ in told] == [0, 0, 1, 0, 1, 2]


# checks


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool", "object"])
def test_data_come_out_as_float64(dtype):
    values = np.arange(6).reshape(3, 2) % 2
    X, y = check_X_y(DummyRegressor(), values.astype(dtype), [1, 2, 3])
    assert X.dtype == y.dtype == np.float64
    np.testing.assert_array_equal(X, values)


def test_columns_are_remembered_and_missing_ones_named():
    model = DummyRegressor()
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    check_X_y(model, frame, [0.0, 1.0])
    assert list(model.feature_names_in_) == ["a", "b"]
    np.testing.assert_array_equal(check_X(model, frame), frame)
    with pytest.raises(InputDataError, match="yet now missing:\n- b"):
        check_X(model, frame[["a"]])


FAULTS = {
    "missing in a frame": (
        pd.DataFrame({"a": [1, 2.0], "b": [np.nan, 1]}),
        [1, 2],
        "X column 'b' has 1 missing .* row 0",
    ),
    "missing in an array": ([[1, 2], [3, np.nan]], [1, 2], "X column 1 has 1 missing .* row 1.*SimpleImputer"),
    "infinite": ([[1, 2], [3, -np.inf]], [1, 2], "X column 1 has 1 infinite .*Clip"),
    "text": (pd.DataFrame({"a": [1, 2], "b": [1, "low"]}), [1, 2], r"'b' holds text \('low' in row 1\).*OneHotEncoder"),
    "none": ([[1, None], [3, 4]], [1, 2], "X column 1 has 1 missing"),
    "complex": ([[1, 2], [3, 4j]], [1, 2], "Complex data not supported: X column 0"),
    "target missing": ([[1, 2], [3, 4]], [1, np.nan], "target y has 1 missing .* row 1"),
    "target text": ([[1, 2], [3, 4]], ["a", "b"], "target y holds text"),
    "lengths": ([[1, 2], [3, 4]], [1, 2, 3], "X has 2 rows and y has 3"),
    "target absent": ([[1, 2], [3, 4]], None, "target y is None.*fit\\(X, y\\)"),
    "one row": ([[1, 2]], [1], r"1 sample.*X has 1 rows"),
    "dates": (pd.DataFrame({"a": pd.to_datetime(["2020", "2021"]), "b": [1, 2]}), [1, 2], "'a' holds dates.*Timedelta"),
    "things": ([[1, {}], [3, 4]], [1, 2], "X column 1 holds values of type dict"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_place_and_remedy(fault):
    X, y, words = FAULTS[fault]
    with pytest.raises((InputDataError, TypeError), match=words):
        check_X_y(DummyRegressor(), X, y)


def test_four_faults_are_summed_up():
    X = np.ones((2, 5))
    X[0] = np.nan
    with pytest.raises(InputDataError, match=r"column 0 .*column 1 .*column 2 .*\(2 more columns likewise\)"):
        check_X_y(DummyRegressor(), X, [1, 2])


def test_sparse_input_is_told_the_way_out():
    with pytest.raises(TypeError, match=r"X\.toarray\(\)"):
        check_X_y(DummyRegressor(), csr_array(np.eye(2)), [1, 2])


@given(st.integers(2, 5), st.integers(1, 4), st.data())
def test_the_named_column_is_the_broken_one(rows, columns, data):
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    X = np.zeros((rows, columns))
    X[row, column] = np.nan
    with pytest.raises(
        InputDataError, match=rf"X column {column} has 1 missing values \(NaN, the first in row {row}\)"
    ):
        check_X_y(DummyRegressor(), X, np.zeros(rows))


# optional imports


def test_an_optional_import_gives_the_module():
    assert optional_import("json", extra="x", purpose="a test") is __import__("json")


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(
        MissingDependencyError, match=r"Plots needs the package 'no_such_thing'.*pip install 'modpart\[plot\]'"
    ):
        optional_import("no_such_thing.part", extra="plot", purpose="Plots")
    assert issubclass(MissingDependencyError, ImportError)


def test_convergence_warnings_are_silenced_by_threads_side_by_side_and_filters_come_back():
    """Two threads overlap so that the first one in is the first one out."""
    before = list(warnings.filters)
    first_in, second_in, first_out = (threading.Event() for _ in range(3))
    heard = []

    def first():
        with no_convergence_warnings():
            first_in.set()
            second_in.wait(5)
        first_out.set()

    def second():
        first_in.wait(5)
        with no_convergence_warnings():
            second_in.set()
            first_out.wait(5)
            heard.append(any(f[0] == "ignore" and f[2] is ConvergenceWarning for f in warnings.filters))

    with ThreadPoolExecutor(2) as pool:
        for work in [pool.submit(first), pool.submit(second)]:
            work.result()
    assert heard == [True]
    assert list(warnings.filters) == before
