"""Knows which messages are on their way, so that flush, shutdown and exit wait for them, and for no others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from .clock import now

_SLICE: Final = 0.05  # seconds between two tries to wake the consumers
_LONGEST: Final = 1e6  # seconds; the system's waits accept no more

Wake: TypeAlias = Callable[[], bool]  # wakes the consumers; False if that has to be tried again later


class Ticket:
    """One message on its way to PostHog.

    `event` is made when the message's turn comes. So the conversion costs the caller nothing, and the queue needs half
    the memory.
    """

    __slots__ = ("claimed", "event", "flush", "message", "size")

    def __init__(self, message: dict[str, Any], size: int = 0, event: dict[str, Any] | None = None) -> None:
        self.message = message
        self.size = size  # bytes, at most
        self.event = event
        self.flush = -1  # the number of the next flush when it was admitted
        self.claimed = False  # its outcome is known, and one thread reports it


class Ledger:
    """Counts the messages that are on their way. Any thread may call it. A forked child makes a new one."""

    def __init__(self, settling: set[int]) -> None:
        """`settling` are the threads that report an outcome just now; the deliveries of one client share it."""
        self._changed = threading.Condition()  # guards all below
        self._closed = False
        self._flush = 0  # the number of the next flush
        self._progress = 0
        self._waiting = 0
        self._settling = settling
        self._open: dict[int, int] = {}  # number of a flush: messages that it must wait for

    def admit(self, ticket: Ticket) -> bool:
        """Count a message as on its way. Return False if the ledger is closed."""
        with self._changed:
            if self._closed:
                return False
            ticket.flush = self._flush
            self._open[self._flush] = self._open.get(self._flush, 0) + 1
            return True

    def withdraw(self, ticket: Ticket) -> bool:
        """Take back an admission. Return False if another thread has claimed the message."""
        with self._changed:
            if ticket.claimed:
                return False
            ticket.claimed = True
            self._count_off([ticket])
            return True

    @contextmanager
    def settling(self, tickets: Sequence[Ticket]) -> Iterator[list[Ticket]]:
        """Yield the tickets that nobody has claimed, for this thread to report their outcome; then count them off.

        So a flush returns after the report. A flush that the report calls doesn't wait: it would wait for itself.
        """
        thread = threading.get_ident()
        with self._changed:
            mine = [ticket for ticket in tickets if not ticket.claimed]
            for ticket in mine:
                ticket.claimed = True
            nested = thread in self._settling
            self._settling.add(thread)
        try:
            yield mine
        finally:  # also after a Ctrl-C in the app's callback
            with self._changed:
                if not nested:
                    self._settling.discard(thread)
                self._count_off(mine)
                self._progress += len(mine)

    def _count_off(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            self._open[ticket.flush] -= 1
            if not self._open[ticket.flush]:
                del self._open[ticket.flush]
        self._changed.notify_all()

    def hurried(self) -> bool:
        """Whether somebody waits for messages."""
        return self._waiting > 0

    def close(self) -> bool:
        """Admit no further message. Return False if the ledger was closed before."""
        with self._changed:
            was_closed, self._closed = self._closed, True
            return not was_closed

    def flush(self, wake: Wake, timeout: float) -> bool:
        """Wait at most `timeout` seconds for what was admitted before. Return whether all of it is settled."""
        with self._changed:
            last = self._flush
            self._flush += 1
        return self._wait(lambda: all(flush > last for flush in self._open), wake, timeout, timeout)

    def drain(self, wake: Wake, timeout: float, stall: float) -> bool:
        """Wait for all: at most `timeout` seconds, at most `stall` without progress. Return whether all is settled."""
        return self._wait(lambda: not self._open, wake, timeout, stall)

    def _wait(self, done: Callable[[], bool], wake: Wake, timeout: float, stall: float) -> bool:
        """Wait for `done()`. The consumers send at once meanwhile, instead of waiting for a full batch."""
        with self._changed:
            if done() or threading.get_ident() in self._settling:
                return done()
            self._waiting += 1
            try:
                woken = False
                moment = now()
                end, stalled, progress = moment + min(timeout, _LONGEST), moment + stall, self._progress
                while moment < min(end, stalled) and not done():
                    woken = woken or wake()
                    self._changed.wait(min(end, stalled, end if woken else moment + _SLICE) - moment)
                    moment = now()
                    if progress != self._progress:
                        stalled, progress = moment + stall, self._progress
            finally:
                self._waiting -= 1
            return done()
