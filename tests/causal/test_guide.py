"""The page that teaches identification shows what happens."""

import doctest

import pytest

from tests.public import ROOT

GUIDE = ROOT / "docs" / "causal.rst"

if not GUIDE.is_file():
    pytest.skip("not in a checkout", allow_module_level=True)


def test_the_guide_shows_what_happens():
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testfile(str(GUIDE), module_relative=False, optionflags=flags)
    assert tried > 30
    assert failed == 0
