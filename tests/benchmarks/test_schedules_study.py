"""The benchmark of schedules: a page that says what was measured and what was not."""

import json

from benchmarks.schedules_study.page import PARTS, collected, page

VERSIONS = {"python": "3", "sklearn": "1", "torch": "2"}


def test_the_page_holds_means_and_says_what_was_not_measured():
    runs = {"0": {"arm": {"accuracy": 0.9}}, "1": {"arm": {"accuracy": 0.92, "steps": 2.0}}}
    text = page({"incubation": runs}, VERSIONS, "## Findings\n")
    assert "Seeds 0, 1." in text
    assert "| arm | 91.00 ± 1.41 | 2.0 |" in text
    assert text.count("Not measured.") == len(PARTS) - 1
    assert text.endswith("## Findings\n")


def test_what_several_runs_stored_is_put_together(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "a-10.local.json").write_text(json.dumps({"10": {"arm": {"accuracy": 0.5}}}))
    (tmp_path / "one" / "a-2.local.json").write_text(json.dumps({"2": {"arm": {"accuracy": 0.4}}}))
    (tmp_path / "two" / "b.local.json").write_text(json.dumps({"10": {"arm": {"accuracy": 0.6}}}))
    found = collected([tmp_path / "one", tmp_path / "two"])
    assert list(found) == ["local"]
    assert {seed: run["arm"]["accuracy"] for seed, run in found["local"].items()} == {"2": 0.4, "10": 0.6}
    assert list(found["local"]) == ["2", "10"]
