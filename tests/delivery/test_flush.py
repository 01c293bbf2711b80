"""`flush()` sends all that was called before it, says so, and never raises."""

from __future__ import annotations

import math
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import Client, DeliveryError
from tests.support.clock import wait_until, within
from tests.support.posthog_server import HANG, Answer, PostHogServer, Request
from tests.support.two_clients import OURS


def test_all_is_sent_when_it_returns_true(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url) as client:
        for number in range(250):
            client.track(str(number), "Bought")
        assert client.flush() is True
        assert posthog_server.distinct_ids == [str(number) for number in range(250)]


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
        assert posthog_server.distinct_ids == ["u1"]


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_it_does_not_wait_for_the_upload_interval_of_any_thread(threads: int, posthog_server: PostHogServer) -> None:
    """Each thread may hold a few events while it waits for more. A flush reaches all of them, each time."""
    sent = 0
    with Client("phc_key", posthog_server.url, thread=threads, upload_interval=60, upload_size=20) as client:
        for turn in range(60):
            events = 5 if turn % 2 else 50
            for number in range(events):
                client.track(f"{turn}-{number}", "Bought")
            sent += events
            assert client.flush(2) is True, f"turn {turn}"
            assert len(posthog_server.events) == sent, f"turn {turn}"


@pytest.mark.parametrize("timeout", [None, 5, math.inf, 1e10, 1e12, 1e300], ids=str)
def test_it_takes_any_timeout(timeout: float | None, posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=30) as client:
        client.track("u1", "Bought")
        with within(2):
            assert client.flush(timeout) is True
    assert posthog_server.distinct_ids == ["u1"]


def test_events_that_posthog_refuses_are_reported_before_it_returns_true(posthog_server: PostHogServer) -> None:
    reported: list[Any] = []
    posthog_server.answer = lambda _: (401, {}, b"")
    with Client(
        "phc_key", posthog_server.url, on_error=lambda error, items: reported.append((type(error), items))
    ) as client:
        _, message = client.track("u1", "Bought")
        assert client.flush() is True
        assert reported == [(DeliveryError, [message])]


def test_it_does_not_wait_for_calls_that_come_after_it(posthog_server: PostHogServer) -> None:
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
        assert posthog_server.distinct_ids == ["early"]
        posthog_server.release()


def is_waiting(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code.co_name == "wait"


def test_it_returns_though_calls_come_faster_than_the_server_takes_them(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: time.sleep(0.05)
    stop = threading.Event()
    with OURS.client(posthog_server, upload_size=10) as client:

        def call() -> None:
            while not stop.wait(0.001):
                client.track("later", "Called")

        thread = threading.Thread(target=call)
        thread.start()
        try:
            client.track("u1", "Bought")
            with within(3):
                assert client.flush(5) is True
        finally:
            stop.set()
            thread.join()
    assert "u1" in posthog_server.distinct_ids


def test_threads_may_flush_at_the_same_time(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=30) as client:
        for number in range(50):
            client.track(str(number), "Bought")
        with within(5), ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(client.flush, 10) for _ in range(8)]
        assert [answer.result() for answer in answers] == [True] * 8
        assert len(posthog_server.events) == 50


def test_many_threads_call_and_flush(posthog_server: PostHogServer) -> None:
    def call_and_flush(name: int) -> bool:
        return all(client.track(f"{name}-{number}", "Bought") and client.flush(10) for number in range(20))

    with Client("phc_key", posthog_server.url) as client, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call_and_flush, range(8))) == [True] * 8
    assert len(posthog_server.events) == 160


@pytest.mark.parametrize(
    "settings", [{}, {"thread": 3}, {"upload_interval": 20}, {"thread": 2, "upload_interval": 20}], ids=str
)
def test_earlier_calls_are_sent_while_other_threads_keep_calling(
    settings: dict[str, Any], posthog_server: PostHogServer
) -> None:
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
                assert f"mine-{turn}" in posthog_server.distinct_ids
        finally:
            stop.set()
            for other in others:
                other.join(10)
    assert len(set(posthog_server.distinct_ids)) == len(posthog_server.events)


def test_it_sends_what_is_in_a_full_queue_when_the_server_answers_again(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    with Client("phc_key", posthog_server.url, max_queue_size=1, upload_size=1) as client:
        client.track("u1", "Bought")
        posthog_server.wait_for_requests(1)
        client.track("u2", "Bought")
        assert client.flush(0.1) is False
        posthog_server.release()
        with within(2):
            assert client.flush() is True
    assert posthog_server.distinct_ids == ["u1", "u2"]


def test_it_sends_a_full_queue(posthog_server: PostHogServer) -> None:
    with OURS.client(posthog_server, max_queue_size=5, upload_interval=60) as client:
        accepted = [client.track(f"u{number}", "Bought")[0] for number in range(100)]
        assert client.flush(10)
    assert len(posthog_server.events) == sum(accepted)


def test_a_flush_that_fails_takes_no_room_in_the_queue(posthog_server: PostHogServer) -> None:
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
    assert posthog_server.distinct_ids == [f"u{number}" for number in range(8)]


@pytest.mark.parametrize("settings", [{}, {"send": False}, {"sync_mode": True}, {"write_key": ""}], ids=str)
def test_it_is_true_at_once_after_shutdown_in_sync_mode_and_with_send_false(
    settings: dict[str, Any], posthog_server: PostHogServer
) -> None:
    with Client(**{"write_key": "phc_key", "host": posthog_server.url, **settings}) as client:
        if settings:
            client.track("u1", "Bought")
            with within(0.5):
                assert client.flush() is True
    with within(0.5):
        assert client.flush() is True


def test_flush_of_the_module_needs_no_call_before(posthog_server: PostHogServer) -> None:
    analytics.write_key, analytics.host = "phc_key", posthog_server.url
    assert analytics.flush() is True


def test_flush_of_the_module_sends_the_calls_of_the_module(posthog_server: PostHogServer) -> None:
    analytics.write_key, analytics.host = "phc_key", posthog_server.url
    analytics.track("u1", "Bought")
    assert analytics.flush(10) is True
    assert posthog_server.distinct_ids == ["u1"]
