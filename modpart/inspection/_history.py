"""A competition drawn round by round."""

from typing import Any

import numpy as np

from modpart._utils.optional import optional_import
from modpart.exceptions import ParameterError
from modpart.inspection._model import last_step
from modpart.inspection._style import COLORS, MARKS, new_axes, tidy
from modpart.partition import ActivePartitioner

__all__ = ["HistoryDisplay"]

WORDS = {
    "noise": "noise variance\n(of var y)",
    "hold_out_loss": "hold-out loss\n(mean squared)",
    "log_loss": "log loss\n(nats)",
}


class HistoryDisplay:
    """Picture of a competition: number of experts, share of rows that changed hands, and noise or loss, per round.

    Make it with :meth:`from_estimator`. The number of experts is marked by what each round did.

    Parameters
    ----------
    history : list of dict
        The ``history_`` of an :class:`~modpart.partition.ActivePartitioner`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (3,)
    figure_ : matplotlib Figure

    See Also
    --------
    PartitionDisplay : Picture of the partition that the competition led to.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from modpart.datasets import make_elastoplastic
    >>> from modpart.inspection import HistoryDisplay
    >>> from modpart.partition import ActivePartitioner
    >>> X, y, regime = make_elastoplastic(200, random_state=0)
    >>> partitioner = ActivePartitioner(random_state=0).fit(X, y)
    >>> display = HistoryDisplay.from_estimator(partitioner)
    >>> len(display.history) == len(partitioner.history_)
    True
    """

    def __init__(self, history: list[dict[str, Any]]) -> None:
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: Any, *, axes: Any = None) -> "HistoryDisplay":
        """Draw the competition of a fitted model.

        Parameters
        ----------
        estimator : ActivePartitioner, PartitionedRegressor, PartitionedClassifier, or Pipeline that ends in one
            Fitted.
        axes : sequence of three matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : HistoryDisplay

        Raises
        ------
        NotFittedError
            When `estimator` is not fitted.
        ParameterError
            When `estimator` has no competition to draw, or `axes` are not three.
        MissingDependencyError
            When matplotlib is not installed.

        Examples
        --------
        See :class:`HistoryDisplay`.
        """
        optional_import("matplotlib", extra="plot", purpose=cls.__name__)
        model, _ = last_step(cls.__name__, estimator)
        partitioner = model if isinstance(model, ActivePartitioner) else model.partitioner_
        return cls(partitioner.history_).plot(axes)

    def plot(self, axes: Any = None) -> "HistoryDisplay":
        """Draw.

        Parameters
        ----------
        axes : sequence of three matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : HistoryDisplay

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("agg")
        >>> from modpart.inspection import HistoryDisplay
        >>> rounds = [{"step": "cut", "n_experts": 4, "changed": 1.0, "noise": 0.2}]
        >>> HistoryDisplay(rounds).plot().axes_[0].get_ylabel()
        'experts'
        """
        axes = new_axes(type(self).__name__, 3, size=(7.2, 5.4)) if axes is None else np.ravel(axes)
        if len(axes) != 3:
            raise ParameterError(f"HistoryDisplay: axes holds {len(axes)} axes and must hold three.")
        self.axes_, self.figure_ = axes, axes[0].figure
        rounds = np.arange(1, len(self.history) + 1)
        levels = ("hold_out_loss", "log_loss")
        last = next((name for name in levels if any(name in entry for entry in self.history)), "noise")
        words = ("experts", "rows that\nchanged hands", WORDS[last])
        for ax, name, label in zip(axes, ("n_experts", "changed", last), words, strict=True):
            ax.plot(rounds, [entry[name] for entry in self.history], color="0.6", lw=1.2, zorder=1)
            ax.set_ylabel(label)
            tidy(ax)
        steps = [entry["step"] for entry in self.history]
        for k, step in enumerate(dict.fromkeys(steps)):
            at = np.array([s == step for s in steps])
            counts = np.array([entry["n_experts"] for entry in self.history])
            axes[0].scatter(rounds[at], counts[at], s=28, color=COLORS[k], marker=MARKS[k % 4], label=step, zorder=2)
        axes[0].set_ylim(0.0, 1.15 * max([1, *(entry["n_experts"] for entry in self.history)]))
        for axis in (axes[0].yaxis, axes[2].xaxis):
            axis.get_major_locator().set_params(integer=True)
        axes[0].set_title(f"{len(rounds)} rounds" if len(rounds) else "a single expert, no rounds", loc="left")
        axes[1].set_ylim(-0.05, 1.05)
        axes[2].set_ylim(0.0, 1.1 * max([entry[last] for entry in self.history], default=0.0) or 1.0)
        axes[2].set_xlabel("round")
        if steps:
            axes[0].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
        return self
