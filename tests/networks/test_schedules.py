"""Laws of schedules: what is frozen stays, caches and workers change nothing, the whole is its parts in a row."""

import numpy as np
import pytest
import torch
from joblib import parallel_config
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modpart._torch.init import new_generator
from modpart._torch.nets import make_net
from modpart._torch.plans import build
from modpart._torch.schedule.losses import SmoothCrossEntropy
from modpart._torch.schedule.phase_net import Hybrid, PhaseNet
from modpart._utils.progress import Progress
from modpart.exceptions import ParameterError
from modpart.io import load, save
from modpart.networks import (
    ConvChain,
    DenseChain,
    IncubatedClassifier,
    IncubatedRegressor,
    Phase,
    Residual,
    ResidualChain,
    ScheduledClassifier,
    TransformerChain,
)
from modpart.networks._incubated import joined_slots
from modpart.networks._schedule.chains import CHAINS, plans_of
from modpart.networks._schedule.grow import grown
from modpart.networks._schedule.parts import answers, drawn, in_a_row
from modpart.networks._schedule.phase import Settings
from modpart.networks._schedule.run import critical_path, run_schedule

X, Y = load_digits(n_class=4, return_X_y=True)
X, Y = X[:240] / 16, Y[:240]
SMALL = {
    "conv": ConvChain(4),
    "dense": DenseChain(12),
    "residual": ResidualChain(8),
    "transformer": TransformerChain(8, heads=2, patch=4),
}
SHORT = {"meta_epochs": 4, "module_epochs": 3, "finetune_epochs": 2, "random_state": 0, "lr": 0.01}
every_chain = pytest.mark.parametrize("chain", SMALL.values(), ids=SMALL)


def parts_of(chain, depths=(1, 1, 1), n_outputs=4):
    plans = plans_of(chain, X.shape[1], n_outputs, list(depths))
    return {f"slot{k}": drawn(plan, k) for k, plan in enumerate(plans)}


def settings(**changes):
    return Settings(**{"classes": True, "n_outputs": 4, "batch_size": 48, "device": torch.device("cpu")} | changes)


def test_every_kind_of_chain_is_tried():
    assert set(SMALL) == set(CHAINS)


@every_chain
def test_frozen_parts_stay_as_they_are_and_only_the_trained_ones_move(chain):
    modules = {name: build(part.plan, part.weights) for name, part in parts_of(chain).items()}
    before = {name: {k: v.clone() for k, v in module.state_dict().items()} for name, module in modules.items()}
    hybrid = Hybrid(modules, ["slot1"])
    net = make_net(
        hybrid,
        net_class=PhaseNet,
        criterion=SmoothCrossEntropy(),
        generator=new_generator(0),
        batch_size=48,
        max_epochs=2,
    ).fit(X.astype(np.float32), Y)
    assert hybrid.training and all(not modules[name].training for name in ("slot0", "slot2", "slot3"))
    for name, module in modules.items():
        same = [torch.equal(value, before[name][key]) for key, value in module.state_dict().items()]
        assert (
            all(same)
            if name != "slot1"
            else not any(equal for equal, key in zip(same, module.state_dict(), strict=True) if key.endswith("weight"))
        )
    optimised = {id(p) for group in net.optimizer_.param_groups for p in group["params"]}
    assert optimised == {id(p) for p in modules["slot1"].parameters()}


@every_chain
def test_a_cache_changes_nothing_but_the_time(chain):
    parts = parts_of(chain)
    names = tuple(parts)
    phase = Phase("last", ("slot2",), 3, names)
    ends = []
    for cache in (True, False):
        run = run_schedule([[phase]], parts, X, Y, settings(cache=cache), np.random.default_rng(0))
        ends.append((run[0]["slot2"].weights, run[1][0]["loss_curve"]))
    np.testing.assert_allclose(ends[0][1], ends[1][1], rtol=1e-3)
    for name, value in ends[0][0].items():
        np.testing.assert_allclose(value, ends[1][0][name], atol=2e-3, err_msg=name)


def test_what_leading_frozen_slots_answer_is_computed_once():
    parts = parts_of(SMALL["residual"])
    calls = []
    seen = settings(callbacks=(_Rows(calls),))
    run_schedule([[Phase("last", ("slot3",), 2, tuple(parts))]], parts, X, Y, seen, np.random.default_rng(0))
    assert set(calls) == {(48, 8)}  # batches of the stream, not of the 64 columns


class _Rows:
    """A skorch callback that writes down the shape of each batch."""

    def __new__(cls, calls):
        from skorch.callbacks import Callback

        class Rows(Callback):
            def on_batch_begin(self, net, batch=None, training=None, **kwargs):
                calls.append(tuple(batch[0].shape))

        return Rows()


