"""Active partitioning: experts compete for rows, the winners' rows become regimes, a gate routes new rows to them."""

from typing import Any
from warnings import warn

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_sample_weight, check_X, check_X_classes, check_X_y
from modpart._utils.columns import selected_columns
from modpart._utils.parallel import one_thread
from modpart._utils.params import integer, model, nothing, number, one_of, workers
from modpart._utils.progress import Progress, with_callbacks
from modpart._utils.seeds import check_rng
from modpart.exceptions import ModpartWarning, ParameterError
from modpart.partition._bayes import BayesianExpert, contest_by_evidence
from modpart.partition._classes import check_probabilities
from modpart.partition._contest import Contest, Scaling
from modpart.partition._evidence.class_starts import contest_by_class_evidence, is_logistic
from modpart.partition._evidence.search import Report
from modpart.partition._free.free import contest_by_hold_out
from modpart.partition._gate.gates import KINDS, fit_gate, log_blend, squared_blend
from modpart.partition._rows import WeightedRows, answer, check_takes_weights
from modpart.partition._words.describe import Described

__all__ = ["ActivePartitioner"]

LEAST_ROWS = 5  # for each expert when min_samples is None


class ActivePartitioner(Described, ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """Find the regimes of a regression or classification problem by letting experts compete for its rows.

    Every expert predicts every row; a row goes to the expert that predicts it best, with its nearest rows voting; each
    expert then relearns the rows it holds. Experts are added where rows are badly predicted and dropped where others
    can stand in. What settles is a partition of the rows, and a gate learns to route new rows by X alone. Use it to
    see whether a table holds several laws and where they change; use :class:`PartitionedRegressor` to predict with
    them. It assumes that one region of X follows one law: two laws at the same X cannot be told apart by a gate.

    Parameters
    ----------
    estimator : regressor, classifier or None, default=None
        The kind of expert. None or a :class:`BayesianExpert` competes in closed form, its evidence deciding the number
        of regimes: fast and without restarts. An :class:`MLPExpert` competes as stacked networks, which then train on
        for `max_epochs` (with `early_stopping` they are fitted anew). Any other scikit-learn regressor is refitted each
        round. For these two, hold-out loss decides the number of regimes. So it does for a scikit-learn classifier with
        `predict_proba`, for which y holds classes and experts compete by log loss; ``LogisticRegression()``, also
        behind a scaler, competes by evidence, without restarts.
    n_experts : "auto" or int, default="auto"
        Number of experts that compete, and of partitions; "auto" finds it.
    max_experts : int, default=10
        Most experts when `n_experts` is "auto".
    min_samples : int or None, default=None
        Least rows of a regime, by weight; None takes max(10, 3 (n_features + 1)).
    gate : {"auto", "logistic", "tree", "quadratic", "quartic", "kernel", "neighbours", "boosting"} or classifier
        What routes rows by X: straight, axis-parallel, quadratic, quartic (rings) or free borders. "auto", the default,
        takes the simplest of all but "boosting" whose cross-validated routed error is within two standard errors of the
        best. A classifier of your own sees the standardised inputs. With "boosting" the fit cannot be saved by
        :mod:`modpart.io`.
    gate_features : list of str or int, boolean mask, or None, default=None
        Columns of X that the gate may use; None is all of them.
    vote_weight : float, default=1.0
        Weight of the neighbours' vote (>= 0); 0 is plain winner-takes-all.
    init : {"auto", "random"}, default="auto"
        How a hold-out competition begins: "auto" with regimes found in closed form, then with clusters; "random" with
        experts that know a few random rows.
    n_init : int, default=4
        Starts of a hold-out competition; closed-form experts need none.
    max_rounds : int, default=60
        Most rounds of one hold-out competition.
    validation_fraction : float, default=0.2
        Share of the rows held out to decide the number of experts in a hold-out competition.
    n_jobs : int or None, default=None
        Workers for starts and gates, as in joblib. Results do not depend on it.
    random_state : int, Generator, RandomState or None, default=None
        Seeds every draw; an integer makes the fit reproducible to the bit.
    verbose : int, default=0
        1 prints a line per step.

    Attributes
    ----------
    n_partitions_ : int
        Number of regimes found.
    labels_ : ndarray of shape (n_samples,), int64
        Regime of each training row by the gate, from X alone; partition 0 is the largest.
    winner_labels_ : ndarray of shape (n_samples,), int64
        Regime of each training row by competition, which used y. Rows of weight 0 did not compete: theirs is the
        gate's.
    experts_ : list of fitted regressors or classifiers
        One per partition; classifiers know all classes. They learned from arrays: give them ``X.to_numpy()`` where X
        is a DataFrame.
    gate_ : Gate
        Its ``kind`` names what was chosen. ``routed_error`` and ``blended_error`` are the cross-validated losses that
        hard routing and blending add: squared errors in units of var(y) (the mean over outputs), or log losses in nats;
        ``routing`` names what to prefer.
    gate_columns_ : ndarray of int
        Columns of X that the gate may use.
    history_ : list of dict
        One entry per round: step, number of experts, share of rows that changed, noise, hold-out or log loss.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X has string column names.

    Raises
    ------
    InputDataError
        When a column holds text, NaN or inf, or y or sample_weight does not fit X; the message names the column.
    ParameterError
        When an argument is out of range, `n_experts` asks for more experts than the rows can feed, or `estimator`
        takes no sample_weight and weights are fractional, or cannot learn several outputs.

    See Also
    --------
    PartitionedRegressor : Predicts the target with one expert per partition.
    PartitionedClassifier : Predicts classes with one expert per partition.

    Notes
    -----
    The competition is that of [1]_; deciding splits, merges and drops by evidence, the neighbour vote and the
    cost-sensitive gate are additions. Without adding and dropping it is a hard EM algorithm for a mixture of
    regressions. Closed-form experts cost O(n p^2) with p <= 101 + n_features, on at most 5,000 rows; further rows are
    then assigned in one pass. Random draws: centres, gate folds, and bootstraps of a gate that only votes; for a
    hold-out competition also the split and the starts; oblique cuts between classes.

    ``ActivePartitioner(MLPExpert(), init="random", vote_weight=0, gate=SVC())`` is the rule of [1]_ without additions:
    networks start by chance, the winner takes all, at intervals an expert learns the worst-predicted rows and stays if
    the loss falls, one that the others can stand in for goes, until the winners are stable. Where we know of no answer
    of the paper (the intervals, the sizes of the networks, the kernel, the test by which an expert goes) it is ours:
    trials every tenth round, judged by hold-out loss.

    Classes say less about the law of a row than a number does: count on some hundred rows for each regime. Classifiers
    therefore bid for a row with their log loss on the rows around it, too; rows whose class looks like a mistake, up to
    some 5 %, do not teach; and what an expert says of a row that it holds is cross-fitted. A competition begins with
    cells whose logistic laws differ, joined by evidence; that of logistic experts ends there, and their final fit alone
    knows their parameters. Where several partitions predict alike, flexible classifiers need not find the one that made
    the data.

    A row of weight w is w equal observations: in evidence, noise, votes, `min_samples` and the gate. Equal rows are
    joined under their summed weight and rows are sorted before anything is drawn, so that weights and repetitions,
    in any order, give the same bits; an estimator without sample_weight learns repeated rows.

    Several outputs share one partition. Each is standardised and has a noise variance of its own (where noise varies
    over the inputs, all outputs share the profile); closed-form experts compete by the sum of the outputs' log
    densities, others by the mean of their squared errors. The cost grows with the number of outputs. Classes are one
    output.

    References
    ----------
    .. [1] Tacke et al., "Active partitioning: inverting the paradigm of active learning", arXiv:2411.18254 (2024);
       Frontiers in Artificial Intelligence 8 (2025), doi:10.3389/frai.2025.1661444.

    Examples
    --------
    >>> from modpart.datasets import make_elastoplastic
    >>> from modpart.partition import ActivePartitioner
    >>> X, y, regime = make_elastoplastic(300, random_state=0)
    >>> partitioner = ActivePartitioner(random_state=0).fit(X, y)
    >>> partitioner.n_partitions_
    2
    >>> partitioner.predict([[0.1], [0.9]])
    array([1, 0])
    """

    _rules = {
        "estimator": (nothing, model("regressor"), model("classifier")),
        "n_experts": (one_of("auto"), integer(1)),
        "max_experts": (integer(1),),
        "min_samples": (nothing, integer(2)),
        "gate": (one_of("auto", *KINDS), model("classifier")),
        "vote_weight": (number(0.0),),
        "init": (one_of("auto", "random"),),
        "n_init": (integer(1),),
        "max_rounds": (integer(1),),
        "validation_fraction": (number(0.0, 1.0, open_low=True, open_high=True),),
        "n_jobs": (nothing, workers),
        "verbose": (integer(0),),
    }

    def __init__(
        self,
        estimator: Any = None,
        n_experts: Any = "auto",
        *,
        max_experts: int = 10,
        min_samples: int | None = None,
        gate: Any = "auto",
        gate_features: Any = None,
        vote_weight: float = 1.0,
        init: str = "auto",
        n_init: int = 4,
        max_rounds: int = 60,
        validation_fraction: float = 0.2,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.n_experts = n_experts
        self.max_experts = max_experts
        self.min_samples = min_samples
        self.gate = gate
        self.gate_features = gate_features
        self.vote_weight = vote_weight
        self.init = init
        self.n_init = n_init
        self.max_rounds = max_rounds
        self.validation_fraction = validation_fraction
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.single_output = True
        tags.target_tags.multi_output = self.estimator is None or not is_classifier(self.estimator)
        return tags

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "ActivePartitioner":
        """Find the regimes and train the gate.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,) or None
            How many observations each row stands for (>= 0); None is one each.

        Returns
        -------
        self : ActivePartitioner
        """
        self._check_params()
        if isinstance(self.estimator, Estimator):  # ours compete without a fit of their own that would check them
            self.estimator._check_params()
        of_classes = self.estimator is not None and is_classifier(self.estimator)
        if of_classes:
            check_probabilities(self, self.estimator)
        rng = check_rng(self.random_state)
        X, y = check_X_classes(self, X, y) if of_classes else check_X_y(self, X, y, multi_output=True)
        rows = WeightedRows.of(X, y, check_sample_weight(self, sample_weight, X))
        self._check_rows(len(rows.X), float(rows.weight.sum()))
        if self.estimator is not None:
            check_takes_weights("ActivePartitioner", self.estimator, rows.weight)
        self._warn_of_light_rows(rows)
        self.gate_columns_ = selected_columns(self, "gate_features")
        progress = Progress(self, X, y)
        with one_thread():
            contest = self._contest(rows, rng, lambda line: progress.step(line["step"], _words(line))).by_share()
            self.scaling_ = Scaling.of(rows.X, np.zeros(len(rows.X)) if of_classes else rows.y, rows.weight)
            self.gate_ = fit_gate(
                self._gate_inputs(rows.X),
                contest.labels,
                contest.log_density,
                contest.errors,
                rng,
                gate=self.gate,
                relevance=contest.relevance[self.gate_columns_],
                weight=rows.weight,
                blend=log_blend if of_classes else squared_blend,
                n_jobs=self.n_jobs,
            )
            progress.step("gate", f"{self.gate_.kind}, routed error {self.gate_.routed_error:.4f}")
        self.experts_, self.history_ = contest.experts, contest.history
        self.n_partitions_ = self._n_features_out = len(contest.experts)
        if self.n_experts != "auto" and self.n_partitions_ < self.n_experts:
            warn(
                f"ActivePartitioner: only {self.n_partitions_} of n_experts={self.n_experts} experts could hold rows. "
                "Lower n_experts, or pass n_experts='auto'.",
                ModpartWarning,
                stacklevel=3,
            )
        self.labels_ = self.gate_.predict_proba(self._gate_inputs(X)).argmax(axis=1)
        self.winner_labels_ = rows.spread(contest.labels, self.labels_)
        progress.finish()
        return self

    def _warn_of_light_rows(self, rows: WeightedRows) -> None:
        """Weights that sum to one, say, would make one regime of any table, but for closed-form laws of numbers."""
        least, total = self.min_samples or max(10, 3 * (rows.X.shape[1] + 1)), rows.weight.sum()
        if self.n_experts == "auto" and not self._in_closed_form() and total < 2 * least <= len(rows.X):
            warn(
                f"ActivePartitioner: sample_weight makes {total:g} observations of {len(rows.X)} rows, too few for two "
                f"regimes of {least}. Where weights are relative, pass sample_weight * (len(X) / sample_weight.sum()).",
                ModpartWarning,
                stacklevel=4,
            )

    def _check_rows(self, n_distinct: int, total_weight: float) -> None:
        if self.n_experts == "auto":
            return
        least = self.min_samples or LEAST_ROWS
        for found, kind, each in (
            (total_weight, "rows", least),
            (n_distinct, "distinct rows", min(least, LEAST_ROWS)),
        ):
            if self.n_experts * each > found:
                raise ParameterError(
                    f"ActivePartitioner: n_experts={self.n_experts} is more than {found:g} {kind} can feed with at "
                    f"least {each} {kind} each. Lower n_experts or min_samples, or pass n_experts='auto'."
                )

    def _in_closed_form(self) -> bool:
        return self.estimator is None or isinstance(self.estimator, BayesianExpert)

    def _contest(self, rows: WeightedRows, rng: np.random.Generator, report: Report) -> Contest:
        bounds = (1, self.max_experts) if self.n_experts == "auto" else (self.n_experts, self.n_experts)
        shared: dict[str, Any] = {"bounds": bounds, "min_samples": self.min_samples, "vote_weight": self.vote_weight}
        shared["weight"] = rows.weight
        if self.init == "random" and (self._in_closed_form() or is_logistic(self.estimator)):
            raise ParameterError(
                "ActivePartitioner: init='random' needs experts that compete with starts, and closed-form ones have "
                "none. Pass another estimator, such as MLPExpert(), or init='auto'."
            )
        if self._in_closed_form():
            kind = BayesianExpert() if self.estimator is None else self.estimator
            return contest_by_evidence(rows.X, rows.y, rng, law=kind.law, device=kind.device, report=report, **shared)
        if is_logistic(self.estimator):
            return contest_by_class_evidence(self.estimator, rows.X, rows.y, rng, report=report, **shared)
        contest = contest_by_hold_out(
            self.estimator,
            rows.X,
            rows.y,
            rng,
            init=self.init,
            n_init=self.n_init,
            max_rounds=self.max_rounds,
            validation_fraction=self.validation_fraction,
            n_jobs=self.n_jobs,
            **shared,
        )
        for line in contest.history:  # runs go side by side, so they are told when they are done
            report(line)
        return contest

    def _gate_inputs(self, X: np.ndarray) -> np.ndarray:
        return self.scaling_.inputs(X)[:, self.gate_columns_]

    def predict(self, X: Any) -> np.ndarray:
        """Partition of each row, from X alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,), int64
        """
        return self.predict_proba(X).argmax(axis=1)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Share of each partition at each row: how sure the gate is of where its borders run.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        shares : ndarray of shape (n_samples, n_partitions_)
            Rows sum to 1.
        """
        check_is_fitted(self)
        return self.gate_.predict_proba(self._gate_inputs(check_X(self, X)))

    def transform(self, X: Any) -> np.ndarray:
        """Gate shares as features, the same as :meth:`predict_proba`.

        They come from the gate for training rows too, so no target leaks into what follows in a pipeline.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        shares : ndarray of shape (n_samples, n_partitions_)
        """
        return self.predict_proba(X)

    def fit_predict(self, X: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """Fit, then return ``labels_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,) or None

        Returns
        -------
        labels : ndarray of shape (n_samples,), int64
        """
        return self.fit(X, y, sample_weight).labels_

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R squared of the experts routed by the gate (the mean over outputs), accuracy for classes.

        So searches can compare partitions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,) or None

        Returns
        -------
        score : float
        """
        labels = self.predict(X)
        X = check_X(self, X)
        of_classes = is_classifier(self.experts_[0])
        kind = self.experts_[0].classes_.dtype if of_classes else np.float64
        predictions = np.empty((len(X), *np.shape(self.scaling_.y_sd)), dtype=kind)
        for k in np.unique(labels):
            predictions[labels == k] = answer(self.experts_[k], X[labels == k])
        return float((accuracy_score if of_classes else r2_score)(y, predictions, sample_weight=sample_weight))


def _words(line: dict[str, Any]) -> str:
    """One line of the history as a sentence."""
    words = {"noise": "noise", "hold_out_loss": "hold-out loss", "log_loss": "log loss"}
    level = next(f"{said} {line[name]:.4f}" for name, said in words.items() if name in line)
    return f"{line['n_experts']} experts, {100 * line['changed']:.1f} % of the rows changed hands, {level}"
