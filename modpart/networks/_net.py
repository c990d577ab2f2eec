"""What the modular classifier and regressor share: build a net, train it with any modularity, keep arrays."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from modpart._base import Estimator
from modpart._utils.parallel import one_thread
from modpart._utils.params import Rule, boolean, integer, nothing, number, one_of, where
from modpart._utils.progress import Progress, with_callbacks
from modpart._utils.seeds import check_rng, child_seeds
from modpart.exceptions import ParameterError
from modpart.networks._bimt import Bimt
from modpart.networks._blocks import HardBlocks
from modpart.networks._clusterable import Clusterable
from modpart.networks._cut import Weights, ungated
from modpart.networks._gates import MwT, NeMo
from modpart.networks._moda import Moda
from modpart.networks._modularity import Modularity, Recipe, Training, no_single_row
from modpart.networks._plan import Plan, wire_up

__all__ = ["PRESETS", "ModularNet", "new_net"]

PRESETS: dict[str, type[Modularity]] = {
    "bimt": Bimt,
    "blocks": HardBlocks,
    "clusterability": Clusterable,
    "moda": Moda,
    "mwt": MwT,
    "nemo": NeMo,
}


def _is_method(value: Any) -> bool:
    return isinstance(value, Modularity) or (isinstance(value, str) and value in PRESETS)


class ModularNet(Estimator):
    """Parameters, training and stored net of both estimators."""

    _task: ClassVar[str]
    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {
        "modularity": (
            nothing,
            one_of(*PRESETS),
            where("an object such as Moda()", lambda value: isinstance(value, Modularity)),
            where(
                "a list of such", lambda value: isinstance(value, list) and bool(value) and all(map(_is_method, value))
            ),
        ),
        "module": (
            nothing,
            where("a torch module", lambda value: hasattr(value, "state_dict") and hasattr(value, "forward")),
            where("a function of n_features and n_outputs that makes one", callable),
        ),
        "hidden_layer_sizes": (
            where(
                "a sequence of integers >= 1",
                lambda value: isinstance(value, Sequence | np.ndarray) and all(map(integer(1).accepts, value)),
            ),
        ),
        "activation": (one_of("relu", "silu", "tanh"),),
        "standardize": (boolean,),
        "optimizer": (
            one_of("auto", "adam", "sgd"),
            where("a class of torch.optim", lambda value: isinstance(value, type) and hasattr(value, "step")),
        ),
        "lr": (one_of("auto"), number(0, open_low=True)),
        "max_epochs": (one_of("auto"), integer(1)),
        "batch_size": (one_of("auto"), integer(1)),
        "weight_decay": (number(0),),
        "callbacks": (nothing, where("a list of skorch callbacks", lambda value: isinstance(value, list | tuple))),
        "device": (one_of("auto", "cpu", "cuda"),),
        "verbose": (boolean, integer(0)),
    }

    # training

    @with_callbacks
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train the net, and find its modules where they belong to classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or, for numbers, (n_samples, n_outputs)
            Numbers for a regressor, and class labels of any kind for a classifier.

        Returns
        -------
        self : same type
        """
        self._check_params()
        rng = check_rng(self.random_state)
        X, y, target = self._checked_rows(X, y)
        for found in ("partition_", "layout_"):
            self.__dict__.pop(found, None)
        import modpart._torch.modular_net  # noqa: F401  one_thread holds torch to one thread only when it is loaded

        with one_thread():
            self._learn(self._standardise_by(X), target, rng, (X, y))
        return self

    def _checked_rows(self, X: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """X and y as arrays, and what the net is trained to answer."""
        raise NotImplementedError

    def _learn(self, X: np.ndarray, target: np.ndarray, rng: np.random.Generator, given: tuple[Any, Any]) -> None:
        """Train on standardised rows; callbacks are shown `given`, the rows as they came."""
        raise NotImplementedError

    def _methods(self, n_classes: int | None) -> list[Modularity]:
        """The modularity as a list of objects whose parameters are checked."""
        given = self.modularity
        if given is None:
            return []
        several = given if isinstance(given, list) else [given]
        methods = [PRESETS[one]() if isinstance(one, str) else one for one in several]
        if len(methods) > 1 and any(method.gated for method in methods):
            raise ParameterError(f"modularity={given!r}: a method with gates stands alone. Pass it without the others.")
        if sum(method.clustered for method in methods) > 1:
            raise ParameterError(f"modularity={given!r} makes clusters twice. Pass one method that does.")
        return [method._checked(n_classes) for method in methods]

    def _standardise_by(self, X: np.ndarray) -> np.ndarray:
        """Keep mean and scale of the columns, and return them standardised."""
        self.x_mean_, self.x_scale_ = np.zeros(X.shape[1]), np.ones(X.shape[1])
        if self.standardize:
            self.x_mean_, spread = X.mean(axis=0), X.std(axis=0)
            self.x_scale_ = np.where(spread > 1e-12 * np.abs(self.x_mean_), spread, 1.0)
            self.x_scale_[self.x_scale_ == 0.0] = 1.0
        return (X - self.x_mean_) / self.x_scale_

    def _train(
        self, X: np.ndarray, target: np.ndarray, n_outputs: int, n_classes: int | None, rng: Any, given: tuple[Any, Any]
    ) -> Training:
        """Train on standardised data and keep the net; return what the methods joined."""
        from modpart._torch.init import new_generator, own_randomness
        from modpart._torch.modular_net import CrossEntropy
        from modpart._torch.nets import MeanSquaredError

        methods = self._methods(n_classes)
        recipe = self._recipe(methods, len(X))
        seed, seed_of_module = child_seeds(rng, 2)
        with own_randomness(seed_of_module if self.module is not None else None):
            plan, weights = new_net(self, X.shape[1], n_outputs, new_generator(seed))
            n_batches = 1 if recipe.batch_size == -1 else -(-len(X) // recipe.batch_size)
            n_steps = recipe.max_epochs * n_batches
            training = Training(
                type(self).__name__, plan, weights, n_classes, rng, self._torch_device(), n_steps, n_batches == 1
            )
            training.taps = _relus(self, plan)
            self.plan_ = plan
            _check_answer(self, self._rebuilt(weights), X, n_outputs)
            for method in methods:
                method.join(training)
            self.plan_ = training.plan
            module = self._rebuilt(training.weights)
            for name, parameter in module.named_parameters():
                parameter.requires_grad_(ungated(name) not in self._frozen)
            criterion = MeanSquaredError if n_classes is None else CrossEntropy
            progress = Progress(self, given[0], given[1], total=recipe.max_epochs)
            net = self._net(module, training, recipe, criterion, new_generator(seed + 1), progress, X, target)
        self.weights_ = self._weights_of(net)
        self.loss_curve_ = np.array([epoch["train_loss"] for epoch in net.history_])
        self.n_iter_ = len(self.loss_curve_)
        if not (np.isfinite(self.loss_curve_).all() and all(np.isfinite(w).all() for w in self.weights_.values())):
            raise ParameterError(
                f"{type(self).__name__}: training diverged with lr={self.lr!r}: the loss or the weights are no longer "
                f"finite after {self.n_iter_} epochs. Lower lr (the method's own is {recipe.lr:g}), or pass "
                "standardize=True."
            )
        for name, value in training.found.items():
            setattr(self, name, value)
        progress.finish()
        return training

    def _net(
        self,
        module: Any,
        training: Training,
        recipe: Recipe,
        criterion: Any,
        generator: Any,
        progress: Progress,
        X: np.ndarray,
        target: np.ndarray,
    ) -> Any:
        from modpart._torch import modular_net
        from modpart._torch.callbacks import ReportEpochs
        from modpart._torch.nets import make_net

        settings: dict[str, Any] = {}
        optimizer: Any = recipe.optimizer
        if optimizer == "sgd":
            import torch

            optimizer = torch.optim.SGD
            settings = {"optimizer__momentum": 0.9, "optimizer__nesterov": True}
        with modular_net.listening(module, list(training.taps) if training.terms else []) as heard:
            net = make_net(
                module,
                net_class=modular_net.ModularNet,
                terms=training.terms,
                steps=training.steps,
                heard=heard,
                n_steps=training.n_steps,
                cosine=recipe.cosine,
                criterion=criterion,
                generator=generator,
                optimizer=optimizer,
                lr=recipe.lr,
                weight_decay=self.weight_decay,
                max_epochs=recipe.max_epochs,
                batch_size=recipe.batch_size,
                callbacks=[
                    ReportEpochs(progress, lambda net: {"weights_": self._weights_of(net)}),
                    *(self.callbacks or []),
                ],
                device=training.device,
                **settings,
            ).initialize()
            if training.zeros:
                net.keep_zero(training.zeros)
            return net.partial_fit(X, target)

    def _recipe(self, methods: list[Modularity], n_samples: int) -> Recipe:
        """The first method's recipe with what the user says in its place."""
        own = methods[0].recipe if methods else Moda.recipe if self._task == "classification" else Recipe()
        batch = min(own.batch_size, max(16, n_samples // 10)) if self.batch_size == "auto" else self.batch_size
        return Recipe(
            optimizer=own.optimizer if self.optimizer == "auto" else self.optimizer,
            lr=own.lr if self.lr == "auto" else float(self.lr),
            batch_size=no_single_row(n_samples, int(batch)),
            max_epochs=own.max_epochs if self.max_epochs == "auto" else int(self.max_epochs),
            cosine=own.cosine and self.optimizer == "auto",
        )

    # the stored net

    def _torch_device(self) -> Any:
        from modpart._torch.device import resolve_device

        return resolve_device(self.device)

    def _weights_of(self, net: Any) -> Weights:
        from modpart._torch.state import to_numpy

        return to_numpy(net.module_)

    def _rebuilt(self, weights: Weights) -> Any:
        """The torch module of these weights."""
        from modpart._torch.plans import build
        from modpart._torch.state import load_numpy

        if self.plan_ is not None:
            return build(self.plan_, weights)
        module = self._opaque()
        load_numpy(module, weights)
        return module

    def _opaque(self) -> Any:
        """A module of the user's own kind; what weights it starts with does not matter."""
        from modpart._torch.init import own_randomness

        if hasattr(self.module, "state_dict"):
            return deepcopy(self.module)
        with own_randomness(0):
            return self.module(self._sizes[0], self._sizes[1])

    def _answers(self, X: np.ndarray) -> np.ndarray:
        """Outputs (n, n_outputs) for checked rows, float64."""
        from modpart._torch.plans import forward

        rows = (X - self.x_mean_) / self.x_scale_
        return forward(self._rebuilt(self.weights_), rows, self._torch_device(), _precision(self.plan_))


def new_net(owner: ModularNet, n_features: int, n_outputs: int, generator: Any) -> tuple[Plan | None, Weights]:
    """Plan (None for a module that is no chain of known layers) and start weights of a new net."""
    from modpart._torch.plans import describe, draw_mlp
    from modpart._torch.state import to_numpy

    owner._sizes, owner._frozen = (n_features, n_outputs), []
    if owner.module is None:
        return draw_mlp([n_features, *owner.hidden_layer_sizes, n_outputs], owner.activation, generator)
    made = owner.module if hasattr(owner.module, "state_dict") else owner.module(n_features, n_outputs)
    if not hasattr(made, "state_dict"):
        raise ParameterError(
            f"module={owner.module!r} returned {made!r}. It must return a torch module for (n_features, n_outputs)."
        )
    owner._frozen = [name for name, value in made.named_parameters() if not value.requires_grad]
    return describe(made), to_numpy(made)


def _precision(plan: Plan | None) -> Any:
    """float64 for layers that we know, float32 for what a user's own module may do inside."""
    import torch

    return torch.float32 if plan is None else torch.float64


def _relus(owner: ModularNet, plan: Plan | None) -> dict[str, str]:
    """Layers to listen to, and the group of units that each shows; of an unknown module, all of its nn.ReLU."""
    if plan is not None:
        try:
            return wire_up(plan).listeners
        except ParameterError:
            pass
    from torch import nn

    module = owner._opaque()
    return {name: name for name, layer in module.named_modules() if isinstance(layer, nn.ReLU)}


def _check_answer(owner: ModularNet, module: Any, X: np.ndarray, n_outputs: int) -> None:
    """Raise unless the module takes the rows and answers one column for each output."""
    from modpart._torch.plans import forward

    try:
        answer = forward(module, X[:2], dtype=_precision(owner.plan_))
    except (RuntimeError, ValueError, TypeError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(
            f"module={owner.module!r} cannot take rows of {X.shape[1]} features: {error}. "
            "An image net begins with nn.Unflatten(1, (channels, height, width))."
        ) from error
    if answer.shape[1] != n_outputs:
        raise ParameterError(
            f"module={owner.module!r} answers {answer.shape[1]} columns where {n_outputs} are needed, one for each "
            f"{'class' if owner._task == 'classification' else 'output'}. Let its last layer have {n_outputs} outputs."
        )
