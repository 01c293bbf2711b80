"""The outbox of a process that forks, or whose signal handler runs in the middle of a call."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.outboxes import DELIVER, SETUP, names, numbers, output, run, start
from tests.support.posthog_server import PostHogServer

FORKED = (
    SETUP
    + """
def call(first):
    for number in range(first, first + 50):
        assert analytics.track("u1", "Event", {"number": number})[0]

call(0)
pid = os.fork()
if not pid:
    call(50)
    os.write(1, json.dumps(os.listdir(sys.argv[2])).encode() + b"\\n")  # a line at a time, because two write
    os.read(0, 1)
    os._exit(0)
call(100)
os.write(1, f"{os.getpid()} {pid}\\n".encode())
os.read(0, 1)
os.kill(os.getpid(), 9)
"""
)


def test_a_forked_child_leaves_its_parents_files_alone_and_holds_none_of_its_locks(
    dead_server: PostHogServer, tmp_path: Path
) -> None:
    with start(FORKED, dead_server.url, tmp_path, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pids, in_child = sorted([process.stdout.readline(), process.stdout.readline()])
        parent, child = map(int, pids.split())
        numbers_in = {
            int(name.split("-")[0]): [line["properties"]["number"] for line in lines_in(tmp_path / name)]
            for name in names(tmp_path)
        }
        assert numbers_in == {parent: [*range(50), *range(100, 150)], child: list(range(50, 100))}
        assert len(json.loads(in_child)) == 2
        os.kill(parent, signal.SIGKILL)
        with dead_server:  # the child lives on, and its parent's file is free
            assert json.loads(run(DELIVER, dead_server.url, tmp_path))[0]
            dead_server.wait_for(150, timeout=10)  # its own ones, by the child
            assert numbers(dead_server.unique_events()) == list(range(150))


def lines_in(path: Path) -> list[dict[str, dict[str, int]]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


BUSY_FORK = (
    SETUP
    + """
def call(first):
    for number in range(first, first + 100):
        assert analytics.track("u1", "Event", {"number": number})[0]

threads = [threading.Thread(target=call, args=(first,)) for first in (0, 100, 200, 300)]
for thread in threads: thread.start()
children = []
for first in range(400, 1000, 100):
    pid = os.fork()
    if not pid:
        call(first)
        flushed = analytics.flush(10)
        os._exit(0 if flushed else 1)
    children.append(pid)
for thread in threads: thread.join()
codes = [os.waitpid(pid, 0)[1] for pid in children]
print(json.dumps([codes, analytics.flush(10)]))
"""
)


def test_a_fork_while_threads_are_writing_locks_nobody_out(posthog_server: PostHogServer, tmp_path: Path) -> None:
    codes, flushed = json.loads(run(BUSY_FORK, posthog_server.url, tmp_path))
    assert codes == [0] * 6
    assert flushed
    assert numbers(posthog_server.events) == list(range(1000))
    assert names(tmp_path) == []


def test_a_child_forked_after_the_shutdown_takes_no_files(posthog_server: PostHogServer, tmp_path: Path) -> None:
    script = (
        SETUP
        + """
client = analytics.Client("phc_key", sys.argv[1], outbox=sys.argv[2])
client.track("u1", "Event", {"number": 0})
client.shutdown()
pid = os.fork()
if not pid:
    print(client.track("u1", "Event", {"number": 1})[0], client.flush(1), flush=True)
    with open(sys.argv[2] + "/1-deaddeaddeaddeaddeaddeaddeaddead.jsonl", "w") as dead: dead.write("x")
    client.flush(1)
    print(os.listdir(sys.argv[2]), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""
    )
    assert run(script, posthog_server.url, tmp_path).splitlines() == [
        "False True",
        "['1-deaddeaddeaddeaddeaddeaddeaddead.jsonl']",
    ]
    assert numbers(posthog_server.events) == [0]


INTERRUPTED = (
    SETUP
    + """
import signal

def write(fd, data, write=os.write, numbers=[0]):
    numbers[0] += 1
    if numbers[0] == 100:
        signal.raise_signal(signal.SIGTERM)  # its handler runs within the 100th call, which holds locks
    return write(fd, data)

def handler(number, frame):
    if sys.argv[3] == "shuts down":
        analytics.shutdown()
        sys.exit()
    assert analytics.track("u1", "Event", {"number": 1000})[0]

signal.signal(signal.SIGTERM, handler)
os.write = write
for number in range(200):
    assert analytics.track("u1", "Event", {"number": number})[0]
"""
)


@pytest.mark.parametrize("does", ["shuts down", "makes a call"])
def test_a_signal_handler_finishes_though_it_has_interrupted_a_call_that_was_writing(
    posthog_server: PostHogServer, tmp_path: Path, does: str
) -> None:
    assert output(start(INTERRUPTED, posthog_server.url, tmp_path, does), timeout=10) == ""
    assert json.loads(run(DELIVER, posthog_server.url, tmp_path))[0]
    accepted = range(99) if does == "shuts down" else [*range(200), 1000]
    assert (
        set(accepted) <= set(numbers(posthog_server.unique_events())) <= {*accepted, 99}
    )  # the 100th was not accepted, nor refused
    assert names(tmp_path) == []
