"""Dual running: each message also goes to Segment, through Segment's own client, with the same id and time.

Trouble on one side never touches the other. Segment's client keeps its queue, its batches, its retries and its limits.
What it lacks is added here: waits with an end, a new start after a fork, and a report of each message that was lost.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from types import ModuleType
from typing import Any, Final

from .._delivery import Delivery, Ledger, Report, Ticket, now
from .._interrupts import is_interrupt
from .._message import Message
from .._settings import Settings
from ..errors import ClientShutDown, InvalidSetting, SegmentError
from .silence import silence

_MISSING: Final = "segment_write_key needs Segment's own client: pip install 'analytics-posthog[segment]'"
# What is used of the package `segment.analytics`.
_PARTS: Final = ("request", "consumer", "client")
_SHUT_DOWN: Final = "Segment: the client was shut down before its messages could be sent"
# Message field: argument of Segment's calls. Each call has those of them that its message has.
_ARGUMENTS: Final = {
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "previousId": "previous_id",
    "groupId": "group_id",
    **{name: name for name in ("event", "properties", "traits", "category", "name", "integrations")},
}
_LEAST_INTERVAL: Final = 0.05  # seconds; without any, Segment's thread never takes a message off its queue
_INTERVAL: Final = 0.5  # seconds; a flush may have to wait for as long
_JOIN: Final = 0.5  # seconds that the end waits for a thread
# Segment's client writes whole messages to its log, also at ERROR. What the app should know is reported here.
_SILENT: Final = logging.Logger("segment")
_SILENT.disabled = True

_aside: dict[str, ModuleType] = {}  # Segment's real modules, when their names have become ours
_OWN: Final = __name__.partition(".")[0]
_session_process = os.getpid()  # the process whose HTTP session Segment's request module has


def set_aside() -> None:
    """Take Segment's modules, if installed, out of `sys.modules`, and keep them here; for install_as_segment()."""
    try:
        _aside.update(_modules())
    except ImportError:
        return
    finally:
        for name in [
            name for name in sys.modules if name == "segment.analytics" or name.startswith("segment.analytics.")
        ]:
            del sys.modules[name]


def _modules() -> dict[str, ModuleType]:
    """Return Segment's real modules. Raises ImportError without the extra `segment`."""
    if not _aside and "segment.analytics" in sys.modules and sys.modules["segment.analytics"].__package__ == _OWN:
        raise ImportError("segment.analytics is this package, and Segment's SDK is not installed")
    return _aside or {part: importlib.import_module(f"segment.analytics.{part}") for part in _PARTS}


def _renew_session(request: Any) -> None:
    """In a forked child, give Segment's request module an HTTP session of its own.

    The parent's connection would be written to by both processes, and its locks may be held forever. Segment's package
    has no public way to do this: `_session` is the one private name of it that is used here.
    """
    global _session_process
    session = getattr(request, "_session", None)
    if session is not None and _session_process != os.getpid():
        vars(request)["_session"] = type(session)()
        _session_process = os.getpid()


def _made(modules: dict[str, Any], settings: Settings, sent: Callable[[list[Any]], None], failed: Any) -> Any:
    """Return a client of Segment's with one consumer, not started; `sent(batch)` is called after each request.

    Segment's client would register its join() for the exit, which waits without an end for a request that hangs.
    """

    class Client(modules["client"].Client):  # type: ignore[misc]
        log = _SILENT

    class Consumer(modules["consumer"].Consumer):  # type: ignore[misc]
        log = _SILENT

        def request(self, batch: list[Any]) -> None:
            with silence():
                super().request(batch)  # raises what the consumer then retries, or reports to `failed`
            sent(batch)

    shared: dict[str, Any] = {
        "write_key": settings.segment_key,
        "host": settings.segment_address,
        "on_error": failed,
        "gzip": bool(settings.gzip),
        "timeout": settings.timeout,
        "proxies": settings.proxies or None,
        "upload_size": settings.upload_size,
        "upload_interval": max(_LEAST_INTERVAL, min(settings.upload_interval, _INTERVAL)),
        "max_total_backoff_duration": settings.max_total_backoff_duration,
        "max_rate_limit_duration": settings.max_rate_limit_duration,
    }
    client = Client(
        **shared,
        max_queue_size=settings.max_queue_size,
        max_retries=settings.max_retries,
        sync_mode=bool(settings.sync_mode),
        thread=0,
    )
    atexit.unregister(client.join)
    client.consumers = [] if settings.sync_mode else [Consumer(client.queue, retries=settings.max_retries, **shared)]
    return client


class Receipt(str):
    """A message id that Segment's client carries along with its copy of the message; it leads back to the ticket."""

    __slots__ = ("ticket",)
    ticket: Ticket


