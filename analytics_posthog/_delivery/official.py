"""The official client inside, whole and untouched, for feature flags and all else that is PostHog's own.

It is made when the app first asks for it. The six calls don't go through it, so what the app does with it (capture,
flush, shutdown) works as on a `Posthog` of the app's own. Our flush, drain and exit also wait for what it has queued.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from typing import Any, Final

from posthog import Posthog

from .._settings import Settings
from .clock import now
from .lifecycle import STALL_TIMEOUT, no_fork
from .report import Report
from .retries import delivery_error

_LEAST: Final = 0.05  # seconds; a flush with less time can't say whether anything was left
_SHUTDOWN: Final = 1.0  # seconds; its own shutdown has no limit

_all: Final[weakref.WeakSet[Official]] = weakref.WeakSet()
_disabled = False


def disable_all(disabled: bool) -> None:
    """Have no official client send anything, as long as a test captures calls."""
    global _disabled
    _disabled = disabled
    for official in list(_all):
        official.disable(disabled)


class Official:
    """Holds a client's `Posthog`, also across forks: the official client has its own handler for them."""

    def __init__(self, settings: Settings, report: Report) -> None:
        self._settings = settings
        self._report = report
        self._client: Posthog | None = None
        _all.add(self)

    def client(self) -> Posthog:
        """Return the official client; the first call makes it."""
        with no_fork():
            if self._client is None:
                self._client = self._made()
                # Registered after the official client's own exit, so this runs before it, which sends for 1 s at most.
                atexit.register(self._at_exit)
            return self._client

    def disable(self, disabled: bool) -> None:
        """Switch it off, or on again."""
        if self._client is not None:
            self._client.disabled = disabled or not self._settings.key

    def _made(self) -> Posthog:
        settings = self._settings
        return Posthog(
            settings.key or "none",
            host=settings.address,
            send=bool(settings.send and settings.key),
            disabled=_disabled or not settings.key,
            sync_mode=bool(settings.sync_mode),
            max_queue_size=settings.max_queue_size,
            gzip=bool(settings.gzip),
            timeout=settings.timeout,
            max_retries=settings.max_retries,
            thread=settings.thread,
            flush_at=settings.upload_size,
            flush_interval=settings.upload_interval,
            on_error=self._failed,
            capture_mode="v0",
            enable_local_evaluation=False,
        )

    def _failed(self, failure: Exception, batch: list[dict[str, Any]]) -> None:
        """Called by the official client for events of the app's own capture() that can't be delivered."""
        self._report.lost(delivery_error(failure), batch)

    def flush(self, timeout: float) -> bool:
        """Have it send what it has queued, for at most `timeout` seconds. Return whether nothing is left."""
        client = self._client
        if client is None:
            return True
        if threading.current_thread() in (client.consumers or ()):  # in on_error, where it doesn't wait for itself
            return not client.queue.unfinished_tasks
        timeout = max(timeout, _LEAST)
        begun = now()
        client.flush(timeout)  # it doesn't say whether its time was enough
        return now() - begun < timeout

    def drain(self, timeout: float, stall: float) -> bool:
        """Do the same, and give up after `stall` seconds in which its queue became no shorter."""
        end = now() + timeout
        while True:
            left = self._client.queue.unfinished_tasks if self._client is not None else 0
            if self.flush(min(stall, end - now())):
                return True
            if now() >= end or self._client is None or self._client.queue.unfinished_tasks >= left:
                return False

    def shutdown(self) -> None:
        """End it. What it could not send before is left to its own threads and its own exit."""
        client = self._client
        if client is not None:
            atexit.unregister(self._at_exit)
            thread = threading.Thread(target=client.shutdown, name="analytics-shutdown", daemon=True)
            thread.start()
            thread.join(_SHUTDOWN)

    def _at_exit(self) -> None:
        self.drain(self._settings.exit_timeout, STALL_TIMEOUT)
