"""Who is compared: each contestant takes a problem and answers with predictions and what else it can tell."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from time import process_time
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.metrics import adjusted_rand_score

from modpart.partition import ActivePartitioner, BayesianExpert, PartitionedRegressor
from partition_study.networks import networks_by_regime, one_network, paper_rule, soft_mixture
from partition_study.peers import ENVIRONMENTS, Peers
from partition_study.problems import FIVE, Problem

COMPARED = ("labelled", "made", "table")


@dataclass
class Answer:
    """Predictions of the new rows, seconds of the processor, regimes in use, agreement with the true regimes."""

    predictions: np.ndarray | None
    seconds: float
    parts: int | None = None
    ari: float | None = None


class Attempt:
    """A problem and the one partition of it that several contestants share, with what it cost."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    @cached_property
    def partition(self) -> tuple[ActivePartitioner, float]:
        start = process_time()
        fitted = ActivePartitioner(random_state=self.problem.seed).fit(self.problem.X, self.problem.y)
        return fitted, process_time() - start


def _agreement(problem: Problem, labels: np.ndarray) -> float | None:
    return None if problem.new_regime is None else float(adjusted_rand_score(problem.new_regime, labels))


def _routed(models: list[Any], labels: np.ndarray, X: np.ndarray) -> np.ndarray:
    predictions = np.empty(len(X))
    for k in np.unique(labels):
        predictions[labels == k] = models[k].predict(X[labels == k])
    return predictions


def partition(attempt: Attempt) -> Answer:
    """The partition alone: each new row predicted by the competition's expert that the gate names."""
    problem, (fitted, seconds) = attempt.problem, attempt.partition
    labels = fitted.predict(problem.new)
    predictions = _routed(fitted.experts_, labels, problem.new)
    return Answer(predictions, seconds, fitted.n_partitions_, _agreement(problem, labels))


def oracle(attempt: Attempt) -> Answer:
    """The same experts, told every row's true regime, in training and for new rows."""
    problem, start = attempt.problem, process_time()
    names, regime = np.unique(problem.regime, return_inverse=True)
    models = [
        BayesianExpert(random_state=problem.seed).fit(problem.X[regime == k], problem.y[regime == k])
        for k in range(len(names))
    ]
    predictions = _routed(models, np.searchsorted(names, problem.new_regime), problem.new)
    return Answer(predictions, process_time() - start, len(names), 1.0)


def law(attempt: Attempt) -> Answer:
    """The true law: what is left is noise."""
    return Answer(attempt.problem.new_law, 0.0)


def bootstrap(attempt: Attempt) -> Answer:
    """Agreement of two partitions, each of a bootstrap sample, on the new rows."""
    problem, rng, start = attempt.problem, np.random.default_rng(attempt.problem.seed), process_time()
    labels, parts = [], []
    for _ in range(2):
        rows = rng.integers(len(problem.X), size=len(problem.X))
        fitted = ActivePartitioner(random_state=problem.seed).fit(problem.X[rows], problem.y[rows])
        labels.append(fitted.predict(problem.new))
        parts.append(fitted.n_partitions_)
    return Answer(None, process_time() - start, max(parts), float(adjusted_rand_score(*labels)))


def modular(attempt: Attempt, **options: Any) -> Answer:
    problem, start = attempt.problem, process_time()
    model = PartitionedRegressor(random_state=problem.seed, **options).fit(problem.X, problem.y)
    predictions = model.predict(problem.new)
    return Answer(predictions, process_time() - start, getattr(model, "n_partitions_", None))


def one_model(attempt: Attempt) -> Answer:
    return _timed(attempt.problem, BayesianExpert(random_state=attempt.problem.seed))


def _timed(problem: Problem, model: Any) -> Answer:
    start = process_time()
    predictions = model.fit(problem.X, problem.y).predict(problem.new)
    return Answer(predictions, process_time() - start)


def _best(problem: Problem, models: list[Callable[[], Any]]) -> Answer:
    """The model that does best on the held-out rows, fitted again on all."""
    start, out = process_time(), problem.held_out
    losses = [
        np.mean((make().fit(problem.X[~out], problem.y[~out]).predict(problem.X[out]) - problem.y[out]) ** 2)
        for make in models
    ]
    model = models[int(np.argmin(losses))]().fit(problem.X, problem.y)
    predictions = model.predict(problem.new)
    return Answer(predictions, process_time() - start, getattr(model, "parts", None))


