"""The outbox within one process: what is on disk when, and what leaves it."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import posthog
import pytest

import analytics_posthog as analytics
from tests.support.outboxes import client, left_by_dead, lines, messages, names, numbers
from tests.support.posthog_server import HANG, PostHogServer, Request
from tests.support.two_clients import log_records, returns

CALLS: dict[str, Any] = {
    "track": lambda c: c.track("u1", "Bought", {"on": date(2026, 5, 4), "sum": 1.5, "to": "Zoë"}, {"ip": "1.2.3.4"}),
    "identify": lambda c: c.identify(
        "u1", {"since": datetime(2026, 5, 4, 1, 2, 3, tzinfo=timezone.utc)}, anonymous_id="a1"
    ),
    "page": lambda c: c.page("u1", "Docs", "Home", {"url": "https://example.com/?utm_source=x"}),
    "screen": lambda c: c.screen(None, "Main", "Home", anonymous_id="a1"),
    "group": lambda c: c.group("u1", "g1", {"plan": ["a", {"b": None}]}),
    "alias": lambda c: c.alias("a1", "u1", timestamp="2026-05-04T01:02:03Z", message_id="m1"),
}


def in_iso(value: Any) -> str:
    return value.isoformat()


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "new" / "outbox"


@pytest.fixture
def reported() -> Iterator[list[tuple[Exception, list[dict[str, Any]]]]]:
    """What `on_error` was reported, by `on_error=lambda *loss: reported.append(loss)`."""
    losses: list[tuple[Exception, list[dict[str, Any]]]] = []
    yield losses
    assert all(isinstance(error, analytics.AnalyticsError) for error, _ in losses)


@pytest.mark.parametrize("call", CALLS)
def test_a_message_stands_on_disk_in_segments_format_before_its_call_returns_and_leaves_after_the_200(
    posthog_server: PostHogServer, outbox: Path, call: str
) -> None:
    posthog_server.answer = lambda request: HANG
    with client(posthog_server.url, outbox) as c:
        accepted, message = CALLS[call](c)
        (line,) = next(outbox.glob("*.jsonl")).read_bytes().splitlines(keepends=True)
        assert accepted
        assert line.endswith(b"}\n")
        assert json.loads(line) == json.loads(json.dumps(message, default=in_iso))
        posthog_server.wait_for_requests(1)
        assert len(lines(outbox)) == 1
        posthog_server.release()
        assert c.flush(5)
        assert lines(outbox) == []
        assert c.stats() == {"accepted": 1, "delivered": 1, "failed": 0, "refused": 0, "queued": 0}
    assert names(outbox) == []


@pytest.mark.parametrize("call", CALLS)
def test_the_event_of_a_message_from_disk_is_the_one_that_the_call_would_have_sent(
    posthog_server: PostHogServer, outbox: Path, call: str
) -> None:
    with posthog.new_context():
        posthog.tag("plan", "free")
        posthog.set_context_session("0198a3f2-7b1c-7c3e-9d4a-2f5b6c7d8e9f")
        with analytics_client(posthog_server.url) as direct:
            message = CALLS[call](direct)[1]
            assert direct.flush(5)
    left_by_dead(outbox.parent, json.dumps(message, default=in_iso).encode() + b"\n")
    delivered: list[Any] = []
    with client(posthog_server.url, outbox.parent, on_success=delivered.extend) as c:
        posthog_server.wait_for(2)
        assert c.flush(5)
        first, second = posthog_server.events
        assert second == first
        assert first["properties"]["plan"] == "free"
        assert delivered == [json.loads(json.dumps(message, default=in_iso))]
    assert names(outbox.parent) == []


def analytics_client(host: str) -> analytics.Client:
    return analytics.Client("phc_key", host)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o177, 0o777])
def test_files_are_0600_and_the_directory_0700_whatever_the_umask(
    posthog_server: PostHogServer, tmp_path: Path, umask: int
) -> None:
    outbox = tmp_path / "outbox"
    before = os.umask(umask)
    try:
        with client("http://127.0.0.1:9", outbox) as c:
            c.track("u1", "Event")
            (path,) = outbox.iterdir()
            assert stat.S_IMODE(outbox.stat().st_mode) == 0o700
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_an_existing_directory_of_its_own_becomes_0700(tmp_path: Path) -> None:
    outbox = left_by_dead(tmp_path / "outbox", *messages(1)).parent
    outbox.chmod(0o755)
    with client("http://127.0.0.1:9", outbox):
        assert stat.S_IMODE(outbox.stat().st_mode) == 0o700


def test_a_call_is_refused_and_reported_when_the_outbox_is_full_and_taken_again_when_there_is_room(
    posthog_server: PostHogServer, outbox: Path, reported: list[Any]
) -> None:
    posthog_server.answer = lambda request: HANG
    with client(posthog_server.url, outbox, outbox_max_bytes=5000, on_error=lambda *loss: reported.append(loss)) as c:
        answers = [c.track(f"u{number}", "Event", {"number": number}) for number in range(50)]
        refused = [message for accepted, message in answers if not accepted]
        assert sum(path.stat().st_size for path in outbox.iterdir()) <= 5000
        assert [loss for _, (loss,) in reported] == refused
        assert {type(error) for error, _ in reported} == {analytics.QueueFull}
        assert c.stats()["accepted"] + c.stats()["refused"] == 50
        assert 5 < c.stats()["accepted"] < 50
        posthog_server.release()
        assert c.flush(5)
        assert c.track("u1", "Event")[0]


def test_what_a_full_queue_has_no_room_for_is_delivered_from_disk(
    posthog_server: PostHogServer, outbox: Path, reported: list[Any]
) -> None:
    def slow(request: Request) -> None:
        time.sleep(0.02)

    posthog_server.answer = slow
    with client(posthog_server.url, outbox, max_queue_size=50, on_error=lambda *loss: reported.append(loss)) as c:
        assert all(c.track("u1", "Event", {"number": number})[0] for number in range(600))
        assert c.stats()["refused"] == 0
        posthog_server.wait_for(600, timeout=5)  # without flush(): by the outbox alone
        assert c.flush(5)
        assert numbers(posthog_server.events) == list(range(600))
        assert c.stats() == {"accepted": 600, "delivered": 600, "failed": 0, "refused": 0, "queued": 0}
        assert not reported


def test_shutdown_delivers_what_stands_on_disk_too(posthog_server: PostHogServer, outbox: Path) -> None:
    with client(posthog_server.url, outbox, max_queue_size=10) as c:
        for number in range(500):
            c.track("u1", "Event", {"number": number})
        c.shutdown()
        assert c.stats()["delivered"] == len(posthog_server.unique_events()) == 500
    assert names(outbox) == []


@pytest.mark.parametrize("sync_mode", [False, True])
def test_when_retries_are_used_up_messages_stay_and_the_same_process_delivers_them_when_the_server_is_back(
    dead_server: PostHogServer, outbox: Path, reported: list[Any], sync_mode: bool
) -> None:
    with (
        log_records() as log,
        client(
            dead_server.url, outbox, max_retries=0, sync_mode=sync_mode, on_error=lambda *loss: reported.append(loss)
        ) as c,
    ):
        assert all(c.track("u1", "Event", {"number": number})[0] for number in range(30))
        assert returns(lambda: c.flush(1), within=1.5)
        assert not c.flush(1)
        assert sorted(line["properties"]["number"] for line in lines(outbox)) == list(range(30))
        assert c.stats() == {"accepted": 30, "delivered": 0, "failed": 0, "refused": 0, "queued": 30}
        assert any("kept in the outbox to be sent again: PostHog can't be reached" in text for text in log)
        with dead_server:
            dead_server.wait_for(30, timeout=10)
            assert c.flush(5)
            assert numbers(dead_server.unique_events()) == list(range(30))
            assert lines(outbox) == []
            assert not reported


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("sync_mode", [False, True])
def test_a_message_that_posthog_refuses_for_good_leaves_the_disk_and_goes_to_on_error(
    posthog_server: PostHogServer, outbox: Path, reported: list[Any], status: int, sync_mode: bool
) -> None:
    posthog_server.answer = lambda request: (
        (status, {}, b"") if b'"number": 7}' in request.body or b'"number": 7,' in request.body else None
    )
    left_by_dead(outbox.parent, *messages(10))
    with client(
        posthog_server.url, outbox.parent, on_error=lambda *loss: reported.append(loss), sync_mode=sync_mode
    ) as c:
        posthog_server.wait_for(9)
        assert c.flush(5)
        assert [(error.status, [loss["properties"] for loss in losses]) for error, losses in reported] == [
            (status, [{"number": 7}])
        ]
        assert c.stats() == {"accepted": 10, "delivered": 9, "failed": 1, "refused": 0, "queued": 0}
    assert [Path(name).suffix for name in names(outbox.parent)] == [".refused"]


def test_a_wrong_key_keeps_the_messages(posthog_server: PostHogServer, outbox: Path, reported: list[Any]) -> None:
    posthog_server.answer = lambda request: (401, {}, b"")
    with client(posthog_server.url, outbox, on_error=lambda *loss: reported.append(loss)) as c:
        c.track("u1", "Event")
        assert not c.flush(5)
        assert len(lines(outbox)) == 1
        assert not reported
        posthog_server.answer = None
        assert c.flush(5)
        assert lines(outbox) == []


def test_what_is_not_to_be_sent_is_not_written(posthog_server: PostHogServer, outbox: Path) -> None:
    with client(posthog_server.url, outbox, send=False) as c:
        assert c.track("u1", "Event")[0]
        assert c.flush(1)
    assert not outbox.exists()
    with client(
        posthog_server.url, outbox, before_send=lambda event: None if event["event"] == "Secret" else event
    ) as c:
        assert c.track("u1", "Secret")[0]
        assert c.track("u1", "Event", integrations={"PostHog": False})[0]
        assert c.track("u1", "Event", integrations={"All": False})[0]
        assert not c.track("u1", "Event", {"blob": "x" * 1_000_000})[0]
        assert names(outbox) == []


def test_before_send_is_asked_again_about_what_stands_on_disk(posthog_server: PostHogServer, outbox: Path) -> None:
    left_by_dead(outbox.parent, *messages(3))
    with client(
        posthog_server.url,
        outbox.parent,
        before_send=lambda event: event if event["properties"]["number"] == 1 else None,
    ) as c:
        posthog_server.wait_for(1)
        assert c.flush(5)
        assert numbers(posthog_server.events) == [1]
        assert c.stats() == {"accepted": 1, "delivered": 1, "failed": 0, "refused": 0, "queued": 0}
    assert names(outbox.parent) == []


@pytest.mark.parametrize(("sync", "least"), [("os", 0), ("disk", 10)])
def test_disk_sync_calls_fsync_before_each_call_returns(
    posthog_server: PostHogServer, outbox: Path, monkeypatch: pytest.MonkeyPatch, sync: str, least: int
) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)))
    with client(posthog_server.url, outbox, outbox_sync=sync) as c:
        for done in range(10):
            assert synced.count(False) == (done if least else 0)
            c.track("u1", "Event")
    assert synced.count(False) == least
    assert bool(synced.count(True)) == bool(least)  # the new file's name is synced too


def test_the_line_of_a_call_that_is_refused_in_the_end_is_taken_back(
    outbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client("http://127.0.0.1:9", outbox) as c:
        c._route.delivery._inner._ledger.close()  # type: ignore[attr-defined]
        assert not c.track("u1", "Event")[0]
        assert lines(outbox) == []

    def interrupt(*ticket: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    with client("http://127.0.0.1:9", outbox) as c:
        monkeypatch.setattr(c.queue, "put", interrupt)
        with pytest.raises(KeyboardInterrupt):
            c.track("u1", "Event")
        assert lines(outbox) == []


def test_with_a_full_disk_and_a_full_queue_a_call_is_refused(
    posthog_server: PostHogServer, outbox: Path, reported: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    posthog_server.answer = lambda request: HANG
    with client(
        posthog_server.url, outbox, max_queue_size=5, upload_size=5, on_error=lambda *loss: reported.append(loss)
    ) as c:
        monkeypatch.setattr(os, "write", lambda fd, data: 0)
        accepted = [c.track("u1", "Event", {"number": number})[0] for number in range(30)].count(True)
        assert 5 <= accepted <= 15
        assert [type(error) for error, _ in reported] == [analytics.QueueFull] * (30 - accepted)
        posthog_server.release()
        assert c.flush(5)
        assert c.stats() == {
            "accepted": accepted,
            "delivered": accepted,
            "failed": 0,
            "refused": 30 - accepted,
            "queued": 0,
        }
