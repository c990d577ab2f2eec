"""Input checks: scikit-learn decides what is valid; when it refuses, we say which column, and what to do.

What comes out lies row by row: sums over a table that lies otherwise, as a DataFrame does, have other last bits.
"""

import reprlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, validate_data

from modpart.exceptions import InputDataError

__all__ = ["check_X", "check_X_classes", "check_X_y", "check_categories", "check_sample_weight"]

LARGEST = 1e100  # beyond, sums of squares may leave the range of float64


def check_X_y(
    estimator: Any, X: Any, y: Any, *, min_samples: int = 2, multi_output: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Validate training data; remember the columns on `estimator`.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features), float64
    y : ndarray of shape (n_samples,), or with `multi_output` and more than one column (n_samples, n_outputs), float64
    """
    if y is None:
        raise InputDataError(_no_target(estimator))
    given = X, y
    try:
        X, y = validate_data(
            estimator,
            X,
            y,
            dtype=np.float64,
            order="C",
            ensure_min_samples=min_samples,
            y_numeric=True,
            multi_output=multi_output and np.asarray(y).ndim == 2 and np.asarray(y).shape[1] > 1,
            reset=True,
        )
        y = y.astype(np.float64, order="C", copy=False)
    except (ValueError, TypeError) as error:
        raise _explained(error, *given) from error
    if not _usable(y) or _holds_dates(given[1]):
        raise _explained(ValueError("target y cannot be used as numbers."), *given)
    return _usable_table(X, *given), y


def check_X_classes(estimator: Any, X: Any, y: Any, *, min_samples: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Validate training data whose target holds classes; remember the columns on `estimator`.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features), float64
    y : ndarray of shape (n_samples,)
        Labels as they came: numbers, strings or booleans.
    """
    if y is None:
        raise InputDataError(_no_target(estimator))
    given = X, y
    try:
        X, y = validate_data(estimator, X, y, dtype=np.float64, order="C", ensure_min_samples=min_samples, reset=True)
        if y.dtype == object and len({type(label) for label in y}) == 1:
            y = np.array(y.tolist())  # what numpy would have made of these labels itself
        if not _holds_dates(given[1]) and (y.dtype.kind != "f" or _usable(y)):
            check_classification_targets(y)
    except (ValueError, TypeError) as error:
        raise _explained(error, *given, classes=True) from error
    if _holds_dates(given[1]) or (y.dtype.kind == "f" and not _usable(y)):
        raise _explained(ValueError("target y cannot be used as classes."), *given, classes=True)
    return _usable_table(X, given[0], None), y


