"""flush() returns within its timeout and says whether all was handed over, in every state of the client and of the server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from freezegun import freeze_time

import analytics_posthog
from analytics_posthog import Client, DeliveryError
from tests.support.child_process import run_python
from tests.support.posthog_server import PostHogServer
from tests.support.two_clients import OURS, abandon

SETTINGS = "import analytics_posthog as analytics\nanalytics.write_key, analytics.host = 'phc_key', {url!r}\n"
HOLES = ["refuses connections", "accepts and never answers"]


@pytest.fixture(params=HOLES)
def dead_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param != HOLES[0]:
            listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def client(posthog_server: PostHogServer) -> Iterator[Client]:
    with OURS.client(posthog_server) as client:
        yield client


def uuids(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["uuid"] for event in events)


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.monotonic()
    return call(), time.monotonic() - start


# --- what flush() promises


def test_flush_says_true_when_all_that_was_called_before_has_arrived(client: Client, posthog_server: PostHogServer) -> None:
    for number in range(250):
        client.track(f"u{number}", "Bought")
    assert client.flush() is True
    assert len(posthog_server.events) == 250
    assert client.flush() is True


def test_flush_does_not_wait_for_the_upload_interval(posthog_server: PostHogServer) -> None:
    with OURS.client(posthog_server, upload_interval=60) as client:
        client.track("u1", "Bought")
        done, seconds = timed(client.flush)
    assert done
    assert seconds < 2


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_flush_does_not_wait_for_the_upload_interval_of_any_of_several_threads(threads: int, posthog_server: PostHogServer) -> None:
    with OURS.client(posthog_server, thread=threads, upload_interval=60, upload_size=20) as client:
        for _ in range(30):
            for number in range(50):
                client.track(f"u{number}", "Bought")
            assert client.flush(2)
    assert len(posthog_server.events) == 1500


def test_flush_does_not_wait_for_what_comes_after_it(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: time.sleep(0.05)
    with OURS.client(posthog_server, upload_size=10) as client:
        stop = threading.Event()

        def work() -> None:
            while not stop.wait(0.001):
                client.track("later", "Called")

        thread = threading.Thread(target=work)
        thread.start()
        try:
            client.track("u1", "Bought")
            done, seconds = timed(lambda: client.flush(5))
        finally:
            stop.set()
            thread.join()
    assert done
    assert seconds < 3
    assert "u1" in [event["distinct_id"] for event in posthog_server.events]


@pytest.mark.parametrize("options", [{}, {"thread": 3}, {"sync_mode": True, "max_retries": 0}, {"gzip": True}])
@pytest.mark.parametrize("timeout", [0.3, 0, -1])
def test_flush_returns_within_its_timeout_when_the_server_is_dead(dead_url: str, timeout: float, options: dict[str, Any]) -> None:
    client = Client("phc_key", dead_url, timeout=0.3, **options)
    try:
        for _ in range(3):
            try:
                client.track("u1", "Bought")
            except DeliveryError:
                assert "sync_mode" in options
        done, seconds = timed(lambda: client.flush(timeout))
        assert done is ("sync_mode" in options)  # it was said at the call
        assert seconds < max(timeout, 0) + 0.5
    finally:
        abandon(client)


@pytest.mark.parametrize("timeout", [None, float("inf"), 1e12, 5])
def test_any_timeout_will_do(client: Client, timeout: float | None) -> None:
    client.track("u1", "Bought")
    assert client.flush(timeout) is True


def test_many_threads_flush_at_once(client: Client, posthog_server: PostHogServer) -> None:
    def call_and_flush(name: int) -> bool:
        return all(client.track(f"{name}-{number}", "Bought") and client.flush(10) for number in range(20))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call_and_flush, range(8))) == [True] * 8
    assert len(posthog_server.events) == 160


def test_flush_with_a_full_queue_sends_it(posthog_server: PostHogServer) -> None:
    with OURS.client(posthog_server, max_queue_size=5, upload_interval=60) as client:
        accepted = [client.track(f"u{number}", "Bought")[0] for number in range(100)]
        assert client.flush(10)
    assert len(posthog_server.events) == sum(accepted)


def test_flush_after_shutdown_in_sync_mode_and_with_send_false_is_true_at_once(posthog_server: PostHogServer) -> None:
    for options in ({"send": False}, {"sync_mode": True}, {"write_key": ""}):
        with Client(**{"write_key": "phc_key", "host": posthog_server.url, **options}) as client:
            client.track("u1", "Bought")
            assert timed(client.flush)[1] < 0.5
            assert client.flush() is True
        assert client.flush() is True, options
    with OURS.client(posthog_server) as client:
        client.shutdown()
        assert client.flush() is True


def test_the_module_s_flush_is_true_before_any_call() -> None:
    assert analytics_posthog.flush() is True
    assert analytics_posthog.default_client is None


@pytest.mark.parametrize("callback", ["on_error", "on_success"])
def test_flush_in_a_callback_of_the_sending_thread_returns_at_once(callback: str, posthog_server: PostHogServer) -> None:
    answers: list[tuple[bool, float]] = []
    if callback == "on_error":
        posthog_server.answer = lambda _: (401, {}, b"{}")
    with OURS.client(posthog_server, **{callback: lambda *_: answers.append(timed(client.flush))}) as client:
        client.track("u1", "Bought")
        assert client.flush(5)
    ((done, seconds),) = answers
    assert done is False  # what it is told of is not yet counted
    assert seconds < 0.5


def test_flush_in_before_send_returns_in_time(posthog_server: PostHogServer) -> None:
    def before_send(event: dict[str, Any]) -> dict[str, Any]:
        assert client.flush(1)
        return event

    with OURS.client(posthog_server, before_send=before_send) as client:
        assert client.track("u1", "Bought")[0]
        assert client.track("u2", "Bought")[0]
        assert client.flush()
    assert len(posthog_server.events) == 2


def test_flush_keeps_to_its_timeout_in_a_signal_handler_that_interrupted_a_call(client: Client) -> None:
    """Such a handler runs in the thread that it interrupts, so that thread can't give back the queue's lock before it ends."""
    client.track("u1", "Bought")
    with client.queue.mutex:
        _, seconds = timed(lambda: client.flush(0.3))
    assert seconds < 1
    assert client.flush()


@pytest.mark.parametrize("frozen_at_import", [False, True])
def test_flush_and_exit_keep_real_time_while_a_test_has_frozen_it(frozen_at_import: bool) -> None:
    load = "import analytics_posthog as analytics"
    freeze = "freezer = freeze_time('2020-02-02')\nfreezer.start()"
    script = """
