"""Tables of decision-making units: which columns are inputs and outputs, and what is wrong with their numbers."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from modpart._utils.columns import selected_columns
from modpart.exceptions import InputDataError, ModpartWarning, ParameterError

__all__ = ["Columns", "check_units", "labels_of", "named_columns", "plain_name", "split_columns"]


@dataclass(frozen=True)
class Columns:
    """Positions of the columns in the table, and their names.

    Attributes
    ----------
    inputs, outputs, undesirable : ndarray of int
    names : list
        Of the inputs, the outputs and the undesirable outputs, in this order.
    """

    inputs: np.ndarray
    outputs: np.ndarray
    undesirable: np.ndarray
    names: list

    @property
    def order(self) -> np.ndarray:
        """Positions of all columns in use: inputs, outputs, undesirable outputs."""
        return np.concatenate([self.inputs, self.outputs, self.undesirable])

    def kind(self, place: int) -> str:
        """What the column at `place` of the order is."""
        m, s = len(self.inputs), len(self.outputs)
        return "input" if place < m else "output" if place < m + s else "undesirable output"

    def called(self, place: int) -> str:
        """The column at `place` in words."""
        return f"{self.kind(place)} column {self.names[place]!r}"


def labels_of(X: Any) -> np.ndarray | None:
    """Names of the units: the index of a DataFrame; None for anything else."""
    index = getattr(X, "index", None)
    return None if index is None or callable(index) else np.asarray(index)


def split_columns(estimator: Any) -> Columns:
    """The columns that a validated estimator's `inputs`, `outputs` and `undesirable` name."""
    n = estimator.n_features_in_
    owner = type(estimator).__name__
    bad = _chosen(estimator, "undesirable")
    every = np.setdiff1d(np.arange(n), bad)
    inputs, outputs = _chosen(estimator, "inputs"), _chosen(estimator, "outputs")
    if estimator.outputs is None:
        outputs = every[-1:] if estimator.inputs is None else np.setdiff1d(every, inputs)
    if estimator.inputs is None:
        inputs = np.setdiff1d(every, outputs)
    names = getattr(estimator, "feature_names_in_", np.arange(n))
    for first, second, words in (
        (inputs, outputs, "input and output"),
        (inputs, bad, "input and undesirable output"),
        (outputs, bad, "output and undesirable output"),
    ):
        both = np.intersect1d(first, second)
        if len(both):
            raise ParameterError(
                f"{owner}: column {plain_name(names[both[0]])!r} is named as {words}. Name each column once."
            )
    for found, words in ((inputs, "input"), (outputs, "output")):
        if not len(found):
            raise ParameterError(
                f"{owner}: no {words} column is left among the {n} columns of X. Name at least one in {words}s=[...]."
            )
    order = np.concatenate([inputs, outputs, bad])
    return Columns(inputs, outputs, bad, [plain_name(names[j]) for j in order])


def named_columns(estimator: Any, argument: str, columns: Columns) -> np.ndarray:
    """Places, among the columns in use, of those that an argument names."""
    chosen = _chosen(estimator, argument)
    lost = np.setdiff1d(chosen, columns.order)
    if len(lost):
        names = getattr(estimator, "feature_names_in_", np.arange(estimator.n_features_in_))
        raise ParameterError(
            f"{type(estimator).__name__}: {argument} names the column {plain_name(names[lost[0]])!r}, which is "
            "neither input nor output."
        )
    return np.flatnonzero(np.isin(columns.order, chosen))


def plain_name(name: Any) -> Any:
    """A label as Python has it."""
    return name.item() if isinstance(name, np.generic) else name


def _chosen(estimator: Any, argument: str) -> np.ndarray:
    value = getattr(estimator, argument)
    if value is None or (argument not in ("inputs", "outputs") and not len(value)):
        return np.zeros(0, dtype=np.int64)
    return selected_columns(estimator, argument)


def check_units(
    owner: str,
    values: np.ndarray,
    columns: Columns,
    units: np.ndarray,
    *,
    negative: np.ndarray,
    warn: bool,
    cone: bool = False,
) -> None:
    """Refuse numbers that no score can be trusted for; warn about those that weaken it.

    Parameters
    ----------
    owner : str
        Name of the estimator or function.
    values : ndarray of shape (n, m + s + p)
        In the order of `columns`.
    units : ndarray of shape (n,)
        Names of the units.
    negative : ndarray of shape (m + s + p,), bool
        Columns that may hold negative numbers in the model at hand.
    warn : bool
        Whether to warn.
    cone : bool
        Whether units can be scaled up, so that one without inputs would make everything.
    """
    below = (values < 0.0) & ~negative
    if below.any():
        column = int(np.flatnonzero(below.any(axis=0))[0])
        row = int(np.argmax(below[:, column]))
        raise InputDataError(
            f"{owner}: {columns.called(column)} is negative: {values[row, column]:g} for unit {_name(units[row])}"
            f"{_more(below[:, column])}. Negative values in data have no proportional change. Use a model that takes "
            "them, for example orientation='directional' with direction='range', or measure='ram', both with "
            "technology='vrs'; or choose another column."
        )
    _check_empty(owner, values, columns, units, cone)
    if warn:
        for words in _doubts(owner, values, columns, units):
            warnings.warn(words, ModpartWarning, stacklevel=4)


