"""In a capture calls, settings and flush answer, raise and report as without one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from analytics_posthog import Client, InvalidMessage, InvalidSetting
from analytics_posthog.testing import capture

AT_REST = dict(vars(Client))


@pytest.fixture(autouse=True)
def _all_is_as_before() -> Iterator[None]:
    yield
    assert dict(vars(Client)) == AT_REST


def test_settings_that_can_t_work_raise_as_ever() -> None:
    with capture():
        for settings in ({"write_key": "phx_personal"}, {"host": "https://api.segment.io"}, {"thread": 0}):
            with pytest.raises(InvalidSetting):
                Client(**{"write_key": "phc_key", **settings})
        with pytest.raises(TypeError, match="no_such"):
            Client("phc_key", no_such=1)  # type: ignore[call-arg]


def test_a_wrong_call_raises_and_a_refused_one_answers_as_ever() -> None:
    reported: list[str] = []
    with capture() as captured:
        client = Client(
            on_error=lambda error, messages: reported.append(f"{type(error).__name__} {messages[0]['event']}")
        )
        with pytest.raises(InvalidMessage):
            client.track("u1", 5)  # type: ignore[arg-type]
        answers = [
            client.track("u1", "  ")[0],
            client.track("u1", "Large", {"text": "x" * 1_000_000})[0],
            client.track("u1", "Good")[0],
        ]
        client.shutdown()
        answers.append(client.track("u1", "Late")[0])
    assert answers == [False, False, True, False]
    assert reported == ["InvalidMessage   ", "MessageTooLarge Large", "ClientShutDown Late"]
    assert [message["event"] for message in captured.messages] == ["Good"]
    reasons = [(message["event"], why.partition(":")[0]) for message, why in captured.not_sent]
    assert reasons == [("  ", "InvalidMessage"), ("Large", "MessageTooLarge"), ("Late", "ClientShutDown")]


def test_before_send_and_integrations_have_their_say() -> None:
    with capture() as captured:
        client = Client(
            before_send=lambda event: None if event["event"] == "Heartbeat" else {**event, "event": "Changed"}
        )
        answers = [
            client.track("u1", "Heartbeat"),
            client.track("u1", "Off", integrations={"All": False}),
            client.track("u1", "On"),
        ]
    assert [answer for answer, _ in answers] == [True, True, True]
    assert [event["event"] for event in captured.events] == ["Changed"]
    assert [(message["event"], why) for message, why in captured.not_sent] == [
        ("Heartbeat", "before_send returned None"),
        ("Off", "its integrations keep it from PostHog"),
    ]


def test_a_flush_delivers_as_if_posthog_had_taken_everything() -> None:
    delivered: list[list[dict[str, Any]]] = []
    with capture() as captured:
        client = Client(on_success=delivered.append)
        client.track("u1", "One")
        client.track("u1", "Two")
        assert client.stats() == {"accepted": 2, "delivered": 0, "failed": 0, "refused": 0, "queued": 2}
        assert client.flush() is True
        assert client.stats() == {"accepted": 2, "delivered": 2, "failed": 0, "refused": 0, "queued": 0}
        client.track("u1", "Three")
        client.join()
        client.shutdown()
        with Client(on_success=delivered.append, sync_mode=True) as in_sync:
            in_sync.track("u1", "Four")
            assert in_sync.stats()["delivered"] == 1
    assert [[message["event"] for message in messages] for messages in delivered] == [
        ["One", "Two"],
        ["Three"],
        ["Four"],
    ]
    assert len(captured.messages) == 4
