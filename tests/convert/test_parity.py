"""For 80 recorded messages, the event sent over HTTP is the one that PostHog's own Segment destination sends.

Each line of `cases/destination_cases.jsonl` has a Segment message and the event that the destination sent for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from analytics_posthog import Client
from analytics_posthog.convert import to_posthog
from tests.support.posthog_server import PostHogServer

CASES: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "cases" / "destination_cases.jsonl").read_text("utf-8").splitlines()
]
IDS = [f"{number}-{case['message']['type']}" for number, case in enumerate(CASES, 1)]

# A message's field: the call's argument. `type` has none.
ARGUMENTS = {
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "previousId": "previous_id",
    "groupId": "group_id",
    "messageId": "message_id",
    **{
        name: name
        for name in ("event", "properties", "traits", "name", "category", "context", "integrations", "timestamp")
    },
}
OURS_TO_SAY = ("$lib", "segment_library")  # name the client that sent the event, and the one that made the message


@pytest.fixture(scope="module")
def arrived() -> Iterator[dict[str, dict[str, Any]]]:
    """The event that arrived for each case, by uuid. One client made all the calls."""
    with PostHogServer() as server:
        with Client("phc_key", server.url) as client:
            for case in CASES:
                call, arguments = call_of(case["message"])
                accepted, _ = getattr(client, call)(**arguments)
                assert accepted
        yield {event["uuid"]: event for event in server.events}
    assert not server.errors


def call_of(message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The call that makes a message, and its arguments."""
    fields = dict(message)
    return fields.pop("type"), {ARGUMENTS[field]: value for field, value in fields.items()}


def compared(ours: dict[str, Any], recorded: dict[str, Any]) -> dict[str, Any]:
    """Our event with only the properties that the recorded one has."""
    properties = {key: value for key, value in ours["properties"].items() if key in recorded["properties"]}
    for key, value in recorded["properties"].items():
        if key in OURS_TO_SAY:
            properties[key] = value
        if value is None and key.startswith(("$", "utm_")):
            properties.setdefault(key, None)  # a mapped key without a value may be absent
        if key == "$groups" and isinstance(properties.get(key), dict):
            properties[key] = {
                group_type: group for group_type, group in properties[key].items() if group_type in value
            }
    return {key: ours.get(key) for key in recorded if key != "properties"} | {"properties": properties}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_call_sends_the_destination_s_event_over_http(
    case: dict[str, Any], arrived: dict[str, dict[str, Any]]
) -> None:
    recorded = case["event"]
    ours = dict(arrived[recorded["uuid"]])
    assert ours["distinct_id"] == recorded["properties"]["distinct_id"]
    # Ours writes UTC as +00:00, the destination as Z.
    assert datetime.fromisoformat(ours["timestamp"]) == moment(recorded["timestamp"])
    ours["timestamp"] = recorded["timestamp"]
    assert compared(ours, recorded) == recorded


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_to_posthog_gives_the_destination_s_event(case: dict[str, Any]) -> None:
    ours = to_posthog(case["message"])
    assert set(ours) == {"event", "distinct_id", "properties", "timestamp", "uuid"}
    assert ours["distinct_id"] == case["event"]["properties"]["distinct_id"]
    assert compared(ours, case["event"]) == case["event"]


def test_each_case_arrives_once(arrived: dict[str, dict[str, Any]]) -> None:
    assert len(CASES) == 80
    assert set(arrived) == {case["event"]["uuid"] for case in CASES}


def test_the_comparison_detects_differences() -> None:
    recorded = {
        "event": "Bought",
        "properties": {"$os": None, "url": None, "title": "a", "$groups": {"segment_group": "g"}},
    }
    properties = {"url": None, "title": "a", "more": 1, "$groups": {"segment_group": "g", "team": "t"}}
    assert compared({"event": "Bought", "properties": properties}, recorded) == recorded
    assert compared({"event": "Sold", "properties": properties}, recorded) != recorded
    for key, value in (
        ("title", "b"),
        ("title", None),
        ("$os", "Linux"),
        ("$groups", {"team": "t"}),
        ("$groups", None),
    ):
        assert compared({"event": "Bought", "properties": {**properties, key: value}}, recorded) != recorded
    del properties["url"]
    assert compared({"event": "Bought", "properties": properties}, recorded) != recorded


def moment(timestamp: str) -> datetime:
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
