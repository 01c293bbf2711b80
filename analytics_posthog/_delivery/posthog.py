"""Delivers messages to PostHog: queues them, converts them when their turn comes, and sends them in batches.

The official client's `capture()` is not used: it overwrites what an event says about its own system, and costs more
than the whole of Segment's `track()`.
"""

from __future__ import annotations

# requests imports netrc in its first request. A child that is forked just then would wait for that import forever.
import netrc  # noqa: F401
import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from posthog.contexts import get_context_session_id, get_tags

from .._interrupts import held, is_interrupt
from .._message import Message
from .._settings import Settings
from ..errors import AnalyticsError, ClientShutDown, DeliveryError, QueueFull
from .clock import now
from .consumer import Consumer
from .events import Events, raise_refusal
from .http import Target, post_batch
from .ledger import Ledger, Ticket
from .official import Official
from .protocol import ACCEPTED, DELIVERED, OnOutcome, Outcome
from .report import Report
from .retries import SHUT_DOWN, Sender
from .servers import forks_later
from .session import Session
from .waiting import Waiting

WAS_SHUT_DOWN: Final = "the client was shut down. Make a new one, or use the module's functions, which do"
SEND_IS_FALSE: Final = "send is False"
_NO_THREAD: Final = (
    "no thread can be started to send events. Raise the limit of threads, or, where Python ends, call earlier"
)
_JOIN: Final = 0.5  # seconds that the end of a client waits for its threads, and an exit for those of all clients
_LEAST_JOIN: Final = 0.05  # seconds for each client's at an exit


def request_context() -> dict[str, Any] | None:
    """Return the tags and session id of PostHog's request context (of new_context() or a middleware), if any."""
    tags, session_id = get_tags(), get_context_session_id()
    if not tags and not session_id:
        return None
    if tags:
        tags["$context_tags"] = sorted(map(str, tags))  # as the official client's capture() marks them
    if session_id:
        tags.setdefault("$session_id", session_id)
    return tags


_exit_joins_until: float | None = None


def _join_until(is_exit: bool) -> float:
    """Return when to stop waiting for threads. All clients of an exit share the time: many take as long as one."""
    global _exit_joins_until
    if not is_exit:
        return now() + _JOIN
    if _exit_joins_until is None:
        _exit_joins_until = now() + _JOIN
    return max(_exit_joins_until, now() + _LEAST_JOIN)


