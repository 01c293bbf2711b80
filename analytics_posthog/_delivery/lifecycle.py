"""The ways a process ends: what must run before it does, and a drain that an app may ask for on signals.

`atexit` alone is not enough: children of multiprocessing and Celery end without it. Nothing is imported for their sake; what
the app doesn't use isn't loaded. No signal handler is installed unless the app asks for it.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final

# multiprocessing's own, and the copy of it that Celery's pool uses.
_POOLS: Final = ("multiprocessing.util", "billiard.util")
_PRIORITY: Final = 100  # before the pools' own ends, which may take queues away

_runs: Final[list[Callable[[], None]]] = []
_registered: Final[set[str]] = set()  # pools of which this process is, or may be, a child


@atexit.register  # at the import, not at the first call: what the app registers after its imports runs before this, and may still call
def _at_exit(**_: Any) -> None:
    for run in _runs:
        try:
            run()
        except Exception as error:  # of one client, which must not keep the others from their end
            logging.getLogger("analytics_posthog").error("an exit failed: %s", type(error).__name__)


def before_exit(run: Callable[[], None]) -> None:
    """Have `run` called when this process, or one forked from it, ends in its own time; it may be called more than once."""
    _runs.append(run)
    for util in _loaded(_POOLS):
        if util.__name__ not in _registered:
            _register(util)
    _connect()


def _register(util: Any) -> None:
    _registered.add(util.__name__)
    util.Finalize(None, _at_exit, exitpriority=_PRIORITY)


def _connect() -> None:
    for signals in _loaded(["celery.signals"]):
        # The children of Celery's pool end with os._exit(), and this is the last that they say before.
        signals.worker_process_shutdown.connect(_at_exit, weak=False)


def _in_child() -> None:
    """Register again in a child that has just been forked, whose pool is about to forget what its parent has registered."""
    _registered.clear()
    for util in _loaded(_POOLS):
        util.register_after_fork(_at_exit, lambda _, util=util: _register(util))
    _connect()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def not_before_exit(run: Callable[[], None]) -> None:
    """Take back what `before_exit` registered."""
    with suppress(ValueError):
        _runs.remove(run)


def on_signals(drain: Callable[[], object], signals: tuple[int, ...]) -> None:
    """On each of these signals call `drain` in a thread, and then do what was done on the signal before.

    In a thread, because the handler may have interrupted a call that holds the queue's lock. A second signal while draining
    acts at once. Raises ValueError outside of the main thread, as signal.signal does.
    """
    earlier: dict[int, Any] = {}
    draining: set[int] = set()

    def handle(number: int, frame: FrameType | None) -> None:
        if number in draining:
            draining.discard(number)
            _act(earlier[number], number, frame)
            return
        draining.add(number)
        thread = threading.Thread(target=drain_and_signal, args=(number, os.getpid()), name="analytics-flush", daemon=True)
        with suppress(RuntimeError):  # while it ends, Python 3.12 starts no thread; but then the exit drains
            thread.start()

    def drain_and_signal(number: int, process: int) -> None:
        try:
            drain()
        finally:
            if number in draining and process == os.getpid():
                os.kill(process, number)

    for number in signals:
        earlier[number] = signal.signal(number, handle)


def _act(earlier: Any, number: int, frame: FrameType | None) -> None:
    if callable(earlier):
        earlier(number, frame)
    elif earlier == signal.SIG_DFL:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _loaded(names: Any) -> list[Any]:
    return [sys.modules[name] for name in names if sys.modules.get(name) is not None]


def call(reference: weakref.WeakMethod[Callable[[], None]]) -> None:
    """Call a method whose object is still alive; for registers that can't be taken back."""
    method = reference()
    if method is not None:
        method()
