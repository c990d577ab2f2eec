"""Tables, batches and the split: every row once, cast once, drawn from the given generator only."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modpart._torch.batches import HoldOut, TensorBatches, TensorTable
from modpart._torch.grouped import GroupedBatches, GroupedTable
from modpart._torch.init import new_generator


def numbered(n: int) -> TensorTable:
    rows = np.arange(n, dtype=float)
    return TensorTable(rows.reshape(-1, 1), 10 * rows)


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame, torch.tensor, lambda v: v.astype(np.float32)])
def test_any_table_becomes_float32_matrices(make, shape):
    X, y = np.arange(12.0).reshape(6, 2), np.arange(6.0).reshape(shape)
    X.flags.writeable = y.flags.writeable = make is torch.tensor
    table = TensorTable(make(X), make(y))
    assert table.X.dtype == table.y.dtype == torch.float32
    assert table.X.tolist() == X.tolist()
    assert table.y.tolist() == [[v] for v in range(6)]


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="X has 3 rows and y has 2"):
        TensorTable(np.ones((3, 1)), np.ones(2))


@given(n=st.integers(1, 40), batch=st.integers(1, 50), seed=st.integers(0, 9))
def test_an_epoch_gives_each_row_once_with_its_own_target(n, batch, seed):
    batches = TensorBatches(numbered(n), batch, new_generator(seed))
    parts = list(batches)
    X, y = torch.cat([X for X, _ in parts]), torch.cat([y for _, y in parts])
    assert len(parts) == len(batches)
    assert all(len(X) == batch for X, _ in parts[:-1])
    assert sorted(X[:, 0].tolist()) == list(range(n))
    assert torch.equal(10 * X, y)


def test_epochs_differ_and_the_seed_decides():
    def epochs(seed):
        batches = TensorBatches(numbered(30), 10, new_generator(seed))
        return [[X[:, 0].tolist() for X, _ in batches] for _ in range(2)]

    assert epochs(0) == epochs(0)
    assert epochs(0) != epochs(1)
    assert epochs(0)[0] != epochs(0)[1]
    assert [X[:, 0].tolist() for X, _ in TensorBatches(numbered(4), 3)] == [[0, 1, 2], [3]]


@given(n=st.integers(2, 40), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 9))
def test_hold_out_parts_the_rows(n, fraction, seed):
    train, valid = HoldOut(fraction, new_generator(seed))(numbered(n))
    assert 1 <= len(valid) <= n - 1
    assert abs(len(valid) - fraction * n) <= 1
    assert sorted([*train.X[:, 0].tolist(), *valid.X[:, 0].tolist()]) == list(range(n))
    assert torch.equal(10 * valid.X, valid.y)


@given(
    labels=st.lists(st.integers(-1, 4), min_size=1, max_size=60),
    batch=st.integers(1, 70),
    worth=st.sampled_from([0, 5, 10**9]),
)
def test_grouped_batches_give_each_expert_its_rows_once_however_steps_are_cut(labels, batch, worth):
    labels = np.array(labels)
    rows = np.arange(len(labels), dtype=float)
    seen: dict[int, list[float]] = {k: [] for k in range(4)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("modpart._torch.grouped._WORTH_A_STEP", worth)
        table = GroupedTable(rows.reshape(-1, 1), 10 * rows, labels, 4)
        for block, (y, weights) in GroupedBatches(table, batch, new_generator(0)):
            assert torch.equal(10 * block["X"], y)
            assert torch.allclose(weights.sum(dim=1), torch.ones(len(block["experts"]), 1))
            for k, X, w in zip(block["experts"], block["X"], weights, strict=True):
                real = X[w > 0].tolist()
                assert 1 <= len(real) <= batch
                assert torch.allclose(w[w > 0], torch.tensor(1 / len(real)))
                seen[k] += real
    assert all(sorted(seen[k]) == rows[labels == k].tolist() for k in range(4))


def test_grouped_epochs_are_shuffled_within_groups_by_the_seed():
    def epochs(seed):
        rows = np.arange(30.0)
        batches = GroupedBatches(
            GroupedTable(rows.reshape(-1, 1), rows, rows.astype(int) % 2, 2), 4, new_generator(seed)
        )
        return [[y[weights > 0].tolist() for _, (y, weights) in batches] for _ in range(2)]

    assert epochs(0) == epochs(0)
    assert epochs(0) != epochs(1)
    assert epochs(0)[0] != epochs(0)[1]
