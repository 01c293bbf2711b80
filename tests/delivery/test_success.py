"""Which answers mean that PostHog has the events."""

from __future__ import annotations

import pytest

from analytics_posthog import Client
from tests.support.callbacks import Reports, stats
from tests.support.posthog_server import PostHogServer

QUOTA = b'{"status":1,"quota_limited":["events"]}'
NOT_POSTHOG = "answered 200, but not as PostHog does"


@pytest.mark.parametrize("body", [b'{"status":"Ok"}', b'{"status":1}', b'{"status":1,"quota_limited":["recordings"]}'])
def test_a_200_of_posthog_means_delivered(body: bytes, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda request: (200, {}, posthog_server.take(request)[2] and body)
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
    assert posthog_server.distinct_ids == ["u1"]
    assert len(posthog_server.requests) == 1


@pytest.mark.parametrize("body", [b"", b"null", b"<html>", b'{"success": true}'], ids=str)
def test_a_200_of_another_server_is_retried_and_then_reported(body: bytes, posthog_server: PostHogServer) -> None:
    reports = Reports()
    posthog_server.answer = lambda _: (200, {}, body)
    with Client("phc_key", posthog_server.url, max_retries=1, **reports.options()) as client:
        client.track("u1", "Bought")
    assert client.stats() == stats(1, failed=1)
    assert NOT_POSTHOG in str(reports.errors[0][0])
    assert len(posthog_server.requests) == 2


def test_a_200_of_another_server_that_passes_loses_nothing(posthog_server: PostHogServer) -> None:
    answers = iter([(200, {}, b"<html>"), (200, {}, b"")])
    posthog_server.answer = lambda _: next(answers, None)
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
    assert client.stats() == stats(1, delivered=1)
    assert posthog_server.distinct_ids == ["u1"]


def test_a_200_that_says_that_the_project_is_over_its_quota_is_reported_at_once(posthog_server: PostHogServer) -> None:
    reports = Reports()
    posthog_server.answer = lambda _: (200, {}, QUOTA)
    with Client("phc_key", posthog_server.url, **reports.options()) as client:
        client.track("u1", "Bought")
    assert client.stats() == stats(1, failed=1)
    assert "over its quota" in str(reports.errors[0][0])
    assert len(posthog_server.requests) == 1


@pytest.mark.parametrize("status", [201, 202, 204, 299])
@pytest.mark.parametrize("gzip", [False, True])
def test_each_success_means_delivered(status: int, gzip: bool, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda request: posthog_server.take(request) and (status, {}, b"")
    with Client("phc_key", posthog_server.url, gzip=gzip) as client:
        client.track("u1", "Bought")
    assert client.stats() == {"accepted": 1, "delivered": 1, "failed": 0, "refused": 0, "queued": 0}
    assert posthog_server.distinct_ids == ["u1"]
    assert len(posthog_server.requests) == 1
