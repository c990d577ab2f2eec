"""Whether a query has an answer in the data at hand: the verdict, the formula, or the witness."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from modpart.causal._graph import CausalGraph, Names
from modpart.causal._identify.adjustment import adjustment_set, front_door_set
from modpart.causal._identify.counterexample import two_models
from modpart.causal._identify.estimand import adjusted, conditional, estimand
from modpart.causal._identify.expression import Expression, Probability, text, variables
from modpart.causal._identify.factors import Factor, Hedge, find_factor, is_hedge, smallest
from modpart.causal._model import DiscreteModel
from modpart.causal._numbers.answers import as_series, place_of, warn_of_gaps
from modpart.causal._numbers.discrete import REPLICATE, DiscreteData, Table, evaluate
from modpart.exceptions import GraphError, NotIdentifiableError

__all__ = ["Identification", "identify"]


@dataclass(frozen=True, repr=False)
class Identification:
    """The answer to "does P(outcomes | do, given) follow from the data?".

    Made by :meth:`CausalGraph.identify`; true in a condition when the answer is yes.

    Parameters
    ----------
    graph : CausalGraph
        The graph that was asked.
    outcomes, do, given : frozenset of str
        The query.
    regimes : tuple of frozenset of str
        What was set in each data set at hand; the empty set is the observational data.
    factors : tuple of Factor
        How each c-factor of the answer follows from the data; empty when not identifiable.
    witness : tuple of Hedge
        Why not, one hedge for every regime that could have helped; empty when identifiable.
    moved : frozenset of str
        Conditions that may as well be interventions.

    Examples
    --------
    >>> from modpart.causal import CausalGraph
    >>> print(CausalGraph("X -> Z -> Y; X <-> Y").identify("Y", do="X"))
    P(Y | do(X)) = sum_{Z} P(Z | X) sum_{X'} P(X') P(Y | X', Z)
    """

    graph: CausalGraph
    outcomes: frozenset[str]
    do: frozenset[str]
    given: frozenset[str]
    regimes: tuple[frozenset[str], ...]
    factors: tuple[Factor, ...]
    witness: tuple[Hedge, ...]
    moved: frozenset[str]

    @property
    def identifiable(self) -> bool:
        """Whether the query follows from the data."""
        return not self.witness

    def __bool__(self) -> bool:
        return self.identifiable

    @property
    def query(self) -> str:
        """The query in words, such as ``P(Y | do(X), Z)``."""
        conditions = [f"do({', '.join(sorted(self.do))})"] if self.do else []
        conditions += sorted(self.given)
        return f"P({', '.join(sorted(self.outcomes))}{' | ' if conditions else ''}{', '.join(conditions)})"

    @cached_property
    def expression(self) -> Expression:
        """The formula as a tree: adjustment where that does, since it is the easiest to read and to estimate.

        Raises
        ------
        NotIdentifiableError
            When there is none.
        """
        self.raise_if_not()
        if self.adjustment_set is not None:
            return adjusted(self.graph, self.outcomes, self.do, self.adjustment_set)
        return self._from_factors()

    def _from_factors(self) -> Expression:
        """The formula that puts the c-factors together, which there is for every answer."""
        left = self.given - self.moved
        joint = estimand(self.graph, self.factors, self.outcomes | left)
        return conditional(self.graph, joint, self.outcomes) if left else joint

    @property
    def estimand(self) -> str:
        """The formula as text; variables that are summed over get a prime where their name is taken."""
        return text(self.expression)

    @property
    def latex(self) -> str:
        """The formula in LaTeX."""
        return text(self.expression, "latex")

    @cached_property
    def adjustment_set(self) -> frozenset[str] | None:
        """A set to adjust for, of which no member can be left out; None when adjusting does not answer the query."""
        return adjustment_set(self.graph, self.do, self.outcomes) if self._plain else None

    @cached_property
    def front_door_set(self) -> frozenset[str] | None:
        """Mediators for the front-door formula, of which none can be left out; None when there is no such set."""
        return front_door_set(self.graph, self.do, self.outcomes) if self._plain else None

    @property
    def _plain(self) -> bool:
        """Whether the query is one that adjustment formulas answer: an effect, from observational data."""
        return bool(self.do) and not self.given and frozenset() in self.regimes

    @cached_property
    def suggestion(self) -> tuple[tuple[str, ...], ...]:
        """The smallest experiments of which one more would make the query identifiable, as further `regimes`.

        Each names what is to be set; ``()`` stands for observational data.
        """
        if self.identifiable:
            return ()
        nothing = frozenset[str]()
        stuck = [find_factor(self.graph, target, nothing) for target in self._targets()]
        useful = frozenset().union(*(hedge.outer - hedge.inner for hedge in stuck if isinstance(hedge, Hedge)))
        asked = (self.graph, self.outcomes, self.do, self.given)
        for size in range(len(useful) + 1):  # an experiment on nodes outside every hedge changes nothing
            found = [
                nodes
                for nodes in combinations(self._listed(useful), size)
                if identify(*asked, [*self.regimes, nodes]).identifiable
            ]
            if found:
                return tuple(found)
        return ()

    def _targets(self) -> tuple[frozenset[str], ...]:
        return _targets(self.graph, self.outcomes, self.do, self.given, self.moved)

    def check_witness(self) -> bool:
        """Whether the hedges of a negative verdict are hedges by the definition, and leave no regime out.

        Returns
        -------
        valid : bool
        """
        do, outcomes = self.do | self.moved, self.outcomes | (self.given - self.moved)
        if self.identifiable or len({hedge.inner for hedge in self.witness}) != 1:
            return False
        inner, hedges = self.witness[0].inner, [hedge for hedge in self.witness if hedge.outer != hedge.inner]
        able = {regime for regime in self.regimes if not regime & inner}
        if not hedges:  # every regime sets a part of what has to be known
            ancestors = self.graph.ancestors(outcomes, within=frozenset(self.graph.nodes) - do)
            return not able and inner in self.graph.c_components(within=ancestors)
        return able == {hedge.regime for hedge in hedges} and all(
            is_hedge(self.graph, hedge, outcomes, do) for hedge in hedges
        )

    def counterexample(self, *, random_state: Any = 0) -> tuple[DiscreteModel, DiscreteModel]:
        """Two models of the graph that agree on all data at hand and give different answers.

        Parameters
        ----------
        random_state : int, Generator, RandomState or None, default=0
            Draws the models.

        Returns
        -------
        first, second : DiscreteModel
            Of two-valued variables, every combination of which has positive probability. Their distributions in every
            regime are equal up to rounding; the query's differ somewhere by as much as the search found, mostly by more
            than 0.01, and by 0.000001 at least.

        Raises
        ------
        GraphError
            When the query is identifiable, so that there are none.
        ModpartError
            When the search finds none, which for graphs beyond a dozen nodes may happen.
        """
        if self.identifiable:
            raise GraphError(f"{self.query} is identifiable: models that agree on the data agree on it.")
        free = frozenset(self.graph.nodes) - self.do
        outer = frozenset().union(*(hedge.outer for hedge in self.witness))
        below = self.graph.descendants(self.witness[0].inner, within=free)
        places = [outer | (below & self.graph.ancestors(self.outcomes | self.given, within=free))]
        if self.given:  # what is given may tie the outcomes to the hedge from anywhere
            places.append(places[0] | self.graph.ancestors(self.outcomes))
            places.append(self.graph.ancestors(self.outcomes | self.given | self.do | outer))
        hidden = [pair for pair in self.graph.bidirected if set(pair) <= outer]
        return two_models(self.graph, self.regimes, self._parts, places, hidden or self._listed(outer), random_state)

    def _parts(self, model: DiscreteModel, apart: Any) -> tuple[np.ndarray, np.ndarray]:
        """The query's numerator and denominator in every world of its interventions."""
        do, given, outcomes = self._listed(self.do), self._listed(self.given), self._listed(self.outcomes)
        worlds = [tuple(zip(sorted(do), values, strict=True)) for values in np.ndindex(*[2] * len(do))]
        joint = [model._contract([(name, world) for name in given + outcomes], apart=apart) for world in worlds]
        above = np.stack(joint)
        over = tuple(range(1 + len(given), 1 + len(given) + len(outcomes)))
        return above, np.broadcast_to(above.sum(axis=over, keepdims=True), above.shape)

    def raise_if_not(self) -> "Identification":
        """Return the identification, or raise :class:`NotIdentifiableError` when the query has no answer.

        Returns
        -------
        self : Identification
        """
        if self.identifiable:
            return self
        raise NotIdentifiableError(str(self), self)

    def __str__(self) -> str:
        if self.identifiable:
            return f"{self.query} = {self.estimand}"
        remedy = " or ".join(
            f"data from do({', '.join(nodes)})" if nodes else "observational data" for nodes in self.suggestion
        )
        remedy = f"{remedy[0].upper()}{remedy[1:]} would identify it."
        if not any(hedge.outer > hedge.inner for hedge in self.witness):
            return f"{self.query} is not identifiable: every experiment at hand sets what it asks about. {remedy}"
        shown = next(hedge for hedge in self.witness if hedge.outer > hedge.inner)
        return f"{self.query} is not identifiable: {shown} is a hedge{self._hidden(shown)}. {remedy}"

    def _hidden(self, hedge: Hedge) -> str:
        pairs = [f"{a} <-> {b}" for a, b in self.graph.bidirected if {a, b} <= hedge.outer]
        return f" (hidden causes: {', '.join(pairs)})"

    def _repr_html_(self) -> str:
        if not self.identifiable:
            return f'<div style="border-left:4px solid #D55E00;padding-left:.6em">{escape(str(self))}</div>'
        lines = [f"{text(self._asked, 'html')} = {text(self.expression, 'html')}"]
        if self.adjustment_set is not None:
            lines.append(f"adjustment set: {_set_of_names(self.adjustment_set)}")
        elif self.front_door_set is not None:
            lines.append(f"front-door set: {_set_of_names(self.front_door_set)}")
        return f'<div style="border-left:4px solid #009E73;padding-left:.6em">{"<br>".join(lines)}</div>'

    def __repr__(self) -> str:
        return f"<Identification: {self}>"

    @property
    def _asked(self) -> Probability:
        outcomes, do, given = (tuple(self._listed(part)) for part in (self.outcomes, self.do, self.given))
        return Probability(outcomes, given, do)

    def evaluate(self, data: Any, values: Mapping[str, Any] | None = None) -> pd.Series:
        """The query's numbers on discrete data, by the formula.

        Parameters
        ----------
        data : DataFrame, Series, or mapping of regimes to these
            Rows of discrete columns, or a distribution as a Series whose index levels are the variables; with several
            regimes a mapping such as ``{(): observed, "Z": experiment}``.
        values : mapping of str to value, default=None
            Values of variables of `do` and `given`; all of them are tabulated when it is None.

        Returns
        -------
        probability : Series
            One index level for each variable of `do`, `given` and the outcomes, in that order; those of `values` are
            left out. For each condition it sums to 1, and is nan where the data lack what the formula needs.

        Raises
        ------
        NotIdentifiableError
            When there is no formula.
        InputDataError
            When a column is missing or not discrete.

        Warns
        -----
        PositivityWarning
            When the data lack rows that the formula needs; the message names the combinations of values.

        Notes
        -----
        Where the formula depends on a variable that the query does not name, every value of it gives the same answer in
        the population; on data the answers differ, and the mean of those that can be had, weighted by how frequent the
        values are, is taken.
        Time and memory grow with the number of value combinations of the largest product in the formula.
        """
        frame = DiscreteData.read(data, self._variables())
        chosen = self._places(frame, values or {})
        answer = as_series(self._table(frame, chosen), self._levels(chosen), frame)
        warn_of_gaps(self.query, answer, [self.expression], frame, lambda gaps: self._table(frame, chosen, gaps))
        return answer

    def _variables(self) -> list[str]:
        """What the data have to hold."""
        asked = self.outcomes | self.do | self.given
        return self._listed(asked | variables(self.expression))

    def _levels(self, chosen: Mapping[str, int]) -> list[tuple[str, str, str]]:
        """Axis, name and variable of each level of the answer: conditions that are not chosen, then outcomes."""
        names = [*self._listed(self.do), *self._listed(self.given), *self._listed(self.outcomes)]
        return [(name, name, name) for name in names if name not in chosen]

    def _places(self, frame: DiscreteData, values: Mapping[str, Any]) -> dict[str, int]:
        """Where the values of conditions stand among those in the data."""
        for name in values:
            if name not in self.do | self.given:
                raise GraphError(f"values names {name!r}, which {self.query} neither sets nor conditions on.")
        return {name: place_of(frame, name, value, "The query asks for") for name, value in values.items()}

    def _table(self, frame: DiscreteData, chosen: Mapping[str, int], gaps: Any = None) -> Table:
        """The answer on data, at the chosen places of some conditions; see :func:`evaluate` for `gaps`."""
        found = evaluate(self.expression, frame, gaps)
        for name, place in chosen.items():
            found = found.at(name, place) if name in found.names else found
        asked = self.do | self.given | self.outcomes | {REPLICATE}
        for name in [name for name in found.names if name not in asked]:
            found = frame.averaged(found, name)
        return found

    def _listed(self, names: Iterable[str]) -> list[str]:
        return [node for node in self.graph.nodes if node in names]


def _set_of_names(names: Iterable[str]) -> str:
    return f"{{{', '.join(f'<i>{escape(name)}</i>' for name in sorted(names))}}}"


def identify(
    graph: CausalGraph,
    outcomes: frozenset[str],
    do: frozenset[str],
    given: frozenset[str],
    regimes: Iterable[Names],
) -> Identification:
    """Answer a query; see :meth:`CausalGraph.identify`."""
    sets = graph.regimes(regimes)
    _check_query(outcomes, do, given)
    moved = _as_interventions(graph, outcomes, do, given)
    factors: list[Factor] = []
    for target in _targets(graph, outcomes, do, given, moved):
        hedges = []
        for regime in sets:
            if regime & target:
                continue
            found = find_factor(graph, target, regime)
            if isinstance(found, Factor):
                factors.append(found)
                break
            hedges.append(smallest(graph, found))
        else:
            witness = tuple(hedges) or (Hedge(target, target, sets[0]),)
            return Identification(graph, outcomes, do, given, sets, (), witness, moved)
    return Identification(graph, outcomes, do, given, sets, tuple(factors), (), moved)


def _targets(
    graph: CausalGraph,
    outcomes: frozenset[str],
    do: frozenset[str],
    given: frozenset[str],
    moved: frozenset[str],
) -> tuple[frozenset[str], ...]:
    """The c-factors of what the joint distribution of outcomes and conditions is made of."""
    set_from_outside = do | moved
    asked = outcomes | (given - moved)
    return graph.c_components(within=graph.ancestors(asked, within=frozenset(graph.nodes) - set_from_outside))


def _check_query(outcomes: frozenset[str], do: frozenset[str], given: frozenset[str]) -> None:
    if not outcomes:
        raise GraphError("A query needs at least one outcome.")
    shared = (outcomes & do) | (outcomes & given) | (do & given)
    if shared:
        raise GraphError(f"{min(shared)!r} stands in two parts of the query; outcomes, do and given must be disjoint.")


def _as_interventions(
    graph: CausalGraph, outcomes: frozenset[str], do: frozenset[str], given: frozenset[str]
) -> frozenset[str]:
    """Conditions that rule 2 of the do-calculus turns into interventions (Shpitser & Pearl 2006, algorithm IDC)."""
    moved: frozenset[str] = frozenset()
    left = sorted(given)
    while left:
        for name in left:
            rest = frozenset(left) - {name}
            changed = graph.do(do | moved).without_effects_of(name)
            if changed.m_separated(outcomes, name, given=do | moved | rest):
                moved |= {name}
                left.remove(name)
                break
        else:
            break
    return moved
