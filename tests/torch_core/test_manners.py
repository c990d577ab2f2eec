"""Guests leave the house as they found it: global random state, thread counts, devices, output."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from modpart._torch.device import resolve_device
from modpart._torch.stacked import StackedTrainer
from modpart.exceptions import ParameterError
from modpart.partition import MLPExpert


def house():
    """What must not change. Reading it is the only way to see that nobody else did."""
    return (
        repr(np.random.get_state()),
        torch.get_rng_state().tolist(),
        torch.get_num_threads(),
        sorted((pool["filepath"], pool["num_threads"]) for pool in threadpool_info()),
    )


def stacked(X, y, **settings):
    trainer = StackedTrainer(2, (4,), seed=0, batch_size=32, **settings)
    trainer.grow(2)
    trainer.train(X, y, np.arange(len(y)) % 2, 3)
    trainer.grow(1)
    return trainer.predict_all(X)


def expert(X, y, **settings):
    settings = {"max_epochs": 5, "batch_size": 32, "early_stopping": True, "random_state": 0} | settings
    return MLPExpert((4,), **settings).fit(X, y).predict(X)


@pytest.mark.parametrize("run", [stacked, expert])
def test_nothing_global_moves_and_nothing_is_printed(table, run, capsys):
    run(*table)
    before = house()
    run(*table)
    assert house() == before
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.parametrize("run", [stacked, expert])
def test_same_seed_same_bits_also_in_threads(table, run):
    alone = run(*table)
    with ThreadPoolExecutor(4) as pool:
        for together in pool.map(lambda _: run(*table), range(8)):
            np.testing.assert_array_equal(together, alone)


def test_an_absent_device_is_named(monkeypatch, table):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(ParameterError, match="torch sees no CUDA device"):
        resolve_device("cuda")
    with pytest.raises(ParameterError, match="torch sees no CUDA device"):
        MLPExpert(device="cuda").fit(*table)
    with pytest.raises(ParameterError, match="'auto' or 'cpu' or 'cuda'"):
        resolve_device("tpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("run", [stacked, expert])
def test_cuda_agrees_with_the_cpu(table, run):
    np.testing.assert_allclose(run(*table, device="cuda"), run(*table, device="cpu"), atol=1e-3)
    torch.cuda.synchronize()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_trial_on_cuda_is_undone(table):
    X, y = table
    trainer = StackedTrainer(2, (4,), seed=0, device="cuda")
    trainer.grow(2)
    trainer.train(X, y, np.arange(len(y)) % 2, 3)
    kept, before = trainer.copy_state(), trainer.predict_all(X)
    trainer.drop(0)
    trainer.load_state(kept)
    np.testing.assert_array_equal(trainer.predict_all(X), before)
    trainer.train(X, y, np.arange(len(y)) % 2, 3)
    assert np.abs(trainer.predict_all(X) - before).max() > 0
