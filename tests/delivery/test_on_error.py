"""`on_error(error, messages)` gets every message that is lost, once, with the reason."""

from __future__ import annotations

from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import (
    AnalyticsError,
    Client,
    ClientShutDown,
    DeliveryError,
    InvalidMessage,
    MessageTooLarge,
    QueueFull,
)
from tests.support.callbacks import Reported, Reports, refusing, stats
from tests.support.posthog_server import HANG, PostHogServer
from tests.support.two_clients import OURS, end_quickly


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.mark.parametrize("call", ["track", "identify", "page", "screen", "alias", "group"])
def test_it_gets_the_message_that_the_call_returned(call: str, posthog_server: PostHogServer) -> None:
    reported: Reported = []
    posthog_server.answer = lambda _: (401, {}, b"")
    arguments = {"track": ("u1", "Bought"), "alias": ("a1", "u1"), "group": ("u1", "g1")}.get(call, ("u1",))
    with Client("phc_key", posthog_server.url, on_error=lambda *args: reported.append(args)) as client:
        accepted, message = getattr(client, call)(*arguments)
    assert accepted is True
    ((error, messages),) = reported
    assert isinstance(error, DeliveryError)
    assert error.status == 401
    assert messages == [message]
    assert type(messages[0]) is dict


def test_a_batch_is_reported_whole_in_its_order(posthog_server: PostHogServer) -> None:
    reported: Reported = []
    posthog_server.answer = lambda _: (401, {}, b"")
    with Client(
        "phc_key", posthog_server.url, upload_interval=10, on_error=lambda *args: reported.append(args)
    ) as client:
        made = [client.track(str(number), "Bought")[1] for number in range(50)]
    assert [messages for _, messages in reported] == [made]


def test_its_messages_can_be_sent_again(posthog_server: PostHogServer) -> None:
    reported: Reported = []
    posthog_server.answer = lambda _: (401, {}, b"")
    with Client("phc_key", posthog_server.url, on_error=lambda *args: reported.append(args)) as client:
        client.track("u1", "Bought", {"price": 5}, message_id="m1")
        client.flush()
        posthog_server.answer = None
        ((_, (message,)),) = reported
        fields = {
            "properties": message["properties"],
            "timestamp": message["timestamp"],
            "message_id": message["messageId"],
        }
        client.track(message["userId"], message["event"], context=message["context"], **fields)
    (event,) = posthog_server.events
    assert (event["timestamp"], event["properties"]["price"]) == (message["timestamp"], 5)


def test_a_message_that_is_too_large_or_has_no_event_name_is_reported(posthog_server: PostHogServer) -> None:
    reported: Reported = []
    with Client("phc_key", posthog_server.url, on_error=lambda *args: reported.append(args)) as client:
        too_large = client.track("u1", "Bought", {"text": "x" * (1 << 20)})
        blank = client.track("u1", "  ")
    assert [answer[0] for answer in (too_large, blank)] == [False, False]
    assert [(type(error), messages) for error, messages in reported] == [
        (MessageTooLarge, [too_large[1]]),
        (InvalidMessage, [blank[1]]),
    ]
    assert posthog_server.requests == []


def test_a_wrong_type_is_raised_and_not_reported(posthog_server: PostHogServer) -> None:
    reported: Reported = []
    with Client("phc_key", posthog_server.url, on_error=lambda *args: reported.append(args)) as client:
        with pytest.raises(InvalidMessage):
            client.track("u1", 5)  # type: ignore[arg-type]
        with pytest.raises(AssertionError):
            client.track()
    assert reported == []


def test_losses_of_the_module_are_reported_to_its_on_error(posthog_server: PostHogServer) -> None:
    reported: Reported = []
    posthog_server.answer = lambda _: (401, {}, b"")
    analytics.write_key, analytics.host = "phc_key", posthog_server.url
    analytics.on_error = lambda *args: reported.append(args)
    _, message = analytics.track("u1", "Bought")
    analytics.flush()
    assert [messages for _, messages in reported] == [[message]]


def test_every_kind_of_loss_is_reported(posthog_server: PostHogServer, reports: Reports) -> None:
    def before_send(event: dict[str, Any]) -> dict[str, Any] | None:
        if event["event"] == "Raise":
            raise RuntimeError
        return {} if event["event"] == "Empty" else event

    posthog_server.answer = refusing("refused", status=401)
    with OURS.client(
        posthog_server, upload_size=1, max_queue_size=1, before_send=before_send, **reports.options()
    ) as client:
        client.track("u1", "Big", {"text": "x" * (1 << 20)})
        client.track(" ", "Blank")
        client.track("u1", "Raise")
        client.track("u1", "Empty")
        client.track("refused", "Refused")
        assert client.flush()
        posthog_server.answer = lambda _: HANG
        client.track("u1", "Hangs")
        posthog_server.wait_for_requests(2)
        client.track("u1", "Queued")
        client.track("u1", "Full")
        end_quickly(client, 0.1)
        client.track("u1", "Late")
    found = {messages[0]["event"]: type(error) for error, messages in reports.errors}
    found.update({message["event"]: type(error) for error, messages in reports.errors for message in messages})
    assert found == {
        "Big": MessageTooLarge,
        "Blank": InvalidMessage,
        "Raise": AnalyticsError,
        "Empty": InvalidMessage,
        "Refused": DeliveryError,
        "Hangs": ClientShutDown,
        "Queued": ClientShutDown,
        "Full": QueueFull,
        "Late": ClientShutDown,
    }
    assert len(reports.lost) == 9
    assert client.stats() == stats(accepted=3, failed=3, refused=6)
    posthog_server.release()


def test_a_server_that_never_answers_is_reported(reports: Reports) -> None:
    client = Client("phc_key", "http://127.0.0.1:1", max_retries=1, **reports.options())
    _, message = client.track("u1", "Bought")
    assert client.flush(10)
    ((error, messages),) = reports.errors
    assert messages == [message]
    assert "ConnectionRefusedError" in str(error)
    assert "phc_key" not in str(error)
    client.shutdown()
