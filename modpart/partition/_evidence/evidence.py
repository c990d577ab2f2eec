"""Evidence of a cell of rows: how probable its targets are under one smooth law, whatever its length scale.

A cell's law is Bayesian linear regression on the features of
:class:`~modpart.partition._evidence.basis.SmoothBasis`, with coefficients N(0, 1) and noise variance ``s2``. All that a
cell needs is its augmented Gram matrix ``[F y]' [F y]``, and these add: the evidence of two cells joined follows from
the sum of their matrices.

For ``A = s2 I + F'F`` the Cholesky factor of ``[[A, F'y], [y'F, y'y]]`` holds both terms of the log marginal
likelihood (Bishop, PRML 2006, eq. 3.86): ``log det A`` on its diagonal and ``y'y - y'F A^-1 F'y`` as its last
squared pivot.

A row of weight ``w`` is ``w`` equal observations. The density of ``n`` observations, ``N(y; 0, s2 I + F F')``, is
``-1/2 (n log 2 pi + (n - p) log s2 + log det A + (y'y - y'F A^-1 F'y) / s2)`` (matrix determinant and inversion
lemmas), in which the rows appear only in ``n`` and in the sums ``F'F``, ``F'y`` and ``y'y``. A repeated row adds the
same term to each sum again, so weights enter as ``n = sum w`` and as rows scaled by ``sqrt(w)``; this defines the
evidence of fractional weights too. Several outputs share the features and the rows of a cell; given these they are
independent, each with a noise variance and a length scale of its own, so their log evidences add.
"""

from dataclasses import dataclass, replace

import numpy as np

from modpart.partition._evidence.arrays import Array, arrays_of, log_sum_exp

__all__ = [
    "AMPLITUDES",
    "MIDDLE",
    "Posterior",
    "Stats",
    "averaged",
    "ceiling",
    "condensed",
    "grid_size",
    "log_evidence",
    "model_evidences",
    "posterior",
    "useful_scales",
]

AMPLITUDES = (0.5, 2.0)  # prior sd of the smooth part
MIDDLE = (1.0,)  # stands in for both where cells are only ranked
NEGLIGIBLE = 1e-3  # of the noise variance
KEPT_WEIGHT = 0.02  # models below this share of the best one's weight are left out of predictions
MAX_KEPT = 4


