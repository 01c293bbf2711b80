"""`before_send` gets each event and has the last word; nothing that it does harms the app or another event."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from analytics_posthog import AnalyticsError, Client, InvalidMessage, MessageTooLarge
from tests.support.posthog_server import PostHogServer

Event = dict[str, Any]
Reported = list[tuple[Exception, list[dict[str, Any]]]]
MODES = pytest.mark.parametrize("sync_mode", [False, True], ids=["threads", "sync_mode"])


def names(server: PostHogServer) -> list[str]:
    return [event["event"] for event in server.events]


def sent(
    server: PostHogServer, before_send: Callable[[Event], Any], sync_mode: bool = False
) -> tuple[tuple[bool, Any], Reported]:
    """What a call between two others answers, and what `on_error` got; `before_send` gets only its event."""
    reported: Reported = []

    def hook(event: Event) -> Any:
        return before_send(event) if event["event"] == "Bought" else event

    settings: dict[str, Any] = {
        "before_send": hook,
        "sync_mode": sync_mode,
        "on_error": lambda *args: reported.append(args),
    }
    with Client("phc_key", server.url, **settings) as client:
        client.track("u1", "Before")
        answer = client.track("u1", "Bought", {"price": 5, "items": [{"sku": "a"}]}, message_id="m1")
        client.track("u1", "After")
    return answer, reported


@MODES
def test_it_gets_the_event_as_it_would_be_sent(sync_mode: bool, posthog_server: PostHogServer) -> None:
    seen: list[Event] = []
    answer, reported = sent(posthog_server, lambda event: seen.append(event) or event, sync_mode)
    assert (answer[0], reported, names(posthog_server)) == (True, [], ["Before", "Bought", "After"])
    (event,) = seen
    arrived = posthog_server.events[1]
    own = {key: value for key, value in arrived["properties"].items() if key not in ("$lib", "$lib_version")}
    assert {**event, "properties": {key: event["properties"][key] for key in own}} == {**arrived, "properties": own}


@MODES
def test_what_it_changes_is_sent_and_the_message_stays(sync_mode: bool, posthog_server: PostHogServer) -> None:
    def edit(event: Event) -> Event:
        event["properties"]["items"].append("more")
        del event["properties"]["price"]
        return {**event, "distinct_id": "someone"}

    (accepted, message), reported = sent(posthog_server, edit, sync_mode)
    assert (accepted, reported) == (True, [])
    assert message["properties"] == {"price": 5, "items": [{"sku": "a"}]}
    arrived = posthog_server.events[1]
    assert (arrived["distinct_id"], arrived["properties"]["items"]) == ("someone", [{"sku": "a"}, "more"])
    assert "price" not in arrived["properties"]


@MODES
def test_none_means_that_it_is_not_sent_and_nobody_is_reported(sync_mode: bool, posthog_server: PostHogServer) -> None:
    (accepted, message), reported = sent(posthog_server, lambda _: None, sync_mode)
    assert (accepted, message["event"], reported) == (True, "Bought", [])
    assert names(posthog_server) == ["Before", "After"]


class AppError(Exception):
    """The app's own."""


@MODES
def test_one_that_raises_costs_its_event_and_nothing_else(sync_mode: bool, posthog_server: PostHogServer) -> None:
    cause = AppError("4111 1111 1111 1111")

    def fail(_: Event) -> Event:
        raise cause

    (accepted, message), reported = sent(posthog_server, fail, sync_mode)
    assert accepted is False
    ((error, messages),) = reported
    assert isinstance(error, AnalyticsError)
    assert "before_send" in str(error)
    assert "4111" not in str(error)
    assert error.__cause__ is cause
    assert messages == [message]
    assert names(posthog_server) == ["Before", "After"]


def without(key: str) -> Callable[[Event], Event]:
    return lambda event: {name: value for name, value in event.items() if name != key}


WRONG: dict[str, Callable[[Event], Any]] = {
    "an empty dict": lambda _: {},
    "a text": lambda _: "event",
    "a list": lambda event: [event],
    "True": lambda _: True,
    "no event": without("event"),
    "no distinct_id": without("distinct_id"),
    "no properties": without("properties"),
    "properties that are none": lambda event: {**event, "properties": None},
    "an empty name": lambda event: {**event, "event": ""},
    "an empty distinct_id": lambda event: {**event, "distinct_id": ""},
}


