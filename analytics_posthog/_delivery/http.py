"""Posts batches of events by the official client's own `batch_post`, through the session of `session.py`.

`batch_post` walks through every value once more before it serialises a batch. Our values are clean already, so they are
written by one json.dumps and put where `batch_post` has written an empty batch. The bytes on the wire are the same, and
address, headers, key and `sent_at` remain its own. With compression, or if a body is not as expected, `batch_post`
does it all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

import requests
from posthog.request import batch_post, determine_server_host
from posthog.version import VERSION

from .._message import Pass, clean_dict, json_default
from ..errors import DeliveryError
from .call_sites import header, is_loopback

# The official client puts the event on the wire; PostHog warns of a $lib that it doesn't know.
LIB: Final = {"$lib": "posthog-python", "$lib_version": VERSION}
_EMPTY: Final = '{"batch": []'
# A clean event has no circle; should the app have made one since, it is a RecursionError.
_write: Final = json.JSONEncoder(allow_nan=False, check_circular=False, default=json_default).encode


class Target(NamedTuple):
    """Where batches are posted to, and how. `timeout` is in seconds."""

    api_key: str
    host: str
    gzip: bool
    timeout: float

    @classmethod
    def of(cls, key: str, address: str | None, *, gzip: bool = False, timeout: float = 15) -> Target:
        """Return the target of a project; the official client knows the host for an app's address, or for none."""
        return cls(key, determine_server_host(address), gzip, timeout)


def post_batch(target: Target, batch: list[dict[str, Any]], session: requests.Session, **fields: Any) -> None:
    """Post events with further `fields` of the body. Raises what `session` and `batch_post` raise."""
    events = _written(batch)
    if events is None:  # the app has changed a message since its call
        batch = [clean_dict(event, Pass()) for event in batch]
        events = _written(batch)
        if events is None:
            raise DeliveryError("an event of the batch can't be sent as JSON", 400)
    headers = header(batch) if is_loopback(target.host) else {}
    if not target.gzip and _posted(target, events, session, fields, headers):
        return
    batch_post(
        target.api_key,
        target.host,
        batch=batch,
        session=session,
        gzip=target.gzip,
        timeout=target.timeout,
        **fields,
    )


def post_texts(target: Target, texts: list[str], session: requests.Session, **fields: Any) -> None:
    """Post events that `write_event` has written."""
    if not _posted(target, f"[{', '.join(texts)}]", session, fields):
        post_batch(target, [json.loads(text) for text in texts], session, **fields)


def write_event(event: dict[str, Any]) -> str:
    """Return an event as JSON. Raises ValueError for a value that JSON can't hold."""
    return _write(event)


def _written(batch: list[dict[str, Any]]) -> str | None:
    try:
        return _write(batch)
    except (TypeError, ValueError, RecursionError):
        return None


def _posted(
    target: Target,
    events: str,
    session: requests.Session,
    fields: dict[str, Any],
    headers: Mapping[str, str] = MappingProxyType({}),
) -> bool:
    """Post events that are written. Return False if nothing was posted, because that can't be done here."""
    filling = _Filling(session, events, headers)
    stand_in = cast(requests.Session, filling)
    try:
        batch_post(
            target.api_key, target.host, batch=[], session=stand_in, gzip=False, timeout=target.timeout, **fields
        )
    except (
        Exception
    ):  # if nothing was posted, this is another official client than we know, and `batch_post` does it all
        if filling.has_posted:
            raise
    return filling.has_posted


class _Filling:
    """The session that `batch_post` is given: fills in the batch."""

    def __init__(self, session: requests.Session, events: str, headers: Mapping[str, str]) -> None:
        self._session = session
        self._headers = headers
        self._events = events
        self.has_posted = False

    def post(self, url: str, data: Any = None, **options: Any) -> requests.Response:
        """Post as a session does. Raises ValueError if `batch_post` has not written the body that it always has."""
        if not isinstance(data, str) or not data.startswith(_EMPTY):
            raise ValueError("not the body of an empty batch")
        self.has_posted = True
        if self._headers:
            options["headers"] = {**options.get("headers", {}), **self._headers}
        return self._session.post(url, data=f'{{"batch": {self._events}{data[len(_EMPTY) :]}', **options)
