"""What the official client's consumer threads do here: take a batch off the queue, post it, retry, split.

An event that PostHog refuses is found by halving its batch, so that it costs none of its neighbours. The retries are those
of Segment's client: the first at once, then after 0.5, 1, 2 ... 60 s, up to `max_retries`; an answer's Retry-After is
waited for without being counted; both within their duration limits. What it does not do: know HTTP; `post` does that.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from ..errors import ClientShutDown, DeliveryError

# Half of what PostHog takes in one request.
MAX_BATCH_SIZE: Final = 5 * 1024 * 1024
SHUT_DOWN: Final = "the client was shut down before its events could be sent. Call flush() first, or give it more time"
MAX_RETRY_AFTER: Final = 300.0  # seconds
MAX_BACKOFF: Final = 60.0  # seconds
_LEAST_INTERVAL: Final = 0.05  # seconds to wait for a first event, so that no interval at all is no busy loop
_RETRIED: Final = (408, 429)
_SPLIT: Final = (400, 413)


class Event(dict[str, Any]):
    """A PostHog event on the queue, with the Segment message it is made from, its size, the flush it belongs to, and its place on disk.

    It is empty until its turn comes to be sent: converting it costs the caller nothing, and the queue half the memory.
    """

    __slots__ = ("claimed", "flush", "message", "receipt", "size")

    def __init__(self, message: dict[str, Any], size: int) -> None:
        self.message = message
        self.size = size
        self.flush = -1
        self.claimed = False  # somebody has said what became of it
        self.receipt: tuple[Any, int] | None = None


def as_event(item: dict[str, Any]) -> Event:
    """Return what is on the queue as an Event; the app may have captured it itself, on the official client."""
    if isinstance(item, Event):
        return item
    event = Event(item, 0)
    event.update(item)
    return event


class Retries(NamedTuple):
    """How long a batch is tried; Segment's settings of the same names. Durations in seconds."""

    max_retries: int
    max_total_backoff_duration: float
    max_rate_limit_duration: float


Fill = Callable[[Event], None]
Settled = Callable[[Exception | None, list[Event]], object]


class Uploader:
    """Takes batches and posts them.

    `fill(event)` converts its message; `post(batch)` raises what went wrong; `settled(error or None, events)` hears of each
    event once; `hurried()` says whether somebody waits for what is queued. Who begins to wait notifies the queue's `not_empty`.
    """

    def __init__(
        self, fill: Fill, post: Callable[[list[Event]], None], settled: Settled, hurried: Callable[[], bool], retries: Retries
    ) -> None:
        self._fill = fill
        self._post = post
        self._settled = settled
        self._hurried = hurried
        self._retries = retries
        self.stop = threading.Event()  # set: no further try
        self.in_flight: dict[int, list[Event]] = {}  # thread: the batch that it has taken off the queue

    def next(self, consumer: Any) -> list[Event]:
        """Return the next batch for a consumer: `flush_at` events, or what came in `flush_interval` seconds, or in a hurry what is there.

        Stands in for the official Consumer.next, which serialises each event only to learn its size; ours know it.
        """
        batch: list[Event] = []
        size = 0
        deadline = now() + max(consumer.flush_interval, _LEAST_INTERVAL)
        while len(batch) < consumer.flush_at and size < MAX_BATCH_SIZE:
            items = self._take(consumer, consumer.flush_at - len(batch), MAX_BATCH_SIZE - size, deadline, begun=bool(batch))
            if not items:
                break
            if not batch:
                deadline = min(deadline, now() + consumer.flush_interval)
            batch += items
            size += sum(event.size for event in items)
        if batch:
            self.in_flight[threading.get_ident()] = batch
        if batch and not consumer.running:  # paused while waiting: the official client would drop the batch without a word
            self._settled(ClientShutDown(SHUT_DOWN), batch)
            for _ in batch:
                consumer.queue.task_done()
            return []
        return batch

    def _take(self, consumer: Any, most: int, room: int, deadline: float, *, begun: bool) -> list[Event]:
        """Return what is on the queue, at most `most` events and, but for the last, `room` bytes; wait for a first one.

        Returns nothing at the deadline or at the end, and at once if somebody waits for a batch that is begun.
        """
        waiting = consumer.queue
        while True:
            drained = _is_drained(consumer)
            with waiting.not_empty:
                items: list[Event] = []
                while waiting._qsize() and len(items) < most and room > 0:
                    items.append(as_event(waiting._get()))
                    room -= items[-1].size
                if items:
                    waiting.not_full.notify(len(items))
                    return items
                rest = deadline - now()
                if rest <= 0 or not consumer.running or (begun and (drained or self._hurried())):
                    return []
                waiting.not_empty.wait(rest)

    def request(self, batch: list[Event]) -> None:
        """Post a batch and say of each event what became of it. Stands in for the official Consumer.request; never raises."""
        try:
            for error, events in self.deliver(batch):
                self._settled(error, events)
        except Exception as failure:  # whatever it was, each event is said to be lost, and the thread goes on
            self._settled(DeliveryError(f"{type(failure).__name__} was raised while sending"), batch)
        finally:
            self.in_flight.pop(threading.get_ident(), None)

    def deliver(self, batch: list[Event]) -> Iterator[tuple[DeliveryError | None, list[Event]]]:
        """Post a batch, with retries, halved where PostHog refuses it, and yield the parts with their error or None."""
        ready: list[Event] = []
        for event in batch:
            try:
                if not event:
                    self._fill(event)
                ready.append(event)
            except Exception as failure:  # the app has changed the message that its call returned
                event.clear()
                yield DeliveryError(f"a message can't be converted any more ({type(failure).__name__})", 400), [event]
        parts = [ready] if ready else []
        while parts:
            part = parts.pop()
            error = self._try(part)
            if error is not None and len(part) > 1 and error.status in _SPLIT:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
            else:
                yield error, part

    def _try(self, batch: list[Event]) -> DeliveryError | None:
        """Post a batch until it arrives or there is no sense in going on; return the last error or None."""
        waits = Waits(self._retries)
        while True:
            if self.stop.is_set():
                return DeliveryError(SHUT_DOWN)
            try:
                self._post(batch)
                return None
            except Exception as failure:
                error = _delivery_error(failure)
                wait = waits.after(error, getattr(failure, "retry_after", None))
            if wait is None or self.stop.wait(wait):
                return error


