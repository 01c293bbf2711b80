"""What goes over the wire is what the official client would have sent, to the byte, however it is written."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
import requests
from freezegun import freeze_time
from posthog.request import APIError, batch_post

from analytics_posthog import Client
from analytics_posthog._delivery import Target, http, post_batch
from analytics_posthog.convert import to_posthog
from tests.convert.test_parity import CASES
from tests.support.posthog_server import PostHogServer, Request

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
def target(posthog_server: PostHogServer) -> Target:
    return Target.of("phc_key", posthog_server.url + "/", timeout=7)


def sent(request: Request) -> tuple[str, bytes, dict[str, str]]:
    return request.path, request.body, {name: value for name, value in request.headers.items() if name != "Host"}


@pytest.mark.parametrize("events", [EVENTS[:1], EVENTS, AWKWARD], ids=["one", "all of parity", "awkward"])
@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
def test_address_headers_and_body_are_the_official_client_s(
    events: list[dict[str, Any]], gzip: bool, target: Target, posthog_server: PostHogServer
) -> None:
    target = target._replace(gzip=gzip)
    with freeze_time("2026-01-02"), requests.Session() as session:
        post_batch(target, events, session)
        batch_post(target.api_key, target.host, gzip=gzip, timeout=target.timeout, batch=events, session=session)
    ours, theirs = map(sent, posthog_server.requests)
    assert ours == theirs


def test_more_fields_of_the_body_are_the_official_client_s_too(target: Target, posthog_server: PostHogServer) -> None:
    with freeze_time("2026-01-02"), requests.Session() as session:
        post_batch(target, EVENTS, session, historical_migration=True)
        batch_post(target.api_key, target.host, timeout=7, batch=EVENTS, session=session, historical_migration=True)
    ours, theirs = map(sent, posthog_server.requests)
    assert ours == theirs
    assert json.loads(ours[1])["historical_migration"] is True


def test_what_the_app_has_made_of_a_message_since_its_call_is_cleaned_once_more(posthog_server: PostHogServer) -> None:
    client = Client("phc_key", posthog_server.url, upload_interval=60)
    message = client.track("u1", "Bought", {"price": 1.5})[1]
    message["properties"]["price"] = float("nan")
    client.track("u2", "Bought", {"price": 2.5})
    assert client.flush()
    assert [event["properties"]["price"] for event in posthog_server.events] == [None, 2.5]
    client.shutdown()


def returns_at_once_for_nothing(*arguments: Any, batch: Any, **options: Any) -> Any:
    return batch_post(*arguments, batch=batch, **options) if batch else None


def posts_by_request(api_key: str, host: str, *, batch: Any, session: Any, **_: Any) -> Any:
    return session.request("POST", f"{host}batch/", json={"api_key": api_key, "batch": batch})


def reads_the_session_s_headers(*arguments: Any, session: Any, **options: Any) -> Any:
    return batch_post(*arguments, session=session, **options) if session.headers else None


def lets_the_session_write_the_json(api_key: str, host: str, *, batch: Any, session: Any, **_: Any) -> Any:
    return session.post(f"{host}batch/", json={"api_key": api_key, "batch": batch})


def posts_bytes_and_wraps_what_is_raised(api_key: str, host: str, *, batch: Any, session: Any, **_: Any) -> Any:
    try:
        return session.post(f"{host}batch/", data=json.dumps({"api_key": api_key, "batch": batch}).encode())
    except Exception as error:
        raise ConnectionError from error


@pytest.mark.parametrize(
    "official_post",
    [
        returns_at_once_for_nothing,
        posts_by_request,
        reads_the_session_s_headers,
        lets_the_session_write_the_json,
        posts_bytes_and_wraps_what_is_raised,
    ],
)
def test_an_official_client_that_does_it_otherwise_posts_the_batch_itself_and_once(
    official_post: Any, target: Target, posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "batch_post", official_post)
    with requests.Session() as session:
        post_batch(target, EVENTS, session)
    (request,) = posthog_server.requests
    assert json.loads(request.body)["batch"] == EVENTS


def test_what_goes_wrong_once_it_is_posted_is_raised_and_not_posted_again(
    target: Target, posthog_server: PostHogServer
) -> None:
    posthog_server.answer = lambda _: (500, {}, b"{}")
    with requests.Session() as session, pytest.raises(APIError):
        post_batch(target, EVENTS, session)
    assert len(posthog_server.requests) == 1


@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
def test_a_message_that_the_app_has_made_to_hold_itself_costs_no_other(
    gzip: bool, posthog_server: PostHogServer
) -> None:
    reported: list[Any] = []
    client = Client(
        "phc_key",
        posthog_server.url,
        upload_interval=60,
        gzip=gzip,
        on_error=lambda _, messages: reported.extend(messages),
    )
    message = client.track("u1", "Bought", {"price": 1.5})[1]
    message["properties"]["itself"] = message["properties"]
    client.track("u2", "Bought")
    assert client.flush()
    assert [event["distinct_id"] for event in posthog_server.events] == ["u1", "u2"]
    assert reported == []
    client.shutdown()


def test_the_official_client_does_not_walk_through_our_values(
    target: Target, posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the way around it has been lost, and with it a third of the speed."""
    posted: list[Any] = []

    def watch(*arguments: Any, batch: Any, **options: Any) -> Any:
        posted.append(batch)
        return batch_post(*arguments, batch=batch, **options)

    monkeypatch.setattr(http, "batch_post", watch)
    with requests.Session() as session:
        post_batch(target, EVENTS, session)
    assert posted == [[]]
    assert len(posthog_server.events) == len(EVENTS)
