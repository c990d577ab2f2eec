"""Calls that are wrong, and what the answer has to say: the thing that is wrong, and the way out."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import LinearSVC
from sklearn.utils.validation import has_fit_parameter

from modpart.exceptions import InputDataError, ParameterError
from modpart.partition import ActivePartitioner, BayesianExpert, MLPExpert, PartitionedClassifier, PartitionedRegressor
from tests.public import estimator_classes, quick, table_for, tags_of, target_for

CLASSES = estimator_classes()
MIXED = {"ModularDCM"}  # takes tables of any columns and tells its own faults, see tests/causal/test_dcm.py
TABULAR = [cls for cls in CLASSES if cls.__name__ not in MIXED]
PREDICTORS = [cls for cls in TABULAR if hasattr(cls, "predict")]
WEIGHTED = [cls for cls in CLASSES if has_fit_parameter(cls, "sample_weight")]


def good(n_samples=40):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n_samples, 3)), columns=["size", "speed", "age"])
    return frame, 2 * frame["size"] - frame["age"]


def changed(column, row, value):
    """The good table with one bad cell."""
    frame, _ = good()
    frame = frame.astype({column: object}) if isinstance(value, str) else frame
    frame.loc[row, column] = value
    return frame


FRAME, TARGET = good()
ARRAY, Y = FRAME.to_numpy(), TARGET.to_numpy()
LABELS = np.where(Y > 0, "high", "low")
HOLED, BLANK = ARRAY.copy(), Y.copy()
HOLED[3, 1], BLANK[5] = np.nan, np.nan

# name of the call: (X, y, expected error, what the message has to say)
WRONG_FITS = {
    "NaN in a named column": (
        changed("speed", 3, np.nan),
        Y,
        InputDataError,
        ["'speed'", "NaN", "row 3", "SimpleImputer"],
    ),
    "NaN in a numbered column": (HOLED, Y, InputDataError, ["column 1", "NaN", "row 3", "SimpleImputer"]),
    "NaN in two columns": (
        np.where(np.isnan(HOLED[:, [1]]), np.nan, ARRAY),
        Y,
        InputDataError,
        ["column 0", "column 2"],
    ),
    "inf": (changed("age", 7, np.inf), Y, InputDataError, ["'age'", "inf", "row 7", "Clip or drop"]),
    "minus inf": (changed("size", 0, -np.inf), Y, InputDataError, ["'size'", "inf", "row 0", "Clip or drop"]),
    "text": (changed("speed", 2, "fast"), Y, InputDataError, ["'speed'", "'fast'", "row 2", "OneHotEncoder"]),
    "text in an array": (
        ARRAY.astype(str).astype(object) + "x",
        Y,
        InputDataError,
        ["column 0", "text", "OneHotEncoder"],
    ),
    "dates": (
        FRAME.assign(age=pd.Timestamp("2020-01-01")),
        Y,
        (InputDataError, TypeError),
        ["'age'", "dates", "pd.Timedelta"],
    ),
    "nothing but dates": (FRAME[[]].assign(day=pd.Timestamp("2020-01-01")), Y, InputDataError, ["'day'", "dates"]),
    "an array of dates": (np.arange(40).astype("M8[D]")[:, None], Y, InputDataError, ["column 0", "dates"]),
    "periods": (FRAME.assign(age=pd.Period("2020-01")), Y, (InputDataError, TypeError), ["'age'", "dates"]),
    "a dict": ({"size": [1.0, 2.0]}, Y[:2], TypeError, ["{'size'", "pass a table"]),
    "huge": (changed("age", 7, 1e160), Y, InputDataError, ["'age'", "1e+160", "row 7", "another unit"]),
    "lists in cells": (FRAME.assign(age=[[1]] * 40), Y, (InputDataError, TypeError), ["'age'", "row 0"]),
    "empty table": (FRAME[:0], Y[:0], InputDataError, ["0 sample", "check the selection"]),
    "no columns": (FRAME[[]], Y, InputDataError, ["X has no columns", "check the selection"]),
    "one row": (FRAME[:1], Y[:1], InputDataError, ["1 sample", "minimum of 2"]),
    "y missing": (FRAME, None, InputDataError, ["y is None", "fit(X, y)"]),
    "NaN in y": (FRAME, BLANK, InputDataError, ["target y", "NaN", "row 5"]),
    "inf in y": (FRAME, np.where(np.isnan(BLANK), np.inf, Y), InputDataError, ["target y", "inf", "row 5"]),
    "None in y": (FRAME, np.array([None, *Y[1:]], dtype=object), InputDataError, ["target y", "missing", "row 0"]),
    "dates as y": (FRAME, pd.Series(pd.date_range("2020", periods=40)), InputDataError, ["target y", "dates"]),
    "huge y": (FRAME, Y * 1e200, InputDataError, ["target y", "another unit"]),
    "text in y": (FRAME, np.where(Y > 0, "high", "low"), InputDataError, ["target y", "text"]),
    "complex y": (FRAME, Y * 1j, InputDataError, ["Complex", "target y"]),
    "y too short": (FRAME, Y[:-1], InputDataError, ["40 rows", "39", "one target value for each row"]),
    "y 3-d": (FRAME, np.c_[Y, Y][:, :, None], InputDataError, ["y has shape (40, 2, 1)", "n_outputs"]),
    "NaN in the second output": (FRAME, np.c_[Y, BLANK], InputDataError, ["target y column 1", "NaN", "row 5"]),
    "text in a named output": (FRAME, FRAME.assign(age="old"), InputDataError, ["target y column 'age'", "text"]),
    "X 1-d": (ARRAY[:, 0], Y, InputDataError, ["Expected 2D array", "reshape(-1, 1)"]),
    "X 3-d": (ARRAY[:, :, None], Y, InputDataError, ["dim 3", "n_samples, n_features"]),
    "X a number": (3.0, Y, InputDataError, ["Expected 2D array"]),
    "X None": (None, Y, InputDataError, ["X is None", "pass a table"]),
    "X text": ("table.csv", Y, InputDataError, ["'table.csv'", "pass a table"]),
    "X sparse": (csr_array(ARRAY), Y, TypeError, ["sparse", "X.toarray()"]),
    "X complex": (ARRAY + 1j, Y, InputDataError, ["Complex data not supported", "column 0"]),
    "columns partly named": (FRAME.rename(columns={"age": 3}), Y, TypeError, ["str", "columns.astype(str)"]),
}
ABOUT_THE_TARGET = {name for name, (X, y, *_) in WRONG_FITS.items() if X is FRAME and y is not Y}
ABOUT_NAN = {"NaN", "NaN in a named column", "NaN in a numbered column", "NaN in two columns"}


def skip_what_is_not_wrong(cls, name):
    """Some estimators look at no target, and some take missing values."""
    if name in RIGHT_FOR_CATEGORIES and tags_of(cls).input_tags.string:
        pytest.skip("values, not numbers")
    if name in ABOUT_THE_TARGET and not tags_of(cls).target_tags.required:
        pytest.skip("looks at no target")
    if name in ABOUT_NAN and tags_of(cls).input_tags.allow_nan:
        pytest.skip("takes missing values")


# name of the call: (sample_weight, what the message has to say)
WRONG_WEIGHTS = {
    "too short": (np.ones(39), ["shape (39,)", "40 rows", "one weight for each row"]),
    "two columns": (np.ones((40, 2)), ["shape (40, 2)", "40 rows"]),
    "a number": (2.0, ["shape ()", "40 rows"]),
    "negative": (np.where(np.arange(40) == 3, -1.0, 1.0), ["-1 in row 3", ">= 0"]),
    "NaN": (np.where(np.arange(40) == 4, np.nan, 1.0), ["nan in row 4", "finite"]),
    "inf": (np.where(np.arange(40) == 5, np.inf, 1.0), ["inf in row 5", "finite"]),
    "all zero": (np.zeros(40), ["zero in every row", "positive weight"]),
    "one row left": (np.arange(40) == 7, ["every row but one", "2 rows"]),
    "text": (["heavy"] * 40, ["cannot be used as numbers", "one number for each row"]),
}


# Wrong fits that are right where text and dates are values, a dict names regimes, and a number is only a label.
RIGHT_FOR_CATEGORIES = {
    *("text", "text in an array", "dates", "nothing but dates", "an array of dates", "periods", "a dict", "huge"),
    "columns partly named",
}


def assert_says(error, words):
    missing = [word for word in words if word not in str(error.value)]
    assert not missing, f"{missing} not in: {error.value}"


@pytest.mark.parametrize("cls", WEIGHTED, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("name", WRONG_WEIGHTS)
def test_wrong_weights_are_named(cls, name):
    weight, words = WRONG_WEIGHTS[name]
    with pytest.raises(InputDataError) as error:
        quick(cls).fit(FRAME, target_for(cls, Y), sample_weight=weight)
    assert_says(error, [f"{cls.__name__}: sample_weight", *words])


@pytest.mark.parametrize("cls", TABULAR, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("name", WRONG_FITS)
def test_fit_says_what_is_wrong(cls, name):
    X, y, expected, words = WRONG_FITS[name]
    skip_what_is_not_wrong(cls, name)
    if is_classifier(quick(cls)):
        if name == "text in y":
            pytest.skip("text may name a class")
        y = LABELS if y is Y else y
        words = ["y should be a 1d array"] if name == "text in a named output" else words  # classes are one output
    with pytest.raises(expected) as error:
        quick(cls).fit(X, y)
    assert_says(error, words)


# name of the call: (X, expected error, what the message has to say); the model was fitted to the good frame
WRONG_PREDICTIONS = {
    "a column missing": (FRAME[["size", "speed"]], InputDataError, ["missing", "age"]),
    "a column too many": (FRAME.assign(weight=1.0), InputDataError, ["unseen at fit time", "weight"]),
    "a column renamed": (FRAME.rename(columns={"age": "years"}), InputDataError, ["years", "age"]),
    "columns in another order": (FRAME[["age", "size", "speed"]], InputDataError, ["same order"]),
    "NaN": (changed("speed", 3, np.nan), InputDataError, ["'speed'", "NaN", "row 3", "SimpleImputer"]),
    "inf": (changed("speed", 3, np.inf), InputDataError, ["'speed'", "inf", "row 3"]),
    "text": (changed("speed", 3, "fast"), InputDataError, ["'speed'", "'fast'", "row 3"]),
    "no rows": (FRAME[:0], InputDataError, ["0 sample", "check the selection"]),
    "one row as a list": ([1.0, 2.0, 3.0], InputDataError, ["Expected 2D array", "reshape(1, -1)"]),
    "sparse": (csr_array(ARRAY), TypeError, ["sparse", "X.toarray()"]),
}


@pytest.fixture(scope="module", params=PREDICTORS, ids=lambda cls: cls.__name__)
def fitted(request):
    return quick(request.param).fit(FRAME, target_for(request.param, TARGET))


@pytest.mark.parametrize("name", WRONG_PREDICTIONS)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform"])
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")  # lists and sparse tables have none
def test_predict_says_what_is_wrong(fitted, method, name):
    if not hasattr(fitted, method):
        pytest.skip("has no such method")
    skip_what_is_not_wrong(type(fitted), name)
    X, expected, words = WRONG_PREDICTIONS[name]
    with pytest.raises(expected) as error:
        getattr(fitted, method)(X)
    assert_says(error, words)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_an_array_of_other_width_is_refused(fitted):
    with pytest.raises(InputDataError) as error:
        fitted.predict(ARRAY[:, :2])
    assert_says(error, ["X has 2 features", type(fitted).__name__, "expecting 3 features"])


@pytest.mark.parametrize("cls", PREDICTORS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "score"])
def test_before_fit_the_answer_is_to_fit(cls, method):
    if not hasattr(cls, method):
        pytest.skip("has no such method")
    with pytest.raises(NotFittedError) as error:
        getattr(quick(cls), method)(*((FRAME, TARGET) if method == "score" else (FRAME,)))
    assert_says(error, [cls.__name__, "fit"])


def every_argument():
    return [
        pytest.param(cls, name, id=f"{cls.__name__}-{name}") for cls in CLASSES for name in signature(cls).parameters
    ]


@pytest.mark.parametrize(("cls", "argument"), every_argument())
def test_a_thing_of_no_use_is_refused_for_every_argument(cls, argument):
    class Nonsense:
        def __repr__(self):
            return "<nonsense>"

    with pytest.raises(ParameterError) as error:
        quick(cls, **{argument: Nonsense()}).fit(FRAME, target_for(cls, TARGET))
    assert_says(error, [argument, "<nonsense>"])
    assert "must be" in str(error.value) or "Pass" in str(error.value)


# Values that look right and are not, for arguments that several estimators share.
WRONG_VALUES = {
    "random_state": ["x", -1, 1.5],
    "device": ["tpu", 0],
    "n_jobs": ["all", 0, 1.5],
    "verbose": ["yes", -1],
    "max_epochs": [0, 2.5, "10", np.nan],
    "batch_size": [0, -5, "all"],
    "lr": [0, -0.1, np.inf, np.nan],
    "tol": [-1e-9, np.nan, "small"],
    "cv": [1, 0],
    "n_experts": [0, -2, 1.5, "many"],
    "estimator": ["ridge", 3],
    "gate": ["forest", 0],
    "gate_features": ["size", 1, [], [0.5], [True, False]],
}


@pytest.mark.parametrize(
    ("cls", "argument", "value"),
    [
        pytest.param(cls, argument, value, id=f"{cls.__name__}-{argument}={value!r}")
        for cls in CLASSES
        for argument, values in WRONG_VALUES.items()
        if argument in signature(cls).parameters
        for value in values
    ],
)
def test_a_value_out_of_range_is_named(cls, argument, value):
    with pytest.raises(ParameterError) as error:
        quick(cls, **{argument: value}).fit(FRAME, target_for(cls, TARGET))
    assert_says(error, [f"{argument}={value!r}"])


@pytest.mark.parametrize(
    ("chosen", "X", "words"),
    [
        (["size", "sped"], FRAME, ["no column 'sped'", "Did you mean 'speed'?"]),
        (["size"], ARRAY, ["'size'", "no column names", "indices"]),
        ([0, 3], FRAME, ["3 columns", "no column 3"]),
        ([True, False], FRAME, ["masks 2 columns", "X has 3"]),
        ([], FRAME, ["selects no column", "None for all"]),
        ([[0]], FRAME, ["[0] is neither"]),
        ("size", FRAME, ["must be a list"]),
    ],
)
def test_a_wrong_feature_of_the_gate_is_named(chosen, X, words):
    with pytest.raises(ParameterError) as error:
        ActivePartitioner(gate_features=chosen).fit(X, TARGET)
    assert_says(error, [f"gate_features={chosen!r}", *words])


@pytest.mark.parametrize("estimator", [BayesianExpert("curved"), MLPExpert(lr=-1.0), MLPExpert(activation="sigmoid")])
def test_a_wrong_parameter_of_an_expert_is_named_before_the_competition(estimator):
    with pytest.raises(ParameterError) as error:
        ActivePartitioner(estimator).fit(FRAME, TARGET)
    assert_says(error, [type(estimator).__name__, "is not valid"])


def test_a_wrong_parameter_of_any_expert_is_answered_by_its_owner():
    with pytest.raises(ValueError, match="'alpha' parameter of Ridge must be"):
        ActivePartitioner(Ridge(alpha="x"), n_experts=2, n_init=1).fit(FRAME, TARGET)


def test_an_expert_that_needs_more_rows_than_a_regime_has_is_named():
    with pytest.raises(ParameterError) as error:
        ActivePartitioner(KNeighborsRegressor(20), n_experts=2, n_init=1, random_state=0).fit(FRAME[:20], TARGET[:20])
    assert_says(error, ["KNeighborsRegressor(n_neighbors=20)", "min_samples", "n_experts"])


def test_what_is_no_regressor_is_told_what_a_regressor_is():
    class Plain:
        def get_params(self, deep=True):
            return {}

    for estimator in (Plain(), Ridge):
        with pytest.raises(ParameterError) as error:
            ActivePartitioner(estimator).fit(FRAME, TARGET)
        assert_says(error, ["estimator=", "RegressorMixin"])


def test_folds_too_small_for_a_fixed_number_of_experts_are_named():
    model = PartitionedRegressor(ActivePartitioner(n_experts=4), cv=5, random_state=0)
    with pytest.raises(ParameterError) as error:
        model.fit(FRAME[:22], TARGET[:22])
    assert_says(error, ["cv=5", "17 of the 22 rows", "n_experts=4", "fallback=False"])


@pytest.mark.parametrize("y", [Y[:-1], ["a"] * 40, np.c_[Y, Y], BLANK], ids=["short", "text", "two", "NaN"])
def test_a_summary_needs_a_number_for_each_row(y):
    model = quick(PartitionedRegressor).fit(FRAME, TARGET)
    with pytest.raises(InputDataError) as error:
        model.partition_summary(FRAME, y)
    assert_says(error, ["y has shape", "40 rows"])


@pytest.mark.parametrize("y", [LABELS[:-1], Y, np.where(Y > 0, "high", "tall")], ids=["short", "numbers", "new"])
def test_a_summary_of_classes_needs_a_known_one_for_each_row(y):
    model = quick(PartitionedClassifier).fit(FRAME, LABELS)
    with pytest.raises(InputDataError) as error:
        model.partition_summary(FRAME, y)
    assert_says(error, ["y has shape", "40 rows", "known classes"])


def test_numbers_as_classes_are_refused():
    for model in (PartitionedClassifier(), ActivePartitioner(LogisticRegression())):
        with pytest.raises(InputDataError) as error:
            model.fit(FRAME, Y)
        assert_says(error, ["continuous", "discrete classes"])


def test_a_partitioner_of_numbers_finds_no_classes():
    with pytest.raises(ParameterError) as error:
        PartitionedClassifier(ActivePartitioner(Ridge())).fit(FRAME, LABELS)
    assert_says(error, ["partitioner", "Ridge()", "classifier"])
    with pytest.raises(ParameterError) as error:
        PartitionedRegressor(ActivePartitioner(LogisticRegression())).fit(FRAME, TARGET)
    assert_says(error, ["partitioner", "LogisticRegression()", "regressor"])


def test_an_expert_without_probabilities_is_named():
    for model in (PartitionedClassifier(estimator=LinearSVC()), ActivePartitioner(LinearSVC())):
        with pytest.raises(ParameterError) as error:
            model.fit(FRAME, LABELS)
        assert_says(error, ["LinearSVC()", "predict_proba"])


def test_the_good_table_is_good():
    for cls in CLASSES:
        quick(cls).fit(table_for(cls, FRAME), target_for(cls, TARGET))
