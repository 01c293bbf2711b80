"""A value of a type that JSON doesn't have arrives as the nearest one that it has, or is left out with a warning."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import date, timezone
from decimal import Decimal
from typing import Any

import pytest

from analytics_posthog import Client
from analytics_posthog._message import values as _values
from analytics_posthog._message.plain import MAX_SIZE
from analytics_posthog._message.values import MAX_DEPTH, Pass, clean, clean_dict
from tests.support.hostile_values import HOSTILE
from tests.support.kinds_of_values import KINDS, MOMENT, Item, Slotted
from tests.support.posthog_server import PostHogServer


@pytest.fixture(scope="module")
def arrived() -> Iterator[dict[str, Any]]:
    """The value that arrives for each of KINDS, by name. Each was sent in its own event."""
    with PostHogServer() as server, Client("phc_key", server.url) as client:
        for kind, (value, _) in KINDS.items():
            client.track("u1", kind, {"value": value})
        client.flush()
        yield {event["event"]: event["properties"]["value"] for event in server.events}


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_arrives_as_the_nearest_json_value(kind: str, arrived: dict[str, Any]) -> None:
    assert json.dumps(arrived[kind]) == json.dumps(KINDS[kind][1])


def test_keys_are_written_as_json_dumps_writes_them() -> None:
    value = KINDS["keys as json.dumps has them"][0]
    assert list(clean(value)) == list(json.loads(json.dumps(dict.fromkeys(value, 1))))


@pytest.mark.parametrize("moment", [date(2026, 1, 2), MOMENT, MOMENT.replace(tzinfo=timezone.utc)])
def test_dates_stay_objects_in_the_message(moment: date) -> None:
    assert Client("phc_key", send=False).track("u1", "Bought", {"at": moment})[1]["properties"] == {"at": moment}


@pytest.fixture
def client() -> Client:
    return Client("phc_key", send=False)


def properties(client: Client, value: Any) -> dict[str, Any]:
    """The properties of a message that was given `value` between two others."""
    message = client.track("u1", "Bought", {"before": 1, "value": value, "after": 2})[1]
    assert (message["properties"]["before"], message["properties"]["after"]) == (1, 2)
    return message["properties"]  # type: ignore[no-any-return]


def test_a_container_inside_itself_is_left_out(client: Client) -> None:
    value: dict[str, Any] = {"name": "Ada"}
    value.update(friends=[value, {"of": value}], itself=value)
    assert properties(client, value)["value"] == {"name": "Ada", "friends": [{}]}


def test_a_value_in_two_places_is_not_a_cycle(client: Client) -> None:
    address = {"city": "Rome"}
    assert properties(client, [address, address, {"home": address}])["value"] == [address, address, {"home": address}]


def test_a_value_is_cut_off_at_100_levels(client: Client) -> None:
    value: Any = 1
    for _ in range(3000):
        value = [value]
    text = json.dumps(properties(client, value)["value"])
    assert text == "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)


@pytest.mark.parametrize("leaf", [[], b"", object(), Slotted("a")], ids=lambda leaf: type(leaf).__name__)
def test_huge_nested_lists_take_bounded_time_and_memory(leaf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty lists, each ten times the next, are 10 ** 30 values. Counts the values read and the values copied."""
    looked_at = 0
    walk = _values._walk

    def count(value: Any, done: Pass) -> Any:
        nonlocal looked_at
        looked_at += 1
        return walk(value, done)

    monkeypatch.setattr(_values, "_walk", count)
    for _ in range(30):
        leaf = [leaf] * 10
    done = Pass()
    copied = clean_dict({"value": leaf}, done)
    assert MAX_SIZE < done.size < MAX_SIZE + 1000
    assert looked_at < 1_000_000
    assert json.dumps(copied).count("[") < 600_000


