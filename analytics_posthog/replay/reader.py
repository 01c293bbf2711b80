"""Reads an archive in a thread ahead of the sender: portions of events in the archive's order, with the other lines."""

from __future__ import annotations

import os
import queue
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import BinaryIO, Final

from .._delivery import MAX_BATCH_SIZE, log
from ..errors import InvalidMessage
from .archive import Unreadable
from .choice import FROM_UNTIL, Skipped
from .event import LineEvent, Lines
from .lines import readable
from .rejects import MAX_TEXT, Reject
from .sent import SENT

_AHEAD: Final = 2  # portions that wait to be sent
_MAX_LINES: Final = 20_000  # of one portion, sent or not, so that the state is saved now and then
_LOOK_EVERY: Final = 0.1  # seconds between two looks at the reasons to stop
_PATIENCE: Final = 1.0  # seconds for a read that hangs; its thread ends with the process
_LINE_COST: Final = 200  # bytes of memory beyond the text


@dataclass
class Portion:
    """Some lines of an archive, up to number `line`. `position` is in bytes of the stored file, 0 if it has none."""

    line: int = 0
    events: list[LineEvent] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    position: int = 0
    size: int = 0

    def first_and_last(self) -> tuple[str, str] | tuple[None, None]:
        """Return the earliest and the latest time of its events, in UTC; None without events."""
        times = [event.moment for event in self.events]
        return (_utc(min(times)), _utc(max(times))) if times else (None, None)


def portions(url: str, file: BinaryIO, make: Lines, *, after: int, most: int) -> Iterator[Portion]:
    """Yield the content of an open file after line `after`, at most `most` events at a time.

    Raises Unreadable, after the portions that could be read.
    """
    portion, begun = Portion(after), after
    broken: Unreadable | None = None
    try:
        for number, text, fault in readable(url, file, after):
            portion.line = number
            _add(portion, make, number, text, fault)
            if len(portion.events) >= most or portion.size > MAX_BATCH_SIZE or number - begun >= _MAX_LINES:
                portion.position = _position(file)
                yield portion
                portion, begun = Portion(number), number
    except Unreadable as error:
        broken = error
    portion.position = _position(file)
    yield portion
    if broken is not None:
        raise broken


def _add(portion: Portion, make: Lines, number: int, text: bytes, fault: str) -> None:
    if not fault and (not text or text.isspace()):
        return
    try:
        if fault:
            raise InvalidMessage(fault)
        event = make.event(number, text)
        if make.was_read(number):
            portion.skipped[FROM_UNTIL] -= 1
        portion.events.append(event)
        portion.size += event.size + len(text) + _LINE_COST
    except Skipped as why:
        _skip(portion, make, number, str(why))
    except InvalidMessage as error:
        _reject(portion, make, number, str(error), text)
    except Exception as error:  # whatever a line holds, the other lines are sent
        place = traceback.extract_tb(error.__traceback__)[-1]  # the error's text may hold people's data
        log.debug(
            "a line could not be converted: %s at %s:%s",
            type(error).__name__,
            os.path.basename(place.filename),
            place.lineno,
        )
        _reject(portion, make, number, f"can't be converted ({type(error).__name__})", text)


def _skip(portion: Portion, make: Lines, number: int, why: str) -> None:
    if why == SENT:  # counted by the run that sent it
        return
    if make.was_read(number):
        portion.skipped[FROM_UNTIL] -= 1
    portion.skipped[why] += 1


def _reject(portion: Portion, make: Lines, number: int, reason: str, text: bytes) -> None:
    if make.was_read(number):  # rejected by that run
        return
    kept = text if len(text) <= MAX_TEXT else b""
    portion.rejects.append(Reject(number, reason, kept))
    portion.size += len(kept) + _LINE_COST


def _position(file: BinaryIO) -> int:
    with suppress(OSError, ValueError):
        return file.tell()
    return 0


def _utc(moment: datetime) -> str:
    try:
        return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    except OverflowError:  # the year 1 or 9999
        return moment.isoformat(timespec="milliseconds")


class _End:
    """The end of the portions, with the error that ended them, if any."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(source: Callable[[], Iterator[Portion]], stopped: threading.Event) -> Generator[Portion, None, None]:
    """Run an iterator in a thread of its own, some portions ahead, and raise what it raises.

    Ends early when `stopped` is set, even if the iterator waits for input. Close it if you don't read it to its end.
    """
    ready: queue.Queue[Portion | _End] = queue.Queue(_AHEAD)
    stop = threading.Event()
    thread = threading.Thread(target=_read, args=(source, ready, stop), name="analytics-posthog-replay", daemon=True)
    thread.start()
    try:
        while True:
            try:
                item = ready.get(timeout=_LOOK_EVERY)
            except queue.Empty:
                if stopped.is_set():
                    return
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stop.set()
        thread.join(_PATIENCE)


def _read(source: Callable[[], Iterator[Portion]], ready: queue.Queue[Portion | _End], stop: threading.Event) -> None:
    def put(item: Portion | _End) -> bool:
        while not stop.is_set():
            with suppress(queue.Full):
                ready.put(item, timeout=_LOOK_EVERY)
                return True
        return False

    try:
        for portion in source():
            if not put(portion):
                return
        put(_End())
    except BaseException as error:  # raised in the thread that takes the portions
        put(_End(error))
