"""How modular a fitted net is, beside what chance would give."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import entropy
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from modpart._utils.checks import check_X
from modpart._utils.parallel import one_thread
from modpart._utils.params import integer, validate
from modpart._utils.seeds import check_rng
from modpart.exceptions import InputDataError, ParameterError
from modpart.networks._clusters import Links, balanced_clusters, clusterability_of, shuffled_links
from modpart.networks._compose import compose
from modpart.networks._cut import n_parameters, silenced
from modpart.networks._layout import wire_length
from modpart.networks._modularity import links_between
from modpart.networks._net import ModularNet
from modpart.networks._plan import Plan, Wiring, layer_paths, wire_up

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ModularityReport", "modularity_report", "shared_parameters", "specialisation_entropy"]

_ROUNDS = 6  # of the search on shuffled weights, and of the same search on the trained ones
_EDGE = 1e-2  # of the largest absolute weight


@dataclass
class ModularityReport:
    """How modular a net is. Made by :func:`modularity_report`; a field is None where it has no meaning for the net.

    Parameters
    ----------
    score : float
        Accuracy or R2 of the net on the rows given.
    n_parameters : int
        Parameters of the net.
    n_wires : int
        Weights above a hundredth of the largest one of their layer.
    clusterability : float or None
        Share of squared weight between hidden units that stays inside clusters, mean over layers.
    chance : float or None
        What the sizes of the clusters alone would give; 1/k for equal ones.
    found : float or None
        The largest clusterability that a quick search finds for these weights,
    null_mean, null_z, null_percentile : float or None
        and for the same weights in random places: mean, how many standard deviations `found` lies above it, and the
        share of shuffles below `found`, in percent.
    size_balance : float or None
        Smallest cluster over largest, over all layers; unequal clusters raise clusterability by themselves.
    hard_cut_gap : float or None
        Score lost when all weights between clusters are cut. The number to look at first.
    only, without : ndarray of shape (n_clusters,) or None
        Score of the hard-cut net with one cluster alone, and with all but one.
    ablation : ndarray of shape (n_classes, n_clusters) or None
        Accuracy that a class loses when a cluster is silenced.
    specialisation : float or None
        Entropy of what a class loses by cluster, mean over classes, by that of equal losses: 0 if every class hangs on
        one cluster, 1 if on all alike. Silent clusters that gain count as no loss.
    retention : float or None
        Mean share of parameters in a module of one class.
    overlap, jaccard : float or None
        Mean over pairs of such modules of the parameters that both hold, by those of the net, and by those of either.
    vote : float or None
        Accuracy of all these modules, voting.
    union : float or None
        Accuracy of the net with only the units of any class.
    wire_length : float or None
        Sum of absolute weight times distance, for units that have places.

    Examples
    --------
    >>> from modpart.networks import ModularityReport
    >>> ModularityReport(score=0.5, n_parameters=10, n_wires=4).to_frame()
                  value
    score           0.5
    n_parameters   10.0
    n_wires         4.0
    """

    score: float
    n_parameters: int
    n_wires: int
    clusterability: float | None = None
    chance: float | None = None
    found: float | None = None
    null_mean: float | None = None
    null_z: float | None = None
    null_percentile: float | None = None
    size_balance: float | None = None
    hard_cut_gap: float | None = None
    only: np.ndarray | None = None
    without: np.ndarray | None = None
    ablation: np.ndarray | None = None
    specialisation: float | None = None
    retention: float | None = None
    overlap: float | None = None
    jaccard: float | None = None
    vote: float | None = None
    union: float | None = None
    wire_length: float | None = None

    def to_frame(self) -> "pd.DataFrame":
        """Table of all numbers that have a meaning for the net.

        Returns
        -------
        table : pandas DataFrame
            One column, ``value``; arrays are left out.
        """
        import pandas as pd

        values = {name: v for name, v in asdict(self).items() if v is not None and not isinstance(v, np.ndarray)}
        return pd.DataFrame({"value": {name: float(value) for name, value in values.items()}})


def modularity_report(
    estimator: Any, X: Any, y: Any, *, n_clusters: int | None = None, n_null: int = 200, random_state: Any = None
) -> ModularityReport:
    """Say how modular a fitted net is, beside what chance would give.

    Give rows that training has not seen.

    Parameters
    ----------
    estimator : ModularNetClassifier or ModularNetRegressor
        Fitted; its net must be a chain of known layers.
    X : array-like of shape (n_samples, n_features)
        New rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their targets.
    n_clusters : int >= 1 or None, default=None
        Clusters of the search; None takes those of the net, 4 if it has none.
    n_null : int >= 0, default=200
        Shuffles; 0 leaves the comparison out.
    random_state : int, Generator, RandomState or None, default=None
        Seeds searches and shuffles.

    Returns
    -------
    report : ModularityReport
        Numbers, with those that chance would give.

    Raises
    ------
    ParameterError
        When the estimator is of another kind, or its net cannot be seen through.

    Notes
    -----
    Weights are shuffled inside each layer, and clusters are searched anew for each shuffle with the same effort as for
    the weights themselves: any weights have clusters better than 1/k.

    Examples
    --------
    >>> from modpart.networks import ModularNetClassifier, modularity_report
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ModularNetClassifier("blocks", hidden_layer_sizes=(8, 8), max_epochs=20, random_state=0).fit(X, y)
    >>> report = modularity_report(model, X, y, n_null=10, random_state=0)
    >>> report.clusterability, report.chance, report.hard_cut_gap
    (1.0, 0.25, 0.0)
    """
    rules = {"n_clusters": (integer(1),), "n_null": (integer(0),)}
    values = {"n_clusters": 4 if n_clusters is None else n_clusters, "n_null": n_null}
    validate("modularity_report", values, rules)
    if not isinstance(estimator, ModularNet):
        raise ParameterError(f"modularity_report: estimator={estimator!r} must be a fitted modular net of modpart.")
    check_is_fitted(estimator)
    if estimator.plan_ is None:
        raise ParameterError(
            f"modularity_report: nobody can see through module={estimator.module!r}. Pass an nn.Sequential to fit."
        )
    rng, wiring = check_rng(random_state), wire_up(estimator.plan_)
    if len(np.atleast_1d(y)) != len(check_X(estimator, X)):
        raise InputDataError("modularity_report: X and y have different lengths. Pass one target for each row of X.")
    report = ModularityReport(
        float(estimator.score(X, y)), n_parameters(estimator.weights_), _wires(estimator.weights_, wiring)
    )
    if wiring.inner:
        links = links_between(estimator.weights_, wiring, inner=True, power=2)
        own = getattr(getattr(estimator, "partition_", None), "n_clusters", 4)
        _compare_with_chance(report, links, n_clusters or own, n_null, rng)
        if hasattr(estimator, "partition_"):
            _describe_clusters(report, estimator, links, wiring, X, y)
    if getattr(estimator, "masks_", None):
        _describe_modules(report, estimator, X, y)
    if hasattr(estimator, "layout_"):
        links = links_between(estimator.weights_, wiring, inner=False, power=1)
        report.wire_length = wire_length(links, estimator.layout_)
    return report


def _wires(weights: dict[str, np.ndarray], wiring: Wiring) -> int:
    matrices = [np.abs(weights[f"{wire.layer}.weight"]) for wire in wiring.wires]
    return int(sum(np.count_nonzero(matrix > _EDGE * matrix.max()) for matrix in matrices))


def _compare_with_chance(
    report: ModularityReport, links: Links, n_clusters: int, n_null: int, rng: np.random.Generator
) -> None:
    def best(found: Links) -> float:
        labels = balanced_clusters(found, n_clusters, rng, restarts=1, rounds=_ROUNDS, n_init=1)
        return float(np.nanmean(clusterability_of(found, labels)))

    if n_null == 0 or not any(matrix.any() for matrix in links.values()):
        return
    with one_thread():
        report.found = best(links)
        null = np.array([best(shuffled_links(links, rng)) for _ in range(n_null)])
    report.null_mean = float(null.mean())
    report.null_z = float((report.found - null.mean()) / max(null.std(), 1e-12))
    report.null_percentile = float(100 * (null < report.found).mean())


def _describe_clusters(report: ModularityReport, estimator: Any, links: Links, wiring: Wiring, X: Any, y: Any) -> None:
    labels, k = estimator.partition_.labels, estimator.partition_.n_clusters
    report.clusterability = float(np.nanmean(clusterability_of(links, labels)))
    shares = {group: np.bincount(v[v >= 0], minlength=k) / len(v) for group, v in labels.items()}
    report.chance = float(np.mean([shares[source] @ shares[target] for source, target in links]))
    sizes = np.array(list(estimator.partition_.sizes().values()))
    report.size_balance = float(sizes.min() / max(sizes.max(), 1))
    cut = estimator.hard_cut()
    report.hard_cut_gap = report.score - float(cut.score(X, y))
    alone: list[tuple[float, np.ndarray]] = []
    off: list[tuple[float, np.ndarray]] = []
    weights = cut.weights_
    for q in range(k):
        inside = estimator.partition_.masks(q)
        for scores, masks in ((alone, inside), (off, {group: ~mask for group, mask in inside.items()})):
            masks = {group: mask for group, mask in masks.items() if mask.any()}
            cut.weights_ = silenced(estimator.plan_, weights, masks)
            scores.append((float(cut.score(X, y)), np.asarray(cut.predict(X))))
    report.only, report.without = (np.array([score for score, _ in scores]) for scores in (alone, off))
    if is_classifier(estimator):
        y = np.asarray(y)
        right = np.asarray(estimator.hard_cut().predict(X)) == y
        rows = [y == label for label in estimator.classes_]
        loss = [[right[r].mean() - (said[r] == y[r]).mean() if r.any() else np.nan for _, said in off] for r in rows]
        report.ablation = np.array(loss)
        report.specialisation = specialisation_entropy(report.ablation)


def specialisation_entropy(ablation: np.ndarray) -> float | None:
    """Mean entropy of the losses of a class over clusters, as a share of the largest possible.

    None where no class loses anything, or there is one cluster.
    """
    losses = np.maximum(np.nan_to_num(ablation), 0.0)
    losses = losses[losses.sum(axis=1) > 0.0]
    if len(losses) == 0 or losses.shape[1] < 2:
        return None
    return float(np.mean(entropy(losses, axis=1)) / np.log(losses.shape[1]))


def _describe_modules(report: ModularityReport, estimator: Any, X: Any, y: Any) -> None:
    plan, weights = estimator._bare()
    size, known = n_parameters(weights), estimator.classes_.tolist()
    modules = [estimator.extract_module(label) for label in known]
    report.retention = float(np.mean([module.retention_ for module in modules]))
    pairs = [(one, two) for i, one in enumerate(modules) for two in modules[:i]]
    shared = np.array([shared_parameters(plan, one.masks_, two.masks_) for one, two in pairs])
    either = np.array([one.n_parameters_ + two.n_parameters_ for one, two in pairs]) - shared
    report.overlap, report.jaccard = float(np.mean(shared / size)), float(np.mean(shared / either))
    report.vote = float(compose(modules).score(X, y))
    report.union = float(estimator.extract_module(known).score(X, y))


def shared_parameters(plan: Plan, one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> int:
    """Parameters that the modules of two different classes both hold: their outputs have none in common."""
    wiring, layers = wire_up(plan), dict(layer_paths(plan))
    common = {group: np.ones(width, dtype=bool) for group, width in wiring.widths.items()}
    common |= {group: one[group] & two[group] for group in one}
    common[wiring.output] = np.zeros(wiring.widths[wiring.output], dtype=bool)
    count = {group: int(mask.sum()) for group, mask in common.items()}
    total = 0
    for wire in wiring.wires:
        kernel = int(np.prod(layers[wire.layer].get("kernel_size", 1)))
        total += count[wire.target] * (count[wire.source] * wire.fold * kernel + bool(layers[wire.layer]["bias"]))
    return total + sum(2 * norm.fold * count[norm.group] for norm in wiring.norms if layers[norm.layer]["affine"])
