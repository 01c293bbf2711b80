"""`to_posthog(message)` is pure. It takes messages from archives with missing fields, nulls and wrong types."""

from __future__ import annotations

import ast
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from analytics_posthog import InvalidMessage, convert
from analytics_posthog.convert import to_posthog
from tests.support.posthog_refusals import refusal

SEGMENTS_EXAMPLE = "022bb90c-bbac-11e4-8dfc-aa07a5b093db"
ITS_UUID = "38c091ab-1857-58c9-bf58-b98a022f95dd"
WHEN = "2026-01-02T03:04:05.678Z"
FULL: dict[str, Any] = {
    "type": "track",
    "event": "Bought",
    "userId": "u1",
    "anonymousId": "a1",
    "messageId": SEGMENTS_EXAMPLE,
    "timestamp": WHEN,
    "integrations": {"Mixpanel": False},
    "context": {
        "ip": "192.0.2.7",
        "page": {"url": "https://shop.example/cart?utm_source=mail", "title": "Cart"},
        "os": {"name": "Linux", "version": "6"},
        "campaign": {"name": "spring", "medium": "mail"},
        "groupId": "g1",
        "active": False,
    },
    "properties": {"url": "https://shop.example/pay", "$groups": {"team": "t1"}, "items": [{"sku": "a"}]},
}
FULL_EVENT: dict[str, Any] = {
    "event": "Bought",
    "distinct_id": "u1",
    "timestamp": WHEN,
    "uuid": ITS_UUID,
    "properties": {
        "$ip": "192.0.2.7",
        "$current_url": "https://shop.example/pay",
        "$host": "shop.example",
        "$pathname": "/pay",
        "title": "Cart",
        "$os": "Linux",
        "$os_version": "6",
        "utm_source": "mail",
        "utm_medium": "mail",
        "utm_campaign": "spring",
        "$update_person_last_seen_at": False,
        "$groups": {"segment_group": "g1", "team": "t1"},
        "segment_ip": "192.0.2.7",
        "segment_page": {"url": "https://shop.example/cart?utm_source=mail", "title": "Cart"},
        "segment_os": {"name": "Linux", "version": "6"},
        "segment_groupId": "g1",
        "segment_active": False,
        "items": [{"sku": "a"}],
        "distinct_id": "u1",
    },
}


def message(kind: str = "track", **fields: Any) -> dict[str, Any]:
    """A message with an id, a name and a time, and these fields."""
    return {"type": kind, "event": "Bought", "userId": "u1", "messageId": SEGMENTS_EXAMPLE, "timestamp": WHEN, **fields}


def event(name: str = "Bought", /, *, of: str = "u1", **properties: Any) -> dict[str, Any]:
    """The event of such a message."""
    properties = {"$geoip_disable": True, "distinct_id": of, **properties}
    return {"event": name, "distinct_id": of, "timestamp": WHEN, "uuid": ITS_UUID, "properties": properties}


def test_a_full_message_becomes_a_full_event() -> None:
    assert to_posthog(FULL) == FULL_EVENT


def test_the_uuid_is_the_same_as_the_destination_s() -> None:
    assert to_posthog(message())["uuid"] == ITS_UUID


def test_the_same_message_gives_the_same_event_and_is_not_changed() -> None:
    before = copy.deepcopy(FULL)
    first, second = to_posthog(FULL), to_posthog(copy.deepcopy(FULL))
    assert first == second
    assert json.dumps(first) == json.dumps(second)  # in the same order too
    assert before == FULL


def test_a_property_added_to_an_event_does_not_change_its_message() -> None:
    for given in (FULL, message("group", groupId="g1", traits={"plan": "a"}), message("identify", traits={})):
        before = copy.deepcopy(given)
        properties = to_posthog(given)["properties"]
        properties["more"] = 1
        for key in ("$groups", "$group_set"):
            properties.setdefault(key, {})["more"] = 1
        assert given == before


def test_the_converter_has_no_clock_no_random_id_no_network_and_no_settings() -> None:
    """It imports nothing that would give it one."""
    imported = set()
    files = Path(convert.__file__).parent.glob("*.py")
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8")))]
    assert not [node for node in nodes if isinstance(node, ast.Attribute) and node.attr in ("now", "today", "utcnow")]
    for node in nodes:
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
    pure = {
        "_interrupts.is_interrupt",
        "errors.InvalidMessage",
        "hashlib.sha1",
        "urllib.parse.parse_qsl",
        "uuid.UUID",
        "uuid.uuid5",
    }
    pure |= {"ipaddress.IPv6Address", "ipaddress.ip_address", "functools.lru_cache", "zoneinfo.ZoneInfo"}
    pure |= {f"datetime.{name}" for name in ("datetime", "timedelta", "timezone", "tzinfo")}
    own = ("__future__.", "typing.", "collections.abc.", "ids.", "people.", "tables.", "web.")
    assert {name for name in imported if not name.startswith(own)} <= pure


