"""shutdown() sends what is left, ends the threads, and is harmless in every state; the module goes on with a new client."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import Client, ClientShutDown
from analytics_posthog import client as client_module
from tests.support.posthog_server import HANG, PostHogServer
from tests.support.two_clients import OURS, abandon, log_records


@pytest.fixture(autouse=True)
def _short_flush_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the 30 seconds that a shutdown may take, a test waits for one."""
    monkeypatch.setattr(client_module, "FLUSH_TIMEOUT", 1.0)


@pytest.fixture
def module(posthog_server: PostHogServer) -> Iterator[Any]:
    with OURS.module_with(posthog_server) as module:
        yield module


def users(server: PostHogServer) -> list[str]:
    return [event["distinct_id"] for event in server.events]


def seconds_of(call: Callable[[], object]) -> float:
    start = time.monotonic()
    call()
    return time.monotonic() - start


def threads_of(client: Client) -> list[threading.Thread]:
    return [thread for thread in client.consumers or () if thread.is_alive()]


@pytest.mark.parametrize("end", ["shutdown", "join", "__exit__"])
def test_shutdown_delivers_what_is_queued_and_ends_the_threads(end: str, posthog_server: PostHogServer) -> None:
    client = Client("phc_key", posthog_server.url, upload_interval=60, thread=3)
    for number in range(250):
        client.track(f"u{number}", "Bought")
    getattr(client, end)(*[None] * (3 if end == "__exit__" else 0))
    assert len(posthog_server.events) == 250
    assert threads_of(client) == []
    assert client.stats() == {"accepted": 250, "delivered": 250, "failed": 0, "refused": 0, "queued": 0}


def test_a_client_that_was_shut_down_refuses_and_tells_on_error(posthog_server: PostHogServer) -> None:
    told: list[tuple[Exception, list[dict[str, Any]]]] = []
    client = Client("phc_key", posthog_server.url, on_error=lambda *arguments: told.append(arguments))
    client.shutdown()
    with log_records() as logged:
        ok, message = client.track("u1", "Bought")
    assert ok is False
    assert message["userId"] == "u1"
    ((error, messages),) = told
    assert isinstance(error, ClientShutDown)
    assert messages == [message]
    assert len(logged) == 1
    assert client.stats()["refused"] == 1
    assert posthog_server.requests == []


def test_shutdown_is_harmless_twice(posthog_server: PostHogServer) -> None:
    client = Client("phc_key", posthog_server.url)
    client.track("u1", "Bought")
    client.shutdown()
    client.shutdown()
    client.join()
    assert users(posthog_server) == ["u1"]


