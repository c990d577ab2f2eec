"""Whether a query has an answer in the data at hand: the verdict, the formula, or the witness."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd

from modpart.causal._adjustment import adjustment_set
from modpart.causal._discrete import DiscreteData, evaluate
from modpart.causal._estimand import conditional, estimand
from modpart.causal._expression import Expression, text
from modpart.causal._factors import Factor, Hedge, find_factor, is_hedge
from modpart.causal._graph import CausalGraph, Names
from modpart.exceptions import GraphError, ModpartWarning, NotIdentifiableError

__all__ = ["Identification", "identify"]


@dataclass(frozen=True)
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
        """The formula as a tree.

        Raises
        ------
        NotIdentifiableError
            When there is none.
        """
        self.raise_if_not()
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
        return text(self.expression, latex=True)

    @cached_property
    def adjustment_set(self) -> frozenset[str] | None:
        """A smallest set to adjust for (no member can be left out), or None when adjustment does not identify it."""
        return None if self.given or not self.do else adjustment_set(self.graph, self.do, self.outcomes)

    @cached_property
    def suggestion(self) -> tuple[str, ...]:
        """Variables of which an experiment on that one alone would make the query identifiable."""
        if self.identifiable:
            return ()
        asked = (self.graph, self.outcomes, self.do, self.given)
        return tuple(
            node for node in self.graph.nodes if identify(*asked, [*self.regimes, frozenset([node])]).identifiable
        )

    def check_witness(self) -> bool:
        """Whether the hedges of a negative verdict are hedges by the definition, and leave no regime out.

        Returns
        -------
        valid : bool
        """
        do, outcomes = self.do | self.moved, self.outcomes | (self.given - self.moved)
        if self.identifiable or len({hedge.inner for hedge in self.witness}) != 1:
            return False
        able = {regime for regime in self.regimes if not regime & self.witness[0].inner}
        return able == {hedge.regime for hedge in self.witness} and all(
            is_hedge(self.graph, hedge, outcomes, do) for hedge in self.witness if hedge.outer != hedge.inner
        )

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
        if self.suggestion:
            remedy = "Data from " + " or ".join(f"do({node})" for node in self.suggestion) + " would identify it."
        else:
            remedy = "No experiment on a single variable would identify it."
        if not any(hedge.outer > hedge.inner for hedge in self.witness):
            return f"{self.query} is not identifiable: every experiment at hand sets what it asks about. {remedy}"
        shown = next(hedge for hedge in self.witness if hedge.outer > hedge.inner)
        return f"{self.query} is not identifiable: {shown} is a hedge{self._hidden(shown)}. {remedy}"

    def _hidden(self, hedge: Hedge) -> str:
        pairs = [f"{a} <-> {b}" for a, b in self.graph.bidirected if {a, b} <= hedge.outer]
        return f" (hidden causes: {', '.join(pairs)})"

    def _repr_html_(self) -> str:
        shown = f"$${self.latex}$$" if self.identifiable else ""
        return f"<div><p>{self if not self.identifiable else self.query + ' ='}</p>{shown}</div>"

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
        ModpartWarning
            When a condition has no support in the data.

        Notes
        -----
        Where the formula depends on a variable that the query does not name, every value of it gives the same answer in
        the population; on data the answers differ, and their mean, weighted by how frequent the values are, is taken.
        Time and memory grow with the number of value combinations of the largest product in the formula.
        """
        asked = [*self._listed(self.do), *self._listed(self.given), *self._listed(self.outcomes)]
        expression = self.expression
        frame = DiscreteData(data, [*asked, *(node for node in self._columns(expression) if node not in asked)])
        table = evaluate(expression, frame)
        for name in [name for name in table.names if name not in asked]:
            table = (table * frame.shares(name)).sum([name])
        shape = [len(frame.states[name]) for name in asked]
        numbers = np.broadcast_to(table.aligned(tuple(asked)), shape)
        index = pd.MultiIndex.from_product([frame.states[name] for name in asked], names=asked)
        answer = pd.Series(numbers.ravel().astype(np.float64), index, name="probability")
        answer = self._supported(answer, [*self._listed(self.do), *self._listed(self.given)])
        return self._at(answer, dict(values or {}))

    def _supported(self, answer: pd.Series, conditions: list[str]) -> pd.Series:
        """The answer with nan where it does not add up to one, because the data hold no rows that the formula needs."""
        sums = answer.groupby(level=conditions).transform("sum") if conditions else answer * 0 + answer.sum()
        lacking = (sums - 1.0).abs() > 1e-6
        if lacking.any():
            first = answer.index[int(np.argmax(lacking.to_numpy()))]
            where = ", ".join(
                f"{name}={value}" for name, value in zip(answer.index.names, first, strict=True) if name in conditions
            )
            warn(
                f"{self.query}: the data hold no rows for a part of the formula at {where or 'some values'}; the "
                "answer there is nan. More data, or fewer classes, would help.",
                ModpartWarning,
                stacklevel=3,
            )
        return answer.mask(lacking)

    def _at(self, answer: pd.Series, values: dict[str, Any]) -> pd.Series:
        for name, value in values.items():
            if name not in self.do | self.given:
                raise GraphError(f"values names {name!r}, which {self.query} neither sets nor conditions on.")
            if value not in answer.index.get_level_values(name):
                known = sorted(map(str, answer.index.get_level_values(name).unique()))
                raise GraphError(f"values: {name}={value!r} does not occur in the data; it takes {', '.join(known)}.")
            answer = answer.xs(value, level=name)
        return answer

    def _listed(self, names: Iterable[str]) -> list[str]:
        return [node for node in self.graph.nodes if node in set(names)]

    def _columns(self, expression: Expression) -> list[str]:
        """Every variable that stands in the formula."""
        found: dict[str, None] = {}

        def walk(node: Any) -> None:
            for name in getattr(node, "free", ()):
                found.setdefault(name)
            for child in [
                *getattr(node, "factors", ()),
                *(getattr(node, part, None) for part in ("term", "numerator", "denominator")),
            ]:
                if child is not None:
                    walk(child)

        walk(expression)
        return sorted(found)


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
    targets = graph.c_components(
        within=graph.ancestors(outcomes | (given - moved), within=frozenset(graph.nodes) - do - moved)
    )
    factors: list[Factor] = []
    for target in targets:
        hedges = []
        for regime in sets:
            if regime & target:
                continue
            found = find_factor(graph, target, regime)
            if isinstance(found, Factor):
                factors.append(found)
                break
            hedges.append(found)
        else:
            witness = tuple(hedges) or (Hedge(target, target, sets[0]),)
            return Identification(graph, outcomes, do, given, sets, (), witness, moved)
    return Identification(graph, outcomes, do, given, sets, tuple(factors), (), moved)


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
