"""Tells an exception that interrupts a call from one that a value's own code raises.

A worker's time limit, and whatever else a signal's handler raises or another thread sets for this one, must come
through to the app. It may come at any point of a call, also where a value's own exception is expected.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, TracebackType
from typing import Any, Final

_PYTHON: Final = os.path.dirname(os.__file__)
_PACKAGE: Final = os.path.dirname(__file__)
_RAISED_BARE: Final = (MemoryError, StopIteration)  # Python's own code raises these without arguments


def is_interrupt(error: BaseException) -> bool:
    """Whether an exception comes from a signal's handler, or was set for this thread by another one."""
    if isinstance(error, RecursionError):  # there is no room on the stack to look into it
        return False
    try:
        return comes_from_handler(error) or _was_set(error)
    except RecursionError:
        return False


def comes_from_handler(error: BaseException) -> bool:
    """Whether a signal's handler has raised it."""
    if threading.current_thread() is not threading.main_thread():
        return False
    handlers: set[CodeType] | None = None
    for trace in _traces(error):
        if handlers is None:
            handlers = set(_handlers())
        if trace.tb_frame.f_code in handlers:
            return True
    return False


@contextmanager
def held(lock: threading.RLock) -> Iterator[None]:
    """Hold a lock, which this thread may hold already. An interrupt at any point leaves it as it was before.

    From Python 3.14 on an exception may land in `with lock` when the lock is taken and the block has not begun. Nobody
    would ever release it. Here the lock is taken inside the `try`, and a generator that nobody has ends at once.
    """
    try:
        lock.acquire()
        yield
    finally:
        try:  # noqa: SIM105  suppress() would be a call in front of the release, where an interrupt may land
            lock.release()
        except RuntimeError:  # a signal's handler raised while this thread waited for the lock
            pass


def _was_set(error: BaseException) -> bool:
    """Whether it looks like one of `PyThreadState_SetAsyncExc`: bare, and from code that raises no such thing."""
    if error.args or isinstance(error, _RAISED_BARE):
        return False
    files = [trace.tb_frame.f_code.co_filename for trace in _traces(error)]
    last = files[-1] if files else ""
    return last.startswith((_PACKAGE, "<frozen ")) or (last.startswith(_PYTHON) and "-packages" not in last)


def _traces(error: BaseException) -> Iterator[TracebackType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _handlers() -> Iterator[CodeType]:
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        if not callable(handler) or isinstance(handler, int):
            continue
        function = getattr(handler, "__func__", handler)
        code = getattr(function, "__code__", None) or getattr(type(handler).__call__, "__code__", None)
        if code is not None:
            yield code
