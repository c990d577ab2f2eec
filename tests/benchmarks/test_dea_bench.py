"""The benchmark of data envelopment analysis asks its rivals the same question."""

import sys
from pathlib import Path

import numpy as np
import pytest

from modpart.datasets import make_frontier
from modpart.efficiency import dea_scores

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

if not BENCHMARKS.is_dir():
    pytest.skip("not in a checkout", allow_module_level=True)


def test_a_rival_scores_the_same_units(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import bench_dea

    X, Y, _ = make_frontier(80, random_state=0)
    scores, seconds, extrapolated = bench_dea.rival("scipy_each", X, Y, None)
    np.testing.assert_allclose(scores, dea_scores(X, Y)[: len(scores)], atol=1e-6)
    assert len(scores) == 60 and extrapolated and seconds > 0
    assert bench_dea.rival("dealib", X, Y, None) is None
    sys.modules.pop("bench_dea")
