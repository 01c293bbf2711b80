"""What `captured` has beside its assertions: its length, its text, persons, snapshots; and `absent` and `exact`."""

from __future__ import annotations

from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog.testing import Captured, capture


@pytest.fixture
def captured() -> Any:
    with capture() as calls:
        yield calls


def test_its_length_is_the_number_of_calls_and_it_is_true_without_any(captured: Captured) -> None:
    assert (len(captured), bool(captured)) == (0, True)
    analytics.track("u1", "Seen")
    analytics.track("u1", "", {})  # refused
    assert len(captured) == 1


def test_its_text_lists_the_calls(captured: Captured) -> None:
    assert repr(captured) == "<Captured: nothing was called that would be sent>"
    analytics.track("u1", "Seen", {"size": 1})
    analytics.identify("u1")
    assert repr(captured) == (
        "<Captured: called were:\n"
        "  1. track(event='Seen', user_id='u1', properties={'size': 1})\n"
        "  2. identify(user_id='u1')>"
    )


def test_a_person_has_all_ids_the_last_properties_and_the_events_in_order(captured: Captured) -> None:
    analytics.page(anonymous_id="v1", name="Start")
    analytics.identify("u1", {"plan": "free", "seats": 1}, anonymous_id="v1")
    analytics.track("u2", "Left")
    analytics.alias("old", "u1")
    analytics.track("old", "Ordered")
    analytics.identify("u1", {"plan": "pro"})
    person = captured.person("v1")
    assert person == captured.person("u1") == captured.person("old")
    assert person.ids == ["v1", "u1", "old"]
    assert person.properties == {"plan": "pro", "seats": 1}
    names = [event["event"] for event in person.events]
    assert names == ["$pageview", "$identify", "$create_alias", "Ordered", "$identify"]


def test_a_person_that_no_call_names_is_an_error_that_lists_the_calls(captured: Captured) -> None:
    analytics.track("u1", "Seen")
    with pytest.raises(LookupError, match=r"no call has the id 'u9'\ncalled were:\n  1\. track\(event='Seen'"):
        captured.person("u9")


def test_an_id_that_posthog_never_merges_makes_no_one_person(captured: Captured) -> None:
    analytics.identify("u1", {"plan": "a"}, anonymous_id="guest")
    analytics.track("guest", "Seen")
    assert captured.person("u1").ids == ["u1"]
    assert captured.person("guest").properties == {}


def test_an_absent_key_must_not_be_there(captured: Captured) -> None:
    analytics.identify("u1", {"plan": "a", "address": {"street": "x"}})
    captured.assert_identified("u1", absent=["email", "address.city", "plan.name"])
    with pytest.raises(AssertionError) as failure:
        captured.assert_identified("u1", absent=["email", "address.street"])
    assert str(failure.value) == (
        "identify(user_id='u1', absent=['email', 'address.street']) was not called\n"
        "the nearest call, number 1, differs:\n"
        "  traits.address.street: expected to be absent, got 'x'\n"
        "called were:\n"
        "  1. identify(user_id='u1', traits={'plan': 'a', 'address': {'street': 'x'}})"
    )


def test_a_text_in_place_of_a_list_of_keys_is_an_error(captured: Captured) -> None:
    with pytest.raises(TypeError, match="absent must be a list of keys"):
        captured.assert_tracked("Seen", absent="email")


def test_exact_properties_have_no_other_key_at_any_level(captured: Captured) -> None:
    analytics.track("u1", "Seen", {"size": 1, "in": {"a": 1, "b": 2}})
    captured.assert_tracked("Seen", properties={"in": {"b": 2}})
    captured.assert_tracked("Seen", properties={"in": {"b": 2, "a": 1}, "size": 1}, exact=True)
    with pytest.raises(AssertionError) as failure:
        captured.assert_tracked("Seen", properties={"in": {"b": 2}}, exact=True)
    assert str(failure.value) == (
        "track(event='Seen', properties={'in': {'b': 2}}, exact=True) was not called\n"
        "the nearest call, number 1, differs:\n"
        "  properties.in.a: not expected, got 1\n"
        "  properties.size: not expected, got 1\n"
        "called were:\n"
        "  1. track(event='Seen', user_id='u1', properties={'size': 1, 'in': {'a': 1, 'b': 2}})"
    )


def test_a_snapshot_is_the_same_in_each_run(captured: Captured) -> None:
    analytics.track("u1", "Seen", {"size": 1}, context={"ip": "192.0.2.1"})
    analytics.identify("u1", message_id="m1")
    analytics.identify("u1", message_id="m1")
    identified = {
        "type": "identify",
        "userId": "u1",
        "messageId": "<messageId 2>",
        "timestamp": "<timestamp>",
    }
    assert captured.snapshot() == [
        {
            "type": "track",
            "userId": "u1",
            "event": "Seen",
            "properties": {"size": 1},
            "context": {"ip": "192.0.2.1"},
            "messageId": "<messageId 1>",
            "timestamp": "<timestamp>",
        },
        identified,
        identified,
    ]
    captured.messages[0]["properties"]["size"] = 2
    assert captured.snapshot()[0]["properties"]["size"] == 2


LAMBDAS: list[tuple[dict[str, Any], str]] = [
    (
        {"size": lambda size: size > 5},
        "lambda size: size > 5",
    ),
    (
        {"size": [lambda size: size in (7, 8)]},
        "lambda size: size in (7, 8)",
    ),
    (
        {"size": (lambda s: s == "(")},
        'lambda s: s == "("',
    ),
]


@pytest.mark.parametrize(("properties", "text"), LAMBDAS)
def test_a_lambda_is_shown_as_it_is_written(captured: Captured, properties: dict[str, Any], text: str) -> None:
    analytics.track("u1", "Seen", {"size": [1] if isinstance(properties["size"], list) else 1})
    with pytest.raises(AssertionError) as failure:
        captured.assert_tracked("Seen", properties=properties)
    assert f"expected {text}, got 1" in str(failure.value)


def test_two_lambdas_on_a_line_are_shown_by_the_line(captured: Captured) -> None:
    analytics.track("u1", "Seen", {"size": 1})
    with pytest.raises(AssertionError) as failure:
        captured.assert_tracked("Seen", properties={"size": lambda a: a == 2, "b": lambda b: b})
    assert 'captured.assert_tracked("Seen", properties={"size": lambda a: a == 2' in str(failure.value)
