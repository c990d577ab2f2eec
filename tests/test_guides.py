"""The pages that teach a package show what happens."""

import doctest

import pytest

from tests.public import ROOT

GUIDES = sorted(page for page in (ROOT / "docs").glob("*.rst") if ">>>" in page.read_text(encoding="utf-8"))


def test_every_package_has_a_guide():
    if not (ROOT / "docs").is_dir():
        pytest.skip("not in a checkout")
    assert {"causal.rst", "efficiency.rst", "networks.rst", "partition.rst"} <= {page.name for page in GUIDES}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda page: page.stem)
def test_the_guide_shows_what_happens(guide):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testfile(str(guide), module_relative=False, optionflags=flags)
    assert result.attempted and result.failed == 0
