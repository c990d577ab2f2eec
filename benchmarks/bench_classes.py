"""Classes by regimes: the modular classifier beside its rivals on new rows, and how often regimes are found.

Run ``python benchmarks/bench_classes.py`` to print the tables, with ``--write`` to store them in
docs/benchmarks/classes.md, with ``--seeds 1`` for a quicker look.
"""

import argparse
import platform
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from modpart.datasets import labelled_classes
from modpart.partition import PartitionedClassifier

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "classes.md"
N_TEST, DIGITS = 2000, 600
FLOOR = 1e-3  # of a probability, for everyone

PAGE = """\
# Classes by regimes

Seeds per set: {seeds}; Python {python}, scikit-learn {sklearn}. Made by
`python benchmarks/bench_classes.py --seeds {seeds} --write`.
Probabilities of all models are kept above 0.001, so that one certain mistake does not decide.

Every model sees standardised inputs. *Modular* is `PartitionedClassifier()` as it comes, its experts and *one model*
being `LogisticRegression()`; *k-means* is the same on clusters of the inputs, as many as there are regimes (3 on real
tables); tree, forest and boosting are scikit-learn's as they come. Of the made sets 5 % of the labels are wrong, in
training rows as in the {n_test} new ones, so that nobody can be right more often than in about 95 % of the rows; *one
rule* is a control with a single logistic law, *noise* one with random labels. Real tables are split in halves, of the
digits {digits} rows were drawn.

## Log loss on new rows

In nats, mean over seeds.

{losses}

## Accuracy on new rows

{accuracies}

## Are the regimes found?

How often the number of experts is right (on real tables: how many there were), and the adjusted Rand index of the
regimes on new rows, mean and worst seed.

{found}

Lowest log loss of all: {tally}.
"""


class KMeansExperts:
    """Clusters of the inputs with a logistic model on each: the partition that never looks at y."""

    def __init__(self, n_clusters: int, seed: int) -> None:
        self.clusters = KMeans(n_clusters, n_init=4, random_state=seed)

    def fit(self, X: np.ndarray, y: np.ndarray) -> "KMeansExperts":
        labels, self.classes_ = self.clusters.fit_predict(X), np.unique(y)
        self.experts = []
        for k in range(self.clusters.n_clusters):
            own = y[labels == k]
            model = LogisticRegression() if len(np.unique(own)) > 1 else DummyClassifier()
            self.experts.append(model.fit(X[labels == k], own))
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        labels, shares = self.clusters.predict(X), np.zeros((len(X), len(self.classes_)))
        for k, expert in enumerate(self.experts):
            rows = np.flatnonzero(labels == k)
            if len(rows):
                columns = np.searchsorted(self.classes_, expert.classes_)
                shares[np.ix_(rows, columns)] = expert.predict_proba(X[rows])
        return shares


