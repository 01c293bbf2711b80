"""A forked child sends its own events and only those, whatever the parent was doing, and however the child ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.child_process import environment, run_python
from tests.support.posthog_server import PostHogServer
from tests.support.two_clients import OURS, child

PRELUDE = """
import os, sys, threading, time
def wait(children):
    for pid in children:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status == 0, status
def fork(run, end=os._exit):
    pid = os.fork()
    if pid == 0:
        try:
            run()
        except Exception as error:
            print("in a child:", repr(error), flush=True)
            os._exit(1)
        end(0)
    return pid
"""


def users(server: PostHogServer) -> list[str]:
    return sorted(event["distinct_id"] for event in server.events)


def run(script: str, server: PostHogServer) -> str:
    return child(PRELUDE + script, OURS, server)


def test_4_children_of_50_calls_and_a_parent_of_100_deliver_300_each_once(posthog_server: PostHogServer) -> None:
    script = """
def call(name, number):
    for n in range(number):
        assert analytics.track(f"{name}-{n}", "Bought")[0]
def flush():
    start = time.monotonic()
    flushed = analytics.flush()
    os.write(1, f"{flushed} {time.monotonic() - start:.3f}\\n".encode())
call("before", 50)  # some of them are still queued at the fork
def work(name):
    call(name, 50)
    flush()
children = [fork(lambda: work(f"child{n}")) for n in range(4)]
call("after", 50)
flush()
wait(children)
"""
    lines = [line.split() for line in run(script, posthog_server).splitlines()]
    assert [flushed for flushed, _ in lines] == ["True"] * 5
    assert all(float(seconds) < 5 for _, seconds in lines)
    counts = Counter(user.split("-")[0] for user in users(posthog_server))
    assert counts == {"before": 50, "after": 50, **{f"child{n}": 50 for n in range(4)}}
    assert len({event["uuid"] for event in posthog_server.events}) == 300


def test_children_that_end_without_a_flush_drain_as_their_parent_does(posthog_server: PostHogServer) -> None:
    script = """
analytics.track("parent", "First")
def grandchild():
    analytics.track("grandchild", "Bought")
def work():
    analytics.track("child", "Bought")
    wait([fork(grandchild, end=sys.exit)])
wait([fork(work, end=sys.exit)])
analytics.track("parent", "Last")
"""
    run(script, posthog_server)
    assert users(posthog_server) == ["child", "grandchild", "parent", "parent"]


def test_a_fork_while_other_threads_call_and_flush_leaves_no_lock_locked(
    posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(
            name
        )  # coverage itself holds a lock now and then, which a child of such a moment waits for for ever
    script = """
analytics.max_queue_size = 100
analytics.on_error = lambda error, messages: None
stop = threading.Event()
def call():
    while not stop.is_set():
        analytics.track("parent", "Bought")
def flush():
    while not stop.is_set():
        analytics.flush(0.01)
        analytics.stats()
threads = [threading.Thread(target=run) for run in [call, call, flush, flush]]
for thread in threads:
    thread.start()
def work(name):
    for n in range(5):
        assert analytics.track(name, "Bought")[0]
    assert analytics.flush(20)
    analytics.shutdown()
    assert analytics.track(name, "Bought")[0]
    assert analytics.flush(20)
wait([fork(lambda: work(f"child{n}")) for n in range(20)])
stop.set()
for thread in threads:
    thread.join()
"""
    run(script, posthog_server)
    counts = Counter(users(posthog_server))
    del counts["parent"]
    assert counts == {f"child{n}": 6 for n in range(20)}


def test_a_fork_while_the_server_is_away_hands_no_event_to_the_child(dead_server: PostHogServer) -> None:
    script = f"""
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", {dead_server.url!r}
{PRELUDE}
for n in range(150):
    analytics.track("parent", "Bought")
time.sleep(0.3)  # one batch is being retried, the other is queued
def work():
    assert analytics.flush(0.1), "nothing of the child's is queued"
    assert analytics.stats()["queued"] == 0
    analytics.track("child", "Bought")
    print("called", flush=True)
    assert analytics.flush(20)
pid = fork(work)
sys.stdin.read()
wait([pid])
assert analytics.flush(20)
"""
    process = subprocess.Popen([sys.executable, "-c", script], env=environment(), stdin=-1, stdout=-1, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "called\n"
        dead_server.start()
        rest, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, rest) == (0, "")
    assert Counter(users(dead_server)) == {"parent": 150, "child": 1}


def test_threads_that_race_for_the_first_call_share_one_client(posthog_server: PostHogServer) -> None:
    script = """
