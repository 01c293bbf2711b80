"""Sends Segment messages to PostHog: converts them and puts the events on the official client's public queue.

The official client (https://github.com/PostHog/posthog-python) holds the queue, runs the threads and speaks HTTP. Its
`capture()` is not used: it overwrites what the event says of its own system. What it does not do: make or check messages.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import posthog
from posthog.contexts import get_context_session_id, get_tags
from posthog.request import DatetimeSerializer, batch_post
from posthog.version import VERSION as POSTHOG_VERSION

from ._exits import before_exit, before_exit_of_child, call, not_before_exit
from ._ledger import Ledger
from ._proxies import ProxySession
from ._report import Report
from ._upload import SHUT_DOWN, Event, Marker, Retries, Uploader
from ._values import Pass, clean_dict
from .convert import to_posthog, wanted
from .errors import ClientShutDown, InvalidMessage, MessageTooLarge, QueueFull

BeforeSend = Callable[[dict[str, Any]], "dict[str, Any] | None"]

MAX_EVENT_SIZE: Final = 900 * 1024  # bytes of JSON; the official client drops larger ones with a log line
# Up to here an event surely fits: its context may stand in it twice, and JSON may write a character in six.
_SURELY_FITS: Final = MAX_EVENT_SIZE // 12
STALL_TIMEOUT: Final = 3.0  # seconds without any progress after which an exit waits no more


def request_context() -> dict[str, Any] | None:
    """Return the tags and the session id of PostHog's request context (posthog.new_context(), its middlewares); None outside of one."""
    tags, session_id = get_tags(), get_context_session_id()
    if not tags and not session_id:
        return None
    if tags:
        tags["$context_tags"] = sorted(map(str, tags))  # as the official client's capture() tells them apart
    if session_id:
        tags.setdefault("$session_id", session_id)
    return tags


