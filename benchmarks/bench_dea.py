"""Seconds, memory and error of DEA beside other programs: BCC input scores, three inputs and outputs, known generator.

``python benchmarks/bench_dea.py --write`` writes docs/benchmarks/dea.md; ``--peers FOLDER`` names the environments that
benchmarks/peers/make_dea_env.sh makes (without it only scipy, which is at hand, is run). ``--sizes`` chooses sizes.
Every process runs on one thread; ratios are taken within one run.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
os.environ |= THREADS

import numpy as np  # noqa: E402  (after the number of threads is set)
from joblib import Parallel, delayed, parallel_config  # noqa: E402

from modpart.datasets import make_frontier  # noqa: E402
from modpart.efficiency import DEA, bootstrap_dea  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks" / "dea.md"
WORKER = ROOT / "benchmarks" / "peers" / "dea_worker.py"

# method: (environment, words, most units that it scores, largest size that it is tried on)
PEERS = {
    "scipy_each": (None, "scipy `linprog` (HiGHS), one LP a unit", 60, 10_000),
    "highs_warm": ("new", "highspy, one warm model", 300, 10_000),
    "dealib": ("old", "dealib 1.0.0", None, 500),
    "pyfrontier": ("old", "Pyfrontier 1.1.1", None, 100),
    "pydea": ("old", "pyDEA 1.6", None, 500),
    "pystoned": ("stoned", "pystoned 0.7.5, by HiGHS", None, 100),
}
ROUNDS = {100: 8, 500: 8, 2_000: 6, 10_000: 4}


def ours(X, Y):
    """Scores, the least processor and wall seconds of some rounds, and the gap of the worst unit."""
    table, spent, wall = np.hstack([X, Y]), [], []
    for _ in range(ROUNDS.get(len(X), 1)):
        start = process_time(), perf_counter()
        dea = DEA([0, 1, 2], [3, 4, 5], data_warnings=False).fit(table)
        spent.append(process_time() - start[0])
        wall.append(perf_counter() - start[1])
    return dea, min(spent), min(wall)


def rival(method, X, Y, folder):
    """Scores of the first units and processor seconds for all of them (extrapolated), or None where it cannot run."""
    environment, _, most, largest = PEERS[method]
    if len(X) > largest or (environment and folder is None):
        return None
    python = sys.executable if environment is None else str(Path(folder) / environment / "bin" / "python")
    count = min(most or len(X), len(X))
    with tempfile.TemporaryDirectory() as place:
        source, target = Path(place, "table.npz"), Path(place, "answer.npz")
        np.savez(source, X=X, Y=Y)
        command = [python, str(WORKER), method, str(source), str(target), str(count)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | THREADS, cwd=place)
        if done.returncode:
            print(f"{method}: {done.stderr.strip().splitlines()[-1]}")
            return None
        answer = np.load(target)
        scores = answer["scores"]
        return scores, float(answer["seconds"]) * len(X) / len(scores), len(scores) < len(X)


def table_of_sizes(sizes, methods, folder):
    lines = [
        "| units | method | seconds (CPU) | times as long | largest difference of scores |",
        "|---|---|---|---|---|",
    ]
    for n in sizes:
        X, Y, _ = make_frontier(n, random_state=0)
        dea, spent, wall = ours(X, Y)
        solved = dea._scored.stage[1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        told = f"duality gap {solved.gap.max():.0e}, {solved.fallback.sum()} to HiGHS"
        told += f"; peak {peak:.0f} MB, wall {wall:.2f} s"
        lines.append(f"| {n:,} | **modpart** | {spent:.3f} | 1 | {told} |")
        for method in methods:
            words = PEERS[method][1]
            found = rival(method, X, Y, folder)
            if found is None:
                continue
            scores, seconds, extrapolated = found
            error = np.abs(scores - dea.scores_[: len(scores)]).max()
            mark = " (extrapolated)" if extrapolated else ""
            lines.append(f"| {n:,} | {words} | {seconds:.2f}{mark} | {seconds / spent:.0f} | {error:.0e} |")
        print("\n".join(lines[-5:]), flush=True)
    return lines


def other_times():
    """New units against a frontier, and the bootstrap."""
    X, Y, _ = make_frontier(100_000, random_state=0)
    table = np.hstack([X, Y])
    dea = DEA([0, 1, 2], [3, 4, 5], data_warnings=False).fit(table[:1000])
    start = process_time()
    scores = dea.score_units(table)
    new = process_time() - start
    beyond = np.isfinite(scores) & (scores > 1)
    X, Y, _ = make_frontier(500, random_state=0)
    start = process_time()
    bootstrap_dea(X, Y, n_bootstrap=2000, random_state=0)
    boot = process_time() - start
    return [
        f"- 100,000 new units against a frontier of 1,000: {new:.2f} s ({beyond.sum():,} beyond it, "
        f"{np.isinf(scores).sum():,} that no unit of the frontier compares with).",
        f"- `bootstrap_dea`, 500 units, 2,000 replicates: {boot:.0f} s.",
    ]


def told_before():
    """What the page says of new units and the bootstrap."""
    page = PAGE.read_text().partition("<!-- written by hand -->")[0] if PAGE.is_file() else ""
    return [line for line in page.splitlines() if line.startswith("- ")]


def fitted(table, n_jobs=None):
    """Scores, and nothing of it back."""
    DEA([0, 1, 2], [3, 4, 5], data_warnings=False, n_jobs=n_jobs).fit(table)


def two_cores(sizes):
    """Wall seconds of one worker, two threads, two processes, two separate fits, by turns; the least of some rounds."""
    lines = [
        "| units | one worker | two threads | two processes | one over the better | two separate fits at once |",
        "|---|---|---|---|---|---|",
    ]
    kinds = {"one": ("threading", None), "threads": ("threading", 2), "processes": ("loky", 2), "separate": ("loky", 2)}
    wall = {(n, kind): [] for n in sizes for kind in kinds}
    for _ in range(3):  # a machine shared with others has good minutes and bad ones: every size gets some of each
        for n in sizes:
            X, Y, _ = make_frontier(n, random_state=0)
            table = np.hstack([X, Y])
            with parallel_config("loky"):
                Parallel(2)(delayed(fitted)(table[:5000]) for _ in range(4))  # starts the processes
            for _ in range(1 if n > 10_000 else 5):
                for kind, (backend, n_jobs) in kinds.items():
                    start = perf_counter()
                    with parallel_config(backend):
                        if kind == "separate":
                            Parallel(2)(delayed(fitted)(table) for _ in range(2))
                        else:
                            fitted(table, n_jobs)
                    wall[n, kind].append(perf_counter() - start)
    for n in sizes:
        one, *two, separate = (min(wall[n, kind]) for kind in kinds)
        gain = f"{one / min(two):.2f} | {2 * one / separate:.2f} times as many units"
        lines.append(f"| {n:,} | {one:.3f} | {two[0]:.3f} | {two[1]:.3f} | {gain} |")
    return lines


HEAD = """# Data envelopment analysis

