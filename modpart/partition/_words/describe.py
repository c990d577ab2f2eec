"""Look at a partition on given rows: sizes, rules, effects and errors, as a table and in plain words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier, is_regressor
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X
from modpart._utils.seeds import check_rng
from modpart.exceptions import InputDataError
from modpart.partition._classes import bounded_losses, class_codes
from modpart.partition._words.description import PartitionDescription, Regime
from modpart.partition._words.effects import effects_of
from modpart.partition._words.short_rule import Otherwise, Rule, box_around, meets, short_rule

__all__ = ["Described"]

SURE = 0.9  # share of the gate's votes from which a row counts as safely routed
SHUFFLED_ROWS = 2000

ErrorsOf = Callable[[np.ndarray], dict[str, float]]


class Described:
    """What gives a fitted model ``describe`` and ``partition_summary``."""

    experts_: list[Any]
    n_partitions_: int

    def describe(self, X: Any, y: Any = None) -> PartitionDescription:
        """Say in plain words where the partitions lie and what their experts learned.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to describe, training rows or others.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or None, default=None
            Their target. Without it no errors are told.

        Returns
        -------
        description : PartitionDescription
            Prints as a few sentences. A rule has at most three conditions and is only told where it covers at least
            90 % of a partition's rows with at least 90 % precision. Of classifiers no effects of the inputs are told.

        Notes
        -----
        Rules come from shallow trees on the labels of the gate. The same rows give the same words: what is drawn
        (shuffled inputs, the rows that trees learn from beyond 20,000) has a fixed seed.
        """
        check_is_fitted(self)
        self._check_regimes("describe")
        return _describe(self, X, y)

    def _check_regimes(self, method: str) -> None:
        """Refuse what only one readable partition can answer; every partition is one unless a class says otherwise."""

    def partition_summary(self, X: Any, y: Any = None) -> pd.DataFrame:
        """Size, rule, location and error of each partition on given rows, the table behind :meth:`describe`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or None, default=None

        Returns
        -------
        summary : DataFrame
            One row per partition: ``rows``, ``share``, ``rmse`` in units of y (of several outputs ``rmse <output>``, of
            classes ``accuracy`` and ``log_loss`` in nats), ``rule`` with its ``coverage`` and ``precision``, ``unsure``
            (share of rows for which less than nine tenths of the gate's votes agree), and for every input the 5 % and
            95 % quantile of its rows, as columns ``<input> 5%`` and ``<input> 95%``. Without y errors are nan.
        """
        return self.describe(X, y).table


def _describe(model: Any, X: Any, y: Any) -> PartitionDescription:
    rng = check_rng(0)
    values = check_X(model, X)
    labels, sure = _routes(model, X, values)
    given = getattr(model, "feature_names_in_", None)
    names = [f"x{j}" for j in range(values.shape[1])] if given is None else [str(name) for name in given]
    of_classes = is_classifier(model.experts_[0])
    errors_of, targets = (_class_errors if of_classes else _errors)(model, X, values, labels, y)
    importances = _importances(model, values, labels, given, rng)
    rules = _rules_of(values, labels, model.n_partitions_, names, rng)
    telling = [int(j) for j in np.argsort(-importances, kind="stable")[:2] if importances[j] > 0]
    regimes = []
    for k, rule in enumerate(rules):
        rows = labels == k
        held = np.zeros(len(rows), dtype=bool) if rule is None else rule.holds(values)
        mostly = box_around(values, rows, names, telling) if rule is None and rows.any() and not rows.all() else ()
        around = np.logical_and.reduce([np.ones(len(rows), dtype=bool), *(each.holds(values) for each in mostly)])
        regimes.append(
            Regime(
                label=k,
                rows=int(rows.sum()),
                share=float(rows.mean()),
                rule=rule,
                coverage=_mean(held[rows]) if rule is not None else np.nan,
                precision=_mean(rows[held]) if rule is not None else np.nan,
                mostly=mostly,
                mostly_inside=_mean(around[rows]),
                mostly_outside=_mean(around[~rows]),
                effects=effects_of(model.experts_[k], values[rows], names, rng)
                if rows.any() and not of_classes
                else (),
                errors=errors_of(rows),
                spread=float(np.std(targets[rows])) if targets is not None and rows.any() else np.nan,
                unsure=_mean(~sure[rows]),
                quantiles=np.quantile(values[rows], [0.05, 0.95], axis=0).T
                if rows.any()
                else np.full((len(names), 2), np.nan),
            )
        )
    target = str(getattr(y, "name", None) or "y")
    fidelity = _fidelity(rules, values, labels)
    return PartitionDescription(regimes, names=names, target=target, importances=importances, fidelity=fidelity)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _labels(model: Any, X: Any) -> np.ndarray:
    return model.apply(X) if hasattr(model, "apply") else model.predict(X)


def _routes(model: Any, X: Any, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Partition of each row, and whether the gate's votes agree on it. An inner partitioner learned from arrays."""
    labels = _labels(model, X)
    if model.n_partitions_ == 1:
        return labels, np.ones(len(labels), dtype=bool)
    inner = getattr(model, "partitioner_", None)
    shares = model.predict_proba(X) if inner is None else inner.predict_proba(values)
    return labels, shares.max(axis=1) >= SURE


def _errors(model: Any, X: Any, values: np.ndarray, labels: np.ndarray, y: Any) -> tuple[ErrorsOf, np.ndarray | None]:
    """What gives the errors of some rows for each output, and the target where it is a single one."""
    if is_regressor(model):
        predictions = model.predict(X)
    else:
        shape = np.shape(model.experts_[0].predict(values[:1]))[1:]
        predictions = np.empty((len(values), *shape))
        for k in np.unique(labels):
            rows = labels == k
            predictions[rows] = np.reshape(model.experts_[k].predict(values[rows]), (-1, *shape))
    several = predictions.ndim > 1 and predictions.shape[1] > 1
    predictions = predictions if several else predictions.reshape(-1)
    names = [f"rmse {name}" for name in getattr(y, "columns", range(predictions.shape[-1]))] if several else ["rmse"]
    if y is None:
        return lambda rows: dict.fromkeys(names, np.nan), None
    target = _checked_target(type(model).__name__, y, predictions.shape)
    squares = ((predictions - target) ** 2).reshape(len(values), -1).T
    return (
        lambda rows: {name: float(np.sqrt(_mean(each[rows]))) for name, each in zip(names, squares, strict=True)},
        None if several else target,
    )


def _class_errors(model: Any, X: Any, values: np.ndarray, labels: np.ndarray, y: Any) -> tuple[ErrorsOf, None]:
    """What gives the share of right classes among some rows, and their log loss in nats."""
    if y is None:
        return lambda rows: {"accuracy": np.nan, "log_loss": np.nan}, None
    classes, known = model.experts_[0].classes_, np.ravel(y)
    if is_classifier(model):
        classes, shares = model.classes_, model.predict_proba(X)
    else:
        shares = np.empty((len(values), len(classes)))
        for k in np.unique(labels):
            shares[labels == k] = model.experts_[k].predict_proba(values[labels == k])
    if len(known) != len(values) or not pd.Series(known).isin(classes).all():
        raise InputDataError(
            f"{type(model).__name__}: y has shape {np.shape(y)} and must hold one of the known classes for each of the "
            f"{len(values)} rows of X."
        )
    codes = class_codes(classes, known)
    right, losses = shares.argmax(axis=1) == codes, bounded_losses(shares, codes)
    return lambda rows: {"accuracy": _mean(right[rows]), "log_loss": _mean(losses[rows])}, None


def _checked_target(owner: str, y: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The target of known rows as floats, of the shape of the predictions; a single column is as good as a row."""
    target = pd.to_numeric(pd.Series(np.ravel(y)), errors="coerce").to_numpy(np.float64)
    if target.size != np.prod(shape) or (len(shape) > 1 and np.shape(y) != shape) or not np.isfinite(target).all():
        outputs = "one finite number" if len(shape) == 1 else f"{shape[1]} finite numbers"
        raise InputDataError(
            f"{owner}: y has shape {np.shape(y)} and must hold {outputs} for each of the {shape[0]} rows of X."
        )
    return target.reshape(shape)


def _importances(
    model: Any, values: np.ndarray, labels: np.ndarray, names: Any, rng: np.random.Generator
) -> np.ndarray:
    """Share of rows that change partition when an input is shuffled, shape (n_features,)."""
    changed = np.zeros(values.shape[1])
    if model.n_partitions_ == 1:
        return changed
    some = rng.permutation(len(values))[:SHUFFLED_ROWS]
    for j in range(values.shape[1]):
        shuffled = values[some]
        shuffled[:, j] = rng.permutation(shuffled[:, j])
        table = shuffled if names is None else pd.DataFrame(shuffled, columns=names)
        changed[j] = np.mean(_labels(model, table) != labels[some])
    return changed


def _rules_of(
    values: np.ndarray, labels: np.ndarray, n_partitions: int, names: list[str], rng: np.random.Generator
) -> list[Rule | Otherwise | None]:
    """A short rule for each partition; where only one has none, the rest may describe it."""
    found: list[Rule | Otherwise | None] = [short_rule(values, labels == k, names, rng) for k in range(n_partitions)]
    open_ones = [k for k, rule in enumerate(found) if rule is None and np.any(labels == k)]
    others = tuple(rule for rule in found if isinstance(rule, Rule))
    if len(open_ones) == 1 and others:
        (k,) = open_ones
        rest = Otherwise(others)
        found[k] = rest if meets(rest.holds(values), labels == k) else None
    return found


def _fidelity(rules: list[Rule | Otherwise | None], values: np.ndarray, labels: np.ndarray) -> float:
    """Share of rows for which the rule of their partition holds and no other one; 1 with a single partition."""
    if len(rules) == 1:
        return 1.0
    held = np.column_stack(
        [np.zeros(len(values), dtype=bool) if rule is None else rule.holds(values) for rule in rules]
    )
    return float(np.mean(held[np.arange(len(labels)), labels] & (held.sum(axis=1) == 1)))
