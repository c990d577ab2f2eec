"""Deep Incubation: each module of a net is trained inside a small frozen net of the same shape, then all are joined."""

from copy import copy
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from modpart._utils.parallel import one_thread
from modpart._utils.params import Rule, integer, number, one_of, validate
from modpart._utils.progress import Progress
from modpart._utils.seeds import check_rng
from modpart.exceptions import ParameterError
from modpart.networks._plan import Plan
from modpart.networks._schedule.chains import Chain, plans_of
from modpart.networks._schedule.estimator import ChainClassifier, ChainNet, ChainRegressor
from modpart.networks._schedule.grow import grown
from modpart.networks._schedule.module import ChainModule
from modpart.networks._schedule.parts import Part, check_fits
from modpart.networks._schedule.phase import Phase

__all__ = ["IncubatedClassifier", "IncubatedRegressor", "Incubation", "joined_slots"]


def joined_slots(plans: list[Plan]) -> list[Plan]:
    """Hidden slots of a chain, the last one with the head."""
    return [*plans[:-2], plans[-2] + [{"name": "head", "kind": "Sequential", "layers": plans[-1]}]]


def _inside(chain: tuple[str, ...], slot: int, epochs: int) -> Phase:
    """One module learns in its slot of a chain that is frozen."""
    own = f"module{slot}"
    return Phase(own, (own,), epochs, (*chain[:slot], own, *chain[slot + 1 :]))


