"""
Cut a network into modules
==========================

A network is trained so that each class lives in few units of its own. The part for one digit is then cut out as a
network a few percent the size, ten such parts vote nearly as well as the whole, and one of them mends another model.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from modpart.inspection import ModularityDisplay
from modpart.networks import ModularNetClassifier, compose, modularity_report, patch

X, y = load_digits(return_X_y=True)
X, X_new, y, y_new = train_test_split(X, y, stratify=y, random_state=0)
model = ModularNetClassifier("moda", random_state=0).fit(X, y)
print(f"accuracy of the whole network: {model.score(X_new, y_new):.3f}")

# %%
# A module is a classifier of its own. How active a unit must be to belong to a class was chosen on rows held out.

module = model.extract_module(3)
print(module)
print(f"is it a three? right for {module.score(X_new, y_new == 3):.1%} of new digits")

# %%
# Modules put together: by vote, or as one network cut out for some classes.

vote = compose([model.extract_module(label) for label in range(10)])
print(f"vote of ten modules: {vote.score(X_new, y_new):.3f}")
small = model.extract_module([1, 7])
rows = (y_new == 1) | (y_new == 7)
print(f"{small}: accuracy {small.score(X_new[rows], y_new[rows]):.3f}")

# %%
# Which units serve which class: few units fire for more than one.

ModularityDisplay.from_estimator(model, kind="modules")
plt.show()

# %%
# What size costs. The network's own threshold is marked.

ModularityDisplay.from_estimator(model, X_new, y_new, kind="tradeoff")
plt.show()

# %%
# Another model has seen only three eights; the module answers for that class there.

few = (y != 8) | (np.cumsum(y == 8) <= 3)
weak = make_pipeline(MaxAbsScaler(), LogisticRegression(C=0.1, max_iter=2000)).fit(X[few], y[few])
patched = patch(weak, model.extract_module(8), 8)
eights = y_new == 8
for name, classifier in {"before": weak, "after": patched}.items():
    found, others = (classifier.score(X_new[part], y_new[part]) for part in (eights, ~eights))
    print(f"{name}: {found:.0%} of the eights found, {others:.1%} of the other digits right")

# %%
# The numbers behind it.

print(modularity_report(model, X_new, y_new, n_null=20, random_state=0).to_frame().round(3))
