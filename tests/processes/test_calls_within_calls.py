"""A signal handler calls within a call that it has interrupted: no call hangs, and each accepted event arrives once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer

SCRIPT = """
import faulthandler, json, os, signal, sys
faulthandler.dump_traceback_later(90, exit=True)
import analytics_posthog as analytics
client = analytics.Client("phc_key", os.environ["URL"], max_queue_size=10**6, **json.loads(os.environ["OPTIONS"]))
accepted, handled = [], 0

def call(name):
    if client.track(name, "Bought")[0]:
        accepted.append(name)

def handler(*_):
    global handled
    handled += 1
    call(f"handler {handled}")
    if handled % 50 == 0:
        client.flush(0.01)

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)
n = 0
while handled < 1000:
    n += 1
    call(f"call {n}")
signal.setitimer(signal.ITIMER_REAL, 0)
assert client.flush(60)
assert client.stats()["accepted"] == client.stats()["delivered"] == len(accepted), client.stats()
print(json.dumps(accepted))
"""


@pytest.mark.parametrize("kind", ["memory", "outbox", "three threads"])
def test_calls_within_calls_never_hang_and_lose_nothing(
    kind: str, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    options = {"memory": "{}", "three threads": '{"thread": 3}', "outbox": f'{{"outbox": "{tmp_path / "outbox"}"}}'}
    done = run_python("-c", SCRIPT, timeout=120, URL=posthog_server.url, OPTIONS=options[kind])
    assert done.returncode == 0, done.stderr[-3000:]
    accepted = json.loads(done.stdout)
    assert len(accepted) > 1000
    assert sorted(event["distinct_id"] for event in posthog_server.unique_events()) == sorted(accepted)
