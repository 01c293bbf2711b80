"""The docs are plain English: short sentences, and none of the phrases that make readers stop.

CI also runs proselint on them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import analytics_posthog

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md"]
PAGES += sorted((ROOT / "docs").glob("*.md"))
PACKAGE = Path(analytics_posthog.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_WORDS = 28
STOPS = re.compile(r"(?<=[.!?])[)*`\"]*\s+")
PHRASES = re.compile(
    r"\b(?:is told|are told|what nothing fits|of which|whereof|thereof|in silence|for whom|as well as that"
    r"|utili[sz]e|leverage|seamless\w*|simply|obviously|of course|e\.g\.|i\.e\.|etc\.)\b",
    re.I,
)


def prose(page: Path) -> str:
    """A page without code, tables, comments, headings and lists of links."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$|<!--.*?-->|^(?:\[\w+\]: |\||#|    )[^\n]*$", "\n", text, flags=re.M | re.S)
    text = re.sub(r"`[^`]*`", "code", text)
    text = re.sub(r"!?\[([^]]*)\][\[(][^])]*[\])]", r"\1", text)
    return re.sub(r"^(?:\d+\.|-) | · ?", "\n\n", text, flags=re.M)


def sentences_of(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text):
        yield from STOPS.split(" ".join(paragraph.split()))


def sentences(page: Path) -> Iterator[str]:
    return sentences_of(prose(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_sentence_is_long(page: Path) -> None:
    assert [one for one in sentences(page) if len(one.split()) > MOST_WORDS] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_sentence_has_a_phrase_that_readers_stop_at(page: Path) -> None:
    assert [one for one in sentences(page) if PHRASES.search(one)] == []


def docstrings(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from sentences_of(re.sub(r"`[^`]*`", "code", ast.get_docstring(node) or ""))


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_no_sentence_of_a_docstring_is_long(file: Path) -> None:
    is_list = "Read in this order"  # of the files of a wing
    assert [one for one in docstrings(file) if len(one.split()) > MOST_WORDS and not one.startswith(is_list)] == []
