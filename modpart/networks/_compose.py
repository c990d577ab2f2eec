"""Put modules together: a vote of calibrated ones, the union of those of one net, one in place of another's class."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from scipy.special import expit, softmax

from modpart.exceptions import ParameterError
from modpart.networks._class_module import ClassModule
from modpart.networks._ready import ReadyClassifier

__all__ = ["ComposedClassifier", "PatchedClassifier", "compose", "patch"]


class ComposedClassifier(ReadyClassifier):
    """Modules that vote: the class whose module is surest. Made by :func:`compose`.

    Parameters
    ----------
    modules : list of ClassModule
        Modules of disjoint sets of labels, from any nets with the same columns.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of all modules, sorted.
    modules_ : list of ClassModule
    n_parameters_ : int
        Parameters of all modules together.
    n_features_in_ : int

    Examples
    --------
    >>> from modpart.networks import ModularNetClassifier, compose
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ModularNetClassifier(hidden_layer_sizes=(16,), max_epochs=40, random_state=0).fit(X, y)
    >>> vote = compose([model.extract_module(label) for label in (0, 1, 2)])
    >>> vote.classes_, bool(vote.score(X, y) > 0.9)
    (array([0, 1, 2]), True)
    """

    def __init__(self, modules: list[ClassModule]) -> None:
        self.modules_ = modules
        labels = np.concatenate([module.labels_ for module in modules])
        self._order = np.argsort(labels, kind="stable")
        self.classes_ = labels[self._order]
        self._take_columns_of(modules[0])

    @property
    def n_parameters_(self) -> int:
        """Parameters of all modules together."""
        return sum(module.n_parameters_ for module in self.modules_)

    def __repr__(self) -> str:
        return f"ComposedClassifier({self.modules_!r})"

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        given = [m._logits(X) * m.calibration_[:, 0] + m.calibration_[:, 1] for m in self.modules_]
        return softmax(np.hstack(given)[:, self._order], axis=1)


class PatchedClassifier(ReadyClassifier):
    """A classifier whose answer for one class comes from a module. Made by :func:`patch`.

    Parameters
    ----------
    estimator : classifier
        Fitted, with `predict_proba`.
    module : ClassModule
        Module that knows the label.
    label : object
        The class that is patched.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Those of the estimator.
    n_features_in_ : int

    Examples
    --------
    >>> from modpart.networks import ModularNetClassifier, patch
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> strong = ModularNetClassifier(hidden_layer_sizes=(16,), max_epochs=40, random_state=0).fit(X, y)
    >>> weak = LogisticRegression(max_iter=500).fit(X[48:], y[48:])
    >>> patched = patch(weak, strong.extract_module(0), 0)
    >>> patched.classes_, bool(patched.score(X, y) > 0.9)
    (array([0, 1, 2]), True)
    """

    def __init__(self, estimator: Any, module: ClassModule, label: Any) -> None:
        self.estimator_, self.module_, self.label_ = estimator, module, label
        self.classes_ = np.asarray(estimator.classes_)
        self._take_columns_of(module)

    def __repr__(self) -> str:
        return f"PatchedClassifier({self.estimator_!r}, {self.module_!r}, {self.label_!r})"

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        place = int(np.flatnonzero(self.classes_ == self.label_)[0])
        column = int(np.flatnonzero(self.module_.labels_ == self.label_)[0])
        a, b = self.module_.calibration_[column]
        share = expit(a * self.module_._logits(X)[:, column] + b)
        others = np.asarray(self.estimator_.predict_proba(self._named(X)), dtype=np.float64).copy()
        others[:, place] = 0.0
        total = others.sum(axis=1, keepdims=True)
        even = np.full_like(others, 1.0 / max(len(self.classes_) - 1, 1))
        even[:, place] = 0.0
        others = np.where(total > 0.0, others / np.where(total > 0.0, total, 1.0), even)
        mixed = others * (1.0 - share)[:, None]
        mixed[:, place] = share
        return mixed

    def _named(self, X: np.ndarray) -> Any:
        """The rows as the estimator knows them: a frame if it was fitted to one."""
        names = getattr(self.estimator_, "feature_names_in_", None)
        if names is None:
            return X
        import pandas as pd

        return pd.DataFrame(X, columns=names)


def compose(
    modules: Sequence[ClassModule], *, how: Literal["vote", "union"] = "vote", source: Any = None
) -> ComposedClassifier | ClassModule:
    """Make one classifier from modules.

    Parameters
    ----------
    modules : sequence of ClassModule
        At least two, no label twice, all made for the same columns.
    how : {"vote", "union"}, default="vote"
        "vote" asks every module and takes the class with the largest calibrated log odds; the modules may come from any
        nets. "union" cuts one net out of `source` that holds the units of all modules and those that their classes need
        together, with the weights between them.
    source : ModularNetClassifier or None, default=None
        The net that all modules were cut from; needed for "union" only, since no module holds weights between two.

    Returns
    -------
    classifier : ComposedClassifier or ClassModule
        The latter for "union".

    Raises
    ------
    ParameterError
        When a label occurs twice, columns differ, or modules of different nets shall be united.

    Notes
    -----
    A union computes what the source computes without the other units. It holds the units of the modules, and those for
    which the shares of rows that show them active add up, over all classes, to ``threshold_`` of the source: what says
    little about each of two classes often tells them apart. Log odds of single modules were each calibrated
    on the rows of the owner of its net.

    Examples
    --------
    >>> from modpart.networks import ModularNetClassifier, compose
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ModularNetClassifier(hidden_layer_sizes=(16,), max_epochs=40, random_state=0).fit(X, y)
    >>> pair = compose([model.extract_module(0), model.extract_module(2)], how="union", source=model)
    >>> pair.classes_
    array([0, 2])
    """
    modules = list(modules)
    if len(modules) < 2 or not all(isinstance(module, ClassModule) for module in modules):
        raise ParameterError(f"compose: modules={modules!r} must be two or more modules made by extract_module.")
    if how not in ("vote", "union"):
        raise ParameterError(f"compose: how={how!r} is not valid. how must be 'vote' or 'union'.")
    labels, counts = np.unique(np.concatenate([module.labels_ for module in modules]), return_counts=True)
    if counts.max() > 1:
        raise ParameterError(f"compose: two modules know the label {labels[counts.argmax()]!r}. Leave one of them out.")
    _same_columns(modules[0], modules[1:])
    if how == "vote":
        return ComposedClassifier(modules)
    if any(getattr(source, "parent_", None) != module.parent_ for module in modules):
        raise ParameterError(
            "compose: how='union' needs source=, the fitted ModularNetClassifier that all these modules were cut from. "
            "Modules of different nets can only vote: how='vote'."
        )
    return source._module_of([label for module in modules for label in module.labels_.tolist()], modules)


def patch(estimator: Any, module: ClassModule, label: Any) -> PatchedClassifier:
    """Let a module answer for one class of another classifier.

    With p the module's probability of the class, the classifier's other probabilities are scaled to sum to 1 - p.

    Parameters
    ----------
    estimator : classifier
        Fitted, with `predict_proba`; `label` must be one of its classes, seen however rarely.
    module : ClassModule
        Module that knows the label, made for the same columns.
    label : object
        The class.

    Returns
    -------
    classifier : PatchedClassifier
        With the classes of `estimator`.

    Raises
    ------
    ParameterError
        When one of the two does not know the label, or they were made for other columns.

    Examples
    --------
    >>> from modpart.networks import ModularNetClassifier, patch
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = load_iris(return_X_y=True)
    >>> strong = ModularNetClassifier(hidden_layer_sizes=(16,), max_epochs=40, random_state=0).fit(X, y)
    >>> patch(GaussianNB().fit(X, y), strong.extract_module(1), 1).classes_
    array([0, 1, 2])
    """
    if not isinstance(module, ClassModule):
        raise ParameterError(f"patch: module={module!r} must be a module made by extract_module.")
    if not hasattr(estimator, "predict_proba") or not hasattr(estimator, "classes_"):
        raise ParameterError(f"patch: estimator={estimator!r} must be a fitted classifier with predict_proba.")
    for owner, known in (("estimator", estimator.classes_), ("module", module.labels_)):
        if label not in np.asarray(known).tolist():
            raise ParameterError(f"patch: label={label!r} is no class of the {owner}, which knows {list(known)}.")
    _same_columns(module, [estimator])
    return PatchedClassifier(estimator, module, label)


def _same_columns(first: Any, others: Sequence[Any]) -> None:
    for other in others:
        wide = getattr(other, "n_features_in_", first.n_features_in_)
        names = [list(getattr(part, "feature_names_in_", [])) for part in (first, other)]
        if wide != first.n_features_in_ or (all(names) and names[0] != names[1]):
            raise ParameterError(
                f"{other!r} was made for other columns than {first!r} ({wide} and {first.n_features_in_} of them). "
                "Parts of one classifier must read the same columns in the same order."
            )
