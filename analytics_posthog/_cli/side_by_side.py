"""Shows a message and its event side by side: each part of the event beside the part of the message that gave it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import unicodedata
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from .._origins import Convert, Path, origins
from .plain import plain

_OPENED: Final = ("$set", "$group_set", "$groups")  # shown by their keys
_MOST_LINES: Final = 3  # of a cell
_ARROW: Final = " -> "
_ADDED: Final = "(added)"
_NOT_SENT: Final = "(not sent)"
_NARROW: Final = 60  # columns; with fewer, the event is below the message


class Row(NamedTuple):
    """A part of the message, and what it became in the event; "" on the left means the same part as above."""

    left: str
    left_value: str
    right: str
    right_value: str


def rows(message: dict[str, Any], convert: Convert) -> list[Row]:
    """Return each part of a message with what it became in the event; what no part gave comes last."""
    found = origins(message, convert, _OPENED)
    made: dict[Path, list[Row]] = {}
    added: list[Row] = []
    for name, value in found.event.items():
        paths = found.paths[name]
        more = "".join(f" (+ {'.'.join(path)})" for path in paths[1:])
        row = Row("", "", plain(name), _json(value) + plain(more))
        (made.setdefault(paths[0], []) if paths else added).append(row)
    shown: list[Row] = []
    for path, value in found.parts.items():
        rights = made.get(path, [])
        if not rights and path in found.unused and value is not None and not isinstance(value, dict):
            rights = [Row("", "", _NOT_SENT, "")]
        shown += _beside(plain(".".join(path)), _json(value), rights)
    return shown + _beside(_ADDED, "", added)


def _beside(left: str, value: str, rights: list[Row]) -> list[Row]:
    return [row._replace(left=left, left_value=value) if not number else row for number, row in enumerate(rights)]


def _json(value: Any) -> str:
    return plain(json.dumps(value, ensure_ascii=False, default=str))


class Page:
    """Writes messages side by side to standard output: in colour in a terminal that has `rich`, else as plain text."""

    def __init__(self, convert: Convert) -> None:
        self._convert = convert
        self._width = max(shutil.get_terminal_size((80, 24)).columns, 20)
        self._write = _coloured() or _plain

    def show(self, place: str, message: dict[str, Any]) -> None:
        """Write one message; `place` says where it was read."""
        self._write([(f"{plain(place)}  {_json(message.get('type'))[1:-1]}", "bold")])
        for row in rows(message, self._convert):
            self._show(row)
        self._write([])

    def _show(self, row: Row) -> None:
        if self._width < _NARROW:
            self._stacked(row)
            return
        half = (self._width - len(_ARROW)) * 9 // 20  # PostHog's side has the uuid
        left, right = (
            _cell(row.left, row.left_value, half),
            _cell(row.right, row.right_value, self._width - len(_ARROW) - half),
        )
        for number in range(max(len(left), len(right))):
            text, is_name = left[number] if number < len(left) else ("", False)
            pieces = [(text + " " * (half - _width(text)), "cyan" if is_name else "")]
            text, is_name = right[number] if number < len(right) else ("", False)
            pieces += [(" " * len(_ARROW) if number else _ARROW, "dim"), (text, "green" if is_name else "")]
            self._write(pieces)

    def _stacked(self, row: Row) -> None:
        for text, is_name in _cell(row.left, row.left_value, self._width) if row.left else []:
            self._write([(text, "cyan" if is_name else "")])
        for number, (text, is_name) in enumerate(_cell(row.right, row.right_value, self._width - len(_ARROW))):
            self._write([(" " * len(_ARROW) if number else _ARROW, "dim"), (text, "green" if is_name else "")])


def _cell(name: str, value: str, width: int) -> list[tuple[str, bool]]:
    """Return a cell's lines, and whether each has the name. Name and value share a line if they fit."""
    if _width(name) + 2 + _width(value) <= width:
        return [(f"{name}  {value}".rstrip(), True)]
    return [(line, True) for line in _wrapped(name, width)] + [
        (f"  {line}", False) for line in _wrapped(value, width - 2)
    ]


def _wrapped(text: str, width: int) -> list[str]:
    """Cut a text into lines. A text that is too long ends in three dots."""
    lines = [""]
    used = 0
    for character in text:
        wide = _width(character)
        if used + wide > width:
            if len(lines) == _MOST_LINES:
                while _width(lines[-1]) + 3 > width:
                    lines[-1] = lines[-1][:-1]
                lines[-1] += "..."
                break
            lines.append("")
            used = 0
        lines[-1] += character
        used += wide
    return [line for line in lines if line]


def _width(text: str) -> int:
    """The columns that a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


Write = Callable[[list[tuple[str, str]]], None]


def _plain(pieces: list[tuple[str, str]]) -> None:
    sys.stdout.write("".join(text for text, _ in pieces).rstrip() + "\n")


def _coloured() -> Write | None:
    """Return what writes in colour; None where there is no terminal, or no `rich`. NO_COLOR is rich's to follow."""
    if not sys.stdout.isatty() or importlib.util.find_spec("rich") is None:
        return None
    from rich.console import Console
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)

    def write(pieces: list[tuple[str, str]]) -> None:
        console.print(Text.assemble(*pieces))

    return write