BCC input scores of units from `modpart.datasets.make_frontier(n, random_state=0)`: three inputs, three outputs.
Processor seconds of one thread; importing is not counted. {machine}. Made by
`python benchmarks/bench_dea.py --write --peers FOLDER`.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the page")
    parser.add_argument("--peers", help="folder with the environments of the rivals")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 500, 2_000, 10_000, 100_000])
    parser.add_argument("--methods", nargs="*", choices=PEERS, default=list(PEERS), help="rivals to run")
    parser.add_argument("--cores", action="store_true", help="measure the section on two cores alone")
    parser.add_argument("--quick", action="store_true", help="keep what the page says of new units and the bootstrap")
    chosen = parser.parse_args()
    if chosen.cores:
        section = "\n".join(["Wall seconds.", "", *two_cores([2_000, 10_000, 100_000])])
        print(section)
        if chosen.write:
            before, _, after = PAGE.read_text().partition("## Two cores\n\n")
            hand = "".join(after.partition("<!-- written by hand -->")[1:])
            PAGE.write_text(f"{before}## Two cores\n\n{section}\n\n{hand}")
        return
    machine = f"Python {platform.python_version()}, numpy {np.__version__}, {os.cpu_count()} cores"
    machine += f", load {os.getloadavg()[0]:.0f}"
    lines = [
        HEAD.format(machine=machine),
        *table_of_sizes(chosen.sizes, chosen.methods, chosen.peers),
        "",
        *(told_before() if chosen.quick else other_times()),
    ]
    lines += ["", "## Two cores", "", "Wall seconds.", "", *two_cores([2_000, 10_000, 100_000])]
    print("\n".join(lines))
    if chosen.write:
        kept = PAGE.read_text().partition("<!-- written by hand -->") if PAGE.is_file() else ("", "", "")
        PAGE.write_text("\n".join(lines) + "\n\n" + "".join(kept[1:]))


if __name__ == "__main__":
    main()
