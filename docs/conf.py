"""How the site is built: `python -m sphinx -W -b html docs build/docs`, with the group `docs`."""

import re
from pathlib import Path
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
html_favicon = str(Path(analytics_posthog.__file__).parent / "_inspector" / "page" / "icon.svg")
html_theme_options = {"light_css_variables": {"color-code-background": "#f6f6f6"}}
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


# What Furo's pages lack for people who use the keyboard or a screen reader.
ACCESSIBLE = (
    ("<pre>", '<pre tabindex="0">'),
    ('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper'),
    ('role="heading">', 'role="heading" aria-level="2">'),
    ('<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="All pages">'),
    ('<aside class="toc-drawer', '<aside aria-label="On this page" class="toc-drawer'),
)


def make_accessible(app: Any, error: Exception | None) -> None:
    """Complete the pages that were written."""
    for page in Path(app.outdir).glob("*.html") if error is None else ():
        text = page.read_text(encoding="utf-8")
        for lacking, complete in ACCESSIBLE:
            text = text.replace(lacking, complete)
        page.write_text(text, encoding="utf-8")


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", as_rst)
    app.connect("build-finished", make_accessible)
