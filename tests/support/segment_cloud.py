"""A server like Segment's cloud: takes batches of Segment's client, and forwards to PostHog as its destination does.

It doesn't convert messages. It looks the destination's event up, by the messageId, among recorded ones.
"""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from analytics_posthog import Client
from tests.support.posthog_server import PostHogServer


def dual(posthog_server: PostHogServer, segment_server: PostHogServer, **options: Any) -> Client:
    """A client that sends to both."""
    return Client(
        "phc_key", posthog_server.url, segment_write_key="segment-key", segment_host=segment_server.url, **options
    )


def posthog_users(server: PostHogServer) -> list[str]:
    """Whose events have arrived at PostHog."""
    return sorted(event["distinct_id"] for event in server.events)


def segment_users(server: PostHogServer) -> list[str]:
    """Whose messages have arrived at Segment."""
    return sorted(message["userId"] for message in server.segment_messages)


def forward(event: dict[str, Any], posthog_url: str) -> None:
    """Post an event, a request each, as the destination does. PostHog takes the distinct_id from the properties."""
    content = json.dumps(
        {"api_key": "phc_key", "batch": [{"distinct_id": event["properties"]["distinct_id"], **event}]}
    )
    request = urllib.request.Request(f"{posthog_url}/batch/", content.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


class SegmentCloud(PostHogServer):
    """Serves Segment's `POST /v1/batch`, and posts the destination's event to `posthog_url`.

    `recorded` holds the event of each messageId.
    """

    def __init__(self, recorded: dict[str, dict[str, Any]], posthog_url: str) -> None:
        super().__init__()
        self._recorded = recorded
        self._posthog_url = posthog_url

    def _take_segment(self, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        answer = super()._take_segment(body)
        for message in body["batch"]:
            forward(self._recorded[message["messageId"]], self._posthog_url)
        return answer
