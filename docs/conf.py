"""Settings of the documentation: built without a network and with warnings as errors."""

import re
import sys
from pathlib import Path

import modpart

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from api_page import write_api_page  # noqa: E402  (it stands beside this file)

write_api_page(HERE / "api")

project = "modpart"
author = "The modpart developers"
copyright = author
version = release = modpart.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "**/GALLERY_HEADER.rst"]
templates_path = ["_templates"]
default_role = "literal"  # numpydoc writes `name` for an argument
suppress_warnings = ["config.cache"]  # sphinx-gallery keeps objects in its settings that cannot be pickled

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc shows the types that the docstrings state
numpydoc_show_class_members = False  # the template of a class lists its own methods
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"/plot_",
    "backreferences_dir": "api/backreferences",
    "doc_module": ("modpart",),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "reset_modules": ("matplotlib",),
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_prev_next": False, "use_edit_page_button": False}
html_show_sourcelink = False


def escape_fitted_names(app, what, name, obj, options, lines):
    """Keep ``n_classes_`` in a shape such as (n_samples, n_classes_) from being read as a link."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[number] = re.sub(r"(?<![\w`.\\])([a-z]\w*)_(?=[,)])", r"\1\\_", line)


def setup(app):
    """Connect the hook, after numpydoc's own."""
    app.connect("autodoc-process-docstring", escape_fitted_names, priority=900)
