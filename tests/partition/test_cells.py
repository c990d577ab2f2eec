"""What is remembered of cells equals what is computed afresh, whatever was asked before."""

import numpy as np
import pytest

from modpart.partition._evidence import cells as _cells
from modpart.partition._evidence.basis import SmoothBasis
from modpart.partition._evidence.cells import Cells
from modpart.partition._evidence.evidence import Stats, log_evidence
from modpart.partition._evidence.law import Law


@pytest.fixture(params=[1, 2], ids="{}_outputs".format)
def table(request):
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(90, 2)), rng.integers(1, 4, size=90).astype(float)
    y = np.column_stack([np.sin(2.0 * X[:, 0]), X[:, 1] ** 2])[:, : request.param] + 0.3 * rng.normal(
        size=(90, request.param)
    )
    basis = SmoothBasis(np.ones(2)).fit(X, seed=0)
    features = basis.features(X)
    augmented = [np.column_stack([f, y]) * np.sqrt(weight)[:, None] for f in features]
    labellings = [rng.integers(3, size=90) for _ in range(4)]
    moved = labellings[0].copy()
    moved[np.flatnonzero(moved == 1)[:5]] = 2  # one cell of three stays as it is
    return features, y, weight, augmented, basis.n_linear_, [*labellings, moved, labellings[0]]


def fresh(table, labels):
    _, y, weight, augmented, n_linear, _ = table
    return Stats.of_groups(augmented, labels, 3, n_linear, n_outputs=y.shape[1], weight=weight)


@pytest.mark.parametrize("kept", [1, 3, 48])
def test_memory_changes_nothing(table, kept, monkeypatch):
    monkeypatch.setattr(_cells, "KEPT", kept)
    cells, (features, y, weight, *_, labellings) = Cells(*table[:-1]), table
    for labels in labellings:
        for s2 in (np.full(y.shape[1], 0.09), np.linspace(0.1, 0.2, y.shape[1])):
            stats = fresh(table, labels)
            np.testing.assert_allclose(cells.log_evidence(labels, s2), log_evidence(stats, s2), rtol=1e-12)
            laws = [Law.of(stats[[k]], s2) for k in range(3)]
            own = [np.where(labels == k, weight, 0.0) for k in range(3)]
            expected = np.column_stack([law.log_density(features, y, o) for law, o in zip(laws, own, strict=True)])
            np.testing.assert_allclose(cells.log_density(labels, s2), expected, rtol=1e-9)
            for law, other in zip(cells.laws(labels, s2), laws, strict=True):
                np.testing.assert_allclose(law.predict(features), other.predict(features), rtol=1e-9)
        assert len(cells._known) <= kept


def test_what_was_handed_out_may_be_changed(table):
    cells, labels = Cells(*table[:-1]), table[-1][0]
    changed = cells.stats(labels)
    changed.absorb(0, 1)
    for gram, expected in zip(cells.stats(labels).grams, fresh(table, labels).grams, strict=True):
        np.testing.assert_array_equal(gram, expected)


def test_only_cells_that_changed_are_added_up(table, monkeypatch):
    counted, add_up = [], Stats.of_groups
    monkeypatch.setattr(
        Stats, "of_groups", lambda *given, **options: counted.append(given[2]) or add_up(*given, **options)
    )
    cells, labellings = Cells(*table[:-1]), table[-1]
    for labels in (labellings[0], labellings[0], labellings[-2]):
        cells.stats(labels)
    assert counted == [3, 2]
