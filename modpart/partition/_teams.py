"""Teams of equal experts for a free competition: clones of any scikit-learn estimator, or networks stacked into one."""

from typing import Any, Protocol

import numpy as np
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.model_selection import KFold

from modpart._utils.seeds import seed_nested
from modpart.exceptions import ParameterError
from modpart.partition._class_regimes import local_bids
from modpart.partition._classes import class_codes, cross_fitted, fit_classifier, log_losses
from modpart.partition._contest import Scaling
from modpart.partition._mlp import MLPExpert

__all__ = ["ClassifierTeam", "EstimatorTeam", "SquaredErrors", "StackedTeam", "Team", "make_team", "normal_density"]

FOLDS = 3
ERROR_FLOOR = 1e-3  # of var(y)
WARM_EPOCHS, ROUND_EPOCHS = 150, 10


class Team(Protocol):
    """Experts 0 ... K - 1 that learn labelled training rows."""

    def train(self, labels: np.ndarray) -> None:
        """Train expert k on the rows with label k; labels beyond the last expert bring new ones."""

    def errors(self) -> np.ndarray:
        """Error of every expert on every training row, shape (n_samples, K).

        It is squared and in units of var(y), or the log loss in nats.
        """

    def losses(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Loss of every expert on new rows in original units, shape (n_samples, K)."""

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


def make_team(estimator: Any, X: np.ndarray, y: np.ndarray, seed: int) -> Team:
    """The team for clones of `estimator` on training data in original units."""
    if is_classifier(estimator):
        return ClassifierTeam(estimator, X, y, seed)
    return (StackedTeam if isinstance(estimator, MLPExpert) else EstimatorTeam)(estimator, X, y, seed)


class SquaredErrors:
    """What teams of regressors share: squared errors, and normal noise of a variance that the holders' errors tell."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Prediction of every expert in units of y for X in original units, shape (n_samples, K)."""
        raise NotImplementedError

    def losses(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (self.predict(X) - y[:, None]) ** 2

    def density(self, errors: np.ndarray, learned: np.ndarray, labels: np.ndarray, near: np.ndarray) -> np.ndarray:
        return normal_density(errors, learned, labels)


def normal_density(errors: np.ndarray, learned: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Log density of squared errors under normal noise, whose variance is the mean of ``learned[i, labels[i]]``."""
    noise = max(float(np.take_along_axis(learned, labels[:, None], axis=1).mean()), ERROR_FLOOR)
    return -0.5 * (errors / noise + np.log(2.0 * np.pi * noise))


class EstimatorTeam(SquaredErrors):
    """Clones of one scikit-learn regressor, refitted when their rows change.

    On its own rows an expert is judged by cross-fitting, so that one which learns rows by heart cannot hold them.
    """

    def __init__(self, estimator: Any, X: np.ndarray, y: np.ndarray, seed: int) -> None:
        self.estimator = seed_nested(clone(estimator), np.random.default_rng(seed))
        self.X, self.y, self.seed, self.proven = X, y, seed, False
        self.y_sd = Scaling.of(X, y).y_sd
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
            return rows, expert, np.ravel(expert.predict(self.X[rows]))
        own = np.empty(len(rows))
        for train, test in KFold(FOLDS, shuffle=True, random_state=self.seed).split(rows):
            own[test] = np.ravel(self._fitted(rows[train]).predict(self.X[rows[test]]))
        return rows, expert, own

    def _fitted(self, rows: np.ndarray) -> Any:
        with config_context(skip_parameter_validation=self.proven):  # the first fit answers a wrong parameter
            expert = clone(self.estimator).fit(self.X[rows], self.y[rows])
        self.proven = True
        return expert

    def errors(self) -> np.ndarray:
        predictions = self.predict(self.X)
        for k, (rows, _, own) in enumerate(self.members):
            predictions[rows, k] = own
        return ((predictions - self.y[:, None]) / self.y_sd) ** 2

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.column_stack([np.ravel(expert.predict(X)) for _, expert, _ in self.members])

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

    def __init__(self, estimator: Any, X: np.ndarray, y: np.ndarray, seed: int) -> None:
        super().__init__(estimator, X, np.zeros(len(X)), seed)
        self.y = y
        self.classes, counts = np.unique(y, return_counts=True)
        self.prior = counts / len(y)

    def _member(self, rows: np.ndarray) -> tuple[np.ndarray, Any, np.ndarray]:
        X, y = self.X[rows], self.y[rows]
        sound: Any = slice(None)
        if len(rows) >= 2 * FOLDS:
            own, sound = cross_fitted(self.estimator, X, y, self.classes, self.prior, FOLDS, self.seed)
        expert = fit_classifier(self.estimator, X[sound], y[sound], self.classes, self.prior)
        if len(rows) < 2 * FOLDS:
            own = expert.predict_proba(X)
        self.proven = True
        return rows, expert, log_losses(own, class_codes(self.classes, y))

    def errors(self) -> np.ndarray:
        losses = self.losses(self.X, self.y)
        for k, (rows, _, own) in enumerate(self.members):
            losses[rows, k] = own
        return losses

    def losses(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        codes = class_codes(self.classes, y)
        return np.column_stack([log_losses(expert.predict_proba(X), codes) for _, expert, _ in self.members])

    def density(self, errors: np.ndarray, learned: np.ndarray, labels: np.ndarray, near: np.ndarray) -> np.ndarray:
        return local_bids(errors, learned, near)

    def experts(self, labels: np.ndarray) -> list[Any]:
        groups = [labels == k for k in range(int(labels.max()) + 1)]
        return [fit_classifier(self.estimator, self.X[own], self.y[own], self.classes, self.prior) for own in groups]


class StackedTeam(SquaredErrors):
    """Networks of equal shape trained side by side, each on the rows it has won, their optimisers' state kept."""

    def __init__(self, estimator: MLPExpert, X: np.ndarray, y: np.ndarray, seed: int) -> None:
        from modpart._torch.stacked import StackedTrainer

        self.estimator = seed_nested(clone(estimator), np.random.default_rng(seed))
        self.scaling = Scaling.of(X, y)
        self.raw, self.X, self.y = (X, y), self.scaling.inputs(X), self.scaling.target(y)
        self.stack = StackedTrainer(
            X.shape[1],
            estimator.hidden_layer_sizes,
            seed=seed,
            activation=estimator.activation,
            optimizer=estimator.optimizer,
            lr=estimator.lr,
            weight_decay=estimator.weight_decay,
            batch_size=None if (rows := estimator.rows_per_batch(len(X))) < 0 else rows,
            callbacks=estimator.callbacks,
            device=estimator.device,
        )

    def train(self, labels: np.ndarray) -> None:
        missing = int(labels.max()) + 1 - self.stack.n_experts
        if missing > 0:
            self.stack.grow(missing)
        self.stack.train(self.X, self.y, labels, WARM_EPOCHS if missing > 0 else ROUND_EPOCHS)

    def errors(self) -> np.ndarray:
        return (self.stack.predict_all(self.X) - self.y[:, None]) ** 2

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.scaling.restore(self.stack.predict_all(self.scaling.inputs(X)))

    def keep(self, experts: np.ndarray) -> None:
        for expert in sorted(set(range(self.stack.n_experts)) - set(experts.tolist()), reverse=True):
            self.stack.drop(expert)

    def experts(self, labels: np.ndarray) -> list[Any]:
        X, y = self.raw
        return [clone(self.estimator).fit(X[labels == k], y[labels == k]) for k in range(int(labels.max()) + 1)]

    def snapshot(self) -> Any:
        return self.stack.copy_state()

    def restore(self, state: Any) -> None:
        self.stack.load_state(state)
