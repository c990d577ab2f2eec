"""How well the hidden modules of a net suit another task, without training on it."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X
from modpart.exceptions import InputDataError, ParameterError
from modpart.networks._schedule.estimator import ChainNet
from modpart.networks._schedule.parts import hidden_answers

__all__ = ["centred_alignment", "transfer_score"]


def centred_alignment(gram: np.ndarray, same: np.ndarray) -> float:
    """Correlation of two symmetric matrices over their pairs; 0 where one of them is constant."""
    upper = np.triu_indices(len(gram), 1)
    first, second = gram[upper] - gram[upper].mean(), same[upper] - same[upper].mean()
    scale = np.linalg.norm(first) * np.linalg.norm(second)
    return float(first @ second / scale) if scale > 0 else 0.0


def transfer_score(estimator: Any, X: ArrayLike, y: ArrayLike) -> float:
    """Estimate how useful the hidden modules of a net are for a new task. Experimental.

    The centred alignment between the cosines of what the hidden modules answer and the matrix that tells which rows are
    of the same class. Expect a weak ranking of sources; how weak has not been measured here. Try a few of the best, not
    only the first.

    Parameters
    ----------
    estimator : LocalModuleClassifier, IncubatedClassifier or another estimator with a chain
        Fitted; all modules but the last are looked at.
    X : array-like of shape (n_samples, n_features)
        Rows of the new task.
    y : array-like of shape (n_samples,)
        Their classes, of any kind.

    Returns
    -------
    score : float
        From -1 to 1; larger is better, 0 is what modules answer that know nothing of these classes.

    Raises
    ------
    ParameterError
        When the estimator has no chain, or a single module.
    InputDataError
        When X does not have the columns of the fit, or y one class only.

    Notes
    -----
    Time and memory O(n_samples^2).

    References
    ----------
    .. [1] Duan, Yu & Principe, "Modularizing deep learning via pairwise learning with kernels", IEEE TNNLS (2022),
       arXiv:2005.05541, who propose the value of the proxy on the target task.

    Examples
    --------
    >>> from modpart.networks import DenseChain, LocalModuleClassifier, transfer_score
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LocalModuleClassifier(chain=DenseChain(16), lr=5e-3, random_state=0).fit(X, y)
    >>> transfer_score(model, X, y == 0) > transfer_score(model, X, y == 1) > 0.1
    True
    """
    if not isinstance(estimator, ChainNet):
        raise ParameterError(
            f"transfer_score: estimator={estimator!r} has no chain of modules. Pass a LocalModuleClassifier."
        )
    check_is_fitted(estimator)
    rows, labels = check_X(estimator, X), np.asarray(y)
    if labels.shape != (len(rows),):
        raise InputDataError(f"transfer_score: y has shape {labels.shape} and X has {len(rows)} rows.")
    codes = np.unique(labels, return_inverse=True)[1]
    if codes.max(initial=0) == 0 or len(estimator.modules_) < 2:
        raise InputDataError("transfer_score: y must hold two classes or more, and the net two modules or more.")
    answers = hidden_answers(estimator.modules_[:-1], estimator._standardised(rows))
    unit = answers / np.maximum(np.linalg.norm(answers, axis=1, keepdims=True), 1e-12)
    return centred_alignment(unit @ unit.T, (codes[:, None] == codes).astype(np.float64))
