"""Every exception of this package, as one tree.

Each class also is what Segment's client raised in the same case, so `except` clauses written for it go on working.
The text of an error says which call or setting, what is wrong and what to do; it never holds the key or anybody's data.
"""

from __future__ import annotations


class AnalyticsError(Exception):
    """The base of all errors of this package."""


class InvalidSetting(AnalyticsError, ValueError, AssertionError):
    """A setting that can't work. Segment raised AssertionError for the write key and ValueError for the rest."""


class InvalidMessage(AnalyticsError, AssertionError):
    """A call with an argument of a wrong type or without an id, as Segment's AssertionError."""


class MessageTooLarge(AnalyticsError, RuntimeError):
    """The event is larger than PostHog takes (900 KiB as JSON), as Segment's RuntimeError. Told to `on_error`, not raised."""


class QueueFull(AnalyticsError):
    """More calls than the queue holds (`max_queue_size`). Told to `on_error`, not raised."""


class ClientShutDown(AnalyticsError):
    """A call on a client after its `shutdown()` or `join()`, or an event that `shutdown()` had no time left for."""


class DeliveryError(AnalyticsError):
    """PostHog could not be reached, or refused the events. Told to `on_error`; raised only in `sync_mode`.

    `status` is the HTTP status of the last answer, or None when there was none.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class SegmentError(AnalyticsError):
    """Of dual running: Segment's side can't take a message, or didn't get it. Told to `on_error`, never raised; PostHog's side goes on.

    `status` is the HTTP status of Segment's last answer, or None when there was none.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class InstallRefused(AnalyticsError, RuntimeError):
    """`install_as_segment()` can't take the place of a module, for the reason that its text names. Nothing was changed."""
