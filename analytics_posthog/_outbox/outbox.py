"""Keeps messages on disk until PostHog has taken them: a killed process loses none, nor does a server that is away.

A message is in a file before its call returns. Its line is settled when PostHog has taken the message or has refused it
for good. A file is emptied or deleted when all of its lines are settled. A message that is sent twice is counted once,
by the uuid made from its messageId. Many processes may share a directory on a local disk: the outbox uses flock().
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from .._delivery import Delivery, OnOutcome, Outcome, Report, forks_later, now
from .._interrupts import held
from .._message import Message, Pass, complete
from .._settings import MAX_WAIT, Settings
from ..errors import AnalyticsError, ClientShutDown, DeliveryError, InvalidMessage, QueueFull
from .directory import OutboxDirectory, Place
from .file import NotOurs
from .line import from_line, to_line

SWEEP_EVERY: Final = 2.0  # seconds
MAX_PAUSE: Final = 60.0  # seconds between tries while PostHog can't be reached
_NO_MESSAGE: Final = "a line of the outbox is not a message of a call, or before_send doesn't accept it"


class Outbox:
    """A delivery that writes each message to disk, and hands it to an inner one."""

    def __init__(
        self,
        settings: Settings,
        report: Report,
        path: Path,
        deliver_to: Callable[[OnOutcome], Delivery],
        on_outcome: OnOutcome,
    ) -> None:
        self._report = report
        self._on_outcome = on_outcome
        to_disk = settings.outbox_sync == "disk"
        self._directory = OutboxDirectory(path, max_bytes=settings.outbox_max_bytes, to_disk=to_disk)
        self._places: dict[int, Place] = {}  # by the id() of a message on its way
        self._inner = deliver_to(self._outcome)
        self._lock = threading.RLock()  # guards the next four
        self._pause = 0.0
        self._resume_at = 0.0
        self._asked: list[threading.Event] = []  # who waits for the next sweep
        self._more = False  # dead processes may have left more files
        self._sent_again: Message | None = None
        self._sending = False  # the thread may hold a line that is neither kept nor on the queue
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._start()

    def _start(self) -> None:
        """Start the thread. Where the system lets none start, it is tried again at the next call."""
        thread = threading.Thread(target=self._run, name="analytics-outbox", daemon=True)
        with suppress(RuntimeError):
            if forks_later():
                return
            thread.start()
            self._thread = thread

    def send(self, message: Message, size: int | None = None) -> str:
        """Hand a message to the inner delivery, and write it to disk as soon as that accepts it; see Delivery."""
        if self._thread is None:
            self._start()
        try:
            return self._inner.send(message, size)
        except (QueueFull, DeliveryError) as error:  # DeliveryError in sync_mode
            if id(message) not in self._places or _is_final(error):
                self._take_back(message)
                raise
            self._keep(error, [message])
            return ""
        except BaseException:  # the call is refused or interrupted
            self._take_back(message)
            raise

    def _outcome(self, outcome: Outcome, messages: list[Message]) -> None:
        """Called by the inner delivery. What can be sent again stays on disk; the rest is passed on."""
        if outcome.what in ("accepted", "refused"):  # of one message, which was accepted long ago if it is sent again
            (message,) = messages
            if message is self._sent_again:
                return
            if outcome.what == "accepted":
                self._write(message)
            elif isinstance(outcome.error, QueueFull) and id(message) in self._places:  # it is kept
                return
        elif outcome.error is not None and not _is_final(outcome.error):
            messages = self._keep(outcome.error, messages)
        else:
            if outcome.error is not None:
                self._directory.set_aside(str(outcome.error), messages)
            places = [self._places.pop(id(message), None) for message in messages]
            self._directory.settle(*filter(None, places), keep=False)
            if outcome.error is None:
                self._delivered()
        if messages:
            self._on_outcome(outcome, messages)

    def _write(self, message: Message) -> None:
        """Write a message to disk. Raises QueueFull if the outbox is full by its own limit."""
        try:
            place = self._directory.write(to_line(message))
        except OSError as error:  # a full disk: the message is sent from memory
            self._report.unsaved(error)
        else:
            if place is not None:
                self._places[id(message)] = place

    def _delivered(self) -> None:
        with held(self._lock):
            self._pause = self._resume_at = 0.0
        if self._directory.kept():  # the queue has room again
            self._wake.set()

    def _keep(self, error: Exception, messages: list[Message]) -> list[Message]:
        """Keep the lines of messages to send them again. Return the messages that have no line."""
        places = {id(message): self._places.pop(id(message), None) for message in messages}
        kept = [place for place in places.values() if place is not None]
        self._directory.settle(*kept, keep=True)
        if kept:
            with held(self._lock):
                if isinstance(error, DeliveryError) and now() >= self._resume_at:
                    self._pause = min(max(1.0, self._pause * 2), MAX_PAUSE)
                    self._resume_at = now() + self._pause
            if not isinstance(error, QueueFull):
                self._report.kept(error, len(kept))
        return [message for message in messages if places[id(message)] is None]

    def _take_back(self, message: Message) -> None:
        place = self._places.pop(id(message), None)
        if place is not None:
            self._directory.settle(place, keep=False)

    def _run(self) -> None:
        """Take over dead processes' files, and send again what was kept, as long as the process lives."""
        looked: float | None = None
        while not self._directory.stopped:
            self._wake.clear()
            with held(self._lock):
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
                text = f"outbox: {type(error).__name__} while looking through it; it is tried again. Check its disk"
                self._report.warn_once("outbox", text)
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
                    text = (
                        f"outbox: {name} can't be read ({error.strerror}); the other files are sent. Check who owns it"
                    )
                    self._report.warn_once(name, text)
                continue
            if file is None:
                self._more = True
                return
            self._report.count("accepted", len(file.kept))
            if file.torn:
                text = f"outbox: {name} ends within a line: its call never returned. The other lines are sent"
                self._report.warn_once(name, text)

    def _send_next(self) -> bool:
        """Send a kept line. Return False if there is none, the queue is full, or PostHog can't be reached."""
        found = None if now() < self._resume_at else self._directory.next()
        if found is None:
            return False
        place, line = found
        message = from_line(line)
        if message is None:
            self._directory.mark_corrupt(place)
            self._directory.settle(place, keep=False)
            name = place[0].path.name
            self._report.warn_once(
                name, f"outbox: {name} has lines that are not messages; the others are sent. See its .corrupt file"
            )
            self._report.count("failed")
            return True
        return self._send_again(message, place)

    def _send_again(self, message: Message, place: Place) -> bool:
        """Check and clean a line's message as a call's, and hand it on. Return False if there is no room for it now."""
        try:
            done = Pass()
            message = complete(message, done)
            self._places[id(message)] = place
            self._sent_again = message
            if self._inner.send(message, done.size):  # before_send doesn't want it any more
                self._take_back(message)
                self._report.count("accepted", -1)
        except (QueueFull, ClientShutDown):
            del self._places[id(message)]
            self._directory.settle(place, keep=True)
            return False
        except DeliveryError as error:  # in sync_mode
            self._outcome(Outcome("lost", error), [message])
        except Exception as error:  # a file may hold anything, and before_send may raise anything
            self._places.pop(id(message), None)
            self._directory.settle(place, keep=False)
            other = InvalidMessage(f"{_NO_MESSAGE} ({type(error).__name__})")
            self._on_outcome(Outcome("lost", error if isinstance(error, AnalyticsError) else other), [message])
        return True

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for what is queued or on disk. Return whether nothing is left."""
        return self._empty(timeout, self._inner.flush)

    def drain(self, timeout: float, stall: float) -> bool:
        """Do the same, and give up after `stall` seconds without any progress. What is left is safe on disk."""
        return self._empty(timeout, partial(self._inner.drain, stall=stall))

    def _empty(self, timeout: float, wait: Callable[[float], bool]) -> bool:
        """Send what was kept, and `wait` for what is on its way, until nothing is left or PostHog can't be reached."""
        end = now() + timeout
        if self._directory.is_interrupted() or threading.current_thread() is self._thread:
            return False
        with held(self._lock):
            self._pause = self._resume_at = 0.0
        while True:
            self._sweep(end - now())
            before = self._left()  # the wait is not for what is queued after it has begun
            done = wait(max(0.0, end - now()))
            left = before or self._left()
            is_over = self._thread is None or self._directory.stopped or now() < self._resume_at or now() >= end
            if not (done and left) or is_over:
                return done and not left

    def _left(self) -> bool:
        return self._directory.kept() > 0 or self._sending or self._more

    def _sweep(self, timeout: float) -> None:
        """Have the thread do its work now. Return when it has, or after `timeout` seconds."""
        thread = self._thread
        if timeout <= 0 or self._directory.stopped or thread is None or thread is threading.current_thread():
            return
        swept = threading.Event()
        with held(self._lock):
            self._asked.append(swept)
        self._wake.set()
        swept.wait(min(timeout, MAX_WAIT))

    def hurry(self) -> None:
        """Begin to send all at once; see Delivery."""
        self._inner.hurry()

    def close(self) -> None:
        """End the inner delivery, and let go of the files: another process, or the next, takes over what is left."""
        self._inner.close()
        if not self._directory.is_interrupted():
            self._directory.stop()
        self._wake.set()
        with held(self._lock):
            asked, self._asked = self._asked, []
        for event in asked:
            event.set()


def _is_final(error: Exception) -> bool:
    """Whether PostHog has refused the message itself: sent again, it would be refused again."""
    return getattr(error, "about_event", False)
