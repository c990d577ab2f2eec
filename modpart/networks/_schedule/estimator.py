"""What estimators that train by schedule share: a chain, its training, and predictions from parts in a row."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_X, check_X_classes, check_X_y
from modpart._utils.parallel import one_thread
from modpart._utils.params import Rule, boolean, integer, nothing, number, one_of, where, workers
from modpart._utils.progress import Progress, with_callbacks
from modpart._utils.seeds import check_rng, child_seeds
from modpart.exceptions import InputDataError
from modpart.networks._logits import LogitClassifier
from modpart.networks._modularity import no_single_row
from modpart.networks._plan import Plan
from modpart.networks._schedule.chains import CHAINS, Chain
from modpart.networks._schedule.parts import Part, answers, drawn, in_a_row
from modpart.networks._schedule.phase import Phase, Settings
from modpart.networks._schedule.run import critical_path, run_schedule

__all__ = ["ChainClassifier", "ChainNet", "ChainRegressor"]


class ChainNet(Estimator):
    """Parameters, training and stored parts. A subclass trains in :meth:`_learn` and keeps `modules_`."""

    _largest_batch: ClassVar[int] = 64
    modules_: list[Part]
    phases_: list[dict[str, Any]]
    _rules: ClassVar[dict[str, tuple[Rule, ...]]] = {
        "chain": (
            one_of(*CHAINS),
            where("an object such as ResidualChain()", lambda value: isinstance(value, Chain)),
            where("a function of n_features, n_outputs and depths that makes modules", callable),
        ),
        "n_modules": (integer(1),),
        "standardize": (boolean,),
        "lr": (number(0, open_low=True),),
        "weight_decay": (number(0),),
        "batch_size": (one_of("auto"), integer(1)),
        "callbacks": (nothing, where("a list of skorch callbacks", lambda value: isinstance(value, list | tuple))),
        "n_jobs": (nothing, workers),
        "device": (one_of("auto", "cpu", "cuda"),),
        "verbose": (boolean, integer(0)),
    }

    # training

    def _learn(self, X: np.ndarray, target: np.ndarray, rng: np.random.Generator, progress: Progress) -> None:
        """Run the schedule on standardised rows."""
        raise NotImplementedError

    def _n_phases(self) -> int | None:
        """Phases of the schedule, for a progress bar."""
        return None

    def _fit_rows(
        self, X: np.ndarray, target: np.ndarray, n_outputs: int, classes: bool, given: Any, rng: Any = None
    ) -> None:
        rng = check_rng(self.random_state) if rng is None else rng
        self._n_outputs, self._classes = n_outputs, classes
        import modpart._torch.schedule.phase_net  # noqa: F401  one_thread holds torch only when it is loaded

        with one_thread():
            rows = self._standardise_by(X)
            progress = Progress(self, given[0], given[1], total=self._n_phases())
            self._learn(rows, target, rng, progress)
            progress.finish()

    def _standardise_by(self, X: np.ndarray) -> np.ndarray:
        """Keep mean and scale of the columns, and return them standardised."""
        self.x_mean_, self.x_scale_ = np.zeros(X.shape[1]), np.ones(X.shape[1])
        if self.standardize:
            self.x_mean_, spread = X.mean(axis=0), X.std(axis=0)
            self.x_scale_ = np.where(spread > 1e-12 * np.abs(self.x_mean_), spread, 1.0)
            self.x_scale_[self.x_scale_ == 0.0] = 1.0
        return self._standardised(X)

    def _standardised(self, X: np.ndarray) -> np.ndarray:
        return (X - self.x_mean_) / self.x_scale_

    def _settings(self, n_rows: int, **changes: Any) -> Settings:
        from modpart._torch.device import resolve_device

        batch = min(self._largest_batch, max(16, n_rows // 10)) if self.batch_size == "auto" else self.batch_size
        common: dict[str, Any] = {
            "classes": self._classes,
            "n_outputs": self._n_outputs,
            "batch_size": no_single_row(n_rows, min(batch, n_rows)),
            "device": resolve_device(self.device),
            "lr": float(self.lr),
            "weight_decay": float(self.weight_decay),
            "callbacks": tuple(self.callbacks or ()),
        }
        return Settings(**common | changes)

    def _run(
        self,
        stages: Sequence[Sequence[Phase]],
        parts: dict[str, Part],
        X: np.ndarray,
        target: np.ndarray,
        rng: np.random.Generator,
        progress: Progress | None = None,
        **changes: Any,
    ) -> dict[str, Part]:
        """Run stages, and add their records to `phases_`."""
        settings = self._settings(len(X), **changes)
        parts, self.phases_ = run_schedule(
            stages, parts, X, target, settings, rng, n_jobs=self.n_jobs, progress=progress, records=self.phases_
        )
        return parts

    def _drawn(self, prefix: str, plans: Sequence[Plan], rng: np.random.Generator) -> dict[str, Part]:
        """New parts `prefix`0, `prefix`1, ..."""
        seeds = child_seeds(rng, len(plans))
        pairs = zip(plans, seeds, strict=True)
        return {f"{prefix}{slot}": drawn(plan, seed) for slot, (plan, seed) in enumerate(pairs)}

    @property
    def critical_path_(self) -> float:
        """Seconds of the fit with a worker for each phase: the slowest phase of each stage, added up."""
        return critical_path(self.phases_)

    # the stored net

    @property
    def plan_(self) -> Plan:
        """The layers of the whole net as plain data; each module is a container."""
        return in_a_row({f"slot{k}": part for k, part in enumerate(self.modules_)})[0]

    @property
    def weights_(self) -> dict[str, np.ndarray]:
        """Parameters and buffers of the whole net by their torch names."""
        return in_a_row({f"slot{k}": part for k, part in enumerate(self.modules_)})[1]

    def _answers(self, X: np.ndarray, parts: Sequence[Part] | None = None) -> np.ndarray:
        """Outputs (n, n_outputs) for checked rows, float64, of the net or of other parts in a row."""
        from modpart._torch.device import resolve_device

        return answers(self.modules_ if parts is None else parts, self._standardised(X), resolve_device(self.device))


class ChainClassifier(LogitClassifier, ChainNet):
    """Classes on top of a chain."""

    @with_callbacks
    def fit(self, X: ArrayLike, y: ArrayLike) -> Any:
        """Run the schedule.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels: numbers, strings or booleans.

        Returns
        -------
        self : estimator
        """
        self._check_params()
        X, y = check_X_classes(self, X, y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputDataError(
                f"{type(self).__name__}: y holds one class, {self.classes_.tolist()[0]!r}. "
                "Pass rows of two classes or more."
            )
        self._fit_rows(X, codes, len(self.classes_), True, (X, y))
        return self

    def _target(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Check more rows for a fitted net: standardised, and codes of its classes."""
        columns = check_X(self, X)
        labels = np.asarray(y)
        if labels.shape != (len(columns),):
            raise InputDataError(f"{type(self).__name__}: y has shape {labels.shape} and X {len(columns)} rows.")
        unknown = sorted(set(labels.tolist()) - set(self.classes_.tolist()), key=repr)
        if unknown:
            raise InputDataError(
                f"{type(self).__name__}: y holds {unknown[0]!r}, which the net does not know. Its classes are "
                f"{self.classes_.tolist()}."
            )
        return self._standardised(columns), np.searchsorted(self.classes_, labels)

    def _score_of(self, parts: Sequence[Part], X: np.ndarray, target: np.ndarray) -> float:
        """Accuracy of parts in a row, on standardised rows."""
        from modpart._torch.device import resolve_device

        return float((answers(parts, X, resolve_device(self.device)).argmax(axis=1) == target).mean())


