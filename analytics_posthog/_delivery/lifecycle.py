"""How deliveries end, and how processes do: shutdown, exits and forks; what signals do to them is in signals.py.

`atexit` alone is not enough: children of multiprocessing and Celery end without it. Nothing is imported for their sake:
what the app doesn't use isn't loaded.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, NamedTuple
from weakref import WeakMethod

from .._interrupts import held
from .protocol import Delivery
from .report import Report, log
from .words import counted

DRAIN_TIMEOUT: Final = 30.0  # seconds
STALL_TIMEOUT: Final = 3.0  # seconds without any progress after which an exit gives up

# multiprocessing's own, and the copy of it that Celery's pool uses.
_POOLS: Final = ("multiprocessing.util", "billiard.util")
_PRIORITY: Final = 100  # before the pools' own exits, which may take queues away


class Route:
    """Where a client's messages go: its delivery, and the report of what happens to them."""

    __slots__ = ("closed", "delivery", "report")

    def __init__(self, delivery: Delivery, report: Report) -> None:
        self.delivery = delivery
        self.report = report
        self.closed = False  # the client accepts no further call

    def shutdown(self, timeout: float) -> bool:
        """Send what is left, for at most `timeout` seconds, and end. Return False if that was done before."""
        if self.closed:
            return False
        self.closed = True
        try:
            self.delivery.drain(timeout, timeout)
        finally:  # also on a Ctrl-C
            self.delivery.close()
            self.report.rest()
        return True

    def at_exit(self, timeout: float, stall: float, where: str) -> None:
        """Send what is left, as long as that makes progress, end, and say in one line what could not be sent.

        It gives up after `timeout` seconds, and after `stall` seconds without progress.
        `where` is added to that line: it says where such messages are kept, if anywhere.
        """
        self.closed = True
        try:
            self.delivery.drain(timeout, stall)
        finally:  # also on a Ctrl-C
            failed = self.report.stats()["failed"]
            self.report.quiet = True
            self.delivery.close()
            self.report.rest()
            counts = self.report.stats()
            left = counts["queued"] + counts["failed"] - failed
            if left:
                self.report.warn_once("exit", f"{counted(left, 'event')} not sent before the exit{where}")


class Life(NamedTuple):
    """What a client does when it is to send all it has, when its process ends, and first of all in a forked child.

    At an exit all clients `hurry` first, so that they send at the same time: many take no longer than one.
    """

    drain: Callable[[float], object]  # within so many seconds
    hurry: Callable[[], None]
    at_exit: Callable[[], None]
    in_child: Callable[[], None]


_lives: Final[list[Life]] = []
_ended: Final[list[WeakMethod[Callable[[], None]]]] = []
_registered: Final[set[str]] = set()  # pools of which this process is a child, or may be
watchers: Final[list[Callable[[], object]]] = []  # called in a child of a pool, when it is known as one
_forks = threading.RLock()  # held while the process forks
_noticing = threading.RLock()
_process = os.getpid()  # the one that all this was made for


def begin(life: Life) -> None:
    """Call `life.at_exit` when this process or a child of it ends, and `life.in_child` in each forked child.

    `at_exit` may be called more than once. A process that is killed or calls os._exit() doesn't call it.
    """
    _lives.append(life)
    for util in _loaded(_POOLS):
        if util.__name__ not in _registered:
            _register(util)
    _connect()


def end(life: Life) -> None:
    """Take back `life.at_exit`; `life.in_child` is still called, as long as its object lives."""
    with suppress(ValueError):
        _lives.remove(life)
        _ended.append(WeakMethod(life.in_child))


@contextmanager
def no_fork() -> Iterator[None]:
    """Hold off forks by other threads: a child must not get something that is half made."""
    with held(_forks):
        yield


def is_anyone_alive() -> bool:
    """Whether this process has a client that sends and was not shut down."""
    return bool(_lives)


def notice_fork() -> None:
    """Do what a forked child does, if this is one that Python knows nothing of: uWSGI forks in C, without hooks."""
    if os.getpid() != _process:
        with held(_noticing):
            if os.getpid() != _process:  # another thread of the child was no faster
                _in_child()


def drain_all(timeout: float = DRAIN_TIMEOUT) -> None:
    """Have all clients send what is queued, one after the other, within `timeout` seconds, and go on living."""
    notice_fork()
    give_up = time.monotonic() + timeout
    _call([partial(_drain_until, give_up, life) for life in _lives])


def _drain_until(give_up: float, life: Life) -> None:
    life.drain(max(give_up - time.monotonic(), 0))


# At the import, not at the first call: what the app registers after its imports runs before this, and may still call.
@atexit.register
def end_all(**_: Any) -> None:
    """Have all clients send what is queued, at the same time, and end. What they can't send is a warning."""
    notice_fork()
    _call([life.hurry for life in _lives])
    _call([life.at_exit for life in _lives])


def _call(ends: list[Callable[[], Any]]) -> None:
    for call in ends:
        try:
            call()
        except Exception as error:  # of one client; the others must still come to their exit
            log.error("a client failed at exit (%s). With an outbox its events would be kept", type(error).__name__)


def _register(util: Any) -> None:
    _registered.add(util.__name__)
    util.Finalize(None, end_all, exitpriority=_PRIORITY)
    for watch in watchers:
        watch()


def _connect() -> None:
    for signals in _loaded(["celery.signals"]):
        # The children of Celery's pool end with os._exit(), and this is the last signal that they send before.
        signals.worker_process_shutdown.connect(end_all, weak=False)


def _in_child() -> None:
    global _forks, _process
    _forks = threading.RLock()
    _process = os.getpid()
    # Register again: the pool of a child that was just forked is about to forget what its parent has registered.
    _registered.clear()
    for util in _loaded(_POOLS):
        util.register_after_fork(end_all, lambda _, util=util: _register(util))
    _connect()
    _ended[:] = [method for method in _ended if method() is not None]
    for in_child in [*(life.in_child for life in _lives), *(method() for method in _ended)]:
        if in_child is not None:
            in_child()


def _before_fork() -> None:
    _forks.acquire()


def _after_fork() -> None:
    _forks.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


def _loaded(names: Any) -> list[Any]:
    return [sys.modules[name] for name in names if sys.modules.get(name) is not None]
