"""Keeps messages on disk until PostHog has taken them, so that neither a killed process nor a server away for long loses any.

A message stands in a file before its call returns. Its line is dealt with when PostHog has answered 200 or has refused the
message for good; a file whose lines are all dealt with is emptied or deleted. What is sent twice on the way is counted
once, by the uuid made from its messageId. Many processes may share a directory, on a local disk: it takes flock().
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from .._delivery import STALL_TIMEOUT, Event, PostHog, Report, call, now, refusal
from .._message import Pass, complete
from ..errors import AnalyticsError, ClientShutDown, DeliveryError, InvalidMessage, QueueFull
from .directory import OutboxDirectory, Place
from .file import NotOurs, from_line, to_line

SWEEP_EVERY: Final = 2.0  # seconds
MAX_PAUSE: Final = 60.0  # seconds between tries while PostHog can't be reached
_REFUSED: Final = (400, 413)  # for good: the same message would be refused again
_NO_MESSAGE: Final = "a line of the outbox is no message of a call, or before_send doesn't take it"


class Outbox:
    """Puts messages on disk around a delivery. Any thread may call it."""

    def __init__(self, directory: OutboxDirectory, delivery: PostHog, report: Report) -> None:
        self._directory = directory
        self._delivery = delivery
        self._report = report
        delivery.keep = self._keep
        delivery.ended = self.stop
        delivery.drain_all = self.drain
        delivery.kept_where = "; they stay in the outbox"
        self._start()
        # After the delivery's own handler.
        before, parent, child = map(weakref.WeakMethod, (directory.before_fork, directory.after_fork, self._start_in_child))
        os.register_at_fork(before=lambda: call(before), after_in_parent=lambda: call(parent), after_in_child=lambda: call(child))

    def _start(self) -> None:
        self._lock = threading.RLock()  # guards the next four
        self._pause = 0.0
        self._resume_at = 0.0
        self._asked: list[threading.Event] = []  # who waits for the next sweep
        self._more = False  # there may be more files of dead processes
        self._sending = False  # the thread may hold a line that is neither kept nor on the queue
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="analytics-outbox", daemon=True)
        self._thread.start()

    def _start_in_child(self) -> None:
        self._directory.begin()
        if self._delivery.ledger.closed:  # forked after the shutdown
            self._directory.stop()
        self._start()

    def send(self, message: dict[str, Any], size: int | None = None) -> str:
        """Write a message to disk and hand it to be sent. Answers and raises as the delivery does."""
        event = self._delivery.prepare(message, size)
        if event is None:
            return self._delivery.kept_back(message)
        try:
            event.receipt = self._directory.write(to_line(message))
        except OSError as error:  # a full disk: it is sent from memory
            self._report.unsaved(error)
        try:
            self._delivery.put(event)
        except QueueFull as error:
            if event.receipt is None:  # the disk is full too
                raise
            self._delivery.ledger.count("accepted")
            self._keep(error, [event])
        except BaseException:  # the call is refused, or interrupted: its line is taken back
            if event.receipt is not None:
                self._directory.settle(event.receipt, keep=False)
                event.receipt = None
            raise
        return ""

    def _keep(self, error: Exception | None, events: list[Event]) -> list[Event]:
        """Hear what became of events, and return those that stay here to be sent again."""
        stays = error is not None and getattr(error, "status", None) not in _REFUSED
        receipts = [(event, event.receipt) for event in events if event.receipt is not None]
        self._directory.settle(*[receipt for _, receipt in receipts], keep=stays)
        for event, _ in receipts:
            event.receipt = None
        kept = [event for event, _ in receipts] if stays else []
        with self._lock:
            if error is None and events:
                self._pause = self._resume_at = 0.0
            elif kept and isinstance(error, DeliveryError) and now() >= self._resume_at:
                self._pause = min(max(1.0, self._pause * 2), MAX_PAUSE)
                self._resume_at = now() + self._pause
        if error is None and self._directory.kept():  # the queue has room again
            self._wake.set()
        return kept

    def _run(self) -> None:
        """Take over dead processes' files, and send again what was kept, as long as the process lives."""
        looked: float | None = None
        while not self._directory.stopped:
            self._wake.clear()
            with self._lock:
                asked, self._asked = self._asked, []
            try:
                if asked or looked is None or now() >= looked + SWEEP_EVERY:
                    looked = now()
                    self._directory.count()
                    self._take_over()
                self._sending = True
                while self._send_next():
                    pass
            except Exception as error:  # whatever it is, the thread must go on
                self._report.warn_once("outbox", f"outbox: {type(error).__name__} while looking through it; it is tried again")
            self._sending = False
            for event in asked:
                event.set()
            pause = self._resume_at - now()
            self._wake.wait(min(pause, SWEEP_EVERY) if pause > 0 else SWEEP_EVERY)

    def _take_over(self) -> None:
        self._more = False
        for path in self._directory.others():
            name = path.name
            try:
                file = self._directory.take_over(path)
            except NotOurs:
                continue
            except OSError as error:
                if os.path.lexists(path):
                    self._report.warn_once(name, f"outbox: {name} can't be read ({error.strerror}); the other files are sent")
                continue
            if file is None:
                self._more = True
                return
            self._delivery.ledger.count("accepted", len(file.kept))
            if file.torn:
                self._report.warn_once(name, f"outbox: {name} ends within a line, of a call that never returned; the others are sent")

    def _send_next(self) -> bool:
        """Send a kept line; False if there is none, the queue has no more room, or PostHog can't be reached."""
        found = None if now() < self._resume_at else self._directory.next()
        if found is None:
            return False
        place, line = found
        event = self._read(place, line)
        if event is None:
            self._directory.settle(place, keep=False)
            return True
        event.receipt = place
        try:
            self._delivery.put(event, again=True)
        except (QueueFull, ClientShutDown):
            self._directory.settle(place, keep=True)
            return False
        except DeliveryError as error:  # in sync_mode; all is done but to say so
            self._report.lost(error, [event.message])
        return True

    def _read(self, place: Place, line: bytes) -> Event | None:
        """Return the event of a line, checked and cleaned as a call's; None, and the app is told, if there is none."""
        message = from_line(line)
        if message is None:
            file = place[0]
            self._directory.mark_corrupt(file)
            self._report.warn_once(file.path.name, f"outbox: {file.path.name} has lines that are no messages; the others are sent")
            self._delivery.ledger.count("failed")
            return None
        try:
            done = Pass()
            message = complete(message, done)
            reason = refusal(message)
            if reason is not None:
                raise InvalidMessage(reason)
            event = self._delivery.prepare(message, done.size)
            if event is None:  # before_send doesn't want it any more
                self._delivery.ledger.count("accepted", -1)
            return event
        except Exception as error:  # what stands in a file may be anything, and before_send may raise anything
            failure = error if isinstance(error, AnalyticsError) else InvalidMessage(f"{_NO_MESSAGE} ({type(error).__name__})")
            self._delivery.ledger.count("failed")
            self._report.lost(failure, [message])
            return None

    def flush(self, timeout: float) -> bool:
        """Have everything sent that is in the queue or on disk, at most `timeout` seconds; return whether nothing is left."""
        return self._empty(timeout, self._delivery.flush)

    def drain(self, timeout: float, stall: float = STALL_TIMEOUT) -> bool:
        """The same, and no longer than `stall` seconds without any progress; the rest is safe on disk."""
        return self._empty(timeout, partial(self._delivery.drain, stall=stall))

    def _empty(self, timeout: float, wait: Callable[[float], bool]) -> bool:
        """Send again what was kept, and `wait` for all that is being sent, until nothing is left or PostHog can't be reached."""
        end = now() + timeout
        if self._directory.is_interrupted():
            return False
        with self._lock:
            self._pause = self._resume_at = 0.0
        while True:
            self._sweep(end - now())
            before = self._left()  # the wait is not for what comes onto the queue after it has begun
            done = wait(max(0.0, end - now()))
            left = before or self._left()
            if not (done and left) or self._directory.stopped or now() < self._resume_at or now() >= end:
                return done and not left

    def _left(self) -> bool:
        return self._directory.kept() > 0 or self._sending or self._more

    def _sweep(self, timeout: float) -> None:
        """Have the thread do its work now; return when it has, or after `timeout` seconds."""
        if timeout <= 0 or self._directory.stopped or threading.current_thread() is self._thread:
            return
        swept = threading.Event()
        with self._lock:
            self._asked.append(swept)
        self._wake.set()
        swept.wait(timeout)

    def shutdown(self, timeout: float) -> None:
        """Send what is queued or on disk, at most `timeout` seconds; what is left stays on disk for the next process."""
        self._delivery.shutdown(timeout)

    def stop(self) -> None:
        """Let go of the files; another process may take them over."""
        if not self._directory.is_interrupted():
            self._directory.stop()
        self._wake.set()
        with self._lock:
            asked, self._asked = self._asked, []
        for event in asked:
            event.set()