analytics.write_key, analytics.host, analytics.exit_timeout = "phc_key", "http://127.0.0.1:1", 0.5
ok, message = analytics.track("u1", "Bought")
print(message["timestamp"][:19], analytics.flush(0.5))
"""
    lines = ["from freezegun import freeze_time", *([freeze, load] if frozen_at_import else [load, freeze]), script]
    done, seconds = timed(lambda: run_python("-c", "\n".join(lines), timeout=20))
    assert done.stdout == "2020-02-02T00:00:00 False\n", done.stderr
    assert done.stderr == "1 event(s) were not sent before the exit\n"
    assert seconds < 8


def test_time_that_a_test_has_frozen_holds_up_no_delivery(client: Client, posthog_server: PostHogServer) -> None:
    with freeze_time("2020-02-02", tick=False):
        client.track("u1", "Bought")
        assert client.flush()
    (event,) = posthog_server.events
    assert event["timestamp"] == "2020-02-02T00:00:00.000+00:00"


# --- a dead server


def test_with_a_dead_server_flush_2_takes_under_3_seconds_and_the_process_is_over_within_10(dead_url: str) -> None:
    script = """
import time
for number in range(100):
    assert analytics.track(f"u{number}", "Bought")[0]
start = time.monotonic()
print(analytics.flush(2), time.monotonic() - start)
"""
    done, seconds = timed(lambda: run_python("-c", SETTINGS.format(url=dead_url) + script))
    flushed, flush_seconds = done.stdout.split()
    assert flushed == "False"
    assert float(flush_seconds) < 3
    assert seconds < 10
    assert done.stderr == "100 event(s) were not sent before the exit\n"


def test_a_host_that_no_name_service_knows_is_retried_and_holds_nothing_up() -> None:
    client = Client("phc_key", "http://posthog.invalid", timeout=0.5)
    try:
        client.track("u1", "Bought")
        assert timed(lambda: client.flush(0.5))[1] < 1
        assert client.stats()["queued"] == 1
    finally:
        abandon(client)
