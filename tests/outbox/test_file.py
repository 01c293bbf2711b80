"""The outbox's files and directory by themselves, and the settings that can't be used."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog._outbox import directory as _outbox_directory
from analytics_posthog._outbox import file as _outbox_file
from analytics_posthog._outbox.directory import OutboxDirectory
from analytics_posthog._outbox.file import NotOurs, OutboxFile
from analytics_posthog._outbox.line import from_line, to_line
from tests.support.child_process import environment
from tests.support.outboxes import client, left_by_dead, lines, messages, names
from tests.support.posthog_server import PostHogServer

HOST = "http://127.0.0.1:9"


def directory(path: Path, **options: Any) -> OutboxDirectory:
    return OutboxDirectory(path, **{"max_bytes": 1_000_000, "to_disk": False, **options})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"outbox": 5}, "outbox must be the path of a directory, got int"),
        ({"outbox": b"/tmp/x"}, "outbox must be the path of a directory, got bytes"),
        ({"outbox": ""}, "outbox must be the path of a directory, got an empty string"),
        (
            {"outbox": "{}/\0"},
            r"outbox must be a directory of this process's user, which it can write to \(ValueError\)",
        ),
        ({"outbox": "{}/file"}, r"outbox must be a directory .* \(File exists\)"),
        ({"outbox": "{}/file/outbox"}, r"outbox must be a directory .* \(Not a directory\)"),
        ({"outbox": "{}/full"}, "outbox must be a directory of its own, because no other user may read it"),
        ({"outbox": "{}/sticky"}, "outbox must be a directory of its own, because no other user may read it"),
        ({"outbox": "{}/new", "outbox_max_bytes": -1}, "outbox_max_bytes must be a whole number"),
        ({"outbox": "{}/new", "outbox_max_bytes": 1.5}, "outbox_max_bytes must be a whole number"),
        ({"outbox": "{}/new", "outbox_sync": "power"}, "outbox_sync must be one of 'os', 'disk'"),
        ({"outbox": "{}/new", "outbox_sync": None}, "outbox_sync must be one of 'os', 'disk'"),
    ],
)
def test_an_unusable_setting_raises_and_leaves_nothing_behind(
    tmp_path: Path, settings: dict[str, Any], says: str
) -> None:
    (tmp_path / "file").write_text("")
    for name, mode in (("full", 0o755), ("sticky", 0o1777)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    (tmp_path / "full" / "data.db").write_text("")
    before = threading.enumerate()
    if isinstance(settings["outbox"], str):
        settings = {**settings, "outbox": settings["outbox"].format(tmp_path)}
    with pytest.raises(analytics.InvalidSetting, match=says):
        analytics.Client("phc_key", HOST, **settings)
    assert threading.enumerate() == before
    assert names(tmp_path) == ["file", "full", "sticky"]
    assert (tmp_path / "full").stat().st_mode & 0o777 == 0o755


def test_a_directory_that_cannot_be_made_or_written_to_is_no_outbox() -> None:
    # Root may write everywhere, so it tries as another user: with what is imported already, and in a place that others
    # may enter, which tmp_path and TMPDIR need not be.
    script = """
import os, sys
import analytics_posthog as analytics
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.mkdir("own"); os.mkdir("own/closed", mode=0o500)
for outbox in ("own/closed/outbox", *sys.argv[1:]):
    try:
        analytics.Client("phc_key", "http://127.0.0.1:9", outbox=outbox)
    except analytics.InvalidSetting as error:
        print(error)