def test_shutdowns_of_several_threads_at_once_lose_nothing(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: time.sleep(0.05)
    client = Client("phc_key", posthog_server.url, upload_size=50)
    for number in range(500):
        client.track(f"u{number}", "Bought")
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(client.shutdown)
    assert len(posthog_server.events) == 500
    assert threads_of(client) == []


def test_every_call_that_races_with_a_shutdown_is_delivered_or_refused(
    posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "FLUSH_TIMEOUT", 30.0)  # there may be ten thousand to send
    client = Client("phc_key", posthog_server.url, upload_size=10, max_queue_size=1_000_000)
    accepted: list[str] = []
    started = threading.Barrier(5)

    def work(name: int) -> None:
        started.wait()
        for number in range(200_000):  # far more than there is time for before the shutdown
            ok, message = client.track(f"{name}-{number}", "Bought")
            if not ok:
                return
            accepted.append(message["userId"])

    threads = [threading.Thread(target=work, args=[name]) for name in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    posthog_server.wait_for_requests(2)
    client.shutdown()
    for thread in threads:
        thread.join()
    assert sorted(users(posthog_server)) == sorted(accepted)
    assert client.stats()["refused"] == 4


@pytest.mark.parametrize("options", [{}, {"thread": 3}, {"upload_size": 5}])
def test_with_a_dead_server_shutdown_is_bounded_and_everything_left_goes_to_on_error(options: dict[str, Any]) -> None:
    told: list[str] = []
    client = Client("phc_key", "http://127.0.0.1:1", on_error=lambda _, messages: told.extend(m["userId"] for m in messages), **options)
    for number in range(40):
        client.track(f"u{number}", "Bought")
    assert seconds_of(client.shutdown) < 3
    assert sorted(told) == sorted(f"u{number}" for number in range(40))
    assert client.stats() == {"accepted": 40, "delivered": 0, "failed": 40, "refused": 0, "queued": 0}
    assert threads_of(client) == []


def test_with_a_request_that_hangs_shutdown_is_bounded_too(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    told: list[dict[str, Any]] = []
    client = Client("phc_key", posthog_server.url, on_error=lambda _, messages: told.extend(messages))
    _, message = client.track("u1", "Bought")
    assert seconds_of(client.shutdown) < 3
    assert told == [message]
    posthog_server.release()
    posthog_server.wait_for(1)  # it was on its way after all; of that nothing more is said
    assert client.stats()["failed"] == 1


def test_a_batch_that_is_taken_off_the_queue_in_the_moment_of_the_shutdown_is_told_to_on_error(posthog_server: PostHogServer) -> None:
    """The official client drops a batch without a word if its thread is paused before the batch is sent."""
    told: list[dict[str, Any]] = []
    client = Client("phc_key", posthog_server.url, on_error=lambda _, messages: told.extend(messages), upload_interval=0.05)
    (consumer,) = client.consumers or ()
    take = consumer.next

    def take_and_be_paused() -> list[Any]:
        batch: list[Any] = take()
        if batch:
            consumer.pause()
        return batch

    consumer.next = take_and_be_paused
    time.sleep(0.1)  # the thread is in the first `next` for so long
    _, message = client.track("u1", "Bought")
    client.shutdown()
    assert told == [message]
    assert client.stats()["queued"] == 0


@pytest.mark.parametrize("options", [{"sync_mode": True}, {"send": False}, {"write_key": ""}])
def test_shutdown_without_threads(options: dict[str, Any], posthog_server: PostHogServer) -> None:
    client = Client(**{"write_key": "phc_key", "host": posthog_server.url, **options})
    assert client.track("u1", "Bought")[0]
    assert seconds_of(client.shutdown) < 0.5
    client.shutdown()
    assert client.flush()
    assert users(posthog_server) == (["u1"] if "sync_mode" in options else [])


def test_a_client_in_sync_mode_that_was_shut_down_refuses(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, sync_mode=True) as client:
        pass
    assert client.track("u1", "Bought")[0] is False


def test_shutdown_ends_the_wait_of_a_retry_in_sync_mode() -> None:
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
    assert [type(error).__name__ for error in raised] == ["DeliveryError"]
    assert client.stats()["failed"] == 1


@pytest.mark.parametrize("callback", ["on_error", "on_success"])
def test_shutdown_in_a_callback_of_the_sending_thread_leaves_nothing_unsaid(callback: str, posthog_server: PostHogServer) -> None:
    took: list[float] = []
    told: list[str] = []

    def first_of_all_shut_down(*arguments: Any) -> None:
        told.extend(message["userId"] for message in arguments[-1])
        took.append(seconds_of(client.shutdown))

    posthog_server.answer = lambda _: (401, {}, b"{}") if callback == "on_error" else None
    client = Client(
        "phc_key", posthog_server.url, upload_size=5, upload_interval=60, on_error=lambda _, m: told.extend(x["userId"] for x in m)
    )
    abandon(client)
    options = {"on_error": lambda _, messages: told.extend(m["userId"] for m in messages), callback: first_of_all_shut_down}
    client = Client("phc_key", posthog_server.url, upload_size=5, upload_interval=60, **options)
    accepted = [message["userId"] for ok, message in (client.track(f"u{number}", "Bought") for number in range(12)) if ok]
    for thread in client.consumers or ():
        thread.join(5)
    assert set(accepted) <= set(told)
    assert max(took) < 1.5
    assert client.stats()["queued"] == 0


def test_shutdown_is_bounded_in_a_signal_handler_that_interrupted_a_call(posthog_server: PostHogServer) -> None:
    client = Client("phc_key", posthog_server.url)
    client.track("u1", "Bought")
    with client.queue.mutex:
        assert seconds_of(client.shutdown) < 3
    posthog_server.wait_for(1)  # the thread goes on when the handler is over
    abandon(client)


# --- the module


@pytest.mark.parametrize("end", ["shutdown", "join"])
def test_the_module_goes_on_after_its_shutdown_with_a_new_client(end: str, module: Any, posthog_server: PostHogServer) -> None:
    for number in range(3):
        assert module.track(f"u{number}", "Bought")[0]
        client = module.default_client
        getattr(module, end)()
        assert module.default_client is None
        assert threads_of(client) == []
    assert users(posthog_server) == ["u0", "u1", "u2"]


def test_the_module_s_shutdown_takes_the_settings_of_the_next_call(module: Any, posthog_server: PostHogServer) -> None:
    module.track("u0", "Bought")
    module.shutdown()
    module.upload_size = 7
    module.track("u1", "Bought")
    assert module.default_client.consumers[0].flush_at == 7


def test_the_module_s_shutdown_before_any_call_and_twice_does_nothing() -> None:
    analytics.shutdown()
    analytics.shutdown()
    analytics.join()
    assert analytics.default_client is None


def test_calls_of_the_module_that_race_with_its_shutdowns_are_delivered_or_refused(module: Any, posthog_server: PostHogServer) -> None:
    accepted: list[str] = []

    def work(name: int) -> None:
        for number in range(150):
            ok, message = module.track(f"{name}-{number}", "Bought")
            if ok:
                accepted.append(message["userId"])
            if number % 50 == 25:
                module.shutdown()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    module.shutdown()
    assert sorted(users(posthog_server)) == sorted(accepted)
    assert len(accepted) > 500


def test_a_client_that_was_shut_down_leaves_nothing_behind(posthog_server: PostHogServer) -> None:
    """A warm Lambda that ends each invocation with shutdown() makes one after the other."""
    import multiprocessing.util  # noqa: F401  # which remembers what is to be done at the exit too

    clients = [Client("phc_key", posthog_server.url) for _ in range(5)]
    left = [weakref.ref(thing) for client in clients for thing in (client, client.posthog)]
    for client in clients:
        client.track("u1", "Bought")
        client.shutdown()
    del clients, client
    gc.collect()
    assert [reference() for reference in left if reference() is not None] == []
