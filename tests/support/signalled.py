"""Scripts that make calls and are then ended by a signal."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.support.child_process import environment
from tests.support.posthog_server import PostHogServer

CALLS = """
import os, signal, sys, time
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", os.environ["URL"]
def call(number):
    for n in range(number):
        assert analytics.track(f"u{n}", "Bought")[0]
def ready():
    print("ready", flush=True)
"""
# To be ended by a signal; bounded, should it never come. Short sleeps, because Python may begin one without having seen
# a signal that came just before.
SLEEP = "ready()\nend = time.monotonic() + 20\nwhile time.monotonic() < end:\n    time.sleep(0.05)\nsys.exit(9)\n"


@contextmanager
def running(script: str, server: PostHogServer, before: Sequence[str] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """A script that has come to `ready()`, started with the command `before`."""
    command = [*before, sys.executable, "-c", CALLS + script]
    process = subprocess.Popen(command, env=environment(URL=server.url), stdin=-1, stdout=-1, stderr=-1, bufsize=0)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", process.communicate(timeout=10)[1]
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[bytes], *signals: int) -> tuple[int, str, str, float]:
    """How a process ends that gets these signals: its status, what it wrote, and the seconds that it took."""
    start = time.monotonic()
    for number in signals:
        process.send_signal(number)
    out, err = process.communicate(b"\n", timeout=20)
    return process.returncode, out.decode(), err.decode(), time.monotonic() - start
