"""Sends the page new events in batches, and the totals once a second, as Server-Sent Events.

One message has all events since the last one, so a slow page gets larger messages, not more of them.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

from .store import Kept, Store

_EVERY: Final = 0.1  # seconds between two looks at the store
_TOTALS_EVERY: Final = 1.0
_BATCH: Final = 1_000  # events in one message
_MOST_COUNTS: Final = 200
_LONGEST_NUMBER: Final = 20  # digits; Python refuses to parse thousands of them


class Feed:
    """Sends to each page that listens. Setting `closing` ends all streams."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._run = secrets.token_hex(4)  # so that a page notices that another process has begun at 1
        self.closing = asyncio.Event()
        self.forwarded: dict[str, int] = {}  # requests by the status of PostHog's answer
        self.refused: dict[str, int] = {}  # refused requests by the reason, without anything of what was sent

    async def listen(self, last_id: str) -> AsyncIterator[str]:
        """Yield the messages after `last_id`, the id of the last one that the page has; "" for all kept events."""
        store = self._store
        run, _, number = last_id.partition(".")
        seen = int(number) if run == self._run and number.isdecimal() and len(number) < _LONGEST_NUMBER else 0
        clears, totals_at = store.clears, 0.0
        yield f"retry: 1000\n{self._message(seen, [])}"
        while not self.closing.is_set():
            now = time.monotonic()
            new = store.after(seen, _BATCH)
            if new or clears != store.clears:
                seen, clears = (new[-1].number if new else store.last), store.clears
                yield self._message(seen, new)
                if len(new) == _BATCH:
                    continue
            if now - totals_at >= _TOTALS_EVERY:  # a write also shows that a connection is lost
                totals_at = now
                yield self._totals()
            await self._pause()

    async def _pause(self) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.closing.wait(), _EVERY)

    def _message(self, seen: int, new: list[Kept]) -> str:
        data = {
            "run": self._run,
            "clears": self._store.clears,
            "first": self._store.first,
            "events": [row(kept) for kept in new],
        }
        return f"id: {self._run}.{seen}\ndata: {_json(data)}\n\n"

    def _totals(self) -> str:
        store = self._store
        data = {
            "total": store.total,
            "kept": len(store),
            "bytes": store.bytes,
            "counts": store.counts(_MOST_COUNTS),
            "rate": store.rate(time.time()),
            "forwarded": self.forwarded,
            "refused": self.refused,
        }
        return f"event: totals\ndata: {_json(data)}\n\n"


def row(kept: Kept) -> list[Any]:
    """Return what the page's list needs of an event."""
    summary = kept.summary
    shown = (summary.call, summary.name, summary.who, summary.uuid, summary.size, summary.warnings)
    return [kept.number, round(summary.arrived, 3), *shown, summary.said_at, summary.place]


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))  # has no line break: JSON escapes them