class Waits:
    """The waits between the tries of one batch."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._retry = 0
        self._failing_since: float | None = None
        self._limited_since: float | None = None

    def after(self, error: DeliveryError, retry_after: float | None) -> float | None:
        """Return the seconds to wait after a failure; None: give up."""
        if not _is_retried(error):
            return None
        moment = now()
        if retry_after is not None and retry_after > 0:
            wait = min(retry_after, MAX_RETRY_AFTER)
            if self._limited_since is None:
                self._limited_since = moment
            return wait if moment - self._limited_since + wait <= self._retries.max_rate_limit_duration else None
        if self._failing_since is None:
            self._failing_since = moment
        self._retry += 1
        if self._retry > self._retries.max_retries or moment - self._failing_since >= self._retries.max_total_backoff_duration:
            return None
        return 0.0 if self._retry == 1 else min(0.5 * 2 ** min(self._retry - 2, 30) * random.uniform(1, 1.1), MAX_BACKOFF)


def _is_drained(consumer: Any) -> bool:
    """Whether the app has called the official client's own flush(); nothing public says so. It takes the queue's lock."""
    draining = getattr(consumer, "_draining", None)
    return bool(draining is not None and draining())


def _is_retried(error: DeliveryError) -> bool:
    return error.status is None or error.status in _RETRIED or error.status >= 500


def _delivery_error(failure: Exception) -> DeliveryError:
    """Say what went wrong without the address, the answer's text or anything else that could hold a key or data."""
    if isinstance(failure, DeliveryError):
        return failure
    status = getattr(failure, "status", None)
    if isinstance(status, int):
        return DeliveryError(f"PostHog answered {status}{_ADVICE.get(status, '')}", status)
    if isinstance(failure, _NO_JSON) and not isinstance(failure, OSError):
        return DeliveryError(f"the batch can't be sent as JSON ({type(failure).__name__})", 400)
    return DeliveryError(f"PostHog can't be reached: {' < '.join(_causes(failure))}. Check host, proxies and the network")


_NO_JSON: Final = (TypeError, ValueError, RecursionError)  # of json.dumps, or of an address that is none
_ADVICE: Final = {
    400: ": it doesn't take such an event. on_error has the message",
    401: ": check that write_key is the project's API key (phc_...)",
    403: ": check write_key and whether the host is PostHog's",
    404: ": check host; PostHog's are https://us.i.posthog.com and https://eu.i.posthog.com",
    413: ": the event is too large",
}


def _causes(failure: BaseException) -> list[str]:
    """Name an exception and those below it, innermost last; of an OSError the number too. Never their text, which has the URL."""
    names: list[str] = []
    current: Any = failure
    while isinstance(current, BaseException) and len(names) < 6:
        number = getattr(current, "errno", None)
        name = type(current).__name__ + (f" {number}" if isinstance(number, int) else "")
        if name not in names:
            names.append(name)
        inner = getattr(current, "reason", None)
        first = current.args[0] if current.args else None
        current = next((c for c in (inner, first, current.__cause__, current.__context__) if isinstance(c, BaseException)), None)
    return names


def now() -> float:
    """The time in seconds; the real one, also where a test has frozen `time.monotonic`, and even if it imports us just then."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


_CLOCK: Final = getattr(time, "CLOCK_MONOTONIC", None)
