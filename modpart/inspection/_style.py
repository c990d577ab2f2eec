"""Colours and marks that people with any colour vision can tell apart, set on artists and never on global defaults."""

from typing import Any

from modpart._utils.optional import optional_import

__all__ = ["color_of", "mark_of", "new_axes", "tidy", "tint_of"]

# Okabe and Ito's palette without yellow, which white paper swallows.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
MARKS = ("o", "s", "^", "D")
TINT = 0.78  # how much white a region's colour is mixed with


def color_of(k: int) -> str:
    """Colour of partition `k`; after seven the colours come again with another mark."""
    return COLORS[k % len(COLORS)]


def mark_of(k: int) -> str:
    """Mark of the rows of partition `k`."""
    return MARKS[k // len(COLORS) % len(MARKS)]


def tint_of(k: int) -> tuple[float, ...]:
    """The colour of partition `k` mixed with white."""
    code = color_of(k)
    return tuple(TINT + (1.0 - TINT) * int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))


def new_axes(purpose: str, rows: int = 1, *, size: tuple[float, float]) -> Any:
    """Axes of a new figure: one, or a column of `rows` that share their x axis."""
    pyplot = optional_import("matplotlib.pyplot", extra="plot", purpose=purpose)
    return pyplot.subplots(rows, sharex=True, figsize=size, layout="constrained")[1]


def tidy(ax: Any) -> None:
    """Leave away the frame on the top and on the right."""
    ax.spines[["top", "right"]].set_visible(False)
