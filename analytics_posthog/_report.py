"""What the app is told: `on_error` for every loss, and log lines that never hold the key or anybody's data.

It is told at once through `on_error`; the log gets one line a minute at most for each kind of loss, with the number.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias

log: Final = logging.getLogger("analytics_posthog")

OnError: TypeAlias = Callable[[Exception, list[dict[str, Any]]], Any]

_LOG_EVERY: Final = 60.0  # seconds
_MAX_WARNED: Final = 1000  # keys; an app that makes up keys must not make us remember them all


class Report:
    """Tells one client's app of what could not be sent. Thread-safe, never raises."""

    def __init__(self, on_error: OnError | None) -> None:
        self._on_error = on_error
        self.reset()

    def reset(self) -> None:
        """Forget what was counted, with new locks: also for a forked child."""
        self._lock = threading.Lock()
        self._unsaid: dict[type, int] = {}
        self._said_at: dict[type, float] = {}
        self._warned: set[tuple[str, str]] = set()

    def lost(self, error: Exception, messages: list[dict[str, Any]]) -> None:
        """Tell `on_error` of messages that will not reach PostHog, and the log if it is time to."""
        if self._on_error is not None:
            try:
                self._on_error(error, messages)
            except Exception as failure:  # a callback that raises harms nothing
                self.warn_once("on_error", f"on_error raised {type(failure).__name__}; the error it was told of is handled all the same")
        kind = type(error)
        with self._lock:
            count = self._unsaid.get(kind, 0) + len(messages)
            now = time.monotonic()
            if now - self._said_at.get(kind, -_LOG_EVERY) < _LOG_EVERY:
                self._unsaid[kind] = count
                return
            self._said_at[kind] = now
            self._unsaid[kind] = 0
        log.error("%d event(s) not sent: %s", count, error)

    def warn_once(self, key: str, text: str) -> None:
        """Log a warning the first time it comes up for this key and text."""
        with self._lock:
            if (key, text) in self._warned or len(self._warned) >= _MAX_WARNED:
                return
            self._warned.add((key, text))
        log.warning("%s", text)

    def left_out(self, call: str, left_out: list[tuple[str, str]]) -> None:
        """Warn of values that JSON can't hold, by their key and type."""
        for key, kind in left_out:
            shown = ascii(key[:200])
            self.warn_once(shown, f"{call}: left out {shown}: a {kind} can't be sent as JSON. Pass a string, a number, a list or a dict")
