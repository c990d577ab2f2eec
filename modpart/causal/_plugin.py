"""Causal answers from discrete data by their formula: frequencies in place of probabilities."""

from collections.abc import Iterable, Mapping
from typing import Any
from warnings import warn

import networkx as nx
import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_categories
from modpart._utils.params import boolean, integer, nothing, number, where, workers
from modpart._utils.progress import Progress, with_callbacks
from modpart._utils.seeds import check_rng, child_seeds
from modpart.causal._graph import CausalGraph, Names
from modpart.causal._identification import Identification
from modpart.causal._identify.worlds import Event
from modpart.causal._numbers.answers import as_series, place_of, warn_of_gaps
from modpart.causal._numbers.bootstrap import Counterfactual, Difference, Distribution, Mean, Statistic, replicates
from modpart.causal._numbers.discrete import Cells, DiscreteData
from modpart.exceptions import GraphError, InputDataError, PositivityWarning

__all__ = ["PluginEstimator"]


class PluginEstimator(Estimator):
    """Answers to causal queries on discrete data, each by its own formula, with bootstrap intervals.

    A query is identified first (:meth:`CausalGraph.identify`); then every probability in its formula is replaced by the
    frequency in the data. This is the nonparametric maximum-likelihood answer: it assumes nothing but the graph, is
    consistent for every identifiable query, and is the reference for models that generalise. Use it where variables
    take few values; with many, cells run empty, and the answer says so instead of guessing.

    Parameters
    ----------
    graph : CausalGraph, anything it is made from, or None, default=None
        Which columns cause which. None takes every column as a cause of all later ones, without hidden causes.
    n_bootstrap : int >= 0, default=200
        Bootstrap samples behind an interval; 0 leaves the intervals away.
    confidence_level : float in (0, 1), default=0.95
        Coverage of the intervals.
    random_state : int, Generator, RandomState or None, default=None
        Draws the bootstrap samples; they are the same in every query after one fit.
    n_jobs : int or None, default=None
        Workers that share the bootstrap samples; their number changes no bit.
    verbose : int >= 0, default=0
        Print a line for each tenth of the bootstrap samples.

    Attributes
    ----------
    graph_ : CausalGraph
    regimes_ : list of tuple of str
        What was set in each data set, ``()`` for observational data.
    states_ : dict of str to ndarray
        Values of each variable: its categories, or what occurs, sorted.
    n_rows_ : list of int
        Rows of each data set.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X has string column names.

    See Also
    --------
    CausalGraph.identify : The verdict and the formula without data.

    Notes
    -----
    Intervals are the percentiles of the bootstrap, each data set resampled by itself. They know nothing of values that
    did not occur: a frequency of 0 has the interval [0, 0]. Time of a query is about that of one evaluation of its
    formula (linear in the rows, and in the combinations of values of the largest product) times `n_bootstrap`.

    References
    ----------
    .. [1] Efron & Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13.

    Examples
    --------
    >>> from modpart.causal import PluginEstimator
    >>> from modpart.datasets import DiscreteSCM
    >>> model = DiscreteSCM("X -> Z -> Y; X <-> Y", random_state=0)
    >>> estimator = PluginEstimator(model.graph, random_state=0).fit(model.sample(5000, random_state=0))
    >>> estimator.average_effect("Y", {"X": 1}, {"X": 0}).round(2)
             effect   low  high
    outcome
    Y          0.19  0.17  0.21
    """

    _rules = {
        "graph": (
            nothing,
            where(
                "a CausalGraph, or text, edges or a networkx graph to make it from",
                lambda value: (
                    isinstance(value, str | list | tuple | CausalGraph | nx.Graph)
                    or hasattr(value, "directed")
                    or hasattr(value, "get_graphs")
                ),
            ),
        ),
        "n_bootstrap": (integer(0),),
        "confidence_level": (number(0.0, 1.0, open_low=True, open_high=True),),
        "n_jobs": (nothing, workers),
        "verbose": (boolean, integer(0)),
    }

    def __init__(
        self,
        graph: Any = None,
        *,
        n_bootstrap: int = 200,
        confidence_level: float = 0.95,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.graph = graph
        self.n_bootstrap = n_bootstrap
        self.confidence_level = confidence_level
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> "PluginEstimator":
        """Count how often each combination of values occurs.

        Parameters
        ----------
        X : DataFrame, array-like, Series, or mapping of regimes to these
            A table with a discrete column for each node of the graph (others are ignored); columns of an array are
            called ``x0``, ``x1``, ... A Series of counts, whose index has a named level for each node, is a table that
            is already counted. A mapping tells what was set in each data set: ``{(): observed, "Z": experiment}``,
            with tuples of names where several were set.
        y : None
            Ignored.

        Returns
        -------
        self : PluginEstimator

        Raises
        ------
        GraphError
            When the graph is none, or a regime names what is no node.
        InputDataError
            When a node has no column, or a column has missing or too many values.
        ParameterError
            When an argument of the constructor is not valid.
        """
        self._check_params()
        self._seed = child_seeds(check_rng(self.random_state), 1)[0]
        progress = Progress(self, X, y, total=1)
        given = (
            dict(X) if isinstance(X, Mapping) and not issparse(X) else {(): X}
        )  # one kind of sparse matrix is a dict
        tables = {regime: self._checked(regime, part) for regime, part in given.items()}
        self.graph_ = self._graph_of(tables)
        regimes = {self.graph_.names([key] if isinstance(key, str) else key): part for key, part in tables.items()}
        data = DiscreteData.read(regimes, self.graph_.nodes)
        for regime, cells in data.parts.items():
            missing = [node for node in self.graph_.nodes if node not in cells.columns]
            if missing:
                raise InputDataError(f"The data of regime {sorted(regime)} have no column {missing[0]!r}.")
        self.states_ = {name: np.asarray(values) for name, values in data.states.items()}
        self._ordered = {
            name: bool(values.ordered)
            for name, values in data.states.items()
            if isinstance(values, pd.CategoricalIndex)
        }
        self.regimes_ = [tuple(sorted(regime)) for regime in data.parts]
        self.n_rows_ = [round(cells.weights.sum()) for cells in data.parts.values()]
        self._codes = [cells.codes for cells in data.parts.values()]
        self._counts = [cells.weights for cells in data.parts.values()]
        progress.step("count", f"{sum(self.n_rows_)} rows, {sum(map(len, self._counts))} different")
        progress.finish()
        return self

    def _checked(self, regime: Any, part: Any) -> Any:
        if not isinstance(part, pd.Series):
            return check_categories(self, part)
        counts = part.to_numpy(np.float64)
        if not np.allclose(counts, np.round(counts)):
            raise InputDataError(
                "The Series holds shares, and intervals need the number of rows. Pass counts, or evaluate the formula "
                "alone: graph.identify(...).evaluate(shares)."
            )
        names = [str(name) for name in part.index.names]
        self.n_features_in_, self.feature_names_in_ = len(names), np.array(names, dtype=object)
        return part

    def _graph_of(self, tables: Mapping[Any, Any]) -> CausalGraph:
        if self.graph is not None:
            return self.graph if isinstance(self.graph, CausalGraph) else CausalGraph(self.graph)
        first = next(iter(tables.values()), None)
        if first is None:
            raise InputDataError("The mapping of regimes is empty; pass at least one data set, {(): DataFrame}.")
        names = [str(name) for name in (first.index.names if isinstance(first, pd.Series) else first.columns)]
        return CausalGraph([(a, b) for i, a in enumerate(names) for b in names[i + 1 :]], nodes=names)

    @property
    def _data(self) -> DiscreteData:
        check_is_fitted(self)
        states = {name: pd.Index(values, name=name) for name, values in self.states_.items()}
        for name, ordered in self._ordered.items():
            states[name] = pd.CategoricalIndex(states[name], states[name], ordered=ordered, name=name)
        parts = zip(self.regimes_, self._codes, self._counts, strict=True)
        return DiscreteData(
            states, {frozenset(regime): Cells(self.graph_.nodes, codes, counts) for regime, codes, counts in parts}
        )

    def identify(self, outcomes: Names, *, do: Any = (), given: Any = ()) -> Identification:
        """The verdict and the formula of a query in the data that were fitted.

        Parameters
        ----------
        outcomes : str or iterable of str
        do, given : str, iterable of str, or mapping of str to value, default=()

        Returns
        -------
        identification : Identification
        """
        check_is_fitted(self)
        return self.graph_.identify(outcomes, do=do, given=given, regimes=self.regimes_)

    def distribution(self, outcomes: Names, *, do: Any = (), given: Any = ()) -> pd.DataFrame:
        """P(outcomes | do, given) with its interval.

        Parameters
        ----------
        outcomes : str or iterable of str
            Variables whose distribution is asked for.
        do, given : str, iterable of str, or mapping of str to value, default=()
            What is set from outside, and what is observed after that: names, to tabulate all their values, or a mapping
            that says the values.

        Returns
        -------
        distribution : DataFrame
            Columns ``probability``, ``low`` and ``high``; one index level for each tabulated condition and each
            outcome, categories kept. nan where the data lack what the formula needs.

        Raises
        ------
        NotIdentifiableError
            When the query has no answer in these data; it carries the witness.
        GraphError
            When the query names no node, or a value that does not occur.

        Warns
        -----
        PositivityWarning
            When the data lack rows that the formula needs; the message names the combinations of values.
        """
        statistic, data = self._asked(outcomes, do, given)
        return self._table(statistic, data, *self._numbers(statistic, data), "probability")

    def mean(self, outcome: str, *, do: Any = (), given: Any = ()) -> pd.DataFrame:
        """The mean of a numeric outcome under an intervention, with its interval.

        Parameters
        ----------
        outcome : str
            A variable whose values are numbers.
        do, given : str, iterable of str, or mapping of str to value, default=()
            As for :meth:`distribution`.

        Returns
        -------
        mean : DataFrame
            Columns ``mean``, ``low`` and ``high``; one index level for each tabulated condition, or one row that is
            called by the outcome.

        Raises
        ------
        NotIdentifiableError
            When the query has no answer in these data.
        InputDataError
            When the values of the outcome are no numbers.
        """
        statistic, data = self._asked(outcome, do, given)
        mean = Mean(statistic, self._values_of(outcome))
        return self._table(statistic, data, *self._numbers(mean, data), "mean", outcome)

    def average_effect(self, outcome: str, do: Any, versus: Any, *, given: Any = ()) -> pd.DataFrame:
        """What one intervention makes of an outcome more than another one.

        Parameters
        ----------
        outcome : str
        do, versus : mapping of str to value
            The two interventions, on the same variables.
        given : str, iterable of str, or mapping of str to value, default=()
            What is observed after that; tabulated effects are those within each stratum.

        Returns
        -------
        effect : DataFrame
            Columns ``effect``, ``low`` and ``high``: the difference of the means of an outcome whose values are
            numbers, or else the difference of the probability of each of its values. The interval is that of the
            difference, both terms taken from the same bootstrap samples.

        Raises
        ------
        NotIdentifiableError
            When the query has no answer in these data.
        GraphError
            When the two interventions do not set the same variables, or set values that do not occur.
        """
        for setting in (do, versus):
            if not isinstance(setting, Mapping):
                raise GraphError(
                    f"average_effect compares two settings, such as {{'X': 1}} and {{'X': 0}}; got {setting!r}."
                )
        if set(do) != set(versus):
            raise GraphError(
                f"average_effect: the first intervention sets {', '.join(sorted(do))} and the second "
                f"{', '.join(sorted(versus))}; both must set the same variables."
            )
        first, data = self._asked(outcome, do, given)
        second, _ = self._asked(outcome, versus, given)
        numeric = self.states_[outcome].dtype.kind in "biuf" and outcome not in self._ordered
        parts: list[Statistic] = [first, second]
        if numeric:
            values = self._values_of(outcome)
            parts = [Mean(first, values), Mean(second, values)]
        numbers = self._numbers(Difference(*parts), data)
        return self._table(first, data, *numbers, "effect", outcome if numeric else None)

    def counterfactual(self, events: Iterable[Event], *, given: Iterable[Event] = ()) -> pd.DataFrame:
        """The probability of events in different worlds, with its interval.

        Parameters
        ----------
        events, given : iterable of Event
            As for :meth:`CausalGraph.identify_counterfactual`.

        Returns
        -------
        distribution : DataFrame
            Columns ``probability``, ``low`` and ``high``; one index level for each event without a value.

        Raises
        ------
        NotIdentifiableError
            When the query has no answer in these data.
        """
        data = self._data
        found = self.graph_.identify_counterfactual(events, given=given, regimes=self.regimes_).raise_if_not()
        statistic = Counterfactual(found)
        estimate, low, high = self._numbers(statistic, data)
        answer = as_series(found._table(data), found._levels(), data)
        warn_of_gaps(
            found.query, answer, found._expressions(), data, lambda gaps: found._table(data, gaps), stacklevel=3
        )
        return pd.DataFrame({"probability": estimate.ravel(), "low": low.ravel(), "high": high.ravel()}, answer.index)

    # ---- how it is done ---------------------------------------------------------------------------------------
    def _asked(self, outcomes: Names, do: Any, given: Any) -> tuple[Distribution, DiscreteData]:
        """The distribution that a query asks for, and the data on its variables."""
        data = self._data
        found = self.identify(outcomes, do=do, given=given).raise_if_not()
        chosen = {name: value for part in (do, given) if isinstance(part, Mapping) for name, value in part.items()}
        places = {name: place_of(data, name, value, "The query asks for") for name, value in chosen.items()}
        return Distribution(found, places), data.restricted(found._variables())

    def _values_of(self, outcome: str) -> np.ndarray:
        states = self.states_[outcome]
        if states.dtype.kind not in "biuf":
            raise InputDataError(
                f"The values of {outcome!r} are no numbers ({', '.join(map(str, states[:3]))}, ...), so they have no "
                "mean. Ask for its distribution, or turn it into numbers before fit."
            )
        return states.astype(np.float64)

    def _numbers(self, statistic: Statistic, data: DiscreteData) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A statistic on the data, and the ends of its interval."""
        estimate = statistic(data)[0]
        if self.n_bootstrap == 0:
            return estimate, *np.full((2, *estimate.shape), np.nan)
        drawn = replicates(
            statistic, data, self.n_bootstrap, seed=self._seed, n_jobs=self.n_jobs, verbose=int(self.verbose)
        )
        known = ~np.isnan(estimate)
        lacking = np.isnan(drawn[:, known]).any(axis=1)
        if lacking.any() and known.any():
            warn(
                f"{lacking.sum()} of {self.n_bootstrap} bootstrap samples hold no rows for a part of the formula; the "
                "intervals rest on the others, and are too narrow. More data, or fewer classes, would help.",
                PositivityWarning,
                stacklevel=3,
            )
        ends = np.full((2, *estimate.shape), np.nan)
        tail = (1.0 - self.confidence_level) / 2.0
        usable = known & ~np.isnan(drawn).all(axis=0)
        ends[:, usable] = np.nanquantile(drawn[:, usable], [tail, 1.0 - tail], axis=0)
        return estimate, ends[0], ends[1]

    def _table(
        self,
        asked: Distribution,
        data: DiscreteData,
        estimate: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        word: str,
        reduced: str | None = None,
    ) -> pd.DataFrame:
        """Numbers as a DataFrame; `reduced` names the outcome whose axis is gone."""
        found, chosen = asked.identification, asked.chosen
        answer = as_series(found._table(data, chosen), found._levels(chosen), data)
        warn_of_gaps(
            found.query, answer, [found.expression], data, lambda gaps: found._table(data, chosen, gaps), stacklevel=4
        )
        index = answer.index
        if reduced is not None:
            kept = [name for name in index.names if name != reduced]
            index = (
                index.to_frame()[kept].drop_duplicates().set_index(kept).index
                if kept
                else pd.Index([reduced], name="outcome")
            )
        columns = {word: estimate.ravel(), "low": low.ravel(), "high": high.ravel()}
        return pd.DataFrame(columns, index)
