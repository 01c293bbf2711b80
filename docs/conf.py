"""How the site is built: `python -m sphinx -W -b html docs build/docs`, with the group `docs`."""

import re
from typing import Any

import analytics_posthog

project = "analytics-posthog"
author = "analytics-posthog contributors"
copyright = author
version = release = analytics_posthog.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
exclude_patterns = ["generate.py"]
suppress_warnings = ["misc.highlighting_failure"]  # PostHog's SQL has a $ in names

autodoc_typehints = "description"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = "analytics-posthog"
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False
# Styles whose colours have enough contrast.
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


def as_rst(app: Any, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Turn the Markdown of a docstring into what autodoc reads: code between two backquotes, a plain `phc_...`."""
    text = re.sub(r"`+([^`]+)`+", r"``\1``", "\n".join(lines))
    lines[:] = re.sub(r"\bphc_(?=\.\.\.)", r"phc\\_", text).split("\n")


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", as_rst)