@dataclass
class Stats:
    """Augmented Gram matrices of some cells: one array (n_cells, p + q, p + q) per length scale, and weights of rows.

    q is the number of outputs, whose columns come last; `counts` (n_cells,) is the summed weight of the rows.
    """

    grams: list[Array]
    counts: np.ndarray
    n_linear: int
    n_outputs: int = 1

    @classmethod
    def of_groups(
        cls,
        augmented: list[Array],
        groups: np.ndarray,
        n_groups: int,
        n_linear: int,
        *,
        n_outputs: int = 1,
        weight: np.ndarray | None = None,
    ) -> "Stats":
        """Statistics of rows grouped by `groups` (n_samples,), from feature matrices with y as last columns.

        Rows of a `weight` (n_samples,) come multiplied by its square root.
        """
        grams = [arrays_of(matrix).group_grams(matrix, groups, n_groups) for matrix in augmented]
        return cls(grams, np.bincount(groups, weight, minlength=n_groups), n_linear, n_outputs)

    @classmethod
    def of_sides(
        cls,
        augmented: list[Array],
        cuts: list[tuple[np.ndarray, np.ndarray]],
        n_linear: int,
        *,
        n_outputs: int,
        weight: np.ndarray,
    ) -> "Stats":
        """Statistics of the rows below every cut, then of those above every cut; see :meth:`of_groups`.

        Each of `cuts` holds the number of each row's segment along one direction (n_samples,) and those segments after
        which to cut.
        """
        counts = np.concatenate([np.cumsum(np.bincount(groups, weight))[after] for groups, after in cuts])
        grams = [arrays_of(matrix).side_grams(matrix, cuts) for matrix in augmented]
        return cls(grams, np.append(counts, weight.sum() - counts), n_linear, n_outputs)

    def with_cells(self, grams: list[Array], counts: np.ndarray) -> "Stats":
        """Other cells of the same features and outputs."""
        return replace(self, grams=grams, counts=counts)

    def __getitem__(self, cells: "np.ndarray | list[int] | slice") -> "Stats":
        return self.with_cells([gram[cells] for gram in self.grams], self.counts[cells])

    def __add__(self, other: "Stats") -> "Stats":
        return self.with_cells(
            [a + b for a, b in zip(self.grams, other.grams, strict=True)], self.counts + other.counts
        )

    def __len__(self) -> int:
        return len(self.counts)

    def absorb(self, cell: int, other: int) -> None:
        """Add the rows of cell `other` to `cell`, in place; `other` stays as it is."""
        for gram in self.grams:
            gram[cell] += gram[other]
        self.counts[cell] += self.counts[other]

    def total(self) -> "Stats":
        """Statistics of all cells together, as one cell."""
        return self.with_cells([gram.sum(axis=0, keepdims=True) for gram in self.grams], self.counts.sum(keepdims=True))

    def coarsest(self, count: int) -> "Stats":
        """The same cells with the `count` longest length scales only."""
        return self.with_cells(self.grams[:count], self.counts)

    @staticmethod
    def joined(parts: "list[Stats]") -> "Stats":
        """The cells of all parts, one after another, in memory of their own."""
        scales = zip(*(part.grams for part in parts), strict=True)
        return parts[0].with_cells(
            [arrays_of(grams[0]).joined(grams) for grams in scales], np.concatenate([part.counts for part in parts])
        )

    def outputs(self) -> "list[Stats]":
        """The same cells once for each output, with that output alone."""
        if self.n_outputs == 1:
            return [self]

        def alone(gram: Array, output: int) -> Array:
            p = gram.shape[-1] - self.n_outputs
            kept = np.r_[:p, p + output]
            return gram[:, kept[:, None], kept]

        return [
            replace(self, grams=[alone(gram, output) for gram in self.grams], n_outputs=1)
            for output in range(self.n_outputs)
        ]


def _models(stats: Stats, amplitudes: tuple[float, ...] = AMPLITUDES) -> list[tuple[int, float]]:
    """The grid of models as (length scale index, amplitude); the straight line comes first, as (0, 0)."""
    has_smooth = stats.grams[0].shape[-1] > stats.n_linear + stats.n_outputs
    return [(0, 0.0)] + [(i, a) for i in range(len(stats.grams) if has_smooth else 0) for a in amplitudes]


def _augmented(stats: Stats, scale: int, amplitude: float, s2: float) -> tuple[Array, np.ndarray]:
    """The matrices whose Cholesky factors hold the evidence, (n_cells, p + 1, p + 1), and a ridge to add (p + 1,).

    A prior sd ``a`` of the smooth part is a noise variance ``s2 / a^2`` on its diagonal, its features left as they are:
    ``A`` is then divided by ``a^2`` in each of its directions.
    """
    gram, linear = stats.grams[scale], stats.n_linear
    if amplitude == 0.0:
        keep = np.r_[:linear, gram.shape[-1] - 1]
        gram = gram[:, keep[:, None], keep]
    ridge = np.full(gram.shape[-1], s2)
    ridge[linear:] /= amplitude**2 or 1.0
    ridge[-1] = 1e-10  # an empty cell, or one that is fitted without error, still factorises
    return gram, ridge


def model_evidences(stats: Stats, s2: float, amplitudes: tuple[float, ...] = AMPLITUDES) -> np.ndarray:
    """Log marginal likelihood of the one output of every cell under every model, shape (n_cells, n_models)."""
    columns, models = [], _models(stats, amplitudes)
    matrices = (_augmented(stats, scale, amplitude, s2) for scale, amplitude in models)
    for (_, amplitude), pivots in zip(models, arrays_of(stats.grams[0]).pivots(matrices), strict=True):
        p = pivots.shape[1] - 1
        log_det = 2.0 * (np.log(pivots[:, :p]).sum(axis=1) + (p - stats.n_linear) * np.log(amplitude or 1.0))
        columns.append(-0.5 * ((stats.counts - p) * np.log(s2) + log_det + pivots[:, p] ** 2 / s2))
    return np.column_stack(columns) - 0.5 * np.log(2.0 * np.pi) * stats.counts[:, None]


