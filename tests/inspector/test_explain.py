"""What the inspector says about an event: where each property comes from, and what looks wrong."""

from __future__ import annotations

from collections.abc import Iterator, KeysView
from typing import Any

import pytest

from analytics_posthog._inspector.explain import explain, origins
from analytics_posthog._inspector.line import line, shown
from analytics_posthog._inspector.reverse import reconstruct
from analytics_posthog._inspector.store import Store
from analytics_posthog._inspector.warnings import NOTE, WARNING, warnings
from analytics_posthog.convert import CONTEXT
from tests.convert.test_parity import CASES, IDS
from tests.inspector.test_reverse import LIBRARY, event_of, message_of

TRACK: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u1",
    "messageId": "m1",
    "timestamp": "2026-01-01T00:00:00Z",
    "context": {
        "library": LIBRARY,
        "ip": "203.0.113.7",
        "page": {"url": "https://a.example/x?utm_source=news&gclid=1", "referrer": "https://b.example/"},
        "campaign": {"name": "spring", "medium": "email"},
        "groupId": "acme",
        "active": False,
    },
    "properties": {"amount": 1, "browser": "Firefox", "$groups": {"team": "t"}},
    "posthog": {"$context_tags": ["tenant"], "tenant": "t1"},
}


def test_each_property_of_an_event_says_where_it_comes_from() -> None:
    assert {row.name: (row.kind, row.source) for row in origins(event_of(TRACK))} == {
        "event": ("call", "event"),
        "distinct_id": ("mapping", "userId"),
        "timestamp": ("call", "timestamp"),
        "uuid": ("mapping", "messageId (a hash of it)"),
        "amount": ("call", "properties.amount"),
        "browser": ("call", "properties.browser"),
        "$browser": ("mapping", "properties.browser"),
        "$groups": ("mapping", "context.groupId and properties.$groups.team"),
        "$ip": ("mapping", "context.ip"),
        "$current_url": ("mapping", "context.page.url"),
        "$host": ("mapping", "context.page.url"),
        "$referrer": ("mapping", "context.page.referrer"),
        "$referring_domain": ("mapping", "context.page.referrer"),
        "utm_source": ("mapping", "context.page.url"),
        "gclid": ("mapping", "context.page.url"),
        "$pathname": ("mapping", "context.page.url"),
        "utm_campaign": ("mapping", "context.campaign.name"),
        "utm_medium": ("mapping", "context.campaign.medium"),
        "$update_person_last_seen_at": ("mapping", "context.active"),
        **{f"segment_{key}": ("context", f"context.{key}") for key in ("library", "ip", "page", "groupId", "active")},
        "$context_tags": ("client", "PostHog's request context"),
        "tenant": ("client", "PostHog's request context"),
        "$lib": ("client", "PostHog's client"),
        "$lib_version": ("client", "PostHog's client"),
    }


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_no_property_is_left_without_an_origin(case: dict[str, Any]) -> None:
    event = event_of(message_of(case))
    rows = origins(event)
    assert {row.name: row.value for row in rows} == {
        **{name: event[name] for name in ("event", "distinct_id", "timestamp", "uuid")},
        **event["properties"],
    }
    assert "the conversion" not in {row.source for row in rows}


def test_the_context_s_origins_are_the_rows_of_the_conversion_s_table() -> None:
    context: dict[str, Any] = {
        key: "x" if isinstance(row, str) else dict.fromkeys(row, "x") for key, row in CONTEXT.items()
    }
    rows = origins(event_of({"type": "track", "event": "x", "userId": "u", "context": {**context, "library": LIBRARY}}))
    found = {row.name: row.source for row in rows if row.kind == "mapping"}
    for key, row in CONTEXT.items():
        if isinstance(row, str):
            assert found[row] == f"context.{key}"
        else:
            assert {inner: found[name] for inner, name in row.items()} == {
                inner: f"context.{key}.{inner}" for inner in row
            }


