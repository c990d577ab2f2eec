"""One rival at a time, inside its own environment: reads tables that bench_partition.py wrote, writes predictions.

Each line on the standard input names a method, an .npz to read and an .npz to write; the answer is one line, "done" or
the error. The choice among a method's settings uses the same held-out rows as every other contestant's.
"""

import os
import signal
import sys
import warnings
from time import process_time

import numpy as np
from sklearn.utils import check_random_state

SECONDS = 120.0  # of the processor, for one search


def too_long(*_):
    raise TimeoutError(f"over {SECONDS:.0f} s")


def cubist(seed, told):
    from cubist import Cubist

    settings = [(1, None), (20, None), (20, 5), (50, 9)]
    return [
        lambda c=committees, k=neighbors: Cubist(n_committees=c, neighbors=k, random_state=seed)
        for committees, neighbors in settings
    ]


def linear_tree(seed, told):
    from lineartree import LinearTreeRegressor
    from sklearn.linear_model import LinearRegression

    settings = [(5, 0.1), (5, 0.03), (8, 0.03), (8, 0.01)]
    return [
        lambda depth=depth, leaf=leaf: LinearTreeRegressor(LinearRegression(), max_depth=depth, min_samples_leaf=leaf)
        for depth, leaf in settings
    ]


def m5(seed, told):
    from m5py import M5Prime

    settings = [(False, 4), (False, 20), (True, 4), (True, 20)]
    return [
        lambda smoothing=smoothing, leaf=leaf: M5Prime(
            use_smoothing=smoothing, min_samples_leaf=leaf, random_state=seed
        )
        for smoothing, leaf in settings
    ]


def parc(seed, told):
    from pyparc.parc import PARC

    return [lambda K=K: PARC(K=K, verbose=0) for K in sorted({told or 2, 2, 4, 10})]


def datalets(seed, told):
    from datalets import PartitionedRegressor

    return [lambda: PartitionedRegressor(random_state=seed, n_jobs=1, progress=False)]


METHODS = {"Cubist": cubist, "linear-tree": linear_tree, "M5": m5, "PARC": parc, "datalets": datalets}


def column(y):
    """What PARC wants where scikit-learn wants one dimension."""
    return y[:, None]


def run(method, table):
    """Search on the held-out rows, refit on all, predict the new rows; standardised throughout."""
    seed, told, held_out = int(table["seed"]), int(table["told"]), table["held_out"]
    mean, sd = table["X"].mean(axis=0), table["X"].std(axis=0)
    X, new = [(rows - mean) / np.where(sd > 0, sd, 1) for rows in (table["X"], table["new"])]
    level, scale = table["y"].mean(), table["y"].std()
    y = (table["y"] - level) / scale
    shape = column if method == "PARC" else np.ravel

    def predictions(make, rows, asked):
        check_random_state(None).seed(seed)  # the global generator, which PARC draws from
        model = make()
        model.fit(X[rows], shape(y[rows]))
        answer = model.predict(asked)
        return np.ravel(answer[0] if isinstance(answer, list | tuple) else answer)

    choices, everything = METHODS[method](seed, told), np.ones(len(y), dtype=bool)
    losses = [0.0]
    if len(choices) > 1:
        losses = [np.mean((predictions(make, ~held_out, X[held_out]) - y[held_out]) ** 2) for make in choices]
    return predictions(choices[int(np.argmin(losses))], everything, new) * scale + level


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the libraries print must not be taken for an answer
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, too_long)
    for line in sys.stdin:
        method, source, target = line.rstrip("\n").split("\t")
        start = process_time()
        try:
            signal.setitimer(signal.ITIMER_PROF, SECONDS, 1.0)  # again each second, should a library swallow the first
            try:
                predictions = run(method, np.load(source))
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0.0)
            np.savez(target, predictions=predictions, seconds=process_time() - start)
            answer = "done"
        except Exception as error:
            answer = f"{type(error).__name__}: {error}".replace("\n", " ")[:200]
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main()