class KMeansExperts:
    """Clusters of the inputs with an expert on each: the partition that never looks at y."""

    def __init__(self, parts: int, seed: int) -> None:
        self.parts, self.seed = parts, seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> "KMeansExperts":
        sd = X.std(axis=0)
        self.mean, self.sd = X.mean(axis=0), np.where(sd > 0, sd, 1)
        self.clusters = KMeans(self.parts, n_init=4, random_state=self.seed).fit((X - self.mean) / self.sd)
        self.experts = []
        for k in range(self.parts):
            rows = self.clusters.labels_ == k
            rows = rows if rows.sum() >= 5 else np.ones(len(X), dtype=bool)  # too few for an expert of their own
            self.experts.append(BayesianExpert(random_state=self.seed).fit(X[rows], y[rows]))
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return _routed(self.experts, self.clusters.predict((X - self.mean) / self.sd), X)


def kmeans(attempt: Attempt) -> Answer:
    problem = attempt.problem
    numbers = sorted({1, 2, 4, 8, problem.n_regimes or 1})
    return _best(problem, [partial(KMeansExperts, parts, problem.seed) for parts in numbers])


def forest(attempt: Attempt) -> Answer:
    seed = attempt.problem.seed
    settings = [(1.0, 1), (1.0, 5), (0.5, 1), (1 / 3, 1)]
    models = [
        partial(RandomForestRegressor, max_features=share, min_samples_leaf=leaf, random_state=seed)
        for share, leaf in settings
    ]
    return _best(attempt.problem, models)


def boosting(attempt: Attempt) -> Answer:
    seed = attempt.problem.seed
    settings = [(0.1, 31, 100), (0.1, 8, 300), (0.05, 31, 300), (0.1, 8, 100)]
    models = [
        partial(
            HistGradientBoostingRegressor, learning_rate=lr, max_leaf_nodes=leaves, max_iter=rounds, random_state=seed
        )
        for lr, leaves, rounds in settings
    ]
    return _best(attempt.problem, models)


def _of_partition(attempt: Attempt, fit: Callable[[Problem, ActivePartitioner], Any], shared: bool) -> Answer:
    """A contestant that needs the partition, or only its number of regimes; `shared` says whether it pays for it."""
    (fitted, cost), start = attempt.partition, process_time()
    predictions = fit(attempt.problem, fitted).predict(attempt.problem.new)
    seconds = process_time() - start + (cost if shared else 0.0)
    return Answer(predictions, seconds, fitted.n_partitions_)


def paper(attempt: Attempt) -> Answer:
    problem, start = attempt.problem, process_time()
    model = paper_rule(problem)
    predictions, seconds = model.predict(problem.new), process_time() - start
    return Answer(predictions, seconds, model.n_partitions_, _agreement(problem, model.apply(problem.new)))


def _peer(method: str, peers: Peers, attempt: Attempt) -> Answer:
    return Answer(*peers.predict(method, attempt.problem))


@dataclass(frozen=True)
class Contestant:
    """A method, on which groups of sets it runs, and how often: "quick", "medium", "slow" or "once"."""

    run: Callable[[Attempt], Answer]
    pace: str
    groups: tuple[str, ...] = COMPARED
    only: tuple[str, ...] = ()  # sets, where it is too slow for all
    why_not: str = ""  # why it cannot run at all


def contestants(peers: Peers) -> dict[str, Contestant]:
    """Every method by its name in the tables."""
    modes = "mode" in PartitionedRegressor().get_params()
    found = {
        "partition": Contestant(partition, "quick", ("labelled", "noisy", "control")),
        "oracle": Contestant(oracle, "quick", ("labelled",)),
        "true law": Contestant(law, "quick", ("labelled",)),
        "bootstrap": Contestant(bootstrap, "medium", ("labelled",)),
        "modular": Contestant(modular, "medium"),
        "modular, accuracy": Contestant(
            partial(modular, mode="accuracy"), "medium", why_not="" if modes else "this version has no such mode"
        ),
        "modular, networks": Contestant(partial(_of_partition, fit=networks_by_regime, shared=True), "slow"),
        "one model": Contestant(one_model, "quick"),
        "one network": Contestant(
            partial(_of_partition, fit=lambda problem, p: one_network(problem, p.n_partitions_), shared=False), "slow"
        ),
        "paper's rule": Contestant(paper, "slow"),
        "k-means": Contestant(kmeans, "medium"),
        "soft mixture": Contestant(
            partial(_of_partition, fit=lambda problem, p: soft_mixture(problem, p.n_partitions_), shared=False), "slow"
        ),
        "forest": Contestant(forest, "medium"),
        "boosting": Contestant(boosting, "medium"),
    }
    paces = {"Cubist": "medium", "M5": "medium", "linear-tree": "slow", "PARC": "slow", "datalets": "once"}
    for method in ENVIRONMENTS:
        found[method] = Contestant(
            partial(_peer, method, peers),
            paces[method],
            only=(*FIVE, "autompg", "servo", "yacht") if method == "datalets" else (),
            why_not="" if peers.available(method) else "its environment was not made",
        )
    return found