"""
    with tempfile.TemporaryDirectory(dir="/tmp") as base:
        os.chmod(base, 0o777)
        Path(base, "others").mkdir(mode=0o755)
        as_root = ["others"] if os.geteuid() == 0 else []
        command = [sys.executable, "-c", script, *as_root]
        done = subprocess.run(
            command, env=environment(), cwd=base, capture_output=True, text=True, timeout=30, check=True
        )
    says = "outbox must be a directory of this process's user, which it can write to"
    expected = [f"{says} (Permission denied)", f"{says} (Operation not permitted)"]
    assert done.stdout.splitlines() == expected[: 1 + len(as_root)]


def test_a_relative_path_stays_where_it_was_when_the_app_changes_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with client(HOST, Path("outbox")) as c:
        monkeypatch.chdir(tmp_path / "elsewhere")
        c.track("u1", "Event")
    assert len(lines(tmp_path / "outbox")) == 1


def test_a_new_file_is_nobody_elses_also_when_somebody_looks_at_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fchmod = os.fchmod
    seen: list[OutboxFile] = []

    def look(fd: int, mode: int) -> None:  # between the file's creation and its lock
        fchmod(fd, mode)
        if not seen:
            seen.append(OutboxFile.take_over(next(tmp_path.glob("*.jsonl"))))
            assert not seen[0].kept

    monkeypatch.setattr(os, "fchmod", look)
    file = OutboxFile.create(tmp_path)
    assert seen[0].path != file.path
    seen[0].close(remove=True)
    with pytest.raises(NotOurs):
        OutboxFile.take_over(file.path)
    assert names(tmp_path) == [file.path.name]
    file.close(remove=True)


def test_a_process_killed_while_making_a_file_leaves_one_that_the_next_removes(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    left_by_dead(tmp_path, name="1-0000000000000000000000000000000e.jsonl")
    with client(posthog_server.url, tmp_path) as c:
        assert c.flush(5)
        assert names(tmp_path) == []


def test_a_file_removed_or_renamed_before_its_lock_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    for end in (Path.unlink, lambda path: path.rename(path.with_suffix(".corrupt"))):
        path = left_by_dead(tmp_path, *messages(1))
        monkeypatch.setattr(fcntl, "flock", lambda fd, how, path=path, end=end: (end(path), flock(fd, how)))
        with pytest.raises(NotOurs):
            OutboxFile.take_over(path)


def test_a_line_that_is_written_in_part_is_taken_back_and_the_next_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = directory(tmp_path)
    write, ftruncate = os.write, os.ftruncate
    assert outbox.write(b'{"a":1}\n') is not None
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: write(fd, data[:5]))
        with pytest.raises(OSError, match="no space left"):
            outbox.write(b'{"a":2}\n')
        patch.setattr(os, "ftruncate", lambda fd, size: (_ for _ in ()).throw(OSError(5, "I/O error")))
        with pytest.raises(OSError, match="I/O error"):
            outbox.write(b'{"a":3}\n')
    assert ftruncate is os.ftruncate
    assert outbox.write(b'{"a":4}\n') is not None
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b'{"a":1}\n{"a":', b'{"a":4}\n']
    outbox.stop()
    file = OutboxFile.take_over(min(tmp_path.iterdir(), key=lambda path: -path.stat().st_size))
    assert (list(file.kept), file.torn) == ([0], True)
    file.close(remove=True)


def test_lines_are_found_wherever_they_begin(tmp_path: Path) -> None:
    content = [{"text": "x" * size} for size in (1, 65_000, 65_536, 200_000, 7)]
    path = left_by_dead(tmp_path, b"\n", *content, b"\n\n")
    file = OutboxFile.take_over(path)
    assert [from_line(file.line(file.kept.pop())) for _ in range(len(file.kept))] == content
    assert not file.torn
    file.close(remove=True)


def test_a_line_longer_than_any_message_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_outbox_file, "_MAX_LINE", 1_000_000)
    file = OutboxFile.take_over(left_by_dead(tmp_path, {"text": "x" * 2_000_000}))
    assert file.line(0) == b""
    file.close(remove=True)


def test_a_message_is_one_line_of_ascii(tmp_path: Path) -> None:
    message = {"text": "Zoë\u2028\n\x00"}
    line = to_line(message)
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert from_line(line) == message


def test_after_the_end_nothing_is_written_whatever_became_of_the_descriptor(tmp_path: Path) -> None:
    with client(HOST, tmp_path) as c:
        c.track("u1", "Event")
        left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with open(tmp_path / "of the app", "wb"):  # may get the number of the file that was closed
        assert not c.track("u1", "Event")[0]
        assert not c.track("u2", "Event")[0]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {**left, "of the app": b""}


def test_the_outbox_stays_within_its_bytes_and_its_files(tmp_path: Path) -> None:
    outbox = directory(tmp_path, max_bytes=64_000)
    places = [outbox.write(b"x" * 99 + b"\n") for _ in range(640)]
    outbox.count()
    with pytest.raises(analytics.QueueFull):
        outbox.write(b"x")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 64_000
    assert 50 < len(names(tmp_path)) <= 64
    for place in places:
        assert place is not None
        outbox.settle(place, keep=False)
    outbox.count()
    assert outbox.write(b"x\n") is not None
    outbox.stop()


def test_many_dead_processes_files_do_not_take_all_descriptors(
    posthog_server: PostHogServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_outbox_directory, "MAX_FILES", 5)
    open_files: list[int] = []
    take_over = OutboxFile.take_over

    def counted(path: Path) -> OutboxFile:
        open_files.append(len(c._route.delivery._directory._files))  # type: ignore[attr-defined]
        return take_over(path)

    monkeypatch.setattr(OutboxFile, "take_over", counted)
    for number, message in enumerate(messages(40)):
        left_by_dead(tmp_path, message, name=f"{number}-deaddeaddeaddeaddeaddeaddeaddead.jsonl")
    with client(posthog_server.url, tmp_path) as c:
        assert c.flush(10)
        assert len(posthog_server.events) == c.stats()["delivered"] == 40
        assert max(open_files) == 4
        assert names(tmp_path) == []


def test_a_file_of_100_mb_is_taken_over_without_having_it_in_memory(tmp_path: Path) -> None:
    line = to_line({"properties": {"text": "x" * 500}})
    path = tmp_path / "1-deaddeaddeaddeaddeaddeaddeaddead.jsonl"
    with path.open("wb") as big:
        for _ in range(100):
            big.write(line * (1_000_000 // len(line)))
    tracemalloc.start()
    try:
        file = OutboxFile.take_over(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(file.kept) == 100 * (1_000_000 // len(line))
    assert peak < 10_000_000
    file.close(remove=True)


def test_a_file_that_somebody_deleted_is_written_to_no_more(tmp_path: Path) -> None:
    outbox = directory(tmp_path)
    place = outbox.write(b"x\n")
    assert place is not None
    place[0].path.unlink()
    assert outbox.others() == []
    assert outbox.write(b"y\n") is not None
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"y\n"]
    outbox.settle(place, keep=False)
    outbox.stop()


def test_a_signal_handler_within_a_call_that_is_writing_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = directory(tmp_path)
    write = os.write

    def interrupted(fd: int, data: bytes) -> int:
        with pytest.raises(OSError, match="a signal handler has interrupted a call"):
            outbox.write(b"y\n")
        return write(fd, data)

    monkeypatch.setattr(os, "write", interrupted)
    assert outbox.write(b"x\n") is not None
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"x\n"]
    outbox.stop()


def test_what_is_settled_after_the_end_stays_on_disk(tmp_path: Path) -> None:
    outbox = directory(tmp_path)
    place = outbox.write(b"x\n")
    assert place is not None
    outbox.stop()
    outbox.settle(place, keep=False)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"x\n"]
