"""Parallel work that gives the same bits for any number of workers and leaves thread counts as it found them."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import RLock, local
from typing import Any

from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import ThreadpoolController

__all__ = ["one_thread", "parallel_map"]

_lock = RLock()
_local = local()
_entered = 0
_blas: Any = None
_torch_threads: int | None = None
_known: tuple[int, Any] = (0, None)


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS, OpenMP and torch at one thread; the last one out restores what the first one found.

    Small problems run faster on one thread, and a sum over a different number of threads has different last bits.
    Nested use costs nothing, and the outermost some 20 microseconds; concurrent use (joblib's threading backend) shares
    one limit.
    """
    depth = getattr(_local, "depth", 0)
    _local.depth = depth + 1
    try:
        if depth == 0:
            _enter()
        else:
            _hold_torch()
        yield
    finally:
        _local.depth = depth
        if depth == 0:
            _leave()


def _enter() -> None:
    """Limit BLAS when first in; OpenMP keeps one count per thread, so every thread limits its own."""
    global _entered, _blas
    with _lock:
        _hold_torch()
        controller = _controller()
        _local.openmp = controller.select(user_api="openmp").limit(limits=1)
        if _entered == 0:
            with _anyone_may_limit(controller):
                _blas = controller.select(user_api="blas").limit(limits=1)
        _entered += 1


def _hold_torch() -> None:
    """Limit torch, once for each thread; also when it was imported after the first way in."""
    global _torch_threads
    torch = sys.modules.get("torch")
    if torch is None or getattr(_local, "holds_torch", False):
        return
    with _lock:
        found = torch.get_num_threads()  # a thread's first call takes over the process's count: let it come before ours
        if _torch_threads is None:
            _torch_threads = found
        torch.set_num_threads(1)
    _local.holds_torch = True


def _leave() -> None:
    global _entered, _blas, _torch_threads
    _local.holds_torch = False
    with _lock:
        _entered -= 1
        _local.openmp.restore_original_limits()
        if _entered == 0:
            with _anyone_may_limit(_controller()):
                _blas.restore_original_limits()
            if _torch_threads is not None:
                sys.modules["torch"].set_num_threads(_torch_threads)
            _blas = _torch_threads = None


def _controller() -> Any:
    """The thread pools of this process, looked up anew (milliseconds) only after modules were imported."""
    global _known
    if _known[0] != len(sys.modules):
        _known = len(sys.modules), ThreadpoolController()
    return _known[1]


@contextmanager
def _anyone_may_limit(controller: ThreadpoolController) -> Iterator[None]:
    """Let this thread set the limits of OpenBLAS, and any other one later.

    threadpoolctl 3.8 gives them to the first thread that sets one, and calls from another do nothing. Our first thread
    in is not always the last one out.
    """
    _release(controller)
    yield
    _release(controller)


def _release(controller: ThreadpoolController) -> None:
    for library in controller.lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


def _call(function: Callable[..., Any], job: tuple[Any, ...]) -> Any:
    with one_thread():
        return function(*job)


def parallel_map(
    function: Callable[..., Any],
    jobs: Iterable[tuple[Any, ...]],
    *,
    n_jobs: int | None,
    threads: bool = False,
    share: bool = False,
    tell: Callable[[Any], object] | None = None,
) -> list[Any]:
    """Return ``[function(*job) for job in jobs]``, spread over `n_jobs` joblib workers.

    `function` must live at module level, so that processes and dask workers can import it. `threads` suits work that
    spends its time in large numpy calls. With `share`, for a few jobs of equal size, the caller does one itself where
    there are workers for all, and `tell` is called with each answer, in order, as soon as it is there. Whoever wants
    another backend says so outside: ``joblib.parallel_config("dask")``.
    """
    answers = []
    for answer in _answers(function, list(jobs), n_jobs, "threads" if threads else None, share):
        answers.append(answer)
        if tell is not None:
            tell(answer)
    return answers


def _answers(
    function: Callable[..., Any], jobs: list[tuple[Any, ...]], n_jobs: int | None, prefer: str | None, share: bool
) -> Iterator[Any]:
    own = jobs[:1] if share and len(jobs) <= effective_n_jobs(n_jobs) else []
    others: Iterable[Any] = ()
    if jobs[len(own) :]:
        try:
            workers = Parallel(n_jobs=n_jobs, prefer=prefer, return_as="generator" if share else "list")
        except ValueError:  # a backend that gives all answers at the end
            workers = Parallel(n_jobs=n_jobs, prefer=prefer)
        others = workers(delayed(_call)(function, job) for job in jobs[len(own) :])  # the workers begin
    for job in own:
        yield _call(function, job)
    yield from others
