"""Configures Sphinx. `make docs` builds the site into build/docs; nothing is fetched from the network."""

import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import prefect.main  # noqa: E402, F401  # autodoc cannot be the first to import it

from docs.generate.docstrings import as_restructured_text  # noqa: E402
from docs.generate.mathml import render_block, render_inline  # noqa: E402
from docs.generate.navigation import navigate  # noqa: E402
from docs.generate.roles import source_file  # noqa: E402
from docs.generate.site import write_site  # noqa: E402

project = "DreamTuner"
author = "The DreamTuner authors"
copyright = "The DreamTuner authors, Apache-2.0"
version = release = installed("dreamtuner")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_generated", "README.md"]
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# a signature may name a class by its last name alone, which two packages use; links on pages are tested
suppress_warnings = ["ref.python"]

smartquotes = False  # options and JSON stand in prose as they are typed

autodoc_mock_imports = ["spandrel"]  # optional: it needs torchvision
autodoc_typehints_format = "short"
autodoc_default_options = {"ignore-module-all": True}  # what a package re-exports is described in its module
autodoc_inherit_docstrings = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"DreamTuner {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["table1.html"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {"sidebar_hide_name": False, "navigation_with_keys": True}
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True

# `make docs-links` asks the addresses outside of the site; `make docs` follows those inside it alone
linkcheck_anchors = False
linkcheck_timeout = 20
linkcheck_ignore = [r"https?://(127\.0\.0\.1|localhost)", r"https://[a-z.]*example\.(org|com)"]


def setup(app: Any) -> dict[str, Any]:
    """Registers what this site adds to Sphinx: generated pages, docstrings as they are written here, MathML."""
    app.add_html_math_renderer("mathml", (render_inline, None), (render_block, None))
    app.add_role("src", source_file)
    app.connect("builder-inited", lambda _: write_site(HERE))
    app.connect("html-page-context", navigate, priority=400)  # before the theme
    app.connect("autodoc-process-docstring", _process_docstring, priority=400)  # before napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _process_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_restructured_text(lines)
