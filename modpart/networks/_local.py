"""Local training: each hidden module learns without back-propagation through later ones."""

import warnings
from collections.abc import Iterator
from copy import copy
from math import prod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X, check_X_classes
from modpart._utils.parallel import one_thread
from modpart._utils.params import Rule, boolean, integer, nothing, one_of, validate
from modpart._utils.progress import Progress
from modpart._utils.seeds import check_rng
from modpart.exceptions import CollapseWarning, InputDataError, ParameterError
from modpart.networks._plan import Plan
from modpart.networks._schedule.chains import Chain, plans_of
from modpart.networks._schedule.estimator import ChainClassifier
from modpart.networks._schedule.parts import Part, hidden_answers, shape_after
from modpart.networks._schedule.phase import Phase

__all__ = ["OBJECTIVES", "LocalModuleClassifier"]

OBJECTIVES = ("alignment", "contrastive", "negatives", "squared", "auxiliary", "synthetic", "critic")

_ZERO_ROWS = 0.05  # share of rows without any active unit from which on a module has collapsed
_ALL_ALIKE = 0.99  # mean cosine between rows from which on it tells nothing apart
_COMPANION_WIDTH = 128


class LocalModuleClassifier(ChainClassifier):
    """Train a net whose hidden modules learn one after the other, each from a loss of its own answers.

    With a *kernel proxy*, the default, a hidden module learns to give rows of one class answers with a large cosine and
    rows of two classes answers with a small one; it needs to know which rows are of the same class and nothing about
    the layers above. It is then frozen, the next one learns, and last a linear head, for which few labels are enough.
    Use it where modules shall be trained apart from one another, or be used for other tasks too. For accuracy alone
    end-to-end training with the same batch normalisation is as good or a little better.

    Parameters
    ----------
    objective : str, default="alignment"
        What hidden modules learn from. Of the batch alone: "alignment" (cosine between the matrix of cosines of all
        pairs of rows and the matrix of same and different, over pairs), "contrastive" (share of pairs of one class in
        the exponentials of cosines), "negatives" (small cosines between classes, nothing else), "squared" (mean squared
        difference of the two matrices). From nets beside the chain: "auxiliary" (a linear classifier on each module),
        "synthetic" (a net that predicts the loss's gradient) and "critic" (a classifier on each module, that follows
        the loss of the next one).
    centred : bool, default=True
        Whether "alignment" takes the means off both matrices first: then neither an offset nor a scale of the cosines
        counts.
    chain : str, object or callable, default="dense"
        What a slot holds, as in :class:`IncubatedClassifier`. ``DenseChain(batch_norm=False)`` is what the literature
        has; "negatives" collapses there.
    n_modules : int >= 1, default=1
        Hidden modules. More of them cost accuracy.
    depth : int >= 1, default=3
        Blocks, or layers, of a module.
    module_epochs : int >= 1, default=40
        Passes over the rows for each module; "synthetic" and "critic" train all modules at the same time.
    head_epochs : int >= 1, default=40
        Passes for the head. With `head_per_class` as many steps as for all rows.
    head_per_class : int >= 1 or None, default=None
        Labels of each class, drawn by chance, that the head sees; None shows it all. Hidden modules learn from all
        pairs of rows in any case.
    standardize : bool, default=True
        Whether columns are standardised first; constant ones are only centred.
    lr : float > 0, default=1e-3
        Learning rate of AdamW; it falls along half a cosine in each phase.
    weight_decay : float >= 0, default=0.0
        Of AdamW, for all weights.
    batch_size : "auto" or int >= 1, default="auto"
        Rows per step; "auto" is 64, but no more than a tenth of the rows (and at least 16).
    callbacks : list of skorch callbacks or None, default=None
        They see the skorch net of each phase.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where training and prediction run.
    random_state : int, RandomState, Generator or None, default=None
        Source of start weights, batches and of the head's rows.
    verbose : int >= 0, default=0
        Positive values print one line for each phase.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    modules_ : list of Part
        What stands in each slot, and last the head: `plan` and `weights`.
    companions_ : list of Part
        Classifiers on hidden modules ("auxiliary", "critic") or predictors of gradients ("synthetic"); else empty.
    zero_rows_ : ndarray of shape (n_modules,)
        Share of training rows for which no unit of a module is active.
    phases_ : list of dict
        What each phase did, as in :class:`IncubatedClassifier`.
    plan_, weights_ : list of dict, dict of str to ndarray
        The whole net.
    x_mean_, x_scale_ : ndarray of shape (n_features,)
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X had names for all columns.

    Raises
    ------
    ParameterError
        When an argument is out of range, a chain cannot be cut (the message names the slot), or a phase diverged.
    InputDataError
        When X or y cannot be used; the message names the column.

    Warns
    -----
    CollapseWarning
        When a module answers nothing for more than 5 % of the rows, or nearly the same for all.

    See Also
    --------
    transfer_score : How well hidden modules suit another task.
    IncubatedClassifier : Modules that learn inside a small net.

    Notes
    -----
    A batch of B rows costs O(B^2) for a proxy. The paper's ideal matrix has 1 for rows of one class and 0 for others,
    the least cosine of vectors after a ReLU. What is minimised here: 1 - cosine, -log of the share, log of the mean
    exponential.

    References
    ----------
    .. [1] Duan, Yu & Principe, "Modularizing deep learning via pairwise learning with kernels", IEEE TNNLS (2022),
       arXiv:2005.05541.
    .. [2] Jaderberg et al., "Decoupled neural interfaces using synthetic gradients", ICML 2017.
    .. [3] Lee, Hsieh & Lee, "Local critic training for model-parallel learning of deep neural networks", IEEE TNNLS
       (2022), arXiv:2102.01963.

    Examples
    --------
    >>> from modpart.networks import DenseChain, LocalModuleClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LocalModuleClassifier(chain=DenseChain(16), lr=5e-3, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9), [phase["name"] for phase in model.phases_]
    (True, ['module0', 'head'])
    """

    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {
        name: rule for name, rule in ChainClassifier._rules.items() if name != "n_jobs"
    } | {
        "objective": (one_of(*OBJECTIVES),),
        "centred": (boolean,),
        "depth": (integer(1),),
        "module_epochs": (integer(1),),
        "head_epochs": (integer(1),),
        "head_per_class": (nothing, integer(1)),
    }
    n_jobs: ClassVar[None] = None  # each phase needs the one before

    def __init__(
        self,
        objective: str = "alignment",
        *,
        centred: bool = True,
        chain: str | Chain | Any = "dense",
        n_modules: int = 1,
        depth: int = 3,
        module_epochs: int = 40,
        head_epochs: int = 40,
        head_per_class: int | None = None,
        standardize: bool = True,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        batch_size: Literal["auto"] | int = "auto",
        callbacks: list[Any] | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.objective = objective
        self.centred = centred
        self.chain = chain
        self.n_modules = n_modules
        self.depth = depth
        self.module_epochs = module_epochs
        self.head_epochs = head_epochs
        self.head_per_class = head_per_class
        self.standardize = standardize
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def _n_phases(self) -> int:
        return 2 if self.objective in ("synthetic", "critic") else self.n_modules + 1

    def _learn(self, X: np.ndarray, target: np.ndarray, rng: np.random.Generator, progress: Progress) -> None:
        self.phases_ = []
        count = self.n_modules
        plans = plans_of(self.chain, X.shape[1], self._n_outputs, [self.depth] * count)
        parts = self._drawn("slot", plans, rng)
        parts["head"] = parts.pop(f"slot{count}")
        slots = tuple(f"slot{k}" for k in range(count))
        beside: tuple[str, ...] = ()
        if self.objective in ("auxiliary", "synthetic", "critic"):
            companions = self._drawn("beside", self._companions([parts[slot] for slot in slots], X.shape[1]), rng)
            beside = tuple(companions)
            parts |= companions
            if self.objective == "synthetic":  # no gradient is a better guess than a wrong one
                for name in beside:
                    for key in ("guess.weight", "guess.bias"):
                        parts[name].weights[key] = np.zeros_like(parts[name].weights[key])
        parts = self._run(self._stages(slots, beside), parts, X, target, rng, progress)
        self.companions_ = [parts[name] for name in beside]
        hidden = [parts[slot] for slot in slots]
        self._look_for_collapse(hidden, X)
        self.modules_ = [*hidden, self._head(parts["head"], hidden, X, target, rng, progress)]

    def _companions(self, hidden: list[Part], n_features: int) -> list[Plan]:
        """A classifier, or a predictor of gradients, for each hidden module."""
        plans: list[Plan] = []
        for k in range(len(hidden)):
            size = prod(shape_after(hidden[: k + 1], n_features))
            if self.objective == "synthetic":
                plans.append(
                    [
                        _linear("look", size + self._n_outputs, _COMPANION_WIDTH),
                        {"name": "relu", "kind": "ReLU"},
                        _linear("guess", _COMPANION_WIDTH, size),
                    ]
                )
            else:
                flat = {"name": "flat", "kind": "Flatten", "start_dim": 1, "end_dim": -1}
                plans.append([flat, _linear("output", size, self._n_outputs)])
        return plans

    def _stages(self, slots: tuple[str, ...], beside: tuple[str, ...]) -> list[list[Phase]]:
        """Hidden modules one after the other, or side by side."""
        objective, epochs = self.objective, self.module_epochs
        if objective in ("synthetic", "critic"):
            chain = (*slots, "head")
            phase = Phase("modules", (*chain, *beside), epochs, chain, loss=objective, companions=beside)
            return [[phase]]
        if objective == "auxiliary":
            return [
                [Phase(f"module{k}", (slot, beside[k]), epochs, (*slots[: k + 1], beside[k]))]
                for k, slot in enumerate(slots)
            ]
        proxy = "plain_alignment" if objective == "alignment" and not self.centred else objective
        return [[Phase(f"module{k}", (slot,), epochs, slots[: k + 1], loss=proxy)] for k, slot in enumerate(slots)]

    def _head(
        self, head: Part, hidden: list[Part], X: np.ndarray, target: np.ndarray, rng: Any, progress: Any = None
    ) -> Part:
        """Train the head on frozen modules, with all labels or few."""
        rows = np.arange(len(X))
        if self.head_per_class is not None:
            rows = _few(target, self.head_per_class, rng)
        steps = [-(-n // self._settings(n).batch_size) for n in (len(X), len(rows))]
        names = tuple(f"slot{k}" for k in range(len(hidden)))
        parts = dict(zip(names, hidden, strict=True)) | {"head": head}
        phase = Phase("head", ("head",), -(-self.head_epochs * steps[0] // steps[1]), (*names, "head"))
        return self._run([[phase]], parts, X[rows], target[rows], rng, progress)["head"]

    def _look_for_collapse(self, hidden: list[Part], X: np.ndarray) -> None:
        self.zero_rows_ = np.zeros(len(hidden))
        for k in range(len(hidden)):
            answers = hidden_answers(hidden[: k + 1], X)
            lengths = np.linalg.norm(answers, axis=1)
            alive = lengths > 1e-12
            self.zero_rows_[k] = 1.0 - alive.mean()
            mean = (answers[alive] / lengths[alive, None]).mean(axis=0) if alive.any() else np.zeros(1)
            if self.zero_rows_[k] > _ZERO_ROWS:
                found = f"no unit is active for {self.zero_rows_[k]:.0%} of the rows"
            elif len(X) > 1 and mean @ mean > _ALL_ALIKE:
                found = "all rows get nearly the same answer"
            else:
                continue
            warnings.warn(
                f"{type(self).__name__}: objective={self.objective!r} has collapsed in slot {k}: {found}. Pass "
                "objective='alignment', or a chain with batch normalisation such as DenseChain(batch_norm=True).",
                CollapseWarning,
                stacklevel=6,
            )

    # what one does with a fitted net

    def with_head(
        self, X: ArrayLike, y: ArrayLike, *, epochs: int | None = None, random_state: Any = None
    ) -> "LocalModuleClassifier":
        """Train another head on the frozen modules: for few labels, or for other classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of any kind; they need not be those of the fit.
        epochs : int >= 1 or None, default=None
            Passes over these rows; None takes `head_epochs`.
        random_state : int, RandomState, Generator or None, default=None
            Source of start weights and batches.

        Returns
        -------
        estimator : LocalModuleClassifier
            A fitted copy whose hidden modules are the same.
        """
        check_is_fitted(self)
        count = self.head_epochs if epochs is None else epochs
        validate("LocalModuleClassifier.with_head", {"epochs": count}, {"epochs": (integer(1),)})
        changed = copy(self)
        changed.head_epochs, changed.head_per_class = int(count), None
        check_X(self, X)
        rows, labels = check_X_classes(copy(self), X, y)
        changed.classes_, codes = np.unique(labels, return_inverse=True)
        if len(changed.classes_) < 2:
            raise InputDataError("LocalModuleClassifier.with_head: y holds one class. Pass rows of two or more.")
        changed._n_outputs, changed.companions_ = len(changed.classes_), []
        rng = check_rng(random_state)
        with one_thread():
            plan = plans_of(self.chain, self.n_features_in_, changed._n_outputs, [self.depth] * self.n_modules)[-1]
            (head,) = self._drawn("head", [plan], rng).values()
            hidden = self.modules_[:-1]
            changed.modules_ = [*hidden, changed._head(head, hidden, self._standardised(rows), codes, rng)]
        changed.head_epochs, changed.head_per_class = self.head_epochs, self.head_per_class
        return changed

    def staged_predict(self, X: ArrayLike) -> Iterator[np.ndarray]:
        """Predict at each exit: the classifier on each hidden module, then the head.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Yields
        ------
        y : ndarray of shape (n_samples,)

        Raises
        ------
        ParameterError
            When the objective makes no classifiers on hidden modules.
        """
        check_is_fitted(self)
        if self.objective not in ("auxiliary", "critic") or not self.companions_:
            raise ParameterError(
                f"LocalModuleClassifier.staged_predict: objective={self.objective!r} makes no early exits. "
                "Pass 'auxiliary' or 'critic'."
            )
        rows = check_X(self, X)
        for k, beside in enumerate(self.companions_):
            yield self.classes_[self._answers(rows, [*self.modules_[: k + 1], beside]).argmax(axis=1)]
        yield self.predict(X)


def _linear(name: str, inputs: int, outputs: int) -> dict[str, Any]:
    return {"name": name, "kind": "Linear", "in_features": inputs, "out_features": outputs, "bias": True}


def _few(target: np.ndarray, per_class: int, rng: np.random.Generator) -> np.ndarray:
    """So many rows of each class, in their order; all of a class that has fewer."""
    chosen = [rng.permutation(np.flatnonzero(target == code))[:per_class] for code in np.unique(target)]
    return np.sort(np.concatenate(chosen))
