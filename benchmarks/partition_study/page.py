"""The page: tables and sentences, all of them made from the results."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn

from modpart.datasets import labelled
from partition_study.problems import N_BOUND, N_TEST, N_TRAIN, SMOOTH_BORDERS
from partition_study.results import ASIDE, REFERENCE, Results
from partition_study.significance import (
    critical_difference,
    draw_critical_difference,
    friedman,
    mean_ranks,
    pairwise,
    signed_rank,
)

NOTES = Path(__file__).with_name("notes.md")  # what was measured apart
OURS = ("modular", "modular, accuracy", "modular, networks")
CLOSE = 1.1  # "within 10 % of the best"

PAGE = """\
# Partitions against single models and other programs

{n_train} training and {n_test} new rows of 22 sets with known regimes (noise 5 % of the standard deviation of the law)
and of Friedman's three; 80/20 splits of real tables, of at most {n_bound} rows, exact duplicates dropped.
Seeds {seeds}; every run on one core, scikit-learn {sklearn}. Made by `python benchmarks/bench_partition.py --data
TABLES --peers ENVIRONMENTS --write`, in pieces on several machines: compare errors across rows, times only roughly.

## In short

{short}

## Are the regimes found?

*partition* is `ActivePartitioner()` as it comes, the number of regimes unknown. Agreement is the adjusted Rand index on
new rows, through the gate, 1 being perfect: mean and worst run. Error is the mean squared error of new rows, each
predicted by the expert that the gate names, with no way back to a single model: over that of the same experts told
every row's true regime (*oracle*), and over the noise alone; *modular* may also blend experts or keep a single model.
*Bootstrap* is the agreement of two partitions, each of a bootstrap sample. Seconds of the processor are those of the
partition, in the median. Sets marked * have borders without jump or kink.

{recovery}

## Is one law left whole?

How often `ActivePartitioner()` finds one regime where there is one law, or none.

{controls}

## Who predicts best?

Mean squared error on new rows over that of *modular*: **above 1 the modular model is better**. Geometric mean over the
runs that both have; the least error of a row is bold, unless it is ours. Every contestant with settings chooses among
four on the same held-out fifth of the training rows (PARC and k-means among three to five, datalets by its own search),
and networks have at most as many parameters as the modular model of networks.

{ratios}

{not_run}

{who}

## Wins, ties and losses

