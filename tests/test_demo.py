"""The demonstration writes one page that needs nothing beside it, and what it quotes is what comes out."""

import base64
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.optimize import linprog
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import train_test_split

from modpart import demo
from modpart._report import Story, render_page
from modpart.datasets import load_bank_branches, load_kidney_stones, load_nile, make_pipe_friction
from modpart.exceptions import MissingDependencyError
from modpart.networks import ModularNetClassifier, compose
from modpart.partition import ActivePartitioner, BayesianExpert, PartitionedRegressor


class Page(HTMLParser):
    """Tags that are open, pictures, what the page would load, table rows and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.loads, self.rows, self.words = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.loads += [value for name, value in attrs if name in ("src", "href", "data", "action")]
        if tag == "img":
            self.images.append(attributes)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def fact(self, name):
        """The cell beside `name`."""
        (value,) = {row[1] for row in self.rows if row[0] == name}
        return value


def written(tmp_path_factory, *stories):
    path = demo.main(["--out", str(tmp_path_factory.mktemp("demo") / "new" / "folder"), "--only", *stories])
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def quick_page(tmp_path_factory):
    return written(tmp_path_factory, "nile", "pipe", "kidney", "branches")


@pytest.fixture(scope="module")
def slow_page(tmp_path_factory):
    return written(tmp_path_factory, "iris", "diabetes", "digits")


def gain(model):
    return f"{100 * model.gain_:.1f} % ± {100 * model.gain_se_:.1f} %"


def test_the_page_carries_its_pictures_and_loads_nothing(quick_page):
    assert len(quick_page.images) == 4
    for image in quick_page.images:
        kind, _, code = image["src"].partition("base64,")
        assert kind == "data:image/png;" and base64.b64decode(code).startswith(b"\x89PNG")
        assert image["alt"]
    assert all(address.startswith("data:") for address in quick_page.loads)


def test_the_times_of_all_parts_are_told(quick_page):
    (heads,) = [row for row in quick_page.rows if row[-1] == "all"]
    assert heads == ["data", "load", "fit", "compare", "pictures", "all"]
    for row in quick_page.rows[quick_page.rows.index(heads) + 1 :]:
        *parts, total = map(float, row[1:])
        assert total > 0 and sum(parts) == pytest.approx(total, abs=0.03)


def test_the_nile_as_quoted(quick_page):
    X, y = load_nile(as_frame=True)
    partitioner = ActivePartitioner(BayesianExpert("linear"), random_state=0)
    model = PartitionedRegressor(partitioner, random_state=0).fit(X, y)
    labels = partitioner.fit(X, y).labels_
    (last,) = X["year"][:-1][np.diff(labels) != 0]
    assert quick_page.fact("Border found between the years") == f"{last}/{last + 1}"
    assert last == 1898, "the change that the literature knows"
    before, after = y[X["year"] <= last].mean(), y[X["year"] > last].mean()
    assert f"mean flow is {before:.0f} in the first regime and {after:.0f} in the last" in quick_page.text
    assert quick_page.fact("Squared error saved against one line (cross-validated, random folds)") == gain(model)
    for line in str(partitioner.describe(X, y)).splitlines():
        assert line in quick_page.text
    rules = {str(regime.rule) for regime in partitioner.describe(X, y).regimes}
    assert rules == {f"year <= {last}", f"year > {last}"}


def test_the_pipe_as_quoted(quick_page):
    X, y, _ = make_pipe_friction(400, noise=0.05, random_state=0)
    X_new, y_new, regime = make_pipe_friction(2000, noise=0.05, random_state=1)
    model = PartitionedRegressor(fallback=False, routing="hard", random_state=0).fit(X, y)
    single = BayesianExpert(random_state=0).fit(X, y)
    agreement = adjusted_rand_score(regime, model.apply(X_new))
    errors = [float(np.sqrt(np.mean((fitted.predict(X_new) - y_new) ** 2))) for fitted in (single, model)]
    assert quick_page.fact("Adjusted Rand index with the true regimes, new rows") == f"{agreement:.3f}"
    assert quick_page.fact("Root mean squared error on new rows, one model") == f"{errors[0]:.4f}"
    assert quick_page.fact("Root mean squared error on new rows, one model per regime") == f"{errors[1]:.4f}"
    assert agreement > 0.95 and errors[1] < 0.7 * errors[0]
    wrong = min(np.mean(model.apply(X_new) == regime), np.mean(model.apply(X_new) != regime))
    assert quick_page.fact("New rows sent to the wrong regime") == f"{100 * wrong:.2f} %"
    assert float(quick_page.fact("Border found, Reynolds number")) == pytest.approx(2300, rel=0.05)


def test_kidney_stones_as_quoted(quick_page):
    counts = load_kidney_stones().rename("count").reset_index()
    rows = counts.groupby(["stones", "treatment", "recovered"], observed=True)["count"].sum()
    share = rows.xs(1, level="recovered") / rows.groupby(level=["stones", "treatment"], observed=True).sum()
    size = rows.groupby(level="stones", observed=True).sum() / rows.sum()
    adjusted = share.unstack("treatment").mul(size, axis=0).sum()
    effect = adjusted["open surgery"] - adjusted["percutaneous"]
    assert quick_page.fact("Success of surgery minus puncture, as caused") == f"{effect:+.3f}"
    seen = counts.groupby(["treatment", "recovered"], observed=True)["count"].sum().unstack()
    naive = (seen[1] / seen.sum(axis=1)).loc["open surgery"] - (seen[1] / seen.sum(axis=1)).loc["percutaneous"]
    assert quick_page.fact("Success of surgery minus puncture, as seen") == f"{naive:+.3f}"
    assert naive < 0 < effect, "the sign turns, as the page says"
    assert quick_page.fact("Answer with a hidden cause of treatment and recovery") == "refused"


def test_bank_branches_as_quoted(quick_page):
    table = load_bank_branches()
    X, Y = table.iloc[:, :3].to_numpy(), table.iloc[:, 3:].to_numpy()

    def score(unit):  # Banker, Charnes & Cooper (1984), one linear programme a unit
        bounds = np.vstack([np.column_stack([-X[unit], X.T]), np.column_stack([np.zeros(3), -Y.T])])
        shares = np.r_[0.0, np.ones(len(X))][None]
        limits = np.r_[np.zeros(3), -Y[unit]]
        return linprog(np.r_[1.0, np.zeros(len(X))], bounds, limits, shares, [1.0]).fun

    scores = pd.Series([score(unit) for unit in range(len(X))], index=table.index)
    assert quick_page.fact("Efficient branches") == ", ".join(scores.index[scores > 1 - 1e-6])
    assert quick_page.fact("Least efficient") == f"{scores.idxmin()}, {scores.min():.3f}"
    assert quick_page.fact("Mean efficiency") == f"{scores.mean():.3f}"


@pytest.mark.slow
def test_digits_as_quoted(slow_page):
    X, X_new, y, y_new = train_test_split(*load_digits(return_X_y=True), random_state=0, stratify=load_digits().target)
    model = ModularNetClassifier("moda", random_state=0).fit(X, y)
    assert (
        slow_page.fact("Accuracy of the whole network, new digits") == f"{np.mean(model.predict(X_new) == y_new):.4f}"
    )
    vote = compose([model.extract_module(label) for label in range(10)])
    assert slow_page.fact("Accuracy of the vote of ten modules") == f"{np.mean(vote.predict(X_new) == y_new):.4f}"
    before, after = map(float, slow_page.fact("8 found by the other model, before and after the patch").split(", "))
    assert before < 0.1 and after > 0.7


@pytest.mark.slow
def test_the_iris_as_quoted(slow_page):
    data = load_iris(as_frame=True)
    X, y = data.data[["sepal length (cm)", "petal width (cm)"]], data.data["sepal width (cm)"]
    partitioner = ActivePartitioner(BayesianExpert("linear"), random_state=0)
    model = PartitionedRegressor(partitioner, random_state=0).fit(X, y)
    labels = partitioner.fit(X, y).labels_
    assert slow_page.fact("Squared error saved against one plane (cross-validated)") == gain(model)
    agreement = adjusted_rand_score(data.target == 0, labels)
    assert slow_page.fact("Adjusted Rand index with 'setosa or not'") == f"{agreement:.3f}"
    assert agreement > 0.9, "versicolor and virginica share a law, as the page says"
    lengths = [X.iloc[:, 0], X.iloc[:, 0][labels == 0], X.iloc[:, 0][labels == 1]]
    whole, *parts = [np.polyfit(length, y[length.index], 1)[0] for length in lengths]
    assert whole < 0 < min(parts), "longer is narrower over all and wider in each regime, as the page says"
    assert slow_page.fact("The same slope, regime by regime") == ", ".join(f"{slope:+.3f}" for slope in parts)


@pytest.mark.slow
def test_diabetes_as_quoted(slow_page):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    lines = BayesianExpert("linear")
    found = ActivePartitioner(lines, random_state=0).fit(X, y).n_partitions_
    assert slow_page.fact("Regimes found with straight experts") == str(found) == "1"
    forced = PartitionedRegressor(ActivePartitioner(lines, 2, random_state=0), random_state=0).fit(X, y)
    assert slow_page.fact("Squared error that two forced regimes save (cross-validated)") == gain(forced)
    assert slow_page.fact("Experts in use after that comparison") == str(forced.n_partitions_) == "1"


def test_a_run_says_where_the_page_is_and_how_long_each_part_took(tmp_path, capsys):
    path = demo.main(["--out", str(tmp_path), "--only", "pipe"])
    printed = capsys.readouterr().out
    assert str(path.resolve()) in printed
    assert re.search(r"pipe +load +\d+\.\d\d s +fit +\d+\.\d\d s +compare +\d+\.\d\d s +pictures", printed)
    assert list(tmp_path.iterdir()) == [path]


def test_every_text_is_escaped():
    nasty = "<script>alert('&\"')</script>"
    table = pd.DataFrame({nasty: [nasty, 1.5]}, index=[nasty, "b"])
    story = Story(
        nasty, nasty, nasty, (nasty,) * 4, {nasty: nasty}, {nasty: table}, Figure(), nasty, [nasty], {"load": 1.0}
    )
    text = render_page(nasty, nasty, [story], nasty)
    assert "<script" not in text
    page = Page(text)
    assert page.images[0]["alt"] == nasty and page.fact("b") == "1.5"


@pytest.mark.parametrize(
    ("value", "shown"), [(1903.0, "1903"), (0.25784, "0.2578"), (np.float64(12345.6), "12346"), (7, "7"), ("a", "a")]
)
def test_numbers_are_short_and_plain(value, shown):
    story = Story("t", "q", "s", ("d", "1", "1", "c"), {}, {"numbers": pd.DataFrame({"n": [value]})}, Figure(), "a")
    assert ["0", shown] in Page(render_page("t", "l", [story], "f")).rows


def test_help_and_a_wrong_story(capsys):
    with pytest.raises(SystemExit) as stop:
        demo.main(["--help"])
    assert stop.value.code == 0 and "--out" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        demo.main(["--only", "danube"])
    assert "danube" in capsys.readouterr().err


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"modpart\.demo needs.*modpart\[plot\]"):
        demo.main(["--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
