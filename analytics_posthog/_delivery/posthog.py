"""Sends Segment messages to PostHog: converts them and puts the events on the official client's public queue.

The official client (https://github.com/PostHog/posthog-python) holds the queue, runs the threads and speaks HTTP. Its
`capture()` is not used: it overwrites what the event says of its own system. What it does not do: make or check messages.
"""

from __future__ import annotations

import netrc  # noqa: F401  # requests imports it in its first request, and a child forked just then waits for ever for that import
import os
import queue
import threading
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import posthog
from posthog.contexts import get_context_session_id, get_tags

from ..convert import wanted
from ..errors import ClientShutDown, QueueFull
from .batch import post_batch
from .consumer import SHUT_DOWN, Event, Retries, Uploader, as_event
from .events import Events
from .http import Session
from .ledger import Ledger
from .lifecycle import before_exit, call, not_before_exit
from .report import Report

_WAS_SHUT_DOWN: Final = "the client was shut down. Make a new one, or use the module's functions, which do"
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
        events: Events,
        exit_timeout: float,
        block_when_full: float,
        report: Report,
    ) -> None:
        self._sends = send
        self._sync_mode = sync_mode
        self._events = events
        self._report = report
        self._exit_timeout = exit_timeout
        self._block_when_full = block_when_full
        # The outbox puts itself here: what stays with it of events, how it empties, what comes after the end, and where they are kept.
        self.keep: Callable[[Exception | None, list[Event]], list[Event]] = lambda error, events: []
        self.drain_all = self.drain
        self.ended: Callable[[], None] = lambda: None
        self.kept_where = ""
        self._quiet = False  # at exit one line says it all
        self._proxies = proxies
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
        self._session: Session | None = None
        self.ledger = Ledger(self._unfinished)
        self._start()
        if send:
            self.posthog.send = True
            self._outlive_forks_and_ends()

    def _outlive_forks_and_ends(self) -> None:
        if hasattr(os, "register_at_fork"):
            # After the official client's own handler, which gives the child a new queue and new threads.
            reference = weakref.WeakMethod(self._start)
            os.register_at_fork(after_in_child=lambda: call(reference))
        before_exit(self._at_exit)

    def _start(self) -> None:
        """Start the threads with a clean slate; in a forked child, which must send its own events and only those, once more."""
        self.ledger = Ledger(self._unfinished, self.ledger.closed)
        self._report.reset()
        # The parent's is kept and not closed: that would wait for ever for a lock that one of the parent's threads held.
        self._parents_session = self._session
        self._session = Session(self._proxies)
        self._uploader = Uploader(self._events.fill, self._post, self._settled, self.ledger.hurried, self._retries)
        if not self._sends:
            return
        for consumer in self._consumers():
            consumer.next = partial(self._uploader.next, consumer)
            consumer.request = self._uploader.request
            if not self.ledger.closed:
                consumer.start()

    def _unfinished(self) -> int:
        return self.posthog.queue.unfinished_tasks

    def _consumers(self) -> list[Any]:
        return list(self.posthog.consumers or ())

    def send(self, message: dict[str, Any], size: int | None = None) -> str:
        """Hand a message over to be sent; in sync_mode, send it before returning. Return why it isn't to be sent, or "".

        `size` is what the message's Pass measured; without it, the event is measured here. Raises MessageTooLarge,
        QueueFull, ClientShutDown or InvalidMessage for what can't be taken, and DeliveryError in sync_mode.
        """
        event = self.prepare(message, size)
        if event is None:
            return self.kept_back(message)
        self.put(event)
        return ""

    def prepare(self, message: dict[str, Any], size: int | None = None) -> Event | None:
        """Return a message's event; None if it isn't to be sent. Raises MessageTooLarge, InvalidMessage and what before_send raises."""
        return self._events.make(message, size) if self._sends and wanted(message) else None

    def kept_back(self, message: dict[str, Any]) -> str:
        """Say why a message has no event."""
        if not self._sends:
            return "write_key is empty" if self.posthog.disabled else "send is False"
        return "before_send returned None" if wanted(message) else "its integrations keep it from PostHog"

    def put(self, event: Event, *, again: bool = False) -> None:
        """Send an event, or put it on the queue. `again`: it was accepted before, and kept since. Raises as `send` does."""
        if (again and self._uploader.stop.is_set()) or not self.ledger.admit(event, again=again):
            raise ClientShutDown(_WAS_SHUT_DOWN)
        try:
            if self._sync_mode:
                self._send_now(event)
                return
            self.posthog.queue.put(event, block=self._block_when_full > 0 and not again, timeout=self._block_when_full)
        except BaseException as error:  # also a Ctrl-C while it had to wait
            self.ledger.withdraw(event, again=again)
            if isinstance(error, queue.Full):
                raise QueueFull(f"the queue is full ({self.posthog.queue.maxsize}). Raise max_queue_size, or call less often") from None
            raise
        if self._uploader.stop.is_set() and self.ledger.withdraw(event, again=again):  # while it waited
            raise ClientShutDown(_WAS_SHUT_DOWN)

    def _send_now(self, event: Event) -> None:
        for error, events in self._uploader.deliver([event]):
            if self._settled(error, events, tell=False) and error is not None:
                raise error

    def _post(self, batch: list[Event]) -> None:
        assert self._session is not None  # since _start()
        post_batch(self.posthog, batch, self._session)

    def _settled(self, error: Exception | None, events: list[Event], *, tell: bool = True) -> list[Event]:
        """Hear what became of events, and return those that are lost: neither delivered nor kept.

        The app is told before they are counted, so that a flush returns after that.
        """
        mine = self.ledger.claim(events)
        kept = self.keep(error, mine)
        if error is None:
            if mine:
                self._report.delivered([event.message for event in mine])
            self.ledger.settle(mine, "delivered")
            return []
        stay = {id(event) for event in kept}
        lost = [event for event in mine if id(event) not in stay]
        try:
            if kept and not self._quiet:
                self._report.kept(error, len(kept))
            if lost and tell:
                self._report.lost(error, [event.message for event in lost], say=not self._quiet)
        finally:  # also on a Ctrl-C in the callback
            self.ledger.settle(kept, None)
            self.ledger.settle(lost, "failed")
        return lost

    def flush(self, timeout: float) -> bool:
        """Have everything sent that was handed over before, at most `timeout` seconds; return whether all of it was dealt with.

        What could not be delivered was told to `on_error` by then, and counts as dealt with.
        """
        return self.ledger.flush(self._wake, self._report.telling, timeout)

    def drain(self, timeout: float, stall: float = STALL_TIMEOUT) -> bool:
        """The same for all there is, and no longer than `stall` seconds without any progress."""
        return self.ledger.drain(self._wake, self._report.telling, timeout, stall)

    def shutdown(self, timeout: float) -> None:
        """Send what is left, at most `timeout` seconds, and end the threads. What is left then is told to `on_error`."""
        if not self.ledger.close():
            return
        try:
            self.drain_all(timeout, timeout)
        finally:  # also on a Ctrl-C
            self._end()
            not_before_exit(self._at_exit)
        if not any(consumer.is_alive() for consumer in self._consumers()):
            self.posthog.shutdown()  # ends at once: nothing is queued, no thread runs

    def _at_exit(self) -> None:
        """Send what is left while that makes progress, and say in one line what could not be sent."""
        self.ledger.close()
        if self._uploader.stop.is_set():  # it has ended; else it may be in a shutdown() of a thread that dies now
            return
        try:
            self.drain_all(self._exit_timeout)
        finally:  # also on a Ctrl-C
            self._say_what_is_left()

    def _say_what_is_left(self) -> None:
        failed = self.ledger.stats()["failed"]
        self._quiet = True
        self._end()
        counts = self.ledger.stats()
        left = counts["queued"] + counts["failed"] - failed
        if left:
            self._report.warn_once("exit", f"{left} event(s) were not sent before the exit{self.kept_where}")

    def _wake(self) -> bool:
        """Have the threads look again; False if the queue's lock can't be had, as in a signal handler that interrupted a call."""
        waiting = self.posthog.queue
        if not waiting.mutex.acquire(timeout=0.05):
            return False
        waiting.not_empty.notify_all()
        waiting.mutex.release()
        return True

    def _taken_off(self) -> list[Event]:
        """Empty the queue, and return the events that were on it."""
        left: list[Event] = []
        while True:
            try:
                item = self.posthog.queue.get_nowait()
            except queue.Empty:
                return left
            self.posthog.queue.task_done()
            left.append(as_event(item))

    def _end(self) -> None:
        """End the threads as far as that takes no long wait, and tell of what is not sent."""
        if not self._wake():
            return  # the threads go on when the handler is over
        self._uploader.stop.set()
        for consumer in self._consumers():
            consumer.pause()
        left = self._taken_off()
        self._wake()
        for consumer in self._consumers():
            if consumer.is_alive() and consumer is not threading.current_thread():
                consumer.join(0.5)
        left += self._taken_off()  # what came meanwhile
        for batch in list(self._uploader.in_flight.values()):  # in a request that hangs
            left += [event for event in batch if not event.claimed]
        if left:
            self._settled(ClientShutDown(SHUT_DOWN), left)
        self._report.rest()
        self.ended()
