"""
Bank branches: scores, clusters, classes
========================================

Kassani, Kassani & Najafi (arXiv:1810.05524) score the branches of a bank by data envelopment analysis (DEA), let an
expert cut the scores into classes, find clusters with a self-organising map, and predict the class of a branch with a
reduced multivariate polynomial. Their data are not public. Here are the same steps on a small published table and on a
network of 2,000 branches whose true efficiency is known.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from modpart.datasets import make_bank_branches
from modpart.efficiency import DEA, ClusterCount, EfficiencyClassifier
from modpart.inspection import ClusterCountDisplay, EfficiencyClassDisplay, SOMDisplay

# %%
# Seventeen branches
# ------------------
# Figures of Giokas, "Bank branch operating efficiency: a comparative application of DEA and the loglinear model", Omega
# 19 (1991), 549-557, as the R package MultiplierDEA has them; hours, expenses and square metres are read off the short
# names of its columns. With so few branches scores and clusters can be looked at, but no class can be learned.

giokas = pd.DataFrame(
    {
        "hours": [
            34515,
            49960,
            20652,
            49024,
            36923,
            28967,
            28452,
            45911,
            26890,
            47376,
            57913,
            43477,
            49786,
            30045,
            56579,
            43824,
            33823,
        ],
        "expenses": [
            6543,
            11830,
            3464,
            7603,
            8723,
            4606,
            7425,
            8013,
            14662,
            7576,
            12035,
            7255,
            10909,
            4264,
            8895,
            12690,
            4143,
        ],
        "space": [591, 550, 427, 478, 830, 474, 182, 790, 447, 764, 875, 1109, 405, 479, 840, 801, 381],
        "A": [
            268836,
            475144,
            133020,
            355909,
            240679,
            211183,
            147364,
            130161,
            156828,
            297925,
            462603,
            300976,
            233178,
            110976,
            363048,
            130219,
            146804,
        ],
        "B": [
            9052,
            15697,
            3696,
            12918,
            4759,
            3188,
            5302,
            12070,
            15102,
            16797,
            2698,
            12299,
            6248,
            8675,
            6370,
            20417,
            47508,
        ],
        "C": [
            11242,
            15967,
            6937,
            16594,
            8087,
            5621,
            40618,
            115022,
            1336,
            12030,
            13232,
            24368,
            4701,
            19796,
            10788,
            28133,
            21856,
        ],
    },
    index=[f"K{i}" for i in range(1, 18)],
    dtype=float,
)
dea = DEA(outputs=["A", "B", "C"], technology="crs", data_warnings=False).fit(giokas)
classes = np.array(["below 0.8", "0.8 to 1", "efficient"])[
    np.searchsorted([0.8, 1 - 1e-6], dea.efficiency_, side="right")
]
count = ClusterCount(k_max=5, random_state=0).fit(np.log(giokas))
table = pd.DataFrame({"efficiency": dea.efficiency_.round(3), "class": classes, "cluster": count.labels_}, giokas.index)
print(table.sort_values("efficiency"))
print("numbers of clusters that the statistics name:", count.votes_)

# %%
# Two thousand branches
# ---------------------
# The generated network has four kinds of branches. The model learns from 1,500 of them; the others are new to it.

X, efficiency, kind = make_bank_branches(2000, n_groups=4, random_state=0)
old, new = X.iloc[:1500], X.iloc[1500:]
model = EfficiencyClassifier(
    DEA(outputs=["deposits", "loans", "transactions"]),
    (0.6, 0.8, 1.0),
    class_names=["poor", "fair", "good", "efficient"],
    random_state=0,
).fit(old)
print(f"clusters: {model.n_clusters_}, used as {model.combine_!r}; cross-validated: {model.combine_scores_}")
print(f"right on new branches: {model.score(new):.3f}, largest class alone: {model.class_shares_.max():.3f}")
print(
    f"correlation of DEA scores with the true efficiency: {np.corrcoef(model.efficiency_, efficiency[:1500])[0, 1]:.3f}"
)

# %%
# How many clusters there are is a matter of opinion, and the panel shows whose.

ClusterCountDisplay.from_estimator(model.cluster_count_)
plt.show()

# %%
# The map
# -------
# Branches that lie together are alike. Ridges of the distance map part groups, orange lines are the borders of the
# clusters, and the planes show which columns differ.

figure, axes = plt.subplots(2, 2, figsize=(11, 6), layout="constrained")
som = model.clusterer_
SOMDisplay.from_estimator(som, ax=axes[0, 0])
SOMDisplay.from_estimator(som, kind="hits", ax=axes[0, 1])
for ax, column in zip(axes[1], ("staff", "transactions"), strict=True):
    SOMDisplay.from_estimator(som, kind="component", feature=list(X.columns).index(column), ax=ax)
    ax.set_title(f"{column}, from 0 to 1", loc="left")
plt.show()

# %%
# The classes
# -----------
# A new branch is judged by the frontier of the old ones. The model errs where scores lie near an edge; plain DEA itself
# takes 30 microseconds a branch, and is what the model should be measured by.

figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
EfficiencyClassDisplay.from_estimator(model, new, ax=axes[0])
EfficiencyClassDisplay.from_estimator(model, new, kind="confusion", ax=axes[1])
plt.show()
print(model.report(new).head())
