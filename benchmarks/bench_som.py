"""Self-organising maps: modpart's SOM beside MiniSom and susi, quality and time on five tables.

Run it in the environment that ``benchmarks/peers/make_som_env.sh FOLDER`` makes, with PYTHONPATH set to the repository:
``FOLDER/bin/python benchmarks/bench_som.py`` prints the tables, ``--write`` stores them in docs/benchmarks/som.md.
Without MiniSom it says so and stops. Times are processor time; contestants take turns.
"""

import argparse
import platform
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
import sklearn
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.preprocessing import StandardScaler

from modpart.datasets import make_bank_branches
from modpart.efficiency import SOM

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "som.md"
SHAPE = (10, 10)
STEPS = 20_000
RADII = (1.0, 1.5, 2.0, 3.0)  # MiniSom's first radius; its decay ends at a third of it

PAGE = """\
# Self-organising maps

A {rows} x {columns} map on five tables, columns standardised; Python {python}, scikit-learn {sklearn}, one thread,
{seeds} seeds. Made by `python benchmarks/bench_som.py --write` in the environment of
`benchmarks/peers/make_som_env.sh`.

A comparison of maps at unequal final radius misleads: a smaller neighbourhood always ends with a smaller quantisation
error (mean distance of a row to its unit) and usually with a larger topographic error (share of rows whose two nearest
units are not among each other's eight neighbours). So every row of the first table compares maps whose radius ends at
the same value. MiniSom starts in the plane of the first two principal axes, too, and takes {steps} single steps in
random order; its decay ends at a third of the first radius, so first radii {radii} were tried. Ours starts from its
default first radius, a third of the side. Errors are computed by one function for all. Ratios below 1 mean that our map
is better; the last column says how many times as long MiniSom takes.

## Equal final radius

Largest ratio of errors {worst}; ours is at least {slowest} times as fast.

{equal}

## As they come

Both with their defaults: MiniSom with radius 1 (ending at 1/3) and random rows to start from, ours ending at 0.33, susi
with its own schedule and {steps} steps.

{defaults}
"""


def tables() -> dict[str, np.ndarray]:
    """Five tables, standardised."""
    branches, *_ = make_bank_branches(2000, random_state=0)
    found = {
        "iris": load_iris().data,
        "wine": load_wine().data,
        "breast cancer": load_breast_cancer().data,
        "digits": load_digits().data,
        "bank branches": np.log(branches.to_numpy()),
    }
    return {name: StandardScaler().fit_transform(X) for name, X in found.items()}


def errors(X: np.ndarray, units: np.ndarray) -> tuple[float, float]:
    """Quantisation and topographic error of a map, eight neighbours."""
    distances = np.sqrt(np.maximum((X**2).sum(1)[:, None] - 2 * X @ units.T + (units**2).sum(1), 0.0))
    first, second = np.argsort(distances, axis=1)[:, :2].T
    rows, columns = np.divmod(np.stack([first, second]), SHAPE[1])
    apart = np.maximum(abs(rows[0] - rows[1]), abs(columns[0] - columns[1])) > 1
    return float(distances.min(axis=1).mean()), float(apart.mean())


def ours(X: np.ndarray, seed: int, last: float = 0.33) -> np.ndarray:
    return SOM(SHAPE, sigma=(None, last), random_state=seed).fit(X).cluster_centers_


def minisom(X: np.ndarray, seed: int, radius: float = 1.0, *, pca: bool = True) -> np.ndarray:
    from minisom import MiniSom

    som = MiniSom(*SHAPE, X.shape[1], sigma=radius, learning_rate=0.5, random_seed=seed)
    som.pca_weights_init(X) if pca else som.random_weights_init(X)
    som.train(X, STEPS, random_order=True)
    return som.get_weights().reshape(-1, X.shape[1])


def susi(X: np.ndarray, seed: int) -> np.ndarray:
    from susi import SOMClustering

    som = SOMClustering(*SHAPE, n_iter_unsupervised=STEPS, random_state=seed, verbose=0).fit(X)
    return som.unsuper_som_.reshape(-1, X.shape[1])


def timed(make: Callable[..., np.ndarray], X: np.ndarray, *arguments: object, **more: object) -> tuple[float, ...]:
    start = process_time()
    units = make(X, *arguments, **more)
    seconds = process_time() - start
    return seconds, *errors(X, units)


def equal_radius(seeds: int) -> pd.DataFrame:
    found = []
    for name, X in tables().items():
        for radius in RADII:
            theirs = np.array([timed(minisom, X, seed, radius) for seed in range(seeds)])
            own = np.array([timed(ours, X, seed, radius / 3) for seed in range(seeds)])
            (t, qe, te), (own_t, own_qe, own_te) = theirs.mean(axis=0), own.mean(axis=0)
            found.append(
                {
                    "table": f"{name} ({len(X)} x {X.shape[1]})",
                    "final radius": f"{radius / 3:.2f}",
                    "error, ours": f"{own_qe:.3f}",
                    "error, MiniSom": f"{qe:.3f}",
                    "ratio": f"{own_qe / qe:.3f}",
                    "topographic, ours": f"{own_te:.3f}",
                    "topographic, MiniSom": f"{te:.3f}",
                    "ms, ours": f"{1e3 * own_t:.0f}",
                    "ms, MiniSom": f"{1e3 * t:.0f}",
                    "times as fast": f"{np.median(theirs[:, 0] / own[:, 0]):.0f}",
                }
            )
            print(found[-1], file=sys.stderr)
    return pd.DataFrame(found)


def defaults(seeds: int) -> pd.DataFrame:
    found = []
    for name, X in tables().items():
        row = {"table": name}
        for who, make, more in (("ours", ours, {}), ("MiniSom", minisom, {"pca": False}), ("susi", susi, {})):
            seconds, qe, te = np.mean([timed(make, X, seed, **more) for seed in range(seeds)], axis=0)
            row |= {
                f"error, {who}": f"{qe:.3f}",
                f"topographic, {who}": f"{te:.3f}",
                f"ms, {who}": f"{1e3 * seconds:.0f}",
            }
        found.append(row)
    return pd.DataFrame(found)


def markdown(table: pd.DataFrame) -> str:
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * table.shape[1]]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="store the tables in docs/benchmarks/som.md")
    parser.add_argument("--seeds", type=int, default=5, help="seeds of the other maps (default: %(default)s)")
    options = parser.parse_args()
    if find_spec("minisom") is None or find_spec("susi") is None:
        print("MiniSom and susi are not installed here: run benchmarks/peers/make_som_env.sh and use its Python.")
        return
    equal = equal_radius(options.seeds)
    page = PAGE.format(
        rows=SHAPE[0],
        columns=SHAPE[1],
        python=platform.python_version(),
        sklearn=sklearn.__version__,
        seeds=options.seeds,
        steps=f"{STEPS:,}",
        radii=", ".join(map(str, RADII)),
        worst=max(equal["ratio"], key=float),
        slowest=min(equal["times as fast"], key=float),
        equal=markdown(equal),
        defaults=markdown(defaults(options.seeds)),
    )
    print(page)
    if options.write:
        TARGET.write_text(page)


if __name__ == "__main__":
    main()
