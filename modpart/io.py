"""Save a fitted model to a file, and load it again without running any code from that file."""

import json
from collections.abc import Iterable, Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.gaussian_process.kernels import Kernel

from modpart import __version__
from modpart._utils.optional import optional_import
from modpart.exceptions import ModpartError, UntrustedFileError

__all__ = ["load", "save"]

_METADATA = "modpart.json"  # one more member of the zip archive that skops writes; skops itself passes over it

# What fitted estimators keep beside arrays: the state of a perceptron's optimiser, and trees, which are looked through
# once they are loaded. Neighbour indices are left out: a made-up one reads memory that is not its own.
_HOLDERS = {
    "sklearn.tree._tree.Tree",
    *(f"sklearn.neural_network._stochastic_optimizers.{name}Optimizer" for name in ("Adam", "SGD")),
}


def save(model: Any, path: str | Path) -> None:
    """Save a model to a file that :func:`load` reads without running code from it.

    Use it in place of pickle to keep a fitted model or to hand it to somebody else. The file is a zip archive of JSON
    and numpy arrays with no instructions in it. A model that :func:`load` would refuse is refused here already.

    Parameters
    ----------
    model : estimator
        A fitted estimator of modpart or scikit-learn, or a pipeline or other composition of such. Of a search, save its
        ``best_estimator_``.
    path : str or pathlib.Path
        File to write, by custom ending in ``.skops``; a file that is there is overwritten.

    Raises
    ------
    UntrustedFileError
        When `model` holds types that :func:`load` does not accept; the message names them.
    FileNotFoundError
        When the folder of `path` does not exist.
    MissingDependencyError
        When skops is not installed.

    Notes
    -----
    The version of modpart is stored beside the model. Time and size are linear in the size of the fitted state.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.linear_model import LinearRegression
    >>> from modpart.io import load, save
    >>> model = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
    >>> with TemporaryDirectory() as folder:
    ...     save(model, Path(folder, "line.skops"))
    ...     loaded = load(Path(folder, "line.skops"))
    >>> loaded.predict([[2.0]]).round(6)
    array([5.])
    """
    skops_io = optional_import("skops.io", extra="io", purpose="modpart.io.save")
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {str(path.parent)!r} does not exist. Create it before saving a model there."
        )
    try:
        buffer = BytesIO(skops_io.dumps(model))
    except Exception as error:  # skops raises whatever the part itself does when it cannot be taken to pieces
        raise UntrustedFileError(
            f"{type(model).__name__} holds something that cannot be written as data, such as a torch module: {error}. "
            "Take it out of the model, or save it with joblib and load it only where you trust the file."
        ) from error
    refused = _refused(skops_io.get_untrusted_types(data=buffer.getvalue()))
    if refused:
        raise UntrustedFileError(
            f"{type(model).__name__} holds types that modpart.io.load does not accept: {', '.join(refused)}. "
            "Take them out of the model, or save it with skops or joblib and load it only where you trust the file."
        )
    with ZipFile(buffer, "a") as archive:
        archive.writestr(_METADATA, json.dumps({"modpart": __version__}))
    path.write_bytes(buffer.getvalue())


