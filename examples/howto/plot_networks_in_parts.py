"""
Clusters and wires of a network
===============================

Two ways to train a network that can be read: hidden units in clusters that add up, and few and short wires.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from modpart.datasets import make_symbolic_task
from modpart.inspection import ModularityDisplay
from modpart.networks import Bimt, Clusterable, ModularNetClassifier, ModularNetRegressor, modularity_report

# %%
# Clusters
# --------
# After a warm-up clusters are looked for, and weights between them fade. The number to look at is the accuracy that is
# lost when what is left of those weights is cut.

X, y = load_digits(return_X_y=True)
X, X_new, y, y_new = train_test_split(X, y, stratify=y, random_state=0)
model = ModularNetClassifier(Clusterable(n_clusters=4), hidden_layer_sizes=(64, 64), random_state=0).fit(X, y)
report = modularity_report(model, X_new, y_new, n_null=20, random_state=0)
print(report.to_frame().loc[["score", "clusterability", "chance", "null_mean", "hard_cut_gap"]].round(4))
ModularityDisplay.from_estimator(model)
plt.show()

# %%
# The logits are a sum of one part for each cluster, exactly.

parts, intercept = model.contributions(X_new)
print(f"largest difference: {np.abs(parts.sum(1) + intercept - model.hard_cut().decision_function(X_new)).max():.1e}")
ModularityDisplay.from_estimator(model, X_new, y_new, kind="ablation")
plt.show()

# %%
# Wires
# -----
# Two formulas of four inputs have no input in common: (x1 + x3)^3 and x2^2 + sin(pi x4). With a price on the length of
# wires, and units that move to where their wires are short, the network falls into two.

X, y = make_symbolic_task("independence", 100, random_state=0)
settings = {"hidden_layer_sizes": (12, 12), "activation": "silu", "max_epochs": 4000, "random_state": 0}
net = ModularNetRegressor(Bimt(0.002), **settings).fit(X, y)
X_new, y_new = make_symbolic_task("independence", 1000, random_state=1)
print(f"R2 on new rows: {net.score(X_new, y_new):.4f}")
ModularityDisplay.from_estimator(net)
plt.show()