NO_MESSAGES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no type": {"userId": "u1", "event": "Bought"},
    "a type that is null": {"type": None},
    "a type in capitals": {"type": "Track"},
    "a type of Segment's that is no call": {"type": "delete"},
    "a type that is a number": {"type": 1},
    "a type that is a list": {"type": ["track"]},
    "a type that is an object": {"type": {"track": 1}},
}


@pytest.mark.parametrize("given", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_a_dict_that_is_not_a_message_raises_invalid_message(given: dict[str, Any]) -> None:
    text = "not a Segment message: its type must be one of track, identify, page, screen, group, alias"
    with pytest.raises(InvalidMessage, match=f"^{text}$"):
        to_posthog(given)


def test_an_error_does_not_show_the_unknown_type() -> None:
    with pytest.raises(InvalidMessage) as raised:
        to_posthog({"type": "4111 1111 1111 1111"})
    assert "4111" not in str(raised.value)


ARCHIVED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("nothing but what is needed", message(), event()),
    (
        "no messageId",
        {k: v for k, v in message().items() if k != "messageId"},
        {k: v for k, v in event().items() if k != "uuid"},
    ),
    ("a messageId that is null", message(messageId=None), {k: v for k, v in event().items() if k != "uuid"}),
    ("a messageId that is a number", message(messageId=7), {**event(), "uuid": "aaff79a9-b690-5fb7-9743-068689de69c7"}),
    ("nulls", message(context=None, properties=None, integrations=None, anonymousId=None), event()),
    ("lists", message(context=[], properties=[1], integrations=[]), event()),
    ("texts", message(context="web", properties="none", integrations="All"), event()),
    (
        "further keys of Segment's archives",
        message(receivedAt=WHEN, sentAt=WHEN, channel="server", version=2, _metadata={}),
        event(),
    ),
    ("traits on a track", message(traits={"plan": "a"}), event()),
    ("a userId that is a number", message(userId=17), event(of="17")),
    ("a userId that is 0", message(userId=0, anonymousId="a1"), event(of="0")),
    ("an empty userId", message(userId="", anonymousId="a1"), event(of="a1")),
    ("an anonymousId only", message(userId=None, anonymousId=5), event(of="5")),
    ("a distinct_id among the properties", message(properties={"distinct_id": "x"}), event()),
    ("identify, traits null", message("identify", traits=None), event("$identify", **{"$set": {}})),
    ("identify, no traits", message("identify"), event("$identify", **{"$set": {}})),
    ("identify, a list as traits", message("identify", traits=["a"]), event("$identify", **{"$set": {}})),
    (
        "identify, numbers as ids",
        message("identify", userId=1, anonymousId=2),
        event("$identify", of="1", **{"$set": {}, "$anon_distinct_id": "2"}),
    ),
    (
        "group, nothing said",
        message("group"),
        event("$groupidentify", **{"$group_type": "segment_group", "$group_key": "", "$group_set": {}}),
    ),
    (
        "group, a number as id, a groupType that is a number",
        message("group", groupId=9, traits={"groupType": 4}),
        event("$groupidentify", **{"$group_type": "segment_group", "$group_key": "9", "$group_set": {"groupType": 4}}),
    ),
    ("alias, no previousId", message("alias"), event("$create_alias")),
    ("alias, a number as previousId", message("alias", previousId=8), event("$create_alias", alias="8")),
    ("page, nulls", message("page", name=None, category=None), event("$pageview")),
    ("screen, no name", message("screen"), event("$screen")),
    ("screen, a name", message("screen", name="Home"), event("$screen", **{"$screen_name": "Home", "name": "Home"})),
]


@pytest.mark.parametrize(("given", "expected"), [row[1:] for row in ARCHIVED], ids=[row[0] for row in ARCHIVED])
def test_a_message_from_an_archive_becomes_an_event_that_posthog_takes(
    given: dict[str, Any], expected: dict[str, Any]
) -> None:
    converted = to_posthog(given)
    assert converted == expected
    assert refusal(converted) is None


