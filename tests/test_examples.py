"""Every example of the gallery runs, opens with a title, and draws."""

import ast
import runpy
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import pytest

from modpart import datasets

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*/plot_*.py"))
QUICK = {"plot_nile.py", "plot_competition_rule.py"}

if not EXAMPLES:
    pytest.skip("not in a checkout", allow_module_level=True)


def marked(path):
    return pytest.param(path, id=path.name, marks=() if path.name in QUICK else pytest.mark.slow)


@pytest.mark.parametrize("path", [marked(path) for path in EXAMPLES])
def test_an_example_runs_and_draws(path, monkeypatch):
    shown = []

    def show():
        shown.extend(plt.get_fignums())
        for number in plt.get_fignums():
            plt.figure(number).canvas.draw()
        plt.close("all")

    monkeypatch.setattr(plt, "show", show)
    runpy.run_path(str(path))
    assert shown, "an example of the gallery draws something"
    assert plt.get_fignums() == [], "and shows all that it draws"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_opens_with_a_title_and_is_seeded(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    title, line, *story = ast.get_docstring(tree).splitlines()
    assert set(line) == {"="} and len(line) >= len(title) and any(story)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    seeded = {"ActivePartitioner", "PartitionedRegressor", *(name for name in datasets.__all__ if name[:5] == "make_")}
    for call in [call for call in calls if call.func.id in seeded]:
        assert "random_state" in {keyword.arg for keyword in call.keywords}, ast.unparse(call)
