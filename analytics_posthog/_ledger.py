"""Knows which events are on their way, so that flush, shutdown and exit can wait for them, and for no others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from ._upload import Event, Marker, now

Place = Callable[[Marker], bool]

_GRACE = 0.2  # seconds; what a marker may take to be met once all that was waited for is dealt with


class Ledger:
    """Counts the events that were admitted and not yet dealt with. Thread-safe; a forked child makes a new one."""

    def __init__(self, closed: bool = False) -> None:
        self.closed = closed
        self._changed = threading.Condition()  # guards all below
        self._flush = 0  # the number of the next flush
        self._progress = 0
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
        return self._wait(lambda: all(flush > last for flush in self._open), place, consumers, timeout, timeout)

    def drain(self, place: Place, consumers: Sequence[Any], timeout: float, stall: float) -> bool:
        """Wait at most `timeout` seconds for all, at most `stall` without progress; return whether all is dealt with."""
        return self._wait(lambda: not self._open, place, consumers, timeout, stall)

    def _wait(self, done: Callable[[], bool], place: Place, consumers: Sequence[Any], timeout: float, stall: float) -> bool:
        """Wait for `done()`. Each consumer gets a marker, so that it sends now what it would else wait for more events with."""
        with self._changed:
            if done() or threading.current_thread() in consumers:  # in on_error, to wait would be to wait for oneself
                return done()
            markers = [Marker() for consumer in consumers if consumer.is_alive()]
            unplaced = list(markers)
            moment = now()
            end, stalled, progress = moment + timeout, moment + stall, self._progress
            while moment < min(end, stalled):
                while unplaced and place(unplaced[-1]):
                    unplaced.pop()
                self._changed.wait(min(end, stalled, moment + 0.05 if unplaced else end) - moment)
                moment = now()
                if done():
                    if all(marker.taken for marker in markers):
                        break
                    end = min(end, moment + _GRACE)  # a marker may stand behind events of another flush
                if progress != self._progress:
                    stalled, progress = moment + stall, self._progress
            return done()
