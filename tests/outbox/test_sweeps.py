"""The outbox's own work beside the calls: flushing what is on disk, trying again, many threads and clients."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from analytics_posthog._delivery.posthog import PostHog
from tests.support.outboxes import client, left_by_dead, messages, names, numbers
from tests.support.posthog_server import HANG, PostHogServer, Request
from tests.support.two_clients import returns


def test_eight_threads_lose_nothing(posthog_server: PostHogServer, tmp_path: Path) -> None:
    with client(posthog_server.url, tmp_path, max_queue_size=200, thread=2, outbox_max_bytes=10_000_000) as c:
        threads = [
            threading.Thread(
                target=lambda begin=begin: [c.track("u1", "Event", {"number": begin + n}) for n in range(250)]
            )
            for begin in range(0, 2000, 250)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert c.flush(20)
        assert numbers(posthog_server.unique_events()) == list(range(2000))
        assert c.stats() == {"accepted": 2000, "delivered": 2000, "failed": 0, "refused": 0, "queued": 0}
    assert names(tmp_path) == []


def test_two_clients_of_one_process_share_a_directory(posthog_server: PostHogServer, tmp_path: Path) -> None:
    with client(posthog_server.url, tmp_path) as one, client(posthog_server.url, tmp_path) as two:
        for number in range(100):
            (one if number % 2 else two).track("u1", "Event", {"number": number})
        assert one.flush(5)
        assert two.flush(5)
        assert numbers(posthog_server.events) == list(range(100))
        assert one.stats()["delivered"] == two.stats()["delivered"] == 50
    assert names(tmp_path) == []


@pytest.mark.parametrize("sync_mode", [False, True])
def test_while_posthog_takes_nothing_it_is_asked_once_a_pause_and_at_once_again_when_it_takes_something(
    posthog_server: PostHogServer, tmp_path: Path, sync_mode: bool
) -> None:
    posthog_server.answer = lambda request: (401, {}, b"")
    left_by_dead(tmp_path, *messages(3))
    with client(posthog_server.url, tmp_path, sync_mode=sync_mode) as c:
        first, second = posthog_server.wait_for_requests(2)
        assert second.time - first.time >= 1
        c._route.delivery._resume_at += 1000  # type: ignore[attr-defined]
        posthog_server.answer = None
        c.track("u1", "Event", {"number": 3})
        assert numbers(posthog_server.wait_for(4)) == [0, 1, 2, 3]


@pytest.mark.parametrize("sync_mode", [False, True])
def test_a_callback_may_flush_and_call(posthog_server: PostHogServer, tmp_path: Path, sync_mode: bool) -> None:
    has_its_name = threading.Event()  # the delivery may begin before `c` is the client

    def on_success(delivered: list[dict[str, Any]]) -> None:
        assert has_its_name.wait(10)
        c.flush()
        if delivered[0]["event"] == "Event":
            c.track("u1", "Delivered", {"number": 9})

    left_by_dead(tmp_path, *messages(1))
    with client(posthog_server.url, tmp_path, sync_mode=sync_mode, on_success=on_success) as c:
        has_its_name.set()
        assert returns(lambda: (posthog_server.wait_for(2), c.flush()), within=5)
    assert numbers(posthog_server.events) == [0, 9]


def test_flush_waits_for_what_comes_from_disk_to_the_queue_while_it_waits(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    calls_made = threading.Event()

    def answer(request: Request) -> str | None:
        calls_made.wait(10)
        return HANG if len(posthog_server.requests) > 2 else None

    posthog_server.answer = answer
    with client(posthog_server.url, tmp_path, max_queue_size=10, upload_size=10, upload_interval=10) as c:
        for number in range(30):  # 10 in a request, 10 in the queue, 10 on disk alone
            c.track("u1", "Event", {"number": number})
            if number == 9:
                posthog_server.wait_for_requests(1)
        inner = c._route.delivery._inner  # type: ignore[attr-defined]
        flush = inner.flush

        def flush_and_refill(timeout: float) -> bool:
            calls_made.set()
            done = flush(timeout)
            posthog_server.wait_for_requests(3)
            return done

        inner.flush = flush_and_refill
        assert not c.flush(1)
        assert len(posthog_server.events) == 20
        posthog_server.release()
        assert c.flush(5)
        assert numbers(posthog_server.events) == list(range(30))


def test_flush_waits_for_a_line_that_is_between_the_disk_and_the_queue(
    posthog_server: PostHogServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by_dead(tmp_path, *messages(1))
    go_on, send = threading.Event(), PostHog.send
    monkeypatch.setattr(PostHog, "send", lambda *message: (go_on.wait(10), send(*message))[1])
    with client(posthog_server.url, tmp_path) as c:
        assert not c.flush(0.3)
        go_on.set()
        assert c.flush(5)
        assert numbers(posthog_server.events) == [0]
