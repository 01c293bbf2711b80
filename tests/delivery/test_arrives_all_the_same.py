"""Retries bring through what the network and the server fail at: nothing is lost, nothing counted twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from analytics_posthog import Client
from tests.support.child_process import run_python
from tests.support.posthog_server import HANG, LOST, RESET, Answer, PostHogServer, Request
from tests.support.two_clients import OURS

SETTINGS = "import analytics_posthog as analytics\nanalytics.write_key, analytics.host = 'phc_key', {url!r}\n"
HOLES = ["refuses connections", "accepts and never answers"]


@pytest.fixture
def client(posthog_server: PostHogServer) -> Iterator[Client]:
    with OURS.client(posthog_server) as client:
        yield client


def uuids(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["uuid"] for event in events)


def test_4000_of_4000_arrive_once_though_28_percent_of_the_answers_are_faults() -> None:
    faults: list[Answer | str] = [(503, {}, b"{}"), (429, {"Retry-After": "1"}, b"{}"), RESET, LOST]
    dice = random.Random(28)
    given: Counter[str] = Counter()

    def answer(_: Request) -> Answer | str | None:
        fault = dice.choice(faults) if dice.random() < 0.28 else None
        given[str(fault if fault is None or isinstance(fault, str) else fault[0])] += 1
        return fault

    script = """
for number in range(4000):
    assert analytics.track(f"u{number:04}", "Bought")[0]
print(analytics.flush(60), analytics.stats())
"""
    with PostHogServer() as server:
        server.answer = answer
        done = run_python("-c", SETTINGS.format(url=server.url) + script, timeout=90)
        assert done.stdout == "True {'accepted': 4000, 'delivered': 4000, 'failed': 0, 'refused': 0, 'queued': 0}\n"
        assert done.stderr == ""
        counted = server.unique_events()
    assert sorted(event["distinct_id"] for event in counted) == [f"u{number:04}" for number in range(4000)]
    assert len(set(uuids(counted))) == 4000
    assert all(given[fault] for fault in ("503", "429", "reset", "lost"))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int, client: Client, posthog_server: PostHogServer) -> None:
    answers = iter([(status, {}, b"")])
    posthog_server.answer = lambda _: next(answers, None)
    client.track("u1", "Bought")
    assert client.flush()
    assert [request.status for request in posthog_server.requests] == [status, 200]


@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_what_will_not_pass_is_not_tried_again(status: int, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: (status, {}, b"")
    told: list[Exception] = []
    with OURS.client(posthog_server, on_error=lambda error, _: told.append(error)) as client:
        client.track("u1", "Bought")
        assert client.flush()
    assert len(posthog_server.requests) == 1
    assert [getattr(error, "status", None) for error in told] == [status]


def test_a_request_that_takes_longer_than_the_timeout_is_sent_again(posthog_server: PostHogServer) -> None:
    answers = iter([HANG])
    posthog_server.answer = lambda _: next(answers, None)
    with OURS.client(posthog_server, timeout=0.3) as client:
        client.track("u1", "Bought")
        assert client.flush()
    assert len(posthog_server.requests) == 2
    posthog_server.release()


def test_a_retry_after_is_waited_for_and_not_counted_as_a_retry(posthog_server: PostHogServer) -> None:
    answers = iter([(429, {"Retry-After": "1"}, b"")] * 2)
    posthog_server.answer = lambda _: next(answers, None)
    with OURS.client(posthog_server, max_retries=0) as client:
        client.track("u1", "Bought")
        begun = time.monotonic()
        done = client.flush()
        seconds = time.monotonic() - begun
    assert done
    assert client.stats()["delivered"] == 1
    assert 2 <= seconds < 4


@pytest.mark.parametrize(
    ("limit", "answer", "requests"),
    [
        ({"max_retries": 2}, (503, {}, b""), 3),
        ({"max_retries": 0}, (503, {}, b""), 1),
        ({"max_total_backoff_duration": 0}, (503, {}, b""), 1),
        ({"max_rate_limit_duration": 0.5}, (429, {"Retry-After": "1"}, b""), 1),
        ({"max_rate_limit_duration": 1.5}, (429, {"Retry-After": "1"}, b""), 2),
    ],
)
def test_the_limits_of_retrying_are_segment_s(limit: dict[str, Any], answer: Answer, requests: int, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: answer
    told: list[dict[str, Any]] = []
    with OURS.client(posthog_server, on_error=lambda _, messages: told.extend(messages), **limit) as client:
        _, message = client.track("u1", "Bought")
        assert client.flush(10)
    assert len(posthog_server.requests) == requests
    assert told == [message]


# --- many threads


@pytest.mark.parametrize("options", [{"max_queue_size": 50_000}, {"max_queue_size": 200, "block_when_full": 60}], ids=["large", "small"])
def test_8_threads_call_5000_times_each_while_others_flush(options: dict[str, Any], posthog_server: PostHogServer) -> None:
    script = f"""
import threading
client = analytics.Client("phc_key", analytics.host, upload_size=500, **{options})
refused, flushed, done = [], [], threading.Event()
def work(name):
    for number in range(5000):
        if not client.track(f"{{name}}-{{number}}", "Bought", message_id=f"{{name}}-{{number}}")[0]:
            refused.append(number)
def flush():
    while not done.wait(0.05):
        flushed.append(client.flush(30))
threads = [threading.Thread(target=work, args=[name]) for name in range(8)]
flusher = threading.Thread(target=flush)
for thread in [*threads, flusher]:
    thread.start()
for thread in threads:
    thread.join()
done.set()
flusher.join()
print(len(refused), all(flushed), bool(flushed), client.flush(30), client.stats()["delivered"])
"""
    done = run_python("-c", SETTINGS.format(url=posthog_server.url) + script, timeout=90)
    assert done.stdout == "0 True True True 40000\n", done.stderr
    expected = {f"{name}-{number}" for name in range(8) for number in range(5000)}
    assert {event["distinct_id"] for event in posthog_server.events} == expected
    assert len(posthog_server.events) == len(set(uuids(posthog_server.events))) == 40_000
