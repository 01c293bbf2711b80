"""Message ids come from a generator of the process's own: no two are equal, however the processes and threads came."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from analytics_posthog import Client
from tests.support.child_process import environment

EACH = 10_000
SCRIPT = f"""
import ctypes, multiprocessing, os, sys
from analytics_posthog import Client
client = Client("key", send=False)

def ids(count={EACH}):
    return [client.track("u1", "E")[1]["messageId"] for _ in range(count)]

def write():
    file = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, ("\\n".join(ids()) + "\\n").encode())  # whole, also beside others

if __name__ == "__main__":
    ids(3)
    how = sys.argv[1]
    if how in ("fork", "C"):
        fork = os.fork if how == "fork" else ctypes.CDLL(None).fork  # as uWSGI does: Python's hooks are not called
        for _ in range(8):
            if not fork():
                write()
                os._exit(0)
        for _ in range(8):
            os.wait()
    else:
        context = multiprocessing.get_context(how)
        children = [context.Process(target=write) for _ in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
    write()
"""


@pytest.mark.parametrize(("how", "processes"), [("fork", 9), ("C", 9), ("spawn", 3), ("forkserver", 3)])
def test_no_two_ids_of_a_process_and_its_children_are_equal(how: str, processes: int, tmp_path: Path) -> None:
    script = tmp_path / "ids.py"
    script.write_text(SCRIPT)
    file = tmp_path / "ids"
    subprocess.run([sys.executable, str(script), how, str(file)], env=environment(), timeout=120, check=True)
    ids = file.read_text().split()
    assert len(ids) == len(set(ids)) == processes * EACH


def test_no_two_ids_of_eight_threads_are_equal_and_each_is_a_uuid_of_version_4() -> None:
    client = Client("key", send=False)
    found: list[str] = []

    def work() -> None:
        found.extend([client.track("u1", "E")[1]["messageId"] for _ in range(EACH)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 8 * EACH
    version_4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert [one for one in found if not version_4.fullmatch(one)] == []
