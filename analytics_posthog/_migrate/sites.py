"""A place in the code that has to do with Segment's SDK: what it is, and the edits that change it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import libcst as cst

from .risks import Risk
from .source import Source


class Edit(NamedTuple):
    """Replaces the text from `start` to `end`."""

    start: int
    end: int
    text: str


class Site(NamedTuple):
    """A place that is no call: its risk, and its edits if `--write` changes it."""

    file: str
    line: int
    risk: Risk
    edits: Sequence[Edit] = ()

    @classmethod
    def at(cls, source: Source, node: cst.CSTNode, risk: Risk, edits: Sequence[Edit] = ()) -> Site:
        """Return the site of a node."""
        return cls(str(source.path), source.line(node), risk, edits)


def replaced(source: Source, node: cst.CSTNode, text: str) -> Edit:
    """Return the edit that replaces a node."""
    return Edit(*source.span(node), text)


def applied(text: str, edits: Iterable[Edit]) -> str:
    """Return a text with all edits, each once; one inside an earlier one is left out."""
    parts, end = [], 0
    for edit in sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end)):
        if edit.start < end:
            continue
        parts += [text[end : edit.start], edit.text]
        end = edit.end
    return "".join([*parts, text[end:]])
