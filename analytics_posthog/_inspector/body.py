"""Reads the events from the body of a request, and refuses what PostHog refuses: one bad event refuses its whole batch.

Pure. The project's key is removed here and goes nowhere.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any, Final
from uuid import UUID

from ..convert import Event
from ..errors import AnalyticsError
from .reverse import distinct_id_of

MAX_BODY: Final = 20 * 1024 * 1024  # bytes, as sent and unzipped; PostHog's own limit
MOST_EVENTS: Final = 10_000  # of one request; PostHog's clients send at most a few hundred
_MOST_OBJECTS: Final = 500_000  # braces and brackets; each may need a hundred bytes of memory
_MAX_DEPTH: Final = 127  # PostHog's JSON parser stops at the 128th level
_MOST_DIGITS: Final = 300  # of an integer; a longer one is beyond a double's range
_KEYS: Final = ("api_key", "token", "$token")
_A_KEY: Final = re.compile(r"ph[a-z]_\w+", re.ASCII)
_INFINITE: Final = (float("inf"), float("-inf"))


class Refused(AnalyticsError):
    """A request is not taken. `status` is the HTTP status that PostHog would answer.

    Its text is one of a few, and holds nothing of what was sent. `events` are the request's good events.
    """

    def __init__(self, status: int, why: str, events: list[Event] | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.events = events or []


def read_events(body: bytes, encoding: str = "", *, has_key: bool = False) -> list[Event]:
    """Return the events in a request's body, without the key.

    `encoding` is the Content-Encoding; gzip is recognised without it. `has_key`: the key came in a header. The body is
    a batch (`{"api_key", "batch": [...]}`), a list, or one event. Raises Refused.
    """
    parsed = _strict_json(_unzipped(body, encoding.strip().lower()))
    envelope = parsed if isinstance(parsed, dict) else {}
    events = envelope["batch"] if "batch" in envelope else parsed if isinstance(parsed, list) else [parsed]
    if not isinstance(events, list) or not events:
        raise Refused(400, "no batch")
    if len(events) > MOST_EVENTS:
        raise Refused(413, f"over {MOST_EVENTS:,} events")
    reasons = [_refusal(event) for event in events]
    good = [_without_key(event) for event, why in zip(events, reasons, strict=True) if why is None]
    if not has_key and not any(_key_of(holder) for holder in (envelope, *events)):
        raise Refused(401, "no api_key", good)
    for why in reasons:
        if why is not None:
            raise Refused(400, why, good)
    return good


def _unzipped(body: bytes, encoding: str) -> bytes:
    """Return the unzipped body. Unzipping stops at MAX_BODY, however small the zipped body is."""
    if len(body) > MAX_BODY:
        raise Refused(413, "over 20 MiB")
    if body[:2] == b"\x1f\x8b":  # PostHog looks at these bytes too; a proxy may have lost the header
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    elif encoding == "deflate":
        unpacker = zlib.decompressobj()
    elif encoding in ("", "identity"):
        return body
    else:
        raise Refused(400, f"not {encoding}" if encoding == "gzip" else "an unknown Content-Encoding")
    try:
        plain = unpacker.decompress(body, MAX_BODY + 1)
    except zlib.error as error:
        raise Refused(400, "damaged compression") from error
    if len(plain) > MAX_BODY:
        raise Refused(413, "over 20 MiB")
    if not unpacker.eof:
        raise Refused(400, "damaged compression")
    return plain


def _strict_json(body: bytes) -> Any:
    """Parse the body, and refuse what RFC 8259 does not allow, though Python's parser does."""
    if body.count(b"{") + body.count(b"[") > _MOST_OBJECTS:
        raise Refused(413, f"over {_MOST_OBJECTS:,} objects and lists")
    try:
        parsed = json.loads(body.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite, parse_int=_bounded)
        if b"\\u" in body:
            json.dumps(parsed, ensure_ascii=False).encode("utf-8")  # a lone surrogate can't be encoded
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"not strict JSON ({type(error).__name__})") from error
    if _deeper_than(parsed, _MAX_DEPTH):
        raise Refused(400, "not strict JSON: nested too deep")
    return parsed


def _no_constant(name: str) -> Any:
    raise ValueError(f"bare {name}")


def _finite(text: str) -> float:
    number = float(text)
    if number in _INFINITE:
        raise ValueError("number out of range")
    return number


def _bounded(text: str) -> int | float:
    return int(text) if len(text) < _MOST_DIGITS else _finite(text)


def _deeper_than(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        nested = [item.values() if isinstance(item, dict) else item for item in layer if isinstance(item, (dict, list))]
        if not nested:
            return False
        layer = [item for group in nested for item in group]
    return any(isinstance(item, (dict, list)) for item in layer)


def _key_of(holder: Any) -> bool:
    """Whether an envelope or an event has the project's key. posthog-js puts it into the properties."""
    if not isinstance(holder, dict):
        return False
    properties = holder.get("properties")
    inner = properties.get("token") if isinstance(properties, dict) else None
    return any(isinstance(key, str) and key for key in (*(holder.get(name) for name in _KEYS), inner))


def _refusal(event: Any) -> str | None:
    """Say why PostHog refuses this event, without anything from it; None if PostHog takes it."""
    if not isinstance(event, dict):
        return "an event that is no object"
    if not isinstance(event.get("event"), str) or not event["event"]:
        return "an event without a name"
    if not isinstance(event.get("properties", {}), dict):
        return "properties that are no object"
    if distinct_id_of(event) in (None, ""):
        return "an event without a distinct_id"
    if not isinstance(event.get("timestamp", ""), str):
        return "a timestamp that is no string"
    try:
        UUID(event.get("uuid") or str(UUID(int=0)))
    except (ValueError, AttributeError, TypeError):
        return "a uuid that is not valid"
    return None


def _without_key(event: Event) -> Event:
    """Return the event without the key, which PostHog's clients put in different places."""
    kept = {name: value for name, value in event.items() if name not in _KEYS}
    properties = kept.get("properties")
    if isinstance(properties, dict):
        token = properties.get("token")
        if isinstance(token, str) and _A_KEY.fullmatch(token):  # any other token is a property of the app's own
            kept["properties"] = {name: value for name, value in properties.items() if name != "token"}
    return kept
