"""What the file of results says: ratios on shared seeds, scores of sets, verdicts."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from partition_study.contestants import COMPARED
from partition_study.problems import TEST_SHARE
from partition_study.significance import MeanRatio, mean_ratio

REFERENCE = "modular"
# Splits of one table share rows; drawn sets do not.
OVERLAP = {"labelled": 0.0, "made": 0.0, "table": TEST_SHARE / (1 - TEST_SHARE)}
ASIDE = ("partition", "oracle", "true law", "bootstrap")  # measured, but no contestants


@dataclass(frozen=True)
class Results:
    """All lines of the file, and tables made of them."""

    lines: pd.DataFrame

    @classmethod
    def of(cls, path: Path) -> "Results":
        return cls(pd.read_csv(path, keep_default_na=False, na_values={c: [""] for c in ("error", "parts", "ari")}))

    @cached_property
    def log_error(self) -> pd.DataFrame:
        """Logarithm of the error by (group, set, seed) and method, of the sets where methods are compared."""
        compared = self.lines[self.lines["group"].isin(COMPARED) & self.lines["error"].notna()]
        table = compared.pivot(index=["group", "set", "seed"], columns="method", values="error")
        return np.log(table.reindex(self.sets(), level="set"))

    def sets(self, *groups: str) -> list[str]:
        """Names of the sets in these groups, in the order in which they were measured."""
        chosen = self.lines[self.lines["group"].isin(groups or COMPARED)]
        return list(dict.fromkeys(chosen["set"]))

    def group_of(self, name: str) -> str:
        return str(self.lines.loc[self.lines["set"] == name, "group"].iloc[0])

    def of_set(self, name: str, method: str) -> pd.DataFrame:
        return self.lines[(self.lines["set"] == name) & (self.lines["method"] == method)].sort_values("seed")

    def ratios(self, name: str, method: str, reference: str = REFERENCE) -> np.ndarray:
        """Log-ratios of the errors of `method` and `reference` on the seeds that both have."""
        table = self.log_error
        if method not in table or reference not in table:
            return np.empty(0)
        table = table.xs(name, level="set")
        return (table[method] - table[reference]).dropna().to_numpy()

    def compare(self, name: str, method: str, other: str) -> MeanRatio | None:
        """`method` against `other` on one set; None when no seed has both."""
        ratios = self.ratios(name, method, other)
        return mean_ratio(ratios, OVERLAP[self.group_of(name)]) if len(ratios) else None

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Mean log-ratio to the reference by set and method, each over the seeds that both have."""
        methods = [m for m in dict.fromkeys(self.lines["method"]) if m not in ASIDE]
        found = {
            name: {m: ratios.mean() for m in methods if len(ratios := self.ratios(name, m))} for name in self.sets()
        }
        return pd.DataFrame.from_dict(found, orient="index", columns=methods)

    def complete(self) -> pd.DataFrame:
        """The scores of the methods that ran on nine sets of ten, on the sets that all of these have."""
        scores = self.scores.dropna(how="all")
        return scores.loc[:, scores.notna().mean() >= 0.9].dropna()

    def verdicts(self, method: str, other: str, sets: list[str]) -> str:
        """Sets that `method` wins, ties and loses against `other` at one standard error."""
        found = [c.verdict for name in sets if (c := self.compare(name, method, other)) is not None]
        text = " / ".join(str(found.count(word)) for word in ("win", "tie", "loss"))
        return text + (f" ({found.count('unknown')} too few runs)" if "unknown" in found else "")
