"""Pictures of modular nets: weights by cluster, the net itself, what each cluster does, what size costs."""

from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from modpart._utils.optional import optional_import
from modpart.exceptions import ParameterError
from modpart.inspection._style import color_of, new_axes, tidy

__all__ = ["ModularityDisplay"]

KINDS = ("weights", "network", "modules", "ablation", "tradeoff")
FAINTEST = 0.01  # of the largest weight of a layer; thinner wires are not drawn
WIDEST = 3.0  # points
NEGATIVE, POSITIVE = "#0072B2", "#D55E00"


class ModularityDisplay:
    """Picture of a fitted modular net.

    Make it with :meth:`from_estimator`, which chooses what to draw unless told so:

    - "weights": absolute weights between the first two hidden layers, units in the order of their clusters, lines
      between clusters;
    - "network": the net with its units in their places, wires as wide as their weights, positive ones orange;
    - "modules": how often each hidden unit is active for each class, units in the order of the class that they are
      active for most;
    - "ablation": accuracy that each class loses when a cluster is silenced;
    - "tradeoff": size of the modules of one class against the accuracy of their vote, for thresholds from 0.9 down.

    Parameters
    ----------
    kind : {"weights", "network", "modules", "ablation", "tradeoff"}
        What is drawn.
    data : dict
        What it is drawn from, as :meth:`from_estimator` collects it.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage or None
        The matrix, for kinds that show one.
    lines_ : LineCollection, list of Line2D or None
        Wires or curves.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from modpart.inspection import ModularityDisplay
    >>> from modpart.networks import ModularNetClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ModularNetClassifier("blocks", hidden_layer_sizes=(8, 8), max_epochs=20, random_state=0).fit(X, y)
    >>> ModularityDisplay.from_estimator(model).ax_.get_title(loc="left")
    '4 clusters: |weight| from hidden1 to hidden2'
    """

    def __init__(self, kind: Literal["weights", "network", "modules", "ablation", "tradeoff"], data: dict) -> None:
        self.kind = kind
        self.data = data

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any = None, y: Any = None, *, kind: str = "auto", ax: Any = None
    ) -> "ModularityDisplay":
        """Collect what is to be drawn, and draw it.

        Parameters
        ----------
        estimator : ModularNetClassifier or ModularNetRegressor
            Fitted; its net must be a chain of known layers.
        X : array-like of shape (n_samples, n_features) or None, default=None
            New rows, for "ablation" and "tradeoff".
        y : array-like of shape (n_samples,) or None, default=None
            Their classes.
        kind : str, default="auto"
            One of the kinds; "auto" draws places as "network", clusters as "weights" and class modules as "modules".
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ModularityDisplay

        Raises
        ------
        ParameterError
            When the estimator has nothing of that kind to show, or rows are needed.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("agg")
        >>> from modpart.inspection import ModularityDisplay
        >>> from modpart.networks import ModularNetClassifier
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> model = ModularNetClassifier(hidden_layer_sizes=(8,), max_epochs=20, random_state=0).fit(X, y)
        >>> ModularityDisplay.from_estimator(model, kind="modules").image_.get_array().shape
        (3, 8)
        """
        optional_import("matplotlib", extra="plot", purpose=cls.__name__)
        check_is_fitted(estimator)
        if kind == "auto":
            kind = "network" if hasattr(estimator, "layout_") else "modules"
            kind = "weights" if hasattr(estimator, "partition_") else kind
        if kind not in KINDS:
            raise ParameterError(f"{cls.__name__}: kind={kind!r} is not valid. kind must be one of {('auto', *KINDS)}.")
        if kind in ("ablation", "tradeoff") and (X is None or y is None):
            raise ParameterError(f"{cls.__name__}: kind={kind!r} is measured on new rows. Pass X and y too.")
        collect = {
            "weights": _weights,
            "network": _network,
            "modules": _modules,
            "ablation": _ablation,
            "tradeoff": _tradeoff,
        }[kind]
        return cls(kind, collect(estimator, X, y)).plot(ax)  # type: ignore[arg-type]

    def plot(self, ax: Any = None) -> "ModularityDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : ModularityDisplay

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("agg")
        >>> import numpy as np
        >>> from modpart.inspection import ModularityDisplay
        >>> data = {"ablation": np.array([[0.1, 0.5]]), "classes": ["a"]}
        >>> ModularityDisplay("ablation", data).plot().ax_.get_xlabel()
        'cluster silenced'
        """
        self.ax_ = new_axes(type(self).__name__, size=(6.4, 4.4)) if ax is None else ax
        self.figure_ = self.ax_.figure
        self.image_: Any = None
        self.lines_: Any = None
        getattr(self, f"_draw_{self.kind}")(**self.data)
        return self

    def _draw_matrix(self, matrix: np.ndarray, label: str, **look: Any) -> None:
        self.image_ = self.ax_.imshow(matrix, aspect="auto", interpolation="nearest", **look)
        self.figure_.colorbar(self.image_, ax=self.ax_, label=label)

    def _draw_weights(self, matrix: np.ndarray, edges: tuple[Any, Any], names: tuple[str, str], count: int) -> None:
        self._draw_matrix(matrix, "|weight|", cmap="Greys")
        for place in edges[0]:
            self.ax_.axhline(place - 0.5, color=NEGATIVE, lw=0.8)
        for place in edges[1]:
            self.ax_.axvline(place - 0.5, color=NEGATIVE, lw=0.8)
        self.ax_.set(xlabel=f"units of {names[1]}, by cluster", ylabel=f"units of {names[0]}, by cluster")
        self.ax_.set_title(f"{count} clusters: |weight| from {names[0]} to {names[1]}", loc="left")

    def _draw_modules(self, rates: np.ndarray, classes: list[Any], sizes: list[int], threshold: float) -> None:
        self._draw_matrix(rates, "share of rows for which the unit is active", cmap="magma", vmin=0, vmax=1)
        for place in np.cumsum(sizes)[:-1]:
            self.ax_.axvline(place - 0.5, color="white", lw=1.0)
        self.ax_.set_yticks(range(len(classes)), [str(label) for label in classes])
        self.ax_.set(xlabel="hidden units, layer by layer, by the class they serve most", ylabel="class")
        self.ax_.set_title(f"a unit belongs to a class from {threshold:g} on", loc="left")

    def _draw_ablation(self, ablation: np.ndarray, classes: list[Any]) -> None:
        self._draw_matrix(ablation, "accuracy lost", cmap="magma", vmin=0, vmax=1)
        self.ax_.set_yticks(range(len(classes)), [str(label) for label in classes])
        self.ax_.set_xticks(range(ablation.shape[1]))
        self.ax_.set(xlabel="cluster silenced", ylabel="class")

    def _draw_tradeoff(
        self, sizes: np.ndarray, votes: np.ndarray, thresholds: np.ndarray, whole: float, chosen: float
    ) -> None:
        self.lines_ = self.ax_.plot(100 * sizes, 100 * votes, "o-", color=color_of(0), label="vote of all modules")
        self.lines_.append(self.ax_.axhline(100 * whole, color="0.4", ls="--", lw=1.0, label="whole net"))
        here = int(np.argmin(np.abs(thresholds - chosen)))
        mark = f"threshold of the net, {chosen:g}"
        self.ax_.plot(100 * sizes[here], 100 * votes[here], "D", color=color_of(1), ms=9, label=mark)
        self.ax_.set_xscale("log")
        ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20, 50, 100) if sizes.min() < tick / 100 < sizes.max()]
        self.ax_.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        self.ax_.minorticks_off()
        self.ax_.set(xlabel="size of the module of one class, % of the net", ylabel="accuracy, %")
        self.ax_.legend(loc="lower right")
        tidy(self.ax_)

    def _draw_network(self, units: list[Any], wires: list[Any]) -> None:
        collections = optional_import("matplotlib.collections", extra="plot", purpose=type(self).__name__)
        segments, widths, colors = [], [], []
        for ends, strength in wires:
            segments.append(ends)
            widths.append(WIDEST * abs(strength))
            colors.append(POSITIVE if strength > 0 else NEGATIVE)
        self.lines_ = collections.LineCollection(segments, linewidths=widths, colors=colors, zorder=1)
        self.ax_.add_collection(self.lines_)
        for depth, (name, places, shades, labels) in enumerate(units):
            self.ax_.scatter(places, np.full(len(places), depth), s=36, c=shades, edgecolors="white", zorder=2)
            self.ax_.text(-0.03, depth, name, ha="right", va="center", fontsize="small")
            below = depth == 0
            for place, label in zip(places, labels, strict=False):
                rise = -0.1 if below else 0.1
                self.ax_.text(
                    place, depth + rise, label, ha="center", va="top" if below else "bottom", fontsize="small"
                )
        self.ax_.set(xlim=(-0.2, 1.05), ylim=(-0.4, len(units) - 0.6))
        self.ax_.set_axis_off()


def _wired(estimator: Any) -> Any:
    from modpart.networks._plan import wire_up

    if getattr(estimator, "plan_", None) is None:
        raise ParameterError(
            f"ModularityDisplay: nobody can see through the net of {estimator!r}. Pass an nn.Sequential."
        )
    return wire_up(estimator.plan_)


def _weights(estimator: Any, X: Any, y: Any) -> dict[str, Any]:
    from modpart.networks._modularity import magnitudes

    wiring = _wired(estimator)
    if not hasattr(estimator, "partition_"):
        raise ParameterError("ModularityDisplay: kind='weights' needs clusters: fit 'clusterability' or 'blocks'.")
    wire, order = wiring.inner[0], estimator.partition_.order()
    matrix = magnitudes(estimator.weights_, wiring, wire.layer, 1)
    sizes = estimator.partition_.sizes()
    return {
        "matrix": matrix[np.ix_(order[wire.source], order[wire.target])],
        "edges": tuple(np.cumsum(sizes[group])[:-1] for group in (wire.source, wire.target)),
        "names": (wire.source, wire.target),
        "count": estimator.partition_.n_clusters,
    }


def _modules(estimator: Any, X: Any, y: Any) -> dict[str, Any]:
    if not getattr(estimator, "rates_", None):
        raise ParameterError("ModularityDisplay: kind='modules' needs a classifier whose net has ReLU layers.")
    parts = []
    for rates in estimator.rates_.values():
        best = np.where(rates.max(axis=0) > 0, rates.argmax(axis=0), len(rates))
        parts.append(rates[:, np.lexsort((-rates.max(axis=0), best))])
    return {
        "rates": np.hstack(parts),
        "classes": list(estimator.classes_),
        "sizes": [part.shape[1] for part in parts],
        "threshold": estimator.threshold_,
    }


def _ablation(estimator: Any, X: Any, y: Any) -> dict[str, Any]:
    from modpart.networks import modularity_report

    report = modularity_report(estimator, X, y, n_null=0)
    if report.ablation is None:
        raise ParameterError("ModularityDisplay: kind='ablation' needs a classifier with clusters.")
    return {"ablation": report.ablation, "classes": list(estimator.classes_)}


def _tradeoff(estimator: Any, X: Any, y: Any) -> dict[str, Any]:
    from modpart.networks import compose
    from modpart.networks._threshold import THRESHOLDS

    _modules(estimator, X, y)
    sizes, votes = [], []
    for threshold in THRESHOLDS:
        modules = [estimator.extract_module(label, threshold=threshold) for label in estimator.classes_.tolist()]
        sizes.append(np.mean([module.retention_ for module in modules]))
        votes.append(compose(modules).score(X, y))
    return {
        "sizes": np.array(sizes),
        "votes": np.array(votes),
        "thresholds": np.array(THRESHOLDS),
        "whole": estimator.score(X, y),
        "chosen": estimator.threshold_,
    }


def _network(estimator: Any, X: Any, y: Any) -> dict[str, Any]:
    from modpart.networks._layout import even_places

    wiring, weights = _wired(estimator), estimator.weights_
    if any(wire.fold > 1 or weights[f"{wire.layer}.weight"].ndim > 2 for wire in wiring.wires):
        raise ParameterError("ModularityDisplay: kind='network' draws nets of Linear layers.")
    places = getattr(estimator, "layout_", None) or {group: even_places(n) for group, n in wiring.widths.items()}
    labels = getattr(getattr(estimator, "partition_", None), "labels", {})
    depth = {group: place for place, group in enumerate(wiring.widths)}
    wires, busy = [], {group: np.zeros(len(seats), dtype=bool) for group, seats in places.items()}
    for wire in wiring.wires:
        matrix = weights[f"{wire.layer}.weight"]
        largest = np.abs(matrix).max() or 1.0
        for out, into in zip(*np.nonzero(np.abs(matrix) > FAINTEST * largest), strict=True):
            start, end = (places[wire.source][into], depth[wire.source]), (places[wire.target][out], depth[wire.target])
            wires.append(((start, end), float(matrix[out, into] / largest)))
            busy[wire.source][into] = busy[wire.target][out] = True
    names = list(getattr(estimator, "feature_names_in_", [f"x{i + 1}" for i in range(estimator.n_features_in_)]))
    outputs = [
        str(c) for c in getattr(estimator, "classes_", [f"y{i + 1}" for i in range(wiring.widths[wiring.output])])
    ]
    words = {"input": names if len(names) <= 20 else [], wiring.output: outputs}
    units = []
    for group, seats in places.items():
        idle = [(0.85, 0.85, 0.85)] * len(seats)
        own = [color_of(k) if k >= 0 else "0.3" for k in labels.get(group, np.full(len(seats), -1))]
        shades = [own[i] if busy[group][i] else idle[i] for i in range(len(seats))]
        units.append((group, seats, shades, words.get(group, [])))
    return {"units": units, "wires": wires}
