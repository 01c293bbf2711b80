"""What goes over the wire is what the official client would have sent, to the byte, however it is written."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
import requests
from freezegun import freeze_time
from posthog import Posthog
from posthog.request import batch_post
from posthog_server import PostHogServer, Request
from test_parity import CASES

from analytics_posthog import Client, _batch
from analytics_posthog._batch import post_batch
from analytics_posthog.convert import to_posthog

EVENTS = [to_posthog(case["message"]) for case in CASES]
AWKWARD = [
    {
        "event": 'é \U0001f600 \u2028 </script> \x00 "batch": []',
        "distinct_id": "ü",
        "properties": {
            "": None,
            "n": -0.0,
            "big": 2**63,
            "small": 1e-300,
            "no": [[], {}, ""],
            "at": datetime(2026, 1, 2, tzinfo=timezone.utc),
        },
    }
]


@pytest.fixture
def official(posthog_server: PostHogServer) -> Posthog:
    return Posthog("phc_key", host=posthog_server.url + "/", send=False, timeout=7)


def sent(request: Request) -> tuple[str, bytes, dict[str, str]]:
    return request.path, request.body, {name: value for name, value in request.headers.items() if name != "Host"}


@pytest.mark.parametrize("events", [EVENTS[:1], EVENTS, AWKWARD], ids=["one", "all of parity", "awkward"])
@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
def test_address_headers_and_body_are_the_official_client_s(
    events: list[dict[str, Any]], gzip: bool, official: Posthog, posthog_server: PostHogServer
) -> None:
    official.gzip = gzip
    with freeze_time("2026-01-02"), requests.Session() as session:
        post_batch(official, events, session)
        batch_post(official.api_key, official.host, gzip=gzip, timeout=official.timeout, batch=events, session=session)
    ours, theirs = map(sent, posthog_server.requests)
    assert ours == theirs


def test_more_fields_of_the_body_are_the_official_client_s_too(official: Posthog, posthog_server: PostHogServer) -> None:
    with freeze_time("2026-01-02"), requests.Session() as session:
        post_batch(official, EVENTS, session, historical_migration=True)
        batch_post(official.api_key, official.host, timeout=7, batch=EVENTS, session=session, historical_migration=True)
    ours, theirs = map(sent, posthog_server.requests)
    assert ours == theirs
    assert json.loads(ours[1])["historical_migration"] is True


def test_what_the_app_has_made_of_a_message_since_its_call_is_written_by_the_official_client(posthog_server: PostHogServer) -> None:
    client = Client("phc_key", posthog_server.url, upload_interval=60)
    message = client.track("u1", "Bought", {"price": 1.5})[1]
    message["properties"]["price"] = float("nan")
    client.track("u2", "Bought", {"price": 2.5})
    assert client.flush()
    assert [event["properties"]["price"] for event in posthog_server.events] == [None, 2.5]
    client.shutdown()


def test_a_batch_that_the_official_client_has_written_in_another_way_is_sent_as_it_has_written_it(
    official: Posthog, posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_batch, "_EMPTY", "<no such beginning>")
    with requests.Session() as session:
        post_batch(official, EVENTS, session)
    (request,) = posthog_server.requests
    assert json.loads(request.body)["batch"] == EVENTS


def test_the_official_client_does_not_walk_through_our_values(
    official: Posthog, posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the way around it has been lost, and with it a third of the speed."""
    posted: list[Any] = []

    def watch(*arguments: Any, batch: Any, **options: Any) -> Any:
        posted.append(batch)
        return batch_post(*arguments, batch=batch, **options)

    monkeypatch.setattr(_batch, "batch_post", watch)
    with requests.Session() as session:
        post_batch(official, EVENTS, session)
    assert posted == [[]]
    assert len(posthog_server.events) == len(EVENTS)
