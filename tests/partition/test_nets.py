"""A user's own skorch net among the experts: plain data, isolated randomness, silence."""

import numpy as np
import pytest
import torch
from joblib import parallel_config
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetRegressor
from torch import nn

from modpart.datasets import make_two_planes
from modpart.exceptions import ParameterError
from modpart.partition import ActivePartitioner, PartitionedRegressor
from modpart.partition._free.nets import as_expert


class Line(nn.Module):
    def __init__(self, columns=1):
        super().__init__()
        self.linear, self.columns = nn.Linear(2, 1), columns

    def forward(self, X):
        return self.linear(X) if self.columns else self.linear(X)[:, 0]


def net(**settings):
    settings = {"optimizer": torch.optim.Adam, "max_epochs": 40, "lr": 0.3, "train_split": None} | settings
    return NeuralNetRegressor(Line, batch_size=-1, **settings)


@pytest.fixture
def table():
    return make_two_planes(80, random_state=0)


def test_it_is_the_net_that_skorch_would_train(table):
    X, y, _ = table
    mine = clone(as_expert(net())).set_params(random_state=3).fit(X, y)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        theirs = net(verbose=0).fit(X.astype(np.float32), y.astype(np.float32)[:, None])
    np.testing.assert_array_equal(mine.predict(X), theirs.predict(X.astype(np.float32))[:, 0])
    assert mine.predict(X).dtype == np.float64


@pytest.mark.parametrize("build", [net, lambda: make_pipeline(StandardScaler(), net())], ids=["net", "pipeline"])
def test_nets_compete_from_a_plain_target(table, build, capsys):
    X, y, regime = table
    found = torch.get_rng_state()
    settings = {"n_experts": 2, "n_init": 1, "max_rounds": 2, "gate": LogisticRegression(), "random_state": 0}
    first = ActivePartitioner(build(), **settings).fit(X, y)
    torch.rand(7)
    with parallel_config("threading", n_jobs=2):
        second = ActivePartitioner(build(), **settings).fit(X, y)
    for one, other in zip(first.experts_, second.experts_, strict=True):
        np.testing.assert_array_equal(one.predict(X), other.predict(X))
    np.testing.assert_array_equal(first.labels_, second.labels_)
    assert max(np.mean(first.winner_labels_ == regime), np.mean(first.winner_labels_ != regime)) > 0.9
    torch.set_rng_state(found)
    first.score(X, y)
    assert torch.equal(found, torch.get_rng_state())
    assert capsys.readouterr().out == ""


def test_a_modular_model_of_nets(table):
    X, y, _ = table
    found = torch.get_rng_state()
    model = PartitionedRegressor(estimator=net(), partitioner=ActivePartitioner(), cv=2, random_state=0).fit(X, y)
    assert model.n_partitions_ == 2
    assert model.score(X, y) > 0.8 > 0.1 + LinearRegression().fit(X, y).score(X, y)
    assert torch.equal(found, torch.get_rng_state())


def test_a_net_prints_when_asked(table, capsys):
    X, y, _ = table
    as_expert(net(max_epochs=2)).fit(X, y)
    assert capsys.readouterr().out == ""
    as_expert(net(max_epochs=2, verbose=2)).fit(X, y)
    assert "train_loss" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_a_net_without_an_output_column_is_told(table):
    X, y, _ = table
    with pytest.raises(ParameterError, match=r"predicts shape \(2,\).*return one column"):
        as_expert(net(module__columns=0)).fit(X, y)


def test_others_stay_as_they_are():
    line = LinearRegression()
    assert as_expert(line) is line
    adapter = as_expert(net())
    assert as_expert(adapter) is adapter


@pytest.mark.gpu
def test_a_net_on_a_gpu_leaves_its_generator(table):
    X, y, _ = table
    torch.cuda.init()
    found = torch.cuda.get_rng_state()
    expert = clone(as_expert(net(device="cuda"))).set_params(random_state=0)
    np.testing.assert_array_equal(expert.fit(X, y).predict(X), clone(expert).fit(X, y).predict(X))
    assert torch.equal(found, torch.cuda.get_rng_state())
