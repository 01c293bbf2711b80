"""Sends portions of events in order, no faster than the rate, and returns the events that PostHog refuses.

Retries, and the splitting of a batch that PostHog refuses, are those of the live delivery.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

from .._delivery import Sender, Session, Target, now, post_texts
from .._settings import MAX_WAIT, Retries, check_host, check_number, check_write_key
from ..errors import AnalyticsError, DeliveryError, InvalidSetting
from .event import LineEvent

BATCH: Final = 500  # events
_TIMEOUT: Final = 15.0  # seconds for one request
_MAX_BACKOFF: Final = 43200.0  # seconds, as a client's own setting
_MAX_RATE_LIMIT: Final = 1800.0
_REFUSED: Final = {
    400: "PostHog answered 400: it doesn't take such an event",
    413: "PostHog answered 413: the event is too large",
}
_BY_ANOTHER: Final = "the server answered {} to this event, and took others"
_ALL_REFUSED: Final = (
    "{} was answered to each event that was tried alone, so it is not about the events. "
    "Check that host is PostHog's address and that no proxy answers in its place"
)


def check_pace(rate: float, max_retries: int) -> None:
    """Raise InvalidSetting unless both are possible numbers."""
    check_number("rate", rate, most=MAX_WAIT)
    check_number("max_retries", max_retries, whole=True)


class Interrupted(AnalyticsError):
    """The replay was asked to stop."""


class PacedSender:
    """Sends to one project. Setting `stop` ends a wait at once, and a request once it is answered."""

    def __init__(
        self, write_key: str, host: str | None, *, rate: float, max_retries: int, stop: threading.Event | None = None
    ) -> None:
        """Raises InvalidSetting."""
        self.key, self.host = check_write_key(write_key), check_host(host)
        if not self.key:
            raise InvalidSetting("write_key is empty. Pass the project API key (phc_...)")
        check_pace(rate, max_retries)
        self.stop = stop or threading.Event()
        self._rate = rate
        self._free_at = now()
        self._target = Target.of(self.key, self.host, timeout=_TIMEOUT)
        self._session = Session(None, taken=True)
        retries = Retries(max_retries, _MAX_BACKOFF, _MAX_RATE_LIMIT, pages=False)
        self._batches = Sender(self._post, retries, self.stop)

    @property
    def most(self) -> int:
        """The most events to send at a time: those of a second at most, so that a low rate doesn't send in bursts."""
        return BATCH if not self._rate else max(1, min(BATCH, int(self._rate)))

    def send(self, events: Sequence[LineEvent]) -> list[tuple[LineEvent, str]]:
        """Send events; return those that PostHog refuses, each with the reason.

        Raises Interrupted, and DeliveryError if further tries make no sense. PostHog may have some events by then.
        """
        self._wait_for_turn(len(events))
        refused: dict[int, str] = {}
        batch: list[Any] = list(events)
        for error, part in self._batches.deliver(batch) if batch else ():
            if error is None:
                continue
            if self.stop.is_set():
                raise Interrupted("stopped")
            if error.status in _REFUSED and not error.about_event:
                raise DeliveryError(_ALL_REFUSED.format(error.status), error.status)
            if not error.about_event:
                raise error
            refused |= {id(event): _REFUSED.get(error.status or 0, _BY_ANOTHER.format(error.status)) for event in part}
        return [(event, refused[id(event)]) for event in events if id(event) in refused] if refused else []

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _wait_for_turn(self, count: int) -> None:
        moment = now()
        if self._rate:
            if self._free_at > moment:
                self.stop.wait(self._free_at - moment)
            self._free_at = max(self._free_at, moment) + count / self._rate
        if self.stop.is_set():
            raise Interrupted("stopped")

    def _post(self, batch: list[Any]) -> None:
        texts = [event.text for event in batch]
        post_texts(self._target, texts, self._session, historical_migration=True)
