"""`with Pool() as pool:` ends its workers by SIGTERM: their events arrive, and the pool ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer

POOL = """
import multiprocessing, os, sys
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", os.environ["URL"]

def work(number):
    return analytics.track(f"u{number}", "Bought")[0]

if __name__ == "__main__":
    for begin in range(0, 1000, 200):
        with multiprocessing.get_context(sys.argv[1]).Pool(4) as pool:
            print(sum(pool.map(work, range(begin, begin + 200))))
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_pool_s_workers_lose_nothing_when_it_is_terminated(
    method: str, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    done = run_python(str(script), method, timeout=120, URL=posthog_server.url)
    assert (done.returncode, done.stdout) == (0, "200\n" * 5), done.stderr
    assert sorted(posthog_server.distinct_ids) == sorted(f"u{number}" for number in range(1000))


NOT_WAITED = """
import ctypes, multiprocessing, os, signal, time
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", os.environ["URL"]
libc = ctypes.PyDLL(None)

def work():
    analytics.track("u1", "Bought")
    os.write(1, b"ready\\n")
    while True:
        libc.usleep(300_000)  # keeps Python's lock, and runs no handler of Python's for so long

if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=work)
    child.start()
    time.sleep(3)
    child.terminate()
    child.join(20)
    print(child.exitcode)
    child.kill()
"""


def test_a_worker_whose_main_thread_is_mostly_in_c_ends(posthog_server: PostHogServer, tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(NOT_WAITED)
    done = run_python(str(script), timeout=60, URL=posthog_server.url)
    assert done.stdout.splitlines()[-1] == "-15", (done.stdout, done.stderr)
    assert posthog_server.distinct_ids == ["u1"]
