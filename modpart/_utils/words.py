"""Numbers as people say them."""

import math

__all__ = ["percent", "plain", "shortest_between"]


def percent(part: float) -> str:
    """A share in words: 0.123 is '12 %'; what is neither nothing nor all does not read as 0 % or 100 %."""
    if 0.0 < part < 0.01:
        return "< 1 %"
    if 0.99 < part < 1.0:
        return "> 99 %"
    return f"{100 * part:.0f} %"


def plain(number: float, digits: int = 3) -> str:
    """A number with `digits` significant digits, or all those before the point, without an exponent up to 1e15."""
    if number == 0 or not math.isfinite(number):
        return f"{number:g}"
    size = math.floor(math.log10(abs(number)))
    return f"{number:.0f}" if digits - 1 <= size < 15 else f"{number:.{digits}g}"


def shortest_between(low: float, high: float) -> float:
    """A number r with low <= r < high that takes few digits to write; of equally short ones, the most central.

    What holds of all rows with values up to `low` and of none from `high` on is then said with r.
    """
    if not low < high:
        return low
    middle = low + (high - low) / 2
    first = -math.floor(math.log10(max(abs(low), abs(high))))
    for decimals in range(first, first + 16):
        try:
            down = math.floor(middle * 10.0**decimals)
        except OverflowError:
            break
        steps = [float(f"{down + step}e{-decimals}") for step in (0, 1)]
        inside = [r for r in steps if low <= r < high]
        if inside:
            return min(inside, key=lambda r: abs(r - middle))
    return low
