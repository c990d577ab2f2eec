"""A page of HTML that needs nothing beside itself: pictures inside, plain CSS, every text escaped."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from typing import Any

import pandas as pd

__all__ = ["Story", "figure_tag", "html_table", "render_page"]

DOTS_PER_INCH = 130

STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #f4f5f7; color: #1d2530; }
body { font: 16px/1.55 system-ui, "Segoe UI", "Liberation Sans", sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 30px; line-height: 1.2; margin: 8px 0 6px; }
h2 { font-size: 21px; line-height: 1.3; margin: 0 0 6px; }
p { margin: 8px 0; }
.lead { color: #4a5565; max-width: 46em; }
section { background: #fff; border: 1px solid #dfe3e8; border-radius: 8px; padding: 20px 24px; margin-top: 22px; }
section img { display: block; width: 100%; height: auto; margin: 14px 0 10px; }
.see { border-left: 4px solid #0072b2; background: #eef5fa; padding: 8px 14px; margin: 14px 0; }
h3 { font-size: 14px; font-weight: 600; color: #4a5565; margin: 0 0 4px; }
div.words { background: #f8f9fa; border-radius: 6px; padding: 10px 14px; margin: 12px 0; font-size: 14px; }
div.words p { margin: 4px 0; }
table { border-collapse: collapse; font-size: 14px; margin: 10px 0; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #4a5565; padding-bottom: 4px; }
th, td { text-align: right; padding: 4px 9px; border-bottom: 1px solid #e6e9ed; }
td { white-space: nowrap; }
th { font-weight: 600; color: #333e4d; vertical-align: bottom; }
th:first-child, td:first-child, table.words :is(th, td):last-child { text-align: left; }
table.facts td { text-align: left; white-space: normal; }
table.facts td:first-child { width: 52%; color: #4a5565; }
footer { color: #5b6675; font-size: 13px; margin-top: 24px; }
"""


@dataclass
class Story:
    """One section of the page.

    Attributes
    ----------
    title, question, see : str
        Headline, what is asked, and the one sentence that says what to see.
    short : tuple of str
        Cells of the overview: data, rows, parts, what came out.
    facts : dict of str to str
        What was found, in words.
    tables : dict of str to DataFrame
        Small tables by caption.
    figure : matplotlib Figure
    alt : str
        The picture in words.
    words : sequence of str
        What was found in plain words, one paragraph each.
    seconds : dict of str to float
        How long each part took.
    """

    title: str
    question: str
    see: str
    short: tuple[str, ...]
    facts: Mapping[str, str]
    tables: Mapping[str, pd.DataFrame]
    figure: Any
    alt: str
    words: Sequence[str] = ()
    seconds: dict[str, float] = field(default_factory=dict)


def render_page(title: str, lead: str, stories: Sequence[Story], footer: str) -> str:
    """The whole page as text."""
    overview = pd.DataFrame(
        [story.short for story in stories], columns=["data", "rows", "parts", "what came out"]
    ).set_index("data")
    times = pd.DataFrame([story.seconds for story in stories], index=[story.short[0] for story in stories])
    times["all"] = times.sum(axis=1)
    body = "\n".join(
        [
            f"<h1>{escape(title)}</h1>",
            f'<p class="lead">{escape(lead)}</p>',
            f"<section>{html_table('At a glance', overview, kind='words')}</section>",
            *map(_section, stories),
            f"<section>{html_table('Seconds on this machine', times.rename_axis('data').round(2))}</section>",
            f"<footer>{escape(footer)}</footer>",
        ]
    )
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>{escape(title)}</title><style>{STYLE}</style>"
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body><main>\n{body}\n</main></body></html>\n'


def _section(story: Story) -> str:
    facts = "".join(f"<tr><td>{escape(key)}</td><td>{escape(value)}</td></tr>" for key, value in story.facts.items())
    return "\n".join(
        [
            "<section>",
            f"<h2>{escape(story.title)}</h2>",
            f"<p>{escape(story.question)}</p>",
            figure_tag(story.figure, story.alt),
            f'<p class="see">{escape(story.see)}</p>',
            f'<table class="facts">{facts}</table>',
            *_said(story.words),
            *(html_table(caption, table) for caption, table in story.tables.items()),
            "</section>",
        ]
    )


def _said(words: Sequence[str]) -> list[str]:
    if not words:
        return []
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in words)
    return [f'<div class="words"><h3>In plain words</h3>{paragraphs}</div>']


def html_table(caption: str, table: pd.DataFrame, kind: str = "numbers") -> str:
    """A table with its caption; `kind` chooses the alignment of its cells."""
    heads = "".join(f"<th>{escape(str(name))}</th>" for name in (table.index.name or "", *table.columns))
    rows = "".join(
        f"<tr><td>{escape(str(index))}</td>" + "".join(f"<td>{escape(_cell(value))}</td>" for value in row) + "</tr>"
        for index, *row in table.itertuples()
    )
    return f'<table class="{kind}"><caption>{escape(caption)}</caption><tr>{heads}</tr>{rows}</table>'


def _cell(value: Any) -> str:
    """Four digits, and no exponents where plain digits do."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def figure_tag(figure: Any, alt: str) -> str:
    """A picture inside the page; `alt` is the picture in words."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">'