class PostHog:
    """The delivery to PostHog. `waiting` is the client's queue. It starts the threads and adds them to `consumers`."""

    def __init__(
        self,
        settings: Settings,
        report: Report,
        official: Official,
        waiting: Waiting[Ticket],
        consumers: list[Consumer],
        on_outcome: OnOutcome,
    ) -> None:
        self._settings = settings  # read at each use, because some may change while the client lives
        self._wait = settings.block_when_full
        self._why_not = "" if settings.sends else SEND_IS_FALSE if settings.key else "write_key is empty"
        self._on_outcome = on_outcome
        self._official = official
        self._queue = waiting
        self._consumers = consumers
        self._events = Events(settings, report)
        self._ledger = Ledger(report.settling)
        self._session = Session(settings.proxies or None, taken=True)
        self._sender = Sender(self._post, settings.retries)
        self._starting = threading.RLock()
        if settings.sends and not settings.sync_mode:
            self._start()

    def _start(self) -> None:
        """Start the threads, if they weren't. The system, or a Python that ends, may let none start."""
        with held(self._starting), suppress(RuntimeError):
            for _ in range(0 if self._consumers or forks_later() else self._settings.thread):
                consumer = Consumer(self._queue, self._target(), self._settings, self._deliver, self._ledger.hurried)
                consumer.start()
                self._consumers.append(consumer)

    def _target(self) -> Target:
        settings = self._settings
        return Target.of(settings.key, settings.address, gzip=bool(settings.gzip), timeout=settings.timeout)

    def send(self, message: Message, size: int | None = None) -> str:
        """Queue a message, or, in sync_mode, send it. Return why it is not to be sent, or ""; see Delivery."""
        if self._why_not:
            raise_refusal(message)
            return self._why_not
        ticket = self._events.ticket(message, size)
        if isinstance(ticket, str):
            return ticket
        if not self._ledger.admit(ticket):
            raise ClientShutDown(WAS_SHUT_DOWN)
        accepted = withdrawn = False
        try:
            self._on_outcome(ACCEPTED, [message])  # before it is sent: it may be delivered before this thread goes on
            accepted = True
            self._hand_over(ticket)
            withdrawn = self._sender.stop.is_set() and self._ledger.withdraw(ticket)
            if withdrawn:  # closed while it waited
                raise ClientShutDown(WAS_SHUT_DOWN)
        except BaseException as error:  # also a Ctrl-C while it waited
            withdrawn = withdrawn or self._ledger.withdraw(ticket)
            if self._settings.sync_mode:
                self._ledger.drop(ticket)
            if withdrawn and accepted and not isinstance(error, DeliveryError):
                self._on_outcome(Outcome("refused", error if isinstance(error, Exception) else None), [message])
            raise
        return ""

    def _hand_over(self, ticket: Ticket) -> None:
        if self._settings.sync_mode:
            for error, tickets in self._sent([ticket]):
                if error is not None:
                    raise error
                self._settle(None, tickets)
            return
        if not self._consumers:  # sync_mode was switched off, or no thread could be started
            self._start()
            if not self._consumers and not forks_later():
                raise QueueFull(_NO_THREAD)
        try:
            self._queue.put(ticket, block=self._wait > 0, timeout=self._wait)
        except queue.Full:
            full = f"the queue is full ({self._queue.maxsize}). Raise max_queue_size, or call less often"
            raise QueueFull(full) from None

    def _deliver(self, batch: list[Ticket]) -> None:
        """Send a batch and settle each of its messages. Never raises."""
        try:
            for error, tickets in self._sent(batch):
                self._settle(error, tickets)
        except Exception as failure:  # whatever it was, each message is settled, and the thread goes on
            self._settle(DeliveryError(f"{type(failure).__name__} was raised while sending"), batch)

    def _sent(self, batch: list[Ticket]) -> Iterator[tuple[DeliveryError | None, list[Ticket]]]:
        """Convert and send a batch, and yield it in parts, each with its error or None."""
        ready: list[Ticket] = []
        for ticket in batch:
            try:
                if ticket.event is None:
                    ticket.event = self._events.event(ticket.message)
                ready.append(ticket)
            except Exception as failure:  # the app has changed the message that its call returned
                if is_interrupt(failure):
                    raise
                error = DeliveryError(f"a message can't be converted any more ({type(failure).__name__})", 400)
                error.about_event = True
                yield error, [ticket]
        yield from self._sender.deliver(ready)

    def _post(self, batch: list[Ticket]) -> None:
        post_batch(self._target(), [ticket.event for ticket in batch if ticket.event is not None], self._session)

    def _settle(self, error: AnalyticsError | None, tickets: list[Ticket]) -> None:
        with self._ledger.settling(tickets) as mine:
            if mine:
                outcome = DELIVERED if error is None else Outcome("lost", error)
                self._on_outcome(outcome, [ticket.message for ticket in mine])

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for what was accepted before, and for what the official client has queued."""
        end = now() + timeout
        done = self._ledger.flush(self._queue.wake, timeout)
        return self._official.flush(end - now()) and done

    def drain(self, timeout: float, stall: float) -> bool:
        """Wait for all there is: at most `timeout` seconds, at most `stall` without progress."""
        end = now() + timeout
        done = self._ledger.drain(self._queue.wake, timeout, stall)
        # When the ledger gave up, the official client has had the same time.
        return self._official.drain(end - now(), stall if done else 0.0) and done

    def hurry(self) -> None:
        """Begin to send all at once; see Delivery."""
        self._ledger.hurry(self._queue.wake)

    def close(self) -> None:
        """End the threads without a long wait, and settle what was not sent as lost."""
        self._ledger.close()
        self._sender.stop.set()
        for consumer in self._consumers:
            consumer.pause()  # type: ignore[no-untyped-call]
        left = self._taken_off()
        self._queue.wake()
        give_up = _join_until(self._ledger.hurried_at is not None)
        for consumer in self._consumers:
            if consumer.is_alive() and consumer is not threading.current_thread():
                consumer.join(max(give_up - now(), 0.0))
        left += self._taken_off()  # what came meanwhile
        for consumer in self._consumers:  # in a request that hangs
            left += consumer.batch
        if left:
            self._settle(ClientShutDown(SHUT_DOWN), left)

    def _taken_off(self) -> list[Ticket]:
        """Empty the queue, and return what was on it."""
        left = self._queue.take(self._queue.qsize())
        self._queue.task_done(len(left))
        return left
