"""The modular model of numbers: one readable partition, or a bag of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, clone, is_regressor
from sklearn.model_selection import KFold, check_cv
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X, check_X_y
from modpart._utils.parallel import one_thread
from modpart._utils.params import integer, model, nothing, one_of
from modpart._utils.progress import Progress
from modpart._utils.seeds import seed_nested
from modpart.exceptions import ParameterError
from modpart.partition._bag.accuracy import closed_form_families, family_of, fit_corrected
from modpart.partition._contest import Scaling
from modpart.partition._free.nets import as_expert
from modpart.partition._modular import Folds, PartitionedModel, partitioner_of
from modpart.partition._rows import WeightedRows, answer, check_takes_weights, fit_rows

__all__ = ["PartitionedRegressor"]


class PartitionedRegressor(RegressorMixin, PartitionedModel):
    """Predict with one expert per part of a table where that beats a single model, and with the single model elsewhere.

    There are two modes. ``mode="regimes"`` makes one partition, to be read: a partitioner finds regimes, one expert is
    trained per regime, and a gate routes rows to experts. ``mode="accuracy"`` makes many, to predict well: trees with a
    straight line in every cell cut the table again and again, clones of `estimator` and straight lines learn the cells,
    and their means and boosted sums correct one model of all rows. Cross-validation, with the partitions themselves
    made anew in every fold, compares this with that one model; unless there is a gain, larger than its standard error
    for regimes and one and a half of it for accuracy, the single model is kept. Use it where a table holds several
    laws; on one coherent law it costs time and gives the single model, or nearly.

    Parameters
    ----------
    partitioner : ActivePartitioner or None, default=None
        Finds the regimes. None lets clones of `estimator` compete, or closed-form experts when that is None too. Only
        with ``mode="regimes"``.
    estimator : regressor or None, default=None
        Expert that is trained anew on the rows of each part. None keeps the experts of the competition; with
        ``mode="accuracy"`` a mean of straight ridge, quadratic ridge and a :class:`BayesianExpert` (three seeds), where
        one that cross-validation puts 1.5 t standard errors behind the best counts ``exp(-t ** 2 / 2)``, with parts of
        the first two where they gain. None leads further from the weighted median of the three than on held-out rows.
    mode : {"regimes", "accuracy"}, default="regimes"
    routing : {"auto", "hard", "soft"}, default="auto"
        "hard" asks the likeliest expert, "soft" blends experts by the gate's shares, "auto" takes "soft" unless it did
        worse when the gate was cross-validated. Only with ``mode="regimes"``; the bag routes hard within each
        of its partitions.
    n_trees : int, default=10
        Partitions in the bag of ``mode="accuracy"`` (>= 1), which has twice as many boosting rounds; time is
        proportional to it.
    fallback : bool, default=True
        Whether a single model may replace the partition. Without it only the gate of regimes is
        cross-validated.
    cv : int, splitter or iterable of (train, test) indices, default=5
        Folds of the comparison (>= 2). A number makes shuffled folds of distinct rows: equal rows stay together. With
        ``mode="accuracy"`` tables of at most 500 rows are folded twice, of at most 333 three times.
    n_jobs : int or None, default=None
        Workers for the folds, as in joblib. Results do not depend on it.
    random_state : int, Generator, RandomState or None, default=None
        Seeds every draw, also of a `partitioner` or `estimator` that has none of its own.
    verbose : int, default=0
        1 prints a line per step.

    Attributes
    ----------
    partitioner_ : ActivePartitioner
        Fitted partitioner. Only with ``mode="regimes"``.
    experts_ : list of fitted regressors
        One per partition, a single one after falling back. Only with ``mode="regimes"``.
    n_partitions_ : int
        Number of experts in use; with ``mode="accuracy"`` the cells of the finest partition in use, 1 for none.
    routing_ : {"hard", "soft"}
    gain_ : float
        Cross-validated share of the single model's squared error that the modular model saves; nan when not compared.
        The error of several outputs is the mean of their squared errors, each in units of its variance.
    gain_se_ : float
        Its standard error over rows.
    routing_risk_ : float
        Cross-validated squared error per row that misrouting adds, in squared units of y; of several outputs the mean,
        each in units of its variance. Only with ``mode="regimes"``.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X has string column names.

    See Also
    --------
    ActivePartitioner : The partition alone.
    PartitionedClassifier : The same for classes.

    Notes
    -----
    The time is that of ``1 + cv`` partitions; one partition when it finds a single regime, since there is nothing to
    compare then. With ``mode="accuracy"`` it is that of up to ``20 n_trees (1 + cv)`` fits of `estimator` to cells, cv
    counting all folds; the trees themselves, which see sums of products of inputs and target and never `estimator`,
    take milliseconds.

    The bag [2]_ averages experts over trees of bootstrap samples and random inputs [3]_, with cuts that leave the least
    ridge loss, best first. The boosted sum [4]_ takes short steps on what the single model leaves over when held out.
    Both correct the single model with non-negative weights that sum to at most one, by least squares on held-out
    predictions [5]_; `gain_` is that of weights made without the rows they are judged on. Equal rows of X are held out
    together, and predictions more than a tenth of the range of y outside it count as at that limit. No correction is
    larger than 99 % of those held out, nor leads beyond the limit; the single model may, by its own share. The share at
    which all of them are added is that of the least held-out error, at most 1, times ``1 - (1.5 e / g) ** 2`` for a
    gain g of standard error e [6]_; one and a half times the error, because folds train on rows that they share [7]_.

    Weights of rows and several outputs are those of :class:`ActivePartitioner`, except that with ``mode="accuracy"``
    each output has a bag of its own, which falls back on its own; `gain_` is that of all which could be compared.

    References
    ----------
    .. [1] Tacke et al., "Active partitioning: inverting the paradigm of active learning", arXiv:2411.18254 (2024).
    .. [2] Breiman, "Bagging predictors", Machine Learning 24 (1996).
    .. [3] Ho, "The random subspace method for constructing decision forests", IEEE TPAMI 20 (1998).
    .. [4] Friedman, "Stochastic gradient boosting", Computational Statistics & Data Analysis 38 (2002).
    .. [5] Breiman, "Stacked regressions", Machine Learning 24 (1996).
    .. [6] Breiman, "Better subset regression using the nonnegative garrote", Technometrics 37 (1995).
    .. [7] Nadeau & Bengio, "Inference for the generalization error", Machine Learning 52 (2003).

    Examples
    --------
    >>> from modpart.datasets import make_elastoplastic
    >>> from modpart.partition import PartitionedRegressor
    >>> X, y, regime = make_elastoplastic(300, random_state=0)
    >>> model = PartitionedRegressor(random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.99)
    True

    A bag of partitions where straight lines fit badly:

    >>> from sklearn.linear_model import Ridge
    >>> model = PartitionedRegressor(estimator=Ridge(), mode="accuracy", n_trees=3, random_state=0).fit(X, y)
    >>> bool(model.gain_ > 0.5)
    True
    """

    _rules = PartitionedModel._rules | {
        "partitioner": (nothing, partitioner_of("regressor", lambda expert: expert is None or is_regressor(expert))),
        "estimator": (nothing, model("regressor")),
        "mode": (one_of("regimes", "accuracy"),),
        "n_trees": (integer(1),),
    }

    def __init__(
        self,
        partitioner: Any = None,
        estimator: Any = None,
        *,
        mode: str = "regimes",
        routing: str = "auto",
        n_trees: int = 10,
        fallback: bool = True,
        cv: Any = 5,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            partitioner,
            estimator,
            routing=routing,
            fallback=fallback,
            cv=cv,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
        self.mode = mode
        self.n_trees = n_trees

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _checked(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        return check_X_y(self, X, y, multi_output=True)

    def _competitor(self) -> Any:
        return self.estimator

    def _shuffled_folds(self, y: np.ndarray, n_folds: int, seed: int) -> Folds:
        return KFold(n_folds, shuffle=True, random_state=seed).split(y)

    def _given_folds(self, X: np.ndarray, y: np.ndarray) -> Folds:
        return check_cv(self.cv).split(X, y)

    def _fit_expert(self, expert: Any, X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Any:
        return fit_rows(clone(expert), X, y, weight)

    def _answers(self, expert: Any, X: np.ndarray) -> np.ndarray:
        return answer(expert, X)

    def _loss(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        return Scaling.of(X, y, weight).squared_error

    def _risk_unit(self, rows: WeightedRows) -> float:
        return float(Scaling.of(rows.X, rows.y, rows.weight).y_sd) ** 2 if rows.y.ndim == 1 else 1.0

    def _learn(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, rng: np.random.Generator) -> None:
        if self.mode == "regimes":
            super()._learn(X, y, weight, rng)
        else:
            self._fit_bag(X, y, weight, rng)

    def _fit_bag(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, rng: np.random.Generator) -> None:
        """Train and weigh the bag of ``mode="accuracy"``."""
        if self.partitioner is not None or self.routing != "auto":
            name = "routing" if self.partitioner is None else "partitioner"
            raise ParameterError(
                f"PartitionedRegressor: {name}={getattr(self, name)!r} has no effect with mode='accuracy', which makes "
                f"partitions of its own. Leave {name} at its default, or use mode='regimes'."
            )
        progress = Progress(self, X, y, total=1)
        if self.estimator is None:
            families = closed_form_families(X.shape[1], weight, rng)
        else:
            check_takes_weights("PartitionedRegressor", self.estimator, weight)
            families = family_of(seed_nested(clone(as_expert(self.estimator)), rng))
        with one_thread():
            self.bag_ = fit_corrected(
                families,
                X,
                y,
                weight,
                rng,
                n_trees=self.n_trees,
                cv=self.cv,
                fallback=self.fallback,
                n_jobs=self.n_jobs,
            )
        saved, self.n_partitions_ = self.bag_.saved, self.bag_.n_partitions
        self.gain_, self.gain_se_ = (np.nan, np.nan) if saved is None else (saved.share, saved.share_se)
        progress.step("comparison", f"gain {self.gain_:.3f} +- {self.gain_se_:.3f}, up to {self.n_partitions_} cells")
        progress.finish()

    def _check_regimes(self, method: str) -> None:
        """Refuse what only one readable partition can answer."""
        if self.mode == "accuracy":
            raise ParameterError(
                f"PartitionedRegressor: {method} reads one partition, and mode='accuracy' averages many. "
                "Fit with mode='regimes' to see regimes."
            )

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        X = check_X(self, X)
        if self.mode == "accuracy":
            return self.bag_.predict(X)
        return self._routed(self.partitioner_, self.experts_, X, self.routing_)

    def predict_all(self, X: Any) -> np.ndarray:
        """Prediction of every expert.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        predictions : ndarray of shape (n_samples, n_partitions_) or (n_samples, n_partitions_, n_outputs)
        """
        check_is_fitted(self)
        self._check_regimes("predict_all")
        X = check_X(self, X)
        return np.stack([answer(expert, X) for expert in self.experts_], axis=1)
