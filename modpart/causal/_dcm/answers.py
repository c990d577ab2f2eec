"""What a fitted model can be asked: samples, counterfactuals, effects, predictions, densities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from modpart._utils.parallel import parallel_map
from modpart._utils.params import integer, suggest, validate
from modpart._utils.seeds import check_rng, child_seeds
from modpart.causal._counterfactual import Event
from modpart.causal._dcm.reading import read_rows
from modpart.causal._dcm.runs import Runs
from modpart.causal._dcm.support import FEW
from modpart.exceptions import (
    GraphError,
    InputDataError,
    ModpartWarning,
    NotIdentifiableError,
    ParameterError,
    PositivityWarning,
)

__all__ = ["Answers", "Effect"]

FEW_ROWS = 30  # of the data that hold a value which is set; fewer are warned of
SCARCE = 0.05  # of the draws that rest on fewer rows than are worth anything; more is warned of
LOOKED_AT = 20_000  # draws
GRID = np.linspace(-4.0, 4.0, 81)  # standardised values over which a number is averaged


@dataclass(frozen=True)
class Effect:
    """An average effect with a 95 % interval.

    Made by :meth:`ModularDCM.effect`.

    Parameters
    ----------
    value : float
        Mean of the outcome under the intervention minus its mean under the one it is compared with.
    low, high : float
        Ends of the interval.
    covers : str
        What the interval accounts for: the error of sampling from the model, or that of the data as well.

    Examples
    --------
    >>> from modpart.causal import Effect
    >>> print(Effect(0.25, 0.2, 0.3, "data"))
    0.25 (95 % interval 0.2 to 0.3, from the data)
    """

    value: float
    low: float
    high: float
    covers: str

    def __str__(self) -> str:
        source = "from the data" if self.covers == "data" else "of sampling from the model alone"
        return f"{self.value:.4g} (95 % interval {self.low:.4g} to {self.high:.4g}, {source})"


def _has_outcome(model: Any) -> bool:
    if model.outcome is None:
        raise AttributeError("predict needs an outcome: ModularDCM(graph, outcome='Y').")
    return True


class Answers(Runs):
    """Queries of a fitted model; the part of :class:`ModularDCM` that does not train."""

    outcome: str | int | None
    outcome_: str | None
    on_unidentifiable: str
    n_jobs: int | None

    def identify(self, outcomes: Any, *, do: Any = (), given: Any = ()) -> Any:
        """Whether the data at hand determine P(outcomes | do, given), and by which formula.

        Parameters
        ----------
        outcomes : str or iterable of str
        do, given : str or iterable of str, default=()

        Returns
        -------
        identification : Identification
            For the regimes that the model was fitted to.
        """
        check_is_fitted(self)
        return self.graph_.identify(outcomes, do=do, given=given, regimes=self._regimes())

    def sample(
        self,
        n_samples: int = 1,
        *,
        variables: Any = None,
        do: Mapping[str, Any] | None = None,
        given: Mapping[str, Any] | None = None,
        random_state: Any = None,
    ) -> Any:
        """Draw rows, after variables were set and others observed.

        Parameters
        ----------
        n_samples : int, default=1
        variables : str or iterable of str, default=None
            Columns to return; None returns all. Fewer columns may be identifiable where all are not.
        do : mapping of str to value, default=None
            What is set: a value, or an array of shape (n_samples,) with one for each row.
        given : mapping of str to value, default=None
            What is observed after that.
        random_state : int, Generator, RandomState or None, default=None

        Returns
        -------
        samples : DataFrame of shape (n_samples, n_variables), or dict of arrays when one of them is a tensor
            In the types of the training data. With `given`, ``samples.attrs["effective_sample_size"]`` says how many
            independent rows the weighted draws are worth.

        Raises
        ------
        NotIdentifiableError
            When the data do not determine the distribution that is asked for.
        InputDataError
            When a value was never seen, or a tensor is among `given`.

        Warns
        -----
        PositivityWarning
            When a value that is set is rare in the data.
        """
        check_is_fitted(self)
        validate("sample", {"n_samples": n_samples}, {"n_samples": (integer(1),)})
        do, given = _settings_of("do", do), _settings_of("given", given)
        names = self._asked(variables, do, given)
        self._gate(self.identify(names[0], do=do, given=given) if names[0] else True, names[0])
        self._warn_of_rare(do)
        rng = check_rng(random_state)
        with self._ready(rng) as (system, draw):
            values, effective = self._draw(system, draw, n_samples, do, given)
        self._warn_of_scarce(do, names[0], values)
        frame = self._frame({name: values[name] for name in names[1]})
        if given and isinstance(frame, pd.DataFrame):
            frame.attrs["effective_sample_size"] = effective
        return frame

    def counterfactual(
        self,
        evidence: Mapping[str, Any],
        do: Mapping[str, Any],
        *,
        n_samples: int = 1000,
        variables: Any = None,
        random_state: Any = None,
    ) -> Any:
        """Draw what would have been, had something been set, for a unit of which something has been seen.

        Parameters
        ----------
        evidence : mapping of str to value
            What has been seen of the unit in the actual world.
        do : mapping of str to value
            What would have been set.
        n_samples : int, default=1000
        variables : str or iterable of str, default=None
            Columns of the other world to return; None returns all.
        random_state : int, Generator, RandomState or None, default=None

        Returns
        -------
        samples : DataFrame of shape (n_samples, n_variables), or dict of arrays when one of them is a tensor
            ``samples.attrs["effective_sample_size"]`` says how many independent rows they are worth.

        Raises
        ------
        NotIdentifiableError
            When the data do not determine the counterfactual.

        Notes
        -----
        Abduction, action, prediction (Pearl 2009, theorem 7.1.7). The hidden causes are drawn and weighted by the
        probability of the evidence; the noise of a variable that was seen is drawn from what it can have been. Where
        nothing changes for a variable it keeps its value, so that doing what was done reproduces the evidence exactly.
        """
        check_is_fitted(self)
        validate("counterfactual", {"n_samples": n_samples}, {"n_samples": (integer(1),)})
        evidence, do = _settings_of("evidence", evidence), _settings_of("do", do)
        asked = self._asked(variables, do, {})
        self._gate(self._identify_counterfactual(asked[0], evidence, do), asked[0])
        rng = check_rng(random_state)
        from modpart._torch.dcm.sampling import run

        with self._ready(rng) as (system, draw):
            actual, noise, effective = self._abduct(system, draw, n_samples, evidence)
            set_to = {name: self._spread(system, name, value, n_samples, draw) for name, value in do.items()}
            values = run(system, noise, set_to, actual=actual)
        kept = self._frame({name: values[name] for name in asked[1]})
        if isinstance(kept, pd.DataFrame):
            for name in kept.columns.intersection(list(evidence)):
                if self.columns_[name].states is None:  # the value as it was seen, not as float32
                    same = (values[name] == actual[name]).cpu().numpy()
                    kept[name] = kept[name].mask(same, evidence[name])
            kept.attrs["effective_sample_size"] = effective
        return kept

    def effect(
        self,
        outcome: str,
        do: Mapping[str, Any],
        versus: Mapping[str, Any],
        *,
        given: Mapping[str, Any] | None = None,
        n_samples: int = 100_000,
        X: Any = None,
        n_bootstrap: int = 20,
        random_state: Any = None,
    ) -> Effect:
        """Average effect of an intervention on an outcome, with an interval.

        Parameters
        ----------
        outcome : str
            Column of numbers, or of booleans.
        do, versus : mapping of str to value
            The two interventions to compare.
        given : mapping of str to value, default=None
            What is observed after the intervention.
        n_samples : int, default=100000
        X : as for :meth:`fit`, default=None
            The data, for an interval that covers their error as well: the model is fitted again to rows drawn with
            replacement. None gives the interval of sampling from this model alone.
        n_bootstrap : int, default=20
            Number of these fits.
        random_state : int, Generator, RandomState or None, default=None

        Returns
        -------
        effect : Effect

        Raises
        ------
        NotIdentifiableError
            When the data do not determine the effect.
        """
        check_is_fitted(self)
        rng = check_rng(random_state)
        seed = child_seeds(rng, 1)[0]
        arms = [
            _numbers(outcome, self.sample(n_samples, variables=outcome, do=setting, given=given, random_state=seed))
            for setting in (do, versus)
        ]
        value = float(arms[0].mean() - arms[1].mean())  # both arms share all their noise
        if X is None:
            error = (
                float((arms[0] - arms[1]).std() / np.sqrt(n_samples))
                if not given
                else float(np.sqrt(sum(arm.var() / n_samples for arm in arms)))
            )
            return Effect(value, value - 1.96 * error, value + 1.96 * error, "sampling")
        jobs = [
            (
                clone(self).set_params(random_state=fit_seed),
                _resampled(X, draw_seed),
                outcome,
                do,
                versus,
                given,
                n_samples,
                seed,
            )
            for fit_seed, draw_seed in zip(child_seeds(rng, n_bootstrap), child_seeds(rng, n_bootstrap), strict=True)
        ]
        values = parallel_map(_effect_again, jobs, n_jobs=self.n_jobs)
        low, high = np.quantile(2 * value - np.asarray(values), [0.025, 0.975])  # the basic bootstrap interval
        return Effect(value, float(low), float(high), "data")

    @available_if(_has_outcome)
    def predict(self, X: Any, *, do: Any = (), n_samples: int = 2000, random_state: Any = 0) -> np.ndarray:
        """Predict the outcome of each row: its mean if it is a number, its most probable state otherwise.

        Parameters
        ----------
        X : DataFrame, array of shape (n_samples, n_features) or mapping of arrays
            The columns of the training data; that of the outcome is ignored, and may be missing where columns have
            names.
        do : str or iterable of str, default=()
            Columns whose values are set rather than observed; all others are then ignored.
        n_samples : int, default=2000
            Rows drawn for each different setting of `do`; without `do` the prediction is an exact sum.
        random_state : int, Generator, RandomState or None, default=0
            Seeds those draws.

        Returns
        -------
        prediction : ndarray of shape (n_samples,)

        Raises
        ------
        NotIdentifiableError
            When the effect of `do` does not follow from the data.
        """
        check_is_fitted(self)
        outcome = str(self.outcome_)
        column = self.columns_[outcome]
        if column.kind == "tensor":
            raise InputDataError(f"The outcome {outcome!r} is a tensor; sample it instead of predicting it.")
        if do:
            return self._predict_do(X, self.graph_.names(do), n_samples, random_state)
        table = read_rows(self, X, missing=[outcome])
        values = self._encode({name: part for name, part in table.items() if name != outcome})
        count = len(next(iter(table.values())))
        states = np.arange(column.size) if column.states is not None else GRID.astype(np.float32)
        related = {outcome, *self.graph_.children(outcome)}
        parts = {v for name in related for v in self.graph_.district(name)}
        with self._ready(check_rng(0)) as (system, draw):
            log = np.stack(
                [self._log_density(system, draw, values | {outcome: np.full(count, s)}, parts) for s in states], 1
            )
        if column.states is not None:
            return column.decode(log.argmax(1)).to_numpy()
        share = np.exp(log - log.max(1, keepdims=True))
        mean = (share * GRID).sum(1) / share.sum(1)
        return mean * column.scale + column.center

    def score_samples(self, X: Any) -> np.ndarray:
        """Log density of each row; that of tensors is left out, they are taken as given.

        Parameters
        ----------
        X : DataFrame, array of shape (n_samples, n_features) or mapping of arrays

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats, for columns of numbers per unit of the column.
        """
        check_is_fitted(self)
        table = read_rows(self, X)
        with self._ready(check_rng(0)) as (system, draw):
            log = self._log_density(system, draw, self._encode(table), set(self.graph_.nodes))
        return log - sum(np.log(c.scale) for c in self.columns_.values() if c.states is None and c.kind != "tensor")

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log density of the rows, higher being better.

        A model of the right graph that scores better answers identifiable queries better; the score says nothing about
        whether the graph is right.

        Parameters
        ----------
        X : DataFrame, array of shape (n_samples, n_features) or mapping of arrays
        y : ignored

        Returns
        -------
        score : float
        """
        return float(self.score_samples(X).mean())

    def _asked(self, variables: Any, do: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        """What is asked about, and the columns to return."""
        for word, setting in (("do", do), ("given", given)):
            for name in setting:
                if name not in self.columns_:
                    raise GraphError(
                        f"{word} names {name!r}, which is no node. {suggest(str(name), list(self.columns_))}"
                    )
        names = list(self.columns_) if variables is None else list(self.graph_.names(variables))
        names = [name for name in self.columns_ if name in names]
        return [name for name in names if name not in do and name not in given], names

    def _gate(self, identification: Any, names: list[str]) -> None:
        if identification:
            return
        message = str(identification)
        if len(names) > 1:
            message += " Fewer `variables` may be identifiable."
        if self.on_unidentifiable == "raise":
            raise NotIdentifiableError(message, identification)
        warn(f"{message} The answer is one of many that agree with the data.", ModpartWarning, stacklevel=3)

    def _identify_counterfactual(self, names: list[str], evidence: dict[str, Any], do: dict[str, Any]) -> Any:
        unknown = [name for name in (*evidence, *do) if name not in self.columns_]
        if unknown:
            raise GraphError(f"{unknown[0]!r} is no node. {suggest(str(unknown[0]), list(self.columns_))}")
        if all(name in evidence and evidence[name] == value for name, value in do.items()):
            names = [name for name in names if name not in evidence]  # by consistency it is the actual world
            return self.identify(names, given=evidence) if names else True
        events = [Event(name, do) for name in names]
        seen = [Event(name, value=value) for name, value in evidence.items()]
        if not events:
            return True
        return self.graph_.identify_counterfactual(events, given=seen, regimes=self._regimes())

    def _warn_of_rare(self, do: Mapping[str, Any]) -> None:
        for name, value in do.items():
            if np.ndim(value) == 0 and (words := self.columns_[name].rarity(value, FEW_ROWS)):
                warn(
                    f"do sets {name}={value!r}, {words}: what follows from it is mostly guesswork.",
                    PositivityWarning,
                    stacklevel=3,
                )

    def _warn_of_scarce(self, do: Mapping[str, Any], names: list[str], values: Mapping[str, Any]) -> None:
        """Tell of a variable that is asked what it does beside combinations of its causes that the data hardly hold."""
        if not do or not names:
            return
        changed = self.graph_.do(do)
        asked = (changed.ancestors(names) & changed.descendants(do)) - set(do)
        worst: tuple[float, str] = (SCARCE, "")
        for v in [v for v in self.graph_.order if v in asked and v in self.support_]:
            support = self.support_[v]
            drawn = {name: values[name][:LOOKED_AT].cpu().numpy() for name in support.names}
            share, code, common, rows = support.scarce(drawn)
            if share > worst[0]:
                where = support.words(code, self.columns_)
                worst = (
                    share,
                    f"{v} is drawn for combinations of its causes that fewer than {FEW} rows of data have, in "
                    f"{share:.0%} of the draws; above all {where}, in {common:.0%} of the draws and {rows} rows of "
                    f"data. What {v} does there is a guess; rows with {where} would help.",
                )
        if worst[1]:
            told = ", ".join(name if np.ndim(value) else f"{name}={value!r}" for name, value in do.items())
            warn(f"With do {told}: {worst[1]}", PositivityWarning, stacklevel=3)

    def _predict_do(self, X: Any, do: frozenset[str], n_samples: int, random_state: Any) -> np.ndarray:
        table = read_rows(self, X, missing=[name for name in self.columns_ if name not in do])
        rows = pd.DataFrame({name: np.asarray(table[name]) for name in sorted(do)})
        seed = child_seeds(check_rng(random_state), 1)[0]
        found: dict[tuple[Any, ...], Any] = {}
        for key in rows.itertuples(index=False, name=None):
            if key not in found:
                setting = dict(zip(rows.columns, key, strict=True))
                drawn = self.sample(n_samples, variables=self.outcome_, do=setting, random_state=seed)[self.outcome_]
                mean = self.columns_[str(self.outcome_)].states is None
                found[key] = drawn.mean() if mean else drawn.value_counts().index[0]
        return np.array([found[key] for key in rows.itertuples(index=False, name=None)])


def _settings_of(word: str, values: Any) -> dict[str, Any]:
    """Values by variable, as the user gave them."""
    if values is not None and not isinstance(values, Mapping):
        raise ParameterError(
            f"{word}={values!r} gives no values. Pass a mapping of variables to values, such as {word}={{'X': 1}}."
        )
    return dict(values or {})


def _numbers(name: str, frame: pd.DataFrame) -> np.ndarray:
    try:
        return frame[name].to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise InputDataError(
            f"The outcome {name!r} is no number, so it has no mean. Make it boolean or a number."
        ) from error


def _effect_again(
    model: Any, X: Any, outcome: str, do: Any, versus: Any, given: Any, n_samples: int, seed: int
) -> float:
    return model.fit(X).effect(outcome, do, versus, given=given, n_samples=n_samples, random_state=seed).value


def _resampled(X: Any, seed: int) -> Any:
    """Rows drawn with replacement, within each data set."""
    if isinstance(X, Mapping) and all(isinstance(part, pd.DataFrame | Mapping) for part in X.values()):
        return {regime: _resampled(part, seed + i) for i, (regime, part) in enumerate(X.items())}
    count = len(next(iter(X.values()))) if isinstance(X, Mapping) else len(X)
    rows = np.random.default_rng(seed).integers(count, size=count)
    if isinstance(X, Mapping):
        return {name: np.asarray(values)[rows] for name, values in X.items()}
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else np.asarray(X)[rows]