class Walked(dict[str, Any]):
    """Properties that count how often somebody iterates over them."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        type(self).times += 1
        return super().__iter__()

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        type(self).times += 1
        return KeysView(self)


def test_an_event_is_not_converted_once_more_for_each_of_its_properties() -> None:
    """An event of 50,000 properties would delay the page, and the app, for many seconds."""
    event = event_of({**TRACK, "properties": {f"p{number}": number for number in range(2_000)}})
    made = reconstruct(event)
    made.message["properties"] = Walked(made.message["properties"])
    assert len(origins(event, made)) > 2_000
    assert Walked.times < 200


@pytest.mark.parametrize("campaign", [5, "campaign name", None, ["name"], True])
def test_a_campaign_that_is_no_dict_is_no_origin(campaign: Any) -> None:
    properties = {"segment_library": {}, "segment_campaign": campaign, "utm_name": "spring", "utm_campaign": "spring"}
    event = {"event": "x", "distinct_id": "u", "properties": properties}
    assert {row.name: row.source for row in origins(event)}["utm_campaign"] == "properties.utm_name"
    assert 'utm_name="spring"' in line(Store().add(event, 1.0))


@pytest.mark.parametrize(
    ("event", "size", "level", "words"),
    [
        ({}, 100, WARNING, "no $ip and no $geoip_disable"),
        ({"properties": {"$geoip_disable": True}}, 100, NOTE, "no $ip"),
        ({"properties": {"$session_id": "1700000000"}}, 100, WARNING, "no UUIDv7"),
        (
            {"event": "$identify", "properties": {"$anon_distinct_id": "guest"}},
            100,
            WARNING,
            "$anon_distinct_id 'guest' is an id that PostHog never",
        ),
        ({"event": "$create_alias"}, 100, WARNING, "no alias"),
        (
            {"event": "$create_alias", "properties": {"alias": "u"}},
            100,
            WARNING,
            "alias 'u' is an id that PostHog never merges",
        ),
        ({"distinct_id": "undefined"}, 100, WARNING, "distinct_id 'undefined' is an id that PostHog never merges"),
        ({}, 800 * 1024, WARNING, "800 KiB: near the limit of 900 KiB"),
        ({}, 901 * 1024, WARNING, "901 KiB: PostHog's clients drop"),
        ({"event": "Order 20931 Paid"}, 100, WARNING, "looks generated"),
        ({"event": "Opened 3f2b8c1e-9a77-4d21-8f6e-0123456789ab"}, 100, WARNING, "looks generated"),
        ({"event": "Viewed 507f1f77bcf86cd799439011"}, 100, WARNING, "looks generated"),
        ({"event": "Mail to ada@example.com"}, 100, WARNING, "looks generated"),
        ({"event": "x" * 201}, 100, WARNING, "looks generated"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)
def test_each_warning_is_in_words(event: dict[str, Any], size: int, level: str, words: str) -> None:
    found = warnings({"event": "x", "distinct_id": "u", "properties": {}, **event}, size)
    assert [warned for warned in found if warned.level == level and words in warned.text], found


@pytest.mark.parametrize(
    "name", ["Order Completed", "404 Error Shown", "$pageview", "Step 3 Viewed", "facade decade", "OAuth2 Login", "B2B"]
)
def test_a_name_that_a_person_chose_has_no_warning(name: str) -> None:
    assert warnings({"event": name, "distinct_id": "u", "properties": {"$ip": "203.0.113.7"}}, 100) == []


def test_a_second_event_of_a_uuid_is_noted() -> None:
    store = Store()
    event = event_of(TRACK)
    assert [store.add(event, 1.0).summary.again for _ in range(2)] == [False, True]
    assert "this uuid came before" in explain(event, 100, again=True, note="")["warnings"][-1]["text"]


def test_a_plain_line_says_when_what_who_and_what_looks_wrong() -> None:
    event = event_of({**TRACK, "event": "Order 20931 Paid", "properties": {"amount": 49.99, "plan": "pro"}})
    text = line(Store().add(event, 1_700_000_000.25))
    assert text[8:12] == ".250"
    assert text[14:].startswith(
        'track     "Order 20931 Paid"  u1  amount=49.99  plan="pro"  ! the event\'s name looks generated'
    )


def test_a_plain_line_gives_the_terminal_no_command() -> None:
    attack = "\x1b[2J\x1b]0;title\x07\r\n\x9b31m\u202e\x00"
    event = {"event": attack, "distinct_id": attack, "properties": {"segment_library": {}, attack: attack}}
    text = line(Store().add(event, 1.0))
    assert text.isprintable()
    assert "\\u001b[2J" in text
    assert shown("\x1b[2J\u202eé\n") == "\\x1b[2J\\u202eé\\n"


def test_a_plain_line_is_short_however_large_the_event() -> None:
    event = {
        "event": "n" * 900_000,
        "distinct_id": "i" * 900_000,
        "properties": {"segment_library": {}, **{f"k{n}" * 999: "v" * 99 for n in range(99)}},
    }
    assert len(line(Store().add(event, 1.0))) < 1500