class ChainRegressor(RegressorMixin, ChainNet):
    """Numbers on top of a chain; the target is standardised."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @with_callbacks
    def fit(self, X: ArrayLike, y: ArrayLike) -> Any:
        """Run the schedule.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)

        Returns
        -------
        self : estimator
        """
        self._check_params()
        X, y = check_X_y(self, X, y, multi_output=True)
        target = y.reshape(len(y), -1)
        self.y_mean_, self.y_scale_ = target.mean(axis=0), target.std(axis=0)
        self.y_scale_[self.y_scale_ == 0.0] = 1.0
        self._one_output = y.ndim == 1
        self._fit_rows(X, (target - self.y_mean_) / self.y_scale_, target.shape[1], False, (X, y))
        return self

    def _target(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Check more rows for a fitted net: both standardised."""
        columns = check_X(self, X)
        target = np.asarray(y, dtype=np.float64).reshape(len(columns), -1)
        if target.shape[1] != self._n_outputs or not np.isfinite(target).all():
            raise InputDataError(
                f"{type(self).__name__}: y must hold {self._n_outputs} finite numbers for each row of X."
            )
        return self._standardised(columns), (target - self.y_mean_) / self.y_scale_

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
        """
        check_is_fitted(self)
        answer = self._answers(check_X(self, X)) * self.y_scale_ + self.y_mean_
        return answer[:, 0] if self._one_output else answer

    def _score_of(self, parts: Sequence[Part], X: np.ndarray, target: np.ndarray) -> float:
        """R2 of parts in a row, on standardised rows and targets."""
        from sklearn.metrics import r2_score

        from modpart._torch.device import resolve_device

        return float(r2_score(target, answers(parts, X, resolve_device(self.device))))
