"""Knows which events are on their way, so that flush, shutdown and exit can wait for them, and for no others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from ._upload import Event, Marker, now

Place = Callable[[Marker], bool]

_SLICE = 0.05  # seconds
_GRACE = 0.2  # seconds; what a marker may take to be met once all that was waited for is dealt with


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
        self._placed: list[Marker] = []
        self._open: dict[int, int] = {}  # number of a flush: events that it must wait for
        self._counts = dict.fromkeys(("accepted", "delivered", "failed", "refused"), 0)

    def admit(self, event: Event, *, again: bool = False) -> bool:
        """Count an event as on its way; False if the ledger is closed. `again`: it was accepted before, and kept since."""
        with self._changed:
            if self.closed:
                return False
            event.flush = self._flush
            event.claimed = False
            self._open[self._flush] = self._open.get(self._flush, 0) + 1
            self._counts["accepted"] += not again
            return True

    def withdraw(self, event: Event, *, again: bool = False) -> None:
        """Take back an admission."""
        if not again:
            self.count("accepted", -1)
        self.settle([event], None)

    def claim(self, events: Sequence[Event]) -> list[Event]:
        """Return those of the events of which nobody else says what became of them."""
        with self._changed:
            mine = [event for event in events if not event.claimed]
            for event in mine:
                event.claimed = True
            return mine

    def settle(self, events: Sequence[Event], outcome: str | None) -> None:
        """Count events as "delivered" or "failed", or None: no more on their way, and wake who waits; also without any event."""
        with self._changed:
            for event in events:
                if event.flush < 0:  # the app captured it itself, on the official client
                    continue
                self._open[event.flush] -= 1
                if not self._open[event.flush]:
                    del self._open[event.flush]
                if outcome is not None:
                    self._counts[outcome] += 1
            self._progress += len(events)
            self._changed.notify_all()

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

    def flush(self, place: Place, consumers: Sequence[Any], timeout: float) -> bool:
        """Wait at most `timeout` seconds for what was admitted before; return whether all of that is dealt with."""
        with self._changed:
            last = self._flush
            self._flush += 1
            others = self._others()

        def done() -> bool:
            return all(flush > last for flush in self._open) and not (others and self._others())

        return self._wait(done, place, consumers, timeout, timeout)

    def drain(self, place: Place, consumers: Sequence[Any], timeout: float, stall: float) -> bool:
        """Wait at most `timeout` seconds for all, at most `stall` without progress; return whether all is dealt with."""
        return self._wait(lambda: not self._open and not self._others(), place, consumers, timeout, stall)

    def _others(self) -> bool:
        """Whether events are on the queue that the app captured itself: what is neither ours nor a marker."""
        self._placed = [marker for marker in self._placed if not marker.taken]
        return self._unfinished() > sum(self._open.values()) + len(self._placed)

    def _wait(self, done: Callable[[], bool], place: Place, consumers: Sequence[Any], timeout: float, stall: float) -> bool:
        """Wait for `done()`. Consumers meet markers, so that they send now what they would else wait for more events with."""
        timeout, stall = min(timeout, threading.TIMEOUT_MAX), min(stall, threading.TIMEOUT_MAX)
        alive = sum(consumer.is_alive() for consumer in consumers)
        with self._changed:
            if done() or threading.current_thread() in consumers:  # in on_error, to wait would be to wait for oneself
                return done()
            moment = now()
            end, stalled, progress = moment + timeout, moment + stall, self._progress
            while moment < min(end, stalled):
                # Again and again: one consumer may have met the marker of another, which still waits for more events.
                # And not more at a time than there are consumers: flushes in vain are not to fill the queue.
                self._placed = [marker for marker in self._placed if not marker.taken]
                while len(self._placed) < alive and place(marker := Marker()):
                    self._placed.append(marker)
                self._changed.wait(min(end, stalled, moment + _SLICE) - moment)
                moment = now()
                if done():
                    if all(marker.taken for marker in self._placed):
                        break
                    end = min(end, moment + _GRACE)  # a marker may stand behind events of another flush
                if progress != self._progress:
                    stalled, progress = moment + stall, self._progress
            return done()
