"""What is observed beside what would happen: the law of an outcome under an intervention, from every source at hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from modpart._utils.optional import optional_import
from modpart._utils.params import suggest
from modpart.causal import ModularDCM
from modpart.exceptions import InputDataError, ParameterError
from modpart.inspection._style import COLORS, tidy

__all__ = ["InterventionDisplay"]

SOURCES = ("observed", "plug-in", "sampled", "true")
NEAREST = 200  # rows of the data whose treatment is closest to a number
MOST = 6  # panels


class InterventionDisplay:
    """Picture of P(outcome | do(treatment)): observed, by the formula, sampled from the model, and true where known.

    Make it with :meth:`from_estimator`. Where "observed" and "sampled" part, a hidden or open confounder speaks.

    Parameters
    ----------
    laws : mapping of value to mapping of str to Series or ndarray
        For each value of the treatment and each source the shares of the outcome's values (Series), or draws of it
        (array).
    outcome, treatment : str
        Names for the axes.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for each value of the treatment.
    figure_ : matplotlib Figure

    See Also
    --------
    modpart.causal.ModularDCM.sample : What "sampled" is drawn by.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from modpart.causal import ModularDCM
    >>> from modpart.causal import CausalGraph
    >>> from modpart.datasets import DiscreteSCM
    >>> from modpart.inspection import InterventionDisplay
    >>> graph = CausalGraph("X -> Z -> Y; X <-> Y")
    >>> data = DiscreteSCM(graph, random_state=0).sample(1000, random_state=0)
    >>> model = ModularDCM(graph, loss="likelihood", max_steps=100, random_state=0).fit(data)
    >>> display = InterventionDisplay.from_estimator(model, "Y", "X", data=data, n_samples=1000)
    >>> sorted(display.laws[0])
    ['observed', 'plug-in', 'sampled']
    """

    def __init__(self, laws: Mapping[Any, Mapping[str, Any]], outcome: str, treatment: str) -> None:
        self.laws, self.outcome, self.treatment = laws, outcome, treatment

    @classmethod
    def from_estimator(
        cls,
        estimator: ModularDCM,
        outcome: str,
        treatment: str,
        *,
        data: pd.DataFrame | None = None,
        truth: Mapping[Any, Any] | None = None,
        values: Sequence[Any] | None = None,
        n_samples: int = 20_000,
        random_state: Any = 0,
        axes: Any = None,
    ) -> "InterventionDisplay":
        """Sample from a fitted model, and draw what it gives beside the data.

        Parameters
        ----------
        estimator : ModularDCM
            Fitted.
        outcome, treatment : str
            Columns; the outcome no tensor.
        data : DataFrame or None, default=None
            Observational data, for "observed", and for "plug-in" where the formula's columns are discrete.
        truth : mapping of value to Series, array of shares, or draws, default=None
            The true law for each value of the treatment: shares in the order of the outcome's states, or draws of an
            outcome of numbers.
        values : sequence or None, default=None
            Values of the treatment; None takes its states, or five quantiles of `data`.
        n_samples : int, default=20000
        random_state : int, Generator, RandomState or None, default=0
        axes : sequence of matplotlib Axes or None, default=None
            Where to draw, one for each value; None makes a new figure.

        Returns
        -------
        display : InterventionDisplay

        Raises
        ------
        NotIdentifiableError
            When the data do not determine the effect.
        ParameterError
            When a column is unknown, or there are no values to set.
        """
        optional_import("matplotlib", extra="plot", purpose=cls.__name__)
        check_is_fitted(estimator)
        for name in (outcome, treatment):
            if name not in estimator.columns_:
                known = suggest(str(name), list(estimator.columns_))
                raise ParameterError(f"{cls.__name__}: {name!r} is no column of the model. {known}")
        chosen = _values(estimator, treatment, data, values)
        formula = _plug_in(estimator, outcome, treatment, data)
        states = estimator.columns_[outcome].states
        laws: dict[Any, dict[str, Any]] = {}
        for value in chosen:
            rows = estimator.sample(n_samples, variables=outcome, do={treatment: value}, random_state=random_state)
            law = {"sampled": _law(rows[outcome], states)}
            if data is not None:
                law["observed"] = _law(_like(data, treatment, value, estimator)[outcome], states)
            if formula is not None and value in formula.index.get_level_values(0):
                law["plug-in"] = formula.loc[value]
            if truth is not None and value in truth:
                exact = np.asarray(truth[value])
                law["true"] = exact if states is None else pd.Series(exact, index=states)
            laws[value] = {source: law[source] for source in SOURCES if source in law}
        return cls(laws, outcome, treatment).plot(axes)

    def plot(self, axes: Any = None) -> "InterventionDisplay":
        """Draw.

        Parameters
        ----------
        axes : sequence of matplotlib Axes or None, default=None
            One for each value of the treatment; None makes a new figure.

        Returns
        -------
        self : InterventionDisplay
        """
        pyplot = optional_import("matplotlib.pyplot", extra="plot", purpose=type(self).__name__)
        count = len(self.laws)
        if axes is None:
            size = (2.6 * count + 1.6, 2.8)
            axes = pyplot.subplots(1, count, sharey=True, figsize=size, layout="constrained", squeeze=False)[1][0]
        self.axes_ = np.ravel(axes)
        if len(self.axes_) != count:
            raise ParameterError(f"InterventionDisplay: axes holds {len(self.axes_)} axes and must hold {count}.")
        self.figure_ = self.axes_[0].figure
        for ax, (value, law) in zip(self.axes_, self.laws.items(), strict=True):
            shown = f"{value:.3g}" if isinstance(value, float | np.floating) else str(value)
            ax.set_title(f"do({self.treatment} = {shown})", loc="left", fontsize="medium")
            ax.set_xlabel(self.outcome)
            _bars(ax, law) if isinstance(next(iter(law.values())), pd.Series) else _curves(ax, law)
            tidy(ax)
        series = isinstance(next(iter(next(iter(self.laws.values())).values())), pd.Series)
        self.axes_[0].set_ylabel("probability" if series else "share below")
        self.axes_[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
        return self


def _values(model: ModularDCM, treatment: str, data: Any, values: Sequence[Any] | None) -> list[Any]:
    if values is not None and len(values):
        return list(values)
    column = model.columns_[treatment]
    if column.states is not None:
        return column.states.tolist()[:MOST]
    if data is None:
        raise ParameterError(
            f"InterventionDisplay: {treatment!r} is a column of numbers; pass values to set it to, or data to take "
            "quantiles from."
        )
    return np.quantile(np.asarray(data[treatment], np.float64), [0.1, 0.3, 0.5, 0.7, 0.9]).tolist()


def _plug_in(model: ModularDCM, outcome: str, treatment: str, data: Any) -> pd.Series | None:
    """The formula evaluated on the data, None where it does not apply."""
    formula = model.identify(outcome, do=treatment)
    if data is None or not formula or model.regimes_ != [[]]:
        return None
    if any(column.states is None for column in model.columns_.values()):
        return None
    try:
        return formula.evaluate(data)
    except InputDataError:
        return None


def _like(data: pd.DataFrame, treatment: str, value: Any, model: ModularDCM) -> pd.DataFrame:
    """Rows with this value of the treatment, or the closest ones."""
    if model.columns_[treatment].states is not None:
        return data[data[treatment] == value]
    distance = np.abs(np.asarray(data[treatment], np.float64) - float(value))
    return data.iloc[np.argsort(distance, kind="stable")[:NEAREST]]


def _law(values: pd.Series, states: Any) -> Any:
    if states is None:
        return np.asarray(values, np.float64)
    return values.value_counts(normalize=True).reindex(states, fill_value=0.0)


def _bars(ax: Any, law: Mapping[str, pd.Series]) -> None:
    width = 0.8 / len(law)
    for i, (source, shares) in enumerate(law.items()):
        places = np.arange(len(shares)) + (i - (len(law) - 1) / 2) * width
        ax.bar(places, shares, width, color=COLORS[SOURCES.index(source)], label=source)
    ax.set_xticks(np.arange(len(shares)), [str(state) for state in shares.index])


def _curves(ax: Any, law: Mapping[str, np.ndarray]) -> None:
    for source, drawn in law.items():
        ordered = np.sort(drawn)
        style = {"ls": "--"} if source == "true" else {}
        ax.plot(ordered, np.arange(1, len(ordered) + 1) / len(ordered), color=COLORS[SOURCES.index(source)], **style)
        ax.lines[-1].set_label(source)
