"""Makes the event for a message: checks it, converts it, shows it to the app's before_send, and measures it."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Final
from uuid import UUID

from .._message import MAX_SIZE, Message, Pass, clean_dict, json_default
from .._settings import BeforeSend, Settings
from ..convert import EVENTS, MAX_GROUP_KEY, Event, to_posthog, wanted
from ..errors import InvalidMessage, MessageTooLarge
from .http import LIB
from .ledger import Ticket
from .report import Report

MAX_EVENT_SIZE: Final = 900 * 1024  # bytes of JSON; PostHog takes no larger event
# Up to here an event surely fits: it may hold a url three times, and JSON may write an ASCII character in six.
_SURELY_FITS: Final = MAX_EVENT_SIZE // 18
KEPT_AWAY: Final = "its integrations keep it from PostHog"
_TOO_LARGE: Final = f"{{}}: the event has more than {MAX_EVENT_SIZE // 1024} KiB as JSON. Send less in it"


class Events:
    """Makes events by an app's settings. Keeps nothing of the messages."""

    def __init__(self, settings: Settings, report: Report) -> None:
        self._convert = partial(
            to_posthog,
            group_type=settings.group_type,
            person_profiles=settings.person_profiles,
            warn=report.warn_once,
        )
        self._before_send = settings.before_send or None
        self._report = report

    def ticket(self, message: Message, size: int | None = None) -> Ticket | str:
        """Return the ticket of a message, or why it is not to be sent.

        `size` is what the pass over its values measured, in bytes. The event is made here only if its size is in doubt
        or before_send must see it; otherwise when its turn comes. Raises InvalidMessage for a message that PostHog
        refuses or that before_send has spoilt, MessageTooLarge, and what before_send raises.
        """
        raise_refusal(message)
        if not wanted(message):
            return KEPT_AWAY
        if size is not None and size <= _SURELY_FITS and self._before_send is None:
            return Ticket(message, size)
        if size is not None and size > MAX_SIZE:  # the pass ended before the values did
            raise MessageTooLarge(_TOO_LARGE.format(message["type"]))
        made = self.event(message)
        event = made if self._before_send is None else self._asked(self._before_send, made)
        if event is None:
            return "before_send returned None"
        size = len(json.dumps(event, default=json_default))
        if size > MAX_EVENT_SIZE:
            raise MessageTooLarge(_TOO_LARGE.format(message["type"]))
        return Ticket(message, size, event)

    def event(self, message: Message) -> Event:
        """Convert a message."""
        event = self._convert(message)
        event["properties"].update(LIB)
        return event

    def _asked(self, before_send: BeforeSend, event: Event) -> Event | None:
        """Return the event as before_send wants it sent; None for not at all."""
        changed: Any = before_send(clean_dict(event, Pass()))
        if changed is None:
            return None
        done = Pass()
        cleaned = clean_dict(changed, done) if isinstance(changed, dict) else {}
        self._report.left_out("before_send", done.left_out)
        for key in ("timestamp", "uuid"):  # PostHog counts an event that is sent twice as one by these
            if cleaned.get(key) is None and key in event:
                cleaned[key] = event[key]
        _check(cleaned)
        cleaned["properties"].update(LIB)
        return cleaned


def refusal(message: Message) -> str | None:
    """Return why PostHog would refuse a message, and its whole batch with it, although Segment takes it; else None."""
    call = message["type"]
    if call == "track" and not (isinstance(message.get("event"), str) and message["event"].strip()):
        return "track needs an event name that isn't blank. Pass event='...'"
    if not (message.get("userId") or message.get("anonymousId") or "").strip():
        return f"{call} needs an id that isn't blank. Pass user_id or anonymous_id"
    if call == "group":
        group_id = message.get("groupId") or ""
        if not group_id.strip():
            return "group needs a group_id that isn't blank. Pass group_id='...'"
        if len(group_id) > MAX_GROUP_KEY:
            return f"group needs a group_id of at most {MAX_GROUP_KEY} characters"
    return None if call in EVENTS else f"a message's type must be one of {', '.join(EVENTS)}"


def raise_refusal(message: Message) -> None:
    """Raise InvalidMessage for a message that PostHog would refuse."""
    reason = refusal(message)
    if reason is not None:
        raise InvalidMessage(reason)


def _check(event: Event) -> None:
    """Raise InvalidMessage for an event that PostHog would refuse together with its whole batch."""
    texts = all(isinstance(event.get(key), str) and event[key].strip() for key in ("event", "distinct_id"))
    properties, timestamp = event.get("properties"), event.get("timestamp", "")
    if not (texts and isinstance(properties, dict) and isinstance(timestamp, str) and _has_good_uuid(event)):
        raise InvalidMessage(
            "before_send must return the event with its event, distinct_id, timestamp and properties, or None"
        )


def _has_good_uuid(event: Event) -> bool:
    try:
        UUID(event["uuid"])
    except (KeyError, ValueError, AttributeError):
        return "uuid" not in event
    return True
