"""What an outbox's directory holds, for a person to see. Reads only: no file is changed or taken over."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InvalidSetting
from .line import from_line
from .names import CORRUPT, REFUSED, SUFFIX, sizes


@dataclass
class Contents:
    """The messages that wait: their number, since when (the earliest timestamp), calls, bytes and files.

    `in_use` of them are in files of processes that run: these send them, and have sent some of them already. `refused`
    counts the messages that PostHog has refused, by the reason; `corrupt` the lines in files that had some that are no
    messages.
    """

    waiting: int = 0
    in_use: int = 0
    since: str | None = None
    calls: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    files: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    corrupt: int = 0


def contents(directory: str | os.PathLike[str]) -> Contents:
    """Return what a directory holds. Raises InvalidSetting if it can't be read."""
    place, found = _checked(directory), Contents()
    for _, name, size in sizes(place, SUFFIX):
        found.files += 1
        found.bytes += size
        used = _is_used(place / name)
        for message in _messages(place / name):
            found.waiting += 1
            found.in_use += used
            found.calls[str(message.get("type"))] += 1
            timestamp = message.get("timestamp")
            if isinstance(timestamp, str) and (found.since is None or timestamp < found.since):
                found.since = timestamp
    for line in _lines(place, REFUSED):
        kept = from_line(line)
        found.refused[str(kept["reason"]) if kept and "reason" in kept else "unknown"] += 1
    found.corrupt = sum(1 for _ in _lines(place, CORRUPT))
    return found


def messages(directory: str | os.PathLike[str]) -> Iterator[bytes]:
    """Yield the messages that wait, each as a line of JSON, file by file. Raises InvalidSetting."""
    place = _checked(directory)
    for _, name, _ in sorted(sizes(place, SUFFIX)):
        for message in _messages(place / name):
            yield json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _checked(directory: str | os.PathLike[str]) -> Path:
    place = Path(directory)
    try:
        os.listdir(place)
    except OSError as error:
        raise InvalidSetting(
            f"DIR {os.fspath(directory)!r} can't be read: {error.strerror}. Name the outbox"
        ) from error
    return place


def _messages(path: Path) -> Iterator[dict[str, Any]]:
    with suppress(OSError), path.open("rb") as file:
        for line in file:
            message = from_line(line) if line.endswith(b"\n") else None  # else a call is just writing it
            if message is not None and isinstance(message.get("type"), str):
                yield message


def _lines(place: Path, suffix: str) -> Iterator[bytes]:
    for _, name, _ in sizes(place, suffix):
        with suppress(OSError), (place / name).open("rb") as file:
            yield from file


def _is_used(path: Path) -> bool:
    """Whether a running process has the file."""
    try:
        import fcntl

        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        pass
    return False
