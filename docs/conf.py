"""Sphinx configuration: ``sphinx-build -W docs build/docs`` (``pip install "tfstyle[docs]"`` first)."""

import pathlib
import sys

import tfstyle

sys.path.append(str(pathlib.Path(__file__).parent / "_ext"))

project = "tfstyle"
author = "the tfstyle authors"
copyright = "2026, the tfstyle authors"  # noqa: A001 - Sphinx's name
version = release = tfstyle.__version__

extensions = ["mathml", "modules", "myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_ext"]

# Prose.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
suppress_warnings = [
    "mystnb.unknown_mime_type",
    "ref.python",
]  # Public names exist twice: at the top and in their module.

# The lesson runs when the site is built.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

# Docstrings.
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_use_ivar = True
napoleon_use_rtype = False
add_module_names = False

# Appearance: everything is served from the site itself.
html_theme = "furo"
html_title = "tfstyle"
html_static_path = ["_static"]
html_css_files = ["tfstyle.css"]
html_show_sphinx = False
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "native"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#9a5b00",
        "color-brand-content": "#9a5b00",
        "font-stack": "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
    },
    "dark_css_variables": {"color-brand-primary": "#f0b34d", "color-brand-content": "#f0b34d"},
}
