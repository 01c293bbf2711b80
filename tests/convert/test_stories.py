"""Three stories by three ways: calls through this package, the destination's events, and a replayed archive.

Each ends with the same persons, groups, sessions and counts, but for what we do better on purpose, which is named.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analytics_posthog import Client
from analytics_posthog.replay import replay_file
from tests.convert.test_parity import call_of
from tests.support.destination import destination
from tests.support.posthog_ingestion import SERVER, PostHog
from tests.support.posthog_server import PostHogServer

Message = dict[str, Any]
SESSION = "0191b7a0-0000-7000-8000-000000000001"
HOME = {"url": "https://shop.example/?utm_source=mail", "path": "/", "referrer": "https://www.google.com/"}
PHONE = {"os": {"name": "iOS", "version": "17.1"}, "device": {"type": "ios"}, "ip": "192.0.2.7"}


def story(*steps: Message) -> list[Message]:
    """Whole messages, a minute after each other."""
    return [
        {"messageId": f"m{number}", "timestamp": f"2026-01-02T03:{number:02}:00.000Z", "context": {}, **step}
        for number, step in enumerate(steps)
    ]


# Anonymous visit, sign-up, second device, group, purchase.
SIGN_UP = story(
    {"type": "page", "anonymousId": "web-1", "context": {"page": HOME, "ip": "192.0.2.7"}, "properties": {}},
    {"type": "track", "anonymousId": "web-1", "event": "Clicked", "properties": {"$session_id": SESSION}},
    {"type": "identify", "userId": "u1", "anonymousId": "web-1", "traits": {"plan": "free", "email": "a@b.example"}},
    {"type": "screen", "anonymousId": "phone-1", "name": "Home", "context": PHONE, "properties": {}},
    {"type": "identify", "userId": "u1", "anonymousId": "phone-1", "traits": {"plan": "pro"}, "context": PHONE},
    {"type": "group", "userId": "u1", "groupId": "g1", "traits": {"seats": 5}},
    {"type": "track", "userId": "u1", "event": "Bought", "properties": {"price": 9}, "context": {"groupId": "g1"}},
)
# An alias from an old id, a guest, and a person who was identified before.
ALIASES = story(
    {"type": "identify", "userId": "u2", "anonymousId": "web-2", "traits": {"plan": "pro"}},
    {"type": "track", "userId": "old-1", "event": "Visited", "properties": {}},
    {"type": "alias", "userId": "u1", "previousId": "old-1"},
    {"type": "alias", "userId": "u1", "previousId": "guest"},
    {"type": "alias", "userId": "u1", "previousId": "u2"},
    {"type": "identify", "userId": "u1", "anonymousId": "x" * 250, "traits": {"a": 1}},
    {"type": "track", "anonymousId": "x" * 250, "event": "Visited", "properties": {}},
)
SHARED_BROWSER = story(
    {"type": "identify", "userId": "u1", "anonymousId": "web-1", "traits": {"plan": "pro"}},
    {"type": "identify", "userId": "u2", "anonymousId": "web-1", "traits": {"plan": "free"}},
)
# A server that knows no ip, has nulls in its context, and calls page without a context.
SERVER_SIDE = story(
    {"type": "identify", "userId": "u1", "traits": {}, "context": PHONE},
    {"type": "track", "userId": "u1", "event": "Bought", "properties": {}, "context": {"os": {"name": None}}},
    {"type": "track", "userId": "u1", "event": "Paid", "properties": {}, "context": {"ip": "127.0.0.1"}},
    {
        "type": "page",
        "userId": "u1",
        "properties": {"url": "https://shop.example/docs?gclid=1", "referrer": "https://www.google.com/"},
    },
    {"type": "page", "userId": "u1", "properties": {}, "context": {"page": {"referrer": ""}}},
)


def by_calls(messages: list[Message], server: PostHogServer, _: Path) -> PostHog:
    with Client("phc_key", server.url) as client:
        for message in messages:
            name, arguments = call_of(message)
            assert getattr(client, name)(**arguments)[0]
    return PostHog().ingest(server.events)


def by_replay(messages: list[Message], server: PostHogServer, directory: Path) -> PostHog:
    archive = directory / "archive.gz"
    archive.write_bytes(gzip.compress("".join(json.dumps(message) + "\n" for message in messages).encode()))
    summary = replay_file(str(archive), write_key="phc_key", host=server.url)
    assert (summary.delivered, summary.rejected) == (len(messages), {})
    return PostHog().ingest(server.events)


def by_destination(messages: list[Message], *_: Any) -> PostHog:
    return PostHog().ingest(destination(message) for message in messages)


Way = Callable[..., PostHog]


def people(posthog: PostHog) -> list[tuple[list[str], dict[str, Any]]]:
    return [(sorted(person.ids), person.properties) for person in posthog.persons()]


def state(posthog: PostHog) -> dict[str, Any]:
    """What an analyst sees, apart from the persons."""
    return {
        "groups": posthog.groups,
        "sessions": posthog.sessions(),
        "counts": posthog.counts(),
        "warnings": posthog.warnings,
        "channels": posthog.channels(),
    }


INITIAL = {"$initial_current_url": HOME["url"], "$initial_pathname": "/", "$initial_referrer": HOME["referrer"]}
FIRST_SEEN = {"$current_url": HOME["url"], "$pathname": "/", "$referrer": HOME["referrer"], **INITIAL}


@pytest.mark.parametrize("way", [by_calls, by_replay, by_destination])
def test_anonymous_visit_sign_up_second_device_group_and_purchase(
    way: Way, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    found = way(SIGN_UP, posthog_server, tmp_path)
    ours = way is not by_destination
    better = {
        "$initial_referring_domain": "www.google.com",
        "$referring_domain": "www.google.com",
        "$initial_os_version": "17.1",
        "$os_version": "17.1",
        "utm_source": "mail",
        "$initial_utm_source": "mail",
    }
    # Without an ip PostHog places the person where the app's server is; Segment's destination lets it.
    country = "NL" if ours else COUNTRY_OF_SERVER
    assert people(found) == [
        (
            ["phone-1", "u1", "web-1"],
            {
                **FIRST_SEEN,
                "$os": "iOS",
                "$initial_os": "iOS",
                "$device_type": "ios",
                "$initial_device_type": "ios",
                "plan": "pro",
                "email": "a@b.example",
                "$geoip_country_code": country,
                "$initial_geoip_country_code": "NL",
                **(better if ours else {}),
            },
        )
    ]
    assert state(found) == {
        "groups": {("segment_group", "g1"): {"seats": 5}},
        "sessions": {SESSION: 1},
        "counts": {"$pageview": 1, "Clicked": 1, "$identify": 2, "$screen": 1, "$groupidentify": 1, "Bought": 1},
        "warnings": [],
        # Without a referring domain the destination's visit has no channel.
        "channels": ["Organic Search" if ours else "Unknown"],
    }


COUNTRY_OF_SERVER = "US"


@pytest.mark.parametrize("way", [by_calls, by_replay, by_destination])
def test_aliases_merge_whom_posthog_may_merge(way: Way, posthog_server: PostHogServer, tmp_path: Path) -> None:
    found = way(ALIASES, posthog_server, tmp_path)
    ours = way is not by_destination
    names = [] if ours else ["$geoip_country_code", "$initial_geoip_country_code"]
    country = dict.fromkeys(names, COUNTRY_OF_SERVER)
    cut = "x" * 200
    assert people(found) == [
        (sorted(["old-1", "u1", cut]), {"a": 1, **country}),
        (["u2", "web-2"], {"plan": "pro", **country}),
    ]
    identified = "cannot_merge_already_identified"
    assert state(found) == {
        "groups": {},
        "sessions": {},
        "counts": {"$identify": 2, "Visited": 2, "$create_alias": 3},
        # The id `guest` is left out by us, and refused with a warning by PostHog.
        "warnings": [identified] if ours else ["cannot_merge_with_illegal_distinct_id", identified],
        "channels": [],
    }


@pytest.mark.parametrize("way", [by_calls, by_replay, by_destination])
def test_two_users_of_one_anonymous_id_become_one_person(
    way: Way, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    found = way(SHARED_BROWSER, posthog_server, tmp_path)
    assert [ids for ids, _ in people(found)] == [["u1", "u2", "web-1"]]
    assert found.warnings == []


@pytest.mark.parametrize("way", [by_calls, by_replay, by_destination])
def test_what_a_server_calls_moves_nobody_and_wipes_nothing(
    way: Way, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    found = way(SERVER_SIDE, posthog_server, tmp_path)
    ((ids, person),) = people(found)
    assert ids == ["u1"]
    expected = {"$os": "iOS", "$geoip_country_code": "NL", "$pathname": "/docs", "gclid": "1"}
    if way is by_destination:  # it sends nulls, and its events without an ip come from the server
        expected = {"$os": None, "$geoip_country_code": COUNTRY_OF_SERVER, "$pathname": None, "gclid": None}
    assert {key: person.get(key) for key in expected} == expected
    assert found.channels() == (["Unknown"] * 2 if way is by_destination else ["Paid Search", "Direct"])
    assert {event["properties"]["$ip"] for event in found.events.values()} == {SERVER, "192.0.2.7", "127.0.0.1"}
