"""A request that fails is tried again while that can help.

A message that is given up is reported once, with the status.
"""

from __future__ import annotations

import itertools
import random
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from analytics_posthog import Client, DeliveryError
from analytics_posthog.errors import NoAnswer
from tests.support.callbacks import Reported
from tests.support.posthog_server import HANG, LOST, RESET, Answer, PostHogServer, Request
from tests.support.two_clients import OURS


def first(server: PostHogServer, faults: list[Any]) -> None:
    """Answers the first requests with these faults, and the rest as usual."""
    server.answer = lambda _: faults[len(server.requests) - 1] if len(server.requests) <= len(faults) else None


def given_up(server: PostHogServer, **settings: Any) -> int | None:
    """The status with which a call is given up; it has then been reported to `on_error`, once."""
    reported: Reported = []
    with Client("phc_key", server.url, on_error=lambda *args: reported.append(args), **settings) as client:
        _, message = client.track("u1", "Bought")
        assert client.flush(10) is True
    ((error, messages),) = reported
    assert isinstance(error, DeliveryError)
    assert messages == [message]
    assert server.events == []
    return error.status


@pytest.mark.parametrize("status", [408, 429, 500, 501, 502, 503, 504, 520, 599])
def test_a_status_that_may_pass_is_tried_again(status: int, posthog_server: PostHogServer) -> None:
    first(posthog_server, [(status, {}, b'{"detail": "later"}')])
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
    assert posthog_server.distinct_ids == ["u1"]
    assert [request.status for request in posthog_server.requests] == [status, 200]


BODIES = [
    b"",
    b"null",
    b"[]",
    b'"busy"',
    b"5",
    b'{"detail": {"a": 1}}',
    b'{"detail": null}',
    b"{",
    b"<html>Bad Gateway</html>",
    b"\xff\xfe\x00",
]


@pytest.mark.parametrize("body", BODIES, ids=str)
@pytest.mark.parametrize("status", [503, 429])
def test_a_retry_does_not_depend_on_the_body_of_the_answer(
    body: bytes, status: int, posthog_server: PostHogServer
) -> None:
    """A proxy or a load balancer answers in its own words."""
    first(posthog_server, [(status, {}, body)])
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
    assert posthog_server.distinct_ids == ["u1"]


@pytest.mark.parametrize("times", [1, 2])
def test_a_reset_connection_is_tried_again(times: int, posthog_server: PostHogServer) -> None:
    first(posthog_server, [RESET] * times)
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
    assert posthog_server.distinct_ids == ["u1"]


def test_a_lost_answer_makes_no_second_event(posthog_server: PostHogServer) -> None:
    """PostHog already has the event. The second one has the same uuid and timestamp, so PostHog counts both as one."""
    first(posthog_server, [LOST])
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
    assert len(posthog_server.events) == 2
    assert posthog_server.events[0] == posthog_server.events[1]
    assert len(posthog_server.unique_events()) == 1


def test_a_request_that_takes_longer_than_the_timeout_is_tried_again(posthog_server: PostHogServer) -> None:
    first(posthog_server, [HANG])
    with Client("phc_key", posthog_server.url, timeout=0.2) as client:
        client.track("u1", "Bought")
        assert client.flush(5) is True
        assert [event["distinct_id"] for event in posthog_server.unique_events()] == ["u1"]
        assert len(posthog_server.requests) == 2
    posthog_server.release()


def test_a_server_that_comes_back_gets_all_events(posthog_server: PostHogServer) -> None:
    posthog_server.stop()
    with Client("phc_key", posthog_server.url) as client:
        for number in range(30):
            assert client.track(str(number), "Bought")[0] is True
        assert client.flush(0.3) is False
        posthog_server.start()
        assert client.flush(10) is True
    assert posthog_server.distinct_ids == [str(number) for number in range(30)]


def test_a_restart_of_the_server_costs_no_event(posthog_server: PostHogServer) -> None:
    """The open connection is dead then; the first retry comes at once."""
    with Client("phc_key", posthog_server.url, max_retries=1) as client:
        for number in range(3):
            client.track(str(number), "Bought")
            assert client.flush(5) is True
            posthog_server.stop()
            posthog_server.start()
    assert posthog_server.distinct_ids == ["0", "1", "2"]


@pytest.mark.parametrize(("fault", "waits"), [((503, {}, b""), (0.1, 0.5, 1)), (RESET, (0, 0.5, 1))])
def test_a_retry_waits_longer_each_time_and_at_first_only_after_an_answer(
    fault: Any, waits: tuple[float, ...], posthog_server: PostHogServer
) -> None:
    first(posthog_server, [fault] * 3)
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
    times = [request.time for request in posthog_server.requests]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(gaps) == 3
    for gap, wait in zip(gaps, waits, strict=True):
        assert wait <= gap < wait * 1.1 + 0.4


