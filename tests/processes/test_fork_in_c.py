"""A server in C forks without Python's hooks, as uWSGI does: parent and child each send only their own events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.child_process import run_python
from tests.support.outboxes import names
from tests.support.posthog_server import PostHogServer

SCRIPT = """
import ctypes, json, os, signal, sys, time
signal.alarm(60)
from analytics_posthog import Client
client = Client("phc_key", os.environ["URL"], outbox=os.environ["OUTBOX"] or None, upload_interval=60)
fork = ctypes.PyDLL(None).fork  # keeps Python's lock, as a server does that forks
assert client.track("parent before", "Started")[0]
assert client.flush(30)
time.sleep(0.1)  # a thread that asks for Python's lock at the moment of a fork in C leaves the child hanging
children = []
for number in range(4):
    child = fork()
    if not child:
        done = all(client.track(f"child {number} {n}", "Bought")[0] for n in range(100))
        if number % 2:
            os._exit(0 if done and client.flush(30) else 1)
        sys.exit(0 if done else 1)
    children.append(child)
assert all(client.track(f"parent {n}", "Bought")[0] for n in range(100))
states = [os.waitpid(child, 0)[1] for child in children]
print(json.dumps([states, client.flush(30), client.stats()]))
"""


@pytest.mark.parametrize("with_outbox", [False, True], ids=["memory", "outbox"])
def test_nothing_is_lost_and_nothing_is_sent_twice(
    with_outbox: bool, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    outbox = tmp_path / "outbox"
    done = run_python("-c", SCRIPT, timeout=90, URL=posthog_server.url, OUTBOX=str(outbox) if with_outbox else "")
    assert done.returncode == 0, done.stderr
    states, flushed, stats = json.loads(done.stdout)
    assert (states, flushed) == ([0] * 4, True)
    assert stats == {"accepted": 101, "delivered": 101, "failed": 0, "refused": 0, "queued": 0}
    expected = ["parent before", *(f"parent {n}" for n in range(100))]
    expected += [f"child {number} {n}" for number in range(4) for n in range(100)]
    assert sorted(event["distinct_id"] for event in posthog_server.events) == sorted(expected)
    assert not with_outbox or names(outbox) == []


UWSGI = """
import os, sys, types, threading
uwsgi = types.ModuleType("uwsgi")
uwsgi.worker_id, uwsgi.mule_id, uwsgi.i_am_the_spooler = (lambda: worker), (lambda: 0), (lambda: False)
sys.modules["uwsgi"], worker = uwsgi, 0
"""


def test_under_uwsgi_no_thread_is_started_before_the_fork_and_the_first_worker_sends_what_was_called(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    script = """
assert threading.active_count() == 1, threading.enumerate()
for number in (1, 2):
    if not fork():
        worker = number
        client.track(f"worker {number}", "Bought")
        os._exit(0 if client.flush(30) else 1)
print(json.dumps([os.wait()[1], os.wait()[1]]))
os._exit(0)
"""
    begin = SCRIPT.partition("assert client.flush")[0]
    done = run_python("-c", UWSGI + begin + script, timeout=90, URL=posthog_server.url, OUTBOX="")
    assert (done.returncode, done.stdout) == (0, "[0, 0]\n"), done.stderr
    assert sorted(posthog_server.distinct_ids) == ["parent before", "worker 1", "worker 2"]
