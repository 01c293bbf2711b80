"""Dual running: each message also goes to Segment, through Segment's own client, with the same id and time.

Trouble on one side never touches the other. Segment's client keeps its queue, its batches, its retries and its limits; what
it doesn't have is added here: waits with an end, a life after a fork, and word of every message that it could not send.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from types import ModuleType
from typing import Any, Final, NamedTuple

from .._delivery import STALL_TIMEOUT, Event, Ledger, PostHog, Report, Retries, call, now
from .._outbox import Outbox
from ..errors import ClientShutDown, InvalidSetting, SegmentError

_MISSING: Final = "segment_write_key needs Segment's own client: pip install 'analytics-posthog[segment]'"
# What is used of the package `segment.analytics`. A `request` has only Segment's own; ours, by that name, has none.
_PARTS: Final = ("request", "client")
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
# Segment's client writes whole messages to its log, also at ERROR. What is to be said of them is said here.
_SILENT: Final = logging.Logger("segment")
_SILENT.disabled = True

_aside: dict[str, ModuleType] = {}  # Segment's real modules, where their names have become ours


def set_aside() -> None:
    """Import Segment's modules, if they are installed, and keep them here and no more in `sys.modules`, for install_as_segment()."""
    try:
        _aside.update(_modules())
    except ImportError:
        return
    finally:
        for name in [name for name in sys.modules if name == "segment.analytics" or name.startswith("segment.analytics.")]:
            del sys.modules[name]


def _modules() -> dict[str, ModuleType]:
    """Return Segment's real modules. Raises ImportError without the extra `segment`."""
    return _aside or {part: importlib.import_module(f"segment.analytics.{part}") for part in _PARTS}


class Receipt(str):
    """A message id that Segment's client carries along with its copy of the message, and by which that is known again."""

    __slots__ = ("event",)
    event: Event


class SegmentSettings(NamedTuple):
    """What Segment's client is made with; the names are the settings'. Durations in seconds."""

    write_key: str
    host: str | None
    sync_mode: bool
    max_queue_size: int
    gzip: bool
    timeout: float
    retries: Retries
    proxies: Mapping[str, str] | None
    upload_size: int
    upload_interval: float

    def options(self) -> dict[str, Any]:
        """Return the arguments of Segment's Client."""
        options = self._asdict() | self.retries._asdict()
        del options["retries"]
        return options | {"upload_interval": max(_LEAST_INTERVAL, min(self.upload_interval, _INTERVAL))}


