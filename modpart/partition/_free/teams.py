"""Teams of equal experts for a free competition: clones of any scikit-learn estimator, or networks stacked into one."""

from math import ceil
from typing import Any, Protocol

import numpy as np
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.model_selection import KFold

from modpart._utils.seeds import seed_nested
from modpart.exceptions import ParameterError
from modpart.partition._classes import class_codes, cross_fitted, fit_classifier, log_losses
from modpart.partition._contest import Scaling
from modpart.partition._evidence.class_regimes import local_bids
from modpart.partition._free.nets import as_expert
from modpart.partition._mlp import MLPExpert
from modpart.partition._rows import answer, fit_rows

__all__ = ["ClassifierTeam", "EstimatorTeam", "SquaredErrors", "StackedTeam", "Team", "make_team", "normal_density"]

FOLDS = 3
ERROR_FLOOR = 1e-3  # of var(y)
WARM_STEPS, ROUND_STEPS = 150, 10  # of all rows at once; a step of a mini-batch is worth a tenth


class Team(Protocol):
    """Experts 0 ... K - 1 that learn labelled training rows."""

    def train(self, labels: np.ndarray) -> None:
        """Train expert k on the rows with label k; labels beyond the last expert bring new ones."""

    def errors(self) -> np.ndarray:
        """Error of every expert on every training row, shape (n_samples, K).

        It is squared, in units of var(y), the mean over outputs; or the log loss in nats.
        """

    def losses(self, X: np.ndarray, y: np.ndarray, scaling: Scaling) -> np.ndarray:
        """The same for new rows in original units, squared errors in the units of `scaling`, shape (n_samples, K)."""

    def density(self, errors: np.ndarray, learned: np.ndarray, labels: np.ndarray, near: np.ndarray) -> np.ndarray:
        """Log predictive density of rows under every expert, shape (n_samples, K).

        `errors` are theirs; `learned` and `labels` the errors and holders of the training rows, and `near` says which
        of these are nearest to each row.
        """

    def keep(self, experts: np.ndarray) -> None:
        """Keep these experts, in this order, and forget the others."""

    def experts(self, labels: np.ndarray) -> list[Any]:
        """Fitted experts, one for each label, that predict from inputs in original units."""

    def snapshot(self) -> Any:
        """Everything needed to undo a trial."""

    def restore(self, state: Any) -> None:
        """Go back to a snapshot."""


def make_team(estimator: Any, X: np.ndarray, y: np.ndarray, seed: int, weight: np.ndarray | None = None) -> Team:
    """The team for clones of `estimator` on training data in original units."""
    if is_classifier(estimator):
        return ClassifierTeam(estimator, X, y, seed, weight)
    return (StackedTeam if isinstance(estimator, MLPExpert) else EstimatorTeam)(estimator, X, y, seed, weight)


