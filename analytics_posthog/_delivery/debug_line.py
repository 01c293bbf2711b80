"""The line that `debug` prints for a call. It has the event's name, and nobody's data: no id, trait or property."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, Final

from ..convert import EVENTS, to_posthog

_MAX_NAME: Final = 100  # characters


def log_call(log: logging.Logger, debug: bool, message: dict[str, Any], why_not: Exception | str) -> None:
    """In debug mode, log the call, the event, the uuid, and whether it is sent. `why_not`: why it isn't sent, or "".

    Event and uuid are the conversion's: `before_send` may change them later. A call that made no message has neither.
    """
    if debug:
        why = f"{type(why_not).__name__}: {why_not}" if isinstance(why_not, Exception) else why_not
        with suppress(Exception):  # a filter or handler of the app's that raises harms nothing
            log.debug("%s%s: %s", message["type"], _event(message), f"not sent, {why}" if why else "accepted")


def _event(message: dict[str, Any]) -> str:
    if "messageId" not in message:
        return ""
    event = to_posthog(message)
    # ascii(), so that a name with a line break is no second line.
    name = ascii(event["event"][:_MAX_NAME]) if EVENTS[message["type"]] is None else event["event"]
    return f" {name} {event['uuid']}"
