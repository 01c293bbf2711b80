"""In a capture every call is made as ever and kept, nothing is sent or started, and afterwards all is as before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import posthog
import pytest
from freezegun import freeze_time

import analytics_posthog as analytics
from analytics_posthog import Client, InvalidSetting, track
from analytics_posthog.testing import Captured, capture
from tests.support.posthog_server import PostHogServer

AT = datetime(2020, 5, 6, 7, 8, 9, 123456, tzinfo=timezone.utc)
SOME = UUID(int=7)
AT_REST = dict(vars(Client))


@pytest.fixture(autouse=True)
def _all_is_as_before() -> Iterator[None]:
    yield
    assert dict(vars(Client)) == AT_REST


def names(captured: Captured) -> list[Any]:
    return [message.get("event", message["type"]) for message in captured.messages]


@pytest.fixture
def ready(posthog_server: PostHogServer) -> ModuleType:
    analytics.write_key, analytics.host = "phc_key", posthog_server.url
    return analytics


def call_all(client: Any) -> None:
    client.identify("u1", {"plan": "team"}, anonymous_id="a1", message_id="m1", timestamp="2020-01-02T03:04:05Z")
    client.track("u1", "Bought", {"price": 5, "at": AT, "id": SOME}, {"ip": "192.0.2.7"}, AT, message_id="m2")
    client.page("u1", "Docs", "Start", {"url": "https://example.com/?utm_source=x"}, timestamp=AT, message_id="m3")
    client.screen("u1", None, "Home", timestamp=AT, message_id="m4")
    client.group("u1", 7, {"name": "Example Ltd"}, timestamp=AT, message_id="m5")
    client.alias("a1", "u1", timestamp=AT, message_id="m6")


def see(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "properties": {**event["properties"], "seen": 1}}


@pytest.mark.parametrize("settings", [{}, {"group_type": "company", "before_send": see}], ids=["plain", "before_send"])
def test_the_events_are_those_that_would_be_sent(settings: dict[str, Any], posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, **settings) as client:
        call_all(client)
    with capture() as captured, Client("phc_key", posthog_server.url, **settings) as client:
        call_all(client)
    assert len(captured.events) == 6
    assert captured.events == posthog_server.events


def test_the_messages_are_those_that_the_calls_return() -> None:
    with capture() as captured:
        returned = [analytics.track("u1", "Bought", {"price": 5}), analytics.group("u1", "g1")]
    assert returned == [(True, message) for message in captured.messages]


def test_what_the_app_does_with_an_answer_changes_nothing_that_was_kept() -> None:
    with capture() as captured:
        _, message = analytics.track("u1", "Bought", {"cart": ["a"]})
        message["properties"]["cart"].append("b")
    assert captured.messages[0]["properties"] == {"cart": ["a"]}
    assert captured.events[0]["properties"]["cart"] == ["a"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"send": False},
        {"write_key": ""},
        {"write_key": None},
        {"sync_mode": True},
        {"thread": 3},
        {"gzip": True, "max_queue_size": 1},
        {"outbox": "outbox"},
    ],
    ids=str,
)
@pytest.mark.parametrize("made", ["before", "inside"])
def test_nothing_is_sent_started_or_written_whatever_the_settings(
    made: str, settings: dict[str, Any], posthog_server: PostHogServer, tmp_path: Path
) -> None:
    settings = {"write_key": "phc_key", "host": posthog_server.url, **settings}
    if "outbox" in settings:
        settings["outbox"] = str(tmp_path / "outbox")
    if made == "before" and settings["write_key"] is None:
        settings["write_key"] = "phc_key"
    before = Client(**settings) if made == "before" else None
    files = {path: path.stat().st_size for path in tmp_path.rglob("*")}
    threads = set(threading.enumerate())
    with capture() as captured:
        client = before or Client(**settings)
        assert (client.write_key, client.send) == (settings["write_key"], settings.get("send", True))
        for number in range(3):
            assert client.track("u1", f"Number {number}")[0]
        assert (client.flush(), client.drain()) == (True, True)
        assert set(threading.enumerate()) == threads
        assert {path: path.stat().st_size for path in tmp_path.rglob("*")} == files
    assert names(captured) == ["Number 0", "Number 1", "Number 2"]
    assert client.stats()["accepted"] == 0
    client.shutdown()
    assert posthog_server.requests == []


def test_a_client_made_before_sends_again_afterwards(ready: ModuleType, posthog_server: PostHogServer) -> None:
    ready.track("u1", "Before")
    client, stats = ready.default_client, ready.stats()
    with capture() as captured:
        ready.track("u1", "Inside")
        ready.track("u1", "  ")
        ready.shutdown()
        ready.track("u1", "Inside, after a shutdown")
    assert (ready.default_client, ready.stats()["accepted"], ready.stats()["refused"]) == (client, stats["accepted"], 0)
    ready.track("u1", "After")
    ready.flush()
    assert names(captured) == ["Inside", "Inside, after a shutdown"]
    assert [event["event"] for event in posthog_server.events] == ["Before", "After"]


def test_a_client_made_inside_never_sends(posthog_server: PostHogServer) -> None:
    with capture() as captured:
        client = Client("phc_key", posthog_server.url)
        client.track("u1", "Inside")
    assert client.track("u1", "After")[0] is True
    assert client.flush() is True
    assert names(captured) == ["Inside"]
    assert posthog_server.requests == []


def test_the_module_needs_a_key_again_afterwards() -> None:
    with capture() as captured:
        track("u1", "By name")
        assert analytics.flush() is True
    assert names(captured) == ["By name"]
    assert analytics.default_client is None
    with pytest.raises(InvalidSetting, match="write_key"):
        track("u1", "By name")


def test_subclasses_and_threads() -> None:
    class Ours(Client):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.calls = 0

        def _enqueue(self, msg: dict[str, Any]) -> Any:
            self.calls += 1
            return super()._enqueue({**msg, "context": {"app": {"name": "Ours"}}})

    made_before = Ours("phc_key", "http://127.0.0.1:9", send=False)
    with capture() as captured:
        clients = [made_before, Ours()]
        threads = [
            threading.Thread(target=client.track, args=("u1", f"{number}"))
            for number in range(50)
            for client in clients
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [client.calls for client in clients] == [50, 50]
    assert sorted(names(captured)) == sorted(f"{number}" for number in range(50) for _ in clients)
    captured.assert_tracked("7", context={"app": {"name": "Ours"}}, times=2)
    assert [event["event"] for event in captured.events] == names(captured)


def test_of_nested_captures_the_inner_one_keeps_the_calls() -> None:
    with capture() as outer:
        track("u1", "Outer")
        with capture() as inner:
            track("u1", "Inner")
            inner.assert_tracked("Inner")
        track("u1", "Outer again")
    assert (names(outer), names(inner)) == (["Outer", "Outer again"], ["Inner"])


def test_all_is_as_before_when_the_test_fails() -> None:
    def fail() -> None:
        with capture():
            track("u1", "Bought")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert analytics.default_client is None


def test_clear_forgets() -> None:
    with capture() as captured:
        track("u1", "Arranged")
        track("u1", " ")
        captured.clear()
        captured.assert_nothing_sent()
        assert captured.not_sent == []
        track("u1", "Acted")
    assert names(captured) == ["Acted"]


@pytest.mark.parametrize("made", ["before", "inside"])
def test_what_the_app_does_with_the_official_client_is_not_sent_either(
    made: str, ready: ModuleType, posthog_server: PostHogServer
) -> None:
    if made == "before":
        ready.track("u1", "Before")
        ready.flush()
    official = ready.default_client.posthog if made == "before" else None
    with capture():
        ready.track("u1", "Inside")
        client = ready.default_client.posthog
        client.capture("Its own", distinct_id="u1")
        assert client.evaluate_flags("u1").is_enabled("flag") is False
    assert official is None or official.disabled is False
    ready.flush()
    assert [event["event"] for event in posthog_server.events] == (["Before"] if made == "before" else [])


def test_frozen_time_is_the_time_of_the_calls() -> None:
    with freeze_time("2020-01-02 03:04:05.678"), capture() as captured:
        track("u1", "Bought", {"at": AT})
        assert analytics.flush() is True
        captured.assert_tracked("Bought", timestamp="2020-01-02T03:04:05.678+00:00", properties={"at": AT})
        captured.assert_tracked("Bought", timestamp=datetime.now(timezone.utc))
    assert captured.events[0]["timestamp"] == "2020-01-02T03:04:05.678+00:00"


def test_posthog_s_request_context_arrives() -> None:
    with capture() as captured, posthog.new_context():
        posthog.tag("plan", "team")
        track("u1", "Bought")
    assert captured.events[0]["properties"]["plan"] == "team"
