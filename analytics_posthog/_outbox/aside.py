"""What can't be sent is kept in the outbox's directory for a person to see, up to a limit of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from .line import to_line
from .names import REFUSED, new_name, sizes

MAX_ASIDE: Final = 16 * 1024 * 1024  # bytes of all files of one of these two kinds; the oldest goes first
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


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
