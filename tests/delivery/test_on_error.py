"""`on_error(error, messages)` hears of every loss, once, and may do there what it likes: it harms nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import AnalyticsError, Client, DeliveryError, InvalidMessage, MessageTooLarge, QueueFull
from tests.support.posthog_server import HANG, PostHogServer, Request

Told = list[tuple[Exception, list[dict[str, Any]]]]


def ids(server: PostHogServer) -> list[str]:
    return [event["distinct_id"] for event in server.events]


def refuses(*names: str) -> Callable[[Request], Any]:
    """A server's answer that refuses what is of these users."""
    return lambda request: (400, {}, b'{"detail": "no"}') if any(f'"{name}"'.encode() in request.body for name in names) else None


@pytest.mark.parametrize("call", ["track", "identify", "page", "screen", "alias", "group"])
def test_it_gets_the_message_that_the_call_returned(call: str, posthog_server: PostHogServer) -> None:
    told: Told = []
    posthog_server.answer = lambda _: (401, {}, b"")
    arguments = {"track": ("u1", "Bought"), "alias": ("a1", "u1"), "group": ("u1", "g1")}.get(call, ("u1",))
    with Client("phc_key", posthog_server.url, on_error=lambda *args: told.append(args)) as client:
        accepted, message = getattr(client, call)(*arguments)
    assert accepted is True
    ((error, messages),) = told
    assert isinstance(error, DeliveryError)
    assert error.status == 401
    assert messages == [message]
    assert type(messages[0]) is dict


def test_a_batch_is_told_of_at_once_in_its_order(posthog_server: PostHogServer) -> None:
    told: Told = []
    posthog_server.answer = lambda _: (401, {}, b"")
    with Client("phc_key", posthog_server.url, upload_interval=10, on_error=lambda *args: told.append(args)) as client:
        made = [client.track(str(number), "Bought")[1] for number in range(50)]
    assert [messages for _, messages in told] == [made]


def test_its_messages_can_be_sent_again(posthog_server: PostHogServer) -> None:
    told: Told = []
    posthog_server.answer = lambda _: (401, {}, b"")
    with Client("phc_key", posthog_server.url, on_error=lambda *args: told.append(args)) as client:
        client.track("u1", "Bought", {"price": 5}, message_id="m1")
        client.flush()
        posthog_server.answer = None
        ((_, (message,)),) = told
        fields = {"properties": message["properties"], "timestamp": message["timestamp"], "message_id": message["messageId"]}
        client.track(message["userId"], message["event"], context=message["context"], **fields)
    (event,) = posthog_server.events
    assert (event["timestamp"], event["properties"]["price"]) == (message["timestamp"], 5)


def test_it_is_told_of_what_a_call_can_t_accept(posthog_server: PostHogServer) -> None:
    told: Told = []
    with Client("phc_key", posthog_server.url, on_error=lambda *args: told.append(args)) as client:
        too_large = client.track("u1", "Bought", {"text": "x" * (1 << 20)})
        blank = client.track("u1", "  ")
    assert [answer[0] for answer in (too_large, blank)] == [False, False]
    assert [(type(error), messages) for error, messages in told] == [(MessageTooLarge, [too_large[1]]), (InvalidMessage, [blank[1]])]
    assert posthog_server.requests == []


def test_a_wrong_type_is_raised_and_not_told(posthog_server: PostHogServer) -> None:
    told: Told = []
    with Client("phc_key", posthog_server.url, on_error=lambda *args: told.append(args)) as client:
        with pytest.raises(InvalidMessage):
            client.track("u1", 5)  # type: ignore[arg-type]
        with pytest.raises(AssertionError):
            client.track()
    assert told == []


def test_the_module_s_is_told_too(posthog_server: PostHogServer) -> None:
    told: Told = []
    posthog_server.answer = lambda _: (401, {}, b"")
    analytics.write_key, analytics.host = "phc_key", posthog_server.url
    analytics.on_error = lambda *args: told.append(args)
    _, message = analytics.track("u1", "Bought")
    analytics.flush()
    assert [messages for _, messages in told] == [[message]]


