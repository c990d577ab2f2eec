"""The page for analysts shows what happens."""

import doctest

import pytest

from tests.public import ROOT

PAGE = ROOT / "docs" / "efficiency.rst"


@pytest.mark.skipif(not PAGE.is_file(), reason="not in a checkout")
def test_the_page_for_analysts_shows_what_happens():
    result = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 10 and result.failed == 0