def test_the_size_is_never_below_that_of_the_json() -> None:
    for value in (["text"] * 1000, ("text",) * 1000, {"a": ("text" * 1000,)}, [10**200] * 100):
        done = Pass()
        copied = clean_dict({"value": value}, done)
        size = len(json.dumps(copied))
        assert size - len("{}") <= done.size < 3 * size


def test_a_generator_is_left_out_and_not_used_up(client: Client) -> None:
    generator = (number for number in range(3))
    assert "value" not in properties(client, generator)
    assert list(generator) == [0, 1, 2]


def test_a_bad_item_of_a_list_costs_only_itself(client: Client) -> None:
    assert properties(client, [1, object(), {"a": {object(), 2}}])["value"] == [1, {"a": [2]}]


@pytest.mark.parametrize("kind", ["a mapping that has none of its keys", "a pydantic model whose field raises"])
def test_a_value_whose_own_code_raises_is_left_out(kind: str) -> None:
    done = Pass()
    assert clean_dict({"before": 1, "value": HOSTILE[kind](), "after": [2]}, done) == {"before": 1, "after": [2]}
    assert [key for key, _ in done.left_out] == ["value"]


def test_the_largest_integer_has_as_many_bits_as_a_double() -> None:
    assert clean([2**1023 - 1, -(2**1023 - 1), 2**1023, -(2**1023)]) == [2**1023 - 1, -(2**1023 - 1), None, None]


def test_at_most_100_values_left_out_are_noted() -> None:
    done = Pass()
    assert clean_dict({str(number): object() for number in range(150)}, done) == {}
    assert done.left_out == [(str(number), "object") for number in range(100)]


class Card:
    def __repr__(self) -> str:
        return "4111 1111 1111 1111"


def warnings(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_a_warning_names_the_key_and_the_type_but_not_the_value(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.identify("u1", {"payment": {"cards": [Card()], "card": Card()}})
    how = "a Card can't be sent as JSON. Pass a string, a number, a list or a dict"
    assert warnings(caplog) == [
        ("WARNING", f"identify: left out 'traits.payment.cards.[]': {how}"),
        ("WARNING", f"identify: left out 'traits.payment.card': {how}"),
    ]


def test_each_key_is_warned_of_once(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        client.track("u1", "Bought", {"card": Card(), "cards": [Card()] * 5})
    assert len(warnings(caplog)) == 2


def test_a_strange_or_long_key_gives_one_short_log_line(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.track("u1", "Bought", {"\ud800\n": Card(), "k" * 1_000_000: Card()})
    texts = [text for _, text in warnings(caplog)]
    assert "'properties.\\ufffd\\n'" in texts[0]
    assert all(len(text) < 400 and text.isascii() and "\n" not in text for text in texts)


def test_the_caller_s_dicts_are_not_changed_and_not_shared(posthog_server: PostHogServer) -> None:
    given: dict[str, Any] = {
        "list": [1, [2]],
        "dict": {"a": {"b": 1}},
        "item": Item("a1", Decimal(1)),
        7: {1},
        "n": float("nan"),
    }
    context: dict[str, Any] = {"page": {"url": "https://a.example/"}}
    before = copy.deepcopy((given, context))
    with Client("phc_key", posthog_server.url, upload_interval=0.2) as client:
        message = client.track("u1", "Bought", given, context)[1]
        assert repr((given, context)) == repr(before)
        expected = copy.deepcopy(message)
        given["list"][1].append(3)
        given["dict"]["a"]["b"] = 2
        given["new"] = given["item"].sku = "changed"
        context["page"]["url"] = "https://b.example/"
        assert message == expected
    (event,) = posthog_server.events
    sent = {
        key: value for key, value in event["properties"].items() if key in {*expected["properties"], "$current_url"}
    }
    assert sent == {
        "list": [1, [2]],
        "dict": {"a": {"b": 1}},
        "item": {"sku": "a1", "price": 1.0, "made": None},
        "7": [1],
        "n": None,
        "$current_url": "https://a.example/",
    }
