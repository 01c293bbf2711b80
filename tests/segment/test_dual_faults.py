"""Trouble on one side of dual running never touches the other, and whoever waits, waits no longer than was said."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from analytics_posthog import (
    AnalyticsError,
    Client,
    ClientShutDown,
    DeliveryError,
    InvalidMessage,
    MessageTooLarge,
    QueueFull,
    SegmentError,
)
from analytics_posthog.errors import NoAnswer
from tests.support.posthog_server import HANG, PostHogServer
from tests.support.segment_cloud import dual, posthog_users, segment_users
from tests.support.two_clients import abandon, end_quickly, log_records

SECRET = "4111 1111 1111 1111"
Reported = list[tuple[type[Exception], str, list[Any]]]


@pytest.fixture
def reported() -> Reported:
    return []


def telling(reported: Reported) -> dict[str, Any]:
    return {
        "on_error": lambda error, messages: reported.append(
            (type(error), str(error), [message["userId"] for message in messages])
        )
    }


def test_a_dead_segment_costs_posthog_nothing_and_flush_and_shutdown_keep_their_time(
    posthog_server: PostHogServer, dead_server: PostHogServer
) -> None:
    client = dual(posthog_server, dead_server)
    start = time.monotonic()
    for number in range(50):
        assert client.track(f"u{number:02}", "Bought")[0] is True
    assert time.monotonic() - start < 1
    start = time.monotonic()
    assert client.flush(1) is False
    assert 1 <= time.monotonic() - start < 2
    assert posthog_users(posthog_server) == [f"u{number:02}" for number in range(50)]
    assert client.stats() == {"accepted": 50, "delivered": 50, "failed": 0, "refused": 0, "queued": 0}
    start = time.monotonic()
    assert client.drain() is False
    assert time.monotonic() - start < 4  # 3 without progress
    start = time.monotonic()
    end_quickly(client, 0.5)
    assert time.monotonic() - start < 2


def test_what_segment_s_client_gives_up_is_reported_with_our_own_messages(
    posthog_server: PostHogServer, dead_server: PostHogServer, reported: Reported
) -> None:
    with dual(posthog_server, dead_server, max_retries=0, **telling(reported)) as client:
        client.track("u1", "Bought")
        assert client.flush(5) is True  # what was reported counts as dealt with
    ((kind, text, users),) = reported
    assert (kind, users) == (SegmentError, ["u1"])
    assert text == "Segment can't be reached: ConnectionError. Check segment_host and the network"
    assert posthog_users(posthog_server) == ["u1"]


def test_a_segment_that_hangs_holds_up_neither_posthog_nor_the_end(
    posthog_server: PostHogServer, segment_server: PostHogServer, reported: Reported
) -> None:
    segment_server.answer = lambda _: HANG
    client = dual(posthog_server, segment_server, **telling(reported))
    for number in range(250):
        assert client.track(f"u{number}", "Bought")[0] is True
    segment_server.wait_for_requests(1)
    start = time.monotonic()
    assert client.flush(0.5) is False
    end_quickly(client, 0.5)
    assert time.monotonic() - start < 3
    assert len(posthog_server.events) == 250
    assert {(kind, text) for kind, text, _ in reported} == {
        (SegmentError, "Segment: the client was shut down before its messages could be sent")
    }
    assert sum(len(users) for _, _, users in reported) == 250
    assert client.track("late", "Bought")[0] is False
    assert reported[-1][0] is ClientShutDown
    segment_server.release()


@pytest.mark.parametrize("status", [400, 401, 500])
def test_what_segment_refuses_is_reported_and_logged_in_one_line_without_anybody_s_data(
    status: int, posthog_server: PostHogServer, segment_server: PostHogServer, reported: Reported
) -> None:
    segment_server.answer = lambda request: (status, {}, request.body)  # an answer that holds it all
    with (
        log_records() as logged,
        dual(posthog_server, segment_server, max_retries=0, upload_size=1, **telling(reported)) as client,
    ):
        for number in range(5):
            client.track(f"u{number}", "Bought", {"card": SECRET})
        assert client.flush(10) is True
    text = f"Segment answered {status}. Check segment_write_key and segment_host"
    assert reported == [(SegmentError, text, [f"u{number}"]) for number in range(5)]
    assert [line for line in logged if "not sent" in line] == [
        f"1 event not sent: {text}",
        f"4 events not sent: {text}",
    ]
    assert SECRET not in str(logged) + str(reported)
    assert len(posthog_server.events) == 5


def test_a_message_of_40_kb_arrives_at_posthog_and_is_reported_for_segment(
    posthog_server: PostHogServer, segment_server: PostHogServer, reported: Reported
) -> None:
    with log_records() as logged, dual(posthog_server, segment_server, **telling(reported)) as client:
        assert client.track("large", "Bought", {"log": "x" * 40_000, "card": SECRET})[0] is True
        assert client.track("small", "Bought")[0] is True
        assert client.flush(5) is True
    text = "Segment: a message has more than the 32 KiB that Segment takes. Send less in it"
    assert reported == [(SegmentError, text, ["large"])]
    assert logged == [f"1 event not sent: {text}"]
    assert posthog_users(posthog_server) == ["large", "small"]
    assert segment_users(segment_server) == ["small"]


def test_user_id_0_arrives_on_both_sides(
    posthog_server: PostHogServer, segment_server: PostHogServer, reported: Reported
) -> None:
    with dual(posthog_server, segment_server, **telling(reported)) as client:
        assert client.identify(0, {"plan": "pro"})[0] is True
        assert client.alias(0, 1)[0] is True
        assert client.group(0, 0, {"name": "G"})[0] is True
    assert reported == []
    assert posthog_users(posthog_server) == segment_users(segment_server) == ["0", "0", "1"]


def test_a_full_queue_at_segment_is_reported_and_costs_posthog_nothing(
    posthog_server: PostHogServer, segment_server: PostHogServer, reported: Reported
) -> None:
    segment_server.answer = lambda _: HANG
    with dual(posthog_server, segment_server, max_queue_size=100, **telling(reported)) as client:
        for number in range(100):
            client.track(f"u{number}", "Bought")
        segment_server.wait_for_requests(1)  # it has taken 100 off its queue
        for number in range(100):
            client.track(f"v{number}", "Bought")
        client.flush(0.2)
        assert client.track("w", "Bought")[0] is True
        assert reported == [
            (SegmentError, "Segment: the queue is full. Raise max_queue_size, or call less often", ["w"])
        ]
        segment_server.release()
    assert len(posthog_server.events) == 201
    assert len(segment_server.segment_messages) == 200


def test_a_dead_posthog_costs_segment_nothing(
    dead_server: PostHogServer, segment_server: PostHogServer, reported: Reported
) -> None:
    with dual(dead_server, segment_server, max_retries=0, **telling(reported)) as client:
        for number in range(5):
            assert client.track(f"u{number}", "Bought")[0] is True
        client.flush(5)
    assert segment_users(segment_server) == [f"u{number}" for number in range(5)]
    assert {kind for kind, _, _ in reported} == {NoAnswer}


def test_what_posthog_s_side_refuses_goes_to_segment(
    posthog_server: PostHogServer, segment_server: PostHogServer, reported: Reported
) -> None:
    """A full queue, and a blank name that PostHog refuses together with its whole batch."""
    posthog_server.answer = lambda _: HANG
    client = dual(posthog_server, segment_server, max_queue_size=5, upload_size=1, **telling(reported))
    client.track("first", "Bought")
    posthog_server.wait_for_requests(1)
    answers = []
    for number in range(6):
        segment_server.wait_for_segment(number + 1)  # its queue is as short
        answers.append(client.track(f"u{number}", "Bought")[0])
    segment_server.wait_for_segment(7)
    assert client.track("blank", " ")[0] is False
    segment_server.wait_for_segment(8)
    posthog_server.release()
    client.shutdown()
    assert (answers, [kind for kind, _, _ in reported]) == ([True] * 5 + [False], [QueueFull, InvalidMessage])
    assert segment_users(segment_server) == ["blank", "first", *(f"u{number}" for number in range(6))]
    assert posthog_users(posthog_server) == ["first", *(f"u{number}" for number in range(5))]


def test_what_is_too_large_for_both_is_reported_for_both(
    posthog_server: PostHogServer, segment_server: PostHogServer, reported: Reported
) -> None:
    with dual(posthog_server, segment_server, **telling(reported)) as client:
        assert client.track("huge", "Bought", {"log": "x" * 1_000_000})[0] is False
    assert [kind for kind, _, _ in reported] == [SegmentError, MessageTooLarge]


@pytest.mark.parametrize("side", ["segment", "posthog"])
def test_in_sync_mode_segment_s_failure_is_reported_and_posthog_s_is_raised(
    side: str,
    posthog_server: PostHogServer,
    segment_server: PostHogServer,
    dead_server: PostHogServer,
    reported: Reported,
) -> None:
    servers = (posthog_server, dead_server) if side == "segment" else (dead_server, segment_server)
    with dual(*servers, sync_mode=True, max_retries=0, **telling(reported)) as client:
        if side == "segment":
            assert client.track("u1", "Bought")[0] is True
            assert [kind for kind, _, _ in reported] == [SegmentError]
            assert posthog_users(posthog_server) == ["u1"]
        else:
            with pytest.raises(DeliveryError):
                client.track("u1", "Bought")
            assert segment_users(segment_server) == ["u1"]
        assert client.flush(1) is True


def test_an_on_error_that_calls_flushes_and_raises_harms_neither_side(
    posthog_server: PostHogServer, dead_server: PostHogServer
) -> None:
    seen: list[bool] = []

    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        assert isinstance(error, AnalyticsError)
        if messages[0]["userId"] == "u1":
            client.track("from on_error", "Failed")
        seen.append(client.flush(1))
        raise ValueError(SECRET)

    with log_records() as logged:
        client = dual(posthog_server, dead_server, max_retries=0, on_error=on_error)
        client.track("u1", "Bought")
        assert client.flush(5) is True
        client.shutdown()
    assert posthog_users(posthog_server) == ["from on_error", "u1"]
    assert len(seen) == 2
    assert SECRET not in str(logged)


def test_a_rate_limit_s_wait_is_segment_s_own_and_no_flush_is_held_up_by_it(
    posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    segment_server.answer = lambda _: (429, {"Retry-After": "1"}, b"{}") if len(segment_server.requests) == 1 else None
    client = dual(posthog_server, segment_server)
    client.track("u1", "Bought")
    segment_server.wait_for_requests(1)
    start = time.monotonic()
    assert client.flush(0.3) is False
    assert time.monotonic() - start < 1
    assert client.flush(10) is True  # sent again, and not before
    assert segment_users(segment_server) == ["u1"]
    client.shutdown()


def test_debug_shows_no_message_of_segment_s_queue(
    posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    level = Client.log.level
    try:
        with log_records() as logged, dual(posthog_server, segment_server, debug=True) as client:
            client.track("u1", "Bought", {"card": SECRET})
    finally:
        Client.log.setLevel(level)
    assert [line.rpartition(": ")[2] for line in logged if line.startswith("track 'Bought' ")] == ["accepted"]
    assert SECRET not in str(logged)
    assert logging.getLogger("segment").handlers == []


def test_abandoning_a_client_ends_segment_s_thread(posthog_server: PostHogServer, dead_server: PostHogServer) -> None:
    client = dual(posthog_server, dead_server)
    client.track("u1", "Bought")
    (thread,) = client._route.delivery._segment._client.consumers  # type: ignore[attr-defined]
    abandon(client)
    thread.join(5)
    assert not thread.is_alive()
