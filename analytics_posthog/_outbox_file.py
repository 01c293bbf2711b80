"""One file of the outbox: a JSON message a line, appended by one process, which holds a lock on it for as long as it lives."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from ._values import json_default

try:
    import fcntl
except ImportError:  # Windows
    SUPPORTED = False
else:
    SUPPORTED = True

SUFFIX: Final = ".jsonl"
CORRUPT: Final = ".corrupt"
_CHUNK: Final = 64 * 1024
_FLAGS: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class NotOurs(Exception):
    """A file that this process may not take: another one's, or not a plain file of this user."""


class OutboxFile:
    """Not thread-safe: the Outbox calls it under its lock. `open` counts lines that are being sent, `kept` has the offsets of
    lines that are to be sent again, the next one last."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.size = os.fstat(fd).st_size
        self.open = 0
        self.kept = array("Q")
        self.corrupt = False
        self._fd = fd

    @classmethod
    def create(cls, directory: Path) -> OutboxFile:
        """Make a new, locked file. It gets its name when it is locked, so that nobody else takes it in between."""
        path = directory / f"{os.getpid()}-{uuid4().hex}{SUFFIX}"
        unlocked = path.with_suffix(".new")
        fd = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | _FLAGS, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unlocked.rename(path)
        except BaseException:
            os.close(fd)
            raise
        return cls(path, fd)

    @classmethod
    def take_over(cls, path: Path) -> OutboxFile:
        """Lock a dead process's file; all of its lines are to be sent. Raises NotOurs, or OSError if it can't be read."""
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NONBLOCK | _FLAGS)
        try:
            found = os.fstat(fd)
            if not os.path.isfile(fd) or found.st_uid != os.geteuid():
                raise NotOurs
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise NotOurs from error
            if os.fstat(fd).st_nlink == 0:  # its owner was done with it just now
                raise NotOurs
            file = cls(path, fd)
            file.kept.extend(reversed(list(file._offsets())))  # they are taken from the end: the oldest first
            return file
        except BaseException:
            os.close(fd)
            raise

    def append(self, line: bytes, to_disk: bool) -> int:
        """Write a whole line, or nothing; return its offset. Raises OSError."""
        offset = self.size
        try:
            if os.write(self._fd, line) != len(line):
                raise OSError(28, "no space left for the whole line")
            if to_disk:
                os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, offset)
            raise
        self.size += len(line)
        return offset

    def message(self, offset: int) -> dict[str, Any] | None:
        """Return the message of a line; None, and the file is marked as corrupt, if the line has none."""
        try:
            found = json.loads(self._line(offset), parse_constant=lambda _: None)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            self.corrupt = True
            return None
        return found

    def empty(self) -> None:
        """Forget all lines; they are dealt with."""
        os.ftruncate(self._fd, 0)
        self.size = 0

    def close(self, *, remove: bool) -> None:
        """Let go of the file; with `remove`, it is done with. What was corrupt in it stays, under another name, for a person to see."""
        try:
            if remove and self.corrupt:
                self.path.rename(self.path.with_suffix(CORRUPT))
            elif remove:
                self.path.unlink()
        except OSError:  # somebody tidied up
            pass
        finally:
            os.close(self._fd)

    def abandon(self) -> None:
        """Close a descriptor inherited from a parent, whose lock stays."""
        os.close(self._fd)

    def _line(self, offset: int) -> bytes:
        parts: list[bytes] = []
        while chunk := os.pread(self._fd, _CHUNK, offset):
            end = chunk.find(b"\n")
            if end >= 0:
                parts.append(chunk[:end])
                break
            parts.append(chunk)
            offset += len(chunk)
        return b"".join(parts)

    def _offsets(self) -> Iterator[int]:
        """Yield where each whole line begins. A torn last line belongs to a call that never returned."""
        begin = position = 0
        while chunk := os.pread(self._fd, _CHUNK, position):
            end = chunk.find(b"\n")
            while end >= 0:
                if position + end > begin:  # no empty line
                    yield begin
                begin = position + end + 1
                end = chunk.find(b"\n", end + 1)
            position += len(chunk)


def line(message: dict[str, Any]) -> bytes:
    """Return a message as a line; dates in ISO 8601, as Segment's client writes them."""
    return json.dumps(message, default=json_default, separators=(",", ":")).encode() + b"\n"
