"""stats() says what happened to all messages, and adds up."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import DeliveryError
from tests.support.callbacks import Reports, refusing, stats
from tests.support.posthog_server import HANG, RESET, Answer, PostHogServer
from tests.support.two_clients import OURS


@pytest.fixture
def reports() -> Reports:
    return Reports()


# --- stats


def test_stats_before_any_call_are_zero(posthog_server: PostHogServer) -> None:
    with OURS.client(posthog_server) as client:
        assert client.stats() == stats()
    with OURS.module_with(posthog_server) as module:
        assert module.stats() == stats()


def test_stats_of_the_module_without_a_key_say_what_to_do() -> None:
    with pytest.raises(AssertionError, match="write_key"):
        analytics.stats()


@pytest.mark.parametrize("options", [{}, {"sync_mode": True}, {"thread": 3}, {"send": False}])
def test_stats_add_up_in_every_mode(options: dict[str, Any], posthog_server: PostHogServer, reports: Reports) -> None:
    posthog_server.answer = refusing("bad")
    with OURS.client(posthog_server, max_retries=0, **reports.options(), **options) as client:
        raised = 0
        for user in ("u1", "bad", "u2", " "):
            try:
                client.track(user, "Bought")
            except DeliveryError:
                raised += 1
        assert client.flush()
        assert client.stats() == (stats(refused=1) if "send" in options else stats(3, 2, 1, 1))
        assert raised == ("sync_mode" in options)
    assert len(reports.delivered) == (0 if "send" in options else 2)


def test_a_call_that_is_not_for_posthog_counts_for_nothing(posthog_server: PostHogServer) -> None:
    with OURS.client(posthog_server) as client:
        assert client.track("u1", "Bought", integrations={"All": False})[0]
        assert client.flush()
        assert client.stats() == stats()


def test_what_is_queued_is_counted_as_such_until_it_is_answered(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    with OURS.client(posthog_server, upload_size=2) as client:
        for number in range(5):
            client.track(f"u{number}", "Bought")
        posthog_server.wait_for_requests(1)
        assert client.stats() == stats(5, queued=5)
        posthog_server.release()
        assert client.flush()
        assert client.stats() == stats(5, 5)


def test_stats_add_up_at_every_moment_of_a_storm(posthog_server: PostHogServer, reports: Reports) -> None:
    dice = random.Random(5)
    answers: list[Answer | str | None] = [None, None, None, (503, {}, b""), (400, {}, b""), RESET]
    posthog_server.answer = lambda _: dice.choice(answers)
    seen: list[dict[str, int]] = []
    with OURS.client(
        posthog_server, max_queue_size=60, upload_size=10, thread=3, max_retries=1, **reports.options()
    ) as client:
        stop = threading.Event()

        def work(name: int) -> None:
            for number in range(400):
                client.track(f"{name}-{number}", "Bought")

        def watch() -> None:
            while not stop.is_set():
                seen.append(client.stats())

        threads = [threading.Thread(target=work, args=[name]) for name in range(4)]
        watcher = threading.Thread(target=watch)
        for thread in [*threads, watcher]:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.flush(20)
        stop.set()
        watcher.join()
        final = client.stats()
    assert all(
        now["accepted"] == now["delivered"] + now["failed"] + now["queued"] and now["queued"] >= 0 for now in seen
    )
    assert final["accepted"] + final["refused"] == 1600
    assert final["queued"] == 0
    assert len(reports.delivered) == final["delivered"]
    assert len(reports.lost) == final["failed"] + final["refused"]
    reported_ids = Counter(message["messageId"] for message in reports.delivered + reports.lost)
    assert set(reported_ids.values()) == {1}
    assert len(reported_ids) == 1600
    assert {m["userId"] for m in reports.delivered} == {event["distinct_id"] for event in posthog_server.events}
