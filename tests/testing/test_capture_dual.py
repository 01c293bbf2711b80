"""In a capture nothing goes to Segment either, of clients made before and meanwhile."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from analytics_posthog import Client
from analytics_posthog.testing import capture
from tests.support.posthog_server import PostHogServer


@pytest.mark.parametrize("made", ["before", "inside"])
def test_nothing_goes_to_segment_either(made: str, posthog_server: PostHogServer) -> None:
    settings: dict[str, Any] = {
        "host": posthog_server.url,
        "segment_write_key": "segment",
        "segment_host": posthog_server.url,
    }
    before = Client("phc_key", **settings) if made == "before" else None
    threads = set(threading.enumerate())
    with capture() as captured:
        client = before or Client("phc_key", **settings)
        client.track("u1", "Inside")
        client.track("u1", " ")
        client.track("u1", "Segment only", integrations={"PostHog": False})
        assert client.flush() is True
        assert set(threading.enumerate()) == threads
    captured.assert_tracked("Inside", times=1)
    client.shutdown()
    assert (posthog_server.requests, posthog_server.segment_messages) == ([], [])
