"""The queue between the calls and the threads that send. A call takes no lock in it.

So a signal handler may call within a call that it interrupts. An exception that lands in a call, such as Ctrl-C or a
worker's time limit, leaves nothing locked. With Python's own queue the next call would wait forever. What the calls
do are single steps of C: to append to a deque, to take from a set, to release a lock.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

from .clock import now

T = TypeVar("T")

_SLICE: Final = 0.1  # seconds between two looks by a call that waits: an exception set for its thread comes through


class Bell:
    """Wakes threads that sleep. Any thread or signal handler may ring it."""

    def __init__(self) -> None:
        self._sleepers: set[threading.Lock] = set()

    def ring(self, times: int = 1) -> None:
        """Wake so many sleepers, or all there are."""
        while times > 0 and self._sleepers:
            with suppress(KeyError):  # another thread has woken the last one
                self._sleepers.pop().release()
            times -= 1

    def ring_all(self) -> None:
        """Wake all sleepers."""
        self.ring(len(self._sleepers))

    def sleep(self, timeout: float, is_awaited: Callable[[], bool]) -> None:
        """Sleep until the bell rings, at most `timeout` seconds; not at all if what is awaited is there already."""
        lock = threading.Lock()
        lock.acquire()
        self._sleepers.add(lock)
        try:
            if not is_awaited():  # asked after the lock was added: a ring before that woke nobody
                lock.acquire(timeout=timeout)
        finally:
            self._sleepers.discard(lock)


class Stop:
    """A `threading.Event` that no interrupt leaves locked."""

    def __init__(self) -> None:
        self._is_set = False
        self._bell = Bell()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def set(self) -> None:
        """Set it, and end each wait."""
        self._is_set = True
        self._bell.ring_all()

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until it is set. Return whether it is."""
        end = now() + timeout
        while not self._is_set and (rest := end - now()) > 0:
            self._bell.sleep(min(rest, _SLICE), self.is_set)
        return self._is_set


# gevent puts a class of its own in the place of Python's, which can't be the base of another.
_Queue: Any = getattr(sys.modules.get("gevent.monkey"), "get_original", lambda *_: queue.Queue)("queue", "Queue")


class Waiting(_Queue, Generic[T]):  # type: ignore[misc]
    """Has the methods of `queue.Queue`, and none of its waits for a lock in a call. `maxsize` 0 or less: no limit.

    Calls at the same moment may exceed `maxsize`, by less than their number.
    """

    def __init__(self, maxsize: int = 0) -> None:
        self.maxsize = maxsize
        self.queue: deque[T] = deque()
        self._put = Bell()
        self._got = Bell()
        self._done = Bell()
        self.mutex = threading.RLock()  # guards the next one; no call takes it
        self._taken = 0  # and not done yet

    @property
    def unfinished_tasks(self) -> int:
        """How many items wait, or were taken and are not done."""
        return len(self.queue) + self._taken

    def qsize(self) -> int:
        """Return how many items wait."""
        return len(self.queue)

    def empty(self) -> bool:
        """Whether no item waits."""
        return not self.queue

    def full(self) -> bool:
        """Whether there is no room."""
        return 0 < self.maxsize <= len(self.queue)

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Add an item. Waits for room at most `timeout` seconds, if `block`. Raises queue.Full."""
        if 0 < self.maxsize <= len(self.queue):
            self._wait(self._got, lambda: not self.full(), block, timeout, queue.Full)
        self.queue.append(item)
        self._put.ring()

    def put_nowait(self, item: T) -> None:
        """Add an item. Raises queue.Full."""
        self.put(item, block=False)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Take the first item. Waits for one at most `timeout` seconds, if `block`. Raises queue.Empty."""
        while True:
            found = self.take(1)
            if found:
                return found[0]
            self._wait(self._put, lambda: bool(self.queue), block, timeout, queue.Empty)

    def get_nowait(self) -> T:
        """Take the first item. Raises queue.Empty."""
        return self.get(block=False)

    def take(self, most: int, fits: Callable[[T], bool] = lambda _: True) -> list[T]:
        """Take items, at most so many, and as long as the last one that was taken `fits` before another."""
        items: list[T] = []
        with self.mutex:
            self._taken += most  # before they are off the queue: `join` must not miss them
            with suppress(IndexError):
                while len(items) < most:
                    items.append(self.queue.popleft())
                    if not fits(items[-1]):
                        break
            self._taken -= most - len(items)
        self._got.ring(len(items))
        return items

    def task_done(self, number: int = 1) -> None:
        """Note that items which were taken are done. Raises ValueError if there were not so many."""
        with self.mutex:
            if number > self._taken:
                raise ValueError("task_done() called too many times")
            self._taken -= number
        if not self.unfinished_tasks:
            self._done.ring_all()

    def join(self) -> None:
        """Wait until all items are done."""
        while self.unfinished_tasks:
            self._done.sleep(_SLICE, lambda: not self.unfinished_tasks)

    def wait(self, timeout: float, is_awaited: Callable[[], bool]) -> None:
        """Wait for an item, for `wake`, or for what is awaited: at most `timeout` seconds."""
        self._put.sleep(timeout, lambda: bool(self.queue) or is_awaited())

    def wake(self) -> None:
        """End each `wait`."""
        self._put.ring_all()

    def _wait(
        self,
        bell: Bell,
        is_there: Callable[[], bool],
        block: bool,
        timeout: float | None,
        otherwise: type[Exception],
    ) -> None:
        end = None if timeout is None else now() + timeout
        while not is_there():
            rest = _SLICE if end is None else min(end - now(), _SLICE)
            if not block or rest <= 0:
                raise otherwise
            bell.sleep(rest, is_there)
