"""Makes a clean message of a line of an archive, or says why it is none."""

from __future__ import annotations

import json
from typing import Any, Final

from ._message import refusal, stringify_id
from ._values import Pass, clean_dict
from .convert import EVENTS
from .errors import InvalidMessage

_IDS: Final = ("userId", "anonymousId", "groupId", "previousId", "messageId")


def parse(line: bytes) -> dict[str, Any]:
    """Return the message of a line, cleaned as a call's is. Raises InvalidMessage with a reason that doesn't repeat any of it."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        where = f" (column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidMessage(f"not JSON{where}") from None
    if not isinstance(found, dict):
        raise InvalidMessage("JSON, but not an object")
    message = clean_dict(found, Pass())
    if not isinstance(message.get("type"), str) or message["type"] not in EVENTS:
        raise InvalidMessage("not a Segment message: its type must be one of " + ", ".join(EVENTS))
    if message["type"] == "track" and not isinstance(message.get("event"), str):
        raise InvalidMessage("track needs an event name: a string")
    for field in _IDS:
        if field in message:
            message[field] = None if isinstance(message[field], (bool, dict, list)) else stringify_id(message[field])
    why = refusal({"userId": None, **message})
    if why is not None:
        raise InvalidMessage(why.partition(". Pass")[0])
    if message.get("timestamp") is not None and not isinstance(message["timestamp"], str):
        raise InvalidMessage("its timestamp is no string")
    return message
