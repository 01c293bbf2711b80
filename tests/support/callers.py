"""The three clients behind the same methods, and what their processes do in `what_happens_when`."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

HANGS = 5  # seconds after which a child's flush counts as one that hangs


class Caller:
    """One of the clients, behind the same three methods. Writes what on_error gets into a file."""

    def __init__(self, client: str, url: str, file: str, options: dict[str, Any]) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND)
        options = {"host": url, "on_error": self._on_error, **options}
        if client == "ours":
            from analytics_posthog import Client

            ours = Client("phc_key", **options)
            self._call, self._flush = (lambda user: ours.track(user, "Bought")[0]), lambda timeout: ours.flush(timeout)
        elif client == "posthog":
            from posthog import Posthog

            posthog = Posthog("phc_key", **options)
            self._call = lambda user: posthog.capture("Bought", distinct_id=user) is not None
            self._flush = lambda timeout: posthog.flush(timeout) if timeout else posthog.flush()
        else:
            from segment.analytics.client import Client as Segment

            segment = Segment("phc_key", **options)
            self._call, self._flush = (lambda user: segment.track(user, "Bought")[0]), lambda _: segment.flush()
        self._write("ready", client)

    def call(self, name: str, number: int) -> None:
        for n in range(number):
            if not self._call(f"{name}{n}"):
                self._write("said", f"{name}{n}")

    def flush(self, timeout: float | None = None) -> None:
        start = time.monotonic()
        self._flush(timeout)
        self._write("flushed", time.monotonic() - start)

    def wait_for_all(self) -> None:
        """Flush, without a note of how long that took."""
        self._flush(None)

    def await_the_end(self) -> None:
        self._write("waits", "")
        sys.stdin.readline()

    def _on_error(self, _: Exception, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            self._write("said", message.get("userId") or message["distinct_id"])

    def _write(self, *what: object) -> None:
        os.write(self._file, json.dumps(what).encode() + b"\n")


def just_end(caller: Caller, calls: int) -> None:
    caller.call("u", calls)


def flush_and_end(caller: Caller, calls: int) -> None:
    caller.call("u", calls)
    caller.flush()


def flush_2_and_end(caller: Caller, calls: int) -> None:
    caller.call("u", calls)
    caller.flush(2)


def flush_when_asked(caller: Caller, calls: int) -> None:
    caller.call("u", calls)
    sys.stdin.readline()
    caller.flush()


def run_until_ended(caller: Caller, calls: int) -> None:
    caller.call("u", calls)
    caller.await_the_end()


def pool(caller: Caller, calls: int) -> None:
    """The workers of a pool make the calls; the end of the `with` terminates them."""
    global _of_the_pool
    _of_the_pool = caller
    with multiprocessing.get_context("fork").Pool(4) as workers:
        workers.map(_in_pool, range(calls))


_of_the_pool: Caller


def _in_pool(number: int) -> None:
    _of_the_pool.call(f"u{number}-", 1)


def fork_in_c(caller: Caller, calls: int) -> None:
    """As a server in C forks its workers: without Python's hooks, with Python's lock held, when nothing else runs."""

    def when_idle() -> int:
        caller.wait_for_all()
        time.sleep(0.03)
        return int(ctypes.PyDLL(None).fork())

    fork(caller, calls, when_idle)


def fork(caller: Caller, calls: int, how: Callable[[], int] = os.fork) -> None:
    part = calls // 6
    caller.call("before", part)
    children = []
    for name in range(4):
        pid = how()
        if pid == 0:
            signal.alarm(HANGS)
            caller.call(f"child{name}-", part)
            caller.flush()
            os._exit(0)
        children.append(pid)
    signal.alarm(HANGS)
    caller.call("after", part)
    caller.flush()
    for pid in children:
        os.waitpid(pid, 0)
