"""The same bits from every way of spreading work: one worker, threads, processes, a dask cluster."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

from modpart.datasets import make_two_planes
from modpart.partition import ActivePartitioner, MLPExpert, PartitionedRegressor

SHORT = {"n_init": 2, "max_rounds": 3, "random_state": 0}
MODELS = {
    "closed form": ActivePartitioner(random_state=0),
    "estimators": ActivePartitioner(Ridge(), n_experts=2, **SHORT),
    "networks": ActivePartitioner(MLPExpert((4,), max_epochs=30), n_experts=2, **SHORT),
    "modular model": PartitionedRegressor(ActivePartitioner(random_state=0), cv=2, random_state=0),
}
X, Y, _ = make_two_planes(120, random_state=0)


def answers(model):
    """Everything a fitted model says about the table."""
    if isinstance(model, ActivePartitioner):
        experts = np.column_stack([expert.predict(X) for expert in model.experts_])
        return [model.predict_proba(X), model.winner_labels_, experts]
    return [model.predict(X), model.predict_all(X), np.array([model.gain_, model.gain_se_])]


@cache
def alone(name):
    return answers(clone(MODELS[name]).fit(X, Y))


def assert_same_bits(name, found):
    for mine, other in zip(alone(name), found, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("name", MODELS)
def test_joblib_backends(name, backend):
    with joblib.parallel_config(backend):
        assert_same_bits(name, answers(clone(MODELS[name]).set_params(n_jobs=2).fit(X, Y)))


@pytest.mark.parametrize("name", MODELS)
def test_fits_side_by_side_in_the_user_s_threads(name):
    with ThreadPoolExecutor(2) as pool:
        models = list(pool.map(lambda _: clone(MODELS[name]).fit(X, Y), range(2)))
    for model in models:
        assert_same_bits(name, answers(model))


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.dask
@pytest.mark.parametrize("name", MODELS)
def test_a_dask_cluster_of_two_workers(name, cluster):
    with joblib.parallel_config("dask"):
        assert_same_bits(name, answers(clone(MODELS[name]).set_params(n_jobs=2).fit(X, Y)))
