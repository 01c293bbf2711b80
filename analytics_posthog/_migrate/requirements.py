"""Files that say which packages an app needs: Segment's SDK there becomes this package."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ..version import VERSION
from .risks import Risk
from .sites import Edit, Site

_MAJOR: Final = int(VERSION.split(".")[0])
_NAME: Final = "analytics-posthog"
_VERSIONS: Final = f">={_MAJOR},<{_MAJOR + 1}"
_SEGMENT: Final = r"(?<![\w.-])(?:segment[-_.]analytics[-_.]python|analytics[-_.]python)(?![\w.-])"
_EXTRAS: Final = r"(?:\s*\[[^\]\n]*\])?"
_SPECS: Final = r"(?:\s*\(?\s*(?:[~=!<>^]=?=?)\s*[\w.*+!-]+(?:\s*,\s*(?:[~=!<>]=?=?)\s*[\w.*+!-]+)*(?:\s*\))?)?"
_FOUND: Final = rf"(?P<all>{_SEGMENT}{_EXTRAS}{_SPECS})"
# A line of a requirements file, of setup.cfg or tox.ini, or an item of a list in YAML.
_LINE: Final = re.compile(rf"^[ \t]*(?:-[ \t]+|\w+[ \t]*=[ \t]*)?{_FOUND}(?P<rest>[^\n]*)", re.M | re.I)
# A text in Python or TOML, perhaps with a marker behind.
_TEXT: Final = re.compile(rf"[\"']{_FOUND}(?=[ \t]*[\"';@])", re.I)
# `name = "^2.3"` or `name = {version = "^2.3", ...}`, as in Pipfile and with poetry.
_KEY: Final = re.compile(
    rf"^[ \t]*(?P<quote>[\"']?)(?P<all>{_SEGMENT})(?P=quote)[ \t]*=[ \t]*(?P<value>[^\n]*)", re.M | re.I
)
_VERSION: Final = re.compile(r"(?P<before>^|version\s*=\s*)(?P<quote>[\"'])(?P<version>[^\"'\n]*)(?P=quote)")
_LOCKS: Final = {
    "poetry.lock": "poetry lock",
    "uv.lock": "uv lock",
    "Pipfile.lock": "pipenv lock",
    "pdm.lock": "pdm lock",
    "pixi.lock": "pixi lock",
    "pylock.toml": "the tool that made it",
}


def reader(path: Path) -> Callable[[str, Path], Iterator[Site]] | None:
    """Return what finds the sites in such a file; None for a file that says nothing about packages."""
    name = path.name.lower()
    if path.name in _LOCKS:
        return _of_lock
    if name in ("pyproject.toml", "pipfile"):
        return _of_toml
    if name == "setup.py":
        return _of_texts
    if name in ("setup.cfg", "tox.ini") or (name.startswith("environment") and name.endswith((".yml", ".yaml"))):
        return _of_lines
    is_text = name.endswith((".txt", ".in", ".pip"))
    if is_text and ("requirements" in name or "constraints" in name or path.parent.name == "requirements"):
        return _of_lines
    return None


def _of_lines(text: str, path: Path) -> Iterator[Site]:
    for found in _LINE.finditer(text):
        if "--hash" in found["rest"] or found["rest"].rstrip().endswith("\\"):
            yield _left(text, path, found, "it has hashes. Compile the file again")
        else:
            yield _changed(text, path, found, [Edit(*found.span("all"), f"{_NAME}{_VERSIONS}")])


def _of_texts(text: str, path: Path) -> Iterator[Site]:
    for found in _TEXT.finditer(text):
        if not _in_comment(text, found.start()):
            yield _changed(text, path, found, [Edit(*found.span("all"), f"{_NAME}{_VERSIONS}")])


def _of_toml(text: str, path: Path) -> Iterator[Site]:
    keys = list(_KEY.finditer(text))
    for found in keys:
        version = _VERSION.search(found["value"])
        if version is None:
            yield _left(text, path, found, "it has no version of a package index")
            continue
        start = found.start("value")
        edits = [Edit(*found.span("all"), _NAME)]
        if version["version"] != "*":
            edits.append(Edit(start + version.start("version"), start + version.end("version"), _VERSIONS))
        yield _changed(text, path, found, edits)
    taken = [found.span() for found in keys]
    for site in _of_texts(text, path):
        if not any(start <= edit.start < end for edit in site.edits for start, end in taken):
            yield site


def _of_lock(text: str, path: Path) -> Iterator[Site]:
    found = re.search(_SEGMENT, text, re.I)
    if found is not None:
        yield Site(str(path), _line(text, found), Risk.of("lock", why=_LOCKS[path.name]))


def _in_comment(text: str, place: int) -> bool:
    return text[text.rfind("\n", 0, place) + 1 : place].lstrip().startswith("#")


def _changed(text: str, path: Path, found: re.Match[str], edits: list[Edit]) -> Site:
    return Site(str(path), _line(text, found), Risk.of("requirement", code=found["all"].strip()), edits)


def _left(text: str, path: Path, found: re.Match[str], why: str) -> Site:
    return Site(str(path), _line(text, found), Risk.of("requirement-left", code=found["all"].strip(), why=why))


def _line(text: str, found: re.Match[str]) -> int:
    start = found.start("all") if "all" in found.groupdict() else found.start()
    return text.count("\n", 0, start) + 1
