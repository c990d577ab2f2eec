"""README, docstrings, API page and metadata say the same as the code."""

import contextlib
import importlib.metadata
import io
import re
import shutil
import subprocess
import tomllib
from inspect import isclass, isfunction, ismethod

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate
from packaging.requirements import Requirement
from packaging.version import Version

import modpart
from docs.api_page import api_page
from tests.public import ROOT, public_modules, public_names, resolve

if not (ROOT / "pyproject.toml").is_file():
    pytest.skip("not in a checkout", allow_module_level=True)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LAWS = PROJECT["tool"]["numpydoc_validation"]["checks"]

# README: what it shows is what happens


def blocks_of(markdown):
    """(code, output or None) of each python block; the text block right after it is its output."""
    pattern = r"^```python\n(.*?)^```\n(?:\s*^```(?:text)?\n(.*?)^```$)?"
    return [(code, output or None) for code, output in re.findall(pattern, markdown, flags=re.M | re.S)]


def run(code):
    """What `code` prints, run in a namespace of its own."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    return printed.getvalue()


def squeezed(text):
    return " ".join(text.split())


README_BLOCKS = blocks_of((ROOT / "README.md").read_text())


@pytest.mark.parametrize("number", range(len(README_BLOCKS)))
def test_readme_shows_what_happens(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, output = README_BLOCKS[number]
    printed = run(code)
    if output is not None:
        assert squeezed(printed) == squeezed(output)


@pytest.mark.parametrize("number", range(min(3, len(README_BLOCKS))))
def test_the_first_examples_are_short(number):
    code, _ = README_BLOCKS[number]
    assert len([line for line in code.splitlines() if line.strip()]) <= 8


def test_the_reader_of_readme_sees_blocks_and_their_output():
    text = "a\n```python\nprint(1)\n```\n\n```text\n1\n```\n\n```python\nx = 2\n```\nword\n```\nnot output\n```\n"
    assert blocks_of(text) == [("print(1)\n", "1\n"), ("x = 2\n", None)]
    assert run("print( 1 )") == "1\n"


def test_readme_names_both_commands():
    readme = (ROOT / "README.md").read_text()
    named = set(re.findall(r"^make (\w+)", readme, flags=re.M)) | set(re.findall(r"`make (\w+)`", readme))
    assert {"demo", "test"} <= named
    assert named <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.M))


# The API page and the docstrings


def names_on(page):
    names, module = [], None
    for line in page.splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif match := re.match(r"   (\w+)$", line):
            names.append(f"{module}.{match[1]}")
    return names


def test_the_api_page_holds_the_public_names():
    assert sorted(names_on(api_page())) == sorted(public_names())


def test_public_names_can_be_had_and_are_listed_once():
    for module in public_modules():
        names = [name.rpartition(".")[2] for name in public_names() if name.rpartition(".")[0] == module]
        assert len(set(names)) == len(names)
    assert all(resolve(name) is not None for name in public_names())


DOCUMENTED = [name for name in public_names() if isclass(resolve(name)) or isfunction(resolve(name))]
MODELS = [name for name in DOCUMENTED if not (isclass(resolve(name)) and issubclass(resolve(name), BaseException))]


def own_methods(name):
    """Public methods that a class of ours, or a base of ours, defines."""
    cls = resolve(name)
    for attribute in sorted(dir(cls)):
        found = getattr(cls, attribute)
        if (isfunction(found) or ismethod(found)) and not attribute.startswith("_") and is_ours(found):
            yield f"{name}.{attribute}"


def is_ours(function):
    """Whether the function's text stands in this package; scikit-learn makes set_fit_request and the like itself."""
    return "site-packages" not in function.__code__.co_filename and function.__module__.startswith("modpart.")


METHODS = [method for name in DOCUMENTED if isclass(resolve(name)) for method in own_methods(name)]


@pytest.mark.parametrize("name", MODELS)
def test_a_docstring_keeps_the_laws(name):
    assert broken(name, LAWS) == []


@pytest.mark.parametrize("name", METHODS)
def test_a_methods_docstring_keeps_the_laws(name):
    assert broken(name, set(LAWS) - {"EX01", "PR07", "RT03"}) == []  # what a class explains its methods need not repeat


def broken(name, laws):
    return [f"{code}: {words}" for code, words in validate(name)["errors"] if code in laws]


@pytest.mark.parametrize("name", MODELS)
def test_a_docstring_has_what_a_user_looks_for(name):
    found = resolve(name)
    sections = NumpyDocString(found.__doc__)
    assert ">>>" in "\n".join(sections["Examples"]), "Examples"
    if hasattr(found, "fit"):
        attributes = {name.strip() for entry in sections["Attributes"] for name in entry.name.split(",")}
        assert attributes, "Attributes"
        assert all(name.endswith("_") or name in vars(found) for name in attributes | {"n_features_in_"})


@pytest.mark.parametrize("name", sorted(set(DOCUMENTED) - set(MODELS)))
def test_an_error_says_when_it_is_raised(name):
    assert len(resolve(name).__doc__ or "") > 40


# Metadata


def test_the_changelog_has_this_version():
    assert re.search(rf"^## {re.escape(modpart.__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)


def test_the_citation_has_this_version():
    assert re.search(rf"^version: {re.escape(modpart.__version__)}$", (ROOT / "CITATION.cff").read_text(), flags=re.M)


def test_the_installed_version_is_this_one():
    try:
        installed = importlib.metadata.version("modpart")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("run from a checkout that is not installed")
    assert installed == modpart.__version__


def requirements():
    groups = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group if not line.startswith("modpart")]


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {requirement.name.lower(): requirement.specifier for requirement in pinned}


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_a_requirement_has_a_floor_and_a_pin_above_it(requirement):
    assert [specifier.operator for specifier in requirement.specifier] == [">="], "a floor, no cap"
    (pin,) = pins()[requirement.name.lower()]
    assert pin.operator == "=="
    assert requirement.specifier.contains(pin.version)


def test_nothing_is_pinned_that_is_not_required():
    assert set(pins()) == {requirement.name.lower() for requirement in requirements()}
    assert all(Version(next(iter(specifier)).version) for specifier in pins().values())


# What has no place in the repository


def tracked_files():
    """Text of every file that git tracks or would add."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git checkout")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        with contextlib.suppress(UnicodeDecodeError, FileNotFoundError):
            yield name, (ROOT / name).read_text(encoding="utf-8")


# Put together from halves, so that this file does not hold what it looks for.
TRACES = [
    "/" + "home/",
    "/" + "root/",
    "/" + "tmp/",
    "/" + "Users/",
    "index-" + "url",
    "find-" + "links",
    "pypi" + ".org/simple",
    "files.python" + "hosted",
    "download.py" + "torch",
]


@pytest.mark.parametrize("trace", TRACES)
def test_no_file_names_a_machine_or_a_package_host(trace):
    assert [name for name, text in tracked_files() if trace in text] == []


def test_no_file_is_large():
    assert [name for name, text in tracked_files() if len(text) > 500_000] == []
