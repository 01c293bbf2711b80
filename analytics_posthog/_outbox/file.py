"""One file of the outbox: a JSON message a line. One process writes it, and holds a lock on it as long as it lives."""

from __future__ import annotations

import errno
import os
import stat
from array import array
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from .aside import make_room
from .names import CORRUPT, SUFFIX, new_name

SUPPORTED: Final = find_spec("fcntl") is not None  # not on Windows
_CHUNK: Final = 64 * 1024
_MAX_LINE: Final = 64 * 1024 * 1024  # bytes; no message has more, a damaged file may
_FLAGS: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class NotOurs(Exception):
    """A file that another living process has, or has just done with."""


class OutboxFile:
    """Not thread-safe: the directory calls it under its lock.

    `open` counts the lines that are being sent. `kept` has the offsets of lines to be sent again, the next one last.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.size = os.fstat(fd).st_size
        self.open = 0
        self.kept = array("Q")
        self.corrupt = False  # has lines that are not messages
        self.torn = False  # ends in a part of a line
        self._fd = fd

    @classmethod
    def create(cls, directory: Path, to_disk: bool = False) -> OutboxFile:
        """Make a new, locked file. Raises OSError."""
        for _ in range(10):
            path = directory / new_name(SUFFIX)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | _FLAGS
            try:
                fd = os.open(path, flags, 0o600)
            except FileNotFoundError:  # somebody has removed the directory
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                fd = os.open(path, flags, 0o600)
            try:
                os.fchmod(fd, 0o600)  # the umask may have taken too much
                _lock(fd, path)
                if to_disk:
                    _sync_directory(directory)
                return cls(path, fd)
            except NotOurs:  # somebody looked whether it was a dead process's, and has deleted it or will
                os.close(fd)
            except BaseException:
                os.close(fd)
                path.unlink(missing_ok=True)
                raise
        raise OSError(errno.EAGAIN, "others take each new file")

    @classmethod
    def take_over(cls, path: Path) -> OutboxFile:
        """Lock a dead process's file, to send all of its lines. Raises NotOurs, or OSError if it can't be read."""
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NONBLOCK | _FLAGS)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                raise OSError(errno.EPERM, "not a plain file of this user")
            _lock(fd, path)
            file = cls(path, fd)
            file._find_lines()
            return file
        except BaseException:
            os.close(fd)
            raise

    def append(self, line: bytes, to_disk: bool) -> int:
        """Write a whole line, or nothing; return its offset. Raises OSError."""
        offset = self.size
        try:
            if os.write(self._fd, line) != len(line):
                raise OSError(errno.ENOSPC, "no space left for the whole line")
            if to_disk:
                os.fsync(self._fd)
        except OSError:
            self.torn = True
            os.ftruncate(self._fd, offset)
            self.torn = False
            raise
        self.size += len(line)
        return offset

    def empty(self) -> bool:
        """Forget all lines, which are dealt with; return whether that worked."""
        try:
            os.ftruncate(self._fd, 0)
        except OSError:
            return False
        self.size = 0
        return True

    def is_gone(self) -> bool:
        """Whether somebody has deleted it."""
        return os.fstat(self._fd).st_nlink == 0

    def close(self, *, remove: bool) -> None:
        """Let go of the file; with `remove`, delete it, or, if it has corrupt lines, rename it for a person to see."""
        try:
            if remove and self.corrupt and make_room(self.path.parent, CORRUPT, self.size):
                self.path.rename(self.path.with_suffix(CORRUPT))
            elif remove:
                self.path.unlink()
        except OSError:  # somebody tidied up
            pass
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the descriptor. A forked child's closing leaves its parent's lock as it is."""
        with suppress(OSError):
            os.close(self._fd)

    def line(self, offset: int) -> bytes:
        """Return a line; b"", which is no message, for one that can't be read or is longer than any of ours."""
        parts: list[bytes] = []
        end = -1
        try:
            while end < 0 and len(parts) * _CHUNK < _MAX_LINE and (chunk := os.pread(self._fd, _CHUNK, offset)):
                end = chunk.find(b"\n")
                parts.append(chunk if end < 0 else chunk[:end])
                offset += len(chunk)
        except OSError:
            end = -1
        return b"".join(parts) if end >= 0 else b""

    def _find_lines(self) -> None:
        """Keep where each whole line begins. A torn last line belongs to a call that never returned."""
        begin = position = 0
        while chunk := os.pread(self._fd, _CHUNK, position):
            end = chunk.find(b"\n")
            while end >= 0:
                if position + end > begin:  # no empty line
                    self.kept.append(begin)
                begin = position + end + 1
                end = chunk.find(b"\n", end + 1)
            position += len(chunk)
        self.torn = begin < position
        self.kept.reverse()  # they are taken from the end: the oldest first


def _lock(fd: int, path: Path) -> None:
    """Lock a file. Raises NotOurs if another process has it or it was deleted meanwhile; OSError without locks."""
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(fd), os.lstat(path)):
            return
    except (BlockingIOError, FileNotFoundError):
        pass
    raise NotOurs


def _sync_directory(directory: Path) -> None:
    """Make a new file's name survive the power too."""
    fd = os.open(directory, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
