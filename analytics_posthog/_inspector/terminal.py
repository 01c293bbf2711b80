"""Writes lines to a terminal from a thread of its own: a terminal that stands still, or a pipe that nobody reads, holds up no request.

Lines that find MOST_LINES waiting are left out, and their number is said instead. What it does not do: write through Python's
buffers, which a thread that hangs in a write would keep locked to the end of the process.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import Final, TextIO

MOST_LINES: Final = 1_000
_LONGEST_END: Final = 1.0  # seconds that `close` waits for what is still to be written


class Terminal:
    """Standard output or standard error.

    `write` may be called from any thread. When the stream can't be written to any more, `error` says why, and `closed` is
    called from the thread.
    """

    def __init__(self, stream: TextIO) -> None:
        self.error: OSError | None = None
        self.closed: Callable[[], None] | None = None
        self._file = stream.fileno()
        self._encoding = stream.encoding
        self._lines: queue.Queue[str | None] = queue.Queue(MOST_LINES)
        self._lock = threading.Lock()
        self._left_out = 0
        self._thread = threading.Thread(target=self._run, name="inspector-terminal", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Write a line, soon. Never waits and never raises."""
        with self._lock:
            if not self._left_out:  # else this line would stand before those that are missing
                try:
                    self._lines.put_nowait(line)
                    return
                except queue.Full:
                    pass
            self._left_out += 1

    def close(self) -> None:
        """Write what is waiting, if that can be done in a second."""
        try:
            self._lines.put(None, timeout=_LONGEST_END)
        except queue.Full:
            return
        self._thread.join(_LONGEST_END)

    def _run(self) -> None:
        try:
            while (line := self._lines.get()) is not None:
                self._put(line)
                missing = self._missing()
                if missing:
                    self._put(f"({missing} lines left out: nothing took them in time)")
        except OSError as error:
            self.error = error
            if self.closed is not None:
                self.closed()

    def _missing(self) -> int:
        """How many lines were left out; counts anew as soon as all that was waiting is written."""
        with self._lock:
            if not self._lines.empty():
                return 0
            missing, self._left_out = self._left_out, 0
            return missing

    def _put(self, line: str) -> None:
        rest = (line + os.linesep).encode(self._encoding, "backslashreplace")
        while rest:
            rest = rest[os.write(self._file, rest) :]