class SquaredErrors:
    """What teams of regressors share: squared errors, and normal noise of a variance that the holders' errors tell."""

    weight: np.ndarray  # of the training rows

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Prediction of every expert in units of y for X in original units, (n_samples, K) or (..., n_outputs)."""
        raise NotImplementedError

    def losses(self, X: np.ndarray, y: np.ndarray, scaling: Scaling) -> np.ndarray:
        return scaling.squared_error(self.predict(X), y)

    def density(self, errors: np.ndarray, learned: np.ndarray, labels: np.ndarray, near: np.ndarray) -> np.ndarray:
        return normal_density(errors, learned, labels, self.weight)


def normal_density(
    errors: np.ndarray, learned: np.ndarray, labels: np.ndarray, weight: np.ndarray | None = None
) -> np.ndarray:
    """Log density of squared errors under normal noise, whose variance is the mean of ``learned[i, labels[i]]``."""
    own = np.take_along_axis(learned, labels[:, None], axis=1)[:, 0]
    noise = max(float(np.average(own, weights=weight)), ERROR_FLOOR)
    return -0.5 * (errors / noise + np.log(2.0 * np.pi * noise))


class EstimatorTeam(SquaredErrors):
    """Clones of one scikit-learn regressor, refitted when their rows change.

    On its own rows an expert is judged by cross-fitting, so that one which learns rows by heart cannot hold them.
    """

    def __init__(
        self, estimator: Any, X: np.ndarray, y: np.ndarray, seed: int, weight: np.ndarray | None = None
    ) -> None:
        self.estimator = seed_nested(clone(as_expert(estimator)), np.random.default_rng(seed))
        self.X, self.y, self.seed, self.proven = X, y, seed, False
        self.weight = np.ones(len(X)) if weight is None else weight
        self.scaling = Scaling.of(X, y, weight)
        self.members: list[
            tuple[np.ndarray, Any, np.ndarray]
        ] = []  # rows, expert, cross-fitted predictions of the rows

    def train(self, labels: np.ndarray) -> None:
        known = {rows.tobytes(): (rows, expert, own) for rows, expert, own in self.members}
        groups = [np.flatnonzero(labels == k) for k in range(int(labels.max()) + 1)]
        try:
            self.members = [known.get(rows.tobytes()) or self._member(rows) for rows in groups]
        except ValueError as error:
            if not self.proven or len(groups) == 1:
                raise
            raise ParameterError(
                f"ActivePartitioner: estimator={self.estimator!r} cannot learn a group as small as "
                f"{min(map(len, groups))} of the {len(labels)} rows: {error} Pass one that learns from fewer rows, "
                "raise min_samples, or lower n_experts."
            ) from error

    def _member(self, rows: np.ndarray) -> tuple[np.ndarray, Any, np.ndarray]:
        expert = self._fitted(rows)
        if len(rows) < 2 * FOLDS:
            return rows, expert, answer(expert, self.X[rows])
        own = np.empty(self.y[rows].shape)
        for train, test in KFold(FOLDS, shuffle=True, random_state=self.seed).split(rows):
            own[test] = answer(self._fitted(rows[train]), self.X[rows[test]])
        return rows, expert, own

    def _fitted(self, rows: np.ndarray) -> Any:
        with config_context(skip_parameter_validation=self.proven):  # the first fit answers a wrong parameter
            expert = fit_rows(clone(self.estimator), self.X[rows], self.y[rows], self.weight[rows])
        self.proven = True
        return expert

    def errors(self) -> np.ndarray:
        predictions = self.predict(self.X)
        for k, (rows, _, own) in enumerate(self.members):
            predictions[rows, k] = own
        return self.scaling.squared_error(predictions, self.y)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.stack([answer(expert, X) for _, expert, _ in self.members], axis=1)

    def keep(self, experts: np.ndarray) -> None:
        self.members = [self.members[k] for k in experts]

    def experts(self, labels: np.ndarray) -> list[Any]:
        return [expert for _, expert, _ in self.members]

    def snapshot(self) -> Any:
        return list(self.members)

    def restore(self, state: Any) -> None:
        self.members = list(state)


class ClassifierTeam(EstimatorTeam):
    """Clones of one scikit-learn classifier, judged by log loss.

    A label says little about the law of its row, so an expert bids for a row with what it says of the rows around it,
    too.
    """

    def __init__(
        self, estimator: Any, X: np.ndarray, y: np.ndarray, seed: int, weight: np.ndarray | None = None
    ) -> None:
        super().__init__(estimator, X, np.zeros(len(X)), seed, weight)
        self.y = y
        self.classes, codes = np.unique(y, return_inverse=True)
        self.prior = np.bincount(codes, self.weight) / self.weight.sum()

    def _member(self, rows: np.ndarray) -> tuple[np.ndarray, Any, np.ndarray]:
        X, y, weight = self.X[rows], self.y[rows], self.weight[rows]
        sound: Any = slice(None)
        if len(rows) >= 2 * FOLDS:
            own, sound = cross_fitted(self.estimator, X, y, self.classes, self.prior, FOLDS, self.seed, weight)
        expert = fit_classifier(self.estimator, X[sound], y[sound], self.classes, self.prior, weight[sound])
        if len(rows) < 2 * FOLDS:
            own = expert.predict_proba(X)
        self.proven = True
        return rows, expert, log_losses(own, class_codes(self.classes, y))

    def errors(self) -> np.ndarray:
        losses = self.losses(self.X, self.y, self.scaling)
        for k, (rows, _, own) in enumerate(self.members):
            losses[rows, k] = own
        return losses

    def losses(self, X: np.ndarray, y: np.ndarray, scaling: Scaling) -> np.ndarray:
        codes = np.minimum(class_codes(self.classes, y), len(self.classes) - 1)
        known = self.classes[codes] == y  # a class may be held out with all its rows
        shares = [expert.predict_proba(X) * known[:, None] for _, expert, _ in self.members]
        return np.column_stack([log_losses(each, codes) for each in shares])

    def density(self, errors: np.ndarray, learned: np.ndarray, labels: np.ndarray, near: np.ndarray) -> np.ndarray:
        return local_bids(errors, learned, near, self.weight)

    def experts(self, labels: np.ndarray) -> list[Any]:
        groups = [labels == k for k in range(int(labels.max()) + 1)]
        X, y, weight = self.X, self.y, self.weight
        return [fit_classifier(self.estimator, X[k], y[k], self.classes, self.prior, weight[k]) for k in groups]


class StackedTeam(SquaredErrors):
    """Networks of equal shape trained side by side, each on the rows it has won, their optimisers' state kept."""

    def __init__(
        self, estimator: MLPExpert, X: np.ndarray, y: np.ndarray, seed: int, weight: np.ndarray | None = None
    ) -> None:
        from modpart._torch.callbacks import StopOnPlateau
        from modpart._torch.stacked import StackedTrainer

        plateau = StopOnPlateau("train_loss", estimator.tol, estimator.n_iter_no_change, restore=False)
        self.estimator = seed_nested(clone(estimator), np.random.default_rng(seed))
        self.scaling = Scaling.of(X, y, weight)
        self.weight = np.ones(len(X)) if weight is None else weight
        self.raw, self.X, self.y = (X, y, self.weight), self.scaling.inputs(X), self.scaling.target(y)
        self.stack = StackedTrainer(
            X.shape[1],
            estimator.hidden_layer_sizes,
            n_outputs=None if y.ndim == 1 else y.shape[1],
            seed=seed,
            activation=estimator.activation,
            optimizer=estimator.optimizer,
            lr=estimator.lr,
            weight_decay=estimator.weight_decay,
            batch_size=None if (rows := estimator.rows_per_batch(len(X))) < 0 else rows,
            callbacks=[plateau, *(estimator.callbacks or [])],
            device=estimator.device,
        )

    def train(self, labels: np.ndarray) -> None:
        missing = int(labels.max()) + 1 - self.stack.n_experts
        if missing > 0:
            self.stack.grow(missing)
        steps = WARM_STEPS if missing > 0 else ROUND_STEPS
        rows = self.estimator.rows_per_batch(len(labels))
        if rows > 0:
            steps = min(steps, ceil(10 * steps * rows * self.stack.n_experts / len(labels)))
        self.stack.train(self.X, self.y, labels, steps, self.weight)

    def errors(self) -> np.ndarray:
        squares = (self.stack.predict_all(self.X) - self.y[:, None]) ** 2
        return squares if self.y.ndim == 1 else squares.mean(axis=2)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.scaling.restore(self.stack.predict_all(self.scaling.inputs(X)))

    def keep(self, experts: np.ndarray) -> None:
        for expert in sorted(set(range(self.stack.n_experts)) - set(experts.tolist()), reverse=True):
            self.stack.drop(expert)

    def experts(self, labels: np.ndarray) -> list[Any]:
        """The networks themselves after more training on their rows; held-out rows for early stopping need a refit."""
        n_experts = int(labels.max()) + 1
        if self.estimator.early_stopping:
            groups = [labels == k for k in range(n_experts)]
            return [fit_rows(clone(self.estimator), *(part[rows] for part in self.raw)) for rows in groups]
        self.stack.train(self.X, self.y, labels, self.estimator.max_epochs, self.weight)
        states = map(self.stack.expert_state, range(n_experts))
        return [clone(self.estimator)._adopt(**state, scaling=self.scaling) for state in states]

    def snapshot(self) -> Any:
        return self.stack.copy_state()

    def restore(self, state: Any) -> None:
        self.stack.load_state(state)
