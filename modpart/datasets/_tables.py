"""Regression tables from a folder of the user's: one gzipped CSV per table, the last column being the target."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from modpart._utils.params import suggest
from modpart.exceptions import DataNotFoundError, InputDataError

__all__ = ["available_tables", "load_table"]

_VARIABLE = "MODPART_DATA"
_ENDING = ".csv.gz"


def available_tables(folder: str | os.PathLike[str] | None = None) -> list[str]:
    """Names of the tables in a folder, sorted.

    Parameters
    ----------
    folder : path or None, default=None
        Folder with files ``NAME.csv.gz``; None for the one that the environment variable MODPART_DATA names.

    Returns
    -------
    names : list of str
        What :func:`load_table` accepts as `name`.

    Raises
    ------
    DataNotFoundError
        When no folder is given or it does not exist.

    Examples
    --------
    >>> import tempfile
    >>> from modpart.datasets import available_tables
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     available_tables(folder)
    []
    """
    return sorted(path.name.removesuffix(_ENDING) for path in _data_folder(folder).glob(f"*{_ENDING}"))


def load_table(name: str, folder: str | os.PathLike[str] | None = None) -> tuple[pd.DataFrame, pd.Series]:
    """Load the regression table `name` from a folder.

    The file ``NAME.csv.gz`` has the header ``x0,x1,...,y`` and holds numbers only.

    Parameters
    ----------
    name : str
        Name of the table, one of :func:`available_tables`.
    folder : path or None, default=None
        Folder of the tables; None for the one that the environment variable MODPART_DATA names.

    Returns
    -------
    X : DataFrame of shape (n_samples, n_features), float64
        Columns x0, x1, ...
    y : Series of shape (n_samples,), float64
        The last column, named "y".

    Raises
    ------
    DataNotFoundError
        When there is no such folder or no such table; a :class:`FileNotFoundError` too.
    InputDataError
        When the file has another header, no rows, or a column that is not numeric.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from modpart.datasets import load_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pd.DataFrame({"x0": [1, 2], "y": [3, 4]}).to_csv(Path(folder, "toy.csv.gz"), index=False)
    ...     X, y = load_table("toy", folder)
    >>> X["x0"].tolist(), y.tolist()
    ([1.0, 2.0], [3.0, 4.0])
    """
    tables = _data_folder(folder)
    names = available_tables(tables)
    if name not in names:
        hint = suggest(str(name), names) if names else f"The folder has no files NAME{_ENDING}."
        raise DataNotFoundError(f"There is no table {name!r} in {tables}. {hint}")
    path = tables / f"{name}{_ENDING}"
    table = pd.read_csv(path)
    expected = [*(f"x{j}" for j in range(table.shape[1] - 1)), "y"]
    if list(table.columns) != expected or len(expected) < 2:
        raise InputDataError(f"{path} has the header {','.join(table.columns)!r}; it must be x0,x1,...,y.")
    if table.empty:
        raise InputDataError(f"{path} has a header and no rows.")
    for column in table:
        if not is_numeric_dtype(table[column]):
            raise InputDataError(f"{path}: column {column!r} holds text. Encode it as numbers first.")
    table = table.astype(np.float64)
    return table.iloc[:, :-1], table["y"]


def _data_folder(folder: str | os.PathLike[str] | None) -> Path:
    given = os.environ.get(_VARIABLE) if folder is None else folder
    remedy = f"Pass folder=... or set the environment variable {_VARIABLE} to a folder with files NAME{_ENDING}."
    if not given:
        raise DataNotFoundError(f"No data folder is given. {remedy}")
    if not Path(given).is_dir():
        raise DataNotFoundError(f"The data folder {os.fspath(given)!r} does not exist. {remedy}")
    return Path(given)
