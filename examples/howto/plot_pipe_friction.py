"""
Laminar or turbulent: a switch of physics on log axes
=====================================================

The friction factor of a pipe falls as 64 / Re while the flow is laminar, and follows another law, that of Colebrook,
when it is turbulent. Both are smooth on logarithmic axes, which is where such data should be given to a partitioner:
powers of ten become steps of one, and relative errors become absolute ones.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from modpart.datasets import make_pipe_friction
from modpart.inspection import PartitionDisplay
from modpart.partition import BayesianExpert, PartitionedRegressor

NAMES = ["log10 Re", "log10 roughness"]


def pipes(n_samples, seed):
    """Pipes with their names."""
    rows, friction, regime = make_pipe_friction(n_samples, noise=0.05, random_state=seed)
    return pd.DataFrame(rows, columns=NAMES), pd.Series(friction, name="log10 f"), regime


X, y, _ = pipes(500, 0)
X_new, y_new, regime_new = pipes(2000, 1)
model = PartitionedRegressor(fallback=False, routing="hard", random_state=0).fit(X, y)
print(model.describe(X, y))

# %%
# Where the flow turns
# --------------------
# The rule gives the border as a power of ten. What is true of the training rows need not be true of others: asked for
# new pipes, ``describe`` tells how well their rows are described.

border = model.describe(X, y).regimes[1].rule.boxes[0][0].high
print(f"border: Re = {10**border:.0f} (the data were made with 2300)")
print(f"adjusted Rand index on new pipes: {adjusted_rand_score(regime_new, model.apply(X_new)):.3f}")
PartitionDisplay.from_estimator(model, X_new, y_new)
plt.show()

# %%
# The chart of Moody
# ------------------
# For one roughness, the modular model keeps the jump that a single smooth model must round off.

single = BayesianExpert(random_state=0).fit(X, y)
line = pd.DataFrame({"log10 Re": np.linspace(2.7, 6.0, 400), "log10 roughness": -3.0})
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
near = np.abs(X_new["log10 roughness"] + 3.0) < 0.15
ax.loglog(10 ** X_new["log10 Re"][near], 10 ** y_new[near], ".", color="0.7", label="new pipes of about this roughness")
ax.loglog(10 ** line["log10 Re"], 10 ** single.predict(line), "--", color="#E69F00", label="one model")
ax.loglog(10 ** line["log10 Re"], 10 ** model.predict(line), color="#0072B2", label="one model per regime")
ax.set_xlabel("Reynolds number")
ax.set_ylabel("friction factor")
ax.legend()
plt.show()

for name, fitted in [("one model", single), ("one model per regime", model)]:
    error = np.sqrt(np.mean((fitted.predict(X_new) - y_new) ** 2))
    print(f"{name}: typical factor by which new friction factors are missed: {10**error:.3f}")
