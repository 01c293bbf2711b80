"""`shutdown()` sends what is queued and ends the threads; twice is harmless, and later calls are refused."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from analytics_posthog import Client, ClientShutDown
from tests.support.callbacks import Reported, stats
from tests.support.clock import within
from tests.support.posthog_server import PostHogServer
from tests.support.two_clients import log_records, threads_of

QUEUES: list[dict[str, Any]] = [
    {},
    {"thread": 3},
    {"thread": 3, "upload_interval": 60},
    {"upload_interval": 30},
    {"upload_size": 1},
    {"gzip": True},
]


@pytest.mark.parametrize("settings", QUEUES, ids=str)
@pytest.mark.parametrize("end", ["shutdown", "join", "__exit__"])
def test_it_sends_what_is_queued_and_ends_the_threads(
    end: str, settings: dict[str, Any], posthog_server: PostHogServer
) -> None:
    client = Client("phc_key", posthog_server.url, **settings)
    for number in range(250):
        client.track(str(number), "Bought")
    with within(3):
        getattr(client, end)(*[None] * (3 if end == "__exit__" else 0))
    assert sorted(posthog_server.distinct_ids, key=int) == [str(number) for number in range(250)]
    assert threads_of(client) == []
    assert client.stats() == stats(accepted=250, delivered=250)


def test_twice_and_from_many_threads_it_is_harmless(posthog_server: PostHogServer) -> None:
    client = Client("phc_key", posthog_server.url)
    client.track("u1", "Bought")
    threads = [threading.Thread(target=client.shutdown) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    client.shutdown()
    client.join()
    assert posthog_server.distinct_ids == ["u1"]


def test_several_threads_that_shut_down_at_once_lose_nothing(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: time.sleep(0.05)
    client = Client("phc_key", posthog_server.url, upload_size=50)
    for number in range(500):
        client.track(f"u{number}", "Bought")
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(client.shutdown)
    assert len(posthog_server.events) == 500
    assert threads_of(client) == []


@pytest.mark.parametrize("call", ["track", "identify", "page", "screen", "alias", "group"])
def test_a_call_after_it_is_refused_reported_and_logged_once(call: str, posthog_server: PostHogServer) -> None:
    reported: Reported = []
    client = Client("phc_key", posthog_server.url, on_error=lambda *args: reported.append(args))
    client.shutdown()
    arguments = {"track": ("u1", "Bought"), "alias": ("a1", "u1"), "group": ("u1", "g1")}.get(call, ("u1",))
    with log_records() as logged:
        accepted, message = getattr(client, call)(*arguments)
    assert (accepted, message["type"], message["userId"]) == (False, call, "u1")
    ((error, messages),) = reported
    assert isinstance(error, ClientShutDown)
    assert messages == [message]
    assert len(logged) == 1
    assert client.stats() == stats(refused=1)
    assert client.queue.qsize() == 0
    assert posthog_server.requests == []


@pytest.mark.parametrize("settings", [{"upload_size": 10, "max_queue_size": 1_000_000}, {"max_queue_size": 0}], ids=str)
def test_every_call_that_races_with_a_shutdown_is_delivered_or_refused(
    settings: dict[str, Any], posthog_server: PostHogServer
) -> None:
    client = Client("phc_key", posthog_server.url, **settings)
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
    assert accepted
    assert sorted(posthog_server.distinct_ids) == sorted(accepted)
    assert client.stats()["refused"] == 4


def test_a_with_block_that_raises_shuts_down_too(posthog_server: PostHogServer) -> None:
    class AppError(Exception):
        pass

    client = Client("phc_key", posthog_server.url)
    client.track("u1", "Bought")
    with pytest.raises(AppError), client:
        raise AppError
    assert posthog_server.distinct_ids == ["u1"]
    assert client.track("u2", "Bought")[0] is False


def test_an_idle_client_ends_at_once(posthog_server: PostHogServer) -> None:
    client = Client("phc_key", posthog_server.url, thread=3, upload_interval=30)
    with within(3):
        client.shutdown()
    assert threads_of(client) == []


@pytest.mark.parametrize("options", [{"sync_mode": True}, {"send": False}, {"write_key": ""}], ids=str)
def test_a_client_without_threads_ends_at_once(options: dict[str, Any], posthog_server: PostHogServer) -> None:
    client = Client(**{"write_key": "phc_key", "host": posthog_server.url, **options})
    assert client.track("u1", "Bought")[0]
    with within(0.5):
        client.shutdown()
    client.shutdown()
    assert client.flush()
    assert posthog_server.distinct_ids == (["u1"] if "sync_mode" in options else [])


def test_after_it_a_client_in_sync_mode_refuses_calls(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, sync_mode=True) as client:
        pass
    assert client.track("u1", "Bought")[0] is False


def test_after_it_nothing_holds_the_client(posthog_server: PostHogServer) -> None:
    """A warm Lambda that ends each invocation with shutdown() makes one client after the other."""
    import multiprocessing.util  # noqa: F401  # it keeps functions for the exit too

    clients = [Client("phc_key", posthog_server.url) for _ in range(5)]
    left = [weakref.ref(thing) for client in clients for thing in (client, client._report, client._consumers[0])]
    for client in clients:
        client.track("u1", "Bought")
        client.shutdown()
    del clients, client
    gc.collect()
    assert [reference() for reference in left if reference() is not None] == []


NOT_SENT: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "send=False": ({"send": False}, {}, True),
    "no key": ({"write_key": ""}, {}, True),
    "integrations": ({}, {"integrations": {"All": False}}, True),
    "a call to be sent": ({}, {}, False),
}


@pytest.mark.parametrize(("settings", "arguments", "accepted"), NOT_SENT.values(), ids=NOT_SENT)
def test_after_it_a_call_that_is_not_to_be_sent_answers_as_before(
    settings: dict[str, Any], arguments: dict[str, Any], accepted: bool, posthog_server: PostHogServer
) -> None:
    lost: list[Any] = []
    client = Client(
        **{"write_key": "phc_key", "host": posthog_server.url, **settings}, on_error=lambda *of: lost.append(of)
    )
    client.shutdown()
    assert client.track("u1", "Bought", **arguments)[0] is accepted
    assert len(lost) == (0 if accepted else 1)
    assert posthog_server.events == []
