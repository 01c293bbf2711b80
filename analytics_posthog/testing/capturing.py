"""While a test captures, stands in for every client's delivery: those made before, those made meanwhile, the module's own.

A call is made, checked, cleaned, asked of before_send and converted as ever; then it is kept, by the innermost capture. The
seam is `Client._delivery`: while a capture lasts, two descriptors on the class answer for what each client holds, so no
client is changed, and outside of a capture nothing costs anything. A subclass that has a `_delivery` of its own is not captured.

What was queued before is left alone: it goes on being sent, by threads that know of no capture.
"""

from __future__ import annotations

import copy
import json
import os
import threading
from functools import wraps
from inspect import signature
from typing import Any, Final

from .._delivery import Ledger, PostHog
from .._message import json_default
from .._settings import check_write_key
from ..client import Client
from ..convert import wanted
from ..errors import AnalyticsError, ClientShutDown

_WAS_SHUT_DOWN: Final = "the client was shut down. Make a new one, or use the module's functions, which do"
_ANY_KEY: Final = "phc_captured"  # for a client that has none; it is sent nowhere


class Capture:
    """What one capture has kept: messages with their events, and what was called and would not be sent, with the reason."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget it all."""
        self.kept: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.not_sent: list[tuple[dict[str, Any], str]] = []


_captures: list[Capture] = []  # the innermost is the last
_stand_ins: dict[int, StandIn] = {}  # by the id of their client
_making: set[int] = set()  # ids of clients whose __init__ runs
_lock = threading.RLock()


def _new_lock() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # another thread may have held the lock while this one forked
    os.register_at_fork(after_in_child=_new_lock)


class StandIn:
    """A delivery that keeps. As PostHog itself would, it takes all at the next flush, or at once in sync_mode."""

    def __init__(self, client: Client, real: PostHog) -> None:
        self.client = client  # held, so that no other gets its id
        self.ledger = Ledger(lambda: 0, real.ledger.closed)
        self.posthog = real.posthog  # the app's own use of it sends nothing either
        self._was_disabled, self.posthog.disabled = self.posthog.disabled, True
        self._events = real._events
        self._queued: list[dict[str, Any]] = []

    def restore(self) -> None:
        """Give the official client back as it was."""
        self.posthog.disabled = self._was_disabled

    def send(self, message: dict[str, Any], size: int | None = None) -> str:
        """Keep a message and its event. Answers and raises as the delivery does, whatever `send` and `write_key` are."""
        event = self._events.make(message, size) if wanted(message) else None
        if event is None:
            why = "before_send returned None" if wanted(message) else "its integrations keep it from PostHog"
            _innermost().not_sent.append((copy.deepcopy(message), why))
            return why
        if self.ledger.closed:
            raise ClientShutDown(_WAS_SHUT_DOWN)
        if not event:
            self._events.fill(event)
        # Copied, as the app may go on with the message that its call returned.
        _innermost().kept.append((copy.deepcopy(message), json.loads(json.dumps(event, default=json_default))))
        self.ledger.count("accepted")
        self._queued.append(message)
        if self.client.sync_mode:
            self.flush(0)
        return ""

    def flush(self, timeout: float) -> bool:
        """Count what is queued as delivered, and tell `on_success`, as after an answer of PostHog's."""
        delivered, self._queued = self._queued, []
        if delivered:
            self.client._report.delivered(delivered)
            self.ledger.count("delivered", len(delivered))
        return True

    def drain(self, timeout: float) -> bool:
        """The same."""
        return self.flush(timeout)

    def shutdown(self, timeout: float) -> None:
        """The same, and refuse what comes later; after the capture the client is what it was before."""
        self.ledger.close()
        self.flush(timeout)


def _innermost() -> Capture:
    return _captures[-1] if _captures else Capture()  # a thread's call may outlast the last one


def _stand_in(client: Client) -> StandIn:
    with _lock:
        found = _stand_ins.get(id(client))
        if found is None:
            found = _stand_ins[id(client)] = StandIn(client, vars(client)["_posthog"])
        return found


class _StandInFor:
    """Answers for an attribute of a client; what the client itself holds stays where it is."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, client: Client | None, owner: type[Client]) -> Any:
        if client is None or self._name not in vars(client):
            raise AttributeError(self._name)
        return vars(client)[self._name] if id(client) in _making or not _captures else _stand_in(client)

    def __set__(self, client: Client, value: Any) -> None:
        vars(client)[self._name] = value


_INIT: Final = Client.__init__
_REFUSE: Final = Client._refuse


@wraps(_INIT)
def _init_without_sending(self: Client, *arguments: Any, **options: Any) -> None:
    """Make a client that never sends, also after the capture: without a thread, an outbox, or need of a key."""
    given = signature(_INIT).bind(self, *arguments, **options).arguments
    send, write_key = given.get("send", Client.DefaultConfig.send), given.get("write_key")
    if write_key is not None:
        check_write_key(write_key)
    given.update(send=False, write_key=write_key or _ANY_KEY)
    _making.add(id(self))
    try:
        _INIT(**given)
        self._posthog.posthog.disabled = True
    finally:
        _making.discard(id(self))
    self.send, self.write_key = send, write_key


def _refuse_and_note(self: Client, error: AnalyticsError, message: dict[str, Any]) -> Any:
    _innermost().not_sent.append((copy.deepcopy(message), f"{type(error).__name__}: {error}"))
    return _REFUSE(self, error, message)


_SEAM: Final = {
    "__init__": _init_without_sending,
    "_refuse": _refuse_and_note,
    "_delivery": _StandInFor("_delivery"),
    "_posthog": _StandInFor("_posthog"),
}


def begin(capture: Capture) -> None:
    """Have all calls, of any thread, kept by this capture until it ends."""
    with _lock:
        _captures.append(capture)
        if len(_captures) == 1:
            for name, value in _SEAM.items():
                setattr(Client, name, value)
            # All at once, as the app may hold what `client.posthog` was, and use it.
            for client in [reference() for reference in Client._live.valuerefs()]:
                if client is not None and "_posthog" in vars(client):
                    _stand_in(client)


def end(capture: Capture) -> None:
    """Have calls kept by the capture around this one; after the last, all is as before."""
    with _lock:
        _captures[:] = [other for other in _captures if other is not capture]
        if _captures:
            return
        setattr(Client, "__init__", _INIT)  # noqa: B010
        setattr(Client, "_refuse", _REFUSE)  # noqa: B010
        for name in ("_delivery", "_posthog"):
            delattr(Client, name)
        for stand_in in _stand_ins.values():
            stand_in.restore()
        _stand_ins.clear()