@pytest.mark.parametrize("timestamp", [{}, {"timestamp": None}], ids=["missing", "null"])
def test_a_message_without_a_time_becomes_an_event_that_posthog_takes(timestamp: dict[str, Any]) -> None:
    """A null timestamp would be refused, with its whole batch; without one, PostHog takes the time of arrival."""
    given = {key: value for key, value in message().items() if key != "timestamp"} | timestamp
    converted = to_posthog(given)
    assert converted == {key: value for key, value in event().items() if key != "timestamp"}
    assert refusal(converted) is None


def test_a_merge_id_that_is_left_out_is_warned_of() -> None:
    """An alias without a previousId too: it does nothing. An identify without an anonymousId is the usual case."""
    why = "PostHog doesn't merge such an id (blank, too general, too long, or the same)"
    for given, key in [
        (message("alias"), "alias"),
        (message("alias", previousId="guest"), "alias"),
        (message("identify", anonymousId="guest"), "$anon_distinct_id"),
        (message("identify"), None),
        (message("identify", userId=None, anonymousId="a1"), None),
    ]:
        warned: list[tuple[str, str]] = []
        to_posthog(given, warn=lambda *of, warned=warned: warned.append(of))  # type: ignore[misc]
        assert warned == ([(key, f"left out {key}: {why}; the event is sent. Pass the person's own id")] if key else [])


WRONG_CONTEXTS: list[tuple[str, Any, dict[str, Any]]] = [
    ("page", "https://shop.example", {}),
    ("page", None, {}),
    ("page", {"url": 5, "referrer": ["x"], "search": 7, "title": None}, {"$current_url": 5, "$referrer": ["x"]}),
    ("page", {"url": "no url at all", "search": "&&==%zz"}, {"$current_url": "no url at all"}),
    ("page", {"search": "?utm_source=a&" + "x=1&" * 200}, {}),
    ("os", ["Linux"], {}),
    ("screen", 3, {}),
    ("screen", {"width": "wide"}, {"$screen_width": "wide"}),
    ("device", "", {}),
    ("app", False, {}),
    ("network", {"wifi": None, "carrier": {}}, {"$network_carrier": {}}),
    ("locale", None, {}),
    ("groupId", None, {}),
    ("groupId", "", {}),
    ("groupId", 0, {"$groups": {"segment_group": "0"}}),
    ("active", None, {}),
    ("active", 0, {}),
    ("traits", 7, {}),
]


@pytest.mark.parametrize(
    ("key", "value", "mapped"), WRONG_CONTEXTS, ids=[f"{row[0]} {row[1]!r:.40}" for row in WRONG_CONTEXTS]
)
def test_a_context_of_a_wrong_type_costs_only_itself(key: str, value: Any, mapped: dict[str, Any]) -> None:
    given = message(context={key: value, "timezone": "Europe/Paris"})
    assert to_posthog(given) == event(
        **{f"segment_{key}": value, "segment_timezone": "Europe/Paris", "$timezone": "Europe/Paris", **mapped}
    )


@pytest.mark.parametrize("campaign", [None, "spring", ["spring"], {}, {"name": None, "medium": None}, 5])
def test_an_empty_campaign_adds_nothing(campaign: Any) -> None:
    assert to_posthog(message(context={"campaign": campaign})) == event()


@pytest.mark.parametrize("groups", [None, "g", ["g"], 1])
def test_groups_of_a_wrong_type_are_replaced_by_the_context_s(groups: Any) -> None:
    given = message(properties={"$groups": groups}, context={"groupId": "g1"})
    assert to_posthog(given) == event(**{"$groups": {"segment_group": "g1"}, "segment_groupId": "g1"})


OWN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"url": "/a"}, {"$current_url": "/a"}),
    ({"url": "/a", "$current_url": "/b"}, {"$current_url": "/a"}),
    ({"url": ""}, {"url": ""}),
    ({"url": None}, {"url": None}),
    ({"utm_name": "spring"}, {"utm_name": "spring", "utm_campaign": "spring"}),
    ({"utm_name": "spring", "utm_campaign": "own"}, {"utm_name": "spring", "utm_campaign": "spring"}),
    ({"utm_name": ""}, {"utm_name": ""}),
    ({"browser": "Firefox"}, {"browser": "Firefox", "$browser": "Firefox"}),
    ({"browser": "Firefox", "$browser": "own"}, {"browser": "Firefox", "$browser": "Firefox"}),
    ({"browser": "", "$browser": "own"}, {"browser": "", "$browser": "own"}),
]


@pytest.mark.parametrize(("own", "mapped"), OWN, ids=[str(row[0]) for row in OWN])
def test_some_properties_get_posthog_s_name_too_and_win_over_a_property_of_that_name(
    own: dict[str, Any], mapped: dict[str, Any]
) -> None:
    assert to_posthog(message(properties=own)) == event(**mapped)
