"""An app's files: what is found in all of them, and what they become."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from .calls import CallSite
from .files import read
from .names import CLONES, Project
from .requirements import reader
from .scan import Constants, scan
from .sites import Edit, Site, applied
from .source import CantParse, Source

_PYTHON: Final = (".py", ".pyi")
# A file without any of these has no call, import or setting of Segment's; it isn't parsed.
_CLONES: Final = "|".join(name.rpartition(".")[2] for name in CLONES)
_HINT: Final = re.compile(
    rf"analytics|segment|\b(?:track|identify|screen|alias|group|page)\s*\(|\.write_key\b|{_CLONES}".encode()
)
_NOTEBOOK: Final = re.compile(rb"segment[./]analytics|import analytics\b|segment import analytics")


class Change(NamedTuple):
    """What a file becomes."""

    path: Path
    before: bytes
    after: bytes


class App:
    """What is found in an app: calls and other places by file and line, and the files that were left, with why."""

    def __init__(self) -> None:
        self.files = 0
        self.calls: list[CallSite] = []
        self.sites: list[Site] = []
        self.left: list[tuple[str, str]] = []
        self.changes: list[Change] = []


def read_app(paths: Iterable[Path]) -> App:
    """Read an app's files."""
    app = App()
    sources, python = [], []
    for path in paths:
        is_python = path.suffix in _PYTHON
        find = reader(path)
        if is_python:
            python.append(path)
        elif find is None and path.suffix != ".ipynb":
            continue
        app.files += 1
        data = read(path)
        if isinstance(data, str):
            app.left.append((str(path), data))
            continue
        if find is not None:
            _read_requirements(app, path, data)
        if path.suffix == ".ipynb" and _NOTEBOOK.search(data):
            app.left.append((str(path), "it is a notebook. Change its imports by hand"))
        if is_python and _HINT.search(data):
            try:
                sources.append((Source(path, data), data))
            except CantParse as error:
                app.left.append((str(path), str(error)))
    _read_sources(app, sources, python)
    app.calls.sort(key=lambda call: (call.file, call.line, call.column))
    app.sites.sort(key=lambda site: (site.file, site.line))
    app.changes.sort()
    return app


def _read_requirements(app: App, path: Path, data: bytes) -> None:
    find = reader(path)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        app.left.append((str(path), "it isn't UTF-8"))
        return
    assert find is not None
    sites = list(find(text, path))
    app.sites += sites
    if path.suffix not in _PYTHON:
        _change(app, path, data, applied(text, _edits(sites)).encode())


def _read_sources(app: App, sources: list[tuple[Source, bytes]], python: list[Path]) -> None:
    project = Project([source for source, _ in sources], python)
    constants = Constants(project)
    for source, data in sources:
        try:
            found = scan(project.names[source.path], constants)
        except RecursionError:
            app.left.append((str(source.path), "it is nested too deep"))
            continue
        app.calls += found.calls
        app.sites += found.sites
        edits = found.all_edits()
        find = reader(source.path)
        if find is not None:  # setup.py
            edits += _edits(find(source.text, source.path))
        _change(app, source.path, data, source.encoded(applied(source.text, edits)))


def _edits(sites: Iterable[Site]) -> Iterator[Edit]:
    for site in sites:
        yield from site.edits


def _change(app: App, path: Path, before: bytes, after: bytes) -> None:
    if after != before:
        app.changes.append(Change(path, before, after))
