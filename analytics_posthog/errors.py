"""Every exception of this package, as one tree.

Each class also is what Segment's client raised in the same case, so `except` clauses written for it go on working.
The text of an error says which call or setting is wrong, why, and what to do. It never holds the key or personal data.
"""

from __future__ import annotations


class AnalyticsError(Exception):
    """The base of all errors of this package."""


class InvalidSetting(AnalyticsError, ValueError, AssertionError):
    """A setting that can't work. Segment raised AssertionError for the write key and ValueError for other settings."""


class InvalidMessage(AnalyticsError, AssertionError):
    """A call with an argument of a wrong type, or without an id. Segment raised AssertionError."""


class MessageTooLarge(AnalyticsError, RuntimeError):
    """The event is over 900 KiB as JSON: too large for PostHog. Reported to `on_error`. Segment raised RuntimeError."""


class QueueFull(AnalyticsError):
    """The queue is full (`max_queue_size`). Reported to `on_error`, not raised."""


class ClientShutDown(AnalyticsError):
    """A call after the client's `shutdown()` or `join()`, or an event that `shutdown()` had no time left to send."""


class DeliveryError(AnalyticsError):
    """PostHog could not be reached, or refused the events. Reported to `on_error`; raised only in `sync_mode`.

    `status` is the HTTP status of the last answer, or None without an answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class SegmentError(AnalyticsError):
    """In dual running, a message did not reach Segment. Reported to `on_error`, never raised. PostHog still gets it.

    `status` is the HTTP status of Segment's last answer, or None without an answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class InstallRefused(AnalyticsError, RuntimeError):
    """`install_as_segment()` can't replace a module; the text says why. Nothing was changed."""
