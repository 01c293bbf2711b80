"""The clients that are compared, each made with the same settings and given the same things to say.

All send through one thread in batches of 100, and wait at most half a second for a batch to fill. No benchmark fills
the queue. A module is imported only where it is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .events import Arguments, many, posthog_arguments, segment_arguments

KEY = "phc_benchmark"
QUEUE_SIZE = 10_000_000
BATCH = 100
INTERVAL = 0.5  # seconds


class SegmentClient:
    """segment-analytics-python, as it is."""

    module = "segment.analytics"

    def __init__(self, host: str, **options: Any) -> None:
        from segment.analytics.client import Client

        self.client: Any = Client(
            KEY, host=host, max_queue_size=QUEUE_SIZE, upload_size=BATCH, upload_interval=INTERVAL, **options
        )

    def call(self, name: str) -> Callable[..., Any]:
        """The method that is called for one of Segment's six, or for a "large" track."""
        method: Callable[..., Any] = getattr(self.client, {"large": "track"}.get(name, name))
        return method

    def arguments(self, name: str, number: int) -> Arguments:
        return segment_arguments(name, number)

    def arguments_with(self, properties: int, number: int) -> Arguments:
        """Those of a track with so many properties, and no context."""
        return {"user_id": "user-1", "event": "Counted", "properties": many(properties, number)}

    def wait(self) -> None:
        """Return when all that was called before has been sent: what Segment's flush() does, and the same for all."""
        self.client.queue.join()

    def pause(self) -> None:
        """End the threads; what is called from now on stays on the queue."""
        for consumer in self.client.consumers:
            consumer.pause()
        for consumer in self.client.consumers:
            consumer.join()


class Ours(SegmentClient):
    """analytics_posthog, which has Segment's API."""

    module = "analytics_posthog"

    def __init__(self, host: str, **options: Any) -> None:
        from analytics_posthog import Client

        self.client = Client(
            KEY, host=host, max_queue_size=QUEUE_SIZE, upload_size=BATCH, upload_interval=INTERVAL, **options
        )


class Capture(SegmentClient):
    """PostHog's own client: capture(), and where that has a better method, set(), group_identify() or alias()."""

    module = "posthog"

    _METHODS = {"identify": "set", "group": "group_identify", "alias": "alias"}

    def __init__(self, host: str, **options: Any) -> None:
        from posthog import Posthog

        self.client = Posthog(
            KEY,
            host=host,
            max_queue_size=QUEUE_SIZE,
            flush_at=BATCH,
            flush_interval=INTERVAL,
            capture_mode="v0",
            **options,
        )

    def call(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self.client, self._METHODS.get(name, "capture"))
        return method

    def arguments(self, name: str, number: int) -> Arguments:
        return posthog_arguments(name, number)

    def arguments_with(self, properties: int, number: int) -> Arguments:
        return {"event": "Counted", "distinct_id": "user-1", "properties": many(properties, number)}


CLIENTS: dict[str, type[SegmentClient]] = {"segment": SegmentClient, "capture": Capture, "ours": Ours}
