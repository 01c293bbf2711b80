"""The message that the inspector reconstructs gives the same event again, for every message and setting."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from analytics_posthog._delivery import LIB
from analytics_posthog._inspector.explain import explain
from analytics_posthog._inspector.line import line
from analytics_posthog._inspector.reverse import is_ours, reconstruct
from analytics_posthog._inspector.store import Store
from analytics_posthog.convert import to_posthog
from tests.convert.test_parity import CASES, IDS
from tests.support.hostile_events import ODD, ODD_KEYS, ODD_NAMES

SETTINGS: list[dict[str, str]] = [{}, {"group_type": "company"}, {"person_profiles": "identified_only"}]
LIBRARY = {"name": "analytics-python", "version": "1.0.0"}


def message_of(case: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A recorded message as this package makes it: with its library in the context."""
    message = copy.deepcopy(case["message"])
    message["context"] = {**message["context"], "library": LIBRARY}
    return {**message, **more}


def event_of(message: dict[str, Any], **settings: str) -> dict[str, Any]:
    """The event as it comes in at the inspector."""
    event = to_posthog(message, **settings)
    event["properties"].update(LIB)
    return event


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_reconstructed_message_gives_the_same_event(case: dict[str, Any], settings: dict[str, str]) -> None:
    event = event_of(message_of(case), **settings)
    before = copy.deepcopy(event)
    again = reconstruct(event).event()
    again["properties"].update(LIB)
    again["uuid"] = event["uuid"]  # a hash, which says nothing of the messageId
    assert as_json(again) == as_json(event)
    assert event == before


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_message_lacks_only_the_parts_listed_as_unknown(case: dict[str, Any]) -> None:
    message = message_of(case)
    made = reconstruct(event_of(message))
    restored = made.message
    assert "the messageId, of which the uuid is a hash" in made.unknown
    assert "integrations" in made.unknown
    for key in ("type", "event", "traits", "groupId", "timestamp"):
        if key in message:
            assert restored[key] == message[key]
    context = {key: value for key, value in message["context"].items() if key != "campaign"}
    assert {key: value for key, value in restored["context"].items() if key != "campaign"} == context
    user_id, anonymous_id = message.get("userId"), message.get("anonymousId")
    assert (restored.get("userId") or restored.get("anonymousId")) == (user_id or anonymous_id)
    if restored.get("userId") != user_id or restored.get("anonymousId") != anonymous_id:
        assert any("anonymousId" in text for text in made.unknown)
    if message["type"] == "alias":
        assert restored.get("previousId", message["previousId"]) == message["previousId"]
    if restored.get("properties", {}) != message.get("properties", {}):
        assert hides(message, restored)


def hides(message: dict[str, Any], restored: dict[str, Any]) -> bool:
    """Whether the properties differ by no more than what the conversion takes away or makes equal."""
    mine, found = dict(message["properties"]), dict(restored["properties"])
    for properties in (mine, found):
        for key in (
            "$lib",
            "distinct_id",
            "$groups",
            "utm_source",
            "utm_campaign",
            "name",
            "category",
            "url",
            "$current_url",
        ):
            properties.pop(key, None)
    same = to_posthog({**message, "properties": mine})["properties"]
    return as_json(same) == as_json(to_posthog({**message, "properties": found})["properties"])


def test_group_types_are_found_if_the_event_shows_them() -> None:
    message = {
        "type": "group",
        "userId": "u",
        "groupId": "g",
        "traits": {"seats": 1},
        "context": {"library": LIBRARY, "groupId": "g"},
    }
    made = reconstruct(event_of(message, group_type="company"))
    assert (made.settings, made.message["traits"]) == ({"group_type": "company"}, {"seats": 1})
    own = reconstruct(event_of({**message, "traits": {"seats": 1, "groupType": "team"}}, group_type="company"))
    assert (own.settings, own.message["traits"]) == ({"group_type": "company"}, {"seats": 1, "groupType": "team"})
    plain = reconstruct(event_of({**message, "traits": {"seats": 1, "groupType": "team"}}))
    assert (plain.settings, plain.message["traits"]) == ({}, {"seats": 1, "groupType": "team"})


def test_tags_of_posthog_s_request_context_come_back_as_such() -> None:
    tags = {"$context_tags": ["tenant"], "tenant": "acme", "$session_id": "0190a5e4-8f00-7abc-8def-0123456789ab"}
    message = {"type": "identify", "userId": "u", "traits": {"a": 1}, "context": {"library": LIBRARY}, "posthog": tags}
    made = reconstruct(event_of(message))
    assert made.message == message
    track = {
        "type": "track",
        "event": "x",
        "userId": "u",
        "context": {"library": LIBRARY},
        "properties": {"a": 1},
        "posthog": tags,
    }
    assert any("request context" in text for text in reconstruct(event_of(track)).unknown)


def test_properties_that_before_send_changed_are_named() -> None:
    event = event_of(
        {"type": "track", "event": "x", "userId": "u", "context": {"library": LIBRARY, "ip": "203.0.113.7"}}
    )
    del event["properties"]["$ip"]
    assert explain(event, 100, again=False, note="")["changed"] == ["$ip"]


def test_an_event_of_posthog_s_own_has_no_message() -> None:
    event = {"event": "x", "distinct_id": "u", "properties": {"a": 1, "$lib": "posthog-python"}}
    found = explain(event, 100, again=False, note="")
    assert (is_ours(event), found["message"], found["call"]) == (False, None, "posthog")
    assert [(row["name"], row["kind"]) for row in found["origins"]] == [
        ("event", "posthog"),
        ("distinct_id", "posthog"),
        ("a", "posthog"),
        ("$lib", "client"),
    ]


def test_every_odd_event_can_be_explained() -> None:
    """3,000 events with values of every kind where others belong."""
    chance = random.Random(6)
    for _ in range(3_000):
        properties = {key: chance.choice(ODD) for key in chance.sample(ODD_KEYS, chance.randrange(1, 12))}
        if chance.random() < 0.8:
            properties["segment_library"] = chance.choice(ODD)
        distinct_id = chance.choice(["u", 5, ["x"], {"a": 1}, True])
        event = {"event": chance.choice(ODD_NAMES), "distinct_id": distinct_id, "properties": properties}
        assert json.dumps(explain(event, 100, again=False, note=""))
        assert line(Store().add(event, 1.0))


def as_json(event: dict[str, Any]) -> str:
    """An event as one text, to be compared with 1 and True kept apart."""
    return json.dumps(event, sort_keys=True)