@pytest.mark.parametrize("max_retries", [0, 1, 2])
def test_after_max_retries_a_message_is_given_up(max_retries: int, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: (503, {}, b"")
    assert given_up(posthog_server, max_retries=max_retries) == 503
    assert len(posthog_server.requests) == 1 + max_retries


def test_a_host_without_an_address_is_given_up_without_a_status() -> None:
    reported: Reported = []
    with Client(
        "phc_key", "http://nothing.invalid", max_retries=1, on_error=lambda *args: reported.append(args)
    ) as client:
        client.track("u1", "Bought")
        assert client.flush(10) is True
    assert [(type(error), getattr(error, "status", 0)) for error, _ in reported] == [(NoAnswer, None)]


def test_max_total_backoff_duration_of_0_means_no_retry(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: (503, {}, b"")
    assert given_up(posthog_server, max_total_backoff_duration=0) == 503
    assert len(posthog_server.requests) == 1


def test_max_total_backoff_duration_bounds_the_retries(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: (503, {}, b"")
    assert given_up(posthog_server, max_total_backoff_duration=0.4) == 503
    assert len(posthog_server.requests) == 3  # after 0.1 s, and after half a second


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 415, 422, 511])
def test_a_status_that_will_not_pass_is_not_tried_again(status: int, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: (status, {}, b"")
    assert given_up(posthog_server) == status
    assert len(posthog_server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_would_lose_the_body_is_given_up(status: int, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda request: (
        (status, {"Location": "/elsewhere"}, b"") if request.path == "/batch/" else (200, {}, b"")
    )
    assert given_up(posthog_server) == status
    assert [request.path for request in posthog_server.requests] == ["/batch/"]


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_that_keeps_the_body_is_followed(status: int, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda request: (
        (status, {"Location": "/batch/"}, b"") if request.path == "/moved/batch/" else None
    )
    with Client("phc_key", posthog_server.url + "/moved") as client:
        client.track("u1", "Bought")
    assert posthog_server.distinct_ids == ["u1"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_for_retry_after_does_not_count_as_a_retry(status: int, posthog_server: PostHogServer) -> None:
    first(posthog_server, [(status, {"Retry-After": "0.2"}, b"")] * 3)
    with Client("phc_key", posthog_server.url, max_retries=0) as client:
        client.track("u1", "Bought")
        assert client.flush(5) is True
        assert client.stats()["delivered"] == 1
    assert posthog_server.distinct_ids == ["u1"]
    times = [request.time for request in posthog_server.requests]
    assert all(later - earlier >= 0.2 for earlier, later in itertools.pairwise(times))


def test_retry_after_may_be_a_date(posthog_server: PostHogServer) -> None:
    def answer(_: Request) -> Answer | None:
        soon = datetime.now(timezone.utc) + timedelta(seconds=1.5)  # whole seconds: 0.5 to 1.5 from now
        return (
            (429, {"Retry-After": format_datetime(soon, usegmt=True)}, b"")
            if len(posthog_server.requests) == 1
            else None
        )

    posthog_server.answer = answer
    with Client("phc_key", posthog_server.url, max_retries=0) as client:
        client.track("u1", "Bought")
    assert posthog_server.distinct_ids == ["u1"]
    early, late = (request.time for request in posthog_server.requests)
    assert 0.4 < late - early < 2


@pytest.mark.parametrize("value", ["0", "-5", "soon", "nan", "", "Sat, 03 Jan 2026 03:04:05 GMT"])
def test_a_retry_after_without_a_usable_time_counts_as_a_retry(value: str, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: (429, {"Retry-After": value}, b"")
    assert given_up(posthog_server, max_retries=1) == 429
    assert len(posthog_server.requests) == 2


def test_max_rate_limit_duration_bounds_retry_after(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: (429, {"Retry-After": "0.3"}, b"")
    assert given_up(posthog_server, max_rate_limit_duration=0.5) == 429
    assert len(posthog_server.requests) == 2


@pytest.mark.parametrize("value", ["11", "1e9", "inf"])
def test_a_retry_after_longer_than_max_rate_limit_duration_is_not_waited_for(
    value: str, posthog_server: PostHogServer
) -> None:
    posthog_server.answer = lambda _: (429, {"Retry-After": value}, b"")
    started = time.monotonic()
    assert given_up(posthog_server, max_rate_limit_duration=10) == 429
    assert time.monotonic() - started < 1
    assert len(posthog_server.requests) == 1


def test_a_call_does_not_wait_for_retries(posthog_server: PostHogServer) -> None:
    first(posthog_server, [(429, {"Retry-After": "1"}, b"")])
    with Client("phc_key", posthog_server.url, upload_interval=0) as client:
        client.track("u0", "Bought")
        posthog_server.wait_for_requests(1)
        for number in range(1, 100):
            client.track(f"u{number}", "Bought")
        assert posthog_server.events == []
    assert posthog_server.distinct_ids == [f"u{number}" for number in range(100)]


def test_all_events_count_once_with_faults_in_every_fourth_answer(posthog_server: PostHogServer) -> None:
    chance = random.Random(5)
    faults: list[Any] = [(503, {}, b""), RESET, LOST, (429, {"Retry-After": "0.05"}, b"")]
    posthog_server.answer = lambda _: chance.choice(faults) if chance.random() < 0.28 else None
    with Client("phc_key", posthog_server.url, upload_size=10, thread=3) as client:
        for number in range(400):
            client.track(str(number), "Bought")
        assert client.flush(20) is True
    unique = posthog_server.unique_events()
    assert sorted(int(event["distinct_id"]) for event in unique) == list(range(400))


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
def test_retries_have_the_limits_of_segment(
    limit: dict[str, Any], answer: Answer, requests: int, posthog_server: PostHogServer
) -> None:
    posthog_server.answer = lambda _: answer
    reported: list[dict[str, Any]] = []
    with OURS.client(posthog_server, on_error=lambda _, messages: reported.extend(messages), **limit) as client:
        _, message = client.track("u1", "Bought")
        assert client.flush(10)
    assert len(posthog_server.requests) == requests
    assert reported == [message]
