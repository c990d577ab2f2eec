"""The estimator: scores, peers and targets of decision-making units by data envelopment analysis."""

from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_X
from modpart._utils.parallel import one_thread
from modpart._utils.params import boolean, integer, nothing, one_of, suggest, where, workers
from modpart._utils.progress import Progress, with_callbacks
from modpart.efficiency._models.directions import DIRECTIONS, Direction
from modpart.efficiency._models.frontier import Frontier, Scored
from modpart.efficiency._models.restrictions import Restrictions
from modpart.efficiency._models.technology import TECHNOLOGIES, Technology
from modpart.efficiency._simplex.programs import INFEASIBLE, UNBOUNDED
from modpart.efficiency._units.data import Columns, check_units, labels_of, named_columns, plain_name, split_columns
from modpart.efficiency._units.words import Reporting
from modpart.exceptions import InputDataError, ParameterError

__all__ = ["DEA"]

MEASURES = ("radial", "additive", "ram", "bam", "mip", "sbm", "russell")
ORIENTATIONS = ("input", "output", "directional", "hyperbolic")
STATUS = np.array(["optimal", "infeasible", "unbounded", "undefined"])
SLACK_WEIGHTS = ("ones", "mean", "sd")

_columns = where("a list of column names or indices", lambda value: np.iterable(value) and not isinstance(value, str))
_numbers = where(
    "a list of numbers >= 0, one for each input, output and undesirable output",
    lambda value: (
        np.iterable(value)
        and not isinstance(value, str | bytes | Mapping)
        and all(isinstance(number, Real) and 0 <= float(number) < np.inf for number in value)
    ),
)


def _bounds(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(end, Real) for end in pair)
        for pair in value.values()
    )


def _ratios(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(entry, list | tuple) and len(entry) == 4 and all(isinstance(end, Real) for end in entry[2:])
        for entry in value
    )


