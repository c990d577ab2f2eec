"""A page for managers: how units were classified, how far that can be trusted, and the class of each."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from modpart._report import STYLE, figure_tag, html_table
from modpart._utils.optional import optional_import
from modpart._utils.words import percent

__all__ = ["efficiency_page"]

MOST_PLANES = 6


def efficiency_page(model: Any, X: Any) -> str:
    """The whole page as text."""
    table = model.report(X)
    sections = [_verdict(model, table), *_pictures(model, X), _trust(model), _units(table)]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>Efficiency classes</title><style>{STYLE}</style>"
    title = f"<h1>Efficiency classes of {len(table)} units</h1>"
    lead = (
        '<p class="lead">Each unit is compared with the best practice of the units that the model was made from, and '
        "put into a class by a model that looks at its inputs and outputs alone.</p>"
    )
    body = "".join(f"<section>{section}</section>" for section in sections)
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body><main>{title}{lead}{body}</main></body></html>\n'


def _verdict(model: Any, table: pd.DataFrame) -> str:
    counts = table["class"].value_counts().reindex(model.all_class_names_, fill_value=0)
    summary = pd.DataFrame({"units": counts, "share": [percent(c / len(table)) for c in counts]})
    told = ""
    if model.dea_ is not None:
        agree = percent(float(table["agree"].mean()))
        told = f"<p>For {escape(agree)} of these units the class is the one that plain DEA gives them.</p>"
    return f"<h2>What came out</h2>{html_table('Predicted classes, from the worst to the best', summary)}{told}"


def _pictures(model: Any, X: Any) -> list[str]:
    """Sections with a picture each; those that the model has no part for are left out."""
    pyplot = optional_import("matplotlib.pyplot", extra="plot", purpose="The report of an EfficiencyClassifier")
    from modpart.inspection import ClusterCountDisplay, EfficiencyClassDisplay, SOMDisplay

    found = []

    def add(title: str, words: str, figure: Any) -> None:
        found.append(f"<h2>{escape(title)}</h2>{figure_tag(figure, title)}<p>{escape(words)}</p>")
        pyplot.close(figure)

    if model.dea_ is not None:
        figure, axes = pyplot.subplots(1, 2, figsize=(11.5, 4.4), layout="constrained")
        EfficiencyClassDisplay.from_estimator(model, X, ax=axes[0])
        EfficiencyClassDisplay.from_estimator(model, X, kind="confusion", ax=axes[1])
        add(
            "Scores and classes",
            "Left the scores by plain DEA, right where model and DEA agree (the diagonal).",
            figure,
        )
    if hasattr(model.clusterer_, "u_matrix_"):
        som, names = model.clusterer_, [str(name) for name in getattr(model, "feature_names_in_", [])]
        planes = range(min(MOST_PLANES, som.n_features_in_))
        figure, axes = pyplot.subplots(2, 4, figsize=(11.5, 5.2), layout="constrained")
        SOMDisplay.from_estimator(som, ax=axes.flat[0])
        SOMDisplay.from_estimator(som, kind="hits", ax=axes.flat[1])
        for ax, j in zip(axes.flat[2:], planes, strict=False):
            SOMDisplay.from_estimator(som, kind="component", feature=j, ax=ax)
            ax.set_title(names[j] if names else f"column {j}", loc="left")
        for ax in axes.flat[2 + len(planes) :]:
            ax.set_axis_off()
        words = (
            "Units that lie together here are alike. Bright ridges of the first map part groups; orange lines are the "
        )
        words += "borders between clusters; the other maps show one column each, on its scale from 0 to 1."
        add("The map of the units", words, figure)
    if model.cluster_count_ is not None:
        words = (
            "Each panel is one statistic; the ring marks the number of clusters that it names. The vote of all decides."
        )
        add("How many clusters", words, ClusterCountDisplay.from_estimator(model.cluster_count_).figure_)
    return found


def _trust(model: Any) -> str:
    """What is known of how right the model is, and what is not."""
    majority = float(np.max(model.class_shares_))
    facts = {
        "Right in cross-validation": percent(model.fidelity_),
        "Right when everybody is put into the largest class": percent(majority),
        "Clusters": f"{model.n_clusters_}, used as: {_USES[model.combine_]}",
    }
    for way, score in model.combine_scores_.items():
        facts[f"Right with: {_USES[way]}"] = percent(score)
    for k, why in enumerate(model.fallback_):
        if why:
            facts[f"Cluster {k}"] = f"the model of all units stands in ({why})"
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in facts.items())
    words = (
        "The class is a function of the data and the frontier, and DEA can compute it exactly; the model is a quick "
        "substitute, least sure of units near an edge between classes. Scores depend on who is compared: a unit that "
        "is efficient here may not be so beside others."
    )
    return f'<h2>How far to trust it</h2><table class="facts">{rows}</table><p>{escape(words)}</p>'


_USES = {
    "none": "one model for all units",
    "feature": "one model that knows the cluster",
    "local": "a model for each cluster",
    "average": "the mean of these three",
}


def _units(table: pd.DataFrame) -> str:
    shown = table.round(3)
    if "agree" in shown:
        shown["agree"] = np.where(shown["agree"], "yes", "no")
        shown = shown.sort_values("DEA score", kind="stable")
    return f"<h2>Each unit</h2>{html_table('The least efficient first' if 'agree' in shown else 'All units', shown)}"
