"""At exit what is queued is sent; a forked child sends its own events and only those. In processes of their own."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.support.child_process import run_python
from tests.support.posthog_server import HANG, PostHogServer


def run(server: PostHogServer, script: str, **settings: Any) -> str:
    """What a script printed; `analytics` is there, configured. It must end well and say nothing on standard error."""
    setup = f"""
import os, sys, threading, time, warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded")  # Python 3.12 and later say so at each fork
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", {server.url!r}
for name, value in {settings!r}.items():
    setattr(analytics, name, value)

def forked(body):
    "Runs body in a forked child and returns the child's exit status, 99 if it did not end in time."
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = body() or 0
        finally:
            os._exit(status)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return 99

def track_and_flush(*names):
    "0 if all of them were accepted and sent."
    accepted = [analytics.track(name, "Bought")[0] for name in names]
    return not (all(accepted) and analytics.flush(5))

"""
    done = run_python("-c", setup + script, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def ids(server: PostHogServer) -> list[str]:
    return sorted(event["distinct_id"] for event in server.events)


MANY = "for number in range(500):\n    analytics.track(str(number), 'Bought')\n"
ALL = sorted(map(str, range(500)))


@pytest.mark.parametrize(
    "settings", [{}, {"thread": 3, "upload_size": 7}, {"upload_interval": 30}, {"gzip": True}], ids=str
)
def test_500_calls_without_a_flush_all_arrive(settings: dict[str, Any], posthog_server: PostHogServer) -> None:
    run(posthog_server, MANY, **settings)
    assert ids(posthog_server) == ALL


def test_also_when_the_server_takes_its_time(posthog_server: PostHogServer) -> None:
    def answer(_: Any) -> None:
        time.sleep(0.1)

    posthog_server.answer = answer
    run(posthog_server, MANY, upload_size=50)
    assert ids(posthog_server) == ALL


@pytest.mark.parametrize(
    "end",
    ["sys.exit(0)", "threading.Thread(target=lambda: analytics.track('late', 'Bought')).start()"],
    ids=["exit", "thread"],
)
def test_however_the_script_ends(end: str, posthog_server: PostHogServer) -> None:
    run(posthog_server, MANY + end)
    assert ids(posthog_server)[:500] == ALL
    assert len(posthog_server.events) == 500 + ("late" in end)


def test_an_error_that_ends_the_script_loses_nothing(posthog_server: PostHogServer) -> None:
    script = f"""
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", {posthog_server.url!r}
analytics.track("u1", "Bought")
1 / 0
"""
    done = run_python("-c", script, timeout=20)
    assert done.returncode == 1
    assert ids(posthog_server) == ["u1"]


@pytest.mark.parametrize("away", ["refused", "hangs"])
def test_with_a_dead_server_the_exit_is_not_held_up_and_says_what_is_left(
    away: str, posthog_server: PostHogServer
) -> None:
    if away == "hangs":
        posthog_server.answer = lambda _: HANG
    else:
        posthog_server.stop()
    script = f"""
import atexit, time
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", {posthog_server.url!r}
atexit.register(lambda: print(time.monotonic() - called))  # what is registered first comes last
for _ in range(250):
    analytics.track("u1", "Bought")
called = time.monotonic()
"""
    done = run_python("-c", script, timeout=50)
    assert (done.returncode, done.stderr.splitlines()) == (
        0,
        ["analytics-posthog: 250 events not sent before the exit. An outbox would keep them"],
    )
    assert float(done.stdout) < 10
    posthog_server.release()


# Forks. Each child is given time, and killed when it does not end in it.


THREE_THREADS_OR_ONE = pytest.mark.parametrize("settings", [{}, {"thread": 3}, {"sync_mode": True}], ids=str)


@THREE_THREADS_OR_ONE
def test_a_child_sends_its_own_events_and_only_those(settings: dict[str, Any], posthog_server: PostHogServer) -> None:
    """What the parent has queued at the fork stays the parent's."""
    script = """
analytics.track("parent before", "Bought")
print(forked(lambda: track_and_flush("child")), end="")
assert not track_and_flush("parent after")
"""
    assert run(posthog_server, script, upload_interval=5, **settings) == "0"
    assert ids(posthog_server) == ["child", "parent after", "parent before"]


