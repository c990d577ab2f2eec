"""
From a drawn graph to the effect of a treatment
===============================================

Of 700 patients with kidney stones half had open surgery and half a puncture of the kidney (Charig et al., British
Medical Journal 1986). The puncture succeeded more often. Should a patient choose it?
"""

import matplotlib.pyplot as plt
import numpy as np

from modpart.causal import CausalGraph, PluginEstimator
from modpart.datasets import load_berkeley_admissions, load_kidney_stones
from modpart.inspection import CausalGraphDisplay

counts = load_kidney_stones()
print(counts.unstack("recovered"))

# %%
# Surgeons saw the stones before they chose: large ones got open surgery more often, and large ones are harder to
# remove. This is what the graph says. An arrow means "is a direct cause of"; what matters are the arrows that are
# missing.

graph = CausalGraph("stones -> treatment -> recovered; stones -> recovered")
CausalGraphDisplay.from_graph(graph)
plt.show()

# %%
# We ask for the distribution of recovery when the treatment is *set*, for everybody, as in a trial. That is not the
# share of those who happened to get it. The graph answers with a formula: compare within stones of one size, then
# average over the sizes of all patients.

answer = graph.identify("recovered", do="treatment")
print(answer)
print("adjust for:", set(answer.adjustment_set))

# %%
# The formula with frequencies in place of probabilities, and a bootstrap interval:

estimator = PluginEstimator(graph, random_state=0).fit(counts)
surgery, puncture = {"treatment": "open surgery"}, {"treatment": "percutaneous"}
effect = estimator.average_effect("recovered", surgery, puncture)
within = estimator.average_effect("recovered", surgery, puncture, given="stones")
seen = counts.groupby(level=["treatment", "recovered"], observed=True).sum().unstack("recovered")
shares = seen[1] / seen.sum(axis=1)
naive = shares["open surgery"] - shares["percutaneous"]
print(f"as seen: {naive:+.3f}; as caused:")
print(effect.round(3))

fig, ax = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
rows = {"as seen": (naive, naive, naive), "small stones": within.loc["small"], "large stones": within.loc["large"]}
rows["effect"] = effect.loc["recovered"]
for place, (middle, low, high) in enumerate(rows.values()):
    ax.plot([low, high], [place, place], color="0.4")
    ax.plot(middle, place, "o", color="#D55E00" if place == 0 else "#0072B2")
ax.axvline(0.0, color="0.8", zorder=0)
ax.set(yticks=range(len(rows)), yticklabels=rows, xlabel="success of open surgery minus that of the puncture")
ax.invert_yaxis()
plt.show()

# %%
# The sign has turned: open surgery did better, though 700 patients are too few to be sure.
#
# All this rests on the graph. Suppose surgeons also went by the state of the patient, which nobody wrote down. A
# double arrow stands for such a hidden cause, and now the same question has no answer. The coloured nodes are the
# reason: within them, what the treatment does cannot be told from what the hidden cause does.

doubted = CausalGraph(graph, bidirected=[("treatment", "recovered")])
refusal = doubted.identify("recovered", do="treatment")
print(refusal)
CausalGraphDisplay.from_graph(doubted, highlight=refusal)
plt.show()

# %%
# The refusal can be checked. Here are two worlds in which this graph holds. Every table that a study could collect is
# the same in both; the effect is not. No method and no amount of such data tells them apart.

worlds = refusal.counterexample(random_state=0)
tables = [world.distribution() for world in worlds]
print("largest difference of the data:", np.abs(tables[0] - tables[1]).max().round(12))
for world in worlds:
    treated, other = (world.distribution(["recovered"], do={"treatment": value})[1] for value in (1, 0))
    print(f"effect: {treated - other:+.3f}")

# %%
# A variable between cause and effect must not be adjusted for in the same way. In Berkeley 30 percent of the women
# and 45 percent of the men were admitted in 1973 (Bickel, Hammel & O'Connell, Science 1975). Departments differ in
# how many they admit, and women applied to hard ones. Setting the department as well tells what gender does at each
# admission's desk.

admissions = load_berkeley_admissions()
berkeley = PluginEstimator("gender -> department -> admitted; gender -> admitted", random_state=0).fit(admissions)
print("in all:", berkeley.average_effect("admitted", {"gender": "women"}, {"gender": "men"}).round(3).to_numpy())
for department in "ABCDEF":
    women, men = ({"gender": gender, "department": department} for gender in ("women", "men"))
    print(department, berkeley.average_effect("admitted", women, men).round(3).to_numpy())
