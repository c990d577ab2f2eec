"""The demonstration writes one page that needs nothing beside it, and what it quotes is what comes out."""

import base64
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import adjusted_rand_score

from modpart import demo
from modpart._report import Story, render_page
from modpart.datasets import load_nile, make_pipe_friction
from modpart.exceptions import MissingDependencyError
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
    return written(tmp_path_factory, "nile", "pipe")


@pytest.fixture(scope="module")
def slow_page(tmp_path_factory):
    return written(tmp_path_factory, "iris", "diabetes")


def gain(model):
    return f"{100 * model.gain_:.1f} % ± {100 * model.gain_se_:.1f} %"


def test_the_page_carries_its_pictures_and_loads_nothing(quick_page):
    assert len(quick_page.images) == 2
    for image in quick_page.images:
        kind, _, code = image["src"].partition("base64,")
        assert kind == "data:image/png;" and base64.b64decode(code).startswith(b"\x89PNG")
        assert image["alt"]
    assert all(address.startswith("data:") for address in quick_page.loads)


def test_the_times_of_all_parts_are_told(quick_page):
    (heads,) = [row for row in quick_page.rows if row[-1] == "all"]
    assert heads == ["data", "load", "partition", "compare", "pictures", "all"]
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
    assert re.search(r"pipe +load +\d+\.\d\d s +partition +\d+\.\d\d s +compare +\d+\.\d\d s +pictures", printed)
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
