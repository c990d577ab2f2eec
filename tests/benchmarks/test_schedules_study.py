"""The benchmark of schedules: a page that says what was measured and what was not."""

from benchmarks.schedules_study.page import PARTS, page

VERSIONS = {"python": "3", "sklearn": "1", "torch": "2"}


def test_the_page_holds_means_and_says_what_was_not_measured():
    runs = {"0": {"arm": {"accuracy": 0.9}}, "1": {"arm": {"accuracy": 0.92, "seconds": 2.0}}}
    text = page({"incubation": runs}, VERSIONS, "## Findings\n")
    assert "Seeds 0, 1." in text
    assert "| arm | 91.00 ± 1.41 | 2.0 |  |  |" in text
    assert text.count("Not measured.") == len(PARTS) - 1
    assert text.endswith("## Findings\n")
