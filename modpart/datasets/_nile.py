"""The annual flow of the Nile, a short real series with a known change of level."""

from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.params import boolean, validate

__all__ = ["load_nile"]

_FIRST_YEAR = 1871
_FLOW = """
1120 1160  963 1210 1160 1160  813 1230 1370 1140  995  935 1110  994 1020  960 1180  799  958 1140
1100 1210 1150 1250 1260 1220 1030 1100  774  840  874  694  940  833  701  916  692 1020 1050  969
 831  726  456  824  702 1120 1100  832  764  821  768  845  864  862  698  845  744  796 1040  759
 781  865  845  944  984  897  822 1010  771  676  649  846  812  742  801 1040  860  874  848  890
 744  749  838 1050  918  986  797  923  975  815 1020  906  901 1170  912  746  919  718  714  740
"""


def load_nile(*, as_frame: bool = False) -> tuple[Any, Any]:
    """Annual flow of the Nile at Aswan, 1871 to 1970: 100 rows with a drop in level after 1898.

    The mean is 1097.8 up to 1898 and 850.0 from 1899 on. Rows are in time order: split them in blocks.

    Parameters
    ----------
    as_frame : bool, default=False
        Return pandas objects instead of arrays.

    Returns
    -------
    X : ndarray of shape (100, 1), float64, or DataFrame with the integer column "year"
        The year.
    y : ndarray of shape (100,), float64, or Series named "flow"
        The flow of that year, in 10^8 cubic metres.

    Raises
    ------
    ParameterError
        When `as_frame` is not a boolean.

    References
    ----------
    G. W. Cobb, "The problem of the Nile: conditional solution to a changepoint problem", Biometrika 65 (1978).

    Examples
    --------
    >>> from modpart.datasets import load_nile
    >>> X, y = load_nile(as_frame=True)
    >>> y[X["year"] == 1898].tolist(), y[X["year"] == 1899].tolist()
    ([1100.0], [774.0])
    """
    validate("load_nile", {"as_frame": as_frame}, {"as_frame": (boolean,)})
    flow = np.array(_FLOW.split(), dtype=np.float64)
    year = _FIRST_YEAR + np.arange(len(flow))
    if as_frame:
        return pd.DataFrame({"year": year}), pd.Series(flow, name="flow")
    return year[:, np.newaxis].astype(np.float64), flow
