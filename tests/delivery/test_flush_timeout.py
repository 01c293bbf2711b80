"""`flush(timeout)` returns within its timeout, whatever the server, a callback or a signal handler does."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from analytics_posthog import Client, DeliveryError
from tests.support.clock import timed, within
from tests.support.posthog_server import HANG, PostHogServer
from tests.support.two_clients import OURS, abandon

HOLES = ["refuses connections", "accepts and never answers"]


@pytest.fixture(params=HOLES)
def dead_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param != HOLES[0]:
            listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("timeout", [0, 0.3])
def test_it_returns_false_after_its_timeout(timeout: float, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
        started = time.monotonic()
        assert client.flush(timeout) is False
        assert timeout <= time.monotonic() - started < timeout + 1
        posthog_server.release()
        assert client.flush() is True


@pytest.mark.parametrize("options", [{}, {"thread": 3}, {"sync_mode": True, "max_retries": 0}, {"gzip": True}], ids=str)
@pytest.mark.parametrize("timeout", [0.3, 0, -1])
def test_it_returns_within_its_timeout_when_the_server_is_dead(
    dead_url: str, timeout: float, options: dict[str, Any]
) -> None:
    client = Client("phc_key", dead_url, timeout=0.1, **options)
    try:
        for _ in range(3):
            try:
                client.track("u1", "Bought")
            except DeliveryError:
                assert "sync_mode" in options
        done, seconds = timed(lambda: client.flush(timeout))
        assert done is ("sync_mode" in options)  # the call raised
        assert seconds < max(timeout, 0) + 0.5
    finally:
        abandon(client)


def test_it_returns_false_in_time_when_the_server_is_down(posthog_server: PostHogServer) -> None:
    posthog_server.stop()
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
        with within(1):
            assert client.flush(0.3) is False
        posthog_server.start()
        assert client.flush() is True
    assert posthog_server.distinct_ids == ["u1"]


def test_a_host_name_that_does_not_exist_is_retried_and_does_not_delay_it() -> None:
    client = Client("phc_key", "http://posthog.invalid", timeout=0.5)
    try:
        client.track("u1", "Bought")
        assert timed(lambda: client.flush(0.5))[1] < 1
        assert client.stats()["queued"] == 1
    finally:
        abandon(client)


@pytest.mark.parametrize("callback", ["on_error", "on_success"])
def test_in_a_callback_of_the_sending_thread_it_returns_at_once(callback: str, posthog_server: PostHogServer) -> None:
    answers: list[tuple[bool, float]] = []
    if callback == "on_error":
        posthog_server.answer = lambda _: (401, {}, b"{}")
    with OURS.client(posthog_server, **{callback: lambda *_: answers.append(timed(client.flush))}) as client:
        client.track("u1", "Bought")
        assert client.flush(5)
    ((done, seconds),) = answers
    assert done is False  # the callback's own messages are not counted yet
    assert seconds < 0.5


def test_in_before_send_it_returns_in_time(posthog_server: PostHogServer) -> None:
    def before_send(event: dict[str, Any]) -> dict[str, Any]:
        assert client.flush(1)
        return event

    with OURS.client(posthog_server, before_send=before_send) as client:
        assert client.track("u1", "Bought")[0]
        assert client.track("u2", "Bought")[0]
        assert client.flush()
    assert len(posthog_server.events) == 2
