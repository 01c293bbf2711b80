"""What an app learns about its messages: counts, callbacks, and log lines that never hold the key or anybody's data.

Every loss is reported to `on_error` at once. The log gets at most one line a minute for each kind of loss, with the
number of events.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from .._interrupts import held, is_interrupt
from .._message import Message
from .._settings import OnError, OnSuccess
from .protocol import Outcome
from .words import counted

log: Final = logging.getLogger("analytics_posthog")


class _Named(logging.Filter):
    """Says who writes, where no handler does: without logging configured, Python prints the message alone."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not log.hasHandlers():
            record.msg = f"analytics-posthog: {record.msg}"
        return True


log.addFilter(_Named())

_LOG_EVERY: Final = 60.0  # seconds
_MAX_WARNED: Final = 1000  # keys; an app that makes up keys must not fill the memory


class Report:
    """Counts one client's messages and reports their outcomes to its app. Any thread may call it. Never raises."""

    def __init__(self, on_error: OnError | None, on_success: OnSuccess | None = None) -> None:
        self.on_error = on_error
        self._on_success = on_success
        self.reset()

    def reset(self) -> None:
        """Start from zero, with new locks, in a forked child."""
        self._lock = threading.RLock()  # a signal handler may interrupt a report and come here again
        self._accepted = itertools.count()  # of one message each: a step of C, because each call takes it
        self._counts: dict[str, int] = dict.fromkeys(("accepted", "delivered", "failed", "refused"), 0)
        self._unsaid: dict[object, tuple[int, int, str, str]] = {}
        self._said_at: dict[object, float] = {}
        self._warned: set[tuple[str, str]] = set()
        self.settling: set[int] = set()  # threads that report an outcome just now
        self._refusing: set[int] = set()  # threads that are in an on_error about a refused call
        self.quiet = False  # at exit one line says it all
        self._unlogged: list[str] = []  # warnings that could not be logged where they came up

    def outcome(self, outcome: Outcome, messages: list[Message]) -> None:
        """Report what happened to messages, then count them: a flush must not return before the callbacks."""
        number = len(messages)  # before a callback may change the list
        while self._unlogged and outcome.what != "accepted":  # here the stack has room
            _log(logging.WARNING, "%s", self._unlogged.pop())
        if outcome.what == "accepted":
            if number == 1:
                next(self._accepted)
            else:
                self.count("accepted", number)
        elif outcome.what == "refused":
            self.count("accepted", -number)
        elif outcome.error is None:
            try:
                self._call("on_success", self._on_success, messages)
            finally:  # also after a Ctrl-C in the callback
                self.count("delivered", number)
        else:
            try:
                self.lost(outcome.error, messages, say=not self.quiet)
            finally:
                self.count("failed", number)

    def lost(self, error: Exception, messages: list[Message], *, say: bool = True) -> None:
        """Report messages that don't arrive to `on_error`, and to the log if its time has come. Doesn't count them."""
        number = len(messages)
        self._call("on_error", self.on_error, error, messages)
        if say:
            self._say_lost(error, number)

    def refused(self, error: Exception, message: Message) -> None:
        """Report and count a message whose call answered (False, message)."""
        self.count("refused")
        self.lost_at_call(error, message)

    def lost_at_call(self, error: Exception, message: Message) -> None:
        """Report a message that was never on its way. Its callback may call again, and is not called for that."""
        thread = threading.get_ident()
        if thread not in self._refusing:  # else a callback whose own call is refused again would never end
            self._refusing.add(thread)
            try:
                self._call("on_error", self.on_error, error, [message])
            finally:
                self._refusing.discard(thread)
        self._say_lost(error, 1)

    def count(self, what: str, number: int = 1) -> None:
        """Add to one of the counts."""
        with held(self._lock):
            self._counts[what] += number

    def stats(self) -> dict[str, int]:
        """Return the counts, and as "queued" those that were accepted and are neither delivered nor failed."""
        with held(self._lock):
            counts = dict(self._counts)
        counts["accepted"] += int(repr(self._accepted)[len("count(") : -1])  # without counting on
        counts["queued"] = counts["accepted"] - counts["delivered"] - counts["failed"]
        return counts

    def kept(self, error: Exception, count: int) -> None:
        """Log that messages stay in the outbox for now."""
        if not self.quiet:
            self._say("kept", count, logging.WARNING, "%s kept in the outbox to be sent again: %s", error)

    def unsaved(self, error: OSError) -> None:
        """Log that a message could not be written to the outbox."""
        text = "%s not written to the outbox, sent from memory: %s. Check the disk"
        self._say("unsaved", 1, logging.ERROR, text, error.strerror)

    def _say_lost(self, error: Exception, count: int) -> None:
        self._say(type(error), count, logging.ERROR, "%s not sent: %s", error)

    def _call(self, name: str, callback: Callable[..., Any] | None, *arguments: Any) -> None:
        if callback is None:
            return
        try:
            callback(*arguments)
        except BaseException as failure:  # a callback's error harms nothing, and its sys.exit() ends no thread of ours
            in_main = threading.current_thread() is threading.main_thread()
            if is_interrupt(failure) or (isinstance(failure, KeyboardInterrupt) and in_main):
                raise
            self.warn_once(name, f"{name} raised {type(failure).__name__}; nothing else is affected. Mend it")

    def _say(self, kind: object, count: int, level: int, text: str, why: object) -> None:
        """Log the number, if the last line of this kind is a minute old; otherwise go on counting."""
        with held(self._lock):
            if kind in self._unsaid:
                count += self._unsaid.pop(kind)[0]
            moment = time.monotonic()
            due = moment - self._said_at.get(kind, -_LOG_EVERY) >= _LOG_EVERY
            if due:
                self._said_at[kind] = moment
            else:
                self._unsaid[kind] = (count, level, text, str(why))
        if due:
            _log(level, text, counted(count, "event"), why)

    def rest(self) -> None:
        """Log the losses that were counted since the last line of their kind, when no further line will come."""
        with held(self._lock):
            rest = [self._unsaid.pop(kind) for kind in list(self._unsaid) if isinstance(kind, type)]
        for count, level, text, why in rest:
            _log(level, text, counted(count, "event"), why)

    def warn_once(self, key: str, text: str) -> None:
        """Log a warning the first time it comes up for this key and text."""
        with held(self._lock):
            if (key, text) in self._warned:
                return
            self._warned.add((key, text))
        if not _log(logging.WARNING, "%s", text):  # where the stack is full, for one
            self._unlogged.append(text)

    def left_out(self, call: str, left_out: list[tuple[str, str]]) -> None:
        """Warn of values that JSON can't hold, by their key and type."""
        for key, kind in left_out if len(self._warned) < _MAX_WARNED else ():
            shown = ascii(key)
            remedy = "Pass a string, a number, a list or a dict"
            self.warn_once(shown, f"{call}: left out {shown}: a {kind} can't be sent as JSON. {remedy}")


def _log(level: int, text: str, *arguments: object) -> bool:
    """Log a line, and return whether that worked; an error in a filter or handler of the app's harms nothing."""
    with suppress(Exception):
        log.log(level, text, *arguments)
        return True
    return False
