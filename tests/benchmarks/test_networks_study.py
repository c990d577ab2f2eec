"""The benchmark of modular networks: parts of equal size, a page that says what was measured."""

import numpy as np
import pytest

from benchmarks.networks_study.page import PARTS, page
from benchmarks.networks_study.parts import digits, placement, subsets

VERSIONS = {"python": "3", "sklearn": "1", "torch": "2"}


def test_the_sets_of_classes_are_42_of_two_to_eight():
    sizes = [len(chosen) for chosen in subsets(0)]
    assert np.bincount(sizes).tolist() == [0, 0, *[6] * 7]
    assert subsets(0) == subsets(0) != subsets(1)


def test_pixels_run_from_zero_to_one():
    X, new, y, target = digits(0)
    assert X.min() == 0 and X.max() == 1
    assert len(new) == len(target) == 360 and len(X) == len(y)


def test_a_closed_form_finds_the_swaps_of_brute_force():
    found = placement(0)
    assert found["closed form"]["length"] == pytest.approx(found["brute force"]["length"], rel=1e-12)
    assert found["assignment"]["length"] <= found["closed form"]["length"]


def test_the_page_holds_means_and_leaves_out_what_was_not_measured():
    runs = {"0": {"arm": {"accuracy": 0.9}}, "1": {"arm": {"accuracy": 0.92, "size": None}}}
    text = page({"modules": runs}, VERSIONS)
    assert "Seeds 0, 1." in text
    assert "| arm | 91.00 ± 1.41 |  |" in text
    titles = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert titles == [PARTS["modules"][0], "Not measured", "Controls"]
    missing = text.partition("## Not measured")[2].partition("## ")[0]
    assert missing.count("- ") == len(PARTS) - 1 and PARTS["modules"][0] not in missing
    assert {"modules", "clusters", "symbolic"} <= set(PARTS)


def test_the_control_that_wins_is_named():
    runs = {str(seed): {"MODA": {"accuracy": 0.9 + 0.01 * seed}, "standard": {"accuracy": 0.915}} for seed in range(3)}
    (row,) = [
        line for line in page({"modules": runs}, VERSIONS).splitlines() if "| MODA | standard | accuracy |" in line
    ]
    assert row.endswith("| 91.00 ± 1.00 | 91.50 ± 0.00 | 1 of 3 |")
