"""Graphs as text: plain statements, dagitty and DOT, all read by one small parser.

All three share names, arrows, sets in braces and attributes in brackets; they differ in their frame.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from modpart.causal._formats.edges import Edges
from modpart.exceptions import GraphError

__all__ = ["parse_text"]

TOKEN = re.compile(
    r"""(?P<skip>[^\S\n]+ | (?:\#|//)[^\n]* | /\*.*?\*/)
      | (?P<end>[;\n,])
      | (?P<arrow><->|->|<-|--|[↔→←])
      | (?P<open>\{) | (?P<close>\})
      | (?P<attributes>\[(?:[^\]"]|"[^"]*")*\])
      | (?P<quoted>"[^"\n]*")
      | (?P<name>[\w.]+)
      | (?P<equals>=)
      | (?P<unknown>.)""",
    re.VERBOSE | re.DOTALL,
)
FRAME = re.compile(
    r"\s*(?:strict\s+)?(?P<kind>dag|digraph|graph|pdag|mag|pag)\b[^{;\n]*\{(?P<body>.*)\}\s*$", re.DOTALL
)
ARROWS = {"↔": "<->", "→": "->", "←": "<-"}
ATTRIBUTE = re.compile(r"([\w.]+)\s*(?:=\s*(\"[^\"]*\"|[^\s,;\"]+))?")
DEFAULTS = ("node", "edge", "graph")  # DOT: attributes for all that follows, which are looks
YES, NO = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int


def parse_text(text: str) -> Edges:
    """Nodes and edges of a text; a :class:`GraphError` tells the place of what cannot be read."""
    frame = FRAME.match(text)
    if frame is None:
        return _Reader(text, 0, "text").read()
    if frame["kind"] in ("pdag", "mag", "pag", "graph"):
        raise GraphError(
            f"The text is a {frame['kind']} {{...}}, whose edges have no settled direction; a causal graph needs "
            "dag {...} or digraph {...}."
        )
    return _Reader(frame["body"], frame.start("body"), frame["kind"]).read()


class _Reader:
    """Reads statements: chains of nodes or sets of nodes, joined by arrows, with attributes."""

    def __init__(self, text: str, offset: int, kind: str) -> None:
        self.text, self.offset, self.kind = text, offset, kind
        self.tokens = list(self._tokens())
        self.next = 0
        self.edges = Edges()

    def _tokens(self) -> Iterator[_Token]:
        for match in TOKEN.finditer(self.text):
            kind = match.lastgroup or "unknown"
            if kind == "unknown":
                self._refuse(match.start(), f"{match[0]!r} is neither a name nor an arrow. Put unusual names in quotes")
            if kind != "skip":
                yield _Token(kind, match[0], match.start())
        yield _Token("end", "", len(self.text))

    def _refuse(self, place: int, why: str) -> None:
        start, stop = max(0, place - 20), place + 20
        near = self.text[start:stop].replace("\n", " ")
        raise GraphError(
            f"Character {self.offset + place + 1} of the graph: {why}.\n    {near}\n    {' ' * (place - start)}^"
        )

    def _peek(self) -> _Token:
        return self.tokens[self.next]

    def _take(self) -> _Token:
        self.next += 1
        return self.tokens[self.next - 1]

    def read(self) -> Edges:
        """Read all statements."""
        while self.next < len(self.tokens):
            if self._peek().kind == "end":
                self._take()
            else:
                self._statement()
        return self.edges

    def _statement(self) -> None:
        first = self._peek()
        ends = [self._nodes()]
        arrows = []
        while self._peek().kind == "arrow":
            token = self._take()
            arrow = ARROWS.get(token.text, token.text)
            if arrow == "--":
                self._refuse(
                    token.place, "'--' has no direction. Use '->' for a cause or '<->' for a hidden common cause"
                )
            arrows.append(arrow)
            ends.append(self._nodes())
        following = self._peek()
        if following.kind == "equals":  # bb="0,0,1,1" in dagitty, rankdir=LR in DOT
            self._setting(first)
            return
        attributes = _attributes(self._take().text) if following.kind == "attributes" else {}
        if self.kind == "text" and self._peek().kind != "end":
            self._refuse(
                self._peek().place, f"{self._peek().text!r} begins a new statement. Put ';' or a new line before"
            )
        if not arrows and first.kind == "name" and first.text in DEFAULTS and self.kind == "digraph":
            return
        for names in ends:
            for name in names:
                self.edges.add_node(name)
        if not arrows and _is_latent(attributes):
            self.edges.latents.update(ends[0])
        for left, arrow, right in zip(ends, arrows, ends[1:], strict=False):
            arrow = "<->" if attributes.get("dir") == "both" else arrow
            for a in left:
                for b in right:
                    self.edges.add(a, arrow, b)

    def _nodes(self) -> list[str]:
        """One name, or several in braces."""
        token = self._take()
        if token.kind in ("name", "quoted"):
            return [token.text.strip('"')]
        if token.kind != "open":
            found = repr(token.text) if token.text.strip() else "the end of the statement"
            self._refuse(token.place, f"a name was expected, and {found} found")
        names = []
        while self._peek().kind != "close":
            inner = self._take()
            if inner.kind in ("name", "quoted"):
                names.append(inner.text.strip('"'))
            elif inner.kind != "end" or not inner.text:
                self._refuse(inner.place, "a set of nodes in braces holds names alone, and ends with '}'")
        self._take()
        return names

    def _setting(self, first: _Token) -> None:
        if self.kind == "text":
            self._refuse(self._peek().place, f"'=' after {first.text!r} means nothing in a graph")
        self._take()
        self._take()


def _attributes(text: str) -> dict[str, str]:
    """``[latent, dir=both]`` as a mapping, flags with the value ``"true"``."""
    return {name.lower(): (value or "true").strip('"').lower() for name, value in ATTRIBUTE.findall(text[1:-1])}


def _is_latent(attributes: dict[str, str]) -> bool:
    flags = ("latent", "unobserved", "u")
    return any(attributes.get(flag) in YES for flag in flags) or attributes.get("observed") in NO