def race():
    before = threading.active_count()
    gate = threading.Barrier(16)
    def work(n):
        gate.wait()
        assert analytics.track(f"{os.getpid()}-{n}", "Bought")[0]
    threads = [threading.Thread(target=work, args=[n]) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert threading.active_count() == before + 1, threading.enumerate()
    assert analytics.flush()
sys.setswitchinterval(1e-5)
pid = fork(race)
race()
wait([pid])
"""
    run(script, posthog_server)
    assert len(set(users(posthog_server))) == len(users(posthog_server)) == 32


def test_a_client_that_was_shut_down_before_the_fork_stays_so_and_the_module_goes_on(
    posthog_server: PostHogServer,
) -> None:
    script = """
client = analytics.Client("phc_key", analytics.host)
client.shutdown()
analytics.track("parent", "Bought")
analytics.shutdown()
def work():
    assert client.track("child", "Bought")[0] is False
    assert client.flush()
    assert analytics.track("child", "Bought")[0] is True
wait([fork(work, end=sys.exit)])
"""
    run(script, posthog_server)
    assert users(posthog_server) == ["child", "parent"]


@pytest.mark.parametrize("options", ["sync_mode=True", "thread=3", "send=False"])
def test_a_fork_in_every_mode(options: str, posthog_server: PostHogServer) -> None:
    script = f"""
client = analytics.Client("phc_key", analytics.host, {options})
client.track("parent", "Bought")
def work():
    assert client.track("child", "Bought")[0]
    assert client.flush(5)
wait([fork(work)])
assert client.flush(5)
"""
    run(script, posthog_server)
    assert users(posthog_server) == ([] if options == "send=False" else ["child", "parent"])


# --- multiprocessing: its children end without atexit

MULTIPROCESSING = """
import multiprocessing
import os
import sys
import analytics_posthog as analytics

def work(name):
    analytics.write_key, analytics.host = "phc_key", os.environ["URL"]  # spawn and forkserver import this file again
    for number in range(20):
        assert analytics.track(f"{name}-{number}", "Bought")[0]

if __name__ == "__main__":
    method, made, kind = sys.argv[1:]
    context = multiprocessing.get_context(method)
    if made == "before":
        work("parent")
    if kind == "Process":
        processes = [context.Process(target=work, args=[f"child{n}"]) for n in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0, 0, 0]
    elif kind == "Pool":
        with context.Pool(2) as pool:
            pool.map(work, [f"child{n}" for n in range(3)])
            pool.close()
            pool.join()
    else:
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            list(pool.map(work, [f"child{n}" for n in range(3)]))
    if made == "after":
        work("parent")
"""


@pytest.mark.parametrize(
    ("method", "made", "kind"),
    [
        *[(method, made, "Process") for method in ("fork", "spawn", "forkserver") for made in ("before", "after")],
        *[("fork", made, kind) for kind in ("Pool", "ProcessPoolExecutor") for made in ("before", "after")],
    ],
)
def test_children_of_multiprocessing_lose_nothing(
    method: str, made: str, kind: str, tmp_path: Path, posthog_server: PostHogServer
) -> None:
    file = tmp_path / "app.py"
    file.write_text(MULTIPROCESSING)
    done = run_python(str(file), method, made, kind, URL=posthog_server.url)
    assert done.returncode == 0, done.stderr
    assert "not sent" not in done.stderr
    counts = Counter(user.split("-")[0] for user in users(posthog_server))
    assert counts == dict.fromkeys(("parent", "child0", "child1", "child2"), 20)


def test_a_fork_after_the_shutdown_gives_new_counts_and_no_lock_that_is_held(posthog_server: PostHogServer) -> None:
    script = """
client = analytics.Client("phc_key", analytics.host)
client.track("parent", "Bought")
client.shutdown()
def ask():
    while True:
        client.stats()
for _ in range(4):
    threading.Thread(target=ask, daemon=True).start()
def work():
    assert client.stats()["accepted"] == 0
    assert client.track("child", "Late")[0] is False
    assert client.flush(1)
for _ in range(30):
    wait([fork(work)])
"""
    assert run(script, posthog_server) == ""
    assert users(posthog_server) == ["parent"]
