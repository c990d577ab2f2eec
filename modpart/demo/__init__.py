"""Find the parts of real data and write a page about them: ``python -m modpart.demo --out demo_report``.

Seven short stories on data that needs no download: regimes of four tables, the effect of a treatment, the branches of a
bank, and a neural network that is cut into pieces. Every number on the page is computed when it is written.
"""

import argparse
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import sklearn

import modpart
from modpart._report import Story, render_page
from modpart._utils.optional import optional_import
from modpart.demo._branches import branches
from modpart.demo._causes import kidney
from modpart.demo._digits import digits
from modpart.demo._page import SEED, Clock
from modpart.demo._regimes import diabetes, iris, nile, pipe

__all__ = ["main"]

TITLE = "What are its parts?"
LEAD = (
    "Tables, causal graphs, production frontiers and neural networks all have parts; modpart finds them, learns each "
    "on its own, and puts them together again. In the first four stories experts compete for the rows of a table: "
    "where it holds several laws, the winners' rows become regimes, and where it holds one law, one expert is left. "
    "In the fifth a causal graph says what would happen, or that no data can say. The sixth finds the branches of a "
    "bank that span the frontier of good practice, and the last one cuts a neural network into a module for each "
    "class."
)
STORIES: dict[str, Callable[[Clock], Story]] = {
    "nile": nile,
    "iris": iris,
    "diabetes": diabetes,
    "pipe": pipe,
    "kidney": kidney,
    "branches": branches,
    "digits": digits,
}


def main(argv: Sequence[str] | None = None) -> Path:
    """Write the report and return its path.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        Command line arguments; None takes those of the process.

    Returns
    -------
    path : Path
        The page.
    """
    parser = argparse.ArgumentParser(
        prog="python -m modpart.demo", description="Find the parts of real data and write a page about them."
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo_report"), help="folder of the page (default: %(default)s)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=STORIES,
        default=list(STORIES),
        metavar="STORY",
        help=f"some of: {', '.join(STORIES)}",
    )
    arguments = parser.parse_args(argv)
    optional_import("matplotlib", extra="plot", purpose="modpart.demo")
    start = perf_counter()
    stories = []
    for name in arguments.only:
        clock = Clock()
        story = STORIES[name](clock)
        story.seconds = clock.seconds
        stories.append(story)
        print(f"{name:9s}" + "".join(f"  {part} {seconds:5.2f} s" for part, seconds in clock.seconds.items()))
    footer = (
        f"modpart {modpart.__version__}, scikit-learn {sklearn.__version__}, numpy {np.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}. Seed {SEED}; the same seed gives the same page."
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "index.html"
    path.write_text(render_page(TITLE, LEAD, stories, footer), encoding="utf-8")
    print(f"all: {perf_counter() - start:.1f} s\nreport: {path.resolve()}")
    return path
