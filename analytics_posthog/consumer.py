"""The names of Segment's `consumer` module that code imports."""

from __future__ import annotations

from typing import Any, Final

from ._settings import Settings
from .errors import InvalidSetting
from .request import APIError, DatetimeSerializer, parse_retry_after, post

__all__ = [
    "BATCH_SIZE_LIMIT",
    "DEFAULT_MAX_RATE_LIMIT_DURATION",
    "DEFAULT_MAX_TOTAL_BACKOFF_DURATION",
    "MAX_MSG_SIZE",
    "APIError",
    "Consumer",
    "DatetimeSerializer",
    "FatalError",
    "ShutdownInterrupted",
    "parse_retry_after",
    "post",
]

# Segment's own limits, in bytes, for apps that cut their messages to them. PostHog's is 900 KiB.
MAX_MSG_SIZE: Final = 32 << 10
BATCH_SIZE_LIMIT: Final = 475000
DEFAULT_MAX_TOTAL_BACKOFF_DURATION: Final = Settings.max_total_backoff_duration
DEFAULT_MAX_RATE_LIMIT_DURATION: Final = Settings.max_rate_limit_duration


class FatalError(Exception):
    """Segment's error for a failed OAuth. Never raised here."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return f"[Segment] {self.message}"


class ShutdownInterrupted(Exception):
    """Segment's word, to itself, for a wait that a shutdown has ended. Never raised here."""


class Consumer:
    """Can be imported, replaced in a test and named in an `isinstance()`, but not made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise InvalidSetting(
            "A Consumer can't be made: each Client makes its own. Set thread, upload_size, upload_interval "
            "or sync_mode on the client; to see what would be sent, capture calls with analytics_posthog.testing"
        )