class Segment:
    """Segment's side. Any thread may call it, and none ever gets an error from it: each is reported to the app.

    Raises InvalidSetting when it is made without the extra `segment`.
    """

    def __init__(self, settings: Settings, report: Report) -> None:
        try:
            modules = _modules()
        except ImportError as error:
            raise InvalidSetting(_MISSING) from error
        _renew_session(modules["request"])
        self.sync_mode = bool(settings.sync_mode)
        self._report = report
        self._ledger = Ledger(report.settling)
        self._progressed = now()
        self._on_way: dict[int, Ticket] = {}  # by the ticket's id(), to report at the end
        self._client = _made(modules, settings, self._sent, self._failed)
        for consumer in self._client.consumers:
            with suppress(RuntimeError):  # no thread can be started: what is queued is reported at the end
                consumer.start()

    def send(self, message: Message) -> None:
        """Put a message on Segment's queue; in sync_mode, send it. What can't be accepted is reported to the app."""
        ticket = Ticket(message)
        if not self._ledger.admit(ticket):
            self._report.lost_at_call(SegmentError(_SHUT_DOWN), message)
            return
        self._on_way[id(ticket)] = ticket
        error: SegmentError | None = None
        try:
            if not self._call(message, ticket):
                error = SegmentError("Segment: the queue is full. Raise max_queue_size, or call less often")
        except Exception as failure:  # not chained: Segment's errors hold the whole message
            if is_interrupt(failure):
                self._withdraw(ticket)
                raise
            error = _why(failure)
        except BaseException:  # a Ctrl-C: a message that is on the queue is sent, and nobody waits for it
            self._withdraw(ticket)
            raise
        if error is not None or self.sync_mode:
            self._withdraw(ticket)
        if error is not None:
            self._report.lost_at_call(error, message)

    def _withdraw(self, ticket: Ticket) -> None:
        self._on_way.pop(id(ticket), None)
        self._ledger.withdraw(ticket)

    def _call(self, message: Message, ticket: Ticket) -> bool:
        """Make Segment's call of a message. Return whether it was accepted."""
        receipt = Receipt(message["messageId"])
        receipt.ticket = ticket
        arguments = {argument: message[field] for field, argument in _ARGUMENTS.items() if field in message}
        if message["type"] == "alias":
            arguments.pop("anonymous_id", None)
        moment = datetime.fromisoformat(message["timestamp"])
        call = getattr(self._client, message["type"])
        with silence():  # in sync_mode the call makes the request
            accepted, _ = call(**arguments, context=dict(message["context"]), timestamp=moment, message_id=receipt)
        return bool(accepted)

    def _sent(self, batch: list[Any]) -> None:
        """Called when Segment has taken a batch."""
        self._settle(_tickets(batch), None)

    def _failed(self, failure: Exception, batch: list[Any]) -> None:
        """Called when Segment's client gives up a batch."""
        self._settle(_tickets(batch), _why(failure))

    def _settle(self, tickets: list[Ticket], error: SegmentError | None) -> None:
        with self._ledger.settling(tickets) as mine:
            for ticket in mine:
                self._on_way.pop(id(ticket), None)
            self._progressed = now()
            if error is not None and mine:
                self._report.lost(error, [ticket.message for ticket in mine])

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for what was accepted before. Return whether all of it is settled."""
        return self._ledger.flush(_awake, timeout)

    def drain(self, begun: float, timeout: float, stall: float) -> bool:
        """Wait for all, until `timeout` seconds after `begun`, and at most `stall` seconds without progress since."""
        while True:
            left = max(0.0, min(begun + timeout, max(begun, self._progressed) + stall) - now())
            moment = now()
            done = self._ledger.drain(_awake, left, left)
            if done or now() - moment < left or not left:
                return done

    def end(self) -> None:
        """End the thread without a long wait, and report what was not sent. Harmless twice."""
        self._ledger.close()
        for consumer in self._client.consumers:
            consumer.pause()
            if self._on_way and consumer.is_alive() and consumer is not threading.current_thread():
                consumer.join(_JOIN)
        self._settle(list(self._on_way.values()), SegmentError(_SHUT_DOWN))


class Dual:
    """A delivery with Segment's side beside it. Answers and errors are those of the inner delivery."""

    def __init__(self, settings: Settings, report: Report, inner: Callable[[], Delivery]) -> None:
        self._segment = Segment(settings, report)
        self._inner = inner()
        self._hurried_at: float | None = None

    def send(self, message: Message, size: int | None = None) -> str:
        """Hand a message to both; see Delivery. Segment also gets a message that PostHog would refuse."""
        if self._segment.sync_mode:  # its one attempt must not wait for all of PostHog's
            self._segment.send(message)
            return self._inner.send(message, size)
        try:
            why = self._inner.send(message, size)
        except ClientShutDown:  # both sides are closed
            raise
        except Exception:
            self._segment.send(message)
            raise
        self._segment.send(message)
        return why

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for what both sides accepted before. Return whether all of it is settled."""
        end = now() + timeout
        done = self._inner.flush(timeout)
        return self._segment.flush(max(0.0, end - now())) and done

    def drain(self, timeout: float, stall: float) -> bool:
        """Wait for all on both sides: at most `timeout` seconds, at most `stall` without progress on either side."""
        begun = self._hurried_at or now()
        done = self._inner.drain(timeout, stall)
        return self._segment.drain(begun, timeout, stall) and done

    def hurry(self) -> None:
        """Begin to send all at once; see Delivery."""
        self._hurried_at = now()
        self._inner.hurry()

    def close(self) -> None:
        """End both sides."""
        self._inner.close()
        self._segment.end()


def _tickets(batch: list[Any]) -> list[Ticket]:
    """Return the tickets of Segment's copies of messages."""
    return [item["messageId"].ticket for item in batch if isinstance(item.get("messageId"), Receipt)]


def _awake() -> None:
    """Segment's thread looks at its queue by itself."""


def _why(failure: Exception) -> SegmentError:
    """Return why Segment's client could not send, without what it says itself: that may be whole messages."""
    status = getattr(failure, "status", None)
    if isinstance(status, int):
        return SegmentError(f"Segment answered {status}. Check segment_write_key and segment_host", status)
    if isinstance(failure, OSError):
        return SegmentError(f"Segment can't be reached: {type(failure).__name__}. Check segment_host and the network")
    if type(failure) is RuntimeError:
        return SegmentError("Segment: a message has more than the 32 KiB that Segment takes. Send less in it")
    return SegmentError(f"Segment: its client raised {type(failure).__name__}")
