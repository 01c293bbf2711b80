"""Writes lines to a terminal from its own thread: a stopped terminal, or a pipe that nobody reads, delays no request.

When MOST_LINES are waiting, further lines are left out and their number is written instead. Python's own buffers are
not used: a thread that hangs in a write would keep them locked until the process ends.
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

    `write` may be called from any thread. When the stream can't be written to any more, `error` says why, and `closed`
    is called from the thread.
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
            if not self._left_out:  # else this line would come before the missing ones are counted
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
                    self._put(f"({missing} lines left out: nothing read them in time)")
        except OSError as error:
            self.error = error
            if self.closed is not None:
                self.closed()

    def _missing(self) -> int:
        """Return how many lines were left out, once all that were waiting are written, and begin to count again."""
        with self._lock:
            if not self._lines.empty():
                return 0
            missing, self._left_out = self._left_out, 0
            return missing

    def _put(self, line: str) -> None:
        rest = (line + os.linesep).encode(self._encoding, "backslashreplace")
        while rest:
            rest = rest[os.write(self._file, rest) :]
