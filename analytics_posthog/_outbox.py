"""Keeps messages on disk until PostHog has taken them, so that neither a killed process nor a server away for long loses any.

A message stands in a file before its call returns. Its line is dealt with when PostHog has answered 200 or has refused the
message for good; a file whose lines are all dealt with is emptied or deleted. What is sent twice on the way is counted
once, by the uuid made from its messageId. Many processes may share a directory, on a local disk: it takes flock().
"""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from typing import Any, Final

from ._delivery import PostHog
from ._exits import call
from ._outbox_file import SUFFIX, SUPPORTED, NotOurs, OutboxFile, line
from ._report import Report
from ._upload import Event, now
from .errors import AnalyticsError, ClientShutDown, DeliveryError, InvalidSetting, QueueFull

MAX_FILE_SIZE: Final = 1024 * 1024  # bytes; then a new file is begun, so that the old one can go
SWEEP_EVERY: Final = 2.0  # seconds
MAX_PAUSE: Final = 60.0  # seconds between tries while PostHog can't be reached
_REFUSED: Final = (400, 413)  # for good: the same message would be refused again


class Outbox:
    """Puts messages on disk around a delivery. Any thread may call it."""

    def __init__(self, directory: str | os.PathLike[str], delivery: PostHog, *, max_bytes: int, to_disk: bool, report: Report) -> None:
        self._directory = Path(directory)
        self._delivery = delivery
        self._max_bytes = max_bytes
        self._to_disk = to_disk
        self._report = report
        if not SUPPORTED:
            raise InvalidSetting("outbox needs flock(), which this system doesn't have. Leave it out")
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._directory.stat().st_mode & 0o077:
                self._directory.chmod(0o700)
            os.listdir(self._directory)
            if not os.access(self._directory, os.W_OK | os.X_OK):
                raise PermissionError(13, "not writable")
        except OSError as error:
            raise InvalidSetting(f"outbox must be a directory that this process can write to ({error.strerror})") from None
        delivery.keep = self._keep
        delivery.ended = self.stop
        delivery.kept_where = "; they stay in the outbox"
        self._files: list[OutboxFile] = []
        self._start()
        reference = weakref.WeakMethod(self._start)  # after the delivery's own handler
        os.register_at_fork(after_in_child=lambda: call(reference))

    def _start(self) -> None:
        """Begin with no file of one's own; a forked child leaves its parent's to its parent."""
        for file in self._files:
            file.abandon()
        self._lock = threading.Lock()  # guards all below, and the files
        self._sweeping = threading.Lock()  # one sweep at a time
        self._files = []
        self._current: OutboxFile | None = None
        self._used = 0
        self._pause = 0.0
        self._resume_at = 0.0
        self._stopped = False
        self._wake = threading.Event()
        self._count()
        self._thread = threading.Thread(target=self._run, name="analytics-outbox", daemon=True)
        self._thread.start()

    def send(self, message: dict[str, Any], size: int | None = None) -> None:
        """Write a message to disk and hand it to be sent. Raises what the delivery raises for what can't be taken at all."""
        event = self._delivery.prepare(message, size)
        if event is None:
            return
        self._write(event)
        try:
            self._delivery.put(event)
        except QueueFull as error:
            if event.receipt is None:  # the disk is full too
                raise
            self._delivery.ledger.count("accepted")
            self._keep(error, [event])
        except AnalyticsError:
            self._keep(None, [event])
            raise

    def _write(self, event: Event) -> None:
        """Give an event its line on disk. Without room by our own bound it is refused; with a full disk it goes on without."""
        data = line(event.message)
        with self._lock:
            if self._used + len(data) > self._max_bytes:
                raise QueueFull(f"the outbox is full ({self._max_bytes} bytes). Raise outbox_max_bytes, or see why PostHog takes nothing")
            try:
                if self._current is None or self._current.size > MAX_FILE_SIZE:
                    self._current = OutboxFile.create(self._directory)
                    self._files.append(self._current)
                event.receipt = (self._current, self._current.append(data, self._to_disk))
                self._current.open += 1
                self._used += len(data)
            except OSError as error:
                self._report.unsaved(error)

    def _keep(self, error: Exception | None, events: list[Event]) -> list[Event]:
        """Hear what became of events, and return those that stay here to be sent again."""
        refused = error is None or getattr(error, "status", None) in _REFUSED
        kept: list[Event] = []
        with self._lock:
            for event in events:
                if event.receipt is None or event.receipt[0] not in self._files:
                    continue
                file, offset = event.receipt
                event.receipt = None
                file.open -= 1
                if not refused:
                    file.kept.append(offset)
                    kept.append(event)
                self._tidy(file)
            if error is None and events:
                self._pause = self._resume_at = 0.0
            elif kept and isinstance(error, DeliveryError):
                self._pause = min(max(1.0, self._pause * 2), MAX_PAUSE)
                self._resume_at = now() + self._pause
        return kept

    def _tidy(self, file: OutboxFile) -> None:
        """Empty or delete a file whose lines are all dealt with."""
        if file.open or file.kept or file not in self._files:
            return
        self._used -= file.size
        if file is self._current and not self._stopped:
            if file.size:
                file.empty()
            return
        self._files.remove(file)
        file.close(remove=True)

    def _run(self) -> None:
        while not self._stopped:
            self._sweep()
            self._wake.wait(SWEEP_EVERY)

    def _sweep(self) -> None:
        """Take over dead processes' files, and send again what was kept, as far as the queue has room."""
        with self._sweeping:
            self._take_over()
            with self._lock:
                files = [file for file in self._files if file.kept] if now() >= self._resume_at else []
            for file in files:
                if not self._send_again(file):
                    return

    def _take_over(self) -> None:
        self._count()
        for path in sorted(self._directory.glob(f"*{SUFFIX}")):
            with self._lock:
                if self._stopped or any(file.path == path for file in self._files):
                    continue
            try:
                file = OutboxFile.take_over(path)
            except NotOurs:
                continue
            except OSError as error:
                if path.exists():
                    self._report.warn_once(path.name, f"outbox: {path.name} can't be read ({error.strerror}); the other files are sent")
                continue
            self._delivery.ledger.count("accepted", len(file.kept))
            with self._lock:
                self._files.append(file)
                self._tidy(file)

    def _send_again(self, file: OutboxFile) -> bool:
        """Send a file's kept lines; False if the queue has no more room, or PostHog can't be reached."""
        while True:
            with self._lock:
                if not file.kept or self._stopped:
                    return True
                offset = file.kept.pop()
                file.open += 1
                message = file.message(offset)
            event: Event | None = None
            try:
                event = self._delivery.prepare(message) if message is not None else None
                if event is not None:
                    event.receipt = (file, offset)
                    self._delivery.put(event, again=True)
                    continue
            except (QueueFull, ClientShutDown):
                with self._lock:
                    file.open -= 1
                    file.kept.append(offset)
                return False
            except DeliveryError:  # in sync_mode, refused for good; the delivery has said so
                continue
            except Exception:  # what stands in the file may be anything
                message = None
            self._drop(file, message is None)

    def _drop(self, file: OutboxFile, corrupt: bool) -> None:
        """Be done with a line that is not to be sent: it is no message, or before_send doesn't want it."""
        if corrupt:
            self._report.warn_once(file.path.name, f"outbox: {file.path.name} has lines that are no messages; the others are sent")
        self._delivery.ledger.count("failed")
        with self._lock:
            file.corrupt = file.corrupt or corrupt
            file.open -= 1
            self._tidy(file)

    def flush(self, timeout: float) -> bool:
        """Have everything sent that is in the queue or on disk, at most `timeout` seconds; return whether nothing is left."""
        end = now() + timeout
        with self._lock:
            self._resume_at = 0.0
        self._sweep()
        done = self._delivery.flush(timeout)
        while done and self._left() and now() < end and not self._resume_at:
            self._sweep()  # what the queue had no room for
            done = self._delivery.flush(max(0.0, end - now()))
        return done and not self._left()

    def _left(self) -> int:
        with self._lock:
            return sum(len(file.kept) for file in self._files)

    def drain(self, timeout: float) -> bool:
        """Send what is queued, no longer than 3 seconds without any progress; the rest is safe on disk."""
        return self._delivery.drain(timeout)

    def shutdown(self, timeout: float) -> None:
        """Send what is queued, at most `timeout` seconds; what is left stays on disk for the next process."""
        self._delivery.shutdown(timeout)

    def stop(self) -> None:
        """Let go of the files, those that are dealt with and those that another process may now take over."""
        with self._lock:
            self._stopped = True
            self._wake.set()
            for file in list(self._files):
                self._tidy(file)
            for file in self._files:
                file.close(remove=False)
            self._files = []

    def _count(self) -> None:
        """Measure what all processes have in the directory."""
        used = 0
        try:
            for entry in os.scandir(self._directory):
                used += entry.stat(follow_symlinks=False).st_size
        except OSError:
            return
        with self._lock:
            self._used = used
