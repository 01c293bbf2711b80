"""Settings that are changed on a living client work as with Segment's client: for the calls that follow."""

from __future__ import annotations

from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import Client, InvalidSetting
from analytics_posthog.testing import capture
from tests.support.callbacks import Reported
from tests.support.posthog_server import PostHogServer


def test_send_may_be_switched_off_and_on(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
        client.send = False
        assert client.track("u2", "Bought")[0] is True
        client.send = True
        client.track("u3", "Bought")
    assert posthog_server.distinct_ids == ["u1", "u3"]
    assert client.stats()["delivered"] == 2


def test_a_client_that_was_made_without_sending_can_begin_to(posthog_server: PostHogServer) -> None:
    client = Client("phc_key", posthog_server.url, send=False)
    client.track("u1", "Bought")
    client.send = True
    client.track("u2", "Bought")
    assert client.flush(10)
    assert posthog_server.distinct_ids == ["u2"]
    client.shutdown()
    client.send = False
    client.send = True
    assert client.track("u3", "Bought")[0] is False


def test_a_client_of_a_capture_never_begins_to_send(posthog_server: PostHogServer) -> None:
    with capture():
        client = Client("phc_key", posthog_server.url)
        client.send = False
    client.send = True
    assert client.track("u1", "Bought")[0] is True
    client.shutdown()
    assert posthog_server.requests == []


def test_sync_mode_may_be_switched_on_and_off(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=30) as client:
        client.sync_mode = True
        client.track("u1", "Bought")
        assert posthog_server.distinct_ids == ["u1"]
        assert client.consumers is None
        client.sync_mode = False
        client.track("u2", "Bought")
        assert posthog_server.distinct_ids == ["u1"]
    assert posthog_server.distinct_ids == ["u1", "u2"]


def test_a_client_that_was_made_in_sync_mode_can_have_threads(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, sync_mode=True, thread=2) as client:
        client.sync_mode = False
        client.track("u1", "Bought")
        assert client.consumers is not None
        assert [consumer.is_alive() for consumer in client.consumers] == [True, True]
    assert posthog_server.distinct_ids == ["u1"]


def test_host_key_gzip_and_timeout_are_those_of_the_next_request(posthog_server: PostHogServer) -> None:
    with Client("phc_old", "http://127.0.0.1:9", max_retries=0) as client:
        client.host, client.write_key, client.gzip, client.timeout = posthog_server.url, "phc_new", True, 5
        client.track("u1", "Bought")
    ((key, encoding),) = [
        (batch["api_key"], request.headers.get("Content-Encoding"))
        for batch, request in zip(posthog_server.batches, posthog_server.requests, strict=True)
    ]
    assert (key, encoding) == ("phc_new", "gzip")


def test_on_error_may_be_set_later(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: (401, {}, b"")
    reported: Reported = []
    with Client("phc_key", posthog_server.url) as client:
        client.on_error = lambda *args: reported.append(args)
        _, message = client.track("u1", "Bought")
    assert [messages for _, messages in reported] == [[message]]


@pytest.mark.parametrize(
    ("name", "value"), [("host", "posthog.com"), ("timeout", -1), ("on_error", 5), ("write_key", None)]
)
def test_a_change_that_cannot_work_is_refused_and_changes_nothing(
    name: str, value: Any, posthog_server: PostHogServer
) -> None:
    with Client("phc_key", posthog_server.url) as client:
        before = getattr(client, name)
        with pytest.raises(InvalidSetting, match=name):
            setattr(client, name, value)
        assert getattr(client, name) == before
        client.track("u1", "Bought")
    assert posthog_server.distinct_ids == ["u1"]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("queue", "before_send"), ("consumers", "Set thread for their number, or sync_mode=True for none")],
)
def test_queue_and_consumers_cannot_be_replaced(name: str, remedy: str) -> None:
    client = Client("phc_key", send=False)
    with pytest.raises(InvalidSetting, match=f"client.{name} can't be replaced. .*{remedy}"):
        setattr(client, name, [])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hots", "hots is no setting of analytics_posthog, so it changes nothing. Did you mean host?"),
        ("writeKey", "writeKey is no setting of analytics_posthog, so it changes nothing. Did you mean write_key?"),
        ("colour", "colour is no setting of analytics_posthog, so it changes nothing. Remove it."),
    ],
)
def test_a_mistyped_setting_of_the_module_is_warned_of(name: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    try:
        setattr(analytics, name, "phc_secret")
    finally:
        delattr(analytics, name)
    assert caplog.messages == [said]


def test_a_setting_a_module_and_a_private_name_are_not_warned_of(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analytics, "host", "https://eu.i.posthog.com")
    monkeypatch.setattr(analytics, "_mine", 5, raising=False)
    monkeypatch.setattr(analytics, "pytest", pytest, raising=False)
    assert caplog.messages == []
