"""
The rule of the competition, with and without a vote
====================================================

The competition of `Tacke et al. <https://arxiv.org/abs/2411.18254>`_ is winner-takes-all: every expert predicts every
row, a row goes to the expert that predicts it best, and each expert relearns what it holds. Taken by itself this leaves
speckles wherever two laws cross, because there the noise decides who wins. Here a row's nearest neighbours vote as
well. We look at both rules, then at the steps of a competition.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import adjusted_rand_score

from modpart.datasets import make_two_planes
from modpart.inspection import HistoryDisplay
from modpart.partition import ActivePartitioner

X, y, regime = make_two_planes(400, noise=0.15, random_state=0)

# %%
# Plain winner-takes-all against the vote
# ---------------------------------------
# ``winner_labels_`` are the winners of the competition, before any gate. The two planes, continued, predict the same
# along a line that runs through both regions, 5 a - 3 b + 2 = 0. Near that line noise decides who wins a row.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
for ax, vote_weight in zip(axes, (0.0, 1.0), strict=True):
    partitioner = ActivePartitioner(n_experts=2, vote_weight=vote_weight, random_state=0).fit(X, y)
    won = adjusted_rand_score(regime, partitioner.winner_labels_)
    routed = adjusted_rand_score(regime, partitioner.labels_)
    print(f"vote_weight={vote_weight:g}: adjusted Rand index {won:.3f} by winners, {routed:.3f} by the gate")
    colors = np.array(["#0072B2", "#E69F00"])[partitioner.winner_labels_]
    ax.scatter(X[:, 0], X[:, 1], s=14, c=colors)
    ax.set_title(f"vote_weight={vote_weight:g}", loc="left")
    ax.set_xlabel("a")
axes[0].set_ylabel("b")
plt.show()

# %%
# What the steps do
# -----------------
# A competition of closed-form experts begins with more pieces than needed (cut). Pieces that one law explains are
# joined (merge), rows change hands until nobody wants another's (compete), and experts that the others can stand in
# for leave (drop). The evidence of Bayesian regression decides each of these; no rows are held out.

partitioner = ActivePartitioner(random_state=0).fit(X, y)
HistoryDisplay.from_estimator(partitioner)
plt.show()