@every_chain
def test_the_number_and_kind_of_workers_changes_no_bit(chain):
    parts = {**parts_of(chain), **{f"new{k}": drawn(part.plan, 9) for k, part in enumerate(parts_of(chain).values())}}
    chains = [tuple(f"new{k}" if k == own else f"slot{k}" for k in range(4)) for own in range(4)]
    stage = [Phase(f"new{k}", (f"new{k}",), 2, chains[k]) for k in range(4)]
    alone = run_schedule([stage], parts, X, Y, settings(), np.random.default_rng(0))[0]
    with parallel_config("threading"):
        spread = run_schedule([stage], parts, X, Y, settings(), np.random.default_rng(0), n_jobs=3)[0]
    assert {name: part.digest for name, part in alone.items()} == {name: part.digest for name, part in spread.items()}
    assert all(alone[f"new{k}"].digest != parts[f"new{k}"].digest for k in range(4))
    assert all(alone[f"slot{k}"] is parts[f"slot{k}"] for k in range(4))


@every_chain
def test_the_whole_is_its_parts_in_a_row(chain):
    parts = list(parts_of(chain).values())
    rows = torch.from_numpy(X)
    with torch.no_grad():
        for part in parts:
            rows = build(part.plan, part.weights).double().eval()(rows)
    np.testing.assert_allclose(answers(parts, X), rows.numpy(), atol=1e-12)


def test_an_incubated_net_is_what_its_phases_say():
    model = IncubatedClassifier(SMALL["residual"], n_modules=3, depth=2, **SHORT).fit(X, Y)
    assert [(p["name"], p["stage"]) for p in model.phases_] == [
        *(("meta", 0), ("module0", 1), ("module1", 1), ("module2", 1), ("fine-tuning", 2))
    ]
    assert [p["n_steps"] for p in model.phases_] == [40, 30, 30, 30, 20]  # 240 rows in batches of 24
    assert model.phases_[2]["frozen"] == ["meta0", "meta2"]
    slowest = max(p["seconds"] for p in model.phases_[1:4])
    assert model.critical_path_ == pytest.approx(model.phases_[0]["seconds"] + slowest + model.phases_[4]["seconds"])
    scores = {entry["name"]: entry["score"] for entry in model.phase_scores(X, Y)}
    assert scores["fine-tuned"] == model.score(X, Y)
    assert scores["assembled"] == model.assembled().score(X, Y)
    found = answers(model.modules_, (X - model.x_mean_) / model.x_scale_)
    np.testing.assert_allclose(found, model._answers(X), atol=1e-12)  # the model may run on a GPU
    plan, weights = in_a_row({f"slot{k}": part for k, part in enumerate(model.modules_)})
    assert (plan, set(weights)) == (model.plan_, set(model.weights_))


@pytest.mark.parametrize("name", ["conv", "residual", "transformer"])
def test_a_grown_module_first_answers_as_the_shallow_one_did(name):
    plans = [joined_slots(plans_of(SMALL[name], 64, 4, [depth] * 3)) for depth in (1, 3)]
    small, deep = ([drawn(plan, depth * 10 + k) for k, plan in enumerate(row)] for depth, row in enumerate(plans))
    before = {key: value.copy() for key, value in deep[0].weights.items()}
    net = [grown(part, shallow) for part, shallow in zip(deep, small, strict=True)]
    assert net[1].n_parameters > small[1].n_parameters
    np.testing.assert_allclose(answers(net, X), answers(small, X), atol=1e-12)
    assert np.abs(answers(deep, X) - answers(small, X)).max() > 0.01
    assert all(np.array_equal(value, before[key]) for key, value in deep[0].weights.items())


def test_grown_blocks_learn():
    model = IncubatedClassifier(SMALL["residual"], n_modules=2, depth=2, **SHORT | {"finetune_epochs": 0}).fit(X, Y)
    for part in model.modules_:
        ends = [value for key, value in part.weights.items() if key.startswith("block1.body.narrow")]
        assert len(ends) == 2 and all(np.abs(value).max() > 1e-3 for value in ends)
    marks = [part.digest for part in model.set_params(start="random").fit(X, Y).modules_]
    assert marks != [part.digest for part in model.set_params(start="meta").fit(X, Y).modules_]


