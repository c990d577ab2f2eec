"""Causes: which treatment of kidney stones is better, and what happens when the reason of the choice is not known."""

import numpy as np
import pandas as pd

from modpart._report import Story
from modpart.causal import CausalGraph, PluginEstimator
from modpart.datasets import load_kidney_stones
from modpart.demo._page import SEED, Clock, canvas
from modpart.inspection import CausalGraphDisplay

__all__ = ["kidney"]

SURGERY, PUNCTURE = {"treatment": "open surgery"}, {"treatment": "percutaneous"}


def kidney(clock: Clock) -> Story:
    with clock.part("load"):
        counts = load_kidney_stones()
        patients = int(counts.sum())
    with clock.part("fit"):
        graph = CausalGraph("stones -> treatment -> recovered; stones -> recovered")
        answer = graph.identify("recovered", do="treatment")
        estimator = PluginEstimator(graph, random_state=SEED).fit(counts)
        effect = estimator.average_effect("recovered", SURGERY, PUNCTURE).loc["recovered"]
        within = estimator.average_effect("recovered", SURGERY, PUNCTURE, given="stones")
    with clock.part("compare"):
        seen = counts.groupby(level=["treatment", "recovered"], observed=True).sum().unstack("recovered")
        shares = seen[1] / seen.sum(axis=1)
        naive = float(shares["open surgery"] - shares["percutaneous"])
        doubted = CausalGraph(graph, bidirected=[("treatment", "recovered")])
        refusal = doubted.identify("recovered", do="treatment")
        worlds = refusal.counterexample(random_state=SEED)
        apart = np.abs(worlds[0].distribution() - worlds[1].distribution()).max()
        effects = [
            np.subtract(*(world.distribution(["recovered"], do={"treatment": v})[1] for v in (1, 0)))
            for world in worlds
        ]
    with clock.part("pictures"):
        figure, axes = canvas(2)
        CausalGraphDisplay.from_graph(graph, ax=axes[0])
        axes[0].set_title("stones were seen: an answer", loc="left")
        CausalGraphDisplay.from_graph(doubted, highlight=refusal, ax=axes[1])
        axes[1].set_title("with a hidden cause: no answer", loc="left")
    table = pd.DataFrame([effect, *(within.loc[size] for size in ("small", "large"))], index=["all", "small", "large"])
    return Story(
        title="Kidney stones: the better treatment looks worse",
        question=(
            f"{patients} patients had open surgery or a puncture of the kidney (Charig et al. 1986). Recovered after "
            f"surgery: {shares['open surgery']:.0%}, after the puncture: {shares['percutaneous']:.0%}. Surgeons chose "
            "surgery more often for large stones, which are harder to remove. What if everybody had the one or the "
            "other?"
        ),
        see=(
            f"As seen, surgery does worse by {-100 * naive:.1f} points; as caused, better by "
            f"{100 * effect['effect']:.1f} (95 % interval {100 * effect['low']:.1f} to {100 * effect['high']:.1f}). "
            "If a cause that nobody wrote down tied treatment and recovery together as well, the question would have "
            "no answer, and the coloured nodes are the proof: two worlds that fit this graph agree on all data (to "
            f"{apart:.0e}) while the effect is {effects[0]:+.2f} in one and {effects[1]:+.2f} in the other."
        ),
        short=("Kidney stones", str(patients), "3 mechanisms", f"effect {effect['effect']:+.3f}, seen {naive:+.3f}"),
        facts={
            "Formula found": str(answer),
            "Adjust for": ", ".join(sorted(answer.adjustment_set or ())),
            "Success of surgery minus puncture, as seen": f"{naive:+.3f}",
            "Success of surgery minus puncture, as caused": f"{effect['effect']:+.3f}",
            "Answer with a hidden cause of treatment and recovery": "yes" if refusal.identifiable else "refused",
        },
        tables={"Effect by size of the stones, with 95 % intervals": table.rename_axis("stones")},
        figure=figure,
        alt="Two causal graphs, one in which the effect is identified and one with a hidden cause in which it is not",
    )
