"""What scripts and end-to-end tests ask the inspector: events as JSON, persons, and where a call was made."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

import analytics_posthog as analytics
from analytics_posthog import AnalyticsError
from analytics_posthog.testing import last_event, wait_for_event
from tests.support.inspector_process import KEY, Inspector, awaited
from tests.support.posthog_server import PostHogServer


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector("--allow-host", "my-app.internal") as inspector:
        yield inspector


@pytest.fixture(autouse=True)
def _clean(inspector: Inspector) -> None:
    requests.post(inspector.url + "/inspector/clear", headers={"X-Inspector": "test"}, timeout=5).raise_for_status()


@pytest.fixture(autouse=True)
def _logger_as_before() -> Iterator[None]:
    """Debug mode changes the logger for the whole process."""
    logger = logging.getLogger("analytics_posthog")
    level, handlers = logger.level, list(logger.handlers)
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


def event(name: str, user: str, **properties: Any) -> dict[str, Any]:
    return {"event": name, "distinct_id": user, "properties": {"$ip": "203.0.113.7", **properties}}


def asked(inspector: Inspector, **parameters: object) -> dict[str, Any]:
    answer = requests.get(inspector.url + "/api/events", params={k: str(v) for k, v in parameters.items()}, timeout=5)
    found: dict[str, Any] = answer.json()
    return {**found, "status": answer.status_code} if answer.status_code != 200 else found


def names(found: dict[str, Any]) -> list[str]:
    return [each["event"]["event"] for each in found["events"]]


def test_events_are_asked_for_by_their_fields(inspector: Inspector) -> None:
    first = event("Ordered", "ada", sku="green tea")
    inspector.send(first, event("Left", "ada"), event("Ordered", "guest"))
    all_of_them = asked(inspector)
    assert names(all_of_them) == ["Ordered", "Left", "Ordered"]
    assert (all_of_them["found"], all_of_them["last"]) == (3, all_of_them["events"][-1]["number"])
    shown = all_of_them["events"][0]
    assert {**shown, "number": 0, "arrived": 0} == {
        "number": 0,
        "arrived": 0,
        "call": "posthog",
        "place": "",
        "warnings": [],
        "event": first,
    }
    assert names(asked(inspector, event="Ordered", user="ada")) == ["Ordered"]
    assert names(asked(inspector, text='"green tea"')) == ["Ordered"]
    assert names(asked(inspector, limit=1)) == ["Ordered"]
    assert names(asked(inspector, after=shown["number"])) == ["Left", "Ordered"]
    assert names(asked(inspector, event="ordered")) == []
    (warned,) = asked(inspector, warnings=1)["events"]
    assert warned["event"]["distinct_id"] == "guest"
    assert warned["warnings"][0].startswith("distinct_id 'guest' is an id that PostHog never merges")


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"limit": "0"}, "limit must be a number from 1 to 1000"),
        ({"limit": "9" * 5000}, "limit must be a number from 1 to 1000"),
        ({"evnt": "x"}, "evnt is no parameter"),
        ({"after": "x"}, "after must be an event's number"),
    ],
)
def test_a_wrong_question_is_400_and_says_why(inspector: Inspector, parameters: dict[str, str], why: str) -> None:
    found = asked(inspector, **parameters)
    assert found["status"] == 400
    assert found["detail"].startswith(why)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("green ordered", ["a"]),
        ("tea", ["a", "b"]),
        ('"green tea"', ["a"]),
        ('"tea green"', []),
        ("sku:tea", ["a", "b"]),
        ("sku:green user:ada", ["a"]),
        ("user:ADA", ["a"]),
        ("event:ord", ["a", "b"]),
        ("call:posthog event:left", ["c"]),
        ("in.size:3", ["b"]),
        ("size:3", []),
        ("no:tea", []),
        ("https://shop.example/", ["c"]),
        ("", []),
    ],
)
def test_a_search_takes_several_words_and_fields(inspector: Inspector, text: str, expected: list[str]) -> None:
    inspector.send(
        event("Ordered", "ada", n="a", sku="Green Tea"),
        event("Ordered", "grace", n="b", sku="black tea", **{"in": {"size": 3}}),
        event("Left", "lin", n="c", url="https://shop.example/x"),
    )
    numbers = inspector.search(text)["found"]
    assert [inspector.event(number)["event"]["properties"]["n"] for number in numbers] == expected


def test_a_person_has_merged_ids_events_in_order_and_properties(inspector: Inspector) -> None:
    with analytics.Client(KEY, inspector.url) as client:
        client.page(anonymous_id="v1", name="Pricing")
        client.identify("u1", {"plan": "free"}, anonymous_id="v1")
        client.track("u2", "Left")
        client.identify("u1", {"plan": "pro"})
    awaited(lambda: asked(inspector)["found"] == 4)
    found = requests.get(inspector.url + "/inspector/person", params={"id": "v1"}, timeout=5).json()
    assert (found["ids"], found["properties"]) == (["v1", "u1"], {"plan": "pro"})
    assert [(each["call"], each["name"]) for each in found["events"]] == [
        ("page", "Pricing"),
        ("identify", "$identify"),
        ("identify", "$identify"),
    ]
    assert requests.get(inspector.url + "/inspector/person", params={"id": "x"}, timeout=5).status_code == 404


def called_here(client: analytics.Client) -> None:
    client.track("u1", "Called")


def test_in_debug_mode_it_says_where_the_call_was_made(inspector: Inspector) -> None:
    with analytics.Client(KEY, inspector.url, debug=True) as client:
        called_here(client)
    line = called_here.__code__.co_firstlineno + 1
    place = f"tests/inspector/test_api.py:{line} in called_here"
    (found,) = awaited(lambda: asked(inspector)["events"])
    assert found["place"] == place
    assert inspector.event(found["number"])["place"] == place
    assert "test_api.py" not in json.dumps(found["event"])


def test_without_debug_it_does_not(inspector: Inspector) -> None:
    with analytics.Client(KEY, inspector.url) as client:
        called_here(client)
    (found,) = awaited(lambda: asked(inspector)["events"])
    assert found["place"] == ""


def test_no_other_host_is_told_where_a_call_was_made(
    posthog_server: PostHogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name that is no loopback address, but leads to this machine all the same.
    monkeypatch.setenv("http_proxy", posthog_server.url)
    monkeypatch.setenv("no_proxy", "")
    with analytics.Client(KEY, "http://posthog.example", debug=True) as client:
        called_here(client)
    (request,) = posthog_server.wait_for_requests(1)
    assert "test_api" not in str(request.headers) + request.body.decode()
    with analytics.Client(KEY, posthog_server.url, debug=True) as client:
        called_here(client)
    request = posthog_server.wait_for_requests(2)[-1]
    assert "test_api" in str(request.headers)
    assert "test_api" not in request.body.decode()


@pytest.mark.parametrize("header", ["x", "[]", '{"a": 1}', "9" * 5000, "[" * 10_000])
def test_a_header_that_makes_no_sense_is_not_used(inspector: Inspector, header: str) -> None:
    body = {"api_key": KEY, "batch": [event("x", "u")]}
    headers = {"X-Analytics-Call-Sites": header}
    assert requests.post(inspector.url + "/batch/", json=body, headers=headers, timeout=5).status_code == 200
    assert asked(inspector)["events"][0]["place"] == ""


def test_a_test_waits_until_an_event_is_there(inspector: Inspector) -> None:
    before = last_event(inspector.url)
    later = threading.Timer(0.3, inspector.send, [event("Ordered", "ada", size=1), event("Ordered", "lin")])
    later.start()
    found = wait_for_event("Ordered", "lin", inspector=inspector.url, after=before)
    later.join()
    assert found == event("Ordered", "lin")
    with pytest.raises(AssertionError) as failure:
        wait_for_event("Left", "ada", inspector=inspector.url, timeout=0.1, after=before)
    assert str(failure.value) == (
        "Left of ada didn't come in 0.1 s. The last that came:\n  Ordered of ada\n  Ordered of lin"
    )


def test_waiting_at_a_wrong_address_says_what_to_do() -> None:
    with pytest.raises(AnalyticsError, match="can't be reached at http://127.0.0.1:9 .*analytics-posthog inspect"):
        wait_for_event("x", inspector="http://127.0.0.1:9")
    with pytest.raises(AnalyticsError, match="must be an address"):
        wait_for_event("x", inspector="file:///etc/passwd")


def test_a_refused_host_is_counted_and_said_with_the_flag(inspector: Inspector) -> None:
    body = {"api_key": KEY, "batch": [event("x", "u")]}
    for host, status in (("host.docker.internal:8765", 403), ("My-App.internal:8765", 200), ("evil\x1b.example", 403)):
        headers = {"Host": host.encode()} if "\x1b" in host else {"Host": host}
        try:
            answer = requests.post(inspector.url + "/batch/", json=body, headers=headers, timeout=5)
        except requests.exceptions.InvalidHeader:
            continue
        assert answer.status_code in (status, 400)
    line = (
        "analytics-posthog: a request was refused: its Host is host.docker.internal. "
        "If that is this machine: --allow-host NAME"
    )
    awaited(lambda: line in inspector.errors)
    with requests.get(inspector.url + "/inspector/stream", stream=True, timeout=10) as answer:
        lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
        while next(lines) != "event: totals":
            pass
        refused = json.loads(next(lines).partition(": ")[2])["refused"]
    assert refused["its Host is host.docker.internal. If that is this machine: --allow-host NAME"] == 1
    assert "\x1b" not in str(inspector.errors)
