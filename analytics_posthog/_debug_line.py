"""The line that `debug` prints for a call. It holds the app's own words, an event's name, and nobody's data: no id, trait or property."""

from __future__ import annotations

from typing import Any, Final

from .convert import EVENTS, to_posthog

_MAX_NAME: Final = 100  # characters


def debug_line(message: dict[str, Any], why_not: Exception | str) -> str:
    """Return the call, the event, the uuid, and what became of it. `why_not`: why it isn't sent, or "".

    What was refused before it was a message has neither event nor uuid.
    """
    why = f"{type(why_not).__name__}: {why_not}" if isinstance(why_not, Exception) else why_not
    return f"{message['type']}{_event(message)}: {f'not sent, {why}' if why else 'accepted'}"


def _event(message: dict[str, Any]) -> str:
    if "messageId" not in message:
        return ""
    event = to_posthog(message)
    # ascii(), so that a name with a line break is no second line.
    name = ascii(event["event"][:_MAX_NAME]) if EVENTS[message["type"]] is None else event["event"]
    return f" {name} {event['uuid']}"
