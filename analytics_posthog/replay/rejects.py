"""The file of lines that can't be sent, each with its file, number and reason, one JSON object a line.

Many processes, on one machine or on machines that share the file's directory, may append to it at the same time.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from ..errors import InvalidSetting

try:
    import fcntl
except ImportError:  # on Windows, only one process may use a file
    fcntl = None  # type: ignore[assignment]

MAX_TEXT: Final = 1024 * 1024  # bytes of a line that are kept
_CHUNK: Final = 64 * 1024
_FIRST: Final = b'{"file": '


class Reject(NamedTuple):
    """A line that can't be sent. `text` is b"" if it was too long to read, or has more than MAX_TEXT bytes."""

    number: int
    reason: str
    text: bytes


class Rejects:
    """Appends to one file, which the first reject makes."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)

    def write(self, source: str, rejects: Sequence[Reject]) -> None:
        """Append. If a killed process left a part of a line, it is removed first. Raises OSError."""
        if not rejects:
            return
        data = "".join(_written(source, reject) for reject in rejects).encode()
        try:
            with self._locked() as fd:
                while data:
                    data = data[os.write(fd, data) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.path) from error

    def check(self) -> None:
        """Raise InvalidSetting if the file can't be written. It isn't made."""
        place = self.path if os.path.exists(self.path) else os.path.dirname(os.path.abspath(self.path))
        if os.path.isdir(self.path) or not os.path.exists(place) or not os.access(place, os.W_OK):
            raise InvalidSetting(f"the rejects can't be written to {self.path}. Name a file that can be")

    def mark(self) -> list[Any]:
        """Return where the file ends now, for `numbers`. Raises OSError."""
        return [os.path.abspath(self.path), os.stat(self.path).st_size if os.path.exists(self.path) else 0]

    def has(self, mark: Any) -> bool:
        """Whether a mark is of this file."""
        return (
            isinstance(mark, list)
            and len(mark) == 2
            and mark[0] == os.path.abspath(self.path)
            and type(mark[1]) is int
            and mark[1] >= 0
        )

    def numbers(self, source: str, after: int, mark: Any) -> set[int]:
        """Return the numbers above `after` of the source's lines that were written after `mark`. Raises OSError.

        Lines before the mark may be of another file that had the same path. A mark of another file gives no numbers.
        """
        begin = _begin(source).encode()
        found: set[int] = set()
        if not self.has(mark) or not os.path.exists(self.path):
            return found
        with open(self.path, "rb") as file:
            file.seek(mark[1])
            for line in file:
                number = line[len(begin) :].partition(b",")[0]
                if line.startswith(begin) and line.endswith(b"\n") and number.isdigit():  # users may edit the file
                    found.add(int(number))
        return {number for number in found if number > after}

    @contextmanager
    def _locked(self) -> Iterator[int]:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(fd, fcntl.LOCK_EX)
                _make_private(fd)
            _end_torn_line(fd)
            yield fd
        finally:
            os.close(fd)


def _make_private(fd: int) -> None:
    """Let no other user read a file of ours that existed before: messages hold people's data."""
    there = os.fstat(fd)
    if stat.S_ISREG(there.st_mode) and there.st_uid == os.geteuid() and stat.S_IMODE(there.st_mode) & 0o077:
        os.fchmod(fd, 0o600)


def _end_torn_line(fd: int) -> None:
    """Remove the part of a line that a killed process left; any other last line gets its missing line end."""
    end = size = os.lseek(fd, 0, os.SEEK_END)
    found = -1
    while end > 0 and found < 0:
        begin = max(0, end - _CHUNK)
        os.lseek(fd, begin, os.SEEK_SET)
        found = os.read(fd, end - begin).rfind(b"\n")
        end = begin + found + 1 if found >= 0 else begin
    if end == size:
        return
    os.lseek(fd, end, os.SEEK_SET)
    if _FIRST.startswith(os.read(fd, len(_FIRST))):
        os.ftruncate(fd, end)
    else:
        os.write(fd, b"\n")


def _begin(source: str) -> str:
    return f'{_FIRST.decode()}{json.dumps(source)}, "line": '


def _written(source: str, reject: Reject) -> str:
    more = {"text": reject.text.decode("utf-8", "backslashreplace")} if 0 < len(reject.text) <= MAX_TEXT else {}
    return f"{_begin(source)}{reject.number}, {json.dumps({'reason': reject.reason, **more})[1:]}\n"
