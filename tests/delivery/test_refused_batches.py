"""PostHog refuses a batch for one bad event: the batch is split, and only the bad event is lost."""

from __future__ import annotations

import pytest

from analytics_posthog import Client, DeliveryError
from tests.support.callbacks import Reported, Reports, refusing, stats
from tests.support.posthog_server import RESET, PostHogServer
from tests.support.two_clients import OURS


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("bad", [0, 37, 99])
def test_one_refused_event_in_a_batch_of_100_is_reported_and_99_are_delivered(
    bad: int, status: int, posthog_server: PostHogServer, reports: Reports
) -> None:
    posthog_server.answer = refusing(f"u{bad}", status=status)
    with OURS.client(posthog_server, upload_interval=60, **reports.options()) as client:
        messages = [client.track(f"u{number}", "Bought")[1] for number in range(100)]
        assert client.flush()
        ((error, lost),) = reports.errors
        assert lost == [messages[bad]]
        assert isinstance(error, DeliveryError)
        assert error.status == status
        assert sorted(event["distinct_id"] for event in posthog_server.events) == sorted(
            f"u{n}" for n in range(100) if n != bad
        )
        assert sorted(message["userId"] for message in reports.delivered) == sorted(
            f"u{n}" for n in range(100) if n != bad
        )
        assert client.stats() == stats(100, 99, 1)
    assert len(posthog_server.requests) < 20  # by halves, not one by one


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("bad", [{37}, {0, 99}, {10, 11, 12}, set(range(0, 100, 9))], ids=lambda bad: f"{len(bad)} bad")
def test_several_refused_events_are_reported_one_by_one_in_their_order(
    bad: set[int], status: int, posthog_server: PostHogServer
) -> None:
    reported: Reported = []
    posthog_server.answer = lambda request: (status, {}, b'{"detail": "no"}') if b'"Bad"' in request.body else None
    with Client(
        "phc_key", posthog_server.url, upload_interval=10, on_error=lambda *args: reported.append(args)
    ) as client:
        made = [client.track(f"u{number}", "Bad" if number in bad else "Good")[1] for number in range(100)]
    assert sorted(posthog_server.distinct_ids) == sorted(f"u{number}" for number in range(100) if number not in bad)
    assert [messages for _, messages in reported] == [[made[number]] for number in sorted(bad)]
    assert {(type(error), getattr(error, "status", None)) for error, _ in reported} == {(DeliveryError, status)}


def test_neighbours_of_several_refused_events_are_delivered(posthog_server: PostHogServer, reports: Reports) -> None:
    bad = [f"u{number}" for number in (3, 4, 50, 98)]
    posthog_server.answer = refusing(*bad)
    with OURS.client(posthog_server, upload_interval=60, **reports.options()) as client:
        for number in range(100):
            client.track(f"u{number}", "Bought")
        assert client.flush()
    assert sorted(message["userId"] for message in reports.lost) == sorted(bad)
    assert all(len(messages) == 1 for _, messages in reports.errors)
    assert len(posthog_server.events) == 96


def test_a_fault_while_a_batch_is_being_split_loses_nothing(posthog_server: PostHogServer, reports: Reports) -> None:
    bad = refusing("u7")
    faults = iter([None, RESET, None, (503, {}, b""), None, RESET])
    posthog_server.answer = lambda request: next(faults, None) or bad(request)
    with OURS.client(posthog_server, upload_interval=60, **reports.options()) as client:
        for number in range(16):
            client.track(f"u{number}", "Bought")
        assert client.flush()
    assert [message["userId"] for message in reports.lost] == ["u7"]
    assert len(posthog_server.events) == 15


def test_a_batch_that_is_too_large_for_the_server_is_halved_until_it_fits(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda request: (413, {}, b"") if len(request.body) > 6000 else None
    with Client("phc_key", posthog_server.url, upload_interval=10) as client:
        for number in range(100):
            client.track(f"u{number}", "Bought")
    assert sorted(posthog_server.distinct_ids) == sorted(f"u{number}" for number in range(100))
