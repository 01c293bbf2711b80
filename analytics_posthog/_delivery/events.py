"""Makes the event for a message: converted, seen by the app's before_send, and measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

from .._message import MAX_SIZE, Pass, clean_dict, json_default
from ..convert import to_posthog
from ..errors import InvalidMessage, MessageTooLarge
from .batch import LIB
from .consumer import Event
from .report import Report

BeforeSend = Callable[[dict[str, Any]], "dict[str, Any] | None"]

MAX_EVENT_SIZE: Final = 900 * 1024  # bytes of JSON; the official client drops larger ones with a log line
# Up to here an event surely fits: a url may stand in it three times, and JSON may write an ASCII character in six.
_SURELY_FITS: Final = MAX_EVENT_SIZE // 18
_TOO_LARGE: Final = f"{{}}: the event has more than {MAX_EVENT_SIZE // 1024} KiB as JSON. Send less in it"


class Events:
    """Makes events by an app's settings. Holds no state of the messages."""

    def __init__(self, *, group_type: str, person_profiles: str, before_send: BeforeSend | None, report: Report) -> None:
        self._convert = partial(to_posthog, group_type=group_type, person_profiles=person_profiles, warn=report.warn_once)
        self._before_send = before_send
        self._report = report

    def make(self, message: dict[str, Any], size: int | None = None) -> Event | None:
        """Return the event of a message; None if before_send doesn't want it.

        `size` is what the message's Pass measured; without it, the event is measured here. Raises MessageTooLarge,
        InvalidMessage for what before_send has spoilt, and what before_send raises.
        """
        if size is not None and size <= _SURELY_FITS and self._before_send is None:
            return Event(message, size)  # filled when its turn comes
        if size is not None and size > MAX_SIZE:  # the pass ended before the values did
            raise MessageTooLarge(_TOO_LARGE.format(message["type"]))
        event = Event(message, 0)
        self.fill(event)
        if self._before_send is not None and not self._ask(self._before_send, event):
            return None
        event.size = len(json.dumps(event, default=json_default))
        if event.size > MAX_EVENT_SIZE:
            raise MessageTooLarge(_TOO_LARGE.format(message["type"]))
        return event

    def fill(self, event: Event) -> None:
        """Convert an event's message into it."""
        event.update(self._convert(event.message))
        event["properties"].update(LIB)

    def _ask(self, before_send: BeforeSend, event: Event) -> bool:
        """Let before_send have its say; return whether the event is to be sent."""
        changed: Any = before_send(clean_dict(event, Pass()))
        if changed is None:
            return False
        done = Pass()
        cleaned = clean_dict(changed, done) if isinstance(changed, dict) else {}
        self._report.left_out("before_send", done.left_out)
        for key in ("timestamp", "uuid"):  # by which PostHog counts what is sent twice as one
            if cleaned.get(key) is None and key in event:
                cleaned[key] = event[key]
        _check(cleaned)
        event.clear()
        event.update(cleaned)
        event["properties"].update(LIB)
        return True


def _check(event: dict[str, Any]) -> None:
    """Raise InvalidMessage for an event that PostHog would refuse together with its whole batch."""
    texts = all(isinstance(event.get(key), str) and event[key].strip() for key in ("event", "distinct_id"))
    if not (texts and isinstance(event.get("properties"), dict) and isinstance(event.get("timestamp", ""), str) and _is_uuid(event)):
        raise InvalidMessage("before_send must return the event with its event, distinct_id, timestamp and properties, or None")


def _is_uuid(event: dict[str, Any]) -> bool:
    try:
        UUID(event["uuid"])
    except (KeyError, ValueError, AttributeError):
        return "uuid" not in event
    return True
