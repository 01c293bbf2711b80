"""With `sync_mode` a call sends before it returns.

It sends in the caller's thread, retries as the sending threads do, and then raises.
"""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import pytest

from analytics_posthog import AnalyticsError, Client, ClientShutDown, DeliveryError, MessageTooLarge
from tests.support.posthog_server import HANG, RESET, PostHogServer

Reported = list[tuple[Exception, list[dict[str, Any]]]]


def ids(server: PostHogServer) -> list[str]:
    return [event["distinct_id"] for event in server.events]


def test_a_call_sends_before_it_returns_without_a_thread_or_a_queue(posthog_server: PostHogServer) -> None:
    before = {thread for thread in threading.enumerate() if hasattr(thread, "pause")}
    with Client("phc_key", posthog_server.url, sync_mode=True) as client:
        for number in range(5):
            assert client.track(f"u{number}", "Bought")[0] is True
            assert ids(posthog_server) == [f"u{earlier}" for earlier in range(number + 1)]
            assert client.queue.qsize() == 0
        assert not client.consumers
        assert {thread for thread in threading.enumerate() if hasattr(thread, "pause")} == before


@pytest.mark.parametrize("fault", [(503, {}, b""), (429, {}, b""), (503, {"Retry-After": "0.1"}, b""), RESET], ids=str)
def test_a_call_retries_until_it_arrives(fault: Any, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: fault if len(posthog_server.requests) < 3 else None
    with Client("phc_key", posthog_server.url, sync_mode=True) as client:
        assert client.track("u1", "Bought")[0] is True
    assert ids(posthog_server) == ["u1"]
    assert len(posthog_server.requests) == 3


@pytest.mark.parametrize(("status", "requests"), [(503, 3), (429, 3), (400, 1), (401, 1), (413, 1)])
def test_then_it_raises_with_the_status(status: int, requests: int, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: (status, {}, b'{"detail": "no"}')
    with Client("phc_key", posthog_server.url, sync_mode=True, max_retries=2) as client:
        with pytest.raises(DeliveryError, match=str(status)) as raised:
            client.track("u1", "Bought")
        assert raised.value.status == status
        assert len(posthog_server.requests) == requests
        posthog_server.answer = None
        assert client.track("u2", "Bought")[0] is True
    assert ids(posthog_server) == ["u2"]


@pytest.mark.parametrize("call", ["track", "identify", "page", "screen", "alias", "group"])
def test_every_call_raises_when_nobody_listens(call: str, posthog_server: PostHogServer) -> None:
    arguments = {"track": ("u1", "Bought"), "alias": ("a1", "u1"), "group": ("u1", "g1")}.get(call, ("u1",))
    posthog_server.stop()
    with Client("phc_key", posthog_server.url, sync_mode=True, max_retries=1) as client:
        with pytest.raises(DeliveryError) as raised:
            getattr(client, call)(*arguments)
        assert raised.value.status is None
        assert isinstance(raised.value, AnalyticsError)


def test_timeout_bounds_a_call(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    started = time.monotonic()
    with Client("phc_key", posthog_server.url, sync_mode=True, timeout=0.2, max_retries=0) as client:
        with pytest.raises(DeliveryError):
            client.track("u1", "Bought")
        assert time.monotonic() - started < 2
    posthog_server.release()


def test_what_is_the_message_s_own_fault_does_not_raise(posthog_server: PostHogServer) -> None:
    reported: Reported = []
    with Client("phc_key", posthog_server.url, sync_mode=True, on_error=lambda *args: reported.append(args)) as client:
        accepted, message = client.track("u1", "Bought", {"text": "x" * (1 << 20)})
        assert accepted is False
        ((error, messages),) = reported
        assert isinstance(error, MessageTooLarge)
        assert messages == [message]
        assert client.track("u2", "Bought")[0] is True
    assert ids(posthog_server) == ["u2"]


def test_flush_and_shutdown_have_nothing_to_wait_for(posthog_server: PostHogServer) -> None:
    reported: Reported = []
    client = Client("phc_key", posthog_server.url, sync_mode=True, on_error=lambda *args: reported.append(args))
    client.track("u1", "Bought")
    assert client.flush() is True
    client.shutdown()
    client.join()
    assert client.flush() is True
    accepted, message = client.track("u2", "Bought")
    assert (accepted, message["userId"]) == (False, "u2")
    ((error, messages),) = reported
    assert isinstance(error, ClientShutDown)
    assert messages == [message]
    assert ids(posthog_server) == ["u1"]


def test_threads_may_call_at_the_same_time(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, sync_mode=True) as client:

        def call(name: str) -> None:
            for number in range(20):
                client.track(f"{name}-{number}", "Bought")

        threads = [threading.Thread(target=call, args=(name,)) for name in "abcdef"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert client.flush() is True
    assert sorted(ids(posthog_server)) == sorted(f"{name}-{number}" for name in "abcdef" for number in range(20))


def test_flush_waits_for_a_call_that_another_thread_is_in(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    with Client("phc_key", posthog_server.url, sync_mode=True) as client:
        calling = threading.Thread(target=client.track, args=("u1", "Bought"))
        calling.start()
        posthog_server.wait_for_requests(1)
        assert client.flush(0.1) is False
        posthog_server.release()
        assert client.flush(10) is True
        assert ids(posthog_server) == ["u1"]
        calling.join(10)


def test_a_call_that_was_interrupted_is_not_waited_for(posthog_server: PostHogServer) -> None:
    """A worker's own timeout may raise in the middle of a request, in the caller's thread."""

    class TimeIsUp(BaseException):
        pass

    def interrupt(number: int, frame: Any) -> None:
        raise TimeIsUp

    posthog_server.answer = lambda _: HANG
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Client("phc_key", posthog_server.url, sync_mode=True) as client:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(TimeIsUp):
                client.track("u1", "Bought")
            started = time.monotonic()
            assert client.flush(5) is True
            assert time.monotonic() - started < 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    posthog_server.release()
