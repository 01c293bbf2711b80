"""Shows how far a replay is: a bar in a terminal if rich is installed, else a line every few seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from types import TracebackType
from typing import Any, Final

from .._delivery import now
from ..replay import STDIN, Summary, Unreadable, identity
from .plain import plain_lines

_LINE_EVERY: Final = 5.0  # seconds


class Progress:
    """Use `with Progress(files) as progress:`, and for each file call `begin`, then `update` often, then `end`."""

    def __init__(self, files: Sequence[str], *, quiet: bool = False) -> None:
        """`quiet`: without a bar, and without a line every few seconds."""
        self._is_quiet = quiet
        self._sizes = {file: _size(file) for file in files}
        self._all_bytes = 0 if None in self._sizes.values() else sum(size or 0 for size in self._sizes.values())
        self._files = 0
        self._done_bytes = 0  # of files that are done
        self._skipped_bytes = 0  # of these files, those that earlier runs did
        self._position = 0
        self._total = Summary()
        self._before = 0  # events that earlier runs delivered
        self._file = Summary()
        self._begun = self._shown = now()
        self._bar = None if quiet else _bar()
        self._task: Any = None
        self._after = ExitStack()

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._after.callback(_show_no_control_keys())
            self._bar.start()
            self._task = self._bar.add_task("", total=self._all_bytes or None, said="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._show()
            self._bar.stop()
            self._after.close()

    def begin(self, earlier: Summary) -> None:
        """Begin a file, with the summary of earlier runs of it."""
        self._before += earlier.delivered
        self._file = earlier

    def update(self, summary: Summary, position: int) -> None:
        """Take the file's summary so far, and its position in bytes."""
        self._file, self._position = summary, position
        if self._bar is not None or (not self._is_quiet and now() - self._shown >= _LINE_EVERY):
            self._show()

    def end(self, file: str, *, earlier: bool = False) -> None:
        """End a file. `earlier`: an earlier run was already done with it."""
        self._total += self._file
        self._file, self._position = Summary(), 0
        self._files += 1
        self._done_bytes += self._sizes[file] or 0
        self._skipped_bytes += (self._sizes[file] or 0) * earlier

    def say(self, text: str) -> None:
        """Write a line to standard error, above the bar."""
        if self._bar is not None:
            self._bar.console.print(plain_lines(text), markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(f"{plain_lines(text)}\n")

    @property
    def summary(self) -> Summary:
        """The summary of all files, in all runs."""
        return self._total + self._file

    @property
    def speed(self) -> tuple[int, float]:
        """The number of events that this run has delivered, and its seconds so far."""
        return self.summary.delivered - self._before, now() - self._begun

    def _show(self) -> None:
        self._shown = now()
        if self._bar is None:
            self.say(self._said())
        else:
            done = min(self._done_bytes + self._position, self._all_bytes)
            self._bar.update(self._task, completed=done, said=self._said())

    def _said(self) -> str:
        count, seconds = self.speed
        rejected = sum(self.summary.rejected.values())
        left = self._left(seconds)
        return (
            f"{count:,} events, {count / max(seconds, 1e-3):,.0f}/s, {rejected:,} rejected, "
            f"{self._files} of {len(self._sizes)} files" + (f", {_clock(left)} left" if left is not None else "")
        )

    def _left(self, seconds: float) -> float | None:
        """Return the seconds that the rest takes at the same speed; None if that is unknown."""
        read = self._done_bytes + self._position - self._skipped_bytes
        if not self._all_bytes or read <= 0:
            return None
        return seconds / read * max(0, self._all_bytes - self._done_bytes - self._position)


def _size(file: str) -> int | None:
    if file == STDIN:
        return None
    try:
        size = identity(file)["size"]
    except Unreadable:  # the replay reports it when it comes to the file
        return 0
    return size if isinstance(size, int) else None


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"


def _show_no_control_keys() -> Callable[[], None]:
    """Have the terminal not write ^C behind the bar, which would break its line; return what undoes it."""
    with suppress(ImportError, OSError, ValueError):
        import termios

        terminal = sys.stdin.fileno()
        with suppress(termios.error):  # input comes from elsewhere
            before = termios.tcgetattr(terminal)
            quiet = [*before[:3], before[3] & ~termios.ECHOCTL, *before[4:]]
            termios.tcsetattr(terminal, termios.TCSANOW, quiet)
            return partial(termios.tcsetattr, terminal, termios.TCSANOW, before)
    return lambda: None


def _bar() -> Any:
    """Return rich's progress bar; None without a terminal or without rich."""
    if not sys.stderr.isatty():
        return None
    try:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar
    except ImportError:
        return None
    return Bar(
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[said]}"),
        console=Console(stderr=True),
    )