def _check_empty(owner: str, values: np.ndarray, columns: Columns, units: np.ndarray, cone: bool) -> None:
    """Refuse units without any input where units can be scaled up."""
    free = ~values[:, : len(columns.inputs)].any(axis=1)
    if cone and free.any():
        raise InputDataError(
            f"{owner}: all input columns ({', '.join(map(repr, columns.names[: len(columns.inputs)]))}) are zero for "
            f"unit {_name(units[int(np.argmax(free))])}{_more(free)}. Scaled up, it would make any output from "
            "nothing. Drop it, or use technology='vrs'."
        )


def _name(unit: Any) -> str:
    return repr(plain_name(unit))


def _more(rows: Any) -> str:
    count = int(rows.sum())
    return f" ({count} units in all)" if count > 1 else ""


def _doubts(owner: str, values: np.ndarray, columns: Columns, units: np.ndarray) -> list[str]:
    """What a score should not be trusted without looking at, one sentence each."""
    n, m, s = len(values), len(columns.inputs), len(columns.outputs)
    found = []
    zero = values == 0.0
    nothing = zero.all(axis=1)
    if nothing.any():
        found.append(
            f"{owner}: unit {_name(units[int(np.argmax(nothing))])}{_more(nothing)} has zeros in all columns "
            f"({', '.join(map(repr, columns.names))}). It counts as a unit that does nothing; drop its row if data "
            "are missing."
        )
    for kind, first, last in (("input", 0, m), ("output", m, m + s)):
        empty = zero[:, first:last].all(axis=1)
        if empty.any():
            names = ", ".join(map(repr, columns.names[first:last]))
            found.append(
                f"{owner}: all {kind} columns ({names}) are zero for unit "
                f"{_name(units[int(np.argmax(empty))])}{_more(empty)}. Its {kind} score is not defined (nan)."
            )
    for j in np.flatnonzero(zero.any(axis=0)).tolist():
        row = int(np.argmax(zero[:, j]))
        found.append(
            f"{owner}: {columns.called(j)} is zero for unit {_name(units[row])}{_more(zero[:, j])}. Zero inputs limit "
            "the peers to units with a zero there too, and zero outputs ask for nothing."
        )
    constant = np.flatnonzero(np.ptp(values, axis=0) == 0.0).tolist()
    for j in constant:
        found.append(
            f"{owner}: {columns.called(j)} is {values[0, j]:g} for every unit. It tells units apart only by its size "
            "against the other columns; drop it unless that is meant."
        )
    for i, j in _repeated(values, constant):
        found.append(
            f"{owner}: {columns.called(j)} is a multiple of {columns.called(i)}. It counts twice in slacks, additive "
            "and slack-based scores; drop one of them."
        )
    for j in _combined(values[:, m : m + s], m) + _combined(values[:, :m], 0):
        found.append(
            f"{owner}: {columns.called(j)} is a sum of other {columns.kind(j)} columns with weights of one sign. It "
            "changes no radial score and counts twice in slacks, additive and slack-based scores; drop it."
        )
    if n < max(m * s, 3 * (m + s)):
        found.append(
            f"{owner}: {n} units with {m} inputs and {s} outputs are few: below max({m * s}, {3 * (m + s)}) most "
            "units look efficient. Add units or drop columns."
        )
    return found


def _repeated(values: np.ndarray, constant: list[int]) -> list[tuple[int, int]]:
    """Pairs of columns of which one is a positive multiple of the other; only columns that vary."""
    norms = np.linalg.norm(values, axis=0)
    unit = values / np.where(norms > 0.0, norms, 1.0)
    alike = np.triu(unit.T @ unit > 1.0 - 1e-14, k=1)
    return [
        (int(i), int(j))
        for i, j in zip(*np.nonzero(alike), strict=True)
        if i not in constant and np.allclose(unit[:, i], unit[:, j], rtol=1e-12, atol=0.0)
    ]


def _combined(block: np.ndarray, first: int) -> list[int]:
    """Columns that are non-negative combinations of at least two others of the block."""
    from scipy.optimize import nnls

    n, width = block.shape
    if width < 3 or n < width:
        return []
    scaled = block / np.where(np.abs(block).max(axis=0) > 0.0, np.abs(block).max(axis=0), 1.0)
    rows = scaled[: max(5 * width, 200)]
    found = []
    for j in range(width):
        others = [k for k in range(width) if k != j]
        weights, residual = nnls(rows[:, others], rows[:, j])
        several = residual <= 1e-10 * np.linalg.norm(rows[:, j]) and np.count_nonzero(weights > 1e-9) > 1
        if several and np.allclose(scaled[:, others] @ weights, scaled[:, j], rtol=1e-9, atol=1e-12):
            found.append(first + j)
    return found
