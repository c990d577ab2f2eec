"""Random problems of all kinds: shapes, zeros, duplicates, ties, whole numbers, columns of very different size."""

import numpy as np

SHAPES = [(1, 1), (3, 3), (2, 4), (5, 3), (6, 4), (10, 5)]
KINDS = ["smooth", "zeros", "duplicates", "whole", "scaled"]
RETURNS = ["crs", "vrs", "nirs", "ndrs"]


def problem(kind, m, s, n, seed):
    rng = np.random.default_rng([seed, m, s, KINDS.index(kind)])
    X = rng.uniform(1, 10, (n, m))
    Y = rng.dirichlet(np.ones(s), n) * (X.mean(axis=1) * np.exp(-np.abs(rng.normal(0, 0.4, n))))[:, None] + 0.1
    if kind == "zeros":
        X[rng.random(X.shape) < 0.1] = 0.0
        Y[rng.random(Y.shape) < 0.15] = 0.0
        X[:, 0] += 1.0
        Y[:, 0] += 1.0
    elif kind == "duplicates":
        X[n // 2 :], Y[n // 2 :] = X[: n - n // 2], Y[: n - n // 2]
    elif kind == "whole":
        X, Y = np.ceil(X / 2), np.ceil(Y)
    elif kind == "scaled":
        X = X * 10.0 ** rng.integers(-6, 7, m)
        Y = Y * 10.0 ** rng.integers(-6, 7, s)
    return X, Y
