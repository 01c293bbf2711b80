"""What the server refuses: bad lines are set aside with their reason, good ones pass, and none is lost to a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.outbox.test_bad_lines import log as log
from tests.support.callbacks import refusing
from tests.support.outboxes import client, left_by_dead, lines, messages, names, numbers
from tests.support.posthog_server import Answer, PostHogServer

HTML: Answer = (200, {"Content-Type": "text/html"}, b"<html>login</html>")
QUOTA: Answer = (200, {}, b'{"status":1,"quota_limited":["events"]}')


def set_aside(outbox: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in outbox.glob("*.refused") for line in path.read_text().splitlines()]


@pytest.mark.parametrize("status", [400, 403, 500, 501])
def test_bad_lines_are_set_aside_with_their_reason_and_the_others_pass(
    status: int, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    bad = ["u3", "u77", "u250", "u333", "u499"]
    posthog_server.answer = refusing(*bad, status=status)
    left_by_dead(tmp_path, *messages(500))
    with client(posthog_server.url, tmp_path, upload_size=500) as c:
        assert c.flush(60)
        assert (c.stats()["delivered"], c.stats()["failed"]) == (495, 5)
    assert len(numbers(posthog_server.unique_events())) == 495
    aside = set_aside(tmp_path)
    assert sorted(line["message"]["userId"] for line in aside) == sorted(bad)  # type: ignore[index]
    assert {str(status) in str(line["reason"]) for line in aside} == {True}
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


@pytest.mark.parametrize(
    "answer", [(400, {}, b""), (413, {}, b""), (403, {}, b""), HTML, (200, {}, b""), QUOTA], ids=lambda a: str(a[0])
)
def test_a_server_that_refuses_everything_leaves_the_lines_on_disk(
    answer: Answer, posthog_server: PostHogServer, tmp_path: Path, log: list[str]
) -> None:
    left_by_dead(tmp_path, *messages(2000))
    posthog_server.answer = lambda _: answer
    with client(posthog_server.url, tmp_path, upload_size=100, max_retries=0) as c:
        assert not c.flush(3)
        assert not c.flush(1)
        assert c.stats()["delivered"] == 0
        assert len(lines(tmp_path)) + len(set_aside(tmp_path)) == 2000
        assert len(set_aside(tmp_path)) < 10
        assert len([text for text in log if "kept in the outbox" in text]) == 1
        posthog_server.answer = None
        assert c.flush(30)
    assert len(posthog_server.unique_events()) >= 1990
    assert [name for name in names(tmp_path) if name.endswith(".jsonl")] == []


def test_a_user_s_own_files_in_the_directory_are_neither_read_nor_deleted_nor_counted(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    left_by_dead(tmp_path, *messages(3), name="customers.jsonl")
    (tmp_path / "core").write_bytes(bytes(5_000_000))
    (tmp_path / f"1-{1:032x}.corrupt").write_bytes(bytes(3_000_000))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with client(posthog_server.url, tmp_path, outbox_max_bytes=100_000) as c:
        assert c.track("u1", "Event", {"number": 7})[0]
        assert c.flush(5)
        assert c.flush(5)
    assert numbers(posthog_server.events) == [7]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_corrupt_files_are_bounded_by_themselves(posthog_server: PostHogServer, tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"1-{number:032x}.corrupt").write_bytes(bytes(5_000_000))
    left_by_dead(tmp_path, b"junk\n", *messages(1))
    with client(posthog_server.url, tmp_path) as c:
        assert c.flush(5)
    kept = list(tmp_path.glob("*.corrupt"))
    assert sum(path.stat().st_size for path in kept) <= 16 * 1024 * 1024
    assert f"1-{'dead' * 8}.corrupt" in [path.name for path in kept]


def test_a_removed_directory_is_made_again(posthog_server: PostHogServer, tmp_path: Path) -> None:
    outbox = tmp_path / "outbox"
    with client(posthog_server.url, outbox) as c:
        outbox.rmdir()
        assert c.track("u1", "Event", {"number": 1})[0]
        assert (outbox.stat().st_mode & 0o777, len(names(outbox))) == (0o700, 1)
        assert c.flush(5)
    assert numbers(posthog_server.events) == [1]
