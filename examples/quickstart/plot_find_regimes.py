"""
Find regimes, draw them, predict with them
==========================================

A table may hold several laws, each ruling its own region of the inputs. Here are four: another formula in each quadrant
of a square. We find them without saying that there are four, draw them, and predict with one expert per regime.
"""

import matplotlib.pyplot as plt
from sklearn.metrics import adjusted_rand_score

from modpart.datasets import make_four_quadrants
from modpart.inspection import PartitionDisplay
from modpart.partition import ActivePartitioner, BayesianExpert, PartitionedRegressor

X, y, regime = make_four_quadrants(600, random_state=0)
X_new, y_new, regime_new = make_four_quadrants(2000, random_state=1)

# %%
# Find
# ----
# The true regimes are not shown to the partitioner; we only compare with them. An adjusted Rand index of 1 means the
# same partition, 0 means chance.

partitioner = ActivePartitioner(random_state=0).fit(X, y)
agreement = adjusted_rand_score(regime_new, partitioner.predict(X_new))
print(f"{partitioner.n_partitions_} regimes; adjusted Rand index with the truth on new rows: {agreement:.3f}")

# %%
# Draw
# ----
# With two inputs the picture shows what the gate would answer everywhere, and the rows on top.

PartitionDisplay.from_estimator(partitioner, X, y)
plt.show()

# %%
# Predict
# -------
# :class:`~modpart.partition.PartitionedRegressor` routes every row to the expert of its regime. By default it checks by
# cross-validation that this is worth it, and keeps a single model otherwise; we skip the check here and compare by
# hand.

model = PartitionedRegressor(partitioner, fallback=False, routing="hard", random_state=0).fit(X, y)
single = BayesianExpert(random_state=0).fit(X, y)
print(f"R squared on new rows: {model.score(X_new, y_new):.3f} (one model: {single.score(X_new, y_new):.3f})")
model.partition_summary(X_new, y_new).round(3)
