"""Knows which events are on their way, so that flush, shutdown and exit can wait for them, and for no others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Sequence

from .consumer import Event, now

_SLICE = 0.05  # seconds
_LONGEST = 1e6  # seconds; of longer waits the system knows nothing

Wake = Callable[[], bool]  # have the consumers look again; False if that has to be tried later


class Ledger:
    """Counts the events that were admitted and not yet dealt with. Thread-safe; a forked child makes a new one.

    `unfinished()` is the number of the queue's unfinished tasks: the app may capture events itself, on the official client.
    """

    def __init__(self, unfinished: Callable[[], int], closed: bool = False) -> None:
        self.closed = closed
        self._unfinished = unfinished
        self._changed = threading.Condition()  # guards all below
        self._flush = 0  # the number of the next flush
        self._progress = 0
        self._waiting = 0
        self._open: dict[int, int] = {}  # number of a flush: events that it must wait for
        self._counts: dict[str, int] = dict.fromkeys(("accepted", "delivered", "failed", "refused"), 0)

    def admit(self, event: Event, *, again: bool = False) -> bool:
        """Count an event as on its way; False if the ledger is closed. `again`: accepted before, so it comes in all the same."""
        with self._changed:
            if self.closed and not again:
                return False
            event.flush = self._flush
            event.claimed = False
            self._open[self._flush] = self._open.get(self._flush, 0) + 1
            self._counts["accepted"] += not again
            return True

    def withdraw(self, event: Event, *, again: bool = False) -> bool:
        """Take back an admission; False if somebody has said already what became of the event."""
        if not self.claim([event]):
            return False
        if not again:
            self.count("accepted", -1)
        self.settle([event], None)
        return True

    def claim(self, events: Sequence[Event]) -> list[Event]:
        """Return those of the events of which nobody else says what became of them."""
        with self._changed:
            mine = [event for event in events if not event.claimed]
            for event in mine:
                event.claimed = True
            return mine

    def settle(self, events: Sequence[Event], outcome: str | None) -> None:
        """Count events as "delivered" or "failed", or None: no more on their way, and wake who waits."""
        with self._changed:
            for event in events:
                if event.flush < 0:  # the app captured it itself, on the official client
                    continue
                self._open[event.flush] -= 1
                if not self._open[event.flush]:
                    del self._open[event.flush]
                if outcome is not None:
                    self._counts[outcome] += 1
            self._progress += len(events) if outcome is not None else 0  # taken back, or kept, is no progress
            self._changed.notify_all()

    def hurried(self) -> bool:
        """Whether somebody waits for what is on its way."""
        return self._waiting > 0

    def count(self, what: str, number: int = 1) -> None:
        """Count what never was, or no more is, on its way."""
        with self._changed:
            self._counts[what] += number

    def stats(self) -> dict[str, int]:
        """Return how many were accepted, delivered, failed, refused, and are queued: accepted and neither delivered nor failed."""
        with self._changed:
            counts = dict(self._counts)
        counts["queued"] = counts["accepted"] - counts["delivered"] - counts["failed"]
        return counts

    def close(self) -> bool:
        """Admit no more; return False if it was closed already."""
        with self._changed:
            was_closed, self.closed = self.closed, True
            return not was_closed

    def flush(self, wake: Wake, telling: Container[int], timeout: float) -> bool:
        """Wait at most `timeout` seconds for what was admitted before; return whether all of that is dealt with."""
        with self._changed:
            last = self._flush
            self._flush += 1
            others = self._others()

        def done() -> bool:
            return all(flush > last for flush in self._open) and not (others and self._others())

        return self._wait(done, wake, telling, timeout, timeout)

    def drain(self, wake: Wake, telling: Container[int], timeout: float, stall: float) -> bool:
        """Wait at most `timeout` seconds for all, at most `stall` without progress; return whether all is dealt with."""
        return self._wait(lambda: not self._open and not self._others(), wake, telling, timeout, stall)

    def _others(self) -> bool:
        """Whether events are on their way that the app captured itself. Nobody tells when they are dealt with."""
        return self._unfinished() > sum(self._open.values())

    def _wait(self, done: Callable[[], bool], wake: Wake, telling: Container[int], timeout: float, stall: float) -> bool:
        """Wait for `done()`, and have the consumers send meanwhile what they would else wait for more events with."""
        with self._changed:
            if done() or threading.get_ident() in telling:  # in on_error, to wait would be to wait for oneself
                return done()
            self._waiting += 1
            try:
                woken = False
                moment = now()
                end, stalled, progress = moment + min(timeout, _LONGEST), moment + stall, self._progress
                while moment < min(end, stalled) and not done():
                    woken = woken or wake()
                    self._changed.wait(min(end, stalled, end if woken and self._open else moment + _SLICE) - moment)
                    moment = now()
                    if progress != self._progress:
                        stalled, progress = moment + stall, self._progress
            finally:
                self._waiting -= 1
            return done()
