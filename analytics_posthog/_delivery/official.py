"""The official client inside, whole and untouched, for feature flags and all else that is PostHog's own.

It is made when the app first asks for it. The six calls don't go through it, so what the app does with it (capture,
flush, shutdown) works as on a `Posthog` of the app's own. Our flush and drain also wait for what it has queued.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from posthog import Posthog

from .._settings import Settings
from .clock import now
from .lifecycle import STALL_TIMEOUT, no_fork
from .report import Report
from .retries import delivery_error

_LEAST: Final = 0.05  # seconds; with less time, flush can't tell "done" from "out of time"
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

    def __init__(self, settings: Settings, report: Report, drain: Callable[[float, float], bool]) -> None:
        """`drain` drains all that the client has, this included."""
        self._settings = settings
        self._drain_all = weakref.WeakMethod(drain)  # its client's, which must not live as long as this
        self._report = report
        self._client: Posthog | None = None
        self._was_disabled = not settings.key
        self._failing: set[int] = set()  # threads of its own that are in on_error
        self.spent = 0.0  # seconds of the exit that were used up before the official client's own exit
        self.drained = True  # False if that time was not enough
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
            if disabled:
                self._was_disabled = self._client.disabled
            self._client.disabled = disabled or self._was_disabled

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
            max_retries=max(settings.max_retries, 0),
            thread=settings.thread,
            flush_at=settings.upload_size,
            flush_interval=settings.upload_interval,
            on_error=self._failed,
            capture_mode="v0",
            enable_local_evaluation=False,
        )

    def _failed(self, failure: Exception, batch: list[dict[str, Any]]) -> None:
        """Called by the official client for events of the app's own capture() that can't be delivered."""
        thread = threading.get_ident()
        self._failing.add(thread)
        try:
            self._report.lost(delivery_error(failure), batch)
        finally:
            self._failing.discard(thread)

    def flush(self, timeout: float) -> bool:
        """Have it send what it has queued, for at most `timeout` seconds. Return whether nothing is left."""
        client = self._client
        if client is None:
            return True
        if threading.get_ident() in self._failing:  # in on_error, where it doesn't wait for itself
            return False
        timeout = max(timeout, _LEAST)
        begun = now()
        client.flush(timeout)  # it doesn't say whether its time was enough
        return now() - begun < timeout

    def drain(self, timeout: float, stall: float) -> bool:
        """Do the same, and give up when its queue has not become shorter for `stall` seconds.

        Nothing public shows the queue of its AI events: for those alone it waits `stall` seconds and no longer.
        """
        if self.spent and self._client is not None:  # its threads have ended with its own exit
            return not self._client.queue.unfinished_tasks
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
            with suppress(RuntimeError):  # at its end, Python 3.12 starts no thread; but then its own exit ends it
                thread.start()
                thread.join(_SHUTDOWN)

    def _at_exit(self) -> None:
        """Runs before the official client's own exit, which waits for 1 s only."""
        begun = now()
        drain = self._drain_all()
        self.drained = drain is None or drain(self._settings.exit_timeout, STALL_TIMEOUT)
        self.spent = now() - begun + _LEAST