class Incubation(ChainNet):
    """Parameters, schedule and surgery of both estimators."""

    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = ChainNet._rules | {
        "depth": (integer(1),),
        "meta_depth": (integer(1),),
        "start": (one_of("meta", "random"),),
        "meta_epochs": (integer(1),),
        "module_epochs": (integer(1),),
        "finetune_epochs": (integer(0),),
        "label_smoothing": (number(0, 1, open_high=True),),
    }

    def _n_phases(self) -> int:
        return 1 + self.n_modules + (self.finetune_epochs > 0)

    def _slots(self, depth: int, n_features: int) -> list[Plan]:
        return joined_slots(plans_of(self.chain, n_features, self._n_outputs, [depth] * self.n_modules))

    def _settings(self, n_rows: int, **changes: Any) -> Any:
        return super()._settings(n_rows, label_smoothing=float(self.label_smoothing), **changes)

    def _learn(self, X: np.ndarray, target: np.ndarray, rng: np.random.Generator, progress: Progress) -> None:
        self.phases_ = []
        parts = self._drawn("meta", self._slots(self.meta_depth, X.shape[1]), rng)
        meta = tuple(parts)
        parts = self._run([[Phase("meta", meta, self.meta_epochs, meta)]], parts, X, target, rng, progress)
        self.meta_ = [parts[name] for name in meta]
        parts |= self._started(self._slots(self.depth, X.shape[1]), rng)
        stage = [_inside(meta, slot, self.module_epochs) for slot in range(self.n_modules)]
        parts = self._run([stage], parts, X, target, rng, progress)
        self.incubated_ = [parts[f"module{slot}"] for slot in range(self.n_modules)]
        self.modules_ = list(self.incubated_)
        if self.finetune_epochs:
            self._fine_tune(X, target, self.finetune_epochs, rng, progress)

    def _started(self, plans: list[Plan], rng: np.random.Generator) -> dict[str, Part]:
        """New modules of all slots as they are before they learn."""
        parts = self._drawn("module", plans, rng)
        if self.start == "random":
            return parts
        pairs = zip(parts.items(), self.meta_, strict=True)
        return {name: grown(part, small) for (name, part), small in pairs}

    def _fine_tune(self, X: np.ndarray, target: np.ndarray, epochs: int, rng: Any, progress: Any = None) -> None:
        names = tuple(f"module{slot}" for slot in range(self.n_modules))
        parts = dict(zip(names, self.modules_, strict=True))
        parts = self._run([[Phase("fine-tuning", names, epochs, names)]], parts, X, target, rng, progress)
        self.modules_ = [parts[name] for name in names]

    # what one does with modules

    def _slot(self, slot: Any) -> int:
        if not integer(0, self.n_modules - 1).accepts(slot):
            raise ParameterError(
                f"{type(self).__name__}: slot={slot!r} must be an integer from 0 to {self.n_modules - 1}."
            )
        return int(slot)

    def get_module(self, slot: int) -> ChainModule:
        """Take a copy of what stands in a slot.

        Parameters
        ----------
        slot : int
            From 0.

        Returns
        -------
        module : ChainModule
            Plain data; ``modpart.io.save`` writes it.
        """
        check_is_fitted(self)
        part = self.modules_[self._slot(slot)]
        return ChainModule(int(slot), part.plan, part.weights)

    def replace(self, slot: int, module: ChainModule) -> Self:
        """Put another module into a slot.

        Parameters
        ----------
        slot : int
            From 0.
        module : ChainModule
            Of the same slot of this net or of another with the same meta net, of any depth.

        Returns
        -------
        estimator : same type
            A fitted copy in which nothing but this slot has changed.

        Raises
        ------
        ParameterError
            When the module does not fit the slot; the message names it.
        """
        check_is_fitted(self)
        place = self._slot(slot)
        if not isinstance(module, ChainModule):
            raise ParameterError(f"Slot {slot}: module={module!r} is no ChainModule. Pass one from get_module.")
        changed = copy(self)
        changed.modules_ = list(self.modules_)
        changed.modules_[place] = module._part()
        check_fits(place, changed.modules_, self.n_features_in_, self._n_outputs)
        return changed

    def assembled(self) -> Self:
        """Put the incubated modules together as they were before fine-tuning.

        Returns
        -------
        estimator : same type
            A fitted copy.
        """
        check_is_fitted(self)
        changed = copy(self)
        changed.modules_ = list(self.incubated_)
        return changed

    def incubate(
        self,
        slot: int,
        X: ArrayLike,
        y: ArrayLike,
        *,
        depth: int | None = None,
        epochs: int | None = None,
        within: Literal["meta", "modules"] = "meta",
        random_state: Any = None,
    ) -> Self:
        """Train a new module for one slot; it starts as `start` says.

        Parameters
        ----------
        slot : int
            From 0.
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        depth : int >= 1 or None, default=None
            Blocks of the new module; None takes those of the fit.
        epochs : int >= 1 or None, default=None
            None takes `module_epochs`.
        within : {"meta", "modules"}, default="meta"
            The frozen net that it learns in: the meta net, whose modules fit one another, or the net as it is now.
        random_state : int, RandomState, Generator or None, default=None

        Returns
        -------
        estimator : same type
            A fitted copy in which nothing but this slot has changed.
        """
        check_is_fitted(self)
        place = self._slot(slot)
        values = {"depth": depth or self.depth, "epochs": epochs or self.module_epochs}
        validate(f"{type(self).__name__}.incubate", values, {"depth": (integer(1),), "epochs": (integer(1),)})
        if within not in ("meta", "modules"):
            raise ParameterError(f"within={within!r} is not valid. within must be 'meta' or 'modules'.")
        rows, target = self._target(X, y)
        changed, rng = copy(self), check_rng(random_state)
        frozen = self.meta_ if within == "meta" else self.modules_
        chain = tuple(f"{within}{k}" for k in range(self.n_modules))
        with one_thread():
            plans = self._slots(values["depth"], self.n_features_in_)
            parts = dict(zip(chain, frozen, strict=True)) | self._started(plans, rng)
            parts = changed._run([[_inside(chain, place, values["epochs"])]], parts, rows, target, rng)
        changed.modules_, changed.incubated_ = list(self.modules_), list(self.incubated_)
        changed.modules_[place] = parts[f"module{place}"]
        if within == "meta":
            changed.incubated_[place] = parts[f"module{place}"]
        return changed

    def fine_tune(self, X: ArrayLike, y: ArrayLike, *, epochs: int | None = None, random_state: Any = None) -> Self:
        """Train all modules together for some more epochs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        epochs : int >= 1 or None, default=None
            None takes `finetune_epochs`, at least 1.
        random_state : int, RandomState, Generator or None, default=None

        Returns
        -------
        estimator : same type
            A fitted copy.
        """
        check_is_fitted(self)
        count = max(self.finetune_epochs, 1) if epochs is None else epochs
        validate(f"{type(self).__name__}.fine_tune", {"epochs": count}, {"epochs": (integer(1),)})
        rows, target = self._target(X, y)
        changed = copy(self)
        with one_thread():
            changed._fine_tune(rows, target, int(count), check_rng(random_state))
        return changed

    def phase_scores(self, X: ArrayLike, y: ArrayLike) -> list[dict[str, Any]]:
        """Score what each phase made: accuracy, or R2.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)

        Returns
        -------
        scores : list of dict
            With `name` ("meta", each module inside the meta net, "assembled", "fine-tuned") and `score`.
        """
        check_is_fitted(self)
        rows, target = self._target(X, y)
        chains = {"meta": self.meta_}
        for slot, part in enumerate(self.incubated_):
            chains[f"module{slot}"] = [*self.meta_[:slot], part, *self.meta_[slot + 1 :]]
        chains |= {"assembled": self.incubated_, "fine-tuned": self.modules_}
        return [{"name": name, "score": self._score_of(chain, rows, target)} for name, chain in chains.items()]


