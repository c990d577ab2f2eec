"""Write the API page from the public names, so that it cannot lag behind them."""

import pkgutil
from importlib import import_module
from inspect import isclass
from pathlib import Path

import modpart

__all__ = ["api_page", "write_api_page"]

_HEAD = """\
API
===

Every public name, by sub-package. All else may change without notice.
"""


def api_page() -> str:
    """Return the text of the page: a section for each public module, a table of its names in each."""
    modules = [found.name for found in pkgutil.iter_modules(modpart.__path__)]
    sections = [_section(f"modpart.{name}") for name in sorted(modules) if name != "demo" and not name.startswith("_")]
    return "\n".join([_HEAD, *sections])


def _section(module_name: str) -> str:
    module = import_module(module_name)
    first_line = (module.__doc__ or "").strip().partition("\n")[0]
    groups: dict[str, list[str]] = {"Classes": [], "Functions": [], "Errors and warnings": []}
    for name in sorted(module.__all__):
        found = getattr(module, name)
        if isclass(found):
            groups["Errors and warnings" if issubclass(found, BaseException) else "Classes"].append(name)
        else:
            groups["Functions"].append(name)
    lines = [module_name, "-" * len(module_name), "", first_line, "", f".. currentmodule:: {module_name}", ""]
    for title, names in groups.items():
        if names:
            lines += [f".. rubric:: {title}", "", ".. autosummary::", "   :toctree: generated/", ""]
            lines += [*(f"   {name}" for name in names), ""]
    return "\n".join(lines)


def write_api_page(folder: Path) -> None:
    """Write the page to `folder`, only when it changed, so that a second build has less to do."""
    folder.mkdir(exist_ok=True)
    page = folder / "index.rst"
    text = api_page()
    if not page.is_file() or page.read_text() != text:
        page.write_text(text)
