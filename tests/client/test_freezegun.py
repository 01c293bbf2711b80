"""In frozen time the timestamps are the frozen ones; waits go by the real clock."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

import pytest
from freezegun import freeze_time

import analytics_posthog as analytics
from analytics_posthog import Client
from tests.support.child_process import run_python
from tests.support.posthog_server import HANG, PostHogServer
from tests.support.two_clients import OURS

FROZEN = "2020-01-02 03:04:05.678"
FROZEN_TIMESTAMP = "2020-01-02T03:04:05.678+00:00"


def clock() -> float:
    """The real clock."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


@pytest.mark.parametrize("call", ["track", "identify", "page", "screen", "alias", "group"])
def test_the_timestamp_is_the_frozen_one(call: str, posthog_server: PostHogServer) -> None:
    arguments = {"track": ("u1", "Bought"), "alias": ("a1", "u1"), "group": ("u1", "g1")}.get(call, ("u1",))
    with freeze_time(FROZEN), Client("phc_key", posthog_server.url) as client:
        _, message = getattr(client, call)(*arguments)
    assert message["timestamp"] == FROZEN_TIMESTAMP
    assert [event["timestamp"] for event in posthog_server.events] == [FROZEN_TIMESTAMP]


def test_it_moves_as_the_frozen_time_is_moved(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url) as client, freeze_time(FROZEN) as frozen:
        client.track("u1", "Bought")
        frozen.tick(3600)
        client.track("u1", "Bought")
        client.track("u1", "Bought", timestamp=datetime(2020, 5, 6, tzinfo=timezone.utc))
    timestamps = [event["timestamp"] for event in posthog_server.events]
    assert timestamps == [FROZEN_TIMESTAMP, "2020-01-02T04:04:05.678+00:00", "2020-05-06T00:00:00.000+00:00"]


def test_a_frozen_now_is_what_it_says(posthog_server: PostHogServer) -> None:
    with freeze_time(FROZEN), Client("phc_key", posthog_server.url, send=False) as client:
        _, message = client.track("u1", "Bought", timestamp=datetime.now(timezone.utc))
    assert message["timestamp"] == FROZEN_TIMESTAMP


SETTINGS: list[dict[str, Any]] = [{}, {"upload_interval": 30}, {"thread": 3}, {"sync_mode": True}]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("made", ["before", "inside"])
def test_flush_and_shutdown_return_promptly(made: str, settings: dict[str, Any], posthog_server: PostHogServer) -> None:
    before = Client("phc_key", posthog_server.url, **settings) if made == "before" else None
    with freeze_time(FROZEN):
        client = before or Client("phc_key", posthog_server.url, **settings)
        started = clock()
        for number in range(30):
            client.track(str(number), "Bought")
        assert client.flush() is True
        assert len(posthog_server.events) == 30
        client.track("last", "Bought")
        client.shutdown()
        assert clock() - started < 10
    assert len(posthog_server.events) == 31


def test_flush_is_bounded(posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: HANG
    with Client("phc_key", posthog_server.url) as client:
        with freeze_time(FROZEN):
            client.track("u1", "Bought")
            started = clock()
            assert client.flush(0.3) is False
            assert 0.3 <= clock() - started < 1
        posthog_server.release()


def test_retries_wait_and_end_by_the_real_clock(posthog_server: PostHogServer) -> None:
    reported: list[Exception] = []
    posthog_server.answer = lambda _: (503, {}, b"")
    with (
        freeze_time(FROZEN),
        Client(
            "phc_key", posthog_server.url, max_total_backoff_duration=0.4, on_error=lambda e, _: reported.append(e)
        ) as client,
    ):
        client.track("u1", "Bought")
        started = clock()
        assert client.flush(10) is True
        assert 0.4 < clock() - started < 2
    assert len(reported) == 1
    assert len(posthog_server.requests) == 3


def test_the_module_works_too(posthog_server: PostHogServer) -> None:
    with freeze_time(FROZEN):
        analytics.write_key, analytics.host = "phc_key", posthog_server.url
        analytics.track("u1", "Bought")
        assert analytics.flush(5) is True
        analytics.shutdown()
    assert [event["timestamp"] for event in posthog_server.events] == [FROZEN_TIMESTAMP]


def test_also_where_the_package_is_imported_in_frozen_time(posthog_server: PostHogServer) -> None:
    done = run_python(
        "-c",
        f"""
import time
from freezegun import freeze_time
with freeze_time({FROZEN!r}):
    import analytics_posthog as analytics
    analytics.write_key, analytics.host = "phc_key", {posthog_server.url!r}
    analytics.track("u1", "Bought")
    assert analytics.flush(5) is True
    analytics.track("u1", "Bought")
    analytics.shutdown()
    analytics.track("u1", "Bought")
""",
        timeout=20,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [event["timestamp"] for event in posthog_server.events] == [FROZEN_TIMESTAMP] * 3


def test_frozen_time_delays_no_delivery(posthog_server: PostHogServer) -> None:
    with OURS.client(posthog_server) as client, freeze_time("2020-02-02", tick=False):
        client.track("u1", "Bought")
        assert client.flush()
    (event,) = posthog_server.events
    assert event["timestamp"] == "2020-02-02T00:00:00.000+00:00"
