"""While a test captures, keeps what every client would send: those made before, those made meanwhile, the module's own.

A call is made, checked, cleaned, asked of before_send and converted as ever; then the innermost capture keeps it. Each
client asks the seam, `Client._seam`, for its route; outside of a capture there is none. What was queued before is still
sent, by threads that know of no capture.
"""

from __future__ import annotations

import copy
import json
import os
import threading
from typing import Any, Final

from .._delivery import ACCEPTED, DELIVERED, Events, Report, Route, disable_all
from .._message import Message, json_default
from .._settings import check_write_key
from ..client import Client

_ANY_KEY: Final = "phc_captured"  # for a client that has none; nothing is sent anywhere


class Capture:
    """What one capture has kept: messages with their events, and calls that would not be sent, with the reason."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget it all."""
        self.kept: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.not_sent: list[tuple[dict[str, Any], str]] = []

    def keep(self, message: Message, event: dict[str, Any]) -> None:
        """Keep a copy of a message and its event: the app may change the message that its call returned."""
        self.kept.append((copy.deepcopy(message), json.loads(json.dumps(event, default=json_default))))

    def refuse(self, message: Message, why: str) -> None:
        """Keep a copy of a message that would not be sent, and why."""
        self.not_sent.append((copy.deepcopy(message), why))


class Nothing(Capture):
    """Keeps nothing; nothing is sent while it lasts."""

    def keep(self, message: Message, event: dict[str, Any]) -> None:
        """Forget the message."""

    def refuse(self, message: Message, why: str) -> None:
        """Forget the message."""


class _KeepingReport(Report):
    """Also notes refused calls in the capture."""

    def refused(self, error: Exception, message: dict[str, Any]) -> None:
        _innermost().refuse(message, f"{type(error).__name__}: {error}")
        super().refused(error, message)


class _KeepingDelivery:
    """Keeps messages. As PostHog itself would, it takes all at the next flush, or at once in sync_mode."""

    def __init__(self, client: Client, report: Report) -> None:
        self._client = client
        self._report = report
        self._events = Events(client._settings, report)
        self._queued: list[dict[str, Any]] = []

    def send(self, message: Message, size: int | None = None) -> str:
        """Keep a message and its event. Answers and raises as PostHog's delivery does, also with send=False."""
        ticket = self._events.ticket(message, size)
        if isinstance(ticket, str):
            _innermost().refuse(message, ticket)
            return ticket
        _innermost().keep(message, ticket.event or self._events.event(message))
        self._report.outcome(ACCEPTED, [message])
        self._queued.append(message)
        if self._client.sync_mode:
            self.flush(0)
        return ""

    def flush(self, timeout: float) -> bool:
        """Report what is queued as delivered, as after an answer of PostHog's."""
        delivered, self._queued = self._queued, []
        if delivered:
            self._report.outcome(DELIVERED, delivered)
        return True

    def drain(self, timeout: float, stall: float) -> bool:
        """Do the same."""
        return self.flush(timeout)

    def hurry(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing: there is no thread."""


class _Seam:
    """Answers each client while a capture lasts."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        # With its client, held so that no other client gets its id.
        self._routes: dict[int, tuple[Client, Route]] = {}

    def options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return settings for a client that never sends, not even after the capture, and that needs no key."""
        write_key = options["write_key"]
        if write_key is not None:
            check_write_key(write_key)
        return {**options, "send": False, "write_key": write_key or _ANY_KEY}

    def route(self, client: Client) -> Route:
        """Return the route that keeps a client's messages."""
        with self._lock:
            found = self._routes.get(id(client))
            if found is None:
                report = _KeepingReport(client._settings.on_error or None, client._settings.on_success or None)
                found = client, Route(_KeepingDelivery(client, report), report)
                found[1].closed = client._route.closed
                self._routes[id(client)] = found
            return found[1]


_captures: list[Capture] = []  # the innermost is the last
_lock = threading.RLock()


def _in_child() -> None:
    """Renew the locks in a forked child: another thread may have held them while this one forked."""
    global _lock
    _lock = threading.RLock()
    if isinstance(Client._seam, _Seam):
        Client._seam._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def _innermost() -> Capture:
    return _captures[-1] if _captures else Nothing()  # a thread's call may outlast the last one


def begin(capture: Capture) -> None:
    """Have all calls, of any thread, kept by this capture until it ends."""
    with _lock:
        _captures.append(capture)
        if len(_captures) == 1:
            Client._seam = _Seam()
            disable_all(True)


def end(capture: Capture) -> None:
    """Have calls kept by the capture around this one; after the last, all is as before."""
    with _lock:
        _captures[:] = [other for other in _captures if other is not capture]
        if not _captures:
            Client._seam = None
            disable_all(False)
