"""
Let small neural networks compete
=================================

By default the experts are closed-form models. Any regressor can take their place, and
:class:`~modpart.partition.MLPExpert`, a small neural network, does so especially well: all networks of a competition
train side by side as one stack. The number of networks is then decided on held-out rows.
"""

import matplotlib.pyplot as plt
from sklearn.metrics import adjusted_rand_score

from modpart.datasets import make_sine_burst
from modpart.inspection import HistoryDisplay, PartitionDisplay
from modpart.partition import ActivePartitioner, MLPExpert

X, y, regime = make_sine_burst(300, random_state=0)

# %%
# A slow sine carries a fast burst between 4 and 6. One start and small networks keep this example quick; on a problem of
# your own leave ``n_init`` at its default.

expert = MLPExpert((16,), max_epochs=300)
partitioner = ActivePartitioner(expert, n_init=1, max_rounds=20, random_state=0).fit(X, y)
agreement = adjusted_rand_score(regime, partitioner.labels_)
print(f"{partitioner.n_partitions_} regimes; adjusted Rand index with the truth: {agreement:.3f}")

# %%
# The regime outside of the burst consists of two separate pieces that share one expert.

PartitionDisplay.from_estimator(partitioner, X, y)
plt.show()

# %%
# The competition round by round.

HistoryDisplay.from_estimator(partitioner)
plt.show()
