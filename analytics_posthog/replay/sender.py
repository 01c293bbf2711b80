"""Sends portions of events in order, through the official client's own POST, no faster than it may, and says which PostHog refused.

The retries, and the halving of a batch that PostHog refuses, are those of the live delivery.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import posthog

from .._delivery import Event, Retries, Session, Uploader, now, post_texts, why_not_taken
from .._settings import MAX_WAIT, check_host, check_number, check_write_key
from ..errors import AnalyticsError, DeliveryError, InvalidSetting
from .event import LineEvent

if TYPE_CHECKING:
    import requests

BATCH: Final = 500  # events
_TIMEOUT: Final = 15  # seconds for one request
_MAX_BACKOFF: Final = 43200.0  # seconds, as a client's own setting
_MAX_RATE_LIMIT: Final = 1800.0
_REFUSED: Final = {
    400: "PostHog answered 400: it doesn't take such an event",
    413: "PostHog answered 413: the event is too large",
}

_NO_CHANCE: Final = (
    10  # so many events in a row that are refused: then it is the server or the way there, not the events
)
_ALL_REFUSED: Final = (
    "{} was answered to each of {:,} events alone, so it is not about the events. Check that host is PostHog's address and that no proxy"
    " answers in its place"
)


def check_pace(rate: float, max_retries: int) -> None:
    """Raise InvalidSetting unless both are numbers that can work."""
    check_number("rate", rate, most=MAX_WAIT)
    check_number("max_retries", max_retries, whole=True)


class Interrupted(AnalyticsError):
    """The replay was asked to stop."""


class Sender:
    """Posts to one project. `stop`, once set, ends waits at once, and the sending after the request in hand."""

    def __init__(
        self, write_key: str, host: str | None, *, rate: float, max_retries: int, stop: threading.Event | None = None
    ) -> None:
        """Raises InvalidSetting."""
        self._key, self._host = check_write_key(write_key), check_host(host)
        if not self._key:
            raise InvalidSetting("write_key is empty. Pass the project API key (phc_...)")
        check_pace(rate, max_retries)
        self.stop = stop or threading.Event()
        self._pace = rate
        self._free_at = now()
        self._client = posthog.Posthog(
            self._key,
            host=self._host,
            send=False,
            sync_mode=True,  # so it has no threads
            gzip=False,
            timeout=_TIMEOUT,
            capture_mode="v0",
            enable_local_evaluation=False,
        )
        self._session = Session(None)
        self._session.hooks["response"].append(_check_taken)
        retries = Retries(max_retries, _MAX_BACKOFF, _MAX_RATE_LIMIT)
        self._uploader = Uploader(_filled, self._post, _heard, _hurried, retries)
        self._uploader.stop = self.stop

    @property
    def target(self) -> dict[str, str | None]:
        """Where it sends."""
        return {"host": self._host, "key": self._key}

    @property
    def most(self) -> int:
        """How many events to hand over at a time, so that a slow pace is no pace of bursts."""
        return BATCH if not self._pace else max(1, min(BATCH, int(self._pace)))

    def send(self, events: Sequence[LineEvent]) -> list[tuple[LineEvent, str]]:
        """Send events; return those that PostHog refuses, each with the reason.

        Raises Interrupted, and DeliveryError when there is no sense in going on; some may have been taken by then.
        """
        self._wait_for_turn(len(events))
        refused: dict[int, str] = {}
        status: int | None = None
        for error, part in self._uploader.deliver(list(events)) if events else ():
            if error is None:
                continue
            if self.stop.is_set():
                raise Interrupted("stopped")
            if error.status is None or error.status not in _REFUSED:
                raise error
            status = error.status
            refused |= {id(event): _REFUSED[error.status] for event in part}
        if len(refused) == len(events) >= _NO_CHANCE:
            raise DeliveryError(_ALL_REFUSED.format(status, len(events)), status)
        return [(event, refused[id(event)]) for event in events if id(event) in refused] if refused else []

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _wait_for_turn(self, count: int) -> None:
        moment = now()
        if self._pace:
            if self._free_at > moment:
                self.stop.wait(self._free_at - moment)
            self._free_at = max(self._free_at, moment) + count / self._pace
        if self.stop.is_set():
            raise Interrupted("stopped")

    def _post(self, batch: list[Any]) -> None:
        post_texts(self._client, [event.text for event in batch], self._session, historical_migration=True)


def _check_taken(response: requests.Response, **_: object) -> None:
    """Raise DeliveryError for a 200 that doesn't mean that the events were taken: nobody would ever send them again."""
    why = why_not_taken(response) if response.status_code == 200 else None
    if why is not None:
        raise DeliveryError(f"the server {why}", 200)


def _filled(event: Event) -> None:
    """Called for events that aren't converted yet; ours are written already."""


def _heard(error: Exception | None, events: list[Event]) -> None:
    """Called by the queue's threads, of which there are none."""


def _hurried() -> bool:
    return False
