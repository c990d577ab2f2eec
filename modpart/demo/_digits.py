"""Networks: each digit lives in few units of its own, which are cut out, put together again, and used for a patch."""

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from modpart._report import Story
from modpart.demo._page import SEED, Clock, canvas, many
from modpart.inspection import ModularityDisplay
from modpart.networks import ModularNetClassifier, compose, patch

__all__ = ["digits"]

PATCHED, KNOWN = 8, 3  # the digit that another model hardly knows, and how many of them it has seen


def digits(clock: Clock) -> Story:
    with clock.part("load"):
        X, y = load_digits(return_X_y=True)
        X, X_new, y, y_new = train_test_split(X, y, stratify=y, random_state=SEED)
    with clock.part("fit"):
        model = ModularNetClassifier("moda", random_state=SEED).fit(X, y)
        modules = {label: model.extract_module(label) for label in range(10)}
    with clock.part("compare"):
        whole, vote = model.score(X_new, y_new), compose(list(modules.values())).score(X_new, y_new)
        few = (y != PATCHED) | (np.cumsum(y == PATCHED) <= KNOWN)
        weak = make_pipeline(MaxAbsScaler(), LogisticRegression(C=0.1, max_iter=2000)).fit(X[few], y[few])
        mended = patch(weak, modules[PATCHED], PATCHED)
        ours = y_new == PATCHED
        found, others = ([each.score(X_new[rows], y_new[rows]) for each in (weak, mended)] for rows in (ours, ~ours))
        sizes = {label: module.retention_ for label, module in modules.items()}
        right = {label: module.score(X_new, y_new == label) for label, module in modules.items()}
    with clock.part("pictures"):
        figure, axes = canvas(2)
        ModularityDisplay.from_estimator(model, kind="modules", ax=axes[0])
        ModularityDisplay.from_estimator(model, X_new, y_new, kind="tradeoff", ax=axes[1])
    share = float(np.mean(list(sizes.values())))
    table = pd.DataFrame({"share of the weights": sizes, "right on 'is it this digit?'": right}).rename_axis("digit")
    return Story(
        title="Digits: a network in ten pieces",
        question=(
            f"A network learns {len(X)} handwritten digits, and is asked to keep the units of one digit apart from "
            f"those of another. What is needed for one digit is then cut out as a network of its own; {len(X_new)} "
            "other digits judge what came out."
        ),
        see=(
            f"A module has {share:.1%} of the weights on average. Ten modules vote right on {vote:.1%} of new digits, "
            f"the whole network is right on {whole:.1%}. Another model, which has seen only {KNOWN} times the "
            f"{PATCHED}, finds {found[0]:.0%} of them; with the module in place {found[1]:.0%}, while the other "
            f"digits go from {others[0]:.1%} to {others[1]:.1%}."
        ),
        short=("Digits", str(len(X)), many(len(modules), "module"), f"vote {vote:.1%}, whole network {whole:.1%}"),
        facts={
            "Accuracy of the whole network, new digits": f"{whole:.4f}",
            "Accuracy of the vote of ten modules": f"{vote:.4f}",
            "Size of a module, mean share of the weights": f"{share:.4f}",
            f"{PATCHED} found by the other model, before and after the patch": f"{found[0]:.3f}, {found[1]:.3f}",
            "Other digits right, before and after": f"{others[0]:.3f}, {others[1]:.3f}",
        },
        tables={"Modules": table},
        figure=figure,
        alt="How often each hidden unit is active for each digit, and accuracy of the vote against the size of modules",
    )