class IncubatedClassifier(ChainClassifier, Incubation):
    """Train a deep classifier module by module, in parallel, with Deep Incubation.

    A small *meta* net, with few blocks in each slot, is trained end to end. Then every module of the deep net learns on
    its own: it stands in its slot of the frozen meta net, starts as what stood there, with further blocks that add
    nothing yet, and learns the task. Since all modules grew up with the same neighbours they fit one another, and put
    together they are the deep net; a few epochs of fine-tuning follow. Use it where modules shall be trained on
    different machines, replaced or grown one at a time. It does not make nets more accurate: after fine-tuning they are
    about as good as after end-to-end training, and with few rows worse.

    Parameters
    ----------
    chain : str, object or callable, default="residual"
        What a slot holds: "residual", "dense", "conv", "transformer"; an object such as ``ResidualChain(width=32)``;
        or a function of (n_features, n_outputs, depths) that returns a torch module for each hidden slot and one for
        the head, an ``nn.Sequential`` of layers of torch.nn and :class:`Residual` each. Its start weights are drawn
        anew from `random_state`.
    n_modules : int >= 1, default=4
        Slots. The first one also holds what comes before the blocks, the last one the head.
    depth : int >= 1, default=4
        Blocks of a module.
    meta_depth : int >= 1, default=1
        Blocks in a slot of the meta net.
    start : {"meta", "random"}, default="meta"
        How modules start: as what stands in their slot of the meta net, with further residual blocks that add nothing
        yet; or, as in the paper, from random weights.
    meta_epochs : int >= 1, default=12
        Passes over the rows for the meta net.
    module_epochs : int >= 1, default=10
        Passes for each module.
    finetune_epochs : int >= 0, default=10
        Passes for all modules together, at the end.
    label_smoothing : float in [0, 1), default=0.1
        Share of each label that is spread over all classes.
    standardize : bool, default=True
        Whether columns are standardised first; constant ones are only centred.
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
    modules_ : list of Part
        What stands in each slot now: `plan` and `weights`.
    incubated_ : list of Part
        The modules before fine-tuning.
    meta_ : list of Part
        The meta net.
    phases_ : list of dict
        For each phase its `name`, `stage`, slots `trained` and `frozen`, `epochs`, `n_steps`, `seconds` (of them
        `cache_seconds` for the answers of frozen slots), `seed` and `loss_curve`.
    critical_path_ : float
        Seconds with a worker for each module.
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

    See Also
    --------
    ModuleDistiller : Smaller modules that learn from these.
    LocalModuleClassifier : Modules that need no later ones to learn.

    Notes
    -----
    A module only sees rows through the slots before it, which are frozen: what they answer is computed once. Frozen
    slots are in evaluation mode, have no gradients and are not in the optimiser. The paper trains 100 to 300 epochs on
    images with augmentation, which rules such a cache out. With m blocks in a slot of the meta net, d in a module and K
    slots the cache saves (K - 1) m / (6 d + 3 (K - 1) m) of the work of all modules, less than a third in any case, and
    nothing of the first one.

    The paper's modules start at random. With ``start="meta"`` a module takes over the layers that its slot of the meta
    net has too, and its other residual blocks end with a layer of zeros, so that it answers as that slot does until it
    learns (Net2Net [2]_). New layers of other kinds, such as those of a "dense" chain, start at random.

    References
    ----------
    .. [1] Ni et al., "Deep Incubation: Training Large Models by Divide-and-Conquering", ICCV 2023, arXiv:2212.04129.
    .. [2] Chen, Goodfellow, Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016,
       arXiv:1511.05641.

    Examples
    --------
    >>> from modpart.networks import IncubatedClassifier, ResidualChain
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> settings = {"meta_epochs": 10, "module_epochs": 5, "finetune_epochs": 2, "lr": 5e-3, "random_state": 0}
    >>> model = IncubatedClassifier(ResidualChain(16), n_modules=2, depth=2, **settings).fit(X, y)
    >>> bool(model.score(X, y) > 0.85), [phase["name"] for phase in model.phases_]
    (True, ['meta', 'module0', 'module1', 'fine-tuning'])
    """

    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = Incubation._rules

    def __init__(
        self,
        chain: str | Chain | Any = "residual",
        *,
        n_modules: int = 4,
        depth: int = 4,
        meta_depth: int = 1,
        start: Literal["meta", "random"] = "meta",
        meta_epochs: int = 12,
        module_epochs: int = 10,
        finetune_epochs: int = 10,
        label_smoothing: float = 0.1,
        standardize: bool = True,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        batch_size: Literal["auto"] | int = "auto",
        callbacks: list[Any] | None = None,
        n_jobs: int | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.chain = chain
        self.n_modules = n_modules
        self.depth = depth
        self.meta_depth = meta_depth
        self.start = start
        self.meta_epochs = meta_epochs
        self.module_epochs = module_epochs
        self.finetune_epochs = finetune_epochs
        self.label_smoothing = label_smoothing
        self.standardize = standardize
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.device = device
        self.random_state = random_state
        self.verbose = verbose


class IncubatedRegressor(ChainRegressor, Incubation):
    """Train a deep regressor module by module, in parallel, with Deep Incubation.

    As :class:`IncubatedClassifier`, with the squared error of a standardised target.

    Parameters
    ----------
    chain : str, object or callable, default="residual"
        What a slot holds, as in :class:`IncubatedClassifier`.
    n_modules : int >= 1, default=4
        Slots. The first one also holds what comes before the blocks, the last one the head.
    depth : int >= 1, default=4
        Blocks of a module.
    meta_depth : int >= 1, default=1
        Blocks in a slot of the meta net.
    start : {"meta", "random"}, default="meta"
        How modules start, as in :class:`IncubatedClassifier`.
    meta_epochs : int >= 1, default=12
        Passes over the rows for the meta net.
    module_epochs : int >= 1, default=10
        Passes for each module.
    finetune_epochs : int >= 0, default=10
        Passes for all modules together, at the end.
    standardize : bool, default=True
        Whether columns are standardised first. The target always is.
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
    modules_, incubated_, meta_ : list of Part
        What stands in each slot now, what did before fine-tuning, and the meta net: `plan` and `weights`.
    phases_ : list of dict
        What each phase did, as in :class:`IncubatedClassifier`.
    critical_path_ : float
        Seconds with a worker for each module.
    plan_, weights_ : list of dict, dict of str to ndarray
        The whole net, for a standardised target.
    x_mean_, x_scale_ : ndarray of shape (n_features,)
    y_mean_, y_scale_ : ndarray of shape (n_outputs,)
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X had names for all columns.

    Raises
    ------
    ParameterError
        When an argument is out of range, a chain cannot be cut (the message names the slot), or a phase diverged.
    InputDataError
        When X or y cannot be used; the message names the column.

    See Also
    --------
    IncubatedClassifier : The same for classes.

    References
    ----------
    .. [1] Ni et al., "Deep Incubation: Training Large Models by Divide-and-Conquering", ICCV 2023, arXiv:2212.04129.

    Examples
    --------
    >>> import numpy as np
    >>> from modpart.networks import IncubatedRegressor, ResidualChain
    >>> X = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    >>> y = X[:, 0] + X[:, 1] ** 2
    >>> settings = {"meta_epochs": 10, "module_epochs": 5, "finetune_epochs": 5, "lr": 5e-3, "random_state": 0}
    >>> model = IncubatedRegressor(ResidualChain(16), n_modules=2, depth=1, **settings).fit(X, y)
    >>> bool(model.score(X, y) > 0.8)
    True
    """

    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {
        name: rule for name, rule in Incubation._rules.items() if name != "label_smoothing"
    }
    label_smoothing: ClassVar[float] = 0.0

    def __init__(
        self,
        chain: str | Chain | Any = "residual",
        *,
        n_modules: int = 4,
        depth: int = 4,
        meta_depth: int = 1,
        start: Literal["meta", "random"] = "meta",
        meta_epochs: int = 12,
        module_epochs: int = 10,
        finetune_epochs: int = 10,
        standardize: bool = True,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        batch_size: Literal["auto"] | int = "auto",
        callbacks: list[Any] | None = None,
        n_jobs: int | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.chain = chain
        self.n_modules = n_modules
        self.depth = depth
        self.meta_depth = meta_depth
        self.start = start
        self.meta_epochs = meta_epochs
        self.module_epochs = module_epochs
        self.finetune_epochs = finetune_epochs
        self.standardize = standardize
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
