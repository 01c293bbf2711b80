"""The outbox when the disk, its files or what stands in them are bad.

The app goes on, the rest is delivered, each fault is told.
"""

from __future__ import annotations

import json
import logging
import os
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
disk, told = sys.argv[3], []
if disk == "a tmpfs of 64 KiB":
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "none", sys.argv[2]], check=True)
else:
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
analytics.on_error = lambda error, messages: told.append((type(error).__name__, len(messages)))
logging.basicConfig(stream=sys.stdout, format="%(message)s")
answers = [analytics.track(f"u{n}", "Event", {"number": n, "text": "x" * 400})[0] for n in range(1000)]
size = max(os.path.getsize(entry) for entry in os.scandir(sys.argv[2]))
urllib.request.urlopen(analytics.host + "/release")
flushed = analytics.flush(20)
again = analytics.track("u", "Event", {"number": 1000})[0]
flushed = analytics.flush(20) and flushed
analytics.shutdown()
print(json.dumps([answers.count(True), again, 32768 < size <= 65536, flushed, told, os.listdir(sys.argv[2])]))
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
    assert all("event(s) not written to the outbox, sent from memory: " in line for line in log)
    assert 1 <= len(log) <= 2  # the first at once, the number of the others at the end
    assert numbers(posthog_server.unique_events()) == list(range(1001))


@pytest.fixture
def log() -> Iterator[list[str]]:
    with log_records() as texts:
        yield texts


def symlink(outbox: Path) -> None:
    elsewhere = left_by_dead(outbox.parent, *messages(1, first=100), name="elsewhere.jsonl")
    (outbox / "2-link.jsonl").symlink_to(elsewhere)


def dangling_symlink(outbox: Path) -> None:
    (outbox / "2-dangling.jsonl").symlink_to("nowhere")


def unreadable(outbox: Path) -> None:
    left_by_dead(outbox, *messages(1, first=100), name="2-unreadable.jsonl").chmod(0)


def another_users(outbox: Path) -> None:
    path = left_by_dead(outbox, *messages(1, first=100), name="2-another.jsonl")
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)