class Segment:
    """Segment's side. Any thread may call it, and none ever gets an error from it: each is told to the app through `report`.

    Raises InvalidSetting when it is made without the extra `segment`.
    """

    def __init__(self, settings: SegmentSettings, report: Report) -> None:
        try:
            modules = _modules()
        except ImportError as error:
            raise InvalidSetting(_MISSING) from error
        self._request = modules["request"]
        self._make = modules["client"].Client
        self._options = settings.options()
        self.sync_mode = settings.sync_mode
        self._report = report
        self.ledger = Ledger(lambda: 0)
        self._start()
        if hasattr(os, "register_at_fork"):
            reference = weakref.WeakMethod(self._start_in_child)
            os.register_at_fork(after_in_child=lambda: call(reference))

    def _start(self) -> None:
        """Make a client, without its end at exit, and hear of all that it sends or gives up."""
        self._progressed = now()
        self._on_way: dict[int, Event] = {}  # what is to be told of at the end, by the event's id()
        self._client = self._make(**self._options, on_error=self._failed)
        self._client.log = _SILENT
        atexit.unregister(self._client.join)  # it waits for a request that hangs, without an end; ours has one
        for consumer in self._client.consumers or ():
            consumer.log = _SILENT
            consumer.request = partial(self._sent, consumer.request)

    def _start_in_child(self) -> None:
        """Begin anew in a forked child, where the parent's threads are dead and what it has queued is the parent's to send."""
        closed = self.ledger.closed
        self.ledger = Ledger(lambda: 0, closed)
        # A connection of the parent's would be written to by both, and its locks may be held for ever.
        session = getattr(self._request, "_session", None)
        if session is not None:
            vars(self._request)["_session"] = type(session)()
        if not closed:
            self._start()

    def send(self, message: dict[str, Any]) -> None:
        """Put a message on Segment's queue; in sync_mode, send it. What can't be taken is told to the app."""
        event = Event(message, 0)
        if not self.ledger.admit(event):
            self._report.refused(SegmentError(_SHUT_DOWN), [message])
            return
        self._on_way[id(event)] = event
        error: SegmentError | None = None
        try:
            if not self._call(message, event):
                error = SegmentError("Segment: the queue is full. Raise max_queue_size, or call less often")
        except Exception as failure:  # not chained: Segment's errors hold the whole message
            error = _why(failure)
        except BaseException:  # a Ctrl-C: if it's on the queue, it is sent, and nobody waits for it
            self._settle([event], None)
            raise
        if error is not None or self.sync_mode:
            self._settle([event], error, self._report.refused)

    def _call(self, message: dict[str, Any], event: Event) -> bool:
        """Make Segment's call of a message; return whether it was taken."""
        receipt = Receipt(message["messageId"])
        receipt.event = event
        arguments = {argument: message[field] for field, argument in _ARGUMENTS.items() if field in message}
        if message["type"] == "alias":
            arguments.pop("anonymous_id", None)
        moment = datetime.fromisoformat(message["timestamp"])
        accepted, _ = getattr(self._client, message["type"])(
            **arguments, context=dict(message["context"]), timestamp=moment, message_id=receipt
        )
        return bool(accepted)

    def _sent(self, request: Callable[[list[Any]], Any], batch: list[Any]) -> Any:
        """Have Segment's consumer send a batch; what it raises, the consumer retries or tells to `_failed`."""
        answer = request(batch)
        self._settle(_events(batch), None)
        return answer

    def _failed(self, failure: Exception, batch: list[Any]) -> None:
        """Hear of messages that Segment's client gives up."""
        self._settle(_events(batch), _why(failure))

    def _settle(self, events: list[Event], error: SegmentError | None, tell: Callable[..., None] | None = None) -> None:
        """Say what became of events of which nobody has said it yet; the app is told before they are counted."""
        mine = self.ledger.claim(events)
        try:
            if error is not None and mine:
                (tell or self._report.lost)(error, [event.message for event in mine])
        finally:  # also on a Ctrl-C in the callback
            for event in mine:
                self._on_way.pop(id(event), None)
            if tell is None:  # what is refused at the call is no progress of what is on its way
                self._progressed = now()
            self.ledger.settle(mine, "failed" if error else "delivered")

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until what was handed over before is dealt with; return whether it is."""
        return self.ledger.flush(_awake, self._report.telling, timeout)

    def drain(self, begun: float, timeout: float, stall: float) -> bool:
        """Wait for all, until `timeout` seconds after the moment `begun`, and at most `stall` since it without any progress."""
        while True:
            left = max(0.0, min(begun + timeout, max(begun, self._progressed) + stall) - now())
            done = self.ledger.drain(_awake, self._report.telling, left, left)
            if done or not left or threading.get_ident() in self._report.telling:
                return done

    def end(self) -> None:
        """End the thread as far as that takes no long wait, and tell of what is not sent. Harmless twice."""
        self.ledger.close()
        for consumer in self._client.consumers or ():
            consumer.pause()
            if self._on_way and consumer.is_alive() and consumer is not threading.current_thread():
                consumer.join(0.5)
        self._settle(list(self._on_way.values()), SegmentError(_SHUT_DOWN))
        self._report.rest()


class Both:
    """Puts Segment's side beside a delivery. Any thread may call it; outcomes and errors are the delivery's."""

    def __init__(self, delivery: PostHog | Outbox, posthog: PostHog, segment: Segment) -> None:
        self._delivery = delivery
        self._segment = segment
        self._drain, self._ended = posthog.drain_all, posthog.ended
        posthog.drain_all, posthog.ended = self.drain, self._end

    def send(self, message: dict[str, Any], size: int | None = None) -> str:
        """Hand a message to both; return why it was kept back from PostHog, or "". Raises what the delivery raises."""
        if self._segment.sync_mode:  # its one attempt must not wait for all of PostHog's
            self._segment.send(message)
            return self._delivery.send(message, size)
        try:
            kept_back = self._delivery.send(message, size)
        except ClientShutDown:  # neither takes any more
            raise
        except Exception:
            self._segment.send(message)
            raise
        self._segment.send(message)
        return kept_back

    def refused(self, message: dict[str, Any]) -> None:
        """Hand over a message that PostHog would refuse and that Segment may take."""
        self._segment.send(message)

    def flush(self, timeout: float) -> bool:
        """Have both send what was handed over before, at most `timeout` seconds; return whether both have dealt with all of it."""
        end = now() + timeout
        done = self._delivery.flush(timeout)
        return self._segment.flush(max(0.0, end - now())) and done

    def drain(self, timeout: float, stall: float = STALL_TIMEOUT) -> bool:
        """The same for all there is, and no longer than `stall` seconds without any progress on either side."""
        begun = now()
        done = self._drain(timeout, stall)
        return self._segment.drain(begun, timeout, stall) and done

    def shutdown(self, timeout: float) -> None:
        """Have both send what is left, at most `timeout` seconds, and end the threads."""
        self._delivery.shutdown(timeout)

    def _end(self) -> None:
        self._ended()
        self._segment.end()


def _events(batch: list[Any]) -> list[Event]:
    """Return the events of Segment's copies of messages."""
    return [item["messageId"].event for item in batch if isinstance(item.get("messageId"), Receipt)]


def _awake() -> bool:
    """Segment's thread looks for itself."""
    return True


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
