"""
Sample what an intervention would bring
=======================================

Does smoking cause cancer when something unseen may cause both? If all of its effect goes through tar, the data answer
(Pearl's front door). We learn a deep causal model of such data, ask it for interventions and counterfactuals, and hold
the answers against the truth, which is known here by summation.
"""

import matplotlib.pyplot as plt
import numpy as np

from modpart.causal import CausalGraph, ModularDCM
from modpart.datasets import DiscreteSCM
from modpart.exceptions import NotIdentifiableError
from modpart.inspection import InterventionDisplay

graph = CausalGraph("smoking -> tar -> cancer; smoking <-> cancer")
truth = DiscreteSCM(graph, n_hidden_states=4, n_noise_states=3, random_state=80)
data = truth.sample(5000, random_state=0)
print(graph.identify("cancer", do="smoking"))

# %%
# Learn
# -----
# Tar is learned on its own, smoking and cancer together: they share a hidden cause. The report says how far each part's
# worst pair of columns is from the data, and how far chance alone would put it.

model = ModularDCM(graph, loss="auto", random_state=0).fit(data)
print(model.fit_report().drop(columns="seconds").to_string(index=False))

# %%
# Set
# ---
# What is observed among smokers is not what smoking brings. The model agrees with the formula, and both with the truth.

exact = {x: truth.distribution(["cancer"], do={"smoking": x}).to_numpy() for x in (0, 1)}
display = InterventionDisplay.from_estimator(model, "cancer", "smoking", data=data, truth=exact)
print(model.effect("cancer", do={"smoking": 1}, versus={"smoking": 0}, random_state=0))
print(f"true effect: {exact[1][1] - exact[0][1]:.4f}")
plt.show()

# %%
# Imagine
# -------
# One smoker with tar and no cancer: would she have had cancer without smoking? A question about one unit needs more
# than the graph and the data here, and the model says so. That doing what was done changes nothing, it knows.

unit = {"smoking": 1, "tar": 1, "cancer": 0}
try:
    model.counterfactual(unit, {"smoking": 0}, variables="cancer")
except NotIdentifiableError as error:
    print(error)
same = model.counterfactual(unit, {"smoking": 1}, n_samples=5, random_state=0)
print(same.to_string(index=False))
assert np.all(same == list(unit.values()))
