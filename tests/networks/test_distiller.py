"""Laws of module-to-module distillation: the loss is its formula, pairs fit, errors name the slot."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from modpart._torch.schedule.losses import Distillation, SmoothCrossEntropy
from modpart.exceptions import InputDataError, ParameterError
from modpart.io import load, save
from modpart.networks import DenseChain, IncubatedClassifier, ModuleDistiller, ResidualChain, TransformerChain
from modpart.networks._schedule.parts import answers

X, Y = load_digits(n_class=4, return_X_y=True)
X, Y = X[:240] / 16, Y[:240]
SHORT = {"meta_epochs": 6, "module_epochs": 4, "finetune_epochs": 0, "lr": 0.01, "random_state": 0}
STUDENT = {"depth": 1, "module_epochs": 4, "lr": 0.01, "random_state": 0}
TEACHER = IncubatedClassifier(ResidualChain(8), n_modules=3, depth=2, **SHORT)


@pytest.fixture(scope="module")
def teacher():
    return FrozenEstimator(TEACHER.fit(X, Y))


@pytest.mark.parametrize("reduction", ["batchmean", "mean"])
@pytest.mark.parametrize("hard", [False, True])
def test_the_loss_is_its_formula(reduction, hard):
    rng = np.random.default_rng(0)
    student, wise, codes = rng.normal(size=(6, 3)), rng.normal(size=(6, 3)), rng.integers(3, size=6)
    target = torch.tensor(np.c_[codes, wise])
    found = float(Distillation(SmoothCrossEntropy(), 0.3, 2.0, reduction, hard)(torch.tensor(student), target))
    p, q = softmax(wise / 2, 1), log_softmax(student / 2, 1)
    kl = 4 * (p * (np.log(p) - q)).sum() / (6 if reduction == "batchmean" else 18)
    apart = -log_softmax(student, 1)[np.arange(6), wise.argmax(1)].mean() if hard else kl
    own = -log_softmax(student, 1)[np.arange(6), codes].mean()
    assert found == pytest.approx(0.7 * own + 0.3 * apart, rel=1e-10)


def test_a_student_like_its_teacher_has_nothing_to_learn_from_it():
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    loss = Distillation(SmoothCrossEntropy(), 1.0, 3.0, "batchmean", False)
    assert float(loss(logits, torch.cat([torch.zeros(5, 1), logits], 1))) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("width", [8, 6])
def test_students_learn_in_the_teachers_place(teacher, width):
    model = ModuleDistiller(teacher, chain=ResidualChain(width), finetune_epochs=6, **STUDENT).fit(X, Y)
    stitches = [] if width == 8 else ["after0", "after1", "before1", "before2"]
    assert sorted(model.stitches_) == stitches
    assert [phase["name"] for phase in model.phases_] == ["student0", "student1", "student2", "fine-tuning"]
    assert {phase["stage"] for phase in model.phases_[:3]} == {0}
    assert model.score(X, Y) > 0.85
    rows = (X - model.x_mean_) / model.x_scale_
    before = answers(model.distilled_, rows)
    np.testing.assert_array_equal(model.assembled().predict(X), before.argmax(1))
    for slot in range(3):  # a student's module brings about nearly what its teacher's does
        own = [model.stitches_[name] for name in (f"before{slot}",) if name in model.stitches_]
        own += [model.distilled_[slot]]
        own += [model.stitches_[name] for name in (f"after{slot}",) if name in model.stitches_]
        meta = model.teacher_.meta_
        hybrid = answers([*meta[:slot], *own, *meta[slot + 1 :]], rows).argmax(1)
        whole = answers([*meta[:slot], model.teacher_.incubated_[slot], *meta[slot + 1 :]], rows).argmax(1)
        assert (hybrid == whole).mean() > 0.85


def test_a_frozen_teacher_stays_as_it_is(teacher):
    marks = [part.digest for part in (*teacher.estimator.meta_, *teacher.estimator.incubated_)]
    one = ModuleDistiller(teacher, finetune_epochs=1, **STUDENT).fit(X, Y)
    assert [part.digest for part in (*teacher.estimator.meta_, *teacher.estimator.incubated_)] == marks
    assert [part.digest for part in (*one.teacher_.meta_, *one.teacher_.incubated_)] == marks
    two = ModuleDistiller(teacher, finetune_epochs=1, alpha=1.0, hard=True, **STUDENT).fit(X, Y)
    assert one.modules_[0].digest != two.modules_[0].digest


def test_a_student_comes_back_from_a_file(teacher, tmp_path):
    pytest.importorskip("skops")
    model = ModuleDistiller(TEACHER, finetune_epochs=1, **STUDENT).fit(X, Y)
    save(model, tmp_path / "student.skops")
    np.testing.assert_array_equal(load(tmp_path / "student.skops").predict_proba(X), model.predict_proba(X))


def test_teachers_that_do_not_fit_are_named(teacher):
    for chain, words in [
        (DenseChain(8), "Slot 0: .* slot 1 cannot take|Slot 1"),
        (TransformerChain(8, heads=2), "Slot 0"),
    ]:
        if isinstance(chain, DenseChain):  # as wide as the teacher's stream: it fits
            assert ModuleDistiller(teacher, chain=chain, finetune_epochs=1, **STUDENT).fit(X, Y).score(X, Y) > 0.5
            chain = DenseChain(9)
        with pytest.raises(ParameterError, match=words):
            ModuleDistiller(teacher, chain=chain, **STUDENT).fit(X, Y)
    with pytest.raises(InputDataError, match="y holds 9, which the teacher does not know"):
        ModuleDistiller(teacher, **STUDENT).fit(X, np.where(Y == 3, 9, Y))
    with pytest.raises(ParameterError, match="Slot 0: the teacher's module takes 64 columns, and X has 5"):
        ModuleDistiller(teacher, **STUDENT).fit(X[:, :5], Y)
    with pytest.raises(NotFittedError):
        ModuleDistiller(FrozenEstimator(IncubatedClassifier()), **STUDENT).fit(X, Y)
    with pytest.raises(ParameterError, match="teacher must be None, or an IncubatedClassifier"):
        ModuleDistiller(ResidualChain()).fit(X, Y)
