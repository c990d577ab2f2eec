"""The picture of an intervention: what is drawn is what the sources say."""

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from modpart.causal import CausalGraph, ModularDCM
from modpart.datasets import DiscreteSCM
from modpart.exceptions import NotIdentifiableError, ParameterError
from modpart.inspection import InterventionDisplay

GRAPH = CausalGraph("X -> Z -> Y; X <-> Y")
SCM = DiscreteSCM(GRAPH, random_state=0)
DATA = SCM.sample(2000, random_state=0)


@pytest.fixture(scope="module")
def model():
    return ModularDCM(GRAPH, loss="likelihood", max_steps=100, hidden=(16,), random_state=0).fit(DATA)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_every_source_is_drawn_beside_the_others(model):
    truth = {x: SCM.distribution(["Y"], do={"X": x}).to_numpy() for x in (0, 1)}
    display = InterventionDisplay.from_estimator(model, "Y", "X", data=DATA, truth=truth, n_samples=2000)
    assert list(display.laws) == [0, 1]
    assert len(display.axes_) == 2
    for x, law in display.laws.items():
        assert list(law) == ["observed", "plug-in", "sampled", "true"]
        assert all(np.isclose(np.sum(shares), 1.0) for shares in law.values())
        np.testing.assert_allclose(law["observed"], DATA[DATA["X"] == x]["Y"].value_counts(normalize=True).sort_index())
        heights = [patch.get_height() for patch in display.axes_[x].patches]
        np.testing.assert_allclose(heights, np.concatenate([np.asarray(law[source]) for source in law]))
    assert [text.get_text() for text in display.axes_[-1].get_legend().get_texts()] == list(law)
    assert display.axes_[0].get_title(loc="left") == "do(X = 0)"


def test_without_data_only_the_model_speaks(model):
    display = InterventionDisplay.from_estimator(model, "Y", "X", n_samples=500)
    assert list(display.laws[1]) == ["sampled"]


def test_numbers_are_drawn_as_curves():
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"A": rng.normal(size=400)})
    data["B"] = data["A"] + rng.normal(size=400)
    model = ModularDCM("A -> B", loss="likelihood", max_steps=5, hidden=(8,), random_state=0).fit(data)
    display = InterventionDisplay.from_estimator(model, "B", "A", data=data, n_samples=300)
    assert len(display.axes_) == 5
    assert [line.get_label() for line in display.axes_[0].lines] == ["observed", "sampled"]
    with pytest.raises(ParameterError, match="'A' is a column of numbers; pass values"):
        InterventionDisplay.from_estimator(model, "B", "A")
    with pytest.raises(ParameterError, match="'C' is no column"):
        InterventionDisplay.from_estimator(model, "C", "A")
    with pytest.raises(ParameterError, match="holds 1 axes and must hold 2"):
        InterventionDisplay.from_estimator(model, "B", "A", values=[0.0, 1.0], axes=[plt.subplots()[1]])


def test_what_has_no_answer_is_not_drawn():
    scm = DiscreteSCM(CausalGraph("X -> Y; X <-> Y"), random_state=0)
    model = ModularDCM(scm.graph, loss="likelihood", max_steps=2, random_state=0).fit(scm.sample(200, random_state=0))
    with pytest.raises(NotIdentifiableError):
        InterventionDisplay.from_estimator(model, "Y", "X")
