"""Where no thread can be started, a call is refused and reported; it neither raises nor hangs, and nothing leaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer

# A real limit: a thread's stack finds no room in the address space.
LIMITED = """
import faulthandler, json, os, resource, sys, threading, time
faulthandler.dump_traceback_later(60, exit=True)
import analytics_posthog as analytics
analytics.write_key, analytics.host, analytics.thread = "phc_key", os.environ["URL"], 3
analytics.outbox = os.environ.get("OUTBOX") or None
reported = []
analytics.on_error = lambda error, messages: reported.append((str(error), len(messages)))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
threading.stack_size(1 << 30)
before = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 29), before[1]))
"""


def test_calls_are_refused_and_reported_and_work_again_later(posthog_server: PostHogServer) -> None:
    script = """
answers = [analytics.track("u1", "Bought")[0] for _ in range(99)]
threads = threading.active_count()
resource.setrlimit(resource.RLIMIT_AS, before)
threading.stack_size(0)
later = analytics.track("u2", "Bought")[0]
print(json.dumps([sum(answers), len(reported), sorted({text for text, _ in reported}), threads, later,
                  analytics.flush(10)]))
"""
    done = run_python("-c", LIMITED + script, URL=posthog_server.url)
    assert done.returncode == 0, done.stderr
    accepted, reported, texts, threads, later, flushed = json.loads(done.stdout)
    assert (accepted, reported, threads, later, flushed) == (0, 99, 1, True, True)
    assert texts == [
        "no thread can be started to send events. Raise the limit of threads, or, where Python ends, call earlier"
    ]
    assert posthog_server.distinct_ids == ["u2"]


def test_with_an_outbox_calls_are_kept_on_disk_and_the_exit_is_quick(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    script = """
answers = [analytics.track(f"u{n}", "Bought")[0] for n in range(5)]
begun = time.monotonic()
analytics._delivery.lifecycle.end_all()
print(json.dumps([answers, time.monotonic() - begun]))
"""
    variables = {"URL": posthog_server.url, "OUTBOX": str(tmp_path)}
    done = run_python("-c", LIMITED + script, **variables)
    assert done.returncode == 0, done.stderr
    answers, seconds = json.loads(done.stdout)
    assert answers == [True] * 5
    assert seconds < 5
    again = """
import os
from analytics_posthog import Client
assert Client("phc_key", os.environ["URL"], outbox=os.environ["OUTBOX"]).flush(20)
"""
    assert run_python("-c", again, **variables).returncode == 0
    assert sorted(event["distinct_id"] for event in posthog_server.unique_events()) == [f"u{n}" for n in range(5)]


LATE = {
    "atexit": "import atexit; atexit.register(call)",
    "del at the end": """
class Late:
    def __del__(self): call()
import sys
sys.late = Late()
""",
    "a thread after main's end": """
import threading
def later():
    threading.main_thread().join()
    call()
threading.Thread(target=later).start()
""",
}


@pytest.mark.parametrize("when", LATE)
def test_a_first_call_at_the_very_end_is_delivered_or_refused_and_never_hangs(
    when: str, posthog_server: PostHogServer
) -> None:
    script = """
import faulthandler, os
faulthandler.dump_traceback_later(50, exit=True)
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", os.environ["URL"]
def call():
    try:
        answer = analytics.track("u1", "Bought")[0]
    except BaseException as error:
        answer = repr(error)
    os.write(1, f"{answer}\\n".encode())
"""
    done = run_python("-c", script + LATE[when], URL=posthog_server.url, timeout=55)
    assert done.returncode == 0, done.stderr
    assert done.stdout in ("True\n", "False\n", "")
    assert len(posthog_server.events) == done.stdout.count("True")
