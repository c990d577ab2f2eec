"""A fitted frontier in plain words, and as files for those who do not program."""

from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from modpart._report import STYLE, html_table
from modpart._utils.optional import optional_import
from modpart._utils.words import percent, plain
from modpart.efficiency._units.data import plain_name
from modpart.efficiency._units.fitted import FittedFrontier
from modpart.exceptions import ParameterError

__all__ = ["Reporting"]

ENDINGS = (".html", ".csv", ".xlsx")
SHOWN_PEERS = 6
NO_CHANGE = 1e-6

_CAN = {
    "input": "it could do what it does with {} less of each input that it can choose",
    "output": "it could make {} more of each output from what it uses",
    "hyperbolic": "it could use {} less of each input and at once make as much more of each output in proportion",
    "directional": "it could go {} of its direction, using less and making more at once",
}
_SIZE = {
    "constant": "It works at its most productive size (constant returns to scale).",
    "increasing": "It is too small: growing would make it more productive (increasing returns to scale).",
    "decreasing": "It is too large: a smaller size would be more productive (decreasing returns to scale).",
}


class Reporting(FittedFrontier):
    """Reports of a fitted frontier."""

    def changes(self, unit: Any) -> pd.DataFrame:
        """What one unit is asked to change.

        Parameters
        ----------
        unit : label
            Name of the unit.

        Returns
        -------
        table : DataFrame
            For each input and output: ``now``, ``target``, ``change`` and ``percent``.
        """
        place = self.place_of(unit)
        now, target = self._own_units.values[place], self.targets_[place]
        size = np.where(now != 0.0, np.abs(now), np.nan)
        table = {"now": now, "target": target, "change": target - now, "percent": 100 * (target - now) / size}
        return pd.DataFrame(table, index=pd.Index(self.columns_.names, name="column"))

    def report(self, unit: Any) -> str:
        """One unit in plain words: score, rank, peers, what to change and by how much, size.

        Parameters
        ----------
        unit : label
            Name of the unit.

        Returns
        -------
        text : str
        """
        place = self.place_of(unit)
        lines = [f"{unit}: {self._verdict(place)}"]
        if self.status_[place] == "optimal":
            if not self.efficiency_[place] > 1.0 + NO_CHANGE:
                lines += self._company(place)
                lines += self._asked(unit)
            lines += self._size(place)
        return "\n".join(lines)

    def summary(self) -> str:
        """All units in plain words.

        Returns
        -------
        text : str
        """
        check_is_fitted(self)
        n, efficient = len(self.units_), self.efficient_
        known = np.isfinite(self.efficiency_)
        columns = self.columns_
        m, s = len(columns.inputs), len(columns.outputs)
        named = [", ".join(map(str, part)) for part in (columns.names[:m], columns.names[m : m + s])]
        lines = [
            f"{n} units, inputs {named[0]}, outputs {named[1]}; technology {self.technology}, "
            + (f"orientation {self.orientation}" if self.measure == "radial" else f"measure {self.measure}")
            + ".",
            f"{int(efficient.sum())} units ({percent(efficient.mean())}) are on the frontier, "
            f"{int(self.strongly_efficient_.sum())} of them without any slack.",
        ]
        if known.any():
            found = self.efficiency_[known]
            worst = self.units_[known][found.argmin()]
            lines.append(f"Mean efficiency {found.mean():.3f}; the lowest is {found.min():.3f} ({worst}).")
        taught = np.asarray((self.lambdas_ > 0).sum(axis=0)).ravel() - (self.lambdas_.diagonal() > 0)
        if taught.any():
            best = np.argsort(-taught, kind="stable")[:3]
            lines.append(
                "Most often a peer: "
                + ", ".join(f"{self.units_[k]} (for {int(taught[k])} others)" for k in best if taught[k])
                + "."
            )
        lost = int((self.status_ != "optimal").sum())
        if lost:
            lines.append(f"{lost} units have no score; see their status.")
        return "\n".join(lines)

    def save_report(self, path: str | Path) -> Path:
        """Write the report of all units to a file: CSV or Excel for the table, HTML for the words too.

        Parameters
        ----------
        path : str or pathlib.Path
            Ends in ``.html``, ``.csv`` or ``.xlsx``; a file that is there is overwritten.

        Returns
        -------
        path : pathlib.Path
            The file.

        Raises
        ------
        ParameterError
            When the ending is another one.
        MissingDependencyError
            When Excel is asked for and openpyxl is not installed.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending not in ENDINGS:
            raise ParameterError(f"save_report: path={str(path)!r} must end in {', '.join(ENDINGS)}.")
        table = self.to_frame()
        if ending == ".csv":
            table.to_csv(path)
        elif ending == ".xlsx":
            optional_import("openpyxl", extra="excel", purpose="save_report to an Excel file")
            table.to_excel(path)
        else:
            path.write_text(self._page(table), encoding="utf-8")
        return path

    # ---- sentences --------------------------------------------------------------------------------------------
    def _verdict(self, place: int) -> str:
        score, efficiency = self.scores_[place], self.efficiency_[place]
        if self.status_[place] != "optimal":
            why = "no other unit comes into question" if self.status_[place] == "infeasible" else "nothing can move"
            return f"{self.status_[place]}, because {why}."
        if self.strongly_efficient_[place]:
            better = ""
            if efficiency > 1.0 + NO_CHANGE:
                better = f" Measured by the others alone its score is {plain(score, 4)}."
            return f"efficient; nobody does better in anything without doing worse elsewhere.{better}"
        if self.efficient_[place]:
            return "on the frontier, but with slack: some inputs or outputs can be bettered at no cost to others."
        if np.isnan(efficiency):
            return f"inefficient, with a weighted sum of slacks of {plain(score, 4)}."
        rank = int((self.efficiency_ > efficiency + 1e-9).sum()) + 1
        words = f"efficiency {efficiency:.3f}, rank {rank} of {len(self.units_)}"
        if self.measure != "radial":
            return f"{words}."
        if self._frontier.bounds is not None:
            return f"{words}, with bounded weights."
        by = score - 1.0 if self.orientation == "output" else score if self.orientation == "directional" else 1 - score
        return f"{words}: {_CAN[self.orientation].format(percent(by))}."

    def _company(self, place: int) -> list[str]:
        peers = self.peers(place=place)
        others = peers[[label != self.units_[place] for label in peers.index]]
        if not len(others):
            return []
        shares = self.technology in ("vrs", "fdh")
        told = [f"{name} ({percent(w) if shares else plain(w)})" for name, w in others.items()]
        more = f" and {len(told) - SHOWN_PEERS} more" if len(told) > SHOWN_PEERS else ""
        kind = "in these shares" if shares else "as many times their size"
        return [f"Its peers, {kind}: {', '.join(told[:SHOWN_PEERS])}{more}."]

    def _asked(self, unit: Any) -> list[str]:
        table = self.changes(unit)
        lines = []
        for name, now, target, change, part in table.itertuples():
            if abs(change) > NO_CHANGE * max(abs(now), abs(target)):
                way = "more" if change > 0 else "less"
                share = "" if np.isnan(part) else f" ({abs(part):.1f} % {way})"
                lines.append(f"  {name}: {plain(now, 4)} -> {plain(target, 4)}{share}")
        return ["What to change:", *lines] if lines else []

    def _size(self, place: int) -> list[str]:
        comparable = self.measure == "radial" and self.orientation != "directional" and self.technology != "fdh"
        restricted = self._frontier.restrictions is not None or self._frontier.bounds is not None
        if not comparable or restricted or not np.isfinite(self.efficiency_[place]):
            return []
        return [_SIZE[str(self.rts_[place])]]

    def _page(self, table: pd.DataFrame) -> str:
        words = "".join(f"<p>{escape(line)}</p>" for line in self.summary().splitlines())
        some = [
            escape(self.report(plain_name(unit))) for unit in self.units_[np.argsort(self.efficiency_, kind="stable")]
        ]
        told = "".join(f"<p>{text.replace(chr(10), '<br>')}</p>" for text in some) if self._names_are_unique() else ""
        shown = table.rename(columns=lambda name: str(name).replace("_", " "))
        head = f'<meta charset="utf-8"><title>Efficiency</title><style>{STYLE} main {{ max-width: none; }}</style>'
        return (
            f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body><main><h1>Efficiency of {len(table)} units</h1>'
            f"<section>{words}</section><section>{html_table('All units', shown)}</section><section><h2>Each unit, "
            f"the least efficient first</h2>{told}</section></main></body></html>\n"
        )

    def _names_are_unique(self) -> bool:
        return len(set(self.units_.tolist())) == len(self.units_)
