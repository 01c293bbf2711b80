"""Dual running in processes that end, fork, and get signals: both sides get all, within the time that was said."""

from __future__ import annotations

import signal
import time
from collections import Counter

import pytest

from tests.support.child_process import run_python
from tests.support.posthog_server import HANG, PostHogServer
from tests.support.segment_cloud import posthog_users, segment_users

SETTINGS = """
import os, signal, sys, time
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", {!r}
analytics.segment_write_key, analytics.segment_host = "segment-key", {!r}
def call(name, number):
    for n in range(number):
        assert analytics.track(f"{{name}}{{n:03}}", "Bought")[0]
"""


def run(script: str, posthog_server: PostHogServer, segment_server: PostHogServer) -> tuple[float, int, str]:
    """The seconds that a process takes to exit, its status, and what it wrote to stderr."""
    end = "\nprint(time.monotonic())\n"
    warnings = "ignore::DeprecationWarning"  # of newer Pythons, for a fork with threads
    done = run_python(
        "-c", SETTINGS.format(posthog_server.url, segment_server.url) + script + end, PYTHONWARNINGS=warnings
    )
    return time.monotonic() - float(done.stdout.split()[-1]), done.returncode, done.stderr


def test_a_process_that_just_ends_sends_to_both(posthog_server: PostHogServer, segment_server: PostHogServer) -> None:
    segment_server.answer = lambda _: time.sleep(0.2)
    _, status, log = run("call('u', 900)", posthog_server, segment_server)
    assert (status, log) == (0, "")
    assert posthog_users(posthog_server) == segment_users(segment_server) == [f"u{number:03}" for number in range(900)]


@pytest.mark.parametrize("both", [False, True], ids=["segment dead", "both dead"])
def test_an_exit_waits_for_a_dead_segment_no_longer_than_for_a_dead_posthog(
    both: bool, posthog_server: PostHogServer, dead_server: PostHogServer
) -> None:
    seconds, status, log = run("call('u', 200)", dead_server if both else posthog_server, dead_server)
    assert status == 0
    # 3 s without progress, the threads' end, and some for a busy machine. Two waits in a row would take longer.
    assert seconds < 9
    lines = ["analytics-posthog: 200 events not sent before the exit. An outbox would keep them"] if both else []
    lines.append(
        "analytics-posthog: 200 events not sent: Segment: the client was shut down before its messages could be sent"
    )
    assert sorted(log.splitlines()) == lines
    assert len(posthog_server.events) == (0 if both else 200)


def test_exit_timeout_0_waits_for_neither(dead_server: PostHogServer) -> None:
    seconds, status, _ = run("analytics.exit_timeout = 0\ncall('u', 5)", dead_server, dead_server)
    assert (status, seconds < 3) == (0, True)


def test_an_exit_that_finds_segment_hanging_ends(posthog_server: PostHogServer, segment_server: PostHogServer) -> None:
    segment_server.answer = lambda _: HANG
    seconds, status, _ = run("call('u', 5)", posthog_server, segment_server)
    assert (status, len(posthog_server.events)) == (0, 5)
    assert seconds < 9
    segment_server.release()


def test_a_forked_child_sends_its_own_messages_to_both_and_only_those(
    posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    script = """
call("before", 50)  # still queued at the fork
children = []
for name in ("a", "b", "c"):
    pid = os.fork()
    if pid == 0:
        call(name, 50)
        if name == "a":
            sys.exit(0)
        os._exit(0 if analytics.flush(10) else 1)
    children.append(pid)
call("after", 50)
assert analytics.flush(10)
for pid in children:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""
    _, status, log = run(script, posthog_server, segment_server)
    assert (status, log) == (0, "")
    expected = dict.fromkeys(("before", "after", "a", "b", "c"), 50)
    assert Counter(user[:-3] for user in posthog_users(posthog_server)) == expected
    assert Counter(user[:-3] for user in segment_users(segment_server)) == expected
    assert len({message["messageId"] for message in segment_server.segment_messages}) == 250


def test_a_child_has_connections_of_its_own_to_segment(
    posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    """Else both would write to one, and read each other's answers."""
    script = """
call("first", 1)
assert analytics.flush(10)
children = []
for name in "abcd":
    pid = os.fork()
    if pid == 0:
        for n in range(5):
            call(f"{name}{n}-", 20)
            assert analytics.flush(10)
        os._exit(0)
    children.append(pid)
for n in range(5):
    call(f"parent{n}-", 20)
    assert analytics.flush(10)
for pid in children:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""
    _, status, log = run(script, posthog_server, segment_server)
    assert (status, log) == (0, "")
    assert len(segment_users(segment_server)) == len(set(segment_users(segment_server))) == 501


def test_a_sigterm_with_flush_on_signal_sends_to_both(
    posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    script = "analytics.flush_on_signal()\ncall('u', 300)\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(15)\n"
    done = run_python("-c", SETTINGS.format(posthog_server.url, segment_server.url) + script)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "", "")
    assert len(posthog_users(posthog_server)) == len(segment_users(segment_server)) == 300


def test_the_module_s_next_client_sends_to_both_again(
    posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    _, status, log = run("call('a', 5)\nanalytics.shutdown()\ncall('b', 5)", posthog_server, segment_server)
    assert (status, log) == (0, "")
    assert len(posthog_users(posthog_server)) == len(segment_users(segment_server)) == 10