def load(path: str | Path) -> Any:
    """Load a model that :func:`save` wrote, from whomever it comes.

    Only these are built: numpy and scipy data, Python's plain containers and numbers, estimators of scikit-learn and
    the classes of modpart. A file that asks for anything else, for instance a function to call, is refused before
    any object is made or any foreign module is imported.

    Parameters
    ----------
    path : str or pathlib.Path
        File that :func:`save` wrote.

    Returns
    -------
    model : estimator
        The model as it was saved; it predicts the same bits.

    Raises
    ------
    UntrustedFileError
        When the file asks for types that are not trusted, or is not a saved model; the message names what was found.
    FileNotFoundError
        When there is no such file.
    ModpartError
        When a later major version of modpart wrote the file.
    MissingDependencyError
        When skops is not installed.

    Notes
    -----
    Memory is linear in the size of the file. The check covers what is built, not what it says: a model from a stranger
    runs no code of theirs, but may predict nonsense, or be made up to fail when it predicts.

    Examples
    --------
    >>> from modpart.io import load
    >>> load("no_such_model.skops")
    Traceback (most recent call last):
        ...
    FileNotFoundError: There is no file 'no_such_model.skops'. Check the path, or write it first with modpart.io.save.
    """
    skops_io = optional_import("skops.io", extra="io", purpose="modpart.io.load")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no file {str(path)!r}. Check the path, or write it first with modpart.io.save."
        )
    data = path.read_bytes()
    try:
        with ZipFile(BytesIO(data)) as archive:
            written_by = json.loads(archive.read(_METADATA))["modpart"]
            newer = int(written_by.partition(".")[0]) > int(__version__.partition(".")[0])
    except (BadZipFile, KeyError, ValueError, TypeError, AttributeError) as error:
        raise UntrustedFileError(
            f"{str(path)!r} is not a file that modpart.io.save wrote. Pickle and joblib files are never read here, "
            "because opening one runs whatever code it holds."
        ) from error
    if newer:
        raise ModpartError(
            f"{str(path)!r} was written by modpart {written_by}, and this is modpart {__version__}. "
            f"Install modpart {written_by} or later to load it."
        )
    try:
        found = skops_io.get_untrusted_types(data=data)
    except Exception as error:  # whatever a made-up file brings skops to raise, it is no saved model
        raise UntrustedFileError(f"{str(path)!r} does not hold a model that can be read: {error}") from error
    refused = _refused(found)
    if refused:
        raise UntrustedFileError(
            f"{str(path)!r} asks for types that modpart does not load: {', '.join(refused)}. Nothing was loaded. "
            "If you trust whoever wrote it, pass these names yourself: skops.io.load(path, trusted=[...])."
        )
    model = skops_io.loads(data, trusted=found)
    if not all(map(_is_sound, _parts(model))):
        raise UntrustedFileError(
            f"{str(path)!r} holds a decision tree that points outside itself; no fit makes such a one."
        )
    return model


def _refused(names: Iterable[str]) -> list[str]:
    """Those of skops's doubtful types that modpart does not accept either."""
    return [name for name in names if not _is_trusted(name)]


def _is_trusted(name: str) -> bool:
    """Whether `name` is a class of modpart or an estimator or kernel of scikit-learn, named by its own module."""
    if name in _HOLDERS:
        return True
    module_name, _, class_name = name.rpartition(".")
    package = module_name.partition(".")[0]
    if package not in ("modpart", "sklearn"):  # decided on the name alone: no foreign module is imported
        return False
    try:
        found = getattr(import_module(module_name), class_name)
    except (ImportError, AttributeError):
        return False
    if not isinstance(found, type) or found.__module__ != module_name:
        return False
    return package == "modpart" or issubclass(found, BaseEstimator | Kernel)


def _parts(model: Any) -> Iterator[Any]:
    """Yield `model` and everything that it holds."""
    waiting, seen = [model], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list | tuple | set):
            waiting.extend(part)
        elif isinstance(part, np.ndarray) and part.dtype == object:
            waiting.extend(part.flat)
        else:
            waiting.extend(getattr(part, "__dict__", {}).values())


def _is_sound(part: Any) -> bool:
    """Whether `part` is no decision tree, or one whose walks stay inside it and come to an end."""
    tree = getattr(part, "__dict__", {}).get("tree_")
    if tree is None:
        return True
    left, right, node = tree.children_left, tree.children_right, np.arange(tree.node_count)
    leaf = left == -1
    ahead = (node < left) & (left < tree.node_count) & (node < right) & (right < tree.node_count)
    inside = (tree.feature >= 0) & (tree.feature < getattr(part, "n_features_in_", 0))
    return tree.node_count > 0 and bool(np.all(leaf | (ahead & inside)))
