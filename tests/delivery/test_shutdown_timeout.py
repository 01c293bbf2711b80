"""`shutdown()` returns within its time and reports each message that is left, once, to `on_error`."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from analytics_posthog import AnalyticsError, Client
from analytics_posthog import _ending as ending
from tests.support.callbacks import Reported, stats
from tests.support.clock import seconds_of
from tests.support.posthog_server import HANG, PostHogServer
from tests.support.two_clients import threads_of

DRAIN_TIMEOUT = 0.5


@pytest.fixture(autouse=True)
def _short_flush_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shutdown may take 30 seconds; the tests do not wait for so long."""
    monkeypatch.setattr(ending, "DRAIN_TIMEOUT", DRAIN_TIMEOUT)


LEFT: list[dict[str, Any]] = [
    {},
    {"thread": 3, "upload_size": 2},
    {"upload_interval": 30},
    {"thread": 3},
    {"upload_size": 5},
]


@pytest.mark.parametrize("away", ["refused", "hangs"])
@pytest.mark.parametrize("settings", LEFT, ids=str)
def test_with_a_dead_server_it_ends_in_time_and_each_message_is_reported_once(
    away: str, settings: dict[str, Any], posthog_server: PostHogServer
) -> None:
    reported: Reported = []
    if away == "hangs":
        posthog_server.answer = lambda _: HANG
    else:
        posthog_server.stop()
    client = Client("phc_key", posthog_server.url, timeout=1, on_error=lambda *args: reported.append(args), **settings)
    made = [client.track(str(number), "Bought")[1] for number in range(40)]
    assert DRAIN_TIMEOUT - 0.1 < seconds_of(client.shutdown) < 3
    for consumer in client.consumers or ():
        consumer.join(5)  # it may still be in its request, as long as `timeout`
    assert threads_of(client) == []
    assert sorted((message["userId"] for _, messages in reported for message in messages), key=int) == [
        m["userId"] for m in made
    ]
    assert all(isinstance(error, AnalyticsError) for error, _ in reported)
    assert client.stats() == stats(accepted=40, failed=40)
    posthog_server.release()


def test_a_message_whose_request_hangs_is_reported_once_even_if_it_arrives_later(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    reported: list[dict[str, Any]] = []
    client = Client("phc_key", posthog_server.url, on_error=lambda _, messages: reported.extend(messages))
    _, message = client.track("u1", "Bought")
    assert seconds_of(client.shutdown) < 3
    assert reported == [message]
    posthog_server.release()
    posthog_server.wait_for(1)  # it did arrive later; nothing more is reported
    assert client.stats()["failed"] == 1


def test_a_batch_whose_thread_is_paused_before_it_is_sent_is_delivered_all_the_same(
    posthog_server: PostHogServer,
) -> None:
    """The official client drops such a batch without a word."""
    client = Client("phc_key", posthog_server.url, upload_interval=0.05)
    (consumer,) = client.consumers or ()
    take, taken = consumer.next, threading.Event()

    def take_and_be_paused() -> list[Any]:
        batch: list[Any] = take()
        if batch:
            consumer.pause()
            taken.set()
        return batch

    consumer.next = take_and_be_paused
    time.sleep(0.1)  # the thread is in the first `next` for so long
    client.track("u1", "Bought")
    assert taken.wait(5)
    client.shutdown()
    assert [event["distinct_id"] for event in posthog_server.events] == ["u1"]
    assert client.stats() == {"accepted": 1, "delivered": 1, "failed": 0, "refused": 0, "queued": 0}


def test_it_ends_the_wait_of_a_retry_in_sync_mode() -> None:
    client = Client("phc_key", "http://127.0.0.1:1", sync_mode=True)
    raised: list[Exception] = []

    def call() -> None:
        try:
            client.track("u1", "Bought")
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.2)
    assert seconds_of(client.shutdown) < 3
    thread.join(5)
    assert [type(error).__name__ for error in raised] == ["NoAnswer"]
    assert client.stats()["failed"] == 1


@pytest.mark.parametrize("callback", ["on_error", "on_success"])
def test_in_a_callback_of_the_sending_thread_it_reports_every_message(
    callback: str, posthog_server: PostHogServer
) -> None:
    took: list[float] = []
    reported: list[str] = []

    def shut_down_first(*arguments: Any) -> None:
        reported.extend(message["userId"] for message in arguments[-1])
        took.append(seconds_of(client.shutdown))

    posthog_server.answer = lambda _: (401, {}, b"{}") if callback == "on_error" else None
    options = {
        "on_error": lambda _, messages: reported.extend(m["userId"] for m in messages),
        callback: shut_down_first,
    }
    client = Client("phc_key", posthog_server.url, upload_size=5, upload_interval=60, **options)
    accepted = [
        message["userId"] for ok, message in (client.track(f"u{number}", "Bought") for number in range(12)) if ok
    ]
    for thread in client.consumers or ():
        thread.join(5)
    assert set(accepted) <= set(reported)
    assert max(took) < 1.5
    assert client.stats()["queued"] == 0
