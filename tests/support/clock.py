"""Measures how long something takes, and waits for a condition."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The block must take less than these seconds."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns, and the seconds that it took."""
    started = time.monotonic()
    return call(), time.monotonic() - started


def seconds_of(call: Callable[[], object]) -> float:
    """The seconds that a call took."""
    return timed(call)[1]


def wait_until(condition: Callable[[], object], timeout: float = 10) -> None:
    """Waits until the condition is true; an AssertionError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not true within {timeout} s"
        threading.Event().wait(0.005)
