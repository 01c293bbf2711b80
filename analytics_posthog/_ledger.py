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
        self._open: dict[int, int] = {}  # number of a flush: events that it must wait for
        self._dealt_with = 0

    def admit(self, event: Event) -> bool:
        """Count an event as on its way; False if the ledger is closed."""
        with self._changed:
            if self.closed:
                return False
            event.flush = self._flush
            self._open[self._flush] = self._open.get(self._flush, 0) + 1
            return True

    def settle(self, events: Sequence[Event]) -> None:
        """Count events as dealt with, and wake who waits; also without any event."""
        with self._changed:
            for event in events:
                if event.flush in self._open:  # else the app captured it itself, on the official client
                    self._open[event.flush] -= 1
                    if not self._open[event.flush]:
                        del self._open[event.flush]
            self._dealt_with += len(events)
            self._changed.notify_all()

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

    def drain(self, place: Place, consumers: Sequence[Any], timeout: float, stall: float) -> int:
        """Wait at most `timeout` seconds for all, at most `stall` without progress; return how many are left."""
        self._wait(lambda: not self._open, place, consumers, timeout, stall)
        with self._changed:
            return sum(self._open.values())

    def _wait(self, done: Callable[[], bool], place: Place, consumers: Sequence[Any], timeout: float, stall: float) -> bool:
        """Wait for `done()`. Each consumer gets a marker, so that it sends now what it would else wait for more events with."""
        with self._changed:
            if done() or threading.current_thread() in consumers:  # in on_error, to wait would be to wait for oneself
                return done()
            markers = [Marker() for consumer in consumers if consumer.is_alive()]
            unplaced = list(markers)
            moment = now()
            end, stalled, dealt_with = moment + timeout, moment + stall, self._dealt_with
            while moment < min(end, stalled):
                while unplaced and place(unplaced[-1]):
                    unplaced.pop()
                self._changed.wait(min(end, stalled, moment + 0.05 if unplaced else end) - moment)
                moment = now()
                if done():
                    if all(marker.taken for marker in markers):
                        break
                    end = min(end, moment + _GRACE)  # a marker may stand behind events of another flush
                if dealt_with != self._dealt_with:
                    stalled, dealt_with = moment + stall, self._dealt_with
            return done()
