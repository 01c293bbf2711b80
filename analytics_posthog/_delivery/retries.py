"""What happens when a batch is not taken: which answers are retried, how long, and how a refused batch is halved.

The retries are those of Segment's client: the first at once, then after 0.5, 1, 2 ... 60 s, up to `max_retries`. Only
after an answer the first waits too, as PostHog's tests of its SDKs want it. A wait that an answer asks for in
Retry-After is not counted. Each of the two kinds has its own limit of time.

An event that PostHog, or a firewall on the way, refuses is found by halving its batch, so it costs none of its
neighbours. A server that refuses everything takes none of the others: `DeliveryError.about_event`.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Final, Generic, TypeVar

import requests

from .._interrupts import comes_from_handler, is_interrupt
from .._settings import Retries
from ..errors import DeliveryError, NoAnswer, TimedOut
from .clock import now
from .session import QUOTA
from .waiting import Stop

T = TypeVar("T")

SHUT_DOWN: Final = "the client was shut down before its events could be sent. Call flush() first, or give it more time"
_REFUSED: Final = (400, 413)  # PostHog doesn't take the event; of any other server this needs more evidence
_ABOUT_ALL: Final = (401, 402, 404, 405, 407, 410)  # the key, the bill, the address or a proxy: no event's fault
_AWAY: Final = (503, 504, 511)  # nobody is there, or a network wants a login: halves would tell nothing
_RETRIED: Final = (408, 429)  # as is every status from 500 but 511, and no answer at all
_HALVE_AFTER: Final = 3  # failures with a status from 500, before a batch is halved
_ALONE: Final = 4  # tries of one event with such a status, when others are taken
# If so many events in a row are refused and none is taken, the cause is the server or the way there, not the events.
_NO_CHANCE: Final = 10
_ROUNDS: Final = 3  # of one batch; a second one if something else happens in a search, such as an outage
_SAMPLE: Final = 5  # other events of the batch that are tried before that is concluded
_FIRST: Final = 0.1  # seconds before the first retry, if there was an answer; a dead connection needs no wait
_MAX_RETRY_AFTER: Final = 300.0  # seconds
_MAX_BACKOFF: Final = 60.0  # seconds


class Sender(Generic[T]):
    """Posts batches until each event is taken or there is no sense in going on."""

    def __init__(
        self, post: Callable[[list[T]], object], retries: Retries, stop: Stop | threading.Event | None = None
    ) -> None:
        """`post(batch)` raises what went wrong. `stop`, once set, ends all waits, and nothing is posted any more."""
        self._post = post
        self._retries = retries
        self._refused_in_a_row = 0  # events, since the last one that was taken
        self.stop = stop or Stop()

    def deliver(self, batch: list[T]) -> Iterator[tuple[DeliveryError | None, list[T]]]:
        """Post a batch, and yield it in parts: those that were taken with None, the others with their error."""
        waits = Waits(self._retries)
        error: DeliveryError | None = None
        was_in_vain = False
        for _ in range(_ROUNDS if batch else 0):
            error = self._try(batch, waits, halve=len(batch) > 1 and not was_in_vain)
            if error is None:
                self._refused_in_a_row = 0
            elif _may_be_one(error) and (error.status in _REFUSED or (len(batch) > 1 and not was_in_vain)):
                search = _Search(batch, error, self._once, self._refused_in_a_row)
                yield from search.run()
                self._refused_in_a_row, was_in_vain = search.refused_in_a_row, not search.has_taken
                batch, error = search.left, search.error
                if batch and _is_retried(error.status):
                    continue
            break
        if batch:
            yield error, batch

    def _once(self, part: list[T], tries: int) -> DeliveryError | None:
        return self._try(part, Waits(self._retries), tries=tries)

    def _try(
        self, batch: list[T], waits: Waits, *, halve: bool = False, tries: int | None = None
    ) -> DeliveryError | None:
        """Post until the batch is taken, the waits are used up, or, with `halve`, it is time to halve the batch.

        `tries` counts only failures that may be about an event; an outage meanwhile is waited for.
        """
        failures = 0
        while True:
            if self.stop.is_set():
                return DeliveryError(SHUT_DOWN)
            try:
                self._post(batch)
                return None
            except Exception as failure:
                if is_interrupt(failure):
                    raise
                for cause in causes(failure):  # requests may have taken it for an error of the network
                    if comes_from_handler(cause):
                        raise cause from None
                error = delivery_error(failure)
                wait = waits.after(error, getattr(failure, "retry_after", None))
            failures += _may_be_one(error)
            is_time = halve and failures >= _HALVE_AFTER
            if wait is None or is_time or failures == tries or self.stop.wait(wait):
                return error


def _may_be_one(error: DeliveryError) -> bool:
    """Whether one event of a batch may be what was refused."""
    status = error.status
    return status is not None and status >= 400 and status not in (*_RETRIED, *_ABOUT_ALL, *_AWAY)


class _Search(Generic[T]):
    """Finds the refused events of a refused batch. Afterwards `left` has what can't be taken because of the server."""

    def __init__(
        self,
        batch: list[T],
        error: DeliveryError,
        post: Callable[[list[T], int], DeliveryError | None],
        refused_in_a_row: int,
    ) -> None:
        self.left: list[T] = []
        self.error = error
        self.refused_in_a_row = refused_in_a_row
        self._batch = batch
        self._post = post
        self.has_taken = False
        self._alone: list[tuple[DeliveryError, T]] = []  # events that were refused alone

    def run(self) -> Iterator[tuple[DeliveryError | None, list[T]]]:
        """Yield what is taken, and then what is refused."""
        parts = [self._batch]
        known: DeliveryError | None = self.error  # of the whole batch
        most = _NO_CHANCE if self.refused_in_a_row < _NO_CHANCE else 1
        while parts:
            part = parts.pop()
            error, known = known or self._post(part, 1), None
            if error is None:
                self.has_taken = True
                yield None, part
            elif not _may_be_one(error):  # something else has happened meanwhile
                self.left += [event for waiting in [part, *reversed(parts)] for event in waiting]
                self.error = error
                break
            elif len(part) > 1:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
            else:
                self._alone.append((error, part[0]))
                if len(self._alone) >= most and not self.has_taken:
                    rest = [event for waiting in reversed(parts) for event in waiting]
                    sample = rest[:: max(1, len(rest) // _SAMPLE)][:_SAMPLE]
                    has_taken = yield from self._sampled(sample)
                    rest = [event for event in rest if event not in sample]
                    parts = [rest] if rest and has_taken else []
                    self.left += [] if has_taken else rest
        yield from self._judged()

    def _sampled(self, sample: list[T]) -> Generator[tuple[None, list[T]], None, bool]:
        """Try some events alone. Return whether one was taken."""
        for event in sample:
            error = self._post([event], 1)
            if error is None:
                self.has_taken = True
                yield None, [event]
            else:
                self._alone.append((error, event))
        return self.has_taken

    def _judged(self) -> Iterator[tuple[DeliveryError | None, list[T]]]:
        """Yield the events that were refused alone, if it was about them; otherwise they are left."""
        if self.has_taken:
            self.refused_in_a_row = 0
        else:
            self.refused_in_a_row += len(self._alone) + len(self.left)
        by_posthog = not self.left and self.refused_in_a_row < _NO_CHANCE
        for first_error, event in self._alone:
            error: DeliveryError | None = first_error
            if self.has_taken and (first_error.status or 0) >= 500:
                error = self._post([event], _ALONE)
            if error is None:
                yield None, [event]
            elif _may_be_one(error) and (self.has_taken or (by_posthog and error.status in _REFUSED)):
                error.about_event = True
                yield error, [event]
            else:
                self.left.append(event)
                self.error = error


class Waits:
    """The waits between the tries of one batch."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._retry = 0
        self._failing_since: float | None = None
        self._limited_since: float | None = None

    def after(self, error: DeliveryError, retry_after: float | None) -> float | None:
        """Return the seconds to wait after a failure; None to give up."""
        if error.code == QUOTA or not _is_retried(error.status) or (error.status == 200 and not self._retries.pages):
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


def _is_retried(status: int | None) -> bool:
    """Whether a further try makes sense. 200 stands for an answer that isn't PostHog's: nothing was taken."""
    return status in (None, 200, *_RETRIED) or (status >= 500 and status != 511)


def delivery_error(failure: Exception) -> DeliveryError:
    """Say what went wrong, without the address, the answer's text or anything else that could hold a key or data."""
    if isinstance(failure, DeliveryError):
        return failure
    status = getattr(failure, "status", None)
    if isinstance(status, int):
        code, response = getattr(failure, "code", "unknown"), getattr(failure, "response", None)
        kind = _MOVED if status < 400 else _NOT_TAKEN if status < 500 else _IN_TROUBLE
        return DeliveryError(f"PostHog answered {status}: {_ADVICE.get(status, kind)}", status, code, response)
    names = " < ".join(_names(failure))
    error = TimedOut if isinstance(failure, requests.Timeout) else NoAnswer
    return error(f"PostHog can't be reached: {names}. Check host, proxies and the network")


_MOVED: Final = "a redirect that is not followed. Set host to where PostHog is"
_NOT_TAKEN: Final = "it doesn't take such an event. on_error has the message"
_IN_TROUBLE: Final = "it, or a proxy before it, is in trouble. See https://status.posthog.com"
_ADVICE: Final = {
    401: "check that write_key is the project's API key (phc_...)",
    402: "check PostHog's billing limits",
    403: "check write_key and whether the host is PostHog's",
    404: "check host; PostHog's are https://us.i.posthog.com and https://eu.i.posthog.com",
    407: "the proxy wants a login. Check proxies, and HTTPS_PROXY in the environment",
    408: _IN_TROUBLE,
    413: "the event is too large. Send less in it",
    429: "too many requests at once. Send fewer, or raise max_retries",
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
