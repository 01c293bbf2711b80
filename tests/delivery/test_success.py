"""An answer from 200 to 299 means that PostHog has the events, whatever its body is."""

from __future__ import annotations

import pytest

from analytics_posthog import Client
from tests.support.posthog_server import PostHogServer


@pytest.mark.parametrize("body", [b"", b"null", b"<html>", b'{"quotaLimited": ["feature_flags"]}'], ids=str)
def test_a_200_means_delivered_whatever_its_body_is(body: bytes, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda request: (200, {}, posthog_server.take(request)[2] and body)
    with Client("phc_key", posthog_server.url) as client:
        client.track("u1", "Bought")
    assert posthog_server.distinct_ids == ["u1"]
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
