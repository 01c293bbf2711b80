"""`flush(timeout)` returns within its timeout, says whether all that was called before is dealt with, and never raises."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import Client, DeliveryError
from tests.support.posthog_server import HANG, Answer, PostHogServer, Request


def ids(server: PostHogServer) -> list[str]:
    return [event["distinct_id"] for event in server.events]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def at_once(function: Any, count: int) -> list[Any]:
    """What `count` threads get from calling a function at the same time."""
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(function())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == count
    return results


def test_all_is_sent_when_it_says_true(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url) as client:
        for number in range(250):
            client.track(str(number), "Bought")
        assert client.flush() is True
        assert ids(posthog_server) == [str(number) for number in range(250)]


def test_with_nothing_to_send_it_returns_true_at_once(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=30) as client, within(2):
        assert client.flush() is True
        assert client.flush(0) is True
    assert posthog_server.requests == []


def test_it_does_not_wait_for_the_interval_or_a_full_batch(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=30, upload_size=1000) as client:
        client.track("u1", "Bought")
        with within(2):
            assert client.flush() is True
        assert ids(posthog_server) == ["u1"]


def test_with_three_threads_none_keeps_a_part_back(posthog_server: PostHogServer) -> None:
    """Each thread may hold a few events, waiting for more; a flush must reach all of them, each time."""
    with Client("phc_key", posthog_server.url, thread=3, upload_interval=2) as client:
        for turn in range(40):
            for number in range(5):
                client.track(f"{turn}-{number}", "Bought")
            assert client.flush(1) is True, f"turn {turn}"
            assert len(posthog_server.events) == 5 * (turn + 1)


@pytest.mark.parametrize("timeout", [0, 0.3])
def test_within_its_timeout_it_says_false(timeout: float, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
        started = time.monotonic()
        assert client.flush(timeout) is False
        assert timeout <= time.monotonic() - started < timeout + 1
        posthog_server.release()
        assert client.flush() is True


@pytest.mark.parametrize("timeout", [math.inf, 1e10, 1e300], ids=str)
def test_it_takes_any_timeout(timeout: float, posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=30) as client:
        client.track("u1", "Bought")
        with within(2):
            assert client.flush(timeout) is True
    assert ids(posthog_server) == ["u1"]


def test_with_the_server_down_it_says_false_in_time(posthog_server: PostHogServer) -> None:
    posthog_server.stop()
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
        with within(1):
            assert client.flush(0.3) is False
        posthog_server.start()
        assert client.flush() is True
    assert ids(posthog_server) == ["u1"]


def test_what_could_not_be_delivered_was_told_by_then_and_counts_as_dealt_with(posthog_server: PostHogServer) -> None:
    told: list[Any] = []
    posthog_server.answer = lambda _: (401, {}, b"")
    with Client("phc_key", posthog_server.url, on_error=lambda error, items: told.append((type(error), items))) as client:
        _, message = client.track("u1", "Bought")
        assert client.flush() is True
        assert told == [(DeliveryError, [message])]


def test_it_does_not_wait_for_what_was_called_after_it(posthog_server: PostHogServer) -> None:
    go_on = threading.Event()

    def answer(request: Request) -> Answer | str | None:
        if b'"late"' in request.body:
            return HANG
        go_on.wait(10)
        return None

    posthog_server.answer = answer
    with Client("phc_key", posthog_server.url, upload_size=1) as client:
        client.track("early", "Bought")
        posthog_server.wait_for_requests(1)
        answers: list[bool] = []
        flushing = threading.Thread(target=lambda: answers.append(client.flush(10)))
        flushing.start()
        wait_until(lambda: is_waiting(flushing))
        client.track("late", "Bought")
        go_on.set()
        with within(3):
            flushing.join(10)
        assert answers == [True]
        assert ids(posthog_server) == ["early"]
        posthog_server.release()


def is_waiting(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code.co_name == "wait"


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def test_threads_may_flush_at_the_same_time(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=30) as client:
        for number in range(50):
            client.track(str(number), "Bought")
        with within(5):
            assert at_once(lambda: client.flush(10), 8) == [True] * 8
        assert len(posthog_server.events) == 50


@pytest.mark.parametrize("settings", [{}, {"thread": 3}, {"upload_interval": 20}, {"thread": 2, "upload_interval": 20}], ids=str)
def test_what_was_called_before_is_sent_while_others_go_on_calling(settings: dict[str, Any], posthog_server: PostHogServer) -> None:
    stop = threading.Event()

    def call(name: int) -> None:
        number = 0
        while not stop.is_set() and number < 20_000:
            client.track(f"other-{name}-{number}", "Bought")
            number += 1
            stop.wait(0.001)

    with Client("phc_key", posthog_server.url, max_queue_size=0, **settings) as client:
        others = [threading.Thread(target=call, args=(name,)) for name in range(3)]
        for other in others:
            other.start()
        try:
            for turn in range(15):
                client.track(f"mine-{turn}", "Bought")
                with within(10):  # and so without waiting for the interval
                    assert client.flush(15) is True, f"turn {turn}"
                assert f"mine-{turn}" in ids(posthog_server)
        finally:
            stop.set()
            for other in others:
                other.join(10)
    assert len(set(ids(posthog_server))) == len(posthog_server.events)


def test_on_a_full_queue_it_still_gets_through(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    with Client("phc_key", posthog_server.url, max_queue_size=1, upload_size=1) as client:
        client.track("u1", "Bought")
        posthog_server.wait_for_requests(1)
        client.track("u2", "Bought")
        assert client.flush(0.1) is False
        posthog_server.release()
        with within(2):
            assert client.flush() is True
    assert ids(posthog_server) == ["u1", "u2"]


def test_flushes_in_vain_take_no_room_in_the_queue(posthog_server: PostHogServer) -> None:
    """An app that flushes at the end of each request must not fill its queue by that while the server is away."""
    posthog_server.answer = lambda _: HANG
    with Client("phc_key", posthog_server.url, max_queue_size=10, upload_size=1) as client:
        client.track("u0", "Bought")
        posthog_server.wait_for_requests(1)
        for _ in range(20):
            assert client.flush(0.01) is False
        answers = [client.track(f"u{number}", "Bought")[0] for number in range(1, 8)]
        posthog_server.release()
    assert answers == [True] * 7
    assert ids(posthog_server) == [f"u{number}" for number in range(8)]


def test_the_module_s_flush_needs_no_call_and_no_key_before() -> None:
    assert analytics.flush() is True
    assert analytics.default_client is None


def test_the_module_s_flush_sends_what_the_module_was_called_with(posthog_server: PostHogServer) -> None:
    analytics.write_key, analytics.host = "phc_key", posthog_server.url
    analytics.track("u1", "Bought")
    assert analytics.flush(10) is True
    assert ids(posthog_server) == ["u1"]
