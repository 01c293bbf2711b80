"""What is called arrives at the server, once, in batches as the settings say.

What can't be sent costs none of its neighbours.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from posthog.version import VERSION as POSTHOG_VERSION

from analytics_posthog import Client, DeliveryError, MessageTooLarge, QueueFull
from analytics_posthog.version import VERSION
from tests.support.posthog_server import HANG, Answer, PostHogServer, Request

Reported = list[tuple[Exception, list[dict[str, Any]]]]
MESSAGE_ID = "022bb90c-bbac-11e4-8dfc-aa07a5b093db"


def track_each(client: Client, numbers: range) -> None:
    for number in numbers:
        assert client.track(f"u{number}", "Bought")[0]


def ids(server: PostHogServer) -> list[str]:
    return sorted(event["distinct_id"] for event in server.events)


def all_of(numbers: range) -> list[str]:
    return sorted(f"u{number}" for number in numbers)


def batch_sizes(server: PostHogServer) -> list[int]:
    return [len(batch["batch"]) for batch in server.batches]


def test_a_batch_on_the_wire_is_all_that_posthog_needs(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought", {"price": 5}, timestamp="2026-01-02T03:04:05.678Z", message_id=MESSAGE_ID)
    (request,) = posthog_server.requests
    assert (request.method, request.path, request.headers["Content-Type"]) == ("POST", "/batch/", "application/json")
    (batch,) = posthog_server.batches
    assert isinstance(batch.pop("sent_at"), str)
    assert batch == {
        "api_key": "phc_key",
        "batch": [
            {
                "event": "Bought",
                "distinct_id": "u1",
                "timestamp": "2026-01-02T03:04:05.678+00:00",
                "uuid": "38c091ab-1857-58c9-bf58-b98a022f95dd",
                "properties": {
                    "price": 5,
                    "$geoip_disable": True,
                    "$lib": "posthog-python",
                    "$lib_version": POSTHOG_VERSION,
                    "distinct_id": "u1",
                    "segment_library": {"name": "analytics-python", "version": VERSION},
                },
            }
        ],
    }


@pytest.mark.parametrize("sync_mode", [False, True], ids=["threads", "sync_mode"])
@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
def test_gzip_says_whether_the_body_is_zipped(gzip: bool, sync_mode: bool, posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, gzip=gzip, sync_mode=sync_mode) as client:
        client.track("u1", "Bought")
    (request,) = posthog_server.requests
    assert (request.body[:2] == b"\x1f\x8b", request.headers.get("Content-Encoding")) == (
        gzip,
        "gzip" if gzip else None,
    )
    assert ids(posthog_server) == ["u1"]


def test_a_slash_at_the_end_of_the_host_is_fine(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url + "/") as client:
        client.track("u1", "Bought")
    assert [request.path for request in posthog_server.requests] == ["/batch/"]


def test_timeout_ends_a_request_that_hangs(posthog_server: PostHogServer) -> None:
    reported: Reported = []
    posthog_server.answer = lambda _: HANG
    started = time.monotonic()
    with Client(
        "phc_key", posthog_server.url, timeout=0.2, max_retries=0, on_error=lambda *args: reported.append(args)
    ) as client:
        _, message = client.track("u1", "Bought")
        assert client.flush(10)
    assert 0.2 <= time.monotonic() - started < 3
    ((error, messages),) = reported
    assert isinstance(error, DeliveryError)
    assert error.status is None
    assert messages == [message]
    posthog_server.release()


def test_upload_size_bounds_a_batch(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_size=7, upload_interval=10) as client:
        track_each(client, range(20))
    assert batch_sizes(posthog_server) == [7, 7, 6]
    assert ids(posthog_server) == all_of(range(20))


def test_a_batch_stays_below_what_posthog_takes_in_one_request(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=10) as client:
        for number in range(30):
            assert client.track(f"u{number}", "Bought", {"text": "x" * 800_000})[0]
    assert ids(posthog_server) == all_of(range(30))
    assert max(len(request.body) for request in posthog_server.requests) < 10 << 20


def test_upload_interval_gathers_what_comes_in_it(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=0.4) as client:
        started = time.monotonic()
        track_each(client, range(5))
        posthog_server.wait_for(5)
        assert time.monotonic() - started > 0.3
    assert batch_sizes(posthog_server) == [5]


def test_without_a_flush_it_is_sent_after_the_interval(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=0.05) as client:
        client.track("u1", "Bought")
        posthog_server.wait_for(1, timeout=5)


def test_an_interval_of_0_does_not_spin(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, upload_interval=0) as client:
        before = time.process_time()
        threading.Event().wait(0.4)
        assert time.process_time() - before < 0.2
        client.track("u1", "Bought")
        posthog_server.wait_for(1, timeout=5)


def test_thread_3_makes_three_that_send_at_the_same_time(posthog_server: PostHogServer) -> None:
    together = threading.Barrier(3)

    def answer(_: Request) -> Answer | None:
        together.wait(10)  # BrokenBarrierError, and so a failed test, if three requests are never there at once
        return None

    posthog_server.answer = answer
    with Client("phc_key", posthog_server.url, thread=3, upload_size=1) as client:
        assert len(client.consumers or ()) == 3
        track_each(client, range(3))
        assert client.flush(10)
        posthog_server.answer = None
        track_each(client, range(3, 300))
    assert ids(posthog_server) == all_of(range(300))


def test_a_full_queue_refuses_the_call_and_tells(posthog_server: PostHogServer) -> None:
    reported: Reported = []
    posthog_server.answer = lambda _: HANG
    with Client(
        "phc_key", posthog_server.url, max_queue_size=5, upload_size=1, on_error=lambda *args: reported.append(args)
    ) as client:
        track_each(client, range(1))
        posthog_server.wait_for_requests(1)  # the consumer has that one: what comes now stays in the queue
        track_each(client, range(1, 6))
        accepted, message = client.track("u6", "Bought")
        assert (accepted, message["userId"], message["type"]) == (False, "u6", "track")
        posthog_server.release()
    ((error, messages),) = reported
    assert isinstance(error, QueueFull)
    assert messages == [message]
    assert ids(posthog_server) == all_of(range(6))


def test_send_false_sends_nothing_starts_no_thread_and_answers_as_usual(posthog_server: PostHogServer) -> None:
    for settings in ({"send": False}, {"send": False, "sync_mode": True}, {"send": False, "thread": 3}):
        before = set(threading.enumerate())
        client = Client("phc_key", posthog_server.url, **settings)
        accepted, message = client.track("u1", "Bought", {"price": 5})
        assert (accepted, message["properties"]) == (True, {"price": 5})
        assert set(threading.enumerate()) <= before
        assert client.flush() is True
        client.shutdown()
    assert posthog_server.requests == []


def test_send_false_queues_nothing_however_many_calls_there_are(posthog_server: PostHogServer) -> None:
    client = Client("phc_key", posthog_server.url, send=False, max_queue_size=2)
    track_each(client, range(10))
    assert client.queue.qsize() == 0
    client.shutdown()


def test_an_empty_key_sends_nothing_with_one_warning(
    posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    before = threading.active_count()
    client = Client("", posthog_server.url)
    track_each(client, range(3))
    assert threading.active_count() == before
    assert client.flush() is True
    client.shutdown()
    assert posthog_server.requests == []
    assert [record.name for record in caplog.records if record.name == "analytics_posthog"] == ["analytics_posthog"]


KIB = 1024
OVERSIZE: dict[str, dict[str, Any]] = {
    "a long text": {"properties": {"text": "x" * (901 * KIB)}},
    "a text that JSON writes in more characters": {"properties": {"text": "é" * (151 * KIB)}},
    "a text of quotes": {"properties": {"text": '"' * (451 * KIB)}},
    "many keys": {"properties": {f"key {number}": "x" * 100 for number in range(9000)}},
    "a context, which is in the event twice": {"context": {"page": {"title": "x" * (451 * KIB)}}},
    "a text larger than any pass looks at": {"properties": {"text": "x" * (20 * KIB * KIB)}},
    "a long list": {"properties": {"list": list(range(400_000))}},
}
FITTING: dict[str, dict[str, Any]] = {
    "a long text": {"properties": {"text": "x" * (898 * KIB)}},
    "a text that JSON writes in more characters": {"properties": {"text": "é" * (149 * KIB)}},
    "a text of quotes": {"properties": {"text": '"' * (449 * KIB)}},
    "a context, which is in the event twice": {"context": {"page": {"title": "x" * (449 * KIB)}}},
}


@pytest.mark.parametrize("arguments", OVERSIZE.values(), ids=OVERSIZE)
def test_an_event_over_900_kib_is_refused_and_its_neighbours_arrive(
    arguments: dict[str, Any], posthog_server: PostHogServer
) -> None:
    reported: Reported = []
    with Client("phc_key", posthog_server.url, on_error=lambda *args: reported.append(args)) as client:
        track_each(client, range(3))
        accepted, message = client.track("big", "Bought", **arguments)
        track_each(client, range(3, 6))
    assert accepted is False
    ((error, messages),) = reported
    assert isinstance(error, MessageTooLarge)
    assert messages[0] is message
    assert ids(posthog_server) == all_of(range(6))


@pytest.mark.parametrize("arguments", FITTING.values(), ids=FITTING)
def test_an_event_just_below_900_kib_arrives(arguments: dict[str, Any], posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url) as client:
        assert client.track("big", "Bought", **arguments)[0] is True
    assert ids(posthog_server) == ["big"]


@pytest.mark.parametrize("mode", ["v1", "nonsense"])
@pytest.mark.parametrize("sync_mode", [False, True], ids=["threads", "sync_mode"])
def test_the_protocol_is_v0_whatever_the_environment_says(
    mode: str, sync_mode: bool, posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTHOG_CAPTURE_MODE", mode)
    with Client("phc_key", posthog_server.url, sync_mode=sync_mode) as client:
        client.track("u1", "Bought")
    assert [request.path for request in posthog_server.requests] == ["/batch/"]
    assert ids(posthog_server) == ["u1"]
