"""
A change of level in a river
============================

The yearly flow of the Nile at Aswan fell after 1898; this is one of the best known change points in statistics. We give
the partitioner year and flow. Its experts are straight lines, so what it can find are stretches of years that follow a
line each.
"""

import matplotlib.pyplot as plt
import numpy as np

from modpart.datasets import load_nile
from modpart.inspection import PartitionDisplay
from modpart.partition import ActivePartitioner, BayesianExpert

X, y = load_nile(as_frame=True)
partitioner = ActivePartitioner(BayesianExpert("linear"), random_state=0).fit(X, y)

last_years = X["year"].to_numpy()[np.flatnonzero(np.diff(partitioner.labels_))]
print(f"{partitioner.n_partitions_} regimes; the last year before a border: {last_years}")
print(y.groupby(partitioner.labels_).agg(["count", "mean", "std"]).round(1))

# %%
# The line of each regime is solid where the gate lets it rule and dashed elsewhere.

display = PartitionDisplay.from_estimator(partitioner, X, y)
display.ax_.set_ylabel("flow (10⁸ m³ a year)")
plt.show()

# %%
# What counts as a law is a choice. Where experts may be curved, one curve that drops steeply explains the same flows,
# and a second regime is not called for.

curved = ActivePartitioner(random_state=0).fit(X, y)
PartitionDisplay.from_estimator(curved, X, y)
plt.show()