Per set, a win is a mean log-ratio beyond one standard error (Nadeau and Bengio's, where splits overlap). *Ratio* is the
rival's error over ours, above 1 in our favour: in the median over sets, on the worst set, in the worst run. p is
Wilcoxon's signed-rank test on the set means; *Holm* adjusts it for all pairs of methods that ran everywhere.

{verdicts}

## Ranks

{ranks}

## Where it loses

{losses}

## What it costs

Seconds of the processor for one fit with its search and the predictions, median over all sets of a kind. *Modular,
networks* includes the partition; *one network* and *soft mixture* do not, though they are told its number of regimes.

{cost}

{notes}"""

WHO = """\
*modular* is `PartitionedRegressor()` as it comes, *accuracy* its mode of that name. *modular, networks* trains an
`MLPExpert` of two layers of 16 on each regime found. *one model* is `BayesianExpert` on all rows, the same closed-form
expert that *modular* has in each regime. *one network* is an `MLPExpert` with as many parameters as those of all
regimes. *paper's rule* is `ActivePartitioner(MLPExpert(), vote_weight=0)`, starts at random where that can be asked
for, the best of four kept, with the same choice of gates as *modular*, no way back to a single model. *k-means* puts
closed-form experts on clusters of the inputs, 1, 2, 4, 8 or the true number of them. *soft mixture* is a mixture of
experts with a network as gate, trained jointly. *forest* and *boosting* are scikit-learn's. PARC is told the true
number of regimes as one of its choices."""


def table(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def starred(name: str) -> str:
    return name + "*" * (name in SMOOTH_BORDERS)


def ratio(log_ratio: float) -> str:
    return "" if np.isnan(log_ratio) else f"{np.exp(log_ratio):.2f}"


def p_value(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else f"{p:.0e}"


def recovery(results: Results) -> str:
    rows = []
    for name in results.sets("labelled", "noisy"):
        runs, told = results.of_set(name, "partition"), results.of_set(name, "oracle")
        if runs.empty:
            continue
        regimes = len(np.unique(labelled()[name.partition(",")[0]](N_TRAIN, random_state=0)[2]))
        noise, twice = results.of_set(name, "true law")["error"].mean(), results.of_set(name, "bootstrap")["ari"]
        shared = runs.merge(told, on="seed", suffixes=("", "_told"))
        routed = results.of_set(name, REFERENCE).merge(told, on="seed", suffixes=("", "_told"))
        rows.append(
            [
                starred(name),
                regimes,
                f"{int((runs['parts'] == regimes).sum())} of {len(runs)}",
                f"{runs['ari'].mean():.3f} ({runs['ari'].min():.3f})",
                "" if shared.empty else f"{shared['error'].mean() / shared['error_told'].mean():.2f}",
                "" if routed.empty else f"{routed['error'].mean() / routed['error_told'].mean():.2f}",
                "" if np.isnan(noise) else f"{runs['error'].mean() / noise:.2f}",
                "" if twice.empty else f"{twice.mean():.3f} ({twice.min():.3f})",
                f"{runs['seconds'].median():.1f}",
            ]
        )
    head = ["set", "regimes", "number right", "agreement", "error / oracle", "*modular* / oracle", "error / noise"]
    head += ["bootstrap", "seconds"]
    return table(head, rows)


def controls(results: Results) -> str:
    rows = []
    for name in results.sets("control"):
        parts = results.of_set(name, "partition")["parts"]
        rows.append([name, f"{int((parts == 1).sum())} of {len(parts)}", int(parts.max())])
    return table(["set", "left whole", "most regimes"], rows)


def why_empty(results: Results, name: str, method: str, contestant: Any) -> str:
    """Why a method has no result on a set, in a few words."""
    if contestant.only and name not in contestant.only:
        return "slow"
    notes = results.of_set(name, method)["note"]
    return notes.iloc[0].partition(":")[2].strip() or notes.iloc[0] if len(notes) else "left out"


def ratio_table(results: Results, methods: list[str], contestants: dict[str, Any]) -> str:
    rows = []
    for name in results.sets():
        scores = results.scores.loc[name].reindex(methods)
        best = min(0.0, scores.min())
        cells = [
            f"not run ({why_empty(results, name, m, contestants[m])})"
            if np.isnan(s)
            else f"**{ratio(s)}**"
            if s == best
            else ratio(s)
            for m, s in scores.items()
        ]
        rows.append([starred(name), *cells])
    return table(["set", *methods], rows)


def not_run(results: Results, contestants: dict[str, Any]) -> str:
    """Why cells are empty, one line per method."""
    lines = []
    for name, method in contestants.items():
        if name in ASIDE:
            continue
        failed = results.lines[(results.lines["method"] == name) & (results.lines["note"] != "")]
        reasons = [f"{line.set}: {line.note}" for line in failed.drop_duplicates("set").itertuples()]
        if method.why_not and not (results.lines["method"] == name).any():
            reasons.append(method.why_not)
        if method.only:
            reasons.append(f"too slow for all sets, and so run on {', '.join(method.only)} alone")
        if reasons:
            lines.append(f"- {name}: not run ({'; '.join(reasons)})")
    return "\n".join(lines) or "Every method ran on every set."


def share_close(scores: pd.DataFrame, method: str) -> str:
    """On how many sets `method` is best or within 10 % of the best of all others that are not ours."""
    rivals = scores.drop(columns=[m for m in OURS if m in scores])
    held = scores[method].notna()
    if not held.any():
        return "none (it was not run there)"
    good = (scores[method] - rivals.min(axis=1))[held] <= np.log(CLOSE)
    return f"{int(good.sum())} of {len(good)} ({100 * good.mean():.0f} %)"


def short(results: Results) -> str:
    scores, drawn = results.scores, results.sets("labelled")
    lines = []
    for method in [m for m in OURS if m in scores]:
        lines.append(
            f"- *{method}* is best, or within 10 % of the best rival, on {share_close(scores.loc[drawn], method)} of "
            f"the sets with known regimes and on {share_close(scores.drop(index=drawn), method)} of the others."
        )
        if "k-means" in scores:
            gap = (scores["k-means"] - scores[method]).loc[drawn].dropna()
            lines.append(
                f"  On those with known regimes k-means, with an expert of the same kind on each cluster, has "
                f"{np.exp(gap.median()):.2f} times our error in the median (p = {p_value(signed_rank(gap))})."
            )
    tables = results.lines[(results.lines["method"] == "modular") & (results.lines["group"] == "table")]
    if len(tables):
        lines.append(
            f"- On tables *modular* keeps a single model in {int((tables['parts'] == 1).sum())} of {len(tables)} runs."
        )
    found = results.lines[(results.lines["method"] == "partition") & (results.lines["group"] == "control")]
    if len(found):
        lines.append(f"- One law, or none, is left whole in {int((found['parts'] == 1).sum())} of {len(found)} runs.")
    twice = results.lines[results.lines["method"] == "bootstrap"].groupby("set")["ari"].mean()
    if len(twice):
        lines.append(
            f"- Two bootstrap samples agree on the partition (index >= .9) on {int((twice >= 0.9).sum())} of "
            f"{len(twice)} sets with known regimes."
        )
    return "\n".join(lines)


def verdict_tables(results: Results) -> str:
    scores, complete = results.scores, results.complete()
    adjusted = pairwise(complete.to_numpy()) if complete.shape[1] > 1 and len(complete) > 1 else {}
    parts = []
    for ours in [m for m in OURS if m in scores]:
        rows = []
        for rival in [m for m in scores if m != ours]:
            gap = (scores[rival] - scores[ours]).dropna()
            if gap.empty:
                continue
            drawn = [n for n in gap.index if results.group_of(n) == "labelled"]
            others = [n for n in gap.index if n not in drawn]
            holm = ""
            if ours in complete and rival in complete:
                pair = sorted((complete.columns.get_loc(ours), complete.columns.get_loc(rival)))
                holm = p_value(adjusted[pair[0], pair[1]]) if adjusted else ""
            rows.append(
                [
                    rival,
                    results.verdicts(ours, rival, drawn),
                    results.verdicts(ours, rival, others),
                    f"{np.exp(gap.median()):.2f}",
                    f"{np.exp(gap.min()):.2f}",
                    f"{np.exp(min(results.ratios(name, rival, ours).min() for name in gap.index)):.2f}",
                    p_value(signed_rank(gap)),
                    holm,
                ]
            )
        head = [f"{ours} against", "known regimes", "other sets", "median ratio", "worst set", "worst run", "p", "Holm"]
        parts.append(table(head, rows))
    return "\n\n".join(parts)


def rank_section(results: Results, folder: Path) -> str:
    scores = results.complete()
    n_sets, n_methods = scores.shape
    if n_sets < 2 or n_methods < 3:
        return "Too few sets or methods to rank."
    ranks = mean_ranks(scores.to_numpy())
    difference = critical_difference(n_methods, n_sets)
    draw_critical_difference(list(scores), ranks, difference, folder / "partition_cd.png")
    left_out = [m for m in results.scores if m not in scores]
    aside = f" Left out, since they did not run everywhere: {', '.join(left_out)}." if left_out else ""
    return (
        f"Mean ranks of {n_methods} methods over the {n_sets} sets on which all of them ran; 1 is best. Friedman's\n"
        f"test that all are alike: p = {p_value(friedman(scores.to_numpy()))}. A bar joins methods that Nemenyi's\n"
        f"test at 5 % cannot tell apart.{aside}\n\n![Critical differences](partition_cd.png)"
    )


def losses(results: Results) -> str:
    """Every set on which a rival is more than 10 % better than the modular model, in each of its modes."""
    rivals, parts = results.scores.drop(columns=list(OURS), errors="ignore"), []
    for ours in [m for m in OURS[:2] if m in results.scores]:
        gaps, lines = rivals.sub(results.scores[ours], axis=0).dropna(how="all"), []
        for name, row in gaps.iterrows():
            better = row[row < -np.log(CLOSE)].sort_values()
            if len(better):
                lines.append(f"- {name}: " + ", ".join(f"{m} ({np.exp(-gap):.2f})" for m, gap in better.items()))
        parts.append(
            f"On {len(lines)} of {len(gaps)} sets at least one rival is more than 10 % better than *{ours}*; in\n"
            "brackets, how many times the rival's error ours is.\n\n" + "\n".join(lines)
        )
    return "\n\n".join(parts)


def cost(results: Results) -> str:
    lines = results.lines[(results.lines["note"] == "") & (results.lines["method"] != "true law")]
    runs = lines.groupby(["method", "set"]).size().groupby("method").max()
    found = lines.pivot_table(index="method", columns="group", values="seconds", aggfunc="median", sort=False)
    titles = {"labelled": "known regimes", "made": "Friedman", "table": "tables", "control": "one law"}
    found = found.reindex(columns=[group for group in titles if group in found])
    rows = [[m, runs[m], *("" if np.isnan(v) else f"{v:.1f}" for v in line)] for m, line in found.iterrows()]
    return table(["method", "runs per set", *(titles[group] for group in found)], rows)


def write_page(path: Path, contestants: dict[str, Any], folder: Path) -> str:
    """Write the page and its plot into `folder` and return the text."""
    results = Results.of(path)
    rivals = [m for m in contestants if m in results.scores and m != REFERENCE]
    text = PAGE.format(
        n_train=N_TRAIN,
        n_test=N_TEST,
        n_bound=N_BOUND,
        sklearn=sklearn.__version__,
        seeds=f"{results.lines['seed'].min()} to {results.lines['seed'].max()}",
        short=short(results),
        recovery=recovery(results),
        controls=controls(results),
        ratios=ratio_table(results, rivals, contestants),
        not_run=not_run(results, contestants),
        who=WHO,
        verdicts=verdict_tables(results),
        ranks=rank_section(results, folder),
        losses=losses(results),
        cost=cost(results),
        notes=NOTES.read_text(),
    )
    (folder / "partition.md").write_text(text)
    return text
