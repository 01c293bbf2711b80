"""What happens when a batch is not taken: which answers are retried, how long, and how a refused batch is halved.

The retries are those of Segment's client: the first at once, then after 0.5, 1, 2 ... 60 s, up to `max_retries`. Only
after an answer the first waits too, as PostHog's tests of its SDKs want it. A wait that an answer asks for in
Retry-After is not counted. Each of the two kinds has its own limit of time. An event that PostHog refuses is found by
halving its batch, so it costs none of its neighbours.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

import requests

from .._settings import Retries
from ..errors import DeliveryError, NoAnswer, TimedOut
from .clock import now

T = TypeVar("T")

SHUT_DOWN: Final = "the client was shut down before its events could be sent. Call flush() first, or give it more time"
REFUSED: Final = (400, 413)  # PostHog doesn't take the event, and never will; a batch of several is halved
_RETRIED: Final = (408, 429)  # as is every status from 500 but 511 (a network wants a login), and no answer at all
_FIRST: Final = 0.1  # seconds before the first retry, if there was an answer; a dead connection needs no wait
_MAX_RETRY_AFTER: Final = 300.0  # seconds
_MAX_BACKOFF: Final = 60.0  # seconds


class Sender(Generic[T]):
    """Posts batches until each event is taken or there is no sense in going on."""

    def __init__(
        self, post: Callable[[list[T]], object], retries: Retries, stop: threading.Event | None = None
    ) -> None:
        """`post(batch)` raises what went wrong. `stop`, once set, ends all waits, and nothing is posted any more."""
        self._post = post
        self._retries = retries
        self.stop = stop or threading.Event()

    def deliver(self, batch: list[T]) -> Iterator[tuple[DeliveryError | None, list[T]]]:
        """Post a batch, and yield it in parts: those that were taken with None, the others with their error."""
        parts = [batch] if batch else []
        while parts:
            part = parts.pop()
            error = self._try(part)
            if error is not None and len(part) > 1 and error.status in REFUSED:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
            else:
                yield error, part

    def _try(self, batch: list[T]) -> DeliveryError | None:
        waits = Waits(self._retries)
        while True:
            if self.stop.is_set():
                return DeliveryError(SHUT_DOWN)
            try:
                self._post(batch)
                return None
            except Exception as failure:
                error = delivery_error(failure)
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
        """Return the seconds to wait after a failure; None to give up."""
        if error.status is not None and error.status not in _RETRIED and (error.status < 500 or error.status == 511):
            return None
        moment = now()
        if retry_after is not None and retry_after > 0:
            wait = min(retry_after, _MAX_RETRY_AFTER)
            if self._limited_since is None:
                self._limited_since = moment
            return wait if moment - self._limited_since + wait <= self._retries.max_rate_limit_duration else None
        if self._failing_since is None:
            self._failing_since = moment
        self._retry += 1
        failing_for = moment - self._failing_since
        if self._retry > self._retries.max_retries or failing_for >= self._retries.max_total_backoff_duration:
            return None
        if self._retry == 1:
            return 0.0 if error.status is None else _FIRST
        return float(min(0.5 * 2 ** min(self._retry - 2, 30) * random.uniform(1, 1.1), _MAX_BACKOFF))


def delivery_error(failure: Exception) -> DeliveryError:
    """Say what went wrong, without the address, the answer's text or anything else that could hold a key or data."""
    if isinstance(failure, DeliveryError):
        return failure
    status = getattr(failure, "status", None)
    if isinstance(status, int):
        code, response = getattr(failure, "code", "unknown"), getattr(failure, "response", None)
        return DeliveryError(f"PostHog answered {status}{_ADVICE.get(status, '')}", status, code, response)
    if isinstance(failure, _NO_JSON) and not isinstance(failure, OSError):
        return DeliveryError(f"the batch can't be sent as JSON ({type(failure).__name__})", 400)
    names = " < ".join(_names(failure))
    error = TimedOut if isinstance(failure, requests.Timeout) else NoAnswer
    return error(f"PostHog can't be reached: {names}. Check host, proxies and the network")


_NO_JSON: Final = (TypeError, ValueError, RecursionError)  # from json.dumps, or from an address that requests can't use
_ADVICE: Final = {
    400: ": it doesn't take such an event. on_error has the message",
    401: ": check that write_key is the project's API key (phc_...)",
    403: ": check write_key and whether the host is PostHog's",
    404: ": check host; PostHog's are https://us.i.posthog.com and https://eu.i.posthog.com",
    413: ": the event is too large",
}


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its causes, innermost last; requests and urllib3 keep them in different places."""
    current: BaseException | None = error
    for _ in range(10):
        if current is None:
            return
        yield current
        first = current.args[0] if current.args else None
        inner = (getattr(current, "reason", None), first, current.__cause__, current.__context__)
        current = next((cause for cause in inner if isinstance(cause, BaseException)), None)


def _names(failure: BaseException) -> list[str]:
    """Name an exception and its causes, an OSError with its number. Never their text, which has the URL."""
    names: list[str] = []
    for cause in causes(failure):
        number = getattr(cause, "errno", None)
        name = type(cause).__name__ + (f" {number}" if isinstance(number, int) else "")
        if name not in names:
            names.append(name)
    return names[:6]
