"""How the site of the documentation is made (`make docs`): its pages are the repository's own files, wherever they lie."""  # noqa: INP001

from typing import Any

from docutils.nodes import document
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

project = "pplab"
author = "The Precision + Personality Lab developers"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "notebooks/*.ipynb",
    "notebooks/regression/*.ipynb",
    "pplab/scoring/docs/*.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
]
exclude_patterns = ["docs/_build", "**/.*"]
nitpicky = True
OTHERS = r"(?!pplab\.).*"
INNER_ROOMS = r"pplab\.(?!(metrics|calibration|errors)\.\w+$)[a-z]\w*\..*"
nitpick_ignore_regex = [("py:.*", OTHERS), ("py:.*", INNER_ROOMS)]

myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
nb_mime_priority_overrides = [("html", WIDGET_VIEW, None)]
nb_ipywidgets_js = {}  # which would come from another server

default_role = "py:obj"
highlight_language = "none"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_google_docstring = False
python_maximum_signature_line_length = 100
napoleon_custom_sections = [("Attributes", "params_style")]

html_theme = "furo"
html_title = "Precision + Personality Lab"
html_extra_path = ["site"]  # the front page lies beside the other pages, and a site begins at its root
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False


def find_by_last_name(_app: Sphinx, doctree: document) -> None:
    """Have `Decision` and `Experiment.verdict` found from any page: docstrings and annotations name them so."""
    for reference in doctree.findall(pending_xref):
        if reference["refdomain"] == "py" and reference["reftarget"][:1].isupper():
            reference["refspecific"] = True


def leave_out_widget_state(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: document | None) -> None:
    """Keep the state of live widgets out of a notebook's page: it shows their static forms, and nothing could draw others."""
    scripts = context["script_files"]
    context["script_files"] = [script for script in scripts if script.attributes.get("type") != WIDGET_STATE]


def setup(app: Sphinx) -> None:
    """Take part in the making of every page."""
    app.connect("doctree-read", find_by_last_name)
    app.connect("html-page-context", leave_out_widget_state, priority=900)  # after those that add scripts
