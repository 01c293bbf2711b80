"""Shows a message and its event side by side: each thing in the event stands beside what it was made from.

Where something comes from is found by trying: the message is converted again without one of its parts, and what is then
missing or different in the event came from that part. So this never disagrees with the conversion.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

Convert = Callable[[dict[str, Any]], dict[str, Any]]
Path = tuple[str, ...]

_OPENED: Final = ("$set", "$group_set", "$groups")  # shown by their keys
_DEEPEST: Final = 3  # context.page.url
_MOST_PARTS: Final = 300  # of a message, that are tried; the rest is shown without its origin
_MOST_LINES: Final = 3  # of a cell
_OTHER: Final = "https://side-by-side.invalid/"
_ARROW: Final = " -> "
_ADDED: Final = "(added)"
_NOT_SENT: Final = "(not sent)"
_NARROW: Final = 60  # columns; below, event stands under message


class Row(NamedTuple):
    """A part of the message, and what it became in the event; "" on the left: the same part as above."""

    left: str
    left_value: str
    right: str
    right_value: str


def rows(message: dict[str, Any], convert: Convert) -> list[Row]:
    """Return what became of each part of a message, in the message's order; what no part gave comes last."""
    parts = dict(islice(_parts(message), _MOST_PARTS))
    whole = _flat(convert(message))
    changed = {path: _changed(message, path, whole, convert) for path in parts}
    made: dict[Path, list[Row]] = {}
    added: list[Row] = []
    for name, value in whole.items():
        origins = _origins(name, value, parts, changed, message)
        more = "".join(f" (+ {'.'.join(path)})" for path in origins[1:])
        row = Row("", "", _shown(name), _json(value) + _shown(more))
        (made.setdefault(origins[0], []) if origins else added).append(row)
    found: list[Row] = []
    for path, value in parts.items():
        rights = made.get(path, [])
        if not rights and not changed[path] and value not in (None, {}) and not isinstance(value, dict):
            rights = [Row("", "", _NOT_SENT, "")]
        found += _beside(_shown(".".join(path)), _json(value), rights)
    return found + _beside(_ADDED, "", added)


def _beside(left: str, value: str, rights: list[Row]) -> list[Row]:
    return [row._replace(left=left, left_value=value) if not number else row for number, row in enumerate(rights)]


def _parts(message: dict[str, Any], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Each part of a message, down to what the conversion looks at, from outside to inside."""
    for key, value in message.items():
        yield (*above, key), value
        if isinstance(value, dict) and len(above) + 1 < _DEEPEST:
            yield from _parts(value, (*above, key))


def _changed(message: dict[str, Any], path: Path, whole: dict[str, Any], convert: Convert) -> set[str]:
    """What in the event depends on a part of the message."""
    if path == ("type",):  # without it there is no event
        return {"event"}
    tries = [_changing(message, path)]
    if isinstance(_at(message, path), str):
        # One that another part stands in for, with an equal result, is only seen by another value.
        tries.append(_changing(message, path, _OTHER))
    flats = [_flat(convert(changed)) for changed in tries]
    return {name for name, value in whole.items() if any(name not in flat or flat[name] != value for flat in flats)}


def _changing(message: dict[str, Any], path: Path, *other: str) -> dict[str, Any]:
    """The message without a part, or with another value in it."""
    copy = dict(message)
    key, inside = path[0], path[1:]
    if inside:
        copy[key] = _changing(copy[key], inside, *other)
    elif other:
        copy[key] = other[0]
    else:
        del copy[key]
    return copy


def _at(message: dict[str, Any], path: Path) -> Any:
    value: Any = message
    for key in path:
        value = value[key]
    return value


def _flat(event: dict[str, Any]) -> dict[str, Any]:
    """The event by its parts' names; the distinct id, which stands in the properties once more, only once."""
    flat = {name: value for name, value in event.items() if name != "properties"}
    for name, value in event["properties"].items():
        if name in _OPENED and isinstance(value, dict) and value:
            flat.update({f"{name}.{key}": inner for key, inner in value.items()})
        elif name != "distinct_id":
            flat[name if name not in flat else f"properties.{name}"] = value
    return flat


def _origins(name: str, value: Any, parts: dict[Path, Any], changed: dict[Path, set[str]], message: dict[str, Any]) -> list[Path]:
    if name == "event":
        return [("event",) if message.get("type") == "track" else ("type",)]
    found = [path for path in parts if name in changed[path]]
    same = [path for path in found if _says(parts[path], value)]
    if same:
        return [max(same, key=len)]
    return [path for path in found if not any(other[: len(path)] == path and other != path for other in found)]


def _says(part: Any, value: Any) -> bool:
    return bool(type(part) is type(value) and part == value) or (
        isinstance(value, str) and not isinstance(part, (dict, list)) and str(part) == value
    )


def _json(value: Any) -> str:
    return _shown(json.dumps(value, ensure_ascii=False, default=str))


def _shown(text: str) -> str:
    """Return a text without characters that a terminal takes for commands, or that turn the direction of writing."""
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


class Page:
    """Writes messages side by side to standard output: in colour in a terminal if `rich` is there, else as plain text."""

    def __init__(self, convert: Convert) -> None:
        self._convert = convert
        self._width = max(shutil.get_terminal_size((80, 24)).columns, 20)
        self._write = _coloured() or _plain

    def show(self, place: str, message: dict[str, Any]) -> None:
        """Write one message; `place` says where it stands."""
        self._write([(f"{_shown(place)}  {_json(message.get('type'))[1:-1]}", "bold")])
        for row in rows(message, self._convert):
            self._show(row)
        self._write([])

    def _show(self, row: Row) -> None:
        if self._width < _NARROW:
            self._stacked(row)
            return
        half = (self._width - len(_ARROW)) * 9 // 20  # PostHog's side has the uuid
        left, right = _cell(row.left, row.left_value, half), _cell(row.right, row.right_value, self._width - len(_ARROW) - half)
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
    """The lines of a cell, and whether each has the name: name and value on one line where they fit, else below each other."""
    if _width(name) + 2 + _width(value) <= width:
        return [(f"{name}  {value}".rstrip(), True)]
    return [(line, True) for line in _wrapped(name, width)] + [(f"  {line}", False) for line in _wrapped(value, width - 2)]


def _wrapped(text: str, width: int) -> list[str]:
    """Cut a text into lines; after some, the last one ends in three dots."""
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
