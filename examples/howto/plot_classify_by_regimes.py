"""
Classes whose rule changes
==========================

The signs of a fault may depend on the speed at which a machine runs. A single linear model then has no rule to find,
and one expert per regime has. Which rows belong to which regime nobody tells.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from modpart.datasets import make_fault_modes
from modpart.partition import PartitionedClassifier

STATES = np.array(["sound", "unbalanced", "overheated"])
NAMES = ["speed", "vibration", "heat"]

X, y, regime = make_fault_modes(600, random_state=0)
new, truth, new_regime = make_fault_modes(2000, random_state=1)
X, new = pd.DataFrame(X, columns=NAMES), pd.DataFrame(new, columns=NAMES)
y, truth = STATES[y], STATES[truth]

# %%
# One model, and one for each regime
# ----------------------------------
# One label in twenty is wrong, in the new rows too, so that about 95 % is the most that anybody can reach. The gain is
# the share of the single model's log loss that is saved in cross-validation; were it no larger than its standard error,
# the single model would be kept.

single = LogisticRegression().fit(X, y)
model = PartitionedClassifier(cv=3, random_state=0).fit(X, y)
print(f"one model: {single.score(new, truth):.1%} right; by regimes: {model.score(new, truth):.1%}")
print(f"{model.n_partitions_} regimes, gain {model.gain_:.2f} +- {model.gain_se_:.2f}")

# %%
# What the regimes are
# --------------------
# The ranges of the inputs tell them apart: it is the speed.

print(model.partition_summary(new, truth).round(2).T.to_string())

# %%
# The rule that each expert has learned
# -------------------------------------

figure, axes = plt.subplots(1, 2, figsize=(8, 4), sharey=True)
labels = model.apply(new)
for k, ax in enumerate(axes):
    for state in STATES:
        rows = new[(labels == k) & (model.predict(new) == state)]
        ax.scatter(rows["vibration"], rows["heat"], s=8, label=state)
    speed = new["speed"][labels == k]
    ax.set(title=f"partition {k}: speed {speed.min():.2f} to {speed.max():.2f}", xlabel="vibration")
axes[0].set_ylabel("heat")
axes[1].legend(loc="lower left")
plt.show()
