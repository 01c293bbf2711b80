"""Under eventlet, patched before all else: each event arrives, with and without an outbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer

SCRIPT = """
import warnings
warnings.simplefilter("ignore")
import eventlet
eventlet.monkey_patch()
import json, os
from analytics_posthog import Client
client = Client("phc_key", os.environ["URL"], outbox=os.environ["OUTBOX"] or None)
accepted = []

def calls(green):
    for number in range(200):
        if client.track(f"u{green} {number}", "Bought")[0]:
            accepted.append(f"u{green} {number}")
        eventlet.sleep(0)

pool = eventlet.GreenPool()
for green in range(10):
    pool.spawn_n(calls, green)
pool.waitall()
print(json.dumps([len(accepted), client.flush(30)]))
"""


@pytest.mark.parametrize("with_outbox", [False, True], ids=["memory", "outbox"])
def test_each_event_arrives(with_outbox: bool, posthog_server: PostHogServer, tmp_path: Path) -> None:
    outbox = str(tmp_path / "outbox") if with_outbox else ""
    done = run_python("-c", SCRIPT, timeout=90, URL=posthog_server.url, OUTBOX=outbox)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [2000, True]
    assert len(set(posthog_server.distinct_ids)) == len(posthog_server.events) == 2000
