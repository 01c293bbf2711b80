"""Segment's own client logs whole messages. None of them gets into the app's log."""

from __future__ import annotations

import logging

import pytest

from analytics_posthog import Client
from tests.support.posthog_server import PostHogServer


@pytest.mark.parametrize("sync_mode", [False, True])
def test_with_the_root_logger_at_debug_neither_the_key_nor_anybody_s_data_is_logged(
    sync_mode: bool, posthog_server: PostHogServer, segment_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    segment_server.answer = lambda request: (
        (400, {"Content-Type": "text/html"}, b"ada@example.com") if len(segment_server.requests) > 1 else None
    )
    options = {"segment_write_key": "segment-secret", "segment_host": segment_server.url, "sync_mode": sync_mode}
    with Client("phc_secret", posthog_server.url, **options) as client:
        for _ in range(2):
            client.identify("u1", {"email": "ada@example.com"})
            client.flush()
    logging.getLogger("segment").error("an app's own line")
    text = caplog.text
    assert "an app's own line" in text
    for secret in ("ada@example.com", "segment-secret", "phc_secret", "Unknown error"):
        assert secret not in text
