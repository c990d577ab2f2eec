"""
In a pipeline, and in a search
==============================

The partitioner is a scikit-learn estimator. It stands at the end of a pipeline, or in the middle of one as a
transformer, and its settings, those of its experts included, can be searched.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modpart.datasets import make_two_planes
from modpart.inspection import PartitionDisplay
from modpart.partition import ActivePartitioner

X, y, regime = make_two_planes(200, noise=0.1, random_state=0)
X = pd.DataFrame(X, columns=["a", "b"])

# %%
# At the end of a pipeline
# ------------------------
# The picture shows the inputs that the last step sees: here they are standardised.

pipeline = make_pipeline(StandardScaler(), ActivePartitioner(random_state=0)).fit(X, y)
PartitionDisplay.from_estimator(pipeline, X, y)
plt.show()

# %%
# Searching the number of experts and an expert's own parameter
# -------------------------------------------------------------
# Any regressor can be an expert, and any classifier the gate. The score of a partitioner is the R squared of its
# experts, each on the rows that the gate sends to it, so the held-out folds of a search know nothing of the true
# regimes either.

partitioner = ActivePartitioner(Ridge(), gate=LogisticRegression(C=100.0), n_init=1, max_rounds=20, random_state=0)
grid = {"n_experts": [1, 2], "estimator__alpha": [0.01, 100.0]}
search = GridSearchCV(partitioner, grid, cv=3).fit(X, y)
columns = ["param_n_experts", "param_estimator__alpha", "mean_test_score", "std_test_score"]
print(pd.DataFrame(search.cv_results_)[columns].round(4).to_string(index=False))
print("best:", search.best_params_)

# %%
# In the middle of a pipeline
# ---------------------------
# As a transformer the partitioner puts out the gate's shares, one column per regime, for whatever step follows.

search.best_estimator_.set_output(transform="pandas").transform(X.head(3)).round(3)
