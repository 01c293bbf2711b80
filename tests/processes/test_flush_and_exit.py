"""A process that flushes and ends within its time limits, though the server or a callback does not answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer

SETTINGS = "import analytics_posthog as analytics\nanalytics.write_key, analytics.host = 'phc_key', {url!r}\n"
HOLES = ["refuses connections", "accepts and never answers"]


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.monotonic()
    return call(), time.monotonic() - start


@pytest.fixture(params=HOLES)
def dead_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param != HOLES[0]:
            listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("frozen_at_import", [False, True])
def test_flush_and_exit_use_the_real_clock_in_frozen_time(frozen_at_import: bool) -> None:
    load = "import analytics_posthog as analytics"
    freeze = "freezer = freeze_time('2020-02-02')\nfreezer.start()"
    script = """
analytics.write_key, analytics.host, analytics.exit_timeout = "phc_key", "http://127.0.0.1:1", 0.5
ok, message = analytics.track("u1", "Bought")
print(message["timestamp"][:19], analytics.flush(0.5))
"""
    lines = ["from freezegun import freeze_time", *([freeze, load] if frozen_at_import else [load, freeze]), script]
    done, seconds = timed(lambda: run_python("-c", "\n".join(lines), timeout=20))
    assert done.stdout == "2020-02-02T00:00:00 False\n", done.stderr
    assert done.stderr == "analytics-posthog: 1 event not sent before the exit. An outbox would keep them\n"
    assert seconds < 8


def test_with_a_dead_server_flush_2_takes_under_3_seconds_and_the_process_ends_within_10(dead_url: str) -> None:
    script = """
import time
for number in range(100):
    assert analytics.track(f"u{number}", "Bought")[0]
start = time.monotonic()
print(analytics.flush(2), time.monotonic() - start)
"""
    done, seconds = timed(lambda: run_python("-c", SETTINGS.format(url=dead_url) + script))
    flushed, flush_seconds = done.stdout.split()
    assert flushed == "False"
    assert float(flush_seconds) < 3
    assert seconds < 10
    assert done.stderr == "analytics-posthog: 100 events not sent before the exit. An outbox would keep them\n"


def test_a_callback_that_hangs_delays_neither_flush_nor_exit(posthog_server: PostHogServer) -> None:
    script = f"""
import time
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", {posthog_server.url!r}
analytics.on_success, analytics.exit_timeout = lambda messages: time.sleep(60), 0.5
analytics.track("u1", "Bought")
start = time.monotonic()
print(analytics.flush(0.5), time.monotonic() - start < 1.5)
"""
    start = time.monotonic()
    done = run_python("-c", script, timeout=20)
    assert done.stdout == "False True\n"
    assert done.returncode == 0
    assert time.monotonic() - start < 5
