"""A callback may call the client, raise or take its time: it harms no event and delays no call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from analytics_posthog import AnalyticsError, Client, MessageTooLarge, QueueFull
from tests.support.callbacks import Message, Reported, refusing, stats
from tests.support.posthog_server import HANG, PostHogServer
from tests.support.two_clients import OURS

FAILURES = [RuntimeError("app"), KeyError("u1"), SystemExit(1), KeyboardInterrupt(), GeneratorExit()]


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
@pytest.mark.parametrize("threads", [1, 2])
def test_one_that_raises_harms_nothing(threads: int, failure: BaseException, posthog_server: PostHogServer) -> None:
    calls: list[str] = []

    def fail(*arguments: Any) -> None:
        calls.extend(message["userId"] for message in arguments[-1])
        raise failure

    posthog_server.answer = refusing("u3", "u5")
    with OURS.client(posthog_server, upload_size=2, thread=threads, on_error=fail, on_success=fail) as client:
        for number in range(10):
            assert client.track(f"u{number}", "Bought")[0] is True
        assert client.flush(3) is True
        assert client.stats() == stats(10, 8, 2)
        assert client.track("u10", "Bought")[0] is True
        assert client.flush(3) is True
        assert [consumer.is_alive() for consumer in client.consumers] == [True] * threads
    assert sorted(calls) == sorted(f"u{number}" for number in range(11))
    assert sorted(posthog_server.distinct_ids) == sorted(f"u{number}" for number in range(11) if number not in (3, 5))


def test_one_that_raises_does_not_raise_from_a_call(posthog_server: PostHogServer) -> None:
    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        raise KeyError("u1")

    with Client("phc_key", posthog_server.url, on_error=on_error) as client:
        assert client.track("u1", "Bought", {"text": "x" * (1 << 20)})[0] is False


ACTIONS: dict[str, Callable[[Client], Any]] = {
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
@pytest.mark.parametrize("does", ACTIONS.values(), ids=ACTIONS)
def test_it_may_call_the_client_from_the_sending_thread(
    does: Callable[[Client], Any], thread: int, posthog_server: PostHogServer
) -> None:
    reported = threading.Event()

    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        if messages[0]["userId"] == "bad":
            does(client)
            reported.set()

    posthog_server.answer = refusing("bad")
    client = Client("phc_key", posthog_server.url, thread=thread, upload_interval=0.05, on_error=on_error)
    client.track("bad", "Bought")
    started = time.monotonic()
    assert reported.wait(8)
    client.flush(5)
    client.shutdown()
    assert time.monotonic() - started < 5
    assert set(posthog_server.distinct_ids) <= {"again"}


@pytest.mark.parametrize("does", ACTIONS.values(), ids=ACTIONS)
def test_it_may_call_the_client_from_the_caller_s_thread(
    does: Callable[[Client], Any], posthog_server: PostHogServer
) -> None:
    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        if isinstance(error, MessageTooLarge):
            does(client)

    client = Client("phc_key", posthog_server.url, on_error=on_error)
    client.track("u1", "Bought")
    started = time.monotonic()
    assert client.track("big", "Bought", {"text": "x" * (1 << 20)})[0] is False
    client.shutdown()
    assert time.monotonic() - started < 5
    assert posthog_server.distinct_ids[:1] == ["u1"]


def test_calls_of_on_error_on_a_full_queue_do_not_recurse_for_ever(posthog_server: PostHogServer) -> None:
    reported: Reported = []

    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        reported.append((error, messages))
        if len(reported) < 5:
            client.track("u9", "Lost one")

    posthog_server.answer = lambda _: HANG
    with Client("phc_key", posthog_server.url, max_queue_size=1, upload_size=1, on_error=on_error) as client:
        client.track("u1", "Bought")
        posthog_server.wait_for_requests(1)
        client.track("u2", "Bought")
        assert client.track("u3", "Bought")[0] is False
        posthog_server.release()
    assert [type(error) for error, _ in reported] == [QueueFull], "a call in on_error reports by its return value alone"
    assert all(isinstance(error, AnalyticsError) for error, _ in reported)


def test_one_that_takes_its_time_delays_no_call(posthog_server: PostHogServer) -> None:
    go_on, entered = threading.Event(), threading.Event()

    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        entered.set()
        go_on.wait(10)

    posthog_server.answer = refusing("bad")
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


def test_on_error_may_send_its_messages_again(posthog_server: PostHogServer) -> None:
    """The messages are Segment's, fit for the same calls."""
    posthog_server.answer = refusing("u1", status=401)
    again: list[bool] = []

    def retry(error: Exception, messages: list[Message]) -> None:
        posthog_server.answer = None
        for message in messages:
            again.append(
                client.track(
                    message["userId"], message["event"], message["properties"], message_id=message["messageId"]
                )[0]
            )

    with OURS.client(posthog_server, on_error=retry) as client:
        client.track("u1", "Bought", {"price": 5})
        assert client.flush()
        assert client.flush()
        assert client.stats() == stats(2, 1, 1)
    (event,) = posthog_server.events
    assert again == [True]
    assert event["properties"]["price"] == 5
