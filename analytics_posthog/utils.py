"""The names of Segment's `utils` and `client` modules that apps import. Each does what it does there."""

from __future__ import annotations

import numbers
from datetime import timedelta
from typing import Any, Final

from ._message import clean, guess_timezone, is_naive, stringify_id
from .errors import InvalidMessage

__all__ = [
    "ID_TYPES",
    "clean",
    "guess_timezone",
    "is_naive",
    "remove_trailing_slash",
    "require",
    "stringify_id",
    "total_seconds",
]

ID_TYPES: Final = (numbers.Number, str)


def total_seconds(delta: timedelta) -> float:
    """Return the seconds of a duration."""
    return delta.total_seconds()


def remove_trailing_slash(host: str) -> str:
    """Return an address without the slash at its end, if it has one."""
    return host[:-1] if host.endswith("/") else host


def require(name: str, field: Any, data_type: type | tuple[type, ...]) -> None:
    """Raise InvalidMessage, which is an AssertionError, unless `field` is of that type."""
    if not isinstance(field, data_type):
        raise InvalidMessage(f"{name} must have {data_type}, got a {type(field).__name__}")