@MODES
@pytest.mark.parametrize("before_send", WRONG.values(), ids=WRONG)
def test_what_is_no_event_is_not_sent_and_reported(
    before_send: Callable[[Event], Any], sync_mode: bool, posthog_server: PostHogServer
) -> None:
    (accepted, message), reported = sent(posthog_server, before_send, sync_mode)
    assert accepted is False
    ((error, messages),) = reported
    assert isinstance(error, InvalidMessage)
    assert "before_send" in str(error)
    assert messages == [message]
    assert names(posthog_server) == ["Before", "After"]


REFUSED: dict[str, Callable[[Event], Any]] = {
    "a name that is a number": lambda event: {**event, "event": 5},
    "a timestamp that is a number": lambda event: {**event, "timestamp": 5},
    "a uuid that is not one": lambda event: {**event, "uuid": "1"},
}


@pytest.mark.parametrize("before_send", REFUSED.values(), ids=REFUSED)
def test_what_posthog_refuses_costs_no_neighbour_and_is_reported(
    before_send: Callable[[Event], Any], posthog_server: PostHogServer
) -> None:
    (_, message), reported = sent(posthog_server, before_send)
    assert [messages for _, messages in reported] == [[message]]
    assert names(posthog_server) == ["Before", "After"]


def test_values_that_json_has_not_are_cleaned_as_a_call_s_are(
    posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    order = uuid.UUID(int=5)

    def add(event: Event) -> Event:
        day = datetime.date(2026, 1, 2)
        return {
            **event,
            "properties": {
                **event["properties"],
                "order": order,
                "day": day,
                "rate": float("nan"),
                "lock": object(),
                7: "seven",
            },
        }

    answer, reported = sent(posthog_server, add)
    assert (answer[0], reported, names(posthog_server)) == (True, [], ["Before", "Bought", "After"])
    properties = posthog_server.events[1]["properties"]
    added = {key: properties[key] for key in ("order", "day", "rate", "7", "price")}
    assert added == {"order": str(order), "day": "2026-01-02", "rate": None, "7": "seven", "price": 5}
    assert "lock" not in properties
    assert [record.getMessage() for record in caplog.records if "lock" in record.getMessage()], (
        "what is left out is warned of"
    )


def test_an_event_that_it_makes_too_large_is_refused(posthog_server: PostHogServer) -> None:
    def grow(event: Event) -> Event:
        return {**event, "properties": {**event["properties"], "text": "x" * (1 << 20)}}

    (accepted, message), reported = sent(posthog_server, grow)
    assert accepted is False
    ((error, messages),) = reported
    assert isinstance(error, MessageTooLarge)
    assert messages == [message]
    assert names(posthog_server) == ["Before", "After"]


def test_an_event_that_it_makes_small_enough_is_sent(posthog_server: PostHogServer) -> None:
    def shorten(event: Event) -> Event:
        return {**event, "properties": {"text": event["properties"]["text"][:10]}}

    with Client("phc_key", posthog_server.url, before_send=shorten) as client:
        assert client.track("u1", "Bought", {"text": "x" * (1 << 20)})[0] is True
    (event,) = posthog_server.events
    assert event["properties"]["text"] == "x" * 10


def test_it_may_keep_and_change_the_event_afterwards(posthog_server: PostHogServer) -> None:
    kept: list[Event] = []
    with Client(
        "phc_key", posthog_server.url, upload_interval=10, before_send=lambda event: kept.append(event) or event
    ) as client:
        client.track("u1", "Bought", {"items": ["a"]})
        kept[0]["properties"]["items"].append(object())
        kept[0]["event"] = "Changed"
    assert [(event["event"], event["properties"]["items"]) for event in posthog_server.events] == [("Bought", ["a"])]


def test_it_may_call_analytics_itself(posthog_server: PostHogServer) -> None:
    def also(event: Event) -> Event:
        if event["event"] == "Bought":
            client.track("u1", "Also")
            client.flush(0)
        return event

    with Client("phc_key", posthog_server.url, before_send=also) as client:
        assert client.track("u1", "Bought")[0] is True
    assert sorted(names(posthog_server)) == ["Also", "Bought"]