def one_rule(n_samples: int, *, random_state: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(random_state)
    X = rng.normal(size=(n_samples, 3))
    y = rng.random(n_samples) < 1.0 / (1.0 + np.exp(-2.0 * X @ [1.5, -1.0, 0.5]))
    return X, y.astype(int), np.zeros(n_samples, int)


def noise(n_samples: int, *, random_state: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(random_state)
    return rng.normal(size=(n_samples, 3)), rng.integers(0, 2, n_samples), np.zeros(n_samples, int)


def made(make: Callable[..., Any], n_train: int) -> Callable[[int], tuple[Any, ...]]:
    """Training rows and new ones, their regimes known."""

    def draw(seed: int) -> tuple[Any, ...]:
        X, y, _ = make(n_train, random_state=seed)
        return X, y, *make(N_TEST, random_state=seed + 10_000)

    return draw


def real(load: Callable[..., Any], n_rows: int | None = None) -> Callable[[int], tuple[Any, ...]]:
    """Halves of a table, without regimes."""

    def draw(seed: int) -> tuple[Any, ...]:
        X, y = load(return_X_y=True)
        X, new, y, target = train_test_split(
            X,
            y,
            train_size=0.5 if n_rows is None else n_rows // 2,
            test_size=n_rows and n_rows // 2,
            stratify=y,
            random_state=seed,
        )
        return X, y, new, target, None

    return draw


def sets() -> dict[str, Callable[[int], tuple[Any, ...]]]:
    """Everything measured, by title."""
    synthetic = {f"{name} {n}": made(make, n) for name, make in labelled_classes().items() for n in (500, 1500)}
    controls = {"one rule 1000": made(one_rule, 1000), "noise 1000": made(noise, 1000)}
    tables = {
        "breast cancer": real(load_breast_cancer),
        "wine": real(load_wine),
        "iris": real(load_iris),
        "digits": real(load_digits, DIGITS),
    }
    return synthetic | controls | tables


def contestants(n_regimes: int, seed: int) -> dict[str, Any]:
    return {
        "modular": PartitionedClassifier(random_state=seed),
        "one model": LogisticRegression(),
        "k-means": KMeansExperts(n_regimes, seed),
        "tree": DecisionTreeClassifier(random_state=seed),
        "forest": RandomForestClassifier(random_state=seed),
        "boosting": HistGradientBoostingClassifier(random_state=seed),
    }


def judge(draw: Callable[[int], tuple[Any, ...]], seed: int) -> dict[str, Any]:
    """Log loss and accuracy of everyone, and what the modular model found."""
    X, y, new, target, regime = draw(seed)
    scaler = StandardScaler().fit(X)
    X, new = scaler.transform(X), scaler.transform(new)
    run: dict[str, Any] = {"loss": {}, "accuracy": {}, "true": None if regime is None else len(np.unique(regime))}
    for name, model in contestants(run["true"] or 3, seed).items():
        shares = model.fit(X, y).predict_proba(new)
        codes = np.searchsorted(model.classes_, target)
        own = np.clip(shares[np.arange(len(new)), codes], FLOOR, 1.0)
        run["loss"][name], run["accuracy"][name] = -np.log(own).mean(), (shares.argmax(axis=1) == codes).mean()
        if name == "modular":
            run["number"] = model.n_partitions_
            run["agreement"] = np.nan if regime is None else adjusted_rand_score(regime, model.apply(new))
    return run


def table(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main() -> None:
    """Measure every set and print or store the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the tables in docs/benchmarks/classes.md")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1000)
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    titles = list(contestants(1, 0))
    losses, accuracies, found, wins = [], [], [], Counter[str]()
    for name, draw in sets().items():
        runs = [judge(draw, seed) for seed in seeds]
        means = {title: np.mean([run["loss"][title] for run in runs]) for title in titles}
        wins[" = ".join(title for title in titles if means[title] == min(means.values()))] += 1
        losses.append([name, *(f"{means[title]:.3f}" for title in titles)])
        accuracies.append([name, *(f"{np.mean([run['accuracy'][title] for run in runs]):.3f}" for title in titles)])
        agreement, numbers = [run["agreement"] for run in runs], [run["number"] for run in runs]
        if runs[0]["true"] is None:
            found.append([name, "", " ".join(map(str, numbers)), ""])
        else:
            right = f"{numbers.count(runs[0]['true'])} of {len(runs)}"
            found.append([name, runs[0]["true"], right, f"{np.mean(agreement):.3f} ({min(agreement):.3f})"])
        print(*losses[-1], "|", *accuracies[-1][1:], "|", *found[-1][1:], flush=True)
    text = PAGE.format(
        seeds=len(seeds),
        n_test=N_TEST,
        digits=DIGITS,
        python=platform.python_version(),
        sklearn=sklearn.__version__,
        losses=table(["set, training rows", *titles], losses),
        accuracies=table(["set, training rows", *titles], accuracies),
        found=table(["set, training rows", "regimes", "number right", "agreement"], found),
        tally=", ".join(f"{title} {count}" for title, count in wins.items()),
    )
    if arguments.write:
        TARGET.write_text(text)
        print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