class DEA(TransformerMixin, Reporting, Estimator):
    """Data envelopment analysis: how far each unit is from best practice, and which units show the way.

    Units (branches, hospitals, farms) turn inputs into outputs. Those that no mixture of others beats span the
    frontier; each other unit is measured by its distance to it and told which units to learn from and what to change.
    Nothing is assumed about prices or about the form of production beyond the `technology`. Noise and mistakes in the
    data move the frontier, so look at :func:`bootstrap_dea` and :func:`order_m` before a score decides anything.

    Parameters
    ----------
    inputs, outputs : list of column names or indices, or None, default=None
        Columns of X that units use up, and that they make. With both None the last column is the output; with one of
        them None, it stands for all columns that are left. Numbers have to be >= 0 in radial and proportional measures.
    technology : {"vrs", "crs", "nirs", "ndrs", "fdh"}, default="vrs"
        Which mixtures count as possible: weighted means (variable returns to scale, BCC), all multiples too (constant
        returns, CCR), multiples up to one (non-increasing), from one on (non-decreasing), or only single units (free
        disposal hull).
    orientation : {"input", "output", "directional", "hyperbolic"}, default="input"
        What moves to the frontier: all inputs in proportion, all outputs, both along `direction`, or inputs divided
        by as much as outputs are multiplied. Slack-based measures but "russell" have none; leave the default there.
    measure : {"radial", "additive", "ram", "bam", "mip", "sbm", "russell"}, default="radial"
        "radial" moves in proportion; the others add up slacks: weighted by `slack_weights`, by ranges (RAM), distances
        to the bounds (BAM), or the unit's own values (MIP); the slacks-based measure SBM (enhanced Russell graph
        measure); and the Russell measure of the inputs or the outputs.
    direction : {"observed", "ones", "mean", "range"}, list of numbers, or None, default=None
        For the orientation "directional": the unit's own values (also None), ones, column means, or the distance to the
        best value of each column ("range", which takes negative data), or numbers for inputs, outputs and undesirable
        outputs in the order of the columns.
    super_efficiency : bool, default=False
        Keep each unit out of its own reference, so that efficient units differ (radial measure and SBM).
    infeasible : {"inf", "nan", "raise"}, default="inf"
        Score where no reference unit comes into question: infinite (minus infinite for output and directional scores),
        nan, or an error.
    non_discretionary : list of column names or indices, or None, default=None
        Inputs or outputs that units cannot choose: they do not move, and their slacks do not count (Banker & Morey
        1986).
    undesirable : list of column names or indices, or None, default=None
        Columns of bad outputs such as emissions: they can be cut only together with the outputs (weak disposability;
        under variable returns with abatement by unit, Kuosmanen 2005). The orientation "directional" cuts them too.
    weight_ratios : list of (column, column, low, high), or None, default=None
        Bounds on the ratio of two weights: ``[("doctors", "nurses", 1, 5)]`` (assurance regions).
    virtual_shares : dict of column to (low, high), or None, default=None
        Bounds on the share of a column in the unit's weighted inputs, or outputs.
    weight_bounds : dict of column to (low, high), or None, default=None
        Absolute bounds on weights in units of the data (high may be infinite), where those of the unit's own direction
        add up to 1: of its inputs with the orientation "input". Scores are then the unit's weighted ones (negative ones
        where high lower ends meet variable returns), and targets the point that the optimal peers make, which may have
        less of an output or more of an input where that pays (Dyson & Thanassoulis 1988).
    slack_weights : {"ones", "mean", "sd"} or list of numbers, default="ones"
        Weights in the second stage and of the measure "additive": ones, or one over the mean or the standard deviation
        of the column, which do not depend on units of measurement.
    data_warnings : bool, default=True
        Warn about zeros, constant, repeated and combined columns, and too few units.
    verbose : int, default=0
        Above 0, print a line whenever some thousand units are done.
    n_jobs : int or None, default=None
        Number of workers, which give the same bits as one. Units are shared in two parts, from 100,000 on in parts of
        up to 50,000; fewer than some 2,200 stay together. Workers are threads, and from some 45,000 units on processes.
        ``joblib.parallel_config("loky")`` chooses processes before: once they run they save a third of the time
        and more from 10,000 units on, where threads wait for each other.

    Attributes
    ----------
    scores_ : ndarray of shape (n_units,), float64
        Optimum of the model: θ <= 1 (input), φ >= 1 (output), β >= 0 (directional), gamma <= 1 (hyperbolic), the
        weighted sum of slacks (additive, RAM, BAM, MIP), rho <= 1 (SBM); beyond those bounds with `super_efficiency`.
    efficiency_ : ndarray of shape (n_units,), float64
        The same so that 1 is best: θ, 1/φ, 1 - β, gamma, 1 - RAM, rho; nan for "additive" and "mip".
    status_ : ndarray of shape (n_units,), str
        "optimal", "infeasible", or "undefined" where a unit has nothing to move (score nan).
    units_ : ndarray of shape (n_units,)
        Names of the units: the index of X, or 0, 1, ...
    efficient_, strongly_efficient_ : ndarray of shape (n_units,), bool
        Within 1e-6 of the frontier; and without slack.
    frontier_indices_ : ndarray of int
        Positions of the efficient units.
    slacks_ : ndarray of shape (n_units, m + s), float64
        What is left to change after the move, as large as possible in weighted sum, in units of the data.
    targets_ : ndarray of shape (n_units, m + s + p), float64
        Inputs, outputs and undesirable outputs that each unit is asked for.
    lambdas_ : csr_array of shape (n_units, n_units), float64
        Intensities of the peers; with slacks they need not be the only ones.
    peers_ : list of lists
        Names of the peers of each unit, the most important first.
    weights_ : ndarray of shape (n_units, m + s + p + 1), float64, or None
        Optimal weights (multipliers) and the free term; often not the only ones.
    rts_ : ndarray of shape (n_units,), str
        Returns to scale: "constant", "increasing", "decreasing".
    scale_efficiency_ : ndarray of shape (n_units,), float64
    columns_ : Columns
        Positions and names of inputs, outputs and undesirable outputs.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X has string column names.

    Raises
    ------
    InputDataError
        When numbers cannot be used; the message names column and unit.
    ParameterError
        When an argument has a value that it does not accept, or arguments do not go together.

    See Also
    --------
    malmquist : Change of productivity between two periods.
    bootstrap_dea : Confidence intervals.
    cross_efficiency : Units judged by each other's weights.

    Notes
    -----
    Every unit is a linear programme. Thousands are solved together by a revised simplex method with column generation:
    each row is scaled by the unit's own value, prices of solved neighbours start the others, and an answer counts once
    it is feasible and priced against every unit; what fails that goes to HiGHS. For three inputs and outputs time grows
    about as n^1.6: 2,000 units take an eighth of a second, 100,000 ten seconds. What needs a second stage (slacks,
    targets, peers) is computed when first asked for. Scores of new units (:meth:`score_units`, :meth:`transform`) are
    those against the fitted frontier, the unit itself not being part of it: beyond 1 where a unit is better.

    Zero inputs restrict the peers to units with a zero there, to the last digit; SBM and Russell measures drop their
    terms and do not count zero outputs.

    References
    ----------
    A. Charnes, W. W. Cooper & E. Rhodes (1978), EJOR 2, 429-444. R. D. Banker, A. Charnes & W. W. Cooper (1984),
    Management Science 30, 1078-1092. R. G. Chambers, Y. Chung & R. Faere (1996), J. Econ. Theory 70, 407-419. K. Tone
    (2001), EJOR 130, 498-509, eq. (12). P. Andersen & N. C. Petersen (1993), Management Science 39, 1261-1264. R. G.
    Dyson & E. Thanassoulis (1988), J. Operational Research Society 39, 563-576.

    Examples
    --------
    >>> import pandas as pd
    >>> from modpart.efficiency import DEA
    >>> stores = pd.DataFrame(
    ...     {"staff": [2, 3, 3, 4, 5, 5, 6, 8], "sales": [1, 3, 2, 3, 4, 2, 3, 5]}, index=list("ABCDEFGH")
    ... )
    >>> dea = DEA(["staff"], ["sales"], technology="crs").fit(stores)
    >>> dea.scores_.round(3)
    array([0.5  , 1.   , 0.667, 0.75 , 0.8  , 0.4  , 0.5  , 0.625])
    >>> dea.peers("H").round(3).to_dict()
    {'B': 1.667}
    """

    _rules = {
        "inputs": (_columns, nothing),
        "outputs": (_columns, nothing),
        "technology": (one_of(*TECHNOLOGIES),),
        "orientation": (one_of(*ORIENTATIONS),),
        "measure": (one_of(*MEASURES),),
        "direction": (one_of(*DIRECTIONS), _numbers, nothing),
        "super_efficiency": (boolean,),
        "infeasible": (one_of("inf", "nan", "raise"),),
        "non_discretionary": (_columns, nothing),
        "undesirable": (_columns, nothing),
        "weight_ratios": (where("a list of (column, column, low, high)", _ratios), nothing),
        "virtual_shares": (where("a dict {column: (low, high)}", _bounds), nothing),
        "weight_bounds": (where("a dict {column: (low, high)}", _bounds), nothing),
        "slack_weights": (one_of(*SLACK_WEIGHTS), _numbers),
        "data_warnings": (boolean,),
        "verbose": (integer(0),),
        "n_jobs": (nothing, workers),
    }

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        *,
        technology: str = "vrs",
        orientation: str = "input",
        measure: str = "radial",
        direction: Any = None,
        super_efficiency: bool = False,
        infeasible: str = "inf",
        non_discretionary: Any = None,
        undesirable: Any = None,
        weight_ratios: Any = None,
        virtual_shares: Any = None,
        weight_bounds: Any = None,
        slack_weights: Any = "ones",
        data_warnings: bool = True,
        verbose: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.technology = technology
        self.orientation = orientation
        self.measure = measure
        self.direction = direction
        self.super_efficiency = super_efficiency
        self.infeasible = infeasible
        self.non_discretionary = non_discretionary
        self.undesirable = undesirable
        self.weight_ratios = weight_ratios
        self.virtual_shares = virtual_shares
        self.weight_bounds = weight_bounds
        self.slack_weights = slack_weights
        self.data_warnings = data_warnings
        self.verbose = verbose
        self.n_jobs = n_jobs

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> "DEA":
        """Score every unit of X against the frontier of all of them.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_units, n_features)
            One row a unit; the index of a DataFrame names the units.
        y : None
            Ignored.

        Returns
        -------
        self : DEA
        """
        self._check_params()
        self._check_combinations()
        self._forget()
        units = labels_of(X)
        X = check_X(self, X, reset=True, min_samples=2, min_features=2)
        self.columns_ = split_columns(self)
        self.units_ = np.arange(len(X)) if units is None else units
        values = self._usable(X, self.units_, warn=self.data_warnings)
        self._frontier = self._build(values)
        progress = Progress(self, X, None)
        with one_thread():
            told = replace(self._frontier, report=lambda words: progress.step("chunk", words))
            self._scored = told.score(self._own_units)
        progress.finish()
        self.status_ = STATUS[self._scored.status]
        self.scores_, self.efficiency_ = self._delivered(self._scored, self.units_)
        return self

    def score_units(self, X: Any) -> np.ndarray:
        """Score units against the fitted frontier.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_new, n_features)
            All columns that `fit` has seen.

        Returns
        -------
        scores : ndarray of shape (n_new,), float64
            As `scores_`; better than the frontier is beyond its bound.
        """
        return self._judged(X)[0]

    def efficiency_units(self, X: Any) -> np.ndarray:
        """Efficiency of units before the fitted frontier, whatever the orientation and measure.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_new, n_features)
            All columns that `fit` has seen.

        Returns
        -------
        efficiency : ndarray of shape (n_new,), float64
            As `efficiency_`: 1 on the frontier, less behind it, more beyond it, inf where no unit is comparable; nan
            for measures that define none.
        """
        return self._judged(X)[1]

    def _judged(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Scores and efficiencies of new units."""
        check_is_fitted(self)
        units = labels_of(X)
        X = check_X(self, X)
        units = np.arange(len(X)) if units is None else units
        new = self._frontier.units(*self._split(self._usable(X, units, warn=False)))
        with one_thread():
            return self._delivered(self._frontier.score(new), units)

    def transform(self, X: Any) -> np.ndarray:
        """Scores of units against the fitted frontier, as a feature.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_new, n_features)

        Returns
        -------
        scores : ndarray of shape (n_new, 1), float64
        """
        return self.score_units(X)[:, None]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name of the feature that :meth:`transform` makes.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of shape (1,), str
        """
        check_is_fitted(self)
        return np.array(["dea_score"], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags

    # ---- how arguments become a frontier ----------------------------------------------------------------------
    def _check_combinations(self) -> None:
        """Refuse arguments that do not go together."""
        owner, radial = type(self).__name__, self.measure == "radial"
        restricted = bool(self.weight_ratios or self.virtual_shares or self.weight_bounds)
        oriented = ("input", "output") if self.measure == "russell" else ("input",)
        for wrong, words in (
            (
                not radial and self.orientation not in oriented,
                f"measure={self.measure!r} and orientation={self.orientation!r} do not go together. Slacks of inputs "
                "and outputs count at once: leave orientation='input', or pass measure='russell' for one side alone",
            ),
            (
                self.super_efficiency and self.measure not in ("radial", "sbm"),
                f"super_efficiency=True is defined for measure='radial' and 'sbm', not for {self.measure!r}",
            ),
            (
                self.technology == "fdh" and (restricted or self.measure == "sbm" or self.orientation == "hyperbolic"),
                "technology='fdh' takes measures 'radial', 'additive', 'ram', 'bam', 'mip' and 'russell', no "
                "orientation 'hyperbolic' and no weight restrictions",
            ),
            (
                restricted and not radial,
                "weight_ratios, virtual_shares and weight_bounds restrict the weights of measure='radial', not of "
                f"{self.measure!r}",
            ),
            (
                bool(self.weight_bounds) and self.orientation == "hyperbolic",
                "weight_bounds take orientation 'input', 'output' or 'directional'",
            ),
            (
                self.undesirable is not None
                and len(self.undesirable)
                and (not radial or self.orientation == "hyperbolic"),
                "undesirable takes measure='radial' with orientation 'input', 'output' or 'directional'",
            ),
            (
                self.direction is not None and self.orientation != "directional",
                f"direction={self.direction!r} is used with orientation='directional' only",
            ),
        ):
            if wrong:
                raise ParameterError(f"{owner}: {words}.")

    def _takes_negative(self, n_columns: int) -> np.ndarray:
        """Columns that may be negative: where the score does not change when a constant is added to the column."""
        shifts = self.technology in ("vrs", "fdh")
        free = self.measure in ("additive", "ram", "bam") or (
            self.measure == "radial" and self.orientation == "directional" and self.direction not in (None, "observed")
        )
        allowed = np.full(n_columns, shifts and free)
        m, s = len(self.columns_.inputs), len(self.columns_.outputs)
        if shifts and self.measure == "radial" and self.orientation in ("input", "output"):
            allowed[: m + s] = (np.arange(m + s) < m) == (self.orientation == "output")
        return allowed

    def _usable(self, X: np.ndarray, units: np.ndarray, *, warn: bool) -> np.ndarray:
        """The columns in use, checked."""
        values = X[:, self.columns_.order]
        negative = self._takes_negative(values.shape[1])
        cone = self.technology in ("crs", "ndrs")
        check_units(type(self).__name__, values, self.columns_, units, negative=negative, warn=warn, cone=cone)
        return values

    def _split(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        m, s = len(self.columns_.inputs), len(self.columns_.outputs)
        return values[:, :m], values[:, m : m + s], values[:, m + s :]

    def _build(self, values: np.ndarray) -> Frontier:
        columns, owner = self.columns_, type(self).__name__
        X, Y, B = self._split(values)
        technology = Technology.of(X, Y, self.technology, B)
        restrictions = None
        if self.weight_ratios or self.virtual_shares:
            restrictions = self._restrictions(columns, values.shape[1])
            technology = replace(technology, trade_offs=restrictions.trade_offs())
        fixed = named_columns(self, "non_discretionary", columns)
        direction = None
        if self.orientation == "directional" and self.direction not in (None, "observed"):
            given = None
            if not isinstance(self.direction, str):
                given = self._per_column("direction", self.direction, values.shape[1])
            kind = self.direction if given is None else "given"
            direction = Direction.of(kind, technology, given)
        frontier = Frontier(
            technology,
            self.orientation,
            self.measure,
            ~np.isin(np.arange(values.shape[1]), fixed),
            direction,
            self._slack_weights(values[:, : X.shape[1] + Y.shape[1]]),
            restrictions,
            self._weight_bounds(columns, X.shape[1] + Y.shape[1]) if self.weight_bounds else None,
            self.n_jobs,
        )
        if len(fixed) == values.shape[1]:
            raise ParameterError(f"{owner}: non_discretionary names every column, so nothing is left to change.")
        return frontier

    def _place(self, name: Any, columns: Columns) -> int:
        """Position of an input or output that bounds of weights name."""
        if name in columns.names[: len(columns.inputs) + len(columns.outputs)]:
            return columns.names.index(name)
        raise ParameterError(
            f"{type(self).__name__}: {name!r} in weight_ratios, virtual_shares or weight_bounds is no input or output. "
            f"{suggest(str(name), [str(known) for known in columns.names])}"
        )

    def _weight_bounds(self, columns: Columns, width: int) -> np.ndarray:
        """Least and largest weight of each input and output, shape (2, m + s)."""
        bounds = np.vstack([np.zeros(width), np.full(width, np.inf)])
        for name, (low, high) in self.weight_bounds.items():
            if not (0 <= low <= high and low < np.inf):
                raise ParameterError(
                    f"{type(self).__name__}: weight_bounds[{name!r}]={(low, high)!r} must have 0 <= low <= high, and a "
                    "finite low."
                )
            bounds[:, self._place(name, columns)] = low, high
        return bounds

    def _restrictions(self, columns: Columns, width: int) -> Restrictions:
        owner = type(self).__name__

        def place(name: Any) -> int:
            return self._place(name, columns)

        named = [(f"weight_ratios: {tuple(entry)!r}", *entry[2:]) for entry in self.weight_ratios or ()]
        shares = [(f"virtual_shares[{key!r}]={ends!r}", *ends) for key, ends in (self.virtual_shares or {}).items()]
        for words, low, high in named + shares:
            if not 0 <= low <= high:
                raise ParameterError(f"{owner}: {words} must have 0 <= low <= high.")
        for words, _, high in shares:
            if high > 1:
                raise ParameterError(f"{owner}: {words} bounds a share, so high must be <= 1.")
        return Restrictions.read(self.weight_ratios, self.virtual_shares, place, len(columns.inputs), width)

    def _slack_weights(self, values: np.ndarray) -> np.ndarray | None:
        if isinstance(self.slack_weights, str):
            if self.slack_weights == "ones":
                return None
            size = np.abs(values.mean(axis=0)) if self.slack_weights == "mean" else values.std(axis=0, ddof=1)
            return np.divide(1.0, size, out=np.zeros(len(size)), where=size > 0.0)
        return self._per_column("slack_weights", self.slack_weights, values.shape[1])

    def _per_column(self, argument: str, given: Any, width: int) -> np.ndarray:
        numbers = np.asarray(given, dtype=np.float64)
        if numbers.shape != (width,):
            names = ", ".join(map(repr, self.columns_.names[:width]))
            raise ParameterError(
                f"{type(self).__name__}: {argument}={given!r} has {numbers.size} numbers and needs {width}, one for "
                f"each of {names}."
            )
        return numbers

    def _delivered(self, scored: Scored, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores and efficiencies as the user asked for; an error where they mean nothing."""
        owner = type(self).__name__
        unbounded = np.flatnonzero(scored.status == UNBOUNDED)
        free = self._frontier.restrictions is not None
        if free and not len(unbounded) and self.orientation == "input":
            unbounded = np.flatnonzero((scored.status == 0) & (scored.scores <= EFFECTIVELY_NOTHING))
        if len(unbounded):
            cause = (
                "weight_bounds leave no weights for it: widen the bounds"
                if self.weight_bounds
                else "weight_ratios or virtual_shares allow outputs without inputs: widen the bounds"
                if free
                else "a reference unit makes outputs without inputs: drop it, or use technology='vrs'"
            )
            raise InputDataError(
                f"{owner}: the score of unit {plain_name(units[unbounded[0]])!r} has no bound. Probably {cause}."
            )
        scores, efficiency = scored.scores, scored.efficiency
        infeasible = scored.status == INFEASIBLE
        if infeasible.any() and self.infeasible == "raise":
            raise InputDataError(
                f"{owner}: no reference unit comes into question for unit "
                f"{plain_name(units[np.argmax(infeasible)])!r} ({int(infeasible.sum())} in all). Pass "
                "infeasible='inf' or 'nan' to go on, or technology='crs'."
            )
        if self.infeasible == "nan":
            scores, efficiency = (np.where(infeasible, np.nan, found) for found in (scores, efficiency))
        return scores, efficiency


EFFECTIVELY_NOTHING = 1e-9
