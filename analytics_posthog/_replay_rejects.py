"""The lines that can't be sent, each with its file, number and reason, one JSON object a line.

Any number of processes of one machine, or of machines that share the file's directory, may append to it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

try:
    import fcntl
except ImportError:  # Windows: then one process a file
    fcntl = None  # type: ignore[assignment]

MAX_TEXT: Final = 1024 * 1024  # bytes of a line that are kept
_CHUNK: Final = 64 * 1024
_FIRST: Final = b'{"file": '


class Reject(NamedTuple):
    """A line that can't be sent; `text` is b"" if it wasn't held, or has more than MAX_TEXT bytes."""

    number: int
    reason: str
    text: bytes


class Rejects:
    """Appends to one file, which is made when there is something to write."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)

    def write(self, source: str, rejects: Sequence[Reject]) -> None:
        """Append. What a killed process leaves of a line is cut off by the next one. Raises OSError."""
        if not rejects:
            return
        data = "".join(_written(source, reject) for reject in rejects).encode()
        try:
            with self._locked() as fd:
                while data:
                    data = data[os.write(fd, data) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.path) from error

    def numbers(self, source: str, after: int) -> set[int]:
        """Return the numbers above `after` of the source's lines that are in the file already. Raises OSError."""
        begin = _begin(source).encode()
        found: set[int] = set()
        if not os.path.exists(self.path):
            return found
        with open(self.path, "rb") as file:
            for line in file:
                if line.startswith(begin) and line.endswith(b"\n"):
                    found.add(int(line[len(begin) :].partition(b",")[0]))
        return {number for number in found if number > after}

    @contextmanager
    def _locked(self) -> Iterator[int]:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(fd, fcntl.LOCK_EX)
            _end_torn_line(fd)
            yield fd
        finally:
            os.close(fd)


def _end_torn_line(fd: int) -> None:
    """Cut off what a killed process has left of a line; end anything else that has no end."""
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
