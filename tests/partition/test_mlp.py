"""MLPExpert: a scikit-learn regressor first, a network second."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator
from skorch.callbacks import Callback

from modpart._torch.blocks import MLP
from modpart._torch.init import new_generator
from modpart._torch.stacked import StackedTrainer
from modpart._torch.state import load_numpy
from modpart.exceptions import InputDataError, ParameterError
from modpart.partition import MLPExpert
from modpart.partition._contest import Scaling


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (150, 2))
    return X, 100 + 30 * np.sin(2 * X[:, 0]) * X[:, 1]


def test_scikit_learn_finds_no_fault():
    results = check_estimator(MLPExpert(max_epochs=100), on_skip=None)  # as many as its own bar for regressors needs
    assert len(results) > 40
    assert all(result["status"] in ("passed", "skipped") for result in results)


def test_it_learns_a_smooth_law(table):
    X, y = table
    fresh = np.random.default_rng(1).uniform(-2, 2, (500, 2))
    expert = MLPExpert(random_state=0).fit(X, y)
    assert expert.score(fresh, 100 + 30 * np.sin(2 * fresh[:, 0]) * fresh[:, 1]) > 0.95
    assert expert.loss_curve_[-1] < 0.05 * expert.loss_curve_[0]
    assert len(expert.loss_curve_) == expert.n_iter_


@pytest.mark.parametrize("batch_size", ["auto", 40])
def test_without_hidden_layers_it_is_least_squares(table, batch_size):
    X, _ = table
    y = 3 * X[:, 0] - X[:, 1] + 7
    expert = MLPExpert((), batch_size=batch_size, tol=0, max_epochs=600, random_state=0).fit(X, y)
    np.testing.assert_allclose(expert.predict(X), LinearRegression().fit(X, y).predict(X), atol=1e-2)


def test_shifting_and_scaling_the_data_changes_nothing(table):
    X, y = table
    settings = {"max_epochs": 30, "random_state": 0}
    plain = MLPExpert(**settings).fit(X, y).predict(X)
    moved = MLPExpert(**settings).fit(1e4 * X + 7, 1e-3 * y - 5).predict(1e4 * X + 7)
    np.testing.assert_allclose((moved + 5) / 1e-3, plain, rtol=1e-4)


def test_a_constant_column_has_no_scale(table):
    X, y = table
    X = np.column_stack([X, np.full(len(X), 0.1)])
    assert X[:, 2].std() > 0  # rounding: why the deviation cannot tell
    expert = MLPExpert(max_epochs=5, random_state=0).fit(X, np.full(len(y), 0.3))
    assert expert.x_scale_[2] == expert.y_scale_ == 1
    assert np.abs(expert.predict(X) - 0.3).max() < 1.5


def test_any_table_gives_the_same_fit(table):
    X, y = table
    X, y = X.astype(np.float32).astype(float), y.astype(np.float32).astype(float)
    settings = {"max_epochs": 5, "random_state": 0}
    expected = MLPExpert(**settings).fit(X, y).predict(X)
    locked_X, locked_y = X.copy(), y.copy()
    locked_X.flags.writeable = locked_y.flags.writeable = False
    frame, series = pd.DataFrame(X, columns=["a", "b"]), pd.Series(y)
    for inputs, target in [
        (locked_X, locked_y),
        (frame, series),
        (X.tolist(), y.tolist()),
        (np.asfortranarray(X)[:, ::-1][:, ::-1], y),
        (X.astype(np.float32), y.astype(np.float32)),
    ]:
        found = MLPExpert(**settings).fit(inputs, target).predict(inputs)
        np.testing.assert_allclose(found, expected, rtol=1e-12)  # the memory layout moves the last bit of a mean


def test_a_column_as_target_is_ravelled_with_a_warning(table):
    from sklearn.exceptions import DataConversionWarning

    X, y = table
    with pytest.warns(DataConversionWarning, match="column-vector"):
        column = MLPExpert(max_epochs=5, random_state=0).fit(X, y.reshape(-1, 1)).predict(X)
    np.testing.assert_array_equal(column, MLPExpert(max_epochs=5, random_state=0).fit(X, y).predict(X))


def test_prediction_without_torch_equals_torch(table):
    X, y = table
    for activation in ("tanh", "relu"):
        expert = MLPExpert((7, 5), activation=activation, max_epochs=20, random_state=0).fit(X, y)
        net = MLP([2, 7, 5, 1], activation, new_generator(0))
        state = {f"weights.{i}": coef for i, coef in enumerate(expert.coefs_)}
        load_numpy(net, state | {f"biases.{i}": intercept for i, intercept in enumerate(expert.intercepts_)})
        with torch.no_grad():
            scaled = net(torch.tensor((X - expert.x_mean_) / expert.x_scale_, dtype=torch.float32))[:, 0].numpy()
        np.testing.assert_allclose(expert.predict(X), scaled * expert.y_scale_ + expert.y_mean_, rtol=1e-5)


def test_it_predicts_in_a_process_that_never_loads_torch(table, tmp_path):
    X, y = table
    expert = MLPExpert(max_epochs=5, random_state=0).fit(X, y)
    payload = pickle.dumps((expert, X))
    assert len(pickle.dumps(expert)) < 5000
    (tmp_path / "expert.pkl").write_bytes(payload)
    code = (
        "import pickle, sys; expert, X = pickle.load(open(sys.argv[1], 'rb')); "
        "print(repr(expert.predict(X)[0])); assert 'torch' not in sys.modules"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "expert.pkl"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == repr(expert.predict(X)[0])


def test_an_expert_of_a_stack_predicts_the_same(table):
    X, y = table
    scaling = Scaling.of(X, y)
    trainer = StackedTrainer(2, (6, 4), seed=0, activation="relu")
    trainer.grow(2)
    trainer.train(scaling.inputs(X), scaling.target(y), (X[:, 0] > 0).astype(int), 20)
    for k in range(2):
        expert = MLPExpert((6, 4), activation="relu")._adopt(**trainer.expert_state(k), scaling=scaling)
        np.testing.assert_allclose(
            expert.predict(X), scaling.restore(trainer.predict_all(scaling.inputs(X))[:, k]), rtol=1e-5
        )
        assert expert.n_iter_ == len(expert.loss_curve_) == 20
        assert clone(expert).set_params(max_epochs=2).fit(X, y).n_iter_ == 2


def test_early_stopping_keeps_the_weights_with_the_least_held_out_loss(table):
    X, _ = table
    noise = np.random.default_rng(0).standard_normal(len(X))
    expert = MLPExpert(early_stopping=True, validation_fraction=0.3, lr=0.1, n_iter_no_change=10, random_state=0)
    expert.fit(X, noise)
    assert np.argmin(expert.validation_curve_) < expert.n_iter_ - 1 < 999
    shorter = clone(expert).set_params(max_epochs=int(np.argmin(expert.validation_curve_)) + 1).fit(X, noise)
    np.testing.assert_array_equal(shorter.predict(X), expert.predict(X))


def test_training_ends_on_a_plateau(table):
    X, y = table
    expert = MLPExpert((), lr=0.1, random_state=0).fit(X, y)
    assert 50 < expert.n_iter_ < 1000
    assert expert.loss_curve_[-50:].min() >= expert.loss_curve_[-51] - expert.tol
    assert expert.validation_curve_ is None


class StopAfter(Callback):
    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epochs:
            raise KeyboardInterrupt


def test_a_skorch_callback_is_called_and_may_stop(table):
    expert = MLPExpert(callbacks=[StopAfter(4)], random_state=0).fit(*table)
    assert expert.n_iter_ == 4
    np.testing.assert_array_equal(
        expert.predict(table[0]), MLPExpert(max_epochs=4, random_state=0).fit(*table).predict(table[0])
    )


def test_scikit_learn_callbacks_see_each_epoch_with_its_own_weights(table):
    X, y = table
    callback = pytest.importorskip("sklearn.callback")
    monitor = callback.ScoringMonitor(scoring="r2")
    expert = MLPExpert(max_epochs=6, random_state=0).set_callbacks(monitor).fit(X, y)
    scores = [row["r2"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    shorter = [MLPExpert(max_epochs=n, random_state=0).fit(X, y).score(X, y) for n in (1, 3, 6)]
    np.testing.assert_allclose([scores[0], scores[2], scores[5]], shorter)
    assert expert.n_iter_ == 6


def test_a_scikit_learn_callback_may_stop(table):
    pytest.importorskip("sklearn.callback")

    class Stopper:
        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context):
            return context.task_name == "epoch" and context.task_id == 2

    assert MLPExpert(random_state=0).set_callbacks(Stopper()).fit(*table).n_iter_ == 3


def test_a_progress_bar_and_verbose_print(table, capsys):
    MLPExpert(max_epochs=3, verbose=1, random_state=0).fit(*table)
    assert capsys.readouterr().out.startswith("[MLPExpert] epoch 1: loss ")
    pytest.importorskip("rich")
    callback = pytest.importorskip("sklearn.callback")
    MLPExpert(max_epochs=3).set_callbacks(callback.ProgressBar()).fit(*table)
    assert "MLPExpert" in capsys.readouterr().out


def test_grid_search_works_with_metadata_routing_on(table):
    import sklearn

    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(MLPExpert(max_epochs=20, random_state=0), {"hidden_layer_sizes": [(), (8,)]}, cv=3)
        assert search.fit(*table).best_params_ == {"hidden_layer_sizes": (8,)}


def test_divergence_is_named_as_soon_as_it_shows(table):
    wild = MLPExpert(optimizer=torch.optim.SGD, lr=1e6, activation="relu", max_epochs=50, random_state=0)
    with pytest.raises(ParameterError, match=r"diverged with lr=1000000\.0.* after [1-9] epochs"):
        wild.fit(*table)


def test_early_stopping_survives_a_late_divergence(table):
    class Explode(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 5:
                with torch.no_grad():
                    next(net.module_.parameters()).fill_(torch.inf)

    expert = MLPExpert(early_stopping=True, max_epochs=50, callbacks=[Explode()], random_state=0).fit(*table)
    assert expert.n_iter_ == 6
    assert np.isfinite(expert.predict(table[0])).all()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"hidden_layer_sizes": (4, 0)}, "sequence of integers >= 1"),
        ({"hidden_layer_sizes": 8}, "sequence of integers >= 1"),
        ({"activation": "sine"}, "'tanh' or 'relu'"),
        ({"lr": 0}, "finite number > 0"),
        ({"batch_size": 0}, "'auto', or an integer >= 1"),
        ({"optimizer": "sgd"}, "'adam', or a class of torch.optim"),
        ({"validation_fraction": 1.0}, "> 0 and < 1"),
        ({"callbacks": StopAfter(1)}, "list of skorch callbacks"),
        ({"device": "gpu"}, "'auto' or 'cpu' or 'cuda'"),
    ],
)
def test_wrong_arguments_are_answered(table, setting, words):
    with pytest.raises(ParameterError, match=words):
        MLPExpert(**setting).fit(*table)


def test_wrong_data_are_answered(table):
    X, y = table
    X = X.copy()
    X[3, 1] = np.nan
    with pytest.raises(InputDataError, match="X column 1 has 1 missing values"):
        MLPExpert().fit(X, y)
    with pytest.raises(TypeError, match="Did you mean 'max_epochs'"):
        MLPExpert(max_epoch=3)
