"""
Let small neural networks compete
=================================

By default the experts are closed-form models. Any regressor can take their place;
:class:`~modpart.partition.MLPExpert`, a small neural network, does so especially well, since all networks of a
competition train side by side as one stack. How many there should be is then decided on held-out rows.
"""

import matplotlib.pyplot as plt
from sklearn.metrics import adjusted_rand_score

from modpart.datasets import make_elastoplastic
from modpart.inspection import HistoryDisplay, PartitionDisplay
from modpart.partition import ActivePartitioner, MLPExpert

# %%
# A metal bar is stretched: it is stiff while it is elastic and soft once it yields. One start and small networks keep
# this example quick; on a problem of your own leave ``n_init`` at its default.

X, y, regime = make_elastoplastic(200, random_state=0)
expert = MLPExpert((8,), max_epochs=300)
partitioner = ActivePartitioner(expert, n_init=1, max_rounds=20, random_state=0).fit(X, y)
agreement = adjusted_rand_score(regime, partitioner.labels_)
print(f"{partitioner.n_partitions_} regimes; adjusted Rand index with the truth: {agreement:.3f}")

# %%
# Each network is drawn solid where the gate sends rows to it. Dashed is what it would say elsewhere, where it has
# learned nothing.

display = PartitionDisplay.from_estimator(partitioner, X, y)
display.ax_.set_xlabel("strain")
display.ax_.set_ylabel("stress")
plt.show()

# %%
# The competition, round by round.

HistoryDisplay.from_estimator(partitioner)
plt.show()

# %%
# A net of your own
# -----------------
# A `skorch <https://skorch.readthedocs.io>`_ net around any torch module is an expert like other regressors: it gets
# the table as float32 and the target as a column. ``random_state`` seeds its weights too, and torch's global generator
# stays as it was. Nets of this kind are trained anew in every round, so they cost more than stacked ones.

import torch
from skorch import NeuralNetRegressor


class Net(torch.nn.Module):
    """A module of your own; it returns one column."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))

    def forward(self, X):  # noqa: D102
        return self.layers(X)


net = NeuralNetRegressor(Net, optimizer=torch.optim.Adam, lr=0.1, max_epochs=50, batch_size=-1, train_split=None)
partitioner = ActivePartitioner(net, n_experts=2, n_init=1, max_rounds=2, random_state=0).fit(X, y)
agreement = adjusted_rand_score(regime, partitioner.labels_)
print(f"adjusted Rand index with the truth: {agreement:.3f}")
