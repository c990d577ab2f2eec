"""
A network trained in pieces
===========================

A deep network need not be trained at once. Here its modules learn apart from one another, are put together, and one of
them is replaced by a larger one.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from modpart.inspection import ScheduleDisplay
from modpart.networks import IncubatedClassifier, LocalModuleClassifier, ResidualChain, transfer_score

X, y = load_digits(return_X_y=True)
X, X_new, y, y_new = train_test_split(X / 16, y, test_size=0.3, stratify=y, random_state=0)

# %%
# Deep Incubation
# ---------------
# A small *meta* net is trained first. Then each module of the deep net learns on its own, in its place inside the
# frozen meta net: four trainings that know nothing of one another and could run on four machines. A module starts as
# what stood in that place, and all modules had the same neighbours: they fit together.

model = IncubatedClassifier(ResidualChain(width=48), depth=3, standardize=False, random_state=0).fit(X, y)
print(f"put together: {model.assembled().score(X_new, y_new):.1%}, fine-tuned: {model.score(X_new, y_new):.1%}")
ScheduleDisplay.from_estimator(model, X_new, y_new)
plt.show()

# %%
# A module is a thing
# -------------------
# It can be taken out, stored with ``modpart.io.save``, replaced, or trained anew with more blocks, while the others
# stay as they are.

larger = model.incubate(2, X, y, depth=6, random_state=1)
same = [a.digest == b.digest for a, b in zip(model.modules_, larger.modules_, strict=True)]
print(f"unchanged: {same}; {larger.get_module(2)} in place of {model.get_module(2)}")
print(f"before fine-tuning: {larger.score(X_new, y_new):.1%}")
print(f"after two epochs: {larger.fine_tune(X, y, epochs=2, random_state=0).score(X_new, y_new):.1%}")

# %%
# No back-propagation through later layers
# ----------------------------------------
# A hidden module can also learn from its own answers alone: rows of one class shall get answers with a large cosine.
# It is then frozen, and one label of each class is enough for the head. (Which rows belong together was known for all.)

local = LocalModuleClassifier(standardize=False, random_state=0).fit(X, y)
first = [int(np.flatnonzero(y == label)[0]) for label in range(10)]
few = local.with_head(X[first], y[first], epochs=400, random_state=0)
print(f"head on all labels: {local.score(X_new, y_new):.1%}, on ten: {few.score(X_new, y_new):.1%}")

# %%
# How well would its hidden module serve another task? The score is experimental: a hint, no verdict.

for name, task in [("even or odd", y_new % 2), ("chance", np.random.default_rng(0).integers(2, size=len(y_new)))]:
    print(f"{name}: {transfer_score(local, X_new, task):.2f}")