def test_a_block_that_ends_with_a_relu_keeps_its_start():
    """A zero before a ReLU would have no gradient."""

    def chain(n_features, n_outputs, depths):
        def block():
            return Residual(torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.ReLU()))

        slots = [[block() for _ in range(depth)] for depth in depths]
        first, *others = (torch.nn.Sequential(*blocks) for blocks in slots)
        return [torch.nn.Sequential(torch.nn.Linear(n_features, 6), *first), *others, torch.nn.Linear(6, n_outputs)]

    plans = [plans_of(chain, 64, 4, [depth] * 2)[1] for depth in (1, 2)]
    small, deep = (drawn(plan, k) for k, plan in enumerate(plans))
    model = grown(deep, small)
    np.testing.assert_array_equal(model.weights["0.body.0.weight"], small.weights["0.body.0.weight"])
    np.testing.assert_array_equal(model.weights["1.body.0.weight"], deep.weights["1.body.0.weight"])


def test_no_stage_begins_once_a_callback_has_asked_to_stop(monkeypatch):
    monkeypatch.setattr(Progress, "step", lambda self, *args: setattr(self, "stopped", True))
    model = IncubatedClassifier(SMALL["residual"], n_modules=2, depth=2, **SHORT).fit(X, Y)
    assert [phase["name"] for phase in model.phases_] == ["meta"]
    scores = {entry["name"]: entry["score"] for entry in model.phase_scores(X, Y)}
    assert scores["assembled"] == scores["meta"] == model.score(X, Y)


def test_modules_that_grew_up_apart_fit_only_if_they_had_the_same_neighbours():
    """The claim of Deep Incubation in small: assembled without fine-tuning, against modules of independent nets."""
    settings = {"depth": 2, "n_modules": 3, "meta_epochs": 20, "module_epochs": 10, "finetune_epochs": 0, "lr": 5e-3}
    model = IncubatedClassifier(ResidualChain(16), start="random", random_state=0, **settings).fit(X, Y)
    others = [
        ScheduledClassifier(chain=ResidualChain(16), n_modules=3, depth=2, max_epochs=10, random_state=k).fit(X, Y)
        for k in range(1, 4)
    ]
    rows = (X - model.x_mean_) / model.x_scale_
    mixed = [others[k].modules_[k] for k in range(3)] + [others[2].modules_[3]]
    assert model.score(X, Y) > 0.9
    assert (answers(mixed, rows).argmax(1) == Y).mean() < 0.6
    assert all(other.score(X, Y) > 0.9 for other in others)


def test_replacing_a_module_changes_its_slot_alone():
    model = IncubatedClassifier(SMALL["residual"], n_modules=3, depth=1, **SHORT).fit(X, Y)
    marks = [part.digest for part in model.modules_]
    grown = model.incubate(1, X, Y, depth=2, epochs=2, random_state=5)
    put = model.replace(1, grown.get_module(1))
    assert [part.digest for part in model.modules_] == marks
    for changed in (grown, put):
        assert [a == b.digest for a, b in zip(marks, changed.modules_, strict=True)] == [True, False, True]
    np.testing.assert_array_equal(put.decision_function(X), grown.decision_function(X))
    back = put.replace(1, model.get_module(1))
    np.testing.assert_array_equal(back.decision_function(X), model.decision_function(X))
    inside = model.incubate(2, X, Y, within="modules", random_state=0)
    assert inside.score(X, Y) > 0.7
    assert inside.phases_[-1]["frozen"] == ["modules0", "modules1"]
    tuned = inside.fine_tune(X, Y, epochs=1, random_state=0)
    assert [p["name"] for p in tuned.phases_][-2:] == ["module2", "fine-tuning"]


def test_modules_and_nets_come_back_from_files(tmp_path):
    pytest.importorskip("skops")
    model = IncubatedClassifier(SMALL["transformer"], n_modules=2, depth=1, **SHORT).fit(X, Y)
    save(model, tmp_path / "net.skops")
    save(model.get_module(1), tmp_path / "module.skops")
    again = load(tmp_path / "net.skops")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    module = load(tmp_path / "module.skops")
    assert module.digest == model.get_module(1).digest
    np.testing.assert_array_equal(again.replace(1, module).predict_proba(X), model.predict_proba(X))


def test_text_labels_pipelines_and_searches():
    words = np.array(["zero", "one", "two", "three"])[Y]
    model = IncubatedClassifier(SMALL["residual"], n_modules=2, depth=1, **SHORT)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), model), {"incubatedclassifier__chain__width": [4, 8]}, cv=2
    ).fit(X, words)
    assert set(search.predict(X)) <= set(words)
    assert search.best_score_ > 0.5


def test_regression_of_several_outputs():
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (300, 3))
    target = np.c_[rows[:, 0] * 40 + 100, rows[:, 1] ** 2]
    model = IncubatedRegressor(ResidualChain(16), n_modules=2, depth=1, random_state=0, lr=5e-3).fit(rows, target)
    assert model.predict(rows).shape == (300, 2)
    assert model.score(rows, target) > 0.9
    assert model.phase_scores(rows, target)[-1]["score"] == pytest.approx(model.score(rows, target))