def check_sample_weight(estimator: Any, sample_weight: Any, X: np.ndarray) -> np.ndarray:
    """Validate the weights of the rows of X; ones where None. Returns float64 of shape (n_samples,), a copy."""
    if sample_weight is None:
        return np.ones(len(X))
    where = f"{type(estimator).__name__}: sample_weight"
    try:
        weight = np.array(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputDataError(
            f"{where} cannot be used as numbers: {error}. Pass one number for each row of X."
        ) from error
    if weight.shape != (len(X),):
        raise InputDataError(f"{where} has shape {weight.shape} and X has {len(X)} rows: pass one weight for each row.")
    unusable = ~(weight >= 0.0) | (weight >= LARGEST)
    if unusable.any():
        row = int(np.argmax(unusable))
        raise InputDataError(
            f"{where} is {weight[row]:g} in row {row}. A weight says how many observations a row stands for: pass "
            f"finite numbers >= 0 and below {LARGEST:g}, 0 to leave a row out."
        )
    if not weight.any():
        raise InputDataError(f"{where} is zero in every row, so no row is left to learn from. Pass a positive weight.")
    if np.count_nonzero(weight) < 2 and weight.sum() < 2.0:
        raise InputDataError(f"{where} is zero in every row but one: at least 2 rows are needed.")
    return weight


def check_X(
    estimator: Any,
    X: Any,
    *,
    reset: bool = False,
    min_samples: int = 1,
    min_features: int = 1,
    allow_nan: bool = False,
) -> np.ndarray:
    """Validate a table; return float64 (n_samples, n_features).

    With `reset` its columns are remembered on `estimator`, otherwise it must have those that `estimator` was fitted
    with.
    """
    try:
        checked = validate_data(
            estimator,
            X,
            dtype=np.float64,
            order="C",
            ensure_min_samples=min_samples,
            ensure_min_features=min_features,
            ensure_all_finite="allow-nan" if allow_nan else True,
            reset=reset,
        )
    except (ValueError, TypeError) as error:
        raise _explained(error, X, None) from error
    return _usable_table(checked, X, None, allow_nan=allow_nan)


def check_categories(estimator: Any, X: Any) -> pd.DataFrame:
    """Validate a table of discrete columns, text and categories included; remember the columns on `estimator`.

    Returns
    -------
    table : DataFrame of shape (n_samples, n_features)
        A DataFrame as it came; the columns of anything else are named ``x0``, ``x1``, ...
    """
    table = X.to_pandas() if hasattr(X, "to_pandas") else X
    try:
        first = table.iloc[:2] if isinstance(table, pd.DataFrame) else table  # of a table, only its shape and names
        checked = validate_data(estimator, first, dtype=None, ensure_all_finite=False, ensure_min_samples=2, reset=True)
    except (ValueError, TypeError) as error:
        if issparse(X) or np.iscomplexobj(X):
            raise _explained(error, X, None) from error
        raise (TypeError if isinstance(error, TypeError) else InputDataError)(f"{error}{_advice(X)}") from error
    if not isinstance(table, pd.DataFrame):
        table = pd.DataFrame(checked).infer_objects()
    named = zip(_columns(table if hasattr(X, "columns") else checked), table.items(), strict=True)
    faults = [fault for (name, _), (_, column) in named for fault in _faults_of_categories(f"X column {name}", column)]
    if faults:
        raise InputDataError(" ".join(faults[:3]) + (f" ({len(faults) - 3} more likewise)" if len(faults) > 3 else ""))
    return table if hasattr(X, "columns") else table.add_prefix("x")


def _faults_of_categories(where: str, column: pd.Series) -> Iterator[str]:
    """Say what stops a column from being used as categories."""
    if np.iscomplexobj(column) or column.dtype.kind in "fiub":
        yield from (fault for fault in _faults_of(where, column) if "too large" not in fault)
        return
    missing = column.isna()
    if missing.any():
        yield from _faults_of(where, missing.map({True: np.nan, False: 0.0}))
        return
    try:
        column.unique()
    except TypeError:
        value = column.iloc[0]
        yield f"{where} holds values of type {type(value).__name__} ({value!r} in row 0), which cannot be told apart."


def _no_target(estimator: Any) -> str:
    return (
        f"{type(estimator).__name__} requires y to be passed, but the target y is None. "
        "It learns from pairs: call fit(X, y)."
    )


def _usable_table(checked: np.ndarray, X: Any, y: Any, *, allow_nan: bool = False) -> np.ndarray:
    """Return the table, unless it holds what scikit-learn lets through and we cannot use."""
    if not _usable(np.nan_to_num(checked) if allow_nan else checked) or _holds_dates(X):
        raise _explained(ValueError("X cannot be used as numbers."), X, y)
    return checked


def _usable(values: np.ndarray) -> bool:
    """Whether all values are finite, and their squares and sums of squares too; a None in y has become a NaN."""
    return float(np.abs(values).max()) < LARGEST


def _holds_dates(values: Any) -> bool:
    """Whether all of a table (or the target) is dates or durations, which would pass for counts of nanoseconds."""
    kinds = values.dtypes if isinstance(values, pd.DataFrame) else [getattr(values, "dtype", None)]
    return any(getattr(kind, "kind", "") in tuple("mM") for kind in kinds)


def _explained(error: Exception, X: Any, y: Any, *, classes: bool = False) -> Exception:
    """Return the refusal in our words when its cause is found, as scikit-learn put it otherwise."""
    if issparse(X):
        return type(error)(f"{error} (sparse input is not supported: pass X.toarray())")
    found = list(_faults_in(X, y, classes))
    more = f" ({len(found) - 3} more columns likewise)" if len(found) > 3 else ""
    words = " ".join(found[:3]) + more
    if isinstance(error, TypeError):
        return TypeError(f"{error}. {words or _advice(X).strip()}".removesuffix(". "))
    return InputDataError(words or f"{error}{_advice(X)}")


def _advice(X: Any) -> str:
    """Say what to do about the shape of X, where the refusal is about that."""
    shape = np.shape(X)
    if len(shape) == 0:
        return f" X is {reprlib.repr(X)}: pass a table of shape (n_samples, n_features)."
    if len(shape) > 2:
        return (
            f" X has shape {shape}: pass a table of shape (n_samples, n_features), for example X.reshape(len(X), -1)."
        )
    if 0 in shape[1:]:
        return " X has no columns: check the selection that made it."
    if len(shape) == 2 and shape[0] < 2:
        return f" X has {shape[0]} rows: check the selection or join that made it."
    return ""


def _faults_in(X: Any, y: Any, classes: bool) -> Iterator[str]:
    """One sentence for each thing wrong with a column of X, with y, or with their lengths."""
    if X is None or np.ndim(X) != 2:
        return
    for name, column in _columns(X):
        yield from _faults_of(f"X column {name}", column)
    if y is None or np.ndim(y) == 0:
        return
    if np.ndim(y) > 2:
        yield f"y has shape {np.shape(y)}: pass (n_samples,), or (n_samples, n_outputs) for several outputs."
        return
    targets = [("", pd.Series(np.asarray(y)))] if np.ndim(y) == 1 else _columns(y)
    for name, target in targets:
        named = classes and target.dtype.kind not in "biufcmM"  # text may name a class
        where = f"target y column {name}" if name else "target y"
        yield from _faults_of(where, target.isna().map({True: np.nan, False: 0.0}) if named else target)
    try:
        check_consistent_length(X, y)
    except ValueError:
        yield f"X has {len(X)} rows and y has {len(y)}: pass one target value for each row of X."


def _columns(X: Any) -> Iterator[tuple[str, pd.Series]]:
    if isinstance(X, pd.DataFrame):
        for position, name in enumerate(X.columns):
            yield repr(name), X.iloc[:, position]
    elif hasattr(X, "columns") and hasattr(X, "to_pandas"):
        yield from _columns(X.to_pandas())
    else:
        for position, column in enumerate(np.asarray(X).T):
            yield str(position), pd.Series(column)


def _faults_of(where: str, column: pd.Series) -> Iterator[str]:
    """Say what stops `column` from being used as numbers."""
    if np.iscomplexobj(column):
        yield f"Complex data not supported: {where} holds complex numbers. Pass real and imaginary part as two columns."
        return
    if column.dtype.kind in "mM" or isinstance(column.dtype, pd.PeriodDtype):
        yield (
            f"{where} holds dates or durations. Turn them into numbers first, for example into days: "
            "(column - column.min()) / pd.Timedelta(days=1)."
        )
        return
    numbers = pd.to_numeric(column, errors="coerce").astype("float64").to_numpy()
    missing = column.isna().to_numpy()
    text = np.isnan(numbers) & ~missing
    if text.any():
        row = int(np.argmax(text))
        value = column.iloc[row]
        kind = "text" if isinstance(value, str | bytes) else f"values of type {type(value).__name__}"
        yield (
            f"{where} holds {kind} ({value!r} in row {row}). Encode it first, for example with "
            "OneHotEncoder in a ColumnTransformer."
        )
        return
    if missing.any():
        yield (
            f"{where} has {int(missing.sum())} missing values (NaN, the first in row {int(np.argmax(missing))}). "
            "Drop those rows or put a SimpleImputer before this estimator."
        )
    infinite = np.isinf(numbers)
    if infinite.any():
        yield (
            f"{where} has {int(infinite.sum())} infinite values (inf, the first in row {int(np.argmax(infinite))}). "
            "Clip or drop them."
        )
    huge = np.isfinite(numbers) & (np.abs(numbers) >= LARGEST)
    if huge.any():
        row = int(np.argmax(huge))
        yield (
            f"{where} holds {numbers[row]:g} in row {row}, too large to be squared and summed. "
            f"Keep values below {LARGEST:g}: use another unit or a logarithm."
        )
