"""Progress of long work, told through scikit-learn's callbacks where they exist (1.9 and later); silent by default.

``estimator.set_callbacks(ProgressBar())`` shows a bar (scikit-learn draws it with the package rich),
``ScoringMonitor(scoring="r2")`` a score per step; with an older scikit-learn, or with ``verbose``, one line a step is
printed.
"""

from collections.abc import Callable
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for the mixin that scikit-learn 1.9 brought."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Leave `method` as it is: there are no callbacks to tear down."""
        return method


__all__ = ["CallbackSupportMixin", "Progress", "with_callbacks"]


class Progress:
    """The steps of one `fit`, each a context of scikit-learn's callback tree.

    Parameters
    ----------
    estimator : estimator
        The estimator that is being fitted; its `verbose` decides whether a line is printed.
    X, y : ndarray
        Training data, handed to the callbacks.
    total : int or None
        Number of steps, None when it is not known in advance.

    Attributes
    ----------
    stopped : bool
        Whether a callback has asked to stop.
    """

    stopped = False

    def __init__(self, estimator: Any, X: Any, y: Any, total: int | None = None) -> None:
        self._estimator, self._X, self._y, self._done = estimator, X, y, 0
        self._verbose = bool(getattr(estimator, "verbose", 0))
        self._root: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self._root = estimator._init_callback_context(max_subtasks=total)
            self._root.call_on_fit_task_begin(estimator=estimator, X=X, y=y)

    def step(self, task: str, message: str = "", state: Callable[[], dict[str, Any]] | None = None) -> bool:
        """Report one finished step; return True when a callback asks to stop.

        `state` returns the fitted attributes as they would be if training stopped here.
        """
        self._done += 1
        if self._verbose:
            print(f"[{type(self._estimator).__name__}] {task} {self._done}: {message}")
        if self._root is None:
            return False
        context = self._root.subcontext(task_name=task)
        context.call_on_fit_task_begin(estimator=self._estimator, X=self._X, y=self._y)
        self.stopped |= bool(
            context.call_on_fit_task_end(
                estimator=self._estimator, X=self._X, y=self._y, reconstruction_attributes=state
            )
        )
        return self.stopped

    def finish(self) -> None:
        """Close the fit's own context."""
        if self._root is not None:
            self._root.call_on_fit_task_end(
                estimator=self._estimator, X=self._X, y=self._y, reconstruction_attributes={}
            )
