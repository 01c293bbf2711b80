"""Knows which messages are on their way, so that flush, shutdown and exit wait for them, and for no others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from .._interrupts import held
from .clock import now

_LONGEST: Final = 1e6  # seconds; the system's waits accept no more

Wake: TypeAlias = Callable[[], object]  # wakes the consumers


class Ticket:
    """One message on its way to PostHog.

    `event` is made when the message's turn comes. So the conversion costs the caller nothing, and the queue needs half
    the memory.
    """

    __slots__ = ("claimed", "event", "message", "size")

    def __init__(self, message: dict[str, Any], size: int = 0, event: dict[str, Any] | None = None) -> None:
        self.message = message
        self.size = size  # bytes, at most
        self.event = event
        self.claimed = False  # its outcome is known, and one thread reports it


class Ledger:
    """Knows the messages that are on their way. Any thread may call it. A forked child makes a new one.

    A call takes no lock here, except to take back what was not accepted.
    """

    def __init__(self, settling: set[int]) -> None:
        """`settling` are the threads that report an outcome just now; the deliveries of one client share it."""
        self._lock = threading.RLock()  # guards what changes but for `_open`, whose changes are single steps
        self._changed = threading.Condition(self._lock)
        self._closed = False
        self._progressed_at = 0.0  # when the last message was settled
        self.hurried_at: float | None = None  # when the exit began
        self._waiting = 0
        self._settling = settling
        self._open: dict[Ticket, None] = {}  # a dict needs half the memory of a set
        self._flushes: list[set[Ticket]] = []  # for each flush that waits, what it still waits for

    def admit(self, ticket: Ticket) -> bool:
        """Count a message as on its way. Return False if the ledger is closed."""
        if self._closed:
            return False
        self._open[ticket] = None
        return True

    def withdraw(self, ticket: Ticket) -> bool:
        """Take back an admission. Return False if another thread has claimed the message."""
        with held(self._lock):
            if ticket.claimed:
                return False
            ticket.claimed = True
            self._count_off([ticket])
            return True

    def drop(self, ticket: Ticket) -> None:
        """Wait no longer for a message whose call was interrupted, wherever that was. Its thread alone knows it."""
        self._open.pop(ticket, None)

    @contextmanager
    def settling(self, tickets: Sequence[Ticket]) -> Iterator[list[Ticket]]:
        """Yield the tickets that nobody has claimed, for this thread to report their outcome; then count them off.

        So a flush returns after the report. A flush that the report calls doesn't wait: it would wait for itself.
        """
        thread = threading.get_ident()
        with held(self._lock):
            mine = [ticket for ticket in tickets if not ticket.claimed]
            for ticket in mine:
                ticket.claimed = True
            nested = thread in self._settling
            self._settling.add(thread)
        try:
            yield mine
        finally:  # also after a Ctrl-C in the app's callback
            with held(self._lock):
                if not nested:
                    self._settling.discard(thread)
                self._count_off(mine)
                self._progressed_at = now()

    def _count_off(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            self._open.pop(ticket, None)
        for awaited in self._flushes:
            awaited.difference_update(tickets)
        self._changed.notify_all()

    def hurried(self) -> bool:
        """Whether somebody waits for messages."""
        return self._waiting > 0

    def close(self) -> bool:
        """Admit no further message. Return False if the ledger was closed before."""
        with held(self._lock):
            was_closed, self._closed = self._closed, True
            return not was_closed

    def hurry(self, wake: Wake) -> None:
        """Have the consumers send at once from now on, and let the limits of `drain` count from now."""
        with held(self._lock):
            self.hurried_at = now()
            self._waiting += 1
        wake()

    def flush(self, wake: Wake, timeout: float) -> bool:
        """Wait at most `timeout` seconds for what was admitted before. Return whether all of it is settled."""
        with held(self._lock):
            awaited = set(self._open)
            self._flushes.append(awaited)
        try:
            return self._wait(lambda: not awaited, wake, timeout, timeout)
        finally:
            with held(self._lock):
                self._flushes[:] = [other for other in self._flushes if other is not awaited]

    def drain(self, wake: Wake, timeout: float, stall: float) -> bool:
        """Wait for all: at most `timeout` seconds, at most `stall` without progress. Return whether all is settled."""
        return self._wait(lambda: not self._open, wake, timeout, stall)

    def _wait(self, done: Callable[[], bool], wake: Wake, timeout: float, stall: float) -> bool:
        """Wait for `done()`. The consumers send at once meanwhile, instead of waiting for a full batch."""
        with held(self._lock):
            if done() or threading.get_ident() in self._settling:
                return done()
            self._waiting += 1
            try:
                wake()
                begun = self.hurried_at or now()
                while not done():
                    end = min(begun + min(timeout, _LONGEST), max(begun, self._progressed_at) + stall)
                    rest = end - now()
                    if rest <= 0:
                        break
                    self._changed.wait(rest)
            finally:
                self._waiting -= 1
            return done()
