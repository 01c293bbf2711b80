"""`shutdown()` sends what is queued, ends the threads within bounded time, and is harmless twice; later calls are refused."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import AnalyticsError, Client, ClientShutDown
from tests.support.posthog_server import HANG, PostHogServer

Told = list[tuple[Exception, list[dict[str, Any]]]]


def ids(server: PostHogServer) -> list[str]:
    return [event["distinct_id"] for event in server.events]


@pytest.mark.parametrize("settings", [{}, {"thread": 3}, {"upload_interval": 30}, {"upload_size": 1}, {"gzip": True}], ids=str)
@pytest.mark.parametrize("end", ["shutdown", "join"])
def test_it_sends_what_is_queued_and_ends_the_threads(end: str, settings: dict[str, Any], posthog_server: PostHogServer) -> None:
    client = Client("phc_key", posthog_server.url, **settings)
    consumers = list(client.consumers or ())
    for number in range(150):
        client.track(str(number), "Bought")
    started = time.monotonic()
    getattr(client, end)()
    assert time.monotonic() - started < 3
    assert sorted(ids(posthog_server), key=int) == [str(number) for number in range(150)]
    assert [consumer for consumer in consumers if consumer.is_alive()] == []


def test_twice_and_from_many_threads_is_harmless(posthog_server: PostHogServer) -> None:
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
    assert ids(posthog_server) == ["u1"]


@pytest.mark.parametrize("settings", [{}, {"sync_mode": True}, {"send": False}], ids=str)
def test_flush_after_it_is_true_at_once(settings: dict[str, Any], posthog_server: PostHogServer) -> None:
    client = Client("phc_key", posthog_server.url, **settings)
    client.shutdown()
    started = time.monotonic()
    assert client.flush() is True
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("call", ["track", "identify", "page", "screen", "alias", "group"])
def test_a_call_after_it_is_refused_and_told(call: str, posthog_server: PostHogServer) -> None:
    told: Told = []
    client = Client("phc_key", posthog_server.url, on_error=lambda *args: told.append(args))
    client.shutdown()
    arguments = {"track": ("u1", "Bought"), "alias": ("a1", "u1"), "group": ("u1", "g1")}.get(call, ("u1",))
    accepted, message = getattr(client, call)(*arguments)
    assert (accepted, message["type"], message["userId"]) == (False, call, "u1")
    ((error, messages),) = told
    assert isinstance(error, ClientShutDown)
    assert messages == [message]
    assert client.queue.qsize() == 0
    assert posthog_server.requests == []


def test_what_was_accepted_while_it_came_arrives(posthog_server: PostHogServer) -> None:
    client = Client("phc_key", posthog_server.url, max_queue_size=0)
    accepted: list[str] = []
    begun = threading.Barrier(5)

    def call(name: int) -> None:
        begun.wait(10)
        for number in range(20_000):
            if not client.track(f"{name}-{number}", "Bought")[0]:
                return
            accepted.append(f"{name}-{number}")

    threads = [threading.Thread(target=call, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    begun.wait(10)
    threading.Event().wait(0.05)
    client.shutdown()
    for thread in threads:
        thread.join(10)
    assert accepted
    assert sorted(ids(posthog_server)) == sorted(accepted)


@pytest.mark.parametrize("away", ["refused", "hangs"])
@pytest.mark.parametrize("settings", [{}, {"thread": 3, "upload_size": 2}, {"upload_interval": 30}], ids=str)
def test_with_a_dead_server_it_ends_in_time_and_tells_of_each_message_once(
    away: str, settings: dict[str, Any], posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics_posthog.client.FLUSH_TIMEOUT", 0.5)  # of the 30 s
    told: Told = []
    if away == "hangs":
        posthog_server.answer = lambda _: HANG
    else:
        posthog_server.stop()
    client = Client("phc_key", posthog_server.url, timeout=1, on_error=lambda *args: told.append(args), **settings)
    made = [client.track(str(number), "Bought")[1] for number in range(20)]
    consumers = list(client.consumers or ())
    started = time.monotonic()
    client.shutdown()
    assert 0.4 < time.monotonic() - started < 3
    for consumer in consumers:
        consumer.join(5)  # one may still be in its request, as long as `timeout`
    assert [consumer for consumer in consumers if consumer.is_alive()] == []
    assert sorted((message["userId"] for _, messages in told for message in messages), key=int) == [m["userId"] for m in made]
    assert all(isinstance(error, AnalyticsError) for error, _ in told)
    posthog_server.release()


def test_leaving_a_with_block_shuts_down_also_after_an_error(posthog_server: PostHogServer) -> None:
    class AppError(Exception):
        pass

    client = Client("phc_key", posthog_server.url)
    client.track("u1", "Bought")
    with pytest.raises(AppError), client:
        raise AppError
    assert ids(posthog_server) == ["u1"]
    assert client.track("u2", "Bought")[0] is False


@pytest.mark.parametrize("end", [analytics.shutdown, analytics.join])
def test_after_the_module_s_the_next_call_makes_a_new_client(end: Any, posthog_server: PostHogServer) -> None:
    analytics.write_key, analytics.host = "phc_key", posthog_server.url
    analytics.track("u1", "Bought")
    first = analytics.default_client
    end()
    end()
    assert analytics.default_client is None
    assert ids(posthog_server) == ["u1"]
    assert analytics.track("u2", "Bought")[0] is True
    assert analytics.default_client is not first
    end()
    assert ids(posthog_server) == ["u1", "u2"]


def test_an_idle_client_ends_at_once(posthog_server: PostHogServer) -> None:
    client = Client("phc_key", posthog_server.url, thread=3, upload_interval=30)
    started = time.monotonic()
    client.shutdown()
    assert time.monotonic() - started < 3
    assert not any(consumer.is_alive() for consumer in client.consumers or ())
