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


@pytest.mark.parametrize("status", [400, 403, 406, 413, 422, 451])
def test_five_events_of_500_that_are_refused_with_any_status_cost_only_themselves(
    status: int, posthog_server: PostHogServer, reports: Reports
) -> None:
    bad = {f"u{number}" for number in (0, 1, 77, 250, 499)}
    posthog_server.answer = refusing(*bad, status=status)
    with Client("phc_key", posthog_server.url, upload_size=500, upload_interval=60, **reports.options()) as client:
        for number in range(500):
            client.track(f"u{number}", "Bought")
        assert client.flush(60)
    assert {message["userId"] for message in reports.lost} == bad
    assert {getattr(error, "status", None) for error, _ in reports.errors} == {status}
    assert sorted(posthog_server.distinct_ids) == sorted({f"u{number}" for number in range(500)} - bad)
    assert client.stats() == stats(500, 495, 5)


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_server_that_refuses_everything_gets_few_requests_and_everything_is_reported(
    status: int, posthog_server: PostHogServer, reports: Reports
) -> None:
    posthog_server.answer = lambda _: (status, {}, b"")
    options = {"upload_size": 500, "upload_interval": 60, "max_retries": 3, **reports.options()}
    with Client("phc_key", posthog_server.url, **options) as client:
        for number in range(500):
            client.track(f"u{number}", "Bought")
        assert client.flush(60)
    assert len(reports.lost) == 500
    assert not any(getattr(error, "about_event", False) for error, _ in reports.errors)
    assert len(posthog_server.requests) < 50


def test_events_that_are_all_bad_but_the_last_ones_cost_only_themselves(
    posthog_server: PostHogServer, reports: Reports
) -> None:
    posthog_server.answer = refusing(*(f"u{number}." for number in range(50)), status=403)
    with Client("phc_key", posthog_server.url, upload_interval=60, **reports.options()) as client:
        for number in range(100):
            client.track(f"u{number}.", "Bought")
        assert client.flush(60)
    assert sorted(posthog_server.distinct_ids) == sorted(f"u{number}." for number in range(50, 100))
    assert len(reports.lost) == 50


@pytest.mark.parametrize("location", ["http://[", "http://a:b:c/", "//[x", "\\\\\x00"])
def test_an_answer_that_can_not_be_read_is_the_server_s_fault(
    location: str, posthog_server: PostHogServer, reports: Reports
) -> None:
    posthog_server.answer = lambda _: (307, {"Location": location}, b"")
    with Client("phc_key", posthog_server.url, max_retries=0, **reports.options()) as client:
        client.track("u1", "Bought")
        client.track("u2", "Bought")
    ((error, lost),) = reports.errors
    assert [message["userId"] for message in lost] == ["u1", "u2"]
    assert isinstance(error, DeliveryError)
    assert (error.status in (None, 307), error.about_event) == (True, False)
