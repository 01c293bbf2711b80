"""Every exception of this package, as one tree.

Each class also is what Segment's client raised in the same case, so `except` clauses written for it go on working.
The text of an error says which call or setting is wrong, why, and what to do. It never holds the key or personal data.
"""

from __future__ import annotations

from typing import Any

import requests


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


class APIError(Exception):
    """What Segment's client reports of an answer that is no success, with Segment's parameters.

    `status` is the HTTP status, `code` a word of the server's for what is wrong or "unknown", `message` a text, and
    `response` the answer.
    """

    def __init__(self, status: int, code: str, message: str, response: requests.Response | None = None) -> None:
        self.status: int | None = status
        self.code = code
        self.message = message
        self.response = response

    def __str__(self) -> str:
        return f"[Segment] {self.code}: {self.message} ({self.status})"


class DeliveryError(AnalyticsError, APIError):
    """PostHog could not be reached, or refused the events. Reported to `on_error`; raised only in `sync_mode`.

    `status` is the HTTP status of the last answer, and `response` the answer, without the request. Without an answer
    both are None. `code` is PostHog's word for what is wrong, `message` the text of this error. `about_event` is True
    if the event itself was refused, so that another try makes no sense.
    """

    about_event = False

    def __init__(
        self,
        message: str,
        status: int | None = None,
        code: str = "unknown",
        response: requests.Response | None = None,
    ) -> None:
        Exception.__init__(self, message)
        self.status = status
        self.code = code
        self.message = message
        self.response = response

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.status, self.code)  # an answer can't be pickled as a whole


class NoAnswer(DeliveryError, requests.ConnectionError):
    """PostHog could not be reached. Segment's client reported a RequestException of requests, which this is too."""

    request = None  # it would hold the key and the events


class TimedOut(NoAnswer, requests.Timeout):
    """PostHog did not answer in time."""


class SegmentError(AnalyticsError):
    """In dual running, a message did not reach Segment. Reported to `on_error`, never raised. PostHog still gets it.

    `status` is the HTTP status of Segment's last answer, or None without an answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class InstallRefused(AnalyticsError, RuntimeError):
    """`install_as_segment()` can't replace a module; the text says why. Nothing was changed."""
