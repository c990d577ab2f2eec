"""A self-organising map trained in batches, as a clusterer and a transformer."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import csc_array
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_sample_weight, check_X
from modpart._utils.params import boolean, integer, nothing, number, one_of, where
from modpart._utils.progress import Progress, with_callbacks
from modpart._utils.seeds import check_rng
from modpart.efficiency._clusters.grid import Grid, automatic_shape, principal_axes, spread_along_axes
from modpart.efficiency._clusters.ward import ward_groups
from modpart.exceptions import InputDataError, ParameterError

__all__ = ["SOM"]

BLOCK = 1 << 18  # distances that are held at once
PORTIONS = 8  # of an epoch while the neighbourhood shrinks: a batch of all rows gets caught in poorer maps
FEW_ROWS = 1000
EPOCHS, ROWS_SEEN = (30, 100), 20_000  # "auto": so many rows in all, within these numbers of passes
TIE = 1e-10  # of the squared lengths in play: units this much nearer are as near
NEAR = 1e-6  # of the square of a row: below, a squared distance from products is made of rounding
KEPT = 0.7  # of the rows seen before, per portion
SHRINKING = 0.8  # share of the epochs; the others are whole batches at the last radius


class SOM(ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin, Estimator):
    """Self-organising map: a grid of units that is laid through the data so that neighbours on it stay alike.

    Each row goes to its nearest unit, and each unit to the mean of the rows that it and its neighbours on the grid have
    won; the neighbourhood shrinks from epoch to epoch. Use it to see clusters in many dimensions on one sheet, or with
    `n_clusters` to find them. Columns should have comparable scales.

    Parameters
    ----------
    shape : tuple of two int >= 1, or "auto", default="auto"
        Rows and columns of the grid. "auto" takes about 5 sqrt(n_samples) units, sides in proportion to the spread
        along the first two principal axes.
    topology : {"rectangular", "hexagonal"}, default="rectangular"
        Whether a unit has eight neighbours or six.
    toroid : bool, default=False
        Whether opposite edges of the grid meet; hexagons then need an even number of rows.
    neighbourhood : {"gaussian", "bubble"}, default="gaussian"
        Whether neighbours learn the less the farther away they are, or all alike within the radius.
    n_epochs : int >= 1 or "auto", default="auto"
        Passes over the data; "auto" makes 100 over up to 200 rows, fewer the more rows there are, and at least 30;
        `partial_fit` counts on 30 calls.
    sigma : tuple of (float > 0 or None, float > 0), default=(None, 0.33)
        Radius of the neighbourhood, in steps on the grid, in the first epoch and in the last fifth of them, geometric
        in between. None stands for a third of the longer side. A last radius of 0.5 or 1 makes a smoother map that is
        not as close to the rows.
    init : {"pca", "random"}, default="pca"
        Start in the plane of the first two principal axes, or at rows drawn at random.
    n_clusters : int >= 1 or None, default=None
        Group the units to so many clusters, by Ward's method with the number of rows of each unit as weights. None
        makes every unit a cluster.
    random_state : int, Generator, RandomState or None, default=None
        Deals the rows into portions, and draws the rows of ``init="random"``.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_units, n_features), float64
        The units, row by row of the grid.
    unit_labels_ : ndarray of shape (n_units,), int64
        Cluster of each unit.
    labels_ : ndarray of shape (n_samples,), int64
        Cluster of each training row.
    shape_ : tuple of int
        Rows and columns of the grid.
    positions_ : ndarray of shape (n_units, 2), float64
        Horizontal and vertical place of each unit on the grid.
    hits_ : ndarray of shape shape_, float64
        Number (weight) of rows for which each unit is the nearest.
    u_matrix_ : ndarray of shape shape_, float64
        Mean distance of each unit to its neighbours on the grid; ridges separate clusters.
    quantization_error_ : float
        Mean distance of a row to its unit.
    topographic_error_ : float
        Share of rows whose nearest two units are no neighbours on the grid.
    n_steps_ : int
        Epochs, calls of `partial_fit` included.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X has string column names.

    Raises
    ------
    InputDataError
        When a row or a column holds no value, or X cannot be used; the message names it.
    ParameterError
        When there are fewer units than clusters.

    See Also
    --------
    ClusterCount : How many clusters there are.
    SOMDisplay : Pictures of a map.

    Notes
    -----
    The batch rule of [1]_, vectorised, in time O(n_epochs n_samples n_units n_features). While the neighbourhood
    shrinks, an epoch, but the first, takes the rows in eight portions and lets the means forget, as the stepwise rule
    does: whole batches end in poorer maps. The order of the rows does not matter, and a row of weight w counts as w
    equal rows. Missing values (nan) are allowed: distances are taken over the columns that a row has and scaled to all
    of them, and a missing value moves no unit. `partial_fit` takes its rows as one portion, with the radius of the next
    epoch.

    References
    ----------
    .. [1] Kohonen, *Self-Organizing Maps*, 3rd edition (2001).
    .. [2] Vesanto & Alhoniemi, "Clustering of the self-organizing map", IEEE Transactions on Neural Networks 11
       (2000), 586-600. Grouping of units, and size of the map.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from modpart.efficiency import SOM
    >>> X, _ = make_blobs(200, centers=3, random_state=0)
    >>> som = SOM((6, 8), n_clusters=3, random_state=0).fit(X)
    >>> som.hits_.shape, som.transform(X).shape, len(set(som.labels_.tolist()))
    ((6, 8), (200, 48), 3)
    """

    _rules = {
        "shape": (
            where(
                "two integers >= 1",
                lambda value: (
                    isinstance(value, tuple | list) and len(value) == 2 and all(map(integer(1).accepts, value))
                ),
            ),
            one_of("auto"),
        ),
        "topology": (one_of("rectangular", "hexagonal"),),
        "toroid": (boolean,),
        "neighbourhood": (one_of("gaussian", "bubble"),),
        "n_epochs": (integer(1), one_of("auto")),
        "sigma": (
            where(
                "two numbers > 0, of which the first may be None",
                lambda value: (
                    isinstance(value, tuple | list)
                    and len(value) == 2
                    and (value[0] is None or number(0.0, open_low=True).accepts(value[0]))
                    and number(0.0, open_low=True).accepts(value[1])
                ),
            ),
        ),
        "init": (one_of("pca", "random"),),
        "n_clusters": (integer(1), nothing),
    }

    def __init__(
        self,
        shape: Any = "auto",
        *,
        topology: str = "rectangular",
        toroid: bool = False,
        neighbourhood: str = "gaussian",
        n_epochs: Any = "auto",
        sigma: Any = (None, 0.33),
        init: str = "pca",
        n_clusters: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.shape = shape
        self.topology = topology
        self.toroid = toroid
        self.neighbourhood = neighbourhood
        self.n_epochs = n_epochs
        self.sigma = sigma
        self.init = init
        self.n_clusters = n_clusters
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @with_callbacks
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "SOM":
        """Lay the map through the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            May hold nan.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Number of equal rows that each row stands for.

        Returns
        -------
        self : SOM
        """
        rng = check_rng(self.random_state)
        rows = self._start(X, sample_weight, rng)
        dealer = _Dealer(rows, rng)
        progress = Progress(self, rows.values, None, self._n_epochs)
        for _ in range(self._n_epochs):
            whole = not 0 < self.n_steps_ < self._n_shrinking  # the first epoch too, or a portion would undo the start
            hood = self._hood()
            for portion in [rows] if whole else dealer.portions():
                self._learn(portion, hood, 0.0 if whole else KEPT)
            self.n_steps_ += 1
            if progress.step("epoch", f"neighbourhood {self._radius(self.n_steps_ - 1):.2f}"):
                break
        self._describe(rows)
        progress.finish()
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "SOM":
        """Let the map learn from some more rows, in one step.

        The first call starts the map from its rows; each call shrinks the neighbourhood like an epoch of `fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            May hold nan.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Number of equal rows that each row stands for.

        Returns
        -------
        self : SOM
            `labels_`, `hits_` and errors are those of the rows of this call.
        """
        if hasattr(self, "n_steps_"):
            self._check_params()
            values = check_X(self, X, allow_nan=True)
            rows = _Rows(values, check_sample_weight(self, sample_weight, values), self._offset)
        else:
            rows = self._start(X, sample_weight, check_rng(self.random_state), first_portion=True)
        self._learn(rows, self._hood(), KEPT if self.n_steps_ < self._n_shrinking else 1.0)
        self.n_steps_ += 1
        self._describe(rows)
        return self

    def _start(self, X: Any, sample_weight: Any, rng: np.random.Generator, *, first_portion: bool = False) -> "_Rows":
        """Check arguments and data, place the units."""
        self._check_params()
        values = check_X(self, X, reset=True, min_samples=1 if first_portion else 2, allow_nan=True)
        weight = check_sample_weight(self, sample_weight, values)
        usual = EPOCHS[0] if first_portion else int(np.clip(ROWS_SEEN / weight.sum(), *EPOCHS))
        self._n_epochs = usual if isinstance(self.n_epochs, str) else int(self.n_epochs)
        self._offset = _column_means(self, values, weight)
        rows = _Rows(values, weight, self._offset)
        axes, spread = principal_axes(rows.filled, weight)
        automatic = isinstance(self.shape, str)
        self.shape_ = automatic_shape(weight.sum(), spread) if automatic else (int(self.shape[0]), int(self.shape[1]))
        self._grid = Grid(self.shape_, self.topology, self.toroid)
        n_units = len(self._grid.positions)
        if self.n_clusters is not None and self.n_clusters > n_units:
            raise ParameterError(
                f"SOM: n_clusters={self.n_clusters} and the map has {n_units} units ({self.shape_[0]} x "
                f"{self.shape_[1]}). Take fewer clusters, or a larger shape."
            )
        if self.init == "pca":
            self._units = spread_along_axes(self._grid, axes, spread)
        else:
            self._units = rows.filled[rng.choice(len(values), size=n_units, p=weight / weight.sum())]
        self._mass = np.zeros((n_units, values.shape[1] if rows.mask is not None else 1))
        self.positions_ = self._grid.positions
        self.n_steps_ = 0
        return rows

    def _radius(self, step: int) -> float:
        first = max(self.shape_) / 3.0 if self.sigma[0] is None else float(self.sigma[0])
        last = float(self.sigma[1])
        share = min(step / max(self._n_shrinking, 1), 1.0)
        return first * (last / first) ** share

    @property
    def _n_shrinking(self) -> int:
        return int(SHRINKING * self._n_epochs)

    def _hood(self) -> np.ndarray:
        return self._grid.neighbourhood(self.neighbourhood, self._radius(self.n_steps_))

    def _learn(self, rows: "_Rows", hood: np.ndarray, kept: float) -> None:
        """One step of the batch rule: winners, and the mean of what each neighbourhood has won."""
        sums, mass = rows.totals(rows.settled(self._units), hood)
        if kept:
            before = kept * self._mass
            sums += before * self._units
            mass = mass + before
        self._mass = mass
        learned = mass > 0.0
        if learned.all():
            self._units = sums / mass
        else:
            self._units = np.where(learned, sums / np.where(learned, mass, 1.0), self._units)

    def _describe(self, rows: "_Rows") -> None:
        """All that is told about the map."""
        n_units = len(self._units)
        self.cluster_centers_ = self._units + self._offset
        winner, second, distance = rows.two_winners(self._units)
        weight = rows.weight
        self.quantization_error_ = float(weight @ distance / weight.sum())
        apart = ~self._grid.adjacent[winner, second] if n_units > 1 else np.zeros(len(winner), dtype=bool)
        self.topographic_error_ = float(weight @ apart / weight.sum())
        hits = np.bincount(winner, weights=weight, minlength=n_units)
        self.hits_ = hits.reshape(self.shape_)
        gaps = np.sqrt(((self._units[:, None] - self._units[None]) ** 2).sum(axis=2))
        neighbours = np.maximum(self._grid.adjacent.sum(axis=1), 1)
        self.u_matrix_ = ((gaps * self._grid.adjacent).sum(axis=1) / neighbours).reshape(self.shape_)
        if self.n_clusters is None:
            self.unit_labels_ = np.arange(n_units)
        else:
            self.unit_labels_ = ward_groups(self._units, hits, self.n_clusters)
        self.labels_ = self.unit_labels_[winner]

    def _rows(self, X: Any) -> "_Rows":
        check_is_fitted(self)
        values = check_X(self, X, allow_nan=True)
        return _Rows(values, np.ones(len(values)), self._offset)

    def predict(self, X: Any) -> np.ndarray:
        """Cluster of the nearest unit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            May hold nan.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int64
        """
        winners = self._rows(X).winners(self._units)
        return self.unit_labels_[winners]

    def transform(self, X: Any) -> np.ndarray:
        """Distance to every unit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            May hold nan.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_units), float64
        """
        return self._rows(X).distances(self._units)

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the mean distance of rows to their unit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            May hold nan.
        y : None
            Not used.

        Returns
        -------
        score : float
            The larger the better.
        """
        return -float(self._rows(X).two_winners(self._units)[2].mean())

    @property
    def _n_features_out(self) -> int:
        return len(self._units)


class _Rows:
    """Centred rows in the form in which distances to all units are one matrix product.

    Units that no row tells apart are common: those around a lonely row come to lie on it, up to rounding. So a row
    takes the first of units that are equally near up to rounding, and while it learns it stays where it is until
    another unit is really nearer. Otherwise the order of the rows, or a weight in place of copies, would decide.
    """

    def __init__(self, values: np.ndarray, weight: np.ndarray, offset: np.ndarray) -> None:
        missing = np.isnan(values)
        self.values, self.weight = values, weight
        self.filled = np.where(missing, 0.0, values - offset) if missing.any() else values - offset
        self.mask = ~missing if missing.any() else None
        if self.mask is not None and not self.mask.any(axis=1).all():
            row = int(np.argmin(self.mask.any(axis=1)))
            raise InputDataError(f"SOM: row {row} of X holds no value at all. Leave such rows out.")
        self._wide = np.hstack([self.filled, np.ones((len(values), 1)) if self.mask is None else self.mask])
        self._squares = (self.filled**2).sum(axis=1)
        self._homes = np.full(len(values), -1)  # unit of each row when it last learned
        self._places: Any = slice(None)  # of these rows in the table that `_homes` belongs to

    def take(self, rows: np.ndarray) -> "_Rows":
        """Some of the rows, as they are needed to learn."""
        part = object.__new__(_Rows)
        part.weight, part.filled, part._wide = self.weight[rows], self.filled[rows], self._wide[rows]
        part.mask = None if self.mask is None else self.mask[rows]
        part._squares, part._homes, part._places = self._squares[rows], self._homes, rows
        return part

    def _products(self, units: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """For chunks of rows, squared distances over the columns that each row has, minus its own square."""
        width = units.shape[1]
        lifted = np.empty((self._wide.shape[1], len(units)))
        np.multiply(units.T, -2.0, out=lifted[:width])
        lifted[width:] = np.einsum("ij,ij->i", units, units) if self.mask is None else (units**2).T
        size = max(1, BLOCK // len(units))
        for start in range(0, len(self.filled), size):
            rows = slice(start, start + size)
            yield rows, self._wide[rows] @ lifted

    def _slack(self, least: np.ndarray, rows: slice) -> np.ndarray:
        """Products below this are as good as the least of their row."""
        return least + TIE * (2.0 * self._squares[rows] + least)

    def _first(self, products: np.ndarray, rows: slice) -> np.ndarray:
        return (products <= self._slack(products.min(axis=1), rows)[:, None]).argmax(axis=1)

    def winners(self, units: np.ndarray) -> np.ndarray:
        """Nearest unit of each row."""
        return np.concatenate([self._first(products, rows) for rows, products in self._products(units)])

    def settled(self, units: np.ndarray) -> np.ndarray:
        """Nearest unit of each row, and where the row has been before when no other is nearer."""
        homes, found = self._homes[self._places], np.empty(len(self.filled), dtype=np.intp)
        if homes[0] < 0:
            found = self.winners(units)
        else:
            for rows, products in self._products(units):
                everyone, before = np.arange(len(products)), homes[rows]
                best = products.argmin(axis=1)
                stays = products[everyone, before] <= self._slack(products[everyone, best], rows)
                found[rows] = np.where(stays, before, best)
        self._homes[self._places] = found
        return found

    def _gaps(self, rows: Any, units: np.ndarray) -> np.ndarray:
        """Squared distances of rows to one unit each, over the columns that each row has."""
        gaps = self.filled[rows] - units
        if self.mask is not None:
            gaps *= self.mask[rows]
        return np.einsum("ij,ij->i", gaps, gaps)

    def _scale(self, rows: slice) -> Any:
        """What distances over the columns of a row count for, in all columns."""
        return 1.0 if self.mask is None else self.mask.shape[1] / self.mask[rows].sum(axis=1)

    def two_winners(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Nearest and second unit of each row, and the distance to the first."""
        found = []
        for rows, products in self._products(units):
            first = self._first(products, rows)
            products[np.arange(len(products)), first] = np.inf
            length = np.sqrt(self._gaps(rows, units[first]) * self._scale(rows))
            found.append((first, products.argmin(axis=1), length))
        first, second, length = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return first, second, length

    def distances(self, units: np.ndarray) -> np.ndarray:
        """Distance of each row to each unit."""
        found = []
        for rows, products in self._products(units):
            own = self._squares[rows][:, None]
            squared = products + own
            row, unit = np.nonzero(squared <= NEAR * own)
            squared[row, unit] = self._gaps(rows.start + row, units[unit])
            found.append(np.sqrt(squared * np.reshape(self._scale(rows), (-1, 1))))
        return np.concatenate(found)

    def totals(self, winners: np.ndarray, hood: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted sums of the rows that each unit and its neighbours have won, and their weight.

        The weight is one number per unit, or one per column where values are missing.
        """
        n, width = self.filled.shape
        if n < FEW_ROWS:  # making the sparse matrix would take longer
            totals = hood[winners].T @ (self._wide * self.weight[:, None])
        else:
            totals = hood @ (csc_array((self.weight, winners, np.arange(n + 1)), shape=(len(hood), n)) @ self._wide)
        return totals[:, :width], totals[:, width:]


class _Dealer:
    """Deals rows into portions, equal rows into the same, however often and in which order they stand in the table."""

    def __init__(self, rows: _Rows, rng: np.random.Generator) -> None:
        self._rows, self._rng = rows, rng
        self._used = np.flatnonzero(rows.weight > 0.0)
        values = np.nan_to_num(rows.values[self._used], nan=0.0)
        keys = (values * rng.normal(size=values.shape[1])).sum(axis=1)
        distinct, self._kind = np.unique(keys, return_inverse=True)
        self._n_kinds = len(distinct)
        self._hands = self._dealt()

    def _dealt(self) -> list[_Rows]:
        n_portions = min(PORTIONS, self._n_kinds)
        portion = (self._rng.permutation(self._n_kinds) % n_portions)[self._kind]
        return [self._rows.take(self._used[portion == k]) for k in range(n_portions)]

    def portions(self) -> list[_Rows]:
        """The portions of one epoch; a long table keeps its portions and changes their order."""
        if len(self._used) < FEW_ROWS:
            self._hands = self._dealt()
        return [self._hands[k] for k in self._rng.permutation(len(self._hands))]


def _column_means(estimator: Any, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted mean of what each column holds."""
    known = ~np.isnan(values)
    mass = weight @ known
    if not (mass > 0.0).all():
        column = int(np.argmin(mass > 0.0))
        names = getattr(estimator, "feature_names_in_", None)
        name = column if names is None else repr(str(names[column]))
        raise InputDataError(f"SOM: X column {name} holds no value at all. Leave it out.")
    return weight @ np.where(known, values, 0.0) / mass
