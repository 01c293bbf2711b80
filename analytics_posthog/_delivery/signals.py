"""What SIGTERM does: a process with the default action, which ends without `atexit`, sends what is queued before.

Most servers have their own handler, end by themselves and so come to `atexit`. Nothing is changed for these. An app may
also ask for a drain on any signal.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

from .lifecycle import drain_all, end_all, is_anyone_alive, watchers
from .servers import drain_after_uvicorn

_HANDLED_ELSEWHERE: Final = ("uwsgi", "mod_wsgi")  # modules of servers in C, whose handlers Python doesn't see
_AGAIN: Final = 0.05  # seconds; a signal that comes just before a wait in C doesn't end it, so it is raised again
_INIT: Final = 1  # the process id of a container's first process, for which the default action does nothing


def drain_on_sigterm() -> None:
    """Have SIGTERM send what is queued, if it would end the process without that. Else change nothing.

    For each new client, and when the module's key is set. Only the main thread can install a handler.
    """
    if sys.platform == "win32":
        return
    if not drain_after_uvicorn() and threading.current_thread() is threading.main_thread() and _is_default():
        with suppress(ValueError):  # the main thread of a subinterpreter
            _watch()
            signal.signal(signal.SIGTERM, _as_default)


def _is_default() -> bool:
    if signal.getsignal(signal.SIGTERM) != signal.SIG_DFL or any(name in sys.modules for name in _HANDLED_ELSEWHERE):
        return False
    try:  # the handler of a program in C that has Python inside
        status = Path("/proc/self/status").read_text("ascii")
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    except (OSError, ValueError, IndexError):
        return True
    return not caught >> (signal.SIGTERM - 1) & 1


class _Handler:
    """On a signal calls `drain` in a thread, and then does what was done on the signal before.

    In a thread, because the signal may have interrupted a call that holds the queue's lock. A second signal while
    draining acts at once.
    """

    def __init__(self, drain: Callable[[], object]) -> None:
        self.earlier: Any = signal.SIG_DFL
        self._drain = drain
        self._draining: set[tuple[int, int]] = set()  # signals, each with the process: a forked child has its own

    def __call__(self, number: int, frame: FrameType | None) -> None:
        key = (number, os.getpid())
        if key in self._draining:
            self._draining.discard(key)
            _act(self.earlier, number, frame)
            return
        self._draining.add(key)
        thread = threading.Thread(target=self._drain_and_signal, args=key, name="analytics-flush", daemon=True)
        with suppress(RuntimeError):  # at its end, Python 3.12 starts no thread; but then the exit drains
            thread.start()

    def _drain_and_signal(self, number: int, process: int) -> None:
        try:
            self._drain()
        finally:
            while (number, process) in self._draining and process == os.getpid():
                _raise_in_main_thread(number)
                if self.earlier != signal.SIG_DFL:
                    break
                time.sleep(_AGAIN)


class _AsDefault(_Handler):
    """Ends all clients, then lets the default action end the process.

    To code that asks for the handler it is the default action: `getsignal()` answers SIG_DFL, because this is equal to
    it. So code that installs a handler of its own only where there is none goes on to do so.
    """

    def __init__(self) -> None:
        super().__init__(_end)
        self._is_drained = False

    def act_in_thread(self, number: int) -> None:
        """Drain in this thread, and end the process, however long its main thread stays within C."""
        try:
            self._drain()
        finally:
            self._is_drained = True
            while True:  # ends with the process
                _raise_in_main_thread(number)
                time.sleep(_AGAIN)

    def __eq__(self, other: object) -> bool:
        return other is self or other == signal.SIG_DFL

    def __hash__(self) -> int:
        return hash(signal.SIG_DFL)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if _watched == os.getpid():
            if self._is_drained:
                _act(self.earlier, number, frame)
        elif is_anyone_alive():
            super().__call__(number, frame)
        else:
            _act(self.earlier, number, frame)
        if os.getpid() == _INIT:  # it lives on
            signal.signal(number, self)


def _end() -> None:
    if os.getpid() == _INIT:
        drain_all()
    else:
        end_all()


_as_default: Final = _AsDefault()
_watched = 0  # the id of the process that has a thread for SIGTERM
_wakeup: list[socket.socket] = []  # held, so that they stay open


def _watch() -> None:
    """Have a thread of its own act on SIGTERM in a child of a pool.

    Python runs a handler only when the main thread is back from C, and a signal that comes just before a wait doesn't
    end the wait. A pool sends one SIGTERM and then waits for its child, which would never end.
    """
    global _watched
    process = sys.modules.get("multiprocessing.process")
    if sys.platform == "win32" or process is None or process.parent_process() is None or _watched == os.getpid():
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    try:
        earlier = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        if earlier != -1:  # somebody else is woken by signals
            signal.set_wakeup_fd(earlier)
            return
        _wakeup[:] = [reader, writer]
        threading.Thread(target=_act_when_told, args=(reader,), name="analytics-signals", daemon=True).start()
        _watched = os.getpid()
    except ValueError:  # not in the main thread
        return
    except RuntimeError:  # no thread can be started
        signal.set_wakeup_fd(-1)


def _act_when_told(reader: socket.socket) -> None:
    """Read the numbers of signals, as the system's own handler writes them."""
    while numbers := reader.recv(64):
        if signal.SIGTERM in numbers and signal.getsignal(signal.SIGTERM) == _as_default:
            _as_default.act_in_thread(signal.SIGTERM)


def _unwatch() -> None:
    """In a forked child, write to its own thread, if to any."""
    global _watched
    if _watched:
        _watched = 0
        signal.set_wakeup_fd(-1)


watchers.append(_watch)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unwatch)


def on_signals(drain: Callable[[], object], signals: tuple[int, ...]) -> None:
    """On each of these signals call `drain` in a thread, and then do what was done on the signal before.

    A second signal while draining acts at once. Raises ValueError outside of the main thread, as signal.signal does.
    """
    for number in signals:
        handler = _Handler(drain)
        earlier = signal.signal(number, handler)
        handler.earlier = signal.SIG_DFL if earlier == signal.SIG_DFL else earlier


def _raise_in_main_thread(number: int) -> None:
    # With os.kill() the system may choose another thread, and a sleep of the main one would go on to its end.
    main = threading.main_thread().ident
    if sys.platform == "win32" or main is None:
        signal.raise_signal(number)
    else:
        signal.pthread_kill(main, number)


def _act(earlier: Any, number: int, frame: FrameType | None) -> None:
    if callable(earlier):
        earlier(number, frame)
    elif earlier == signal.SIG_DFL:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
