"""Reads files of messages line by line, and makes a clean message of a line. Gzip or not, as the first bytes say.

What it does not do: know more sources than files and standard input.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final, cast

from ._message import refusal, stringify_id
from ._values import Pass, clean_dict
from .convert import EVENTS
from .errors import InvalidMessage

_LONGEST: Final = 32 * 1024 * 1024  # bytes of a line; Segment takes messages of 32 KiB
_BOM: Final = b"\xef\xbb\xbf"
_IDS: Final = ("userId", "anonymousId", "groupId", "previousId", "messageId")


def read(name: str, refuse: Callable[[str, str], None]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file that aren't blank, with their numbers from 1; "-" is standard input.

    `refuse(place, reason)` is told what can't be read; what comes before it is yielded all the same.
    """
    shown = name_of(name)
    try:
        with sys.stdin.buffer if name == "-" else open(name, "rb") as opened:
            buffered = cast(io.BufferedReader, opened)
            zipped = buffered.peek(2)[:2] == b"\x1f\x8b"
            with cast(BinaryIO, gzip.GzipFile(fileobj=buffered)) if zipped else buffered as lines:
                yield from _lines(lines, shown, refuse)
    except (OSError, ValueError) as error:  # a path with a null byte is a ValueError
        refuse(shown, f"can't be read: {getattr(error, 'strerror', None) or type(error).__name__}")
    except (EOFError, zlib.error):
        refuse(shown, "its gzip is cut off or damaged; what comes before was converted")


def _lines(lines: BinaryIO, shown: str, refuse: Callable[[str, str], None]) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := lines.readline(_LONGEST):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        if len(line) == _LONGEST and not line.endswith(b"\n"):
            refuse(f"{shown}:{number}", f"the line has more than {_LONGEST // 1024 // 1024} MiB")
            while line and not line.endswith(b"\n"):
                line = lines.readline(_LONGEST)
        elif line.strip():
            yield number, line


def parse(line: bytes) -> dict[str, Any]:
    """Return the message of a line, cleaned as a call's is. Raises InvalidMessage with a reason that doesn't repeat any of it."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        where = f" (column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidMessage(f"not JSON{where}") from None
    if not isinstance(found, dict):
        raise InvalidMessage("JSON, but not an object")
    message = clean_dict(found, Pass())
    if message.get("type") not in EVENTS if isinstance(message.get("type"), str) else True:
        raise InvalidMessage("not a Segment message: its type must be one of " + ", ".join(EVENTS))
    if message["type"] == "track" and not isinstance(message.get("event"), str):
        raise InvalidMessage("track needs an event name: a string")
    for field in _IDS:
        if field in message:
            message[field] = None if isinstance(message[field], (bool, dict, list)) else stringify_id(message[field])
    why = refusal({"userId": None, **message})
    if why is not None:
        raise InvalidMessage(why.partition(". Pass")[0])
    if message.get("timestamp") is not None and not isinstance(message["timestamp"], str):
        raise InvalidMessage("its timestamp is no string")
    return message


def name_of(name: str) -> str:
    """Return what a source is called in a line for people."""
    return "standard input" if name == "-" else name
