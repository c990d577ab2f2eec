"""The benchmark of partitions: fair parts, honest splits, a page that says what the results say."""

import csv
import gzip
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.partition_study.networks import TRIALS, WIDTH, SoftMixture, n_parameters, network, search, width_of
from benchmarks.partition_study.peers import PeerError, Peers
from benchmarks.partition_study.problems import N_TRAIN, all_sets
from tests.public import ROOT

SCRIPT = ROOT / "benchmarks" / "bench_partition.py"


def test_parameters_are_counted_as_the_network_has_them():
    X = np.random.default_rng(0).normal(size=(30, 3))
    net = network((1.0, 0.01, 2), 5, 0).fit(X, X[:, 0])
    assert n_parameters(3, 5) == sum(a.size for a in (*net.coefs_, *net.intercepts_))


@pytest.mark.parametrize("n_experts", [1, 2, 7])
def test_a_single_network_has_no_more_parameters_than_all_experts_and_nearly_as_many(n_experts):
    budget = n_experts * n_parameters(4, WIDTH)
    width = width_of(budget, 4)
    assert n_parameters(4, width) <= budget < n_parameters(4, width + 1)


def test_the_search_keeps_the_best_trial_and_fits_it_on_all_rows():
    X = y = np.zeros(10)
    seen = []

    class Constant:
        def __init__(self, value):
            self.value = value

        def predict(self, X):
            return np.full(len(X), self.value)

    def fit(trial, rows):
        seen.append((trial, int(rows.sum())))
        return Constant(0.0 if trial == TRIALS[2] else 1.0)

    assert search(fit, X, y, np.arange(10) < 2).value == 0.0
    assert seen == [*((trial, 8) for trial in TRIALS), (TRIALS[2], 10)]


def test_a_soft_mixture_learns_two_lines():
    x = np.linspace(-1, 1, 200)
    y = np.where(x < 0, -2 * x, 3 * x - 2)
    model = SoftMixture(2, (1.0, 2e-2, 500), 0).fit(x[:, None], y)
    assert np.mean((model.predict(x[:, None]) - y) ** 2) < 0.02 * y.var()
    again = SoftMixture(2, (1.0, 2e-2, 500), 0).fit(x[:, None], y)
    assert (model.predict(x[:, None]) == again.predict(x[:, None])).all()


def test_a_split_of_a_table_shares_no_row_and_drops_duplicates(tmp_path):
    rows = np.random.default_rng(0).normal(size=(50, 3))
    lines = ["x0,x1,y", *(",".join(map(str, row)) for row in [*rows, *rows[:20]])]
    (tmp_path / "toy.csv").write_text("\n".join(lines))
    (tmp_path / "toy.csv.gz").write_bytes(gzip.compress((tmp_path / "toy.csv").read_bytes()))
    problem = all_sets(str(tmp_path))["toy"].draw(3)
    assert (len(problem.X), len(problem.new)) == (40, 10)
    together = np.column_stack([np.vstack([problem.X, problem.new]), np.r_[problem.y, problem.target]])
    assert {*map(tuple, together)} == {*map(tuple, rows)}
    assert problem.held_out.sum() == 8


def test_drawn_sets_are_new_for_each_seed_and_their_law_is_the_target_without_noise():
    drawn = all_sets(None)["disc"]
    problem, other = drawn.draw(0), drawn.draw(1)
    assert not np.isin(problem.X, other.X).any() and not np.isin(problem.X, problem.new).any()
    assert 0 < np.mean((problem.target - problem.new_law) ** 2) < 0.01 * problem.target.var()
    assert problem.n_regimes == 2 and problem.held_out.sum() == N_TRAIN // 5


def test_a_rival_that_cannot_run_says_why(tmp_path):
    python = tmp_path / "old" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    peers = Peers(tmp_path)
    assert peers.available("linear-tree") and not peers.available("Cubist")
    with pytest.raises(PeerError, match="No module named 'lineartree'"):
        peers.predict("linear-tree", all_sets(None)["elastoplastic"].draw(0))
    peers.close()


def test_the_page_says_what_the_results_say_and_nothing_is_measured_twice(tmp_path):
    lines = []
    for name, group, factors in [
        ("disc", "labelled", {"modular": 1, "one model": 4, "k-means": 2, "forest": 0.5}),
        ("friedman1", "made", {"modular": 1, "one model": 1, "k-means": 1, "forest": 3}),
        ("diabetes", "table", {"modular": 1, "one model": 1.02, "k-means": 1, "forest": 1.2}),
    ]:
        for seed in (7, 8):
            lines += [(group, name, method, seed, 0.1 * f * (1 + seed), 1, 2, "", "") for method, f in factors.items()]
    lines += [("control", "linear", "partition", 7, 0.1, 0.3, 1, "", "")]
    fields, store = (
        ["group", "set", "method", "seed", "error", "seconds", "parts", "ari", "note"],
        tmp_path / "store.csv",
    )
    older = (*lines[8][:4], 7.7, *lines[8][5:])  # this run was measured again
    for place, part in ((store, [*lines[:8], older]), (tmp_path / "partition-2.csv", lines[8:])):
        with place.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([fields, *part])
    command = [sys.executable, SCRIPT, "--store", store, "--collect", tmp_path, "--seeds", "1", "0", "0"]
    command += ["--first-seed", "7", "--sets", "linear", "--write", tmp_path]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert store.read_text().splitlines()[1:] == [",".join(map(str, line)) for line in lines]
    page = (tmp_path / "partition.md").read_text()
    assert "| disc | 4.00 | 2.00 | **0.50** |" in page
    assert "*modular* is best, or within 10 % of the best rival, on 0 of 1 (0 %)" in page
    assert "and on 2 of 2 (100 %) of the others" in page
    assert "- disc: forest (2.00)" in page
    assert "| linear | 1 of 1 | 1 |" in page
    assert "- Cubist: not run (its environment was not made)" in page
    assert (tmp_path / "partition_cd.png").exists()
