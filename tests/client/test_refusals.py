"""What can't be accepted is said.

By the answer, to on_error, in stats() and in the log; block_when_full waits instead.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from freezegun import freeze_time

from analytics_posthog import Client, ClientShutDown, QueueFull
from tests.support.child_process import environment
from tests.support.posthog_server import HANG, PostHogServer
from tests.support.two_clients import OURS, end_quickly, log_records

Reported = list[tuple[Exception, list[dict[str, Any]]]]


@pytest.fixture
def reported() -> Reported:
    return []


@pytest.fixture
def full(posthog_server: PostHogServer, reported: Reported) -> Iterator[Client]:
    """A client with a queue of 5 that is full, because the server hangs."""
    posthog_server.answer = lambda _: HANG
    with OURS.client(
        posthog_server, max_queue_size=5, upload_size=1, on_error=lambda *arguments: reported.append(arguments)
    ) as client:
        client.track("first", "Bought")
        posthog_server.wait_for_requests(1)
        for number in range(5):
            assert client.track(f"queued{number}", "Bought")[0]
        yield client
        posthog_server.release()


def blocked(full: Client, seconds: float) -> Client:
    """The same client, with block_when_full."""
    full._route.delivery._wait = seconds  # type: ignore[attr-defined]
    return full


def users(server: PostHogServer) -> list[str]:
    return [event["distinct_id"] for event in server.events]


def test_of_600_calls_on_a_queue_of_50_accepted_and_refused_are_600_and_on_error_had_each_refused_one(
    posthog_server: PostHogServer, reported: Reported
) -> None:
    posthog_server.answer = lambda _: time.sleep(0.1)
    with OURS.client(
        posthog_server, max_queue_size=50, upload_size=20, on_error=lambda *arguments: reported.append(arguments)
    ) as client:
        answers = [client.track(f"u{number}", "Bought") for number in range(600)]
        assert client.flush()
    accepted = [message for ok, message in answers if ok]
    refused = [message for ok, message in answers if not ok]
    assert len(refused) > 400
    assert {type(error) for error, _ in reported} == {QueueFull}
    assert [messages for _, messages in reported] == [[message] for message in refused]
    assert users(posthog_server) == [message["userId"] for message in accepted]
    assert client.stats() == {
        "accepted": len(accepted),
        "delivered": len(accepted),
        "failed": 0,
        "refused": len(refused),
        "queued": 0,
    }


def test_a_refusal_returns_at_once_and_says_what_to_do(full: Client, reported: Reported) -> None:
    start = time.monotonic()
    ok, message = full.track("u1", "Bought", {"secret": "4111"})
    assert time.monotonic() - start < 0.5
    assert ok is False
    ((error, messages),) = reported
    assert messages == [message]
    assert str(error) == "the queue is full (5). Raise max_queue_size, or call less often"


def test_every_call_is_refused_alike(full: Client, reported: Reported) -> None:
    calls = [
        ("track", "u1", "Bought"),
        ("identify", "u1"),
        ("page", "u1"),
        ("screen", "u1"),
        ("group", "u1", "g1"),
        ("alias", "u0", "u1"),
    ]
    for name, *arguments in calls:
        assert getattr(full, name)(*arguments)[0] is False
    assert [messages[0]["type"] for _, messages in reported] == [name for name, *_ in calls]
    assert full.stats()["refused"] == 6


def test_refusals_are_one_log_line_a_minute_at_most_with_their_number(full: Client) -> None:
    with freeze_time("2026-11-23 12:00:00") as clock, log_records() as logged:
        for _ in range(100):
            full.track("u1", "Bought")
        assert [re.findall(r"\d+", line)[0] for line in logged] == ["1"]
        clock.tick(59)
        full.track("u1", "Bought")
        assert len(logged) == 1
        clock.tick(2)
        full.track("u1", "Bought")
        assert [re.findall(r"\d+", line)[0] for line in logged] == ["1", "101"]


def test_what_was_refused_and_not_yet_logged_is_logged_at_the_end(posthog_server: PostHogServer) -> None:
    with log_records() as logged:
        posthog_server.answer = lambda _: HANG
        with OURS.client(posthog_server, max_queue_size=5, upload_size=1) as client:
            client.track("first", "Bought")
            posthog_server.wait_for_requests(1)
            refused = [client.track(f"u{number}", "Bought")[0] for number in range(30)].count(False)
            posthog_server.release()
            client.shutdown()
    assert refused == 25
    assert sum(int(line.split()[0]) for line in logged if "the queue is full" in line) == 25


# --- block_when_full


def test_block_when_full_waits_and_nothing_is_refused(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: time.sleep(0.02)
    with OURS.client(posthog_server, max_queue_size=10, upload_size=10, block_when_full=30) as client:
        assert all(client.track(f"u{number}", "Bought")[0] for number in range(300))
        assert client.flush()
    assert users(posthog_server) == [f"u{number}" for number in range(300)]


def test_block_when_full_waits_for_no_longer_than_it_says(full: Client, reported: Reported) -> None:
    start = time.monotonic()
    assert blocked(full, 0.3).track("u1", "Bought")[0] is False
    assert 0.3 <= time.monotonic() - start < 1.5
    assert isinstance(reported[0][0], QueueFull)


def test_block_when_full_may_be_days(posthog_server: PostHogServer) -> None:
    with OURS.client(posthog_server, max_queue_size=5, upload_size=5, block_when_full=1_000_000) as client:
        assert all(client.track(f"u{number}", "Bought")[0] for number in range(100))
        assert client.flush()
    assert len(posthog_server.events) == 100


def test_a_call_that_waits_while_the_client_is_shut_down_is_refused(full: Client, reported: Reported) -> None:
    answers: list[bool] = []
    client = blocked(full, 20)
    thread = threading.Thread(target=lambda: answers.append(client.track("waiting", "Bought")[0]))
    thread.start()
    time.sleep(0.1)
    end_quickly(client, 0.2)
    thread.join(5)
    assert not thread.is_alive()
    said = [(error, message["userId"]) for error, messages in reported for message in messages]
    assert sorted(user for _, user in said) == ["first", *(f"queued{number}" for number in range(5)), "waiting"]
    assert {type(error) for error, _ in said} == {ClientShutDown}
    stats = client.stats()
    assert stats["accepted"] == stats["failed"]
    assert stats["refused"] == answers.count(False)


def test_a_ctrl_c_while_a_call_waits_counts_it_for_nothing(posthog_server: PostHogServer) -> None:
    """Else flush() and the exit would wait for an event that never came onto the queue."""
    posthog_server.answer = lambda _: HANG
    script = f"""
import analytics_posthog as analytics
client = analytics.Client("phc_key", {posthog_server.url!r}, max_queue_size=1, upload_size=1, block_when_full=20)
try:
    for number in range(3):  # one is on its way, one is queued, and one waits
        print(number, flush=True)
        client.track(str(number), "Bought")
except KeyboardInterrupt:
    print(client.stats()["queued"], flush=True)
print(client.flush(10), client.stats()["accepted"], flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", script], env=environment(), stdout=-1, stderr=-1, bufsize=0)
    try:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(3)] == [b"0\n", b"1\n", b"2\n"]
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == b"2\n"
        posthog_server.release()
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert (out, err) == (b"True 2\n", b"")
    assert users(posthog_server) == ["0", "1"]
