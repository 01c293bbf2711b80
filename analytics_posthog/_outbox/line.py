"""A message as a line of JSON, and back."""

from __future__ import annotations

import json
from typing import Any, Final

from .._message import json_default

# A clean message has no circle.
_write: Final = json.JSONEncoder(check_circular=False, default=json_default, separators=(",", ":")).encode


def to_line(message: dict[str, Any]) -> bytes:
    """Return a message as a line; dates in ISO 8601, as Segment's client writes them."""
    return _write(message).encode() + b"\n"


def from_line(line: bytes) -> dict[str, Any] | None:
    """Return the message of a line; None if it has none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