def ceiling(counts: np.ndarray, s2: np.ndarray) -> np.ndarray:
    """Log density of rows that are all predicted exactly, shape (n_cells, n_outputs); `counts` are (n_cells,).

    No model gains more from rows that are added to a cell: a new target has at least the variance of the noise.
    """
    return np.multiply.outer(counts, -0.5 * np.log(2.0 * np.pi * s2))


def log_evidence(
    stats: Stats,
    s2: "float | np.ndarray",
    *,
    n_models: int | None = None,
    amplitudes: tuple[float, ...] = AMPLITUDES,
) -> np.ndarray:
    """Log evidence of every cell, the models of the grid averaged with equal prior weight, shape (n_cells,).

    Outputs add; `s2` holds the noise variance of each. `n_models` is the size of the whole grid when `stats` and
    `amplitudes` hold only a part of it (the rest then counts as zero).
    """
    each = zip(stats.outputs(), np.atleast_1d(s2), strict=True)
    return averaged([model_evidences(output, noise, amplitudes) for output, noise in each], n_models)


def averaged(evidences: list[np.ndarray], n_models: int | None = None) -> np.ndarray:
    """Log evidence, the models in the last axis averaged, from that of every model for each output."""
    return np.sum([log_sum_exp(own, axis=-1) - np.log(n_models or own.shape[-1]) for own in evidences], axis=0)


def condensed(matrix: Array, gram: Array, n_linear: int, n_outputs: int, s2: "float | np.ndarray") -> Array:
    """Augmented features of the rows of a cell with fewer columns, which hold all that these rows tell.

    The smooth columns are turned to the eigenvectors of their part of the cell's Gram matrix (p + q, p + q), and those
    are left out whose prior variance, summed over the rows, is negligible beside that of the noise. For any of these
    rows too: a part of them has less of it. What is left changes no log evidence of any part by much more than a
    hundredth.
    """
    smooth, arrays = slice(n_linear, matrix.shape[1] - n_outputs), arrays_of(matrix)
    if smooth.start == smooth.stop:
        return matrix
    variances, directions = arrays.eigh(gram[smooth, smooth])
    kept = int(np.sum(arrays.get(variances) * max(AMPLITUDES) ** 2 > NEGLIGIBLE * np.min(s2)))
    turned = matrix[:, smooth] @ directions[:, directions.shape[1] - kept :]
    return arrays.columns([matrix[:, :n_linear], turned, matrix[:, smooth.stop :]])


def grid_size(stats: Stats) -> int:
    """Number of models in the grid."""
    return len(_models(stats))


def useful_scales(stats: Stats, s2: "float | np.ndarray") -> int:
    """How many of the longest length scales the single cell in `stats` needs: up to the one of its best model.

    A part of a cell is smoother than the whole (or as smooth), so its evidence needs no shorter ones. The roughest
    output decides.
    """
    best = [
        int(np.argmax(model_evidences(output, noise)[0]))
        for output, noise in zip(stats.outputs(), np.atleast_1d(s2), strict=True)
    ]
    return max(_models(stats)[model][0] for model in best) + 1


