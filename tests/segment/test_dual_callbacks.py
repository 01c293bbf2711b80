"""Callbacks of dual running: each side calls on_error in a thread of its own."""

from __future__ import annotations

import threading
import time
from typing import Any

from tests.support.posthog_server import PostHogServer
from tests.support.segment_cloud import dual


def test_an_on_error_of_either_side_may_flush_though_the_other_side_is_in_one_too(
    posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    posthog_server.answer = segment_server.answer = lambda _: (400, {}, b"{}")
    both = threading.Barrier(2, timeout=10)
    seconds: list[float] = []

    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        both.wait()
        begun = time.monotonic()
        client.flush(5)
        seconds.append(time.monotonic() - begun)
        both.wait()

    with dual(posthog_server, segment_server, on_error=on_error) as client:
        client.track("u1", "Bought")
    assert len(seconds) == 2
    assert max(seconds) < 1
