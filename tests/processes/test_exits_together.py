"""Many clients take no longer to exit than one: they give up, or send, at the same time."""

from __future__ import annotations

import json
import time

from tests.support.child_process import run_python
from tests.support.posthog_server import HANG, PostHogServer

SCRIPT = """
import faulthandler, os, sys
faulthandler.dump_traceback_later(100, exit=True)
from analytics_posthog import Client
clients = [Client("phc_key", os.environ["URL"], upload_interval=60, timeout=30) for _ in range(20)]
for number, client in enumerate(clients):
    client.track(f"u{number}", "Bought")
"""


def seconds_of_exit(server: PostHogServer) -> tuple[float, str]:
    begun = "import time\nprint(time.time(), flush=True)\n"
    done = run_python("-c", SCRIPT + begun, URL=server.url, timeout=110)
    assert done.returncode == 0, done.stderr
    return time.time() - json.loads(done.stdout), done.stderr


def test_twenty_clients_with_a_host_that_hangs_exit_in_the_time_of_one(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    seconds, log = seconds_of_exit(posthog_server)
    assert seconds < 8  # 4 on a machine that is not busy
    assert log.count("1 event not sent before the exit") == 20


def test_twenty_clients_with_a_host_that_is_away_exit_in_the_time_of_one(dead_server: PostHogServer) -> None:
    seconds, log = seconds_of_exit(dead_server)
    assert seconds < 8
    assert log.count("1 event not sent before the exit") == 20


def test_twenty_clients_of_a_slow_host_lose_nothing(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: time.sleep(0.5)
    _, log = seconds_of_exit(posthog_server)
    assert "not sent" not in log
    assert sorted(posthog_server.distinct_ids) == sorted(f"u{number}" for number in range(20))
