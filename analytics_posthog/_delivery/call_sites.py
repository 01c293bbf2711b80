"""Where in the app's code a call was made, for the inspector: noted in debug mode, and sent to this machine alone.

It travels in a header of the request, so no event, no message and no file has it.
"""

from __future__ import annotations

import ipaddress
import json
import os
import sys
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from ..convert import uuid_of

HEADER: Final = "X-Analytics-Call-Sites"
_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_MOST: Final = 10_000  # calls that are remembered until they are sent
_MOST_BYTES: Final = 30_000  # of the header; a server takes no longer one
_noted: dict[str, str] = {}  # by the event's uuid


def note(host: str | None, message: dict[str, Any]) -> None:
    """Remember where the app made the call of a message, if PostHog's address is on this machine."""
    if not is_loopback(host or ""):
        return
    while len(_noted) >= _MOST:
        _noted.pop(next(iter(_noted), ""), None)
    _noted[uuid_of(str(message["messageId"]))] = _place()


def header(events: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return the header that has the places of these events; {} if none is known."""
    found, size = {}, 0
    for event in events:
        place = _noted.get(str(event.get("uuid")))
        if place is not None:
            size += len(place) + 50
            if size > _MOST_BYTES:
                break
            found[event["uuid"]] = place
    return {HEADER: json.dumps(found)} if found else {}


def is_loopback(address: str) -> bool:
    """Whether a URL surely leads to this machine."""
    try:
        name = urlsplit(address).hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _place() -> str:
    """Return `file:line in function` of the nearest caller outside of this package; the file as seen from here."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    file = frame.f_code.co_filename
    here = os.path.relpath(file) if file.startswith(os.getcwd() + os.sep) else file
    return f"{here}:{frame.f_lineno} in {frame.f_code.co_name}"
