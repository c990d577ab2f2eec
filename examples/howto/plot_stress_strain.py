"""
Elastic, plastic, unloading: the regimes of a tensile test
==========================================================

A metal bar is pulled and let go. At first stress follows strain steeply (elastic), beyond the yield stress it follows
slowly (plastic), and on the way back it falls steeply again. Strain alone does not tell which of these holds: the same
strain occurs on the way up and on the way down. We give the partitioner strain and direction, and let it say what it
found.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from modpart.datasets import make_load_unload
from modpart.metrics import partition_stability
from modpart.partition import ActivePartitioner, BayesianExpert

rows, stress, regime = make_load_unload(600, noise=0.03, random_state=0)
X = pd.DataFrame(rows, columns=["strain (%)", "direction"])
y = pd.Series(stress, name="stress (MPa)")

# %%
# In plain words
# --------------
# The experts are straight lines, the law of an engineer. ``describe`` gives each regime a rule, its expert's effects
# and its typical error. All of it is counted on the rows, so the rule can be applied to them.

partitioner = ActivePartitioner(BayesianExpert("linear"), random_state=0).fit(X, y)
description = partitioner.describe(X, y)
print(description)

# %%
# Two laws, not three: unloading is elastic again. It has the slope of the elastic branch and another intercept, which
# one straight line in strain and direction gives both. The data were made with three regimes; held against "plastic or
# not" the partition is right.

print(f"adjusted Rand index with three regimes: {adjusted_rand_score(regime, partitioner.labels_):.3f}")
print(f"adjusted Rand index with 'plastic or not': {adjusted_rand_score(regime == 1, partitioner.labels_):.3f}")

# %%
# The same as a table
# -------------------
# ``coverage`` is the share of a regime's rows for which its rule holds; ``precision`` is the share of the rows for
# which it holds that are in the regime.

description.table[["rows", "rmse", "rule", "coverage", "precision", "unsure"]].round(3)

# %%
# The moduli
# ----------
# The bar was made with 700 MPa per percent of strain (70 GPa) on the way up and down, and a tenth of it beyond yield.

for k, expert in enumerate(partitioner.experts_):
    inside = X.to_numpy()[partitioner.labels_ == k].mean(axis=0)
    low, high = expert.predict(inside + np.array([[-0.01, 0.0], [0.01, 0.0]]))
    print(f"partition {k}: {(high - low) / 0.02:.0f} MPa per percent of strain")

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for k in range(partitioner.n_partitions_):
    shown = partitioner.labels_ == k
    ax.plot(X["strain (%)"][shown], y[shown], ".", label=f"partition {k}: {description.regimes[k].rule}")
ax.set_xlabel("strain (%)")
ax.set_ylabel("stress (MPa)")
ax.legend()
plt.show()

# %%
# Would other rows tell the same?
# -------------------------------
# Refits on bootstrap samples answer without any truth.

stability = partition_stability(partitioner, X, y, n_bootstraps=5, random_state=0)
print(f"regimes per refit: {stability.n_partitions.tolist()}; mean adjusted Rand index: {stability.agreement:.3f}")
print(f"least agreement of two refits: {np.min(stability.pairs):.3f}")
