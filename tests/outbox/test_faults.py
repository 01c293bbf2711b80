"""The outbox when the disk or its files are bad: the app goes on, the rest is delivered, each fault is reported."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import analytics_posthog as analytics
from tests.support.outboxes import SETUP, client, left_by_dead, lines, messages, names, numbers, run
from tests.support.posthog_server import HANG, Answer, PostHogServer, Request
from tests.support.two_clients import log_records, returns

MOUNTS = ("unshare", "--mount")  # a process of which all mounts are gone with it


def may_mount() -> bool:
    """Whether this user may mount a small file system."""
    mount = [*MOUNTS, "mount", "-t", "tmpfs", "none", "/tmp"]
    return (
        shutil.which("unshare") is not None and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    )


# The quota stand-in holds everywhere; where a real full disk can be had, it is tried too.
DISKS = ["a limit on the size of files", "a tmpfs of 64 KiB"] if may_mount() else ["a limit on the size of files"]

FULL_DISK = """
import logging, resource, subprocess, urllib.request
disk, reported = sys.argv[3], []
if disk == "a tmpfs of 64 KiB":
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "none", sys.argv[2]], check=True)
else:
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
analytics.on_error = lambda error, messages: reported.append((type(error).__name__, len(messages)))
logging.basicConfig(stream=sys.stdout, format="%(message)s")
answers = [analytics.track(f"u{n}", "Event", {"number": n, "text": "x" * 400})[0] for n in range(1000)]
size = max(os.path.getsize(entry) for entry in os.scandir(sys.argv[2]))
urllib.request.urlopen(analytics.host + "/release")
flushed = analytics.flush(20)
again = analytics.track("u", "Event", {"number": 1000})[0]
flushed = analytics.flush(20) and flushed
analytics.shutdown()
print(json.dumps([answers.count(True), again, 32768 < size <= 65536, flushed, reported, os.listdir(sys.argv[2])]))
"""


@pytest.mark.parametrize("disk", DISKS)
def test_with_a_full_disk_calls_are_sent_from_memory_and_the_log_says_so(
    posthog_server: PostHogServer, tmp_path: Path, disk: str
) -> None:
    def hang_until_the_disk_is_full(request: Request) -> Answer | str | None:
        if request.path != "/release":
            return HANG
        posthog_server.release()
        return 200, {}, b""

    posthog_server.answer = hang_until_the_disk_is_full
    *log, result = run(
        SETUP + FULL_DISK, posthog_server.url, tmp_path, disk, under=MOUNTS if "tmpfs" in disk else ()
    ).splitlines()
    assert json.loads(result) == [1000, True, True, True, [], []]
    assert all(re.match(r"[\d,]+ events? not written to the outbox, sent from memory: ", line) for line in log)
    assert 1 <= len(log) <= 2  # the first at once, the number of the others at the end
    assert numbers(posthog_server.unique_events()) == list(range(1001))


@pytest.fixture
def log() -> Iterator[list[str]]:
    with log_records() as texts:
        yield texts


def odd(number: int) -> str:
    """A name that an outbox could have given."""
    return f"2-{number:032x}.jsonl"


def symlink(outbox: Path) -> None:
    elsewhere = left_by_dead(outbox.parent, *messages(1, first=100), name="elsewhere.jsonl")
    (outbox / odd(1)).symlink_to(elsewhere)


def dangling_symlink(outbox: Path) -> None:
    (outbox / odd(2)).symlink_to("nowhere")


def unreadable(outbox: Path) -> None:
    left_by_dead(outbox, *messages(1, first=100), name=odd(3)).chmod(0)


def another_users(outbox: Path) -> None:
    path = left_by_dead(outbox, *messages(1, first=100), name=odd(4))
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)


STRANGE = {
    odd(5): lambda outbox: (outbox / odd(5)).mkdir(),
    odd(1): symlink,
    odd(2): dangling_symlink,
    odd(6): lambda outbox: os.mkfifo(outbox / odd(6)),
    odd(3): unreadable,
    odd(4): another_users,
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_file_of_ours_is_left_alone_and_reported_and_the_rest_is_delivered(
    posthog_server: PostHogServer, tmp_path: Path, log: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = tmp_path / "outbox"
    left_by_dead(outbox, *messages(10), name="1-deaddeaddeaddeaddeaddeaddeaddead.jsonl")
    STRANGE[name](outbox)
    left_by_dead(outbox, *messages(10, first=10), name="3-deaddeaddeaddeaddeaddeaddeaddead.jsonl")
    refuse_to_open(name, monkeypatch)
    with client(posthog_server.url, outbox) as c:
        assert c.track("u1", "Event", {"number": 20})[0]
        assert c.flush(5)
        assert c.flush(5)  # it is looked at again, and reported once
        assert c.stats()["failed"] == 0
    assert numbers(posthog_server.events) == list(range(21))
    assert names(outbox) == [name]
    (text,) = log
    assert f"outbox: {name} can't be read (" in text
    assert not (tmp_path / "elsewhere.jsonl").exists() or len(lines(tmp_path)) == 1


def refuse_to_open(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to root what root may do and others may not."""
    opens = os.open

    def refusing(path: Any, *arguments: Any, **more: Any) -> int:
        if Path(path).name == name:
            raise PermissionError(13, "Permission denied")
        return opens(path, *arguments, **more)

    if name == odd(3) or (name == odd(4) and os.geteuid() != 0):
        monkeypatch.setattr(os, "open", refusing)


def test_the_outboxs_thread_outlives_whatever_is_raised_in_it(
    posthog_server: PostHogServer, tmp_path: Path, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = [MemoryError("of nobody's business")]
    glob = Path.glob
    monkeypatch.setattr(
        Path, "glob", lambda self, pattern: (_ for _ in ()).throw(failing.pop()) if failing else glob(self, pattern)
    )
    left_by_dead(tmp_path, *messages(5))
    with client(posthog_server.url, tmp_path) as c:
        assert c.flush(5)
        posthog_server.wait_for(5)
        assert c.flush(5)
    assert log == ["outbox: MemoryError while looking through it; it is tried again. Check its disk"]


def test_the_directory_may_vanish_under_a_running_app(
    posthog_server: PostHogServer, tmp_path: Path, log: list[str]
) -> None:
    outbox = tmp_path / "outbox"
    with client(posthog_server.url, outbox) as c:
        assert c.track("u1", "Event", {"number": 0})[0]
        assert c.flush(5)
        shutil.rmtree(outbox)
        assert c.flush(5)  # looks at it
        assert c.track("u1", "Event", {"number": 1})[0]
        assert c.flush(5)
        posthog_server.answer = lambda request: HANG
        assert c.track("u1", "Event", {"number": 2})[0]
        assert len(lines(outbox)) == 1
        posthog_server.release()
        assert c.flush(5)
    assert numbers(posthog_server.events) == [0, 1, 2]
    assert log == []


def test_a_log_handler_may_call_the_client_while_the_disk_is_full(
    posthog_server: PostHogServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client(posthog_server.url, tmp_path) as c:
        handler = logging.Handler()
        monkeypatch.setattr(handler, "emit", lambda record: c.track("u1", "Logged", {"number": 1}))
        monkeypatch.setattr(analytics.Client.log, "handlers", [handler])
        monkeypatch.setattr(os, "write", lambda fd, data: 0)
        assert returns(lambda: c.track("u1", "Event", {"number": 0}), within=5)
        assert c.flush(5)
    assert numbers(posthog_server.events) == [0, 1]