def test_a_users_own_chain():
    def chain(n_features, n_outputs, depths):
        stem = torch.nn.Sequential(torch.nn.Linear(n_features, 6), torch.nn.ReLU())
        inner = [Residual(torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.ReLU())) for _ in depths[1:]]
        return [stem, *inner, torch.nn.Linear(6, n_outputs)]

    model = ScheduledClassifier(chain=chain, n_modules=2, max_epochs=30, random_state=0, lr=0.01).fit(X, Y)
    assert model.score(X, Y) > 0.8
    assert critical_path(model.phases_) == model.critical_path_ == model.phases_[0]["seconds"]


class _Strange(torch.nn.Module):
    def forward(self, X):
        return X


WRONG = {
    "a chain that cannot be cut": (
        {"chain": lambda n, m, depths: [torch.nn.Linear(n, 4), _Strange(), torch.nn.Linear(4, m)], "n_modules": 2},
        ["slot 1", "_Strange", "nn.Sequential"],
    ),
    "too few modules": ({"chain": lambda n, m, depths: [torch.nn.Linear(n, m)]}, ["1 modules", "head"]),
    "no square": ({"chain": ConvChain(image_shape=(1, 8, 9))}, ["slot 0", "64 columns", "image_shape"]),
    "a patch that does not fit": ({"chain": TransformerChain(patch=3)}, ["slot 0", "side 3"]),
    "heads": ({"chain": TransformerChain(10, heads=4)}, ["width=10", "heads=4"]),
    "an unknown slot": ({"schedule": [Phase("p", ("slot9",), 1)]}, ["'p'", "'slot9'", "'slot0'"]),
    "a slot outside the chain": (
        {"schedule": [Phase("p", ("slot0",), 1, chain=("slot1", "head"))]},
        ["'p'", "slot0", "not in its chain"],
    ),
    "dependent phases in a stage": (
        {"schedule": [[Phase("p", ("slot0",), 1), Phase("q", ("slot1",), 1)]]},
        ["'p'", "'q'", "'slot0'", "follow one another"],
    ),
    "no head": ({"schedule": [Phase("p", ("slot0",), 1, chain=("slot0",))]}, ["'p'", "'slot0'", "'head'"]),
    "an unknown loss": ({"schedule": [Phase("p", ("slot0",), 1, loss="alinment")]}, ["'p'", "'alignment'"]),
    "no epochs": ({"schedule": [Phase("p", ("slot0",), 0)]}, ["'p'", "epochs=0"]),
    "diverged": ({"lr": 1e30, "max_epochs": 3}, ["'end to end'", "diverged", "Lower lr"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_schedules_are_named(name):
    parameters, words = WRONG[name]
    with pytest.raises(ParameterError) as error:
        ScheduledClassifier(**{"n_modules": 2, "depth": 1, "random_state": 0} | parameters).fit(X, Y)
    assert [word for word in words if word not in str(error.value)] == [], str(error.value)


def test_a_module_that_does_not_fit_its_slot_is_named():
    model = IncubatedClassifier(SMALL["residual"], n_modules=2, depth=1, **SHORT).fit(X, Y)
    wide = IncubatedClassifier(ResidualChain(6), n_modules=2, depth=1, **SHORT).fit(X, Y)
    fewer = IncubatedClassifier(SMALL["residual"], n_modules=2, depth=1, **SHORT).fit(X[Y < 3], Y[Y < 3])
    for slot, module, words in [
        (0, wide.get_module(0), "Slot 0: the module answers shape"),
        (1, wide.get_module(1), "Slot 1: the module cannot take"),
        (1, fewer.get_module(1), "Slot 1: with this module the net answers shape"),
        (2, wide.get_module(1), "slot=2 must be an integer from 0 to 1"),
        (1, wide, "(?s)Slot 1: .* is no ChainModule"),
    ]:
        with pytest.raises(ParameterError, match=words):
            model.replace(slot, module)


@pytest.mark.parametrize(
    ("widths", "words"),
    [
        ([(64, 5), (7, 5), (5, 4)], r"slot 1 does not take what slot 0 answers, shape \(5,\) per row"),
        ([(3, 5), (5, 5), (5, 4)], "slot 0 does not take the 64 columns of X"),
        ([(64, 5), (5, 5), (5, 2)], r"answers shape \(2,\) per row where 4 outputs are needed"),
    ],
)
def test_slots_of_a_users_chain_that_do_not_follow_one_another_are_named(widths, words):
    def chain(n_features, n_outputs, depths):
        return [torch.nn.Linear(*pair) for pair in widths]

    with pytest.raises(ParameterError, match=words):
        IncubatedClassifier(chain, n_modules=2, depth=1).fit(X, Y)