@dataclass
class Posterior:
    """What one cell has learned of one output: each kept model's scale, amplitude, weight, mean and Cholesky factor.

    Means and factors are those of unscaled features; see :func:`_augmented`.
    """

    scales: list[int]
    amplitudes: list[float]
    log_weights: np.ndarray
    means: list[Array]
    factors: list[Array]
    n_linear: int
    s2: float

    def model_features(self, features: list[Array], index: int) -> Array:
        """Features of kept model `index` from the list of feature matrices of all length scales."""
        matrix = features[self.scales[index]]
        return matrix if self.amplitudes[index] else matrix[:, : self.n_linear]

    def moments(self, features: list[Array]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and leverage of every row under every kept model, each (n_kept, n_samples).

        The variance of the law at a row is ``s2 * leverage``, that of a new observation ``s2 * (1 + leverage)``.
        """
        means, leverages = [], []
        for index, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            matrix = self.model_features(features, index)
            arrays = arrays_of(matrix)
            means.append(arrays.get(matrix @ mean))
            leverages.append(arrays.get((arrays.solve_lower(factor, matrix.T) ** 2).sum(axis=0)))
        return np.array(means), np.array(leverages)

    def predict(self, features: list[Array]) -> np.ndarray:
        """Posterior mean of the law at every row, the kept models averaged, shape (n_samples,)."""
        weights = np.exp(self.log_weights)
        laws = sum(
            weight * (self.model_features(features, index) @ mean)
            for index, (weight, mean) in enumerate(zip(weights.tolist(), self.means, strict=True))
        )
        return arrays_of(laws).get(laws)

    def variance(self, features: list[Array]) -> np.ndarray:
        """Variance of a new observation at every row: noise, uncertainty of the law, and spread of the models."""
        means, leverages = self.moments(features)
        weights = np.exp(self.log_weights)
        return self.s2 * (1.0 + weights @ leverages) + weights @ (means - weights @ means) ** 2

    def log_density(self, features: list[Array], y: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Log predictive density of one observation at every row, shape (n_samples,), rows of the cell left out first.

        `own` (n_samples,) is the weight with which a row was learned, 0 where it was not. Leaving a row out needs no
        refit: with leverage h and weight w its residual becomes r / (1 - w h) and its variance
        s2 (1 + h / (1 - w h)), which is s2 / (1 - h) for w = 1 (Rasmussen & Williams, GPML 2006, eqs. 5.10-5.12).
        """
        means, leverages = self.moments(features)
        left_out = np.clip(1.0 - own * leverages, 1e-6, None)
        residuals = (y - means) / left_out
        variances = self.s2 * (1.0 + leverages / left_out)
        densities = -0.5 * (np.log(2.0 * np.pi * variances) + residuals**2 / variances)
        return log_sum_exp(densities + self.log_weights[:, None], axis=0)

    def squared_error(self, features: list[Array], y: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Squared error of the averaged prediction at every row, own rows left out first, shape (n_samples,)."""
        means, leverages = self.moments(features)
        residuals = (y - means) / np.clip(1.0 - own * leverages, 1e-6, None)
        return (np.exp(self.log_weights) @ residuals) ** 2

    def on_host(self) -> "Posterior":
        """The same in numpy arrays."""
        means, factors = ([arrays_of(part).get(part) for part in parts] for parts in (self.means, self.factors))
        return replace(self, means=means, factors=factors)

    def freedom(self, features: list[Array], weight: np.ndarray) -> float:
        """Effective number of parameters spent on the rows of the cell: the weighted sum of their leverages."""
        return float(np.exp(self.log_weights) @ (self.moments(features)[1] @ weight))


def posterior(stats: Stats, s2: float, evidences: np.ndarray | None = None) -> Posterior:
    """Posterior of the single cell and output in `stats` under the models that matter, by their `evidences`."""
    evidences = model_evidences(stats, s2)[0] if evidences is None else evidences
    order = np.argsort(-evidences)[:MAX_KEPT]
    kept = order[evidences[order] >= evidences[order[0]] + np.log(KEPT_WEIGHT)]
    grid, arrays = _models(stats), arrays_of(stats.grams[0])
    scales, amplitudes, means, factors = [], [], [], []
    for model in kept:
        scale, amplitude = grid[model]
        matrix = arrays.with_ridge(*_augmented(stats, scale, amplitude, s2))[0]
        factor = arrays.cholesky(matrix[:-1, :-1])
        half = arrays.solve_lower(factor, matrix[:-1, -1])
        means.append(arrays.solve_lower(factor, half, transposed=True))
        factors.append(factor)
        scales.append(scale)
        amplitudes.append(amplitude)
    log_weights = evidences[kept] - log_sum_exp(evidences[kept], axis=0)
    return Posterior(scales, amplitudes, log_weights, means, factors, stats.n_linear, s2)
