"""Improvements 1 to 8 over PostHog's own destination: the whole event that arrives at the server for each."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from posthog.version import VERSION as POSTHOG_VERSION

from analytics_posthog import Client
from analytics_posthog.version import VERSION
from tests.support.posthog_server import PostHogServer

WHEN = "2026-01-02T03:04:05.678+00:00"
MESSAGE_ID = "022bb90c-bbac-11e4-8dfc-aa07a5b093db"
UUID = "38c091ab-1857-58c9-bf58-b98a022f95dd"
# Properties of every event. Without an ip it has NO_IP too.
ALWAYS = {
    "$lib": "posthog-python",
    "$lib_version": POSTHOG_VERSION,
    "segment_library": {"name": "analytics-python", "version": VERSION},
}
NO_IP = {"$geoip_disable": True}


def properties(
    server: PostHogServer, call: str, *, settings: dict[str, Any] | None = None, **arguments: Any
) -> dict[str, Any]:
    """The properties that arrive for a call. The rest of the event is checked here."""
    accepted, _ = made(server, call, settings, arguments)
    (event,) = server.events
    distinct_id = arguments.get("user_id", "u1") or arguments["anonymous_id"]
    name = {"track": "Bought", "identify": "$identify" if arguments.get("user_id", "u1") else "$set"}
    name |= {"page": "$pageview", "screen": "$screen", "group": "$groupidentify", "alias": "$create_alias"}
    found = event.pop("properties")
    assert event == {"event": name[call], "distinct_id": distinct_id, "timestamp": WHEN, "uuid": UUID}
    assert found.pop("distinct_id") == distinct_id
    assert accepted
    return found


def made(server: PostHogServer, call: str, settings: dict[str, Any] | None, arguments: dict[str, Any]) -> Any:
    """What a call returns, after its delivery."""
    given: dict[str, Any] = {"user_id": "u1", "timestamp": WHEN, "message_id": MESSAGE_ID, **arguments}
    if call == "track":
        given.setdefault("event", "Bought")
    if call == "group":
        given.setdefault("group_id", "g1")
    if call == "alias":
        given.setdefault("previous_id", "a1")
    with Client("phc_key", server.url, **(settings or {})) as client:
        return getattr(client, call)(**given)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The messages of our logger."""
    ours = [record for record in caplog.records if record.name == "analytics_posthog"]
    assert all(record.levelno == logging.WARNING for record in ours)
    return [record.getMessage() for record in ours]


def test_1_a_mapped_key_without_a_value_is_left_out_never_null(posthog_server: PostHogServer) -> None:
    nothing = {
        "ip": None,
        "page": {"url": None, "path": None, "referrer": None, "title": None},
        "os": {"name": None, "version": None},
        "screen": {"width": None},
        "device": {"type": None},
        "campaign": {"name": None, "source": None},
        "groupId": None,
        "locale": None,
    }
    whole = {f"segment_{key}": value for key, value in nothing.items() if key != "campaign"}
    assert properties(posthog_server, "track", context=nothing) == {**ALWAYS, **NO_IP, **whole}


def test_2_the_call_s_groups_and_the_context_s_are_merged_and_the_call_s_win(posthog_server: PostHogServer) -> None:
    found = properties(posthog_server, "track", properties={"$groups": {"team": "t1"}}, context={"groupId": "g1"})
    assert found == {**ALWAYS, **NO_IP, "$groups": {"segment_group": "g1", "team": "t1"}, "segment_groupId": "g1"}
    posthog_server.clear()
    found = properties(
        posthog_server, "track", properties={"$groups": {"segment_group": "own"}}, context={"groupId": "g1"}
    )
    assert found == {**ALWAYS, **NO_IP, "$groups": {"segment_group": "own"}, "segment_groupId": "g1"}


OF_THE_CALL: dict[str, dict[str, Any]] = {
    "track": {},
    "identify": {"$set": {}},
    "page": {},
    "screen": {},
    "group": {"$group_type": "segment_group", "$group_key": "g1", "$group_set": {}},
    "alias": {"alias": "a1"},
}


@pytest.mark.parametrize("call", OF_THE_CALL)
def test_3_without_an_ip_geoip_is_off(call: str, posthog_server: PostHogServer) -> None:
    assert properties(posthog_server, call) == {**ALWAYS, "$geoip_disable": True, **OF_THE_CALL[call]}


@pytest.mark.parametrize("call", OF_THE_CALL)
def test_3_with_an_ip_geoip_stays_on(call: str, posthog_server: PostHogServer) -> None:
    """Except for group, where the destination turns it off."""
    off = NO_IP if call == "group" else {}
    found = properties(posthog_server, call, context={"ip": "192.0.2.7"})
    assert found == {**ALWAYS, **off, "$ip": "192.0.2.7", "segment_ip": "192.0.2.7", **OF_THE_CALL[call]}


