"""What the app is told: `on_error` for every loss, and log lines that never hold the key or anybody's data.

It is told at once through `on_error`; the log gets one line a minute at most for each kind of loss, with the number.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias

log: Final = logging.getLogger("analytics_posthog")

OnError: TypeAlias = Callable[[Exception, list[dict[str, Any]]], Any]
OnSuccess: TypeAlias = Callable[[list[dict[str, Any]]], Any]

_LOG_EVERY: Final = 60.0  # seconds
_MAX_WARNED: Final = 1000  # keys; an app that makes up keys must not make us remember them all


class Report:
    """Tells one client's app of what could not be sent. Thread-safe, never raises."""

    def __init__(self, on_error: OnError | None, on_success: OnSuccess | None = None) -> None:
        self._on_error = on_error
        self._on_success = on_success
        self.reset()

    def reset(self) -> None:
        """Forget what was counted, with new locks: also for a forked child."""
        self._lock = threading.RLock()  # a signal handler may interrupt and come here again
        self._unsaid: dict[object, tuple[int, int, str, str]] = {}
        self._said_at: dict[object, float] = {}
        self._warned: set[tuple[str, str]] = set()
        self.telling: set[int] = set()  # threads that are in a callback
        self._refusing: set[int] = set()  # threads that are in an on_error about a call

    def lost(self, error: Exception, messages: list[dict[str, Any]], *, say: bool = True) -> None:
        """Tell `on_error` of messages that will not reach PostHog, and the log if it is time to."""
        with self._in_callback():
            self._call("on_error", self._on_error, error, messages)
        if say:
            self._say_lost(error, len(messages))

    def refused(self, error: Exception, messages: list[dict[str, Any]]) -> None:
        """The same for messages that never were on their way, so that the callback may wait for all that is."""
        thread = threading.get_ident()
        if thread not in self._refusing:  # else a callback that calls again, and is refused again, would never end
            self._refusing.add(thread)
            try:
                self._call("on_error", self._on_error, error, messages)
            finally:
                self._refusing.discard(thread)
        self._say_lost(error, len(messages))

    def _say_lost(self, error: Exception, count: int) -> None:
        self._say(type(error), count, logging.ERROR, "%d event(s) not sent: %s", error)

    def delivered(self, messages: list[dict[str, Any]]) -> None:
        """Tell `on_success` of messages that PostHog has taken."""
        with self._in_callback():
            self._call("on_success", self._on_success, messages)

    def kept(self, error: Exception, count: int) -> None:
        """Say that messages stay in the outbox for now."""
        self._say("kept", count, logging.WARNING, "%d event(s) stay in the outbox to be sent again: %s", error)

    def unsaved(self, error: OSError) -> None:
        """Say that a message could not be written to the outbox."""
        self._say("unsaved", 1, logging.ERROR, "%d event(s) not written to the outbox, sent from memory: %s", error.strerror)

    @contextmanager
    def _in_callback(self) -> Iterator[None]:
        """While the app is told of events that are not yet counted as dealt with: a flush in it would wait for itself."""
        mine = {threading.get_ident()} - self.telling
        self.telling |= mine
        try:
            yield
        finally:
            self.telling -= mine

    def _call(self, name: str, callback: Callable[..., Any] | None, *arguments: Any) -> None:
        if callback is None:
            return
        try:
            callback(*arguments)
        except BaseException as failure:  # a callback that raises harms nothing, and sys.exit() in it ends no thread of ours
            if isinstance(failure, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise
            self.warn_once(name, f"{name} raised {type(failure).__name__}; nothing else is affected")

    def _say(self, kind: object, count: int, level: int, text: str, why: object) -> None:
        """Log how many there were, if the last line of this kind is a minute old; else keep counting."""
        with self._lock:
            if kind in self._unsaid:
                count += self._unsaid.pop(kind)[0]
            moment = time.monotonic()
            due = moment - self._said_at.get(kind, -_LOG_EVERY) >= _LOG_EVERY
            if due:
                self._said_at[kind] = moment
            else:
                self._unsaid[kind] = (count, level, text, str(why))
        if due:
            _log(level, text, count, why)

    def rest(self) -> None:
        """Log the losses that were counted since the last line of their kind; there will be no further one."""
        with self._lock:
            rest = [self._unsaid.pop(kind) for kind in list(self._unsaid) if isinstance(kind, type)]
        for count, level, text, why in rest:
            _log(level, text, count, why)

    def warn_once(self, key: str, text: str) -> None:
        """Log a warning the first time it comes up for this key and text."""
        with self._lock:
            if (key, text) in self._warned:
                return
            self._warned.add((key, text))
        _log(logging.WARNING, "%s", text)

    def left_out(self, call: str, left_out: list[tuple[str, str]]) -> None:
        """Warn of values that JSON can't hold, by their key and type."""
        for key, kind in left_out if len(self._warned) < _MAX_WARNED else ():
            shown = ascii(key)
            self.warn_once(shown, f"{call}: left out {shown}: a {kind} can't be sent as JSON. Pass a string, a number, a list or a dict")


def _log(level: int, text: str, *arguments: object) -> None:
    """Log a line; a filter or handler of the app's that raises harms nothing."""
    with suppress(Exception):
        log.log(level, text, *arguments)
