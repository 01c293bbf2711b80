"""What the app captures itself, on the official client inside (`client.posthog.capture()`), arrives as well."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from analytics_posthog import Client
from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer


def names(server: PostHogServer) -> list[str]:
    return [event["event"] for event in server.events]


def test_it_arrives_beside_the_calls(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=0.1) as client:
        client.track("u1", "Before")
        client.posthog.capture("Own", distinct_id="u2", properties={"price": 5})
        client.track("u1", "After")
        posthog_server.wait_for(3)
    assert [name for name in names(posthog_server) if name != "Own"] == ["Before", "After"]
    (own,) = (event for event in posthog_server.events if event["event"] == "Own")
    assert (own["distinct_id"], own["properties"]["price"]) == ("u2", 5)


def test_flush_sends_it_too(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=10) as client:
        client.posthog.capture("Own", distinct_id="u2")
        assert client.flush(5)
        assert names(posthog_server) == ["Own"]


def test_the_official_client_s_own_flush_sends_its_own_at_once_and_ours_sends_both(
    posthog_server: PostHogServer,
) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=30) as client:
        client.track("u1", "Ours")
        client.posthog.capture("Own", distinct_id="u2")
        client.posthog.flush(timeout_seconds=2)
        assert names(posthog_server) == ["Own"]
        assert client.flush(5)
        assert names(posthog_server) == ["Own", "Ours"]


def test_shutdown_sends_it_too(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=10) as client:
        client.posthog.capture("Own", distinct_id="u2")
    assert names(posthog_server) == ["Own"]


def test_shutdown_sends_it_after_the_calls_too(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_size=1) as client:
        for _ in range(20):
            client.track("u1", "Ours")
            client.posthog.capture("Own", distinct_id="u2")
    assert sorted(names(posthog_server)) == ["Ours"] * 20 + ["Own"] * 20


def test_exit_sends_it_too(posthog_server: PostHogServer) -> None:
    done = run_python(
        "-c",
        f"import analytics_posthog\nclient = analytics_posthog.Client('phc_key', {posthog_server.url!r})\n"
        "client.posthog.capture('Own', distinct_id='u2')",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert names(posthog_server) == ["Own"]


def test_in_sync_mode_it_is_sent_before_it_returns(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, sync_mode=True) as client:
        client.posthog.capture("Own", distinct_id="u2")
        assert names(posthog_server) == ["Own"]


def test_with_send_false_it_is_not_sent(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, send=False) as client:
        client.posthog.capture("Own", distinct_id="u2")
    assert posthog_server.requests == []


def test_one_that_posthog_refuses_is_reported_and_harms_no_call(posthog_server: PostHogServer) -> None:
    reported: list[tuple[Exception, list[dict[str, Any]]]] = []
    posthog_server.answer = lambda request: (400, {}, b"") if b'"Own"' in request.body else None
    with Client("phc_key", posthog_server.url, on_error=lambda *args: reported.append(args)) as client:
        client.track("u1", "Before")
        client.posthog.capture("Own", distinct_id="u2")
        client.track("u1", "After")
        client.flush()
        assert names(posthog_server) == ["Before", "After"]
    assert [[item["event"] for item in items] for _, items in reported] == [["Own"]]


def test_feature_flags_can_be_asked_for_with_the_same_client(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda request: (
        (200, {}, b'{"flags": {"new": {"key": "new", "enabled": true}}}') if request.path.startswith("/flags") else None
    )
    with Client("phc_key", posthog_server.url) as client:
        assert client.posthog.evaluate_flags("u1").is_enabled("new") is True


def test_an_ordinary_shutdown_leaves_nothing_in_any_log(
    posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The official client warns of what it throws away; that must not be what we woke its threads with."""
    caplog.set_level(logging.INFO)
    for settings in ({}, {"thread": 3}, {"sync_mode": True}, {"send": False}):
        with Client("phc_key", posthog_server.url, **settings) as client:
            client.track("u1", "Bought")
    assert [record.getMessage() for record in caplog.records if "Multiple" not in record.getMessage()] == []