def test_3_an_ip_or_geoip_property_of_the_call_wins(posthog_server: PostHogServer) -> None:
    assert properties(posthog_server, "track", properties={"$ip": "192.0.2.8"}) == {**ALWAYS, "$ip": "192.0.2.8"}
    posthog_server.clear()
    assert properties(posthog_server, "track", properties={"$geoip_disable": False}) == {
        **ALWAYS,
        "$geoip_disable": False,
    }


def test_4_page_and_screen_keep_name_and_category(posthog_server: PostHogServer) -> None:
    said = {"name": "Pricing", "category": "Docs"}
    assert properties(posthog_server, "page", **said) == {**ALWAYS, **NO_IP, **said}
    posthog_server.clear()
    assert properties(posthog_server, "screen", **said) == {**ALWAYS, **NO_IP, "$screen_name": "Pricing", **said}


@pytest.mark.parametrize("own", [{"name": "own", "category": "own"}, {"name": None, "category": ""}])
def test_4_a_property_of_that_name_wins(own: dict[str, Any], posthog_server: PostHogServer) -> None:
    said = {"name": "Pricing", "category": "Docs"}
    assert properties(posthog_server, "page", **said, properties=own) == {**ALWAYS, **NO_IP, **own}
    posthog_server.clear()
    assert properties(posthog_server, "screen", **said, properties=own) == {
        **ALWAYS,
        **NO_IP,
        "$screen_name": "Pricing",
        **own,
    }


def test_6_ids_are_strings_everywhere(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url) as client:
        client.alias(4, 5)
        client.identify(6, anonymous_id=7)
        client.group(8, 9)
        client.track(10, "Bought", context={"groupId": 11})
    found = [(event["distinct_id"], event["properties"]) for event in posthog_server.events]
    assert found == [
        ("5", {**ALWAYS, **NO_IP, "alias": "4", "distinct_id": "5"}),
        ("6", {**ALWAYS, **NO_IP, "$set": {}, "$anon_distinct_id": "7", "distinct_id": "6"}),
        ("8", {**ALWAYS, **NO_IP, **OF_THE_CALL["group"], "$group_key": "9", "distinct_id": "8"}),
        ("10", {**ALWAYS, **NO_IP, "$groups": {"segment_group": "11"}, "segment_groupId": 11, "distinct_id": "10"}),
    ]


ANONYMOUS: dict[str, Any] = {"user_id": None, "anonymous_id": "a1"}
IDENTIFIED_ONLY = {"settings": {"person_profiles": "identified_only"}}


@pytest.mark.parametrize("call", ["track", "page", "screen"])
def test_8_with_identified_only_an_anonymous_call_creates_no_person(call: str, posthog_server: PostHogServer) -> None:
    assert properties(posthog_server, call, **ANONYMOUS, **IDENTIFIED_ONLY) == {
        **ALWAYS,
        **NO_IP,
        "$process_person_profile": False,
    }
    posthog_server.clear()
    assert properties(posthog_server, call, **ANONYMOUS) == {**ALWAYS, **NO_IP}


SETS_THE_PERSON: list[dict[str, Any]] = [{key: {"a": "b"}} for key in ("$groups", "$set", "$set_once")] + [
    {"$unset": ["a"]}
]


@pytest.mark.parametrize("own", SETS_THE_PERSON, ids=lambda own: str(*own))
def test_8_not_when_a_property_of_the_person_is_set(own: dict[str, Any], posthog_server: PostHogServer) -> None:
    assert properties(posthog_server, "track", properties=own, **ANONYMOUS, **IDENTIFIED_ONLY) == {
        **ALWAYS,
        **NO_IP,
        **own,
    }


def test_8_not_when_the_context_has_a_group(posthog_server: PostHogServer) -> None:
    found = properties(posthog_server, "page", context={"groupId": "g1"}, **ANONYMOUS, **IDENTIFIED_ONLY)
    assert found == {**ALWAYS, **NO_IP, "$groups": {"segment_group": "g1"}, "segment_groupId": "g1"}


@pytest.mark.parametrize("call", ["track", "page", "screen"])
def test_8_not_when_there_is_a_user_id(call: str, posthog_server: PostHogServer) -> None:
    assert properties(posthog_server, call, anonymous_id="a1", **IDENTIFIED_ONLY) == {**ALWAYS, **NO_IP}


@pytest.mark.parametrize("call", ["identify", "group"])
def test_8_never_on_identify_or_group_because_posthog_would_drop_those(
    call: str, posthog_server: PostHogServer
) -> None:
    assert properties(posthog_server, call, **ANONYMOUS, **IDENTIFIED_ONLY) == {**ALWAYS, **NO_IP, **OF_THE_CALL[call]}


def test_8_never_on_alias(posthog_server: PostHogServer) -> None:
    assert properties(posthog_server, "alias", **IDENTIFIED_ONLY) == {**ALWAYS, **NO_IP, "alias": "a1"}


def test_8_the_call_s_own_property_wins(posthog_server: PostHogServer) -> None:
    own = {"$process_person_profile": True}
    assert properties(posthog_server, "track", properties=own, **ANONYMOUS, **IDENTIFIED_ONLY) == {
        **ALWAYS,
        **NO_IP,
        **own,
    }
