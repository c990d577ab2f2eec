"""How well efficiency classes of new units are told: cross-validation without leaks, beside plain baselines."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline

from modpart._utils.params import boolean, integer, nothing, one_of, validate, where
from modpart._utils.seeds import check_rng
from modpart.efficiency._classes.routed import seeded
from modpart.efficiency._classes.scaling import LogRangeScaler
from modpart.efficiency._efficiency_classifier import EfficiencyClassifier
from modpart.efficiency._polynomial.classifier import ReducedPolynomialClassifier
from modpart.exceptions import ModpartWarning, ParameterError

__all__ = ["cross_validate_classes"]

_RULES = {
    "cv": (integer(2),),
    "n_repeats": (integer(1),),
    "frontier": (one_of("train", "all"),),
    "baselines": (boolean, nothing, where("a dict of classifiers", lambda value: isinstance(value, dict))),
}


def cross_validate_classes(
    estimator: EfficiencyClassifier,
    X: Any,
    *,
    cv: int = 5,
    n_repeats: int = 1,
    frontier: str = "train",
    baselines: Any = True,
    random_state: Any = None,
) -> pd.DataFrame:
    """Cross-validate an efficiency classifier on units that neither it nor its frontier has seen, beside baselines.

    In every fold frontier, edges, scaling, clusters and classifiers come from the training units. Baselines learn the
    same classes from the same columns, scaled alike.

    Parameters
    ----------
    estimator : EfficiencyClassifier
        Unfitted; its classes come from scores.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Units.
    cv : int >= 2, default=5
        Number of folds.
    n_repeats : int >= 1, default=1
        Number of times that all units are dealt to folds.
    frontier : {"train", "all"}, default="train"
        What the classes of test units are judged by: the frontier of the training units, or that of all units (with
        the edges of the training units). With "all" the row "plain DEA" is the share of units whose class does not
        depend on who else is in the table, which no classifier can be expected to beat.
    baselines : bool or dict of str to classifier, default=True
        Rivals: the largest class, logistic regression, histogram gradient boosting, and a reduced polynomial for all
        units; or those given.
    random_state : int, Generator, RandomState or None, default=None
        Seeds the folds, and models without a seed of their own.

    Returns
    -------
    table : DataFrame
        One row per repeat, fold and `method`: `accuracy`; `balanced`, the mean recall of the classes; `distance`, the
        mean number of classes between prediction and truth.

    Raises
    ------
    ParameterError
        When an argument is out of its range; the message names it.
    InputDataError
        As in :class:`EfficiencyClassifier`, also when the training part of a fold holds one class.

    Notes
    -----
    Folds share training units, so their spread understates the uncertainty of a mean. Classes that are left empty in a
    fold are not warned of.

    Examples
    --------
    >>> from modpart.datasets import make_bank_branches
    >>> from modpart.efficiency import DEA, EfficiencyClassifier, cross_validate_classes
    >>> X, efficiency, group = make_bank_branches(120, random_state=0)
    >>> model = EfficiencyClassifier(DEA(outputs=["deposits", "loans", "transactions"]), bins=2, n_clusters=2)
    >>> table = cross_validate_classes(model, X, cv=2, baselines=None, random_state=0)
    >>> table["method"].unique().tolist()
    ['EfficiencyClassifier', 'plain DEA']
    """
    arguments = {"cv": cv, "n_repeats": n_repeats, "frontier": frontier, "baselines": baselines}
    validate("cross_validate_classes", arguments, _RULES)
    if not isinstance(estimator, EfficiencyClassifier):
        raise ParameterError(
            f"cross_validate_classes: estimator={estimator!r} must be an EfficiencyClassifier: its frontier and edges "
            "say what the classes of test units are. For other estimators use sklearn.model_selection.cross_validate."
        )
    rng = check_rng(random_state)
    found = []
    for repeat in range(int(n_repeats)):
        folds = rng.permutation(len(X)) % int(cv)
        for fold in range(int(cv)):
            train, test = _rows(X, folds != fold), _rows(X, folds == fold)
            for method, scores in _judged(seeded(estimator, rng), train, test, X, folds == fold, frontier, baselines):
                found.append({"repeat": repeat, "fold": fold, "method": method} | scores)
    return pd.DataFrame(found)


def _judged(
    model: EfficiencyClassifier, train: Any, test: Any, X: Any, is_test: np.ndarray, frontier: str, baselines: Any
) -> Any:
    """Yield each method and its scores in one fold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModpartWarning)
        model.fit(train)
    by_train = model.dea_classes(test)
    truth = by_train if frontier == "train" else model.classes_of_scores(clone(model.dea_).fit(X).efficiency_[is_test])
    yield type(model).__name__, _scores(truth, model.predict(test))
    labels = model.classes_of_scores(model.efficiency_)
    for name, rival in (_usual() if baselines is True else baselines or {}).items():
        yield name, _scores(truth, make_pipeline(LogRangeScaler(), clone(rival)).fit(train, labels).predict(test))
    yield "plain DEA", _scores(truth, by_train)


def _usual() -> dict[str, Any]:
    return {
        "pooled RM": ReducedPolynomialClassifier(),
        "gradient boosting": HistGradientBoostingClassifier(random_state=0),
        "logistic regression": LogisticRegression(C=100.0, max_iter=5000),
        "majority": DummyClassifier(strategy="most_frequent"),
    }


def _scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a predicted class that no test unit has
        balanced = float(balanced_accuracy_score(truth, predicted))
    return {
        "accuracy": float(np.mean(truth == predicted)),
        "balanced": balanced,
        "distance": float(np.mean(np.abs(truth - predicted))),
    }


def _rows(X: Any, mask: np.ndarray) -> Any:
    return X.loc[mask] if isinstance(X, pd.DataFrame) else np.asarray(X)[mask]
