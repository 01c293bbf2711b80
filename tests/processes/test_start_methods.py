"""No start method of multiprocessing loses anything: fork, spawn, and forkserver, the default from Python 3.14 on."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from pathlib import Path

import pytest

from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer

METHODS = multiprocessing.get_all_start_methods()

APP = """
import os
import analytics_posthog as analytics

analytics.write_key, analytics.host = "phc_key", os.environ["URL"]

def work(name):
    for number in range(20):
        assert analytics.track(f"{name}-{number}", "Bought")[0]
"""

# Kind of pool -> how the parent has `work` called for child0, child1 and child2.
POOLS = {
    "Process": """
    processes = [context.Process(target=app.work, args=[name]) for name in NAMES]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
""",
    "Pool": """
    with context.Pool(2) as pool:
        pool.map(app.work, NAMES)
        pool.close()
        pool.join()
""",
    "ProcessPoolExecutor": """
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        list(pool.map(app.work, NAMES))
""",
}

PARENT = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
import app

NAMES = ["child0", "child1", "child2"]
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    {preload}
    app.work("before")
{children}
    app.work("after")
"""


def calls_by_process(
    folder: Path, server: PostHogServer, method: str | None, kind: str, preload: str = ""
) -> dict[str, int]:
    """Run a parent and its three children to their ends; return the number of events of each."""
    (folder / "app.py").write_text(APP)
    (folder / "parent.py").write_text(PARENT.format(method=method, preload=preload, children=POOLS[kind]))
    done = run_python(str(folder / "parent.py"), URL=server.url)
    assert (done.returncode, done.stderr) == (0, "")
    return Counter(event["distinct_id"].split("-")[0] for event in server.events)


EACH_20 = dict.fromkeys(("before", "after", "child0", "child1", "child2"), 20)


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("method", [*METHODS, None])
def test_parent_and_children_deliver_all_their_calls(
    method: str | None, kind: str, tmp_path: Path, posthog_server: PostHogServer
) -> None:
    """None is the default method of this Python."""
    assert calls_by_process(tmp_path, posthog_server, method, kind) == EACH_20


@pytest.mark.parametrize("kind", POOLS)
def test_children_of_a_fork_server_that_has_imported_the_app_deliver_all_their_calls(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, posthog_server: PostHogServer
) -> None:
    """The fork server itself has made a client, whose consumer its children don't have."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # the fork server looks there, not beside the parent's file
    (tmp_path / "loaded.py").write_text("import app\napp.work('server')\napp.analytics.flush(10)\n")
    preload = "multiprocessing.set_forkserver_preload(['app', 'loaded'])"
    assert calls_by_process(tmp_path, posthog_server, "forkserver", kind, preload) == {**EACH_20, "server": 20}


def test_a_child_that_is_terminated_delivers_its_calls_after_flush_on_signal(
    tmp_path: Path, posthog_server: PostHogServer
) -> None:
    (tmp_path / "app.py").write_text(APP)
    for method in METHODS:
        (tmp_path / f"{method}.py").write_text(TERMINATING.replace("METHOD", method))
        done = run_python(str(tmp_path / f"{method}.py"), URL=posthog_server.url)
        assert (done.returncode, done.stdout, done.stderr) == (0, "-15\n", ""), method
    users = Counter(event["distinct_id"].split("-")[0] for event in posthog_server.events)
    assert users == dict.fromkeys(METHODS, 20)


TERMINATING = """
import multiprocessing
import time
import app

def wait(event):
    app.analytics.upload_interval = 60
    app.analytics.flush_on_signal()
    app.work("METHOD")
    event.set()
    while True:  # short sleeps: a signal just before a long one would not end it
        time.sleep(0.05)

if __name__ == "__main__":
    context = multiprocessing.get_context("METHOD")
    event = context.Event()
    process = context.Process(target=wait, args=[event])
    process.start()
    assert event.wait(20)
    process.terminate()
    process.join(20)
    print(process.exitcode)
"""
