"""Keeps the last events in memory, counts them by name, and counts how many came in each second.

Pure: the caller gives the time. Used by one thread. Never holds more than MOST_EVENTS and MOST_BYTES, whatever comes.
"""

from __future__ import annotations

import json
from collections import deque
from itertools import islice
from typing import Final, NamedTuple

from ..convert import Event
from .explain import LONGEST, Summary, summarize, uuid_of
from .reverse import distinct_id_of

MOST_EVENTS: Final = 10_000
MOST_BYTES: Final = 128 * 1024 * 1024  # of JSON; events of 900 KB must not fill the machine
LARGEST: Final = 2 * 1024 * 1024  # bytes of JSON; PostHog drops events of half this size, so nobody needs all of it
RATE_SECONDS: Final = 300
_MOST_NAMES: Final = 1_000  # that are counted one by one; an app that generates names must not fill the memory
_OTHERS: Final = ("", "(other names)")


class Kept(NamedTuple):
    """An event as it is kept. `number` counts from 1 and is never used twice; `text` is the event as JSON."""

    number: int
    text: bytes
    summary: Summary


class Store:
    """The last events."""

    def __init__(self, *, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self._most_events, self._most_bytes = most_events, most_bytes
        self.last = 0  # the newest event's number
        self.clears = 0  # how often `clear` was called: a page that has seen fewer clears its list
        self._kept: deque[Kept] = deque()
        self.bytes = 0
        self._forget()

    def _forget(self) -> None:
        self._kept.clear()
        self.bytes = self.total = 0
        self._uuids: dict[str, int] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._seconds: deque[list[int]] = deque(maxlen=RATE_SECONDS)  # [second, count], only those with events

    def clear(self) -> None:
        """Forget all events and counts; numbers go on."""
        self._forget()
        self.clears += 1

    def add(self, event: Event, now: float, note: str = "", place: str = "") -> Kept:
        """Keep an event that came in at `now` (seconds since 1970).

        `note` is one more warning for it; `place` says where in the app's code its call was made.
        """
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        size = len(text)
        if size > LARGEST:
            event = {
                "event": event["event"][:LONGEST],
                "distinct_id": str(distinct_id_of(event))[:LONGEST],
                "properties": {},
            }
            text = json.dumps(event, ensure_ascii=False).encode()
            note = f"only its name and distinct id are kept here: it has {size // 2**20} MiB"
        uuid = uuid_of(event)
        again = uuid in self._uuids
        self.last += 1
        kept = Kept(self.last, text, summarize(event, size, again=again, note=note, now=now, place=place))
        self._kept.append(kept)
        self.bytes += len(text)
        self.total += 1
        if uuid:
            self._uuids[uuid] = self.last
        self._count(kept.summary)
        self._tick(int(now))
        while len(self._kept) > self._most_events or (self.bytes > self._most_bytes and len(self._kept) > 1):
            self._drop()
        return kept

    def _drop(self) -> None:
        dropped = self._kept.popleft()
        self.bytes -= len(dropped.text)
        uuid = dropped.summary.uuid
        if self._uuids.get(uuid) == dropped.number:
            del self._uuids[uuid]

    def _count(self, summary: Summary) -> None:
        key = (summary.call, summary.name)
        if key not in self._counts and len(self._counts) >= _MOST_NAMES:
            key = _OTHERS
        self._counts[key] = self._counts.get(key, 0) + 1

    def _tick(self, second: int) -> None:
        if self._seconds and self._seconds[-1][0] >= second:  # or the clock was set back
            self._seconds[-1][1] += 1
        else:
            self._seconds.append([second, 1])

    @property
    def first(self) -> int:
        """The number of the oldest event that is kept; one above `last` if there is none."""
        return self._kept[0].number if self._kept else self.last + 1

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, number: int) -> Kept | None:
        """Return an event by its number; None if it is no longer kept."""
        place = number - self.first
        return self._kept[place] if 0 <= place < len(self._kept) else None

    def after(self, number: int, most: int) -> list[Kept]:
        """Return the kept events above a number, oldest first, at most `most`."""
        start = max(number + 1 - self.first, 0)
        return list(islice(self._kept, start, start + most))

    def counts(self, most: int) -> list[tuple[str, str, int]]:
        """Return (call, event name, count) since the last clear, the most frequent first."""
        ordered = sorted(self._counts.items(), key=lambda item: -item[1])
        return [(call, name, count) for (call, name), count in ordered[:most]]

    def rate(self, now: float) -> list[int]:
        """Return how many events came in each of the last RATE_SECONDS whole seconds, the oldest first."""
        newest = int(now) - 1
        line = [0] * RATE_SECONDS
        for second, count in self._seconds:
            place = RATE_SECONDS - 1 - (newest - second)
            if 0 <= place < RATE_SECONDS:
                line[place] = count
        return line
