"""What PostHog's v0 capture takes and what it refuses: a whole batch for one bad event."""

from __future__ import annotations

import gzip
import json
import re
import uuid
import zlib
from typing import Any

MAX_BODY = 20 * 1024 * 1024
MAX_DEPTH = 127  # PostHog's JSON parser stops at the 128th level
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Refused(Exception):
    """The answer to a request that is not taken."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def unzipped(body: bytes) -> bytes:
    """The body without its gzip, as PostHog finds it: by the first two bytes."""
    try:
        plain = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    except (OSError, EOFError, zlib.error) as error:
        raise Refused(400, f"bad gzip: {error}") from error
    if max(len(body), len(plain)) > MAX_BODY:
        raise Refused(413, "over 20 MiB")
    return plain


def strict_json(body: bytes) -> Any:
    """The parsed body; refused is what RFC 8259 does not know, though Python's parser takes it."""
    try:
        parsed = json.loads(body.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite, parse_int=_bounded)
        if SURROGATE.search(body):
            json.dumps(parsed, ensure_ascii=False).encode("utf-8")  # a lone surrogate cannot be encoded
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"not strict JSON: {error}") from error
    if _deeper_than(parsed, MAX_DEPTH):
        raise Refused(400, "not strict JSON: nested too deep")
    return parsed


def _no_constant(name: str) -> Any:
    raise ValueError(f"bare {name}")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("number out of range")
    return number


def _bounded(text: str) -> int | float:
    return int(text) if len(text) < 300 else _finite(text)


def _deeper_than(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        children = [
            item.values() if isinstance(item, dict) else item for item in layer if isinstance(item, (dict, list))
        ]
        if not children:
            return False
        layer = [item for group in children for item in group]
    return any(isinstance(item, (dict, list)) for item in layer)


def check_batch(body: Any) -> None:
    """Refuses the whole batch for one bad event, as PostHog does."""
    if not isinstance(body, dict) or not isinstance(body.get("batch"), list) or not body["batch"]:
        raise Refused(400, "no batch")
    if not isinstance(body.get("api_key"), str) or not body["api_key"]:
        raise Refused(401, "no api_key")
    for event in body["batch"]:
        why = refusal(event)
        if why:
            raise Refused(400, why)


def refusal(event: Any) -> str | None:
    """Why PostHog refuses this event, or None if it takes it."""
    if not isinstance(event, dict):
        return "an event that is not an object"
    name = event.get("event")
    if not isinstance(name, str) or not name:
        return "an event without a name"
    properties = event.get("properties", {})
    if not isinstance(properties, dict):
        return "properties that are not an object"
    distinct_id = event.get("distinct_id")
    if (properties.get("distinct_id") if distinct_id is None else distinct_id) in (None, ""):
        return "an event without a distinct_id"
    if not isinstance(event.get("timestamp", ""), str):
        return "a timestamp that is not a string"
    try:
        uuid.UUID(event.get("uuid") or str(uuid.UUID(int=0)))
    except (ValueError, AttributeError, TypeError):
        return "a uuid that is not valid"
    return None
