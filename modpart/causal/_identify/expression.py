"""Estimands as small expression trees: conditional probabilities, products, sums and ratios.

The functions :func:`product`, :func:`total` and :func:`ratio` build them and simplify on the way, by rules that
hold for every distribution.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape

__all__ = [
    "Expression",
    "Probability",
    "Product",
    "Ratio",
    "Sum",
    "probabilities",
    "product",
    "ratio",
    "text",
    "total",
    "variables",
]


class Expression:
    """A function of the values of its free variables."""

    @cached_property
    def free(self) -> frozenset[str]:
        """Variables whose values it depends on."""
        raise NotImplementedError

    def __str__(self) -> str:
        return text(self)


@dataclass(frozen=True)
class Probability(Expression):
    """P(of | given) in the data of the experiment that sets `do`."""

    of: tuple[str, ...]
    given: tuple[str, ...] = ()
    do: tuple[str, ...] = ()

    @cached_property
    def free(self) -> frozenset[str]:
        """Variables whose values it depends on."""
        return frozenset(self.of + self.given + self.do)


@dataclass(frozen=True)
class Product(Expression):
    """The product of some factors; of none it is 1."""

    factors: tuple[Expression, ...]

    @cached_property
    def free(self) -> frozenset[str]:
        """Variables whose values it depends on."""
        return frozenset().union(*(factor.free for factor in self.factors))


@dataclass(frozen=True)
class Sum(Expression):
    """A sum over all values of some variables."""

    over: tuple[str, ...]
    term: Expression

    @cached_property
    def free(self) -> frozenset[str]:
        """Variables whose values it depends on."""
        return self.term.free - set(self.over)


@dataclass(frozen=True)
class Ratio(Expression):
    """A numerator over a denominator."""

    numerator: Expression
    denominator: Expression

    @cached_property
    def free(self) -> frozenset[str]:
        """Variables whose values it depends on."""
        return self.numerator.free | self.denominator.free


def probabilities(expression: Expression) -> Iterator[Probability]:
    """The conditional probabilities that an expression is made of, from left to right."""
    if isinstance(expression, Probability):
        yield expression
    elif isinstance(expression, Product):
        for factor in expression.factors:
            yield from probabilities(factor)
    elif isinstance(expression, Sum):
        yield from probabilities(expression.term)
    elif isinstance(expression, Ratio):
        yield from probabilities(expression.numerator)
        yield from probabilities(expression.denominator)


def variables(expression: Expression) -> frozenset[str]:
    """Every variable that stands in an expression, those that are summed over included."""
    return frozenset().union(*(found.free for found in probabilities(expression)))


def product(factors: Iterable[Expression]) -> Expression:
    """The product of some expressions, flat; a ratio and a factor equal to its denominator give its numerator."""
    flat = list(_flat(factors))
    for quotient in [factor for factor in flat if isinstance(factor, Ratio)]:
        below = list(_flat([quotient.denominator]))
        if all(flat.count(factor) >= below.count(factor) for factor in below):
            for factor in [quotient, *below]:
                flat.remove(factor)
            flat.extend(_flat([quotient.numerator]))
    return flat[0] if len(flat) == 1 else Product(tuple(flat))


def total(over: Iterable[str], term: Expression) -> Expression:
    """The sum of an expression over some of its variables, later ones in the order of the nodes first.

    A variable that stands in one factor alone, and there as what the probability is of, sums to one; factors without
    any of the variables come before the sum; a sum of a sum is one sum.
    """
    over = list(over)
    left = list(over)
    factors = list(_flat([term]))
    for name in list(left):
        inside = [factor for factor in factors if name in factor.free]
        if len(inside) == 1 and isinstance(inside[0], Probability) and inside[0].of == (name,):
            factors.remove(inside[0])
            left.remove(name)
    if len(left) < len(over) and left:
        return total(left, product(factors))
    if not left:
        return product(factors)
    outside = [factor for factor in factors if not factor.free & set(left)]
    inside = [factor for factor in factors if factor.free & set(left)]
    only = inside[0]
    if len(inside) == 1 and isinstance(only, Sum) and not set(left) & set(only.over):
        return product([*outside, total([*left, *reversed(only.over)], only.term)])
    return product([*outside, Sum(tuple(reversed(left)), product(inside))])


def ratio(numerator: Expression, denominator: Expression) -> Expression:
    """A quotient; factors that stand on both sides are left out."""
    above, below = list(_flat([numerator])), list(_flat([denominator]))
    for factor in list(below):
        if factor in above:
            above.remove(factor)
            below.remove(factor)
    return Ratio(product(above), product(below)) if below else product(above)


def _flat(factors: Iterable[Expression]) -> Iterator[Expression]:
    for factor in factors:
        if isinstance(factor, Product):
            yield from factor.factors
        else:
            yield factor


# ---- words ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Style:
    """How an expression is written."""

    name: Callable[[str], str]
    probability: str
    do: str
    bar: str
    sum: str
    brackets: tuple[str, str]
    fraction: str


def _latex_name(name: str) -> str:
    if len(name) == 1:
        return name
    return r"\mathit{" + re.sub(r"([&%$#_{}])", r"\\\1", name).replace(" ", r"\ ") + "}"


def _html_name(name: str) -> str:
    return f"<i>{escape(name)}</i>"


_LINE = "display:block;padding:0 .3em"
STYLES = {
    "text": _Style(str, "P({})", "do({})", " | ", "sum_{{{}}} ", ("[", "]"), "({}) / ({})"),
    "latex": _Style(
        _latex_name,
        "P({})",
        r"\mathrm{{do}}({})",
        r" \mid ",
        r"\sum_{{{}}} ",
        (r"\left[", r"\right]"),
        r"\frac{{{}}}{{{}}}",
    ),
    "html": _Style(
        _html_name,
        "<i>P</i>({})",
        "do({})",
        " | ",
        "∑<sub>{}</sub> ",
        ("[", "]"),
        '<span style="display:inline-block;vertical-align:middle;text-align:center">'
        f'<span style="{_LINE};border-bottom:1px solid">{{}}</span><span style="{_LINE}">{{}}</span></span>',
    ),
}


def text(expression: Expression, style: str = "text", *, names: Mapping[str, str] | None = None) -> str:
    """An expression in words ("text", "latex", "html"); a summed variable gets a prime where its name is taken.

    `names` says how free variables are called.
    """
    how = STYLES[style]
    called = {name: how.name(name) for name in sorted(expression.free)}
    return _written(expression, {**called, **(names or {})}, how)


def _written(expression: Expression, names: dict[str, str], style: _Style) -> str:
    if isinstance(expression, Probability):
        return _probability(expression, names, style)
    if isinstance(expression, Product):
        factors = sorted(expression.factors, key=lambda factor: isinstance(factor, Sum))  # a last sum needs no brackets
        parts = [_written(factor, names, style) for factor in factors]
        closed = [
            f"{style.brackets[0]}{part}{style.brackets[1]}" if isinstance(factor, Sum) else part
            for part, factor in zip(parts, factors, strict=True)
        ]
        return " ".join([*closed[:-1], parts[-1]]) if parts else "1"
    if isinstance(expression, Sum):
        taken = set(names.values())
        inner = dict(names)
        for name in expression.over:
            written = style.name(name)
            while written in taken:
                written += "'"
            taken.add(written)
            inner[name] = written
        over = ", ".join(inner[name] for name in expression.over)
        return style.sum.format(over) + _written(expression.term, inner, style)
    if isinstance(expression, Ratio):
        return style.fraction.format(
            _written(expression.numerator, names, style), _written(expression.denominator, names, style)
        )
    raise TypeError(type(expression).__name__)


def _probability(expression: Probability, names: dict[str, str], style: _Style) -> str:
    def listed(variables: Iterable[str]) -> Iterator[str]:
        return (names[name] for name in variables)

    conditions = list(listed(expression.given))
    if expression.do:
        conditions.insert(0, style.do.format(", ".join(listed(expression.do))))
    inside = ", ".join(listed(expression.of))
    if conditions:
        inside += style.bar + ", ".join(conditions)
    return style.probability.format(inside)
