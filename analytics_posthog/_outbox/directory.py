"""The outbox's directory: this process's files in it, those of dead processes, and how much room is left.

What it does not do: know what a line says, send it, or report anything to the app.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from .._delivery import no_fork
from ..errors import InvalidSetting, QueueFull
from .aside import Refused
from .file import SUPPORTED, OutboxFile
from .names import CORRUPT, REFUSED, SUFFIX, is_ours, sizes

Place: TypeAlias = tuple[OutboxFile, int]  # a line: its file and offset

_PARTS: Final = (
    64  # of the outbox; when a file has its part of the bytes, a new one is begun, so that the old one can go
)
MAX_FILES: Final = 100  # that are open before others are taken over; the app needs descriptors too


def ready(outbox: str | os.PathLike[str]) -> Path:
    """Make the outbox's directory, for this user alone, if it is missing. Raises InvalidSetting if it can't be used."""
    if not SUPPORTED:
        raise InvalidSetting("outbox needs flock(), which this system doesn't have. Leave it out")
    try:
        directory = Path(outbox).absolute()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(directory.stat().st_mode)
        if mode & 0o077 and (
            mode & stat.S_ISVTX or any(not is_ours(name, (SUFFIX, CORRUPT, REFUSED)) for name in os.listdir(directory))
        ):
            raise InvalidSetting(
                "outbox must be a directory of its own, because no other user may read it. Name a new one"
            )
        if mode != 0o700:
            directory.chmod(0o700)
        os.listdir(directory)
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "not writable")
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidSetting):
            raise
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise InvalidSetting(
            f"outbox must be a directory of this process's user, which it can write to ({why})"
        ) from None
    return directory


class _Lock:
    """A reentrant lock that knows whether this thread holds it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._owner = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it. An interrupt at any point leaves it free, for the reason that `_interrupts.held` gives."""
        thread, before = threading.get_ident(), None
        try:
            self._lock.acquire()
            before, self._owner = self._owner, thread
            yield
        finally:
            if before is not None:
                self._owner = before
            try:  # noqa: SIM105  suppress() would be a call in front of the release
                self._lock.release()
            except RuntimeError:  # a signal's handler raised while this thread waited for the lock
                pass

    def is_mine(self) -> bool:
        """Whether this thread holds it."""
        return self._owner == threading.get_ident()


_opened: Final[list[OutboxDirectory]] = []  # of this process, and in a forked child also of its parent


class OutboxDirectory:
    """Any thread may call it. A forked child makes its own."""

    def __init__(self, path: Path, *, max_bytes: int, to_disk: bool) -> None:
        _leave_parents_files()
        self.path = path
        self.process = os.getpid()
        self._max_bytes = max_bytes
        self._to_disk = to_disk
        self._lock = _Lock()  # guards all below, and the files
        self._files: list[OutboxFile] = []
        self._current: OutboxFile | None = None  # the one that is written to
        self._refused = Refused(path)
        self._own = 0  # bytes in our files
        self._others = 0  # bytes in the rest, when it was last looked at
        self.stopped = False
        self.count()
        _opened.append(self)

    def is_interrupted(self) -> bool:
        """Whether this thread is using the directory already: this is a signal handler then, and must not interfere."""
        return self._lock.is_mine()

    def write(self, data: bytes) -> Place | None:
        """Write a line; None after `stop()`. Raises QueueFull when there is no room by our own bound, and OSError."""
        if self.is_interrupted():
            raise OSError(errno.EDEADLK, "a signal handler has interrupted a call")
        with self._lock.held():
            if self.stopped:
                return None
            if self._own + self._others + len(data) > self._max_bytes:
                raise QueueFull(
                    f"the outbox is full ({self._max_bytes} bytes). Raise outbox_max_bytes, "
                    "or see why PostHog takes nothing"
                )
            file = self._current
            if file is None or file.torn or file.size > self._max_bytes // _PARTS:
                self._current = None
                if file is not None:
                    self._tidy(file)
                with no_fork():  # a child must know each file that it inherits, to let go of its lock
                    file = self._current = OutboxFile.create(self.path, self._to_disk)
                    self._files.append(file)
            offset = file.append(data, self._to_disk)
            file.open += 1
            self._own += len(data)
            return file, offset

    def settle(self, *places: Place, keep: bool) -> None:
        """Note that lines are not being sent any more: they are done with, or are to be sent again."""
        with self._lock.held():
            for file, offset in places:
                file.open -= 1
                if keep:
                    file.kept.append(offset)
            for file in {file for file, _ in places}:
                if file in self._files:  # else it was closed since, with the lines in it
                    self._tidy(file)

    def kept(self) -> int:
        """Return how many lines are to be sent again."""
        with self._lock.held():
            return sum(len(file.kept) for file in self._files)

    def next(self) -> tuple[Place, bytes] | None:
        """Return a line that is to be sent again, which then counts as being sent; None if there is none."""
        with self._lock.held():
            for file in self._files:
                if file.kept:
                    offset = file.kept.pop()
                    file.open += 1
                    return (file, offset), file.line(offset)
        return None

    def mark_corrupt(self, place: Place) -> None:
        """Have the file of a line stay, under another name, when its lines are done with."""
        with self._lock.held():
            place[0].corrupt = True

    def others(self) -> list[Path]:
        """Return the files that other processes have, and forget a current file that somebody has deleted."""
        paths = sorted(path for path in self.path.glob(f"*{SUFFIX}") if is_ours(path.name))
        with self._lock.held():
            file = self._current
            if file is not None and file.is_gone():
                self._current = None
                self._tidy(file)
            mine = {file.path for file in self._files}
        return [path for path in paths if path not in mine]

    def take_over(self, path: Path) -> OutboxFile | None:
        """Take a dead process's file; None if enough are open. Raises NotOurs, or OSError if it can't be read."""
        with self._lock.held():
            if self.stopped or len(self._files) >= MAX_FILES:
                return None
            with no_fork():
                file = OutboxFile.take_over(path)
                self._files.append(file)
            self._own += file.size
            self._others -= file.size
            self._tidy(file)
            return file

    def set_aside(self, reason: str, messages: list[dict[str, Any]]) -> None:
        """Keep messages that PostHog has refused for a person to see, before their lines are done with."""
        with self._lock.held():
            self._refused.write(reason, messages)

    def stop(self) -> None:
        """Let go of the files, those that are done with and those that another process may now take over."""
        with self._lock.held():
            self.stopped = True
            self._current = None
            for file in list(self._files):
                self._tidy(file)
            for file in self._files:
                file.close(remove=False)
            self._files = []
        with suppress(ValueError):
            _opened.remove(self)

    def leave(self) -> None:
        """In a forked child, close what belongs to its parent, whose locks stay as they are."""
        self.stopped = True
        for file in self._files:
            file.abandon()

    def count(self) -> None:
        """Measure what the others have in the directory."""
        with self._lock.held():
            mine = {file.path.name for file in self._files}
        found = list(sizes(self.path, SUFFIX))
        with self._lock.held():
            mine |= {file.path.name for file in self._files}
            self._others = sum(size for _, name, size in found if name not in mine)

    def _tidy(self, file: OutboxFile) -> None:
        """Empty or delete a file whose lines are all done with."""
        if file.open or file.kept:
            return
        self._own -= file.size
        if file is self._current:
            if not file.size or file.empty():
                return
            self._current = None
        self._files.remove(file)
        file.close(remove=True)


def _leave_parents_files() -> None:
    for directory in list(_opened):
        if directory.process != os.getpid():
            directory.leave()
            _opened.remove(directory)
