"""What a nonsensical Retry-After does: nothing."""

from __future__ import annotations

from typing import Any

import pytest

from analytics_posthog import Client
from tests.support.posthog_server import PostHogServer


@pytest.mark.parametrize("value", ["Fri, 31 Dec 99999999999 23:59:59 GMT", "1e400", "nan", "-5", "soon", "9" * 5000])
def test_a_nonsensical_retry_after_is_not_taken_for_a_dead_network(value: str, posthog_server: PostHogServer) -> None:
    posthog_server.answer = lambda _: (429, {"Retry-After": value}, b"")
    reported: list[Exception] = []
    options: dict[str, Any] = {"max_retries": 0, "max_rate_limit_duration": 0}
    with Client("phc_key", posthog_server.url, on_error=lambda error, _: reported.append(error), **options) as client:
        client.track("u1", "Bought")
    assert [getattr(error, "status", None) for error in reported] == [429]
