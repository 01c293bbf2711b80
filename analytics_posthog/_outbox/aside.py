"""What can't be sent but must not vanish: the names of an outbox's files, and those that are kept for a person to see.

An outbox touches only files of its own form: `<process>-<32 hex digits>` and a suffix. Whatever else is in the
directory is neither read, nor deleted, nor counted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from .line import to_line

SUFFIX: Final = ".jsonl"
CORRUPT: Final = ".corrupt"  # had lines that are not messages
REFUSED: Final = ".refused"  # messages that PostHog has refused, each with the reason
MAX_ASIDE: Final = 16 * 1024 * 1024  # bytes of all files of one of these two kinds; the oldest goes first
_STEM: Final = re.compile(r"[0-9]{1,10}-[0-9a-f]{32}")
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


def new_name(suffix: str) -> str:
    """Return a name for a file that isn't there yet."""
    return f"{os.getpid()}-{uuid4().hex}{suffix}"


def is_ours(name: str, suffixes: Iterable[str] = (SUFFIX,)) -> bool:
    """Whether an outbox gives such a name."""
    stem, suffix = os.path.splitext(name)
    return suffix in suffixes and _STEM.fullmatch(stem) is not None


def sizes(directory: Path, suffix: str) -> Iterator[tuple[float, str, int]]:
    """Yield the time, the name and the bytes of each file of this user with such a name."""
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if not is_ours(entry.name, (suffix,)):
                continue
            with suppress(OSError):  # gone since
                found = entry.stat(follow_symlinks=False)
                if entry.is_file(follow_symlinks=False) and found.st_uid == os.geteuid():
                    yield found.st_mtime, entry.name, found.st_size


def make_room(directory: Path, suffix: str, size: int) -> bool:
    """Delete the oldest files of a kind until `size` more bytes fit. Return False if they never do."""
    there = sorted(sizes(directory, suffix))
    held = sum(size for _, _, size in there)
    for _, name, freed in there:
        if held + size <= MAX_ASIDE:
            break
        with suppress(OSError):
            (directory / name).unlink()
            held -= freed
    return size <= MAX_ASIDE


class Refused:
    """The file of one process's refused messages; the first makes it. Not thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path: Path | None = None

    def write(self, reason: str, messages: Iterable[dict[str, Any]]) -> None:
        """Add messages with their reason. What can't be written was reported all the same."""
        with suppress(OSError, ValueError, TypeError, RecursionError):
            data = b"".join(to_line({"reason": reason, "message": message}) for message in messages)
            path = self._path
            if path is None or not path.exists() or path.stat().st_size + len(data) > MAX_ASIDE // 4:
                path = self._path = self._directory / new_name(REFUSED)
            if not make_room(self._directory, REFUSED, len(data)):
                return
            fd = os.open(path, _FLAGS, 0o600)
            try:
                os.write(fd, data)
            finally:
                os.close(fd)