STRANGE = {
    "2-directory.jsonl": lambda outbox: (outbox / "2-directory.jsonl").mkdir(),
    "2-link.jsonl": symlink,
    "2-dangling.jsonl": dangling_symlink,
    "2-fifo.jsonl": lambda outbox: os.mkfifo(outbox / "2-fifo.jsonl"),
    "2-unreadable.jsonl": unreadable,
    "2-another.jsonl": another_users,
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_file_of_ours_is_left_alone_and_told_and_the_rest_is_delivered(
    posthog_server: PostHogServer, tmp_path: Path, log: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = tmp_path / "outbox"
    left_by_dead(outbox, *messages(10), name="1-dead.jsonl")
    STRANGE[name](outbox)
    left_by_dead(outbox, *messages(10, first=10), name="3-dead.jsonl")
    refuse_to_open(name, monkeypatch)
    with client(posthog_server.url, outbox) as c:
        assert c.track("u1", "Event", {"number": 20})[0]
        assert c.flush(5)
        assert c.flush(5)  # it is looked at again, and told once
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

    if name == "2-unreadable.jsonl" or (name == "2-another.jsonl" and os.geteuid() != 0):
        monkeypatch.setattr(os, "open", refusing)


GOOD = messages(5)
JUNK: dict[str, bytes] = {
    "no JSON": b"hello\n",
    "no UTF-8": b"\xff\xfe\x80\n",
    "zeros, as after a power cut": b"\0" * 70_000 + b"\n",
    "no object": b"[1, 2]\n",
    "a number that is too long": b"1" * 5000 + b"\n",
    "nested too deep": b"[" * 200_000 + b"\n",
}


@pytest.mark.parametrize("junk", JUNK)
def test_a_corrupt_line_is_told_and_stays_for_a_person_to_see_and_the_rest_is_delivered(
    posthog_server: PostHogServer, tmp_path: Path, log: list[str], junk: str
) -> None:
    path = left_by_dead(tmp_path, *GOOD[:2], JUNK[junk], *GOOD[2:])
    content = path.read_bytes()
    with client(posthog_server.url, tmp_path) as c:
        assert c.flush(5)
        assert c.stats() == {"accepted": 6, "delivered": 5, "failed": 1, "refused": 0, "queued": 0}
    assert numbers(posthog_server.events) == list(range(5))
    assert log == ["outbox: 1-dead.jsonl has lines that are not messages; the others are sent"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"1-dead.corrupt": content}


def test_a_torn_last_line_is_told_and_the_rest_is_delivered(
    posthog_server: PostHogServer, tmp_path: Path, log: list[str]
) -> None:
    left_by_dead(tmp_path, *GOOD, json.dumps(GOOD[0]).encode()[:-9])
    with client(posthog_server.url, tmp_path) as c:
        assert c.flush(5)
        assert c.stats()["accepted"] == 5
    assert numbers(posthog_server.events) == list(range(5))
    assert log == ["outbox: 1-dead.jsonl ends within a line, of a call that never returned; the others are sent"]
    assert names(tmp_path) == []


WRONG: dict[str, dict[str, Any]] = {
    "a type that is none": {"type": "track2"},
    "a type that is no string": {"type": []},
    "an event that is no string": {"event": 5},
    "an event that is blank": {"event": " "},
    "properties that are no object": {"properties": [1]},
    "no id": {"userId": None, "anonymousId": ""},
    "an id that is a list": {"userId": ["u1"]},
    "a timestamp that is a number": {"timestamp": 5},
    "a timestamp that is none": {"timestamp": "yesterday"},
    "a context that is a string": {"context": "x"},
    "too much": {"properties": {"text": "x" * 1_000_000}},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_message_that_no_call_would_take_goes_to_on_error_and_never_into_a_batch(
    posthog_server: PostHogServer, tmp_path: Path, wrong: str
) -> None:
    told: list[Any] = []
    bad = {**GOOD[0], **WRONG[wrong]}
    left_by_dead(tmp_path, *GOOD[:3], bad, *GOOD[3:])
    with client(posthog_server.url, tmp_path, on_error=lambda *loss: told.append(loss)) as c:
        assert c.flush(5)
        assert c.stats() == {"accepted": 6, "delivered": 5, "failed": 1, "refused": 0, "queued": 0}
    assert {request.status for request in posthog_server.requests} == {200}
    assert numbers(posthog_server.events) == list(range(5))
    ((error, losses),) = told
    assert isinstance(error, analytics.AnalyticsError)
    assert losses == [bad]
    assert names(tmp_path) == []


def test_a_line_is_cleaned_as_a_calls_values_are(posthog_server: PostHogServer, tmp_path: Path) -> None:
    values = (
        '{"nan": NaN, "inf": [Infinity, 1e999], "surrogate": "\\ud800", "big": 1'
        + "0" * 400
        + ', "deep": '
        + '{"a":' * 300
        + "1"
        + "}" * 300
        + "}"
    )
    line = json.dumps({**GOOD[0], "properties": 5}).replace('"properties": 5', f'"properties": {values}')
    left_by_dead(tmp_path, line.encode() + b"\n", *GOOD)
    with client(posthog_server.url, tmp_path) as c:
        assert c.flush(5)
    assert {request.status for request in posthog_server.requests} == {200}
    properties = next(event["properties"] for event in posthog_server.events if "nan" in event["properties"])
    assert [properties[name] for name in ("nan", "inf", "surrogate", "big")] == [None, [None, None], "\ufffd", None]


def test_a_before_send_that_raises_is_told_of_without_its_words(
    posthog_server: PostHogServer, tmp_path: Path, log: list[str]
) -> None:
    def raising(event: dict[str, Any]) -> dict[str, Any]:
        if event["properties"]["number"] == 2:
            raise KeyError("somebody@example.com")
        return event

    told: list[Any] = []
    left_by_dead(tmp_path, *GOOD)
    with client(posthog_server.url, tmp_path, before_send=raising, on_error=lambda *loss: told.append(loss)) as c:
        assert c.flush(5)
    assert [losses for _, losses in told] == [[GOOD[2]]]
    assert numbers(posthog_server.events) == [0, 1, 3, 4]
    assert "before_send" in log[0]
    assert "somebody" not in log[0]


def test_a_bad_sector_costs_its_line_and_the_file_stays(
    posthog_server: PostHogServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = left_by_dead(tmp_path, *GOOD)
    content = path.read_bytes()
    bad = len(content.splitlines(keepends=True)[0])
    pread = os.pread
    monkeypatch.setattr(
        os,
        "pread",
        lambda fd, size, at: pread(fd, size, at) if at != bad else (_ for _ in ()).throw(OSError(5, "I/O error")),
    )
    with client(posthog_server.url, tmp_path) as c:
        assert c.flush(5)
    assert numbers(posthog_server.events) == [0, 2, 3, 4]
    assert (tmp_path / "1-dead.corrupt").read_bytes() == content


def test_the_outboxs_thread_outlives_whatever_is_raised_in_it(
    posthog_server: PostHogServer, tmp_path: Path, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = [MemoryError("of nobody's business")]
    glob = Path.glob
    monkeypatch.setattr(
        Path, "glob", lambda self, pattern: (_ for _ in ()).throw(failing.pop()) if failing else glob(self, pattern)
    )
    left_by_dead(tmp_path, *GOOD)
    with client(posthog_server.url, tmp_path) as c:
        assert c.flush(5)
        posthog_server.wait_for(5)
        assert c.flush(5)
    assert log == ["outbox: MemoryError while looking through it; it is tried again"]


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
        outbox.mkdir(mode=0o700)
        posthog_server.answer = lambda request: HANG
        assert c.track("u1", "Event", {"number": 2})[0]
        assert len(lines(outbox)) == 1
        posthog_server.release()
        assert c.flush(5)
    assert numbers(posthog_server.events) == [0, 1, 2]
    assert log == ["1 event(s) not written to the outbox, sent from memory: No such file or directory"]


def test_a_log_handler_may_call_the_client_while_the_disk_is_full(
    posthog_server: PostHogServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client(posthog_server.url, tmp_path) as c:
        handler = logging.Handler()
        handler.emit = lambda record: c.track("u1", "Logged", {"number": 1})  # type: ignore[method-assign, return-value]
        monkeypatch.setattr(analytics.Client.log, "handlers", [handler])
        monkeypatch.setattr(os, "write", lambda fd, data: 0)
        assert returns(lambda: c.track("u1", "Event", {"number": 0}), within=5)
        assert c.flush(5)
    assert numbers(posthog_server.events) == [0, 1]