@pytest.mark.parametrize(
    "failure", [KeyError("u1"), SystemExit(1), KeyboardInterrupt(), GeneratorExit()], ids=lambda failure: type(failure).__name__
)
def test_one_that_raises_harms_nothing(failure: BaseException, posthog_server: PostHogServer) -> None:
    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        raise failure

    posthog_server.answer = refuses("bad")
    with Client("phc_key", posthog_server.url, upload_size=2, on_error=on_error) as client:
        for user_id in ("u1", "bad", "u2", "bad", "u3"):
            assert client.track(user_id, "Bought")[0] is True
        assert client.flush(3) is True
        assert client.track("u4", "Bought")[0] is True
        assert client.flush(3) is True
        alive = [consumer.is_alive() for consumer in client.consumers or ()]
    assert alive == [True]
    assert ids(posthog_server) == ["u1", "u2", "u3", "u4"]


def test_one_that_raises_does_not_raise_from_a_call(posthog_server: PostHogServer) -> None:
    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        raise KeyError("u1")

    with Client("phc_key", posthog_server.url, on_error=on_error) as client:
        assert client.track("u1", "Bought", {"text": "x" * (1 << 20)})[0] is False


WHAT_IT_DOES: dict[str, Callable[[Client], Any]] = {
    "flush": lambda client: client.flush(),
    "shutdown": lambda client: client.shutdown(),
    "join": lambda client: client.join(),
    "track": lambda client: client.track("again", "Bought"),
    "track and flush": lambda client: (client.track("again", "Bought"), client.flush()),
    "the official client's flush": lambda client: client.posthog.flush(),
    "the official client's shutdown": lambda client: client.posthog.shutdown(),
    "flush in a thread of its own": lambda client: threading.Thread(target=client.flush).start(),
}


@pytest.mark.parametrize("thread", [1, 3])
@pytest.mark.parametrize("does", WHAT_IT_DOES.values(), ids=WHAT_IT_DOES)
def test_it_may_call_the_client_from_the_sending_thread(does: Callable[[Client], Any], thread: int, posthog_server: PostHogServer) -> None:
    told = threading.Event()

    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        if messages[0]["userId"] == "bad":
            does(client)
            told.set()

    posthog_server.answer = refuses("bad")
    client = Client("phc_key", posthog_server.url, thread=thread, upload_interval=0.05, on_error=on_error)
    client.track("bad", "Bought")
    started = time.monotonic()
    assert told.wait(8)
    client.flush(5)
    client.shutdown()
    assert time.monotonic() - started < 5
    assert set(ids(posthog_server)) <= {"again"}


@pytest.mark.parametrize("does", WHAT_IT_DOES.values(), ids=WHAT_IT_DOES)
def test_it_may_call_the_client_from_the_caller_s_thread(does: Callable[[Client], Any], posthog_server: PostHogServer) -> None:
    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        if isinstance(error, MessageTooLarge):
            does(client)

    client = Client("phc_key", posthog_server.url, on_error=on_error)
    client.track("u1", "Bought")
    started = time.monotonic()
    assert client.track("big", "Bought", {"text": "x" * (1 << 20)})[0] is False
    client.shutdown()
    assert time.monotonic() - started < 5
    assert ids(posthog_server)[:1] == ["u1"]


def test_what_it_tracks_when_the_queue_is_full_does_not_recurse_for_ever(posthog_server: PostHogServer) -> None:
    told: Told = []

    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        told.append((error, messages))
        if len(told) < 5:
            client.track("u9", "Lost one")

    posthog_server.answer = lambda _: HANG
    with Client("phc_key", posthog_server.url, max_queue_size=1, upload_size=1, on_error=on_error) as client:
        client.track("u1", "Bought")
        posthog_server.wait_for_requests(1)
        client.track("u2", "Bought")
        assert client.track("u3", "Bought")[0] is False
        posthog_server.release()
    assert [type(error) for error, _ in told] == [QueueFull], "a call in on_error answers by itself"
    assert all(isinstance(error, AnalyticsError) for error, _ in told)


def test_one_that_takes_its_time_holds_no_call_up(posthog_server: PostHogServer) -> None:
    go_on, entered = threading.Event(), threading.Event()

    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        entered.set()
        go_on.wait(10)

    posthog_server.answer = refuses("bad")
    with Client("phc_key", posthog_server.url, on_error=on_error) as client:
        client.track("bad", "Bought")
        assert entered.wait(5)
        started = time.monotonic()
        for number in range(50):
            assert client.track(f"u{number}", "Bought")[0] is True
        assert client.flush(0.1) is False
        assert time.monotonic() - started < 1
        go_on.set()
        assert client.flush() is True
    assert len(posthog_server.events) == 50