def test_a_child_that_calls_nothing_sends_nothing(posthog_server: PostHogServer) -> None:
    script = """
analytics.track("parent", "Bought")
print(forked(lambda: not analytics.flush(3)), end="")
"""
    assert run(posthog_server, script, upload_interval=5) == "0"
    assert ids(posthog_server) == ["parent"]


def test_a_child_s_child_too(posthog_server: PostHogServer) -> None:
    script = """
def child():
    return forked(lambda: track_and_flush("grandchild")) or track_and_flush("child")
assert not track_and_flush("parent")
print(forked(child), end="")
"""
    assert run(posthog_server, script) == "0"
    assert ids(posthog_server) == ["child", "grandchild", "parent"]


def test_a_child_that_ends_as_a_program_does_sends_at_its_exit(posthog_server: PostHogServer) -> None:
    script = """
analytics.track("parent", "Bought")
if os.fork() == 0:
    analytics.track("child", "Bought")
    sys.exit(0)
os.wait()
"""
    run(posthog_server, script, upload_interval=5)
    assert ids(posthog_server) == ["child", "parent"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_s_children_send_theirs(method: str, posthog_server: PostHogServer, tmp_path: Any) -> None:
    script = tmp_path / "work.py"
    script.write_text(f"""
import multiprocessing
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", {posthog_server.url!r}

def work(number):
    for call in range(20):
        analytics.track(f"{{number}}-{{call}}", "Bought")

if __name__ == "__main__":
    analytics.track("parent", "Bought")
    context = multiprocessing.get_context({method!r})
    children = [context.Process(target=work, args=(number,)) for number in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(20)
        assert child.exitcode == 0
""")
    done = run_python(str(script), timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert ids(posthog_server) == sorted(["parent", *(f"{number}-{call}" for number in range(3) for call in range(20))])


def test_no_lock_stays_locked_in_a_child_that_is_forked_amid_calls_and_flushes(posthog_server: PostHogServer) -> None:
    script = """
stop = threading.Event()
def call(name):
    for number in range(5000):
        if stop.is_set():
            return
        analytics.track(f"{name}-{number}", "Bought")
        if number % 5 == 0:
            analytics.flush(0.05)
threads = [threading.Thread(target=call, args=(name,)) for name in range(3)]
for thread in threads:
    thread.start()
print([forked(lambda: track_and_flush(f"child {number}")) for number in range(15)])
stop.set()
for thread in threads:
    thread.join()
"""
    assert run(posthog_server, script, max_queue_size=0).strip() == str([0] * 15)
    found = ids(posthog_server)
    assert [name for name in found if name.startswith("child")] == sorted(f"child {number}" for number in range(15))
    assert len(set(found)) == len(found)


def test_a_child_forked_while_the_first_call_is_made_makes_its_own_client(posthog_server: PostHogServer) -> None:
    script = """
made = analytics.Client
begun, go_on = threading.Event(), threading.Event()
class Slow(made):
    def __init__(self, *args, **kwargs):
        begun.set()
        go_on.wait(10 if threading.current_thread() is not threading.main_thread() else 0)
        super().__init__(*args, **kwargs)
analytics.Client = Slow
thread = threading.Thread(target=analytics.track, args=("parent", "Bought"))
thread.start()
begun.wait(10)
print(forked(lambda: track_and_flush("child")), end="")
go_on.set()
thread.join()
"""
    assert run(posthog_server, script) == "0"
    assert ids(posthog_server) == ["child", "parent"]


def test_a_child_of_a_shut_down_client_is_shut_down(posthog_server: PostHogServer) -> None:
    script = """
client = analytics.Client("phc_key", analytics.host)
client.shutdown()
client.log.disabled = True  # the refusal is logged, as ever
print(forked(lambda: 7 if client.track("child", "Bought")[0] else not client.flush(1)), end="")
"""
    assert run(posthog_server, script) == "0"
    assert posthog_server.requests == []


def test_a_child_of_a_client_that_does_not_send_sends_nothing_either(posthog_server: PostHogServer) -> None:
    assert (
        run(
            posthog_server,
            "analytics.track('p', 'Bought')\nprint(forked(lambda: track_and_flush('child')), end='')",
            send=False,
        )
        == "0"
    )
    assert posthog_server.requests == []
