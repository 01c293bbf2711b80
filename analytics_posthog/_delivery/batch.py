"""Posts a batch by the official client's `batch_post`, and spares it the walk through every value that it takes before it serialises.

Our values are clean already, so the events are written by one json.dumps and put where `batch_post` has written an empty
batch: the bytes on the wire are the same, and address, headers, key and `sent_at` remain its own. Where something is not as
expected, and with compression, `batch_post` does it all.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

import requests
from posthog.request import batch_post
from posthog.version import VERSION

from .._message import Pass, clean_dict, json_default

if TYPE_CHECKING:
    from posthog import Posthog

# The official client puts the event on the wire; PostHog warns of a $lib that it doesn't know.
LIB: Final = {"$lib": "posthog-python", "$lib_version": VERSION}
_EMPTY: Final = '{"batch": []'
_write: Final = json.JSONEncoder(allow_nan=False, default=json_default).encode


def post_batch(client: Posthog, batch: list[Any], session: requests.Session, **fields: Any) -> None:
    """Post events as the official client does, with further `fields` of the body. Raises what `session` and `batch_post` raise."""
    if not client.gzip:
        events = _written(batch)
        if events is None:  # the app has changed a message since its call
            batch = [clean_dict(event, Pass()) for event in batch]
            events = _written(batch)
        if _posted(client, events, session, fields):
            return
    batch_post(client.api_key, client.host, batch=batch, session=session, gzip=client.gzip, timeout=client.timeout, **fields)


def post_texts(client: Posthog, texts: list[str], session: requests.Session, **fields: Any) -> None:
    """The same for events that `write_event` has made text of."""
    if not _posted(client, f"[{', '.join(texts)}]", session, fields):
        post_batch(client, [json.loads(text) for text in texts], session, **fields)


def write_event(event: dict[str, Any]) -> str:
    """Return an event as JSON. Raises ValueError for what JSON can't hold."""
    return _write(event)


def _written(batch: list[Any]) -> str | None:
    try:
        return _write(batch)
    except (TypeError, ValueError, RecursionError):
        return None


def _posted(client: Posthog, events: str | None, session: requests.Session, fields: dict[str, Any]) -> bool:
    """Post events that are written; False if nothing was posted, because that can't be done here."""
    if events is None:
        return False
    filling = _Filling(session, events)
    try:
        batch_post(
            client.api_key, client.host, batch=[], session=cast(requests.Session, filling), gzip=False, timeout=client.timeout, **fields
        )
    except Exception:  # whatever it is: as long as nothing was posted, it is nothing but another official client than we know
        if filling.has_posted:
            raise
    return filling.has_posted


class _Filling:
    """What `batch_post` takes for its session: fills the batch in."""

    def __init__(self, session: requests.Session, events: str) -> None:
        self._session = session
        self._events = events
        self.has_posted = False

    def post(self, url: str, data: Any = None, **options: Any) -> requests.Response:
        """Post as a session does. Raises ValueError if `batch_post` has not written what it always has."""
        if not isinstance(data, str) or not data.startswith(_EMPTY):
            raise ValueError("not the body of an empty batch")
        self.has_posted = True
        return self._session.post(url, data=f'{{"batch": {self._events}{data[len(_EMPTY) :]}', **options)