class PostHog:
    """Delivers messages through one official client. `send`, `flush` and `shutdown` may be called from any thread."""

    def __init__(
        self,
        write_key: str,
        *,
        host: str | None,
        send: bool,
        sync_mode: bool,
        max_queue_size: int,
        gzip: bool,
        timeout: float,
        retries: Retries,
        proxies: Mapping[str, str] | None,
        thread: int,
        upload_size: int,
        upload_interval: float,
        group_type: str,
        person_profiles: str,
        before_send: BeforeSend | None,
        exit_timeout: float,
        block_when_full: float,
        report: Report,
    ) -> None:
        self._sends = send
        self._sync_mode = sync_mode
        self._before_send = before_send
        self._report = report
        self._exit_timeout = exit_timeout
        self._block_when_full = block_when_full
        # The outbox puts itself here: what stays with it of events, what comes after the end, and where they are kept.
        self.keep: Callable[[Exception | None, list[Event]], list[Event]] = lambda error, events: []
        self.ended: Callable[[], None] = lambda: None
        self.kept_where = ""
        self._proxies = proxies
        self._convert = partial(
            to_posthog,
            group_type=group_type,
            person_profiles=person_profiles,
            warn=report.warn_once,
        )
        # Made as one that doesn't send, because its threads must not run before they are given our next and request.
        self.posthog = posthog.Posthog(
            write_key or "none",
            host=host,
            send=sync_mode and send,
            disabled=not write_key,
            sync_mode=sync_mode,
            max_queue_size=max_queue_size,
            gzip=gzip,
            timeout=timeout,
            max_retries=retries.max_retries,
            thread=thread,
            flush_at=upload_size,
            flush_interval=upload_interval,
            capture_mode="v0",
            enable_local_evaluation=False,
        )
        self._retries = retries
        self.ledger = Ledger()
        self._start()
        if send:
            self.posthog.send = True
            if hasattr(os, "register_at_fork"):
                # After the official client's own handler, which gives the child a new queue and new threads.
                reference = weakref.WeakMethod(self._start_in_child)
                os.register_at_fork(after_in_child=lambda: call(reference))
            before_exit(self._at_exit)

    def _start(self) -> None:
        """Start the threads with a clean slate; in a forked child, which must send its own events and only those, once more."""
        self.ledger = Ledger(self.ledger.closed)
        self._report.reset()
        self._session = ProxySession(self._proxies) if self._proxies else None
        self._uploader = Uploader(self._post, self._settled, self._retries)
        if not self._sends:
            return
        for consumer in self._consumers():
            consumer.next = partial(self._uploader.next, consumer)
            consumer.request = self._uploader.request
            if not self.ledger.closed:
                consumer.start()

    def _start_in_child(self) -> None:
        self._start()
        before_exit_of_child(self, self._at_exit)

    def _consumers(self) -> list[Any]:
        return list(self.posthog.consumers or ())

    def send(self, message: dict[str, Any], size: int | None = None) -> None:
        """Hand a message over to be sent; in sync_mode, send it before returning.

        `size` is what the message's Pass measured; without it, the event is measured here. Raises MessageTooLarge,
        QueueFull, ClientShutDown or InvalidMessage for what can't be taken, and DeliveryError in sync_mode.
        """
        event = self.prepare(message, size)
        if event is not None:
            self.put(event)

    def prepare(self, message: dict[str, Any], size: int | None = None) -> Event | None:
        """Return a message's event; None if it isn't to be sent. Raises MessageTooLarge, InvalidMessage and what before_send raises."""
        return self._event(message, size) if self._sends and wanted(message) else None

    def put(self, event: Event, *, again: bool = False) -> None:
        """Send an event, or put it on the queue. `again`: it was accepted before, and kept since. Raises as `send` does."""
        if not self.ledger.admit(event, again=again):
            raise ClientShutDown("the client was shut down. Make a new one, or use the module's functions, which do")
        if self._sync_mode:
            for error, events in self._uploader.deliver([event]):
                if self._outcome(error, events) and error is not None:
                    raise error
            return
        try:
            self.posthog.queue.put(
                event,
                block=self._block_when_full > 0 and not again,
                timeout=self._block_when_full,
            )
        except queue.Full:
            self.ledger.withdraw(event, again=again)
            raise QueueFull(f"the queue is full ({self.posthog.queue.maxsize}). Raise max_queue_size, or call less often") from None

    def _event(self, message: dict[str, Any], size: int | None) -> Event | None:
        """Convert a message, let before_send have its say, and measure; None if before_send doesn't want it."""
        event = self._convert(message)
        if self._before_send is not None:
            changed: Any = self._before_send(clean_dict(event, Pass()))
            if changed is None:
                return None
            done = Pass()
            event = clean_dict(changed, done) if isinstance(changed, dict) else {}
            size = done.size
            if not (event.get("event") and event.get("distinct_id") and isinstance(event.get("properties"), dict)):
                raise InvalidMessage("before_send must return the event with its event, distinct_id and properties, or None")
        event["properties"]["$lib"] = "posthog-python"
        event["properties"]["$lib_version"] = POSTHOG_VERSION
        if size is None or size > _SURELY_FITS:
            size = len(json.dumps(event, cls=DatetimeSerializer))
            if size > MAX_EVENT_SIZE:
                raise MessageTooLarge(f"{message['type']}: the event has more than {MAX_EVENT_SIZE // 1024} KiB as JSON. Send less in it")
        return Event(event, message, size)

    def _post(self, batch: list[Event]) -> None:
        client = self.posthog
        batch_post(
            client.api_key,
            client.host,
            gzip=client.gzip,
            timeout=client.timeout,
            batch=batch,
            session=self._session,
        )

    def _settled(self, error: Exception | None, events: list[Event], *, say: bool = True) -> None:
        """Hear of events that were delivered or given up, and tell the app."""
        lost = self._outcome(error, events)
        if lost and error is not None:
            self._report.lost(error, [event.message for event in lost], say=say)

    def _outcome(self, error: Exception | None, events: list[Event]) -> list[Event]:
        """Count what became of events, and return those that are lost: neither delivered nor kept."""
        mine = self.ledger.claim(events)
        kept = self.keep(error, mine)
        stay = {id(event) for event in kept}
        lost = [event for event in mine if id(event) not in stay] if error is not None else []
        if error is None and mine:
            self._report.delivered([event.message for event in mine])
        elif error is not None and kept:
            self._report.kept(error, len(kept))
        self.ledger.settle(kept, None)
        self.ledger.settle(
            lost if error is not None else mine,
            "failed" if error is not None else "delivered",
        )
        return lost

    def flush(self, timeout: float) -> bool:
        """Have everything sent that was handed over before, at most `timeout` seconds; return whether all of it was dealt with.

        What could not be delivered was told to `on_error` by then, and counts as dealt with.
        """
        return self.ledger.flush(self._place, self._consumers(), timeout)

    def drain(self, timeout: float) -> bool:
        """The same for all there is, and no longer than 3 seconds without any progress."""
        return self.ledger.drain(self._place, self._consumers(), timeout, STALL_TIMEOUT)

    def shutdown(self, timeout: float) -> None:
        """Send what is left, at most `timeout` seconds, and end the threads. What is left then is told to `on_error`."""
        if not self.ledger.close():
            return
        not_before_exit(self._at_exit)
        self.ledger.drain(self._place, self._consumers(), timeout, timeout)
        self._end(say=True)
        if not any(consumer.is_alive() for consumer in self._consumers()):
            self.posthog.shutdown()  # ends at once: nothing is queued, no thread runs

    def _at_exit(self) -> None:
        """Send what is left while that makes progress, and say in one line what could not be sent."""
        if not self.ledger.close():
            return
        self.drain(self._exit_timeout)
        left = self._end(say=False)
        if left:
            self._report.warn_once(
                "exit",
                f"{left} event(s) were not sent before the exit{self.kept_where}",
            )

    def _place(self, marker: Marker) -> bool:
        """Put a marker on the queue; return whether there was room."""
        try:
            self.posthog.queue.put_nowait(marker)
        except queue.Full:
            return False
        return True

    def _end(self, *, say: bool) -> int:
        """End the threads as far as that takes no long wait; tell of what is not sent, and return how many that are."""
        self._uploader.stop.set()
        for consumer in self._consumers():
            consumer.pause()
        left: list[Event] = []
        while True:
            try:
                item = self.posthog.queue.get_nowait()
            except queue.Empty:
                break
            self.posthog.queue.task_done()
            if isinstance(item, Event):
                left.append(item)
        for _ in self._consumers():
            self._place(Marker())  # it may be waiting for an event
        for consumer in self._consumers():
            if consumer.is_alive() and consumer is not threading.current_thread():
                consumer.join(0.5)
        for batch in list(self._uploader.in_flight.values()):  # in a request that hangs
            left += [event for event in batch if not event.claimed]
        if left:
            self._settled(ClientShutDown(SHUT_DOWN), left, say=say)
        self.ended()
        return len(left)
