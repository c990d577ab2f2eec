"""What all stories of the demonstration share: the seed, a clock, and empty pictures."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from modpart._utils.optional import optional_import

__all__ = ["SEED", "Clock", "canvas", "legend", "many"]

SEED = 0
STEPS = ("load", "fit", "compare", "pictures")


class Clock:
    """Seconds by step of one story."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STEPS, 0.0)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.seconds[name] += perf_counter() - start


def canvas(columns: int) -> tuple[Any, Any]:
    """A figure that no window manager knows, and its axes."""
    figure = optional_import("matplotlib.figure", extra="plot", purpose="modpart.demo").Figure(
        figsize=(9, 4.0), layout="constrained"
    )
    return figure, figure.subplots(1, columns)


def legend(ax: Any) -> None:
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def many(count: int, noun: str) -> str:
    return f"one {noun}" if count == 1 else f"{count} {noun}s"
