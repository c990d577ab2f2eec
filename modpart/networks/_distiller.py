"""Module-to-module distillation: a small module learns in the place of a teacher's, inside the same meta net."""

from collections.abc import Mapping
from copy import copy, deepcopy
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X, check_X_classes
from modpart._utils.params import Rule, boolean, integer, nothing, number, one_of, where
from modpart._utils.progress import Progress, with_callbacks
from modpart._utils.seeds import check_rng, seed_nested
from modpart.exceptions import InputDataError, ParameterError
from modpart.networks._incubated import IncubatedClassifier, joined_slots
from modpart.networks._schedule.chains import Chain, chain_object, plans_of
from modpart.networks._schedule.estimator import ChainClassifier
from modpart.networks._schedule.parts import Part, check_fits, drawn
from modpart.networks._schedule.phase import Phase

__all__ = ["ModuleDistiller"]


class ModuleDistiller(ChainClassifier):
    """Distil a deep modular net into a smaller one module by module, with m2mKD.

    The teacher was incubated: its modules grew up in a small meta net. Each of the student's modules takes the place of
    a teacher's module in that frozen meta net and learns to bring about the same answers, all of them in parallel. Put
    together they start a fine-tuning of the whole student. They are good starting points and poor nets as they are.

    Parameters
    ----------
    teacher : IncubatedClassifier, FrozenEstimator or None, default=None
        A ``FrozenEstimator`` around a fitted teacher uses it as it is; an unfitted one is trained first; None trains
        one with default settings.
    chain : str, object, callable or None, default=None
        What a student's slot holds, as in :class:`IncubatedClassifier`; None takes the teacher's. If it passes on more
        or fewer numbers than the teacher's, *stitches* (a LayerNorm and a Linear layer before, a Linear layer after)
        join the module to the meta net. They are dropped afterwards.
    depth : int >= 1, default=2
        Blocks of a student's module.
    alpha : float from 0 to 1, default=0.5
        Weight of the teacher; the rest is that of the labels.
    temperature : float > 0, default=1.0
        By which logits are divided before they are compared; the distance is multiplied by its square.
    reduction : {"batchmean", "mean"}, default="batchmean"
        Whether the distance is averaged over rows, or over rows and classes, as the released code does: there alpha
        counts for one part in as many as there are classes.
    hard : bool, default=False
        Whether students learn the teacher's class instead of its probabilities.
    module_epochs : int >= 1, default=10
        Passes for each module.
    finetune_epochs : int >= 0, default=10
        Passes for the whole student, at the end, on the labels alone.
    label_smoothing : float in [0, 1), default=0.1
        Share of each label that is spread over all classes.
    lr : float > 0, default=1e-3
        Learning rate of AdamW; it falls along half a cosine in each phase.
    weight_decay : float >= 0, default=0.01
        Of AdamW, for all weights.
    batch_size : "auto" or int >= 1, default="auto"
        Rows per step; "auto" is 64, but no more than a tenth of the rows (and at least 16).
    callbacks : list of skorch callbacks or None, default=None
        They see the skorch net of each phase; with several workers each has its own copy.
    n_jobs : int or None, default=None
        Modules that learn at the same time; the result is the same to the last bit.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where training and prediction run.
    random_state : int, RandomState, Generator or None, default=None
        Source of start weights and batches.
    verbose : int >= 0, default=0
        Positive values print one line for each phase.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    teacher_ : IncubatedClassifier
        The fitted teacher, a copy.
    modules_ : list of Part
        What stands in each slot of the student: `plan` and `weights`.
    distilled_ : list of Part
        The modules before fine-tuning.
    stitches_ : dict of str to Part
        What joined modules to the meta net: "before1", "after1", ...; empty where they fit.
    phases_ : list of dict
        What each phase did, as in :class:`IncubatedClassifier`; a teacher's own phases stand in ``teacher_``.
    critical_path_ : float
        Seconds with a worker for each module, the teacher's training not counted.
    plan_, weights_ : list of dict, dict of str to ndarray
        The whole net.
    x_mean_, x_scale_ : ndarray of shape (n_features,)
        Those of the teacher.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X had names for all columns.

    Raises
    ------
    ParameterError
        When an argument is out of range, the teacher takes other columns or a student's module does not fit its slot of
        the meta net (the message names the slot), or a phase diverged.
    InputDataError
        When X or y cannot be used, or y holds a class that the teacher does not know.

    See Also
    --------
    IncubatedClassifier : The teacher.

    Notes
    -----
    The teacher's answers are computed once. The loss is (1 - alpha) CE + alpha T^2 KL(teacher || student).

    References
    ----------
    .. [1] Lo et al., "m2mKD: Module-to-Module Knowledge Distillation for Modular Transformers", TMLR 2024,
       arXiv:2402.16918.

    Examples
    --------
    >>> from modpart.networks import IncubatedClassifier, ModuleDistiller, ResidualChain
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> settings = {"meta_epochs": 10, "module_epochs": 5, "finetune_epochs": 2, "lr": 5e-3}
    >>> teacher = IncubatedClassifier(ResidualChain(16), n_modules=2, depth=2, **settings)
    >>> student = ModuleDistiller(teacher, chain=ResidualChain(8), depth=1, lr=5e-3, random_state=0).fit(X, y)
    >>> bool(student.score(X, y) > 0.85), sorted(student.stitches_)
    (True, ['after0', 'before1'])
    """

    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {
        name: rule for name, rule in ChainClassifier._rules.items() if name not in ("n_modules", "standardize")
    } | {
        "teacher": (
            nothing,
            where(
                "an IncubatedClassifier, or a FrozenEstimator around a fitted one",
                lambda value: isinstance(getattr(value, "estimator", value), IncubatedClassifier),
            ),
        ),
        "chain": (nothing, *ChainClassifier._rules["chain"]),
        "depth": (integer(1),),
        "alpha": (number(0, 1),),
        "temperature": (number(0, open_low=True),),
        "reduction": (one_of("batchmean", "mean"),),
        "hard": (boolean,),
        "module_epochs": (integer(1),),
        "finetune_epochs": (integer(0),),
        "label_smoothing": (number(0, 1, open_high=True),),
    }

    def __init__(
        self,
        teacher: Any = None,
        *,
        chain: str | Chain | Any = None,
        depth: int = 2,
        alpha: float = 0.5,
        temperature: float = 1.0,
        reduction: Literal["batchmean", "mean"] = "batchmean",
        hard: bool = False,
        module_epochs: int = 10,
        finetune_epochs: int = 10,
        label_smoothing: float = 0.1,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        batch_size: Literal["auto"] | int = "auto",
        callbacks: list[Any] | None = None,
        n_jobs: int | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.teacher = teacher
        self.chain = chain
        self.depth = depth
        self.alpha = alpha
        self.temperature = temperature
        self.reduction = reduction
        self.hard = hard
        self.module_epochs = module_epochs
        self.finetune_epochs = finetune_epochs
        self.label_smoothing = label_smoothing
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    def fit(self, X: ArrayLike, y: ArrayLike) -> "ModuleDistiller":
        """Train the teacher unless it is frozen, then the student.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels: numbers, strings or booleans.

        Returns
        -------
        self : ModuleDistiller
        """
        self._check_params()
        rng = check_rng(self.random_state)
        given, labels = X, y
        X, y = check_X_classes(self, X, y)
        if isinstance(self.teacher, FrozenEstimator):
            self.teacher_ = deepcopy(self.teacher.estimator)
            check_is_fitted(self.teacher_)
            _check_columns(self.teacher_.n_features_in_, X.shape[1])
            check_X(self.teacher_, given)
        else:
            made = IncubatedClassifier() if self.teacher is None else clone(self.teacher)
            if len(np.unique(y)) < 2:
                raise InputDataError(f"ModuleDistiller: y holds one class, {y[0]!r}. Pass rows of two classes or more.")
            self.teacher_ = seed_nested(made, rng).fit(given, labels)
        self.classes_ = self.teacher_.classes_
        strange = sorted(set(y.tolist()) - set(self.classes_.tolist()), key=repr)
        if strange:
            raise InputDataError(
                f"ModuleDistiller: y holds {strange[0]!r}, which the teacher does not know. Its classes are "
                f"{self.classes_.tolist()}."
            )
        self._fit_rows(X, np.searchsorted(self.classes_, y), len(self.classes_), True, (X, y), rng)
        return self

    def _n_phases(self) -> int:
        return int(self.teacher_.n_modules) + (self.finetune_epochs > 0)

    def _standardise_by(self, X: np.ndarray) -> np.ndarray:
        self.x_mean_, self.x_scale_ = self.teacher_.x_mean_, self.teacher_.x_scale_
        return self._standardised(X)

    def _settings(self, n_rows: int, **changes: Any) -> Any:
        return super()._settings(n_rows, label_smoothing=float(self.label_smoothing), **changes)

    def _learn(self, X: np.ndarray, target: np.ndarray, rng: np.random.Generator, progress: Progress) -> None:
        self.phases_ = []
        teacher, count = self.teacher_, self.teacher_.n_modules
        own = teacher.chain if self.chain is None else self.chain
        plans = joined_slots(plans_of(own, X.shape[1], self._n_outputs, [self.depth] * count))
        students = self._drawn("student", plans, rng)
        self.stitches_ = self._stitches(own, count, rng)
        parts = {f"meta{k}": part for k, part in enumerate(teacher.meta_)}
        parts |= {f"teacher{k}": part for k, part in enumerate(teacher.incubated_)}
        parts |= students | self.stitches_
        stage = [self._pair(slot, count) for slot in range(count)]
        for slot, phase in enumerate(stage):
            _check_pair(slot, phase, parts, X.shape[1], self._n_outputs)
        parts = self._run([stage], parts, X, target, rng, progress)
        names = tuple(students)
        self.stitches_ = {name: parts[name] for name in self.stitches_}
        self.distilled_ = [parts[name] for name in names]
        if self.finetune_epochs:
            whole = Phase("fine-tuning", names, self.finetune_epochs, names)
            parts = self._run([[whole]], {name: parts[name] for name in names}, X, target, rng, progress)
        self.modules_ = [parts[name] for name in names]

    def _stitches(self, own: Any, count: int, rng: np.random.Generator) -> dict[str, Part]:
        """New stitches of all slots; none before the first module, and none after the last one."""
        mine, other = chain_object(own), chain_object(self.teacher_.chain)
        if mine is None or other is None or own is self.teacher_.chain:
            return {}
        into, back = mine._stitches(other)
        plans = {f"before{slot}": into for slot in range(1, count)}
        plans |= {f"after{slot}": back for slot in range(count - 1)}
        seeds = rng.integers(2**31 - 1, size=len(plans))
        return {name: drawn(plan, int(seed)) for (name, plan), seed in zip(plans.items(), seeds, strict=True) if plan}

    def _pair(self, slot: int, count: int) -> Phase:
        """A student's module beside the teacher's one, in the same frozen meta net."""
        meta = [f"meta{k}" for k in range(count)]
        own = (f"before{slot}", f"student{slot}", f"after{slot}")
        learn = tuple(name for name in own if name in self.stitches_ or name.startswith("student"))
        options = {
            "alpha": float(self.alpha),
            "temperature": float(self.temperature),
            "reduction": self.reduction,
            "hard": bool(self.hard),
        }
        return Phase(
            f"student{slot}",
            learn,
            self.module_epochs,
            (*meta[:slot], *learn, *meta[slot + 1 :]),
            "distillation",
            options,
            (*meta[:slot], f"teacher{slot}", *meta[slot + 1 :]),
        )

    def assembled(self) -> "ModuleDistiller":
        """Put the student's modules together as they were before fine-tuning.

        Returns
        -------
        estimator : ModuleDistiller
            A fitted copy.
        """
        check_is_fitted(self)
        changed = copy(self)
        changed.modules_ = list(self.distilled_)
        return changed


def _check_columns(taken: int, given: int) -> None:
    if taken != given:
        raise ParameterError(
            f"Slot 0: the teacher's module takes {taken} columns, and X has {given}. Pass a teacher that was trained "
            "on the columns of X, or teacher=None."
        )


def _check_pair(slot: int, phase: Phase, parts: Mapping[str, Part], n_features: int, n_outputs: int) -> None:
    """Raise, naming the slot, unless the module with its stitches fits into the meta net."""
    before = phase.chain[: phase.chain.index(phase.train[0])]
    after = phase.chain[len(before) + len(phase.train) :]
    plan = [{"name": name, "kind": "Sequential", "layers": parts[name].plan} for name in phase.train]
    weights = {f"{name}.{key}": value for name in phase.train for key, value in parts[name].weights.items()}
    row = [*(parts[name] for name in before), Part(plan, weights), *(parts[name] for name in after)]
    check_fits(slot, row, n_features, n_outputs)
