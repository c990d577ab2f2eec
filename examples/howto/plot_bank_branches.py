"""
Which bank branches show the way?
=================================

Seventeen branches of a bank, three inputs, three kinds of transactions. Data envelopment analysis finds the branches
that nobody beats, and tells each other branch whom to learn from and what to change.
"""

import matplotlib.pyplot as plt
import numpy as np

from modpart.datasets import load_bank_branches, load_follow_through
from modpart.efficiency import DEA, bootstrap_dea, cross_efficiency, leverage
from modpart.inspection import FrontierDisplay

branches = load_bank_branches()
inputs, outputs = ["staff hours", "expenses", "square metres"], ["A", "B", "C"]
dea = DEA(inputs, outputs, data_warnings=False).fit(branches)
print(dea.summary())

# %%
# One branch
# ----------
# In words, and as a picture: the change of each column in percent.

print(dea.report("K5"))
figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
FrontierDisplay.from_estimator(dea, "changes", unit="K5", ax=axes[0])
FrontierDisplay.from_estimator(dea, "peers", ax=axes[1])
plt.show()

# %%
# Who is good in the eyes of the others?
# --------------------------------------
# Seven branches of seventeen have the best score, some of them only because nobody resembles them. Judged by the
# weights of all the others, they differ.

judged = cross_efficiency(branches[inputs], branches[outputs])
table = dea.to_frame()[["score"]].assign(cross=judged.scores, maverick=judged.maverick)
print(table.sort_values("cross", ascending=False).head(8).round(3))

# %%
# How sure?
# ---------
# With seventy school sites (Program Follow Through) intervals become useful. The frontier that data show lies inside
# the true one, so true efficiency is lower than the score. And some scores hang on a single unit.

sites = load_follow_through()
X, Y = sites.iloc[:, :2], sites.iloc[:, 5:7]
intervals = bootstrap_dea(X, Y, n_bootstrap=200, random_state=0).sort_values("corrected")
figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
place = np.arange(len(intervals))
ax.vlines(place, intervals["low"], intervals["high"], color="0.7", lw=3, label="95 % interval")
ax.plot(place, intervals["score"], "o", color="#0072B2", ms=4, label="score")
ax.plot(place, intervals["corrected"], "_", color="#D55E00", label="corrected for bias")
ax.set_xlabel("sites, sorted")
ax.set_ylabel("input efficiency")
ax.legend(frameon=False)
plt.show()

print(leverage(X, Y).sort_values("leverage", ascending=False).head(3).round(4))
