"""What the assertions accept, and what they say when they fail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from unittest.mock import ANY
from uuid import UUID

import pytest

import analytics_posthog as analytics
from analytics_posthog.testing import Captured, capture

AT = datetime(2020, 5, 6, 7, 8, 9, 123456, tzinfo=timezone.utc)
SOME = UUID(int=7)


class Between:
    """Compares as the objects of dirty-equals do."""

    def __init__(self, least: float, most: float) -> None:
        self.least, self.most = least, most

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (int, float)) and self.least < other < self.most

    def __hash__(self) -> int:
        return 0


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError


PROPERTIES: dict[str, Any] = {
    "amount": Decimal("49.99"),
    "paid": True,
    "count": 1,
    "at": AT,
    "day": date(2020, 5, 6),
    "id": SOME,
    "rate": float("nan"),
    "cart": {"items": [{"sku": "mug", "price": 5}, {"sku": "tea", "price": 7}], "note": None},
    7: "seven",
}


@pytest.fixture
def captured() -> Any:
    with capture() as calls:
        analytics.track(42, "Bought", PROPERTIES, {"app": {"name": "Shop"}}, AT, anonymous_id="a1")
        yield calls


ACCEPTED: list[dict[str, Any]] = [
    {},
    {"user_id": "42"},
    {"user_id": 42},
    {"user_id": ANY, "anonymous_id": "a1"},
    {"user_id": str.isdigit},
    {"context": {"app": {"name": "Shop"}}},
    {"timestamp": "2020-05-06T07:08:09.123+00:00"},
    {"timestamp": AT},
    {"timestamp": AT.replace(tzinfo=None)},
    {"times": 1},
    {"properties": {}},
    {"properties": ANY},
    {"properties": lambda properties: len(properties) == 9},
    {"properties": PROPERTIES},
    {
        "properties": {
            "amount": 49.99,
            "id": str(SOME),
            "at": AT.isoformat(),
            "day": "2020-05-06",
            "rate": None,
            "7": "seven",
        }
    },
    {"properties": {"amount": pytest.approx(50, abs=0.1)}},
    {"properties": {"amount": Between(49, 50), "count": Between(0, 2)}},
    {"properties": {"count": lambda count: count > 0}},
    {"properties": {"cart": {"items": [{"sku": "mug"}, {"price": 7}]}}},
    {"properties": {"cart": {"items": ({"sku": ANY}, ANY), "note": None}}},
]


@pytest.mark.parametrize("expected", ACCEPTED, ids=range(len(ACCEPTED)))
def test_a_call_that_has_all_that_is_expected_will_do(expected: dict[str, Any], captured: Captured) -> None:
    assert captured.assert_tracked("Bought", **expected) == captured.messages[0]


REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"user_id": "43"}, ["user_id: expected '43', got '42'"]),
    ({"anonymous_id": None}, ["anonymous_id: expected None, got 'a1'"]),
    ({"timestamp": AT.replace(year=2021)}, [
        f"timestamp: expected {AT.replace(year=2021)!r}, got '2020-05-06T07:08:09.123+00:00'",
    ]),
    ({"context": {"app": {"version": "2"}}}, ["context.app.version: expected '2', but it is missing"]),
    ({"properties": {"amont": 49.99}}, ["properties.amont: expected 49.99, but it is missing; there is 'amount'"]),
    ({"properties": {"amount": "49.99"}}, ["properties.amount: expected '49.99' (str), got 49.99 (float)"]),
    ({"properties": {"paid": 1, "count": True}}, [
        "properties.paid: expected 1 (int), got True (bool)",
        "properties.count: expected True (bool), got 1 (int)",
    ]),
    ({"properties": {"cart": {"items": [{"sku": "mug"}, {"sku": "pot"}]}}}, [
        "properties.cart.items[1].sku: expected 'pot', got 'tea'",
    ]),
    ({"properties": {"cart": {"items": [{"sku": "mug"}]}}}, [
        "properties.cart.items: expected 1 items, got 2: [{'sku': 'mug', 'price': 5}, {'sku': 'tea', 'price': 7}]",
    ]),
    ({"properties": {"cart": []}}, [
        "properties.cart: expected [], got "
        "{'items': [{'sku': 'mug', 'price': 5}, {'sku': 'tea', 'price': 7}], 'note': None}",
    ]),
    ({"properties": {"cart": {"note": object}}}, ["properties.cart.note: expected object, got None"]),
    ({"properties": {"id": str.isdigit}}, [
        "properties.id: expected str.isdigit, got '00000000-0000-0000-0000-000000000007'",
    ]),
    ({"properties": {"cart": {"note": Unshowable()}}}, ["properties.cart.note: expected a Unshowable, got None"]),
    ({"properties": None}, ["properties: expected None, got {"]),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "said"), REFUSED, ids=[said[0] for _, said in REFUSED])
def test_a_call_that_has_not_is_shown_with_each_difference(
    expected: dict[str, Any], said: list[str], captured: Captured
) -> None:
    with pytest.raises(AssertionError) as raised:
        captured.assert_tracked("Bought", **expected)
    first, nearest, *rest = str(raised.value).split("\n")
    assert first.startswith("track(event='Bought', ")
    assert first.endswith(" was not called")
    assert nearest == "the nearest call, number 1, differs:"
    differences = rest[: rest.index("called were:")]
    assert len(differences) == len(said)
    assert all(line.startswith(f"  {text}") for line, text in zip(differences, said, strict=True)), differences
    assert rest[-1].startswith(
        "  1. track(event='Bought', user_id='42', anonymous_id='a1', properties={'amount': 49.99, "
    )


def failure(assertion: Callable[[Captured], Any]) -> str:
    """What an assertion says of a few calls of every kind."""
    with capture() as captured:
        analytics.track("u1", "Order Completed", {"amount": 5})
        analytics.track("u2", "Order Refunded", {"amount": 49.99})
        analytics.track("u2", "Order Completed", {"amount": 49.99, "code": "x"})
        analytics.identify("u1", {"plan": "team"})
        analytics.page("u1", "Docs", "Start")
        analytics.screen("u1", None, "Home")
        analytics.group("u1", "g1", {"name": "Example Ltd"})
        analytics.alias("a1", "u1")
        with pytest.raises(AssertionError) as raised:
            assertion(captured)
    return str(raised.value).replace(CALLED, "<all>")


CALLED = """called were:
  1. track(event='Order Completed', user_id='u1', properties={'amount': 5})
  2. track(event='Order Refunded', user_id='u2', properties={'amount': 49.99})
  3. track(event='Order Completed', user_id='u2', properties={'amount': 49.99, 'code': 'x'})
  4. identify(user_id='u1', traits={'plan': 'team'})
  5. page(name='Start', category='Docs', user_id='u1')
  6. screen(name='Home', user_id='u1')
  7. group(user_id='u1', group_id='g1', traits={'name': 'Example Ltd'})
  8. alias(previous_id='a1', user_id='u1')"""


def nearest(first: str, number: int, *differences: str) -> str:
    return "\n".join(
        [
            f"{first} was not called",
            f"the nearest call, number {number}, differs:",
            *(f"  {each}" for each in differences),
            "<all>",
        ]
    )


FAILURES: list[tuple[Callable[[Captured], Any], str]] = [
    (
        lambda captured: captured.assert_tracked(
            "Order Completed", user_id="u2", properties={"amount": 49.99, "code": "y"}
        ),
        nearest(
            "track(event='Order Completed', user_id='u2', properties={'amount': 49.99, 'code': 'y'})",
            3,
            "properties.code: expected 'y', got 'x'",
        ),
    ),
    (
        lambda captured: captured.assert_tracked("order_refunded", user_id="u2"),
        nearest(
            "track(event='order_refunded', user_id='u2')", 2, "event: expected 'order_refunded', got 'Order Refunded'"
        ),
    ),
    (
        lambda captured: captured.assert_identified("u1", {"plan": "free"}),
        nearest("identify(user_id='u1', traits={'plan': 'free'})", 4, "traits.plan: expected 'free', got 'team'"),
    ),
    (lambda captured: captured.assert_page("End"), nearest("page(name='End')", 5, "name: expected 'End', got 'Start'")),
    (
        lambda captured: captured.assert_screen("Home", category="Main"),
        nearest("screen(name='Home', category='Main')", 6, "category: expected 'Main', got None"),
    ),
    (
        lambda captured: captured.assert_group("g2", user_id="u1"),
        nearest("group(user_id='u1', group_id='g2')", 7, "group_id: expected 'g2', got 'g1'"),
    ),
    (
        lambda captured: captured.assert_alias("a1", "u2"),
        nearest("alias(previous_id='a1', user_id='u2')", 8, "user_id: expected 'u2', got 'u1'"),
    ),
    (
        lambda captured: captured.assert_tracked("Order Completed", times=3),
        "track(event='Order Completed') was called 2 times, expected 3\n<all>",
    ),
    (
        lambda captured: captured.assert_not_tracked("Order Completed", properties={"amount": 5}),
        "track(event='Order Completed', properties={'amount': 5}) was called\n<all>",
    ),
    (lambda captured: captured.assert_nothing_sent(), "8 calls would be sent, none was expected\n<all>"),
]


@pytest.mark.parametrize(("assertion", "said"), FAILURES, ids=[said.partition("\n")[0] for _, said in FAILURES])
def test_a_failure_shows_what_was_called_nearest_and_in_all(assertion: Callable[[Captured], Any], said: str) -> None:
    assert failure(assertion) == said


def test_each_assertion_passes_with_the_call_that_it_is_about() -> None:
    with capture() as captured:
        captured.assert_nothing_sent()
        captured.assert_not_tracked("Bought")
        analytics.track("u1", "Bought")
        analytics.identify("u1", {"plan": "team"})
        analytics.page("u1", "Docs", "Start")
        analytics.screen("u1", None, "Home")
        analytics.group("u1", "g1", {"name": "Example Ltd"})
        analytics.alias("a1", "u1")
        found = [
            captured.assert_tracked("Bought", user_id="u1"),
            captured.assert_identified("u1", {"plan": "team"}, times=1),
            captured.assert_page("Start", category="Docs", user_id="u1"),
            captured.assert_screen("Home"),
            captured.assert_group("g1", {"name": "Example Ltd"}),
            captured.assert_alias("a1", "u1"),
        ]
        captured.assert_not_tracked("Bought", user_id="u2")
        captured.assert_page(user_id="u2", times=0)
    assert found == captured.messages


def test_with_no_call_at_all_it_says_so() -> None:
    with capture() as captured, pytest.raises(AssertionError) as raised:
        captured.assert_page("Start")
    assert str(raised.value) == "page(name='Start') was not called\nnothing was called that would be sent"


def test_a_call_that_was_not_sent_is_named_with_its_reason() -> None:
    with capture() as captured:
        analytics.track("u1", "Bought", integrations={"PostHog": False})
        with pytest.raises(AssertionError) as raised:
            captured.assert_tracked("Bought", user_id="u1")
    first = str(raised.value).partition("\n")[0]
    assert first == "track(event='Bought', user_id='u1') was called but not sent: its integrations keep it from PostHog"


def test_long_values_and_many_calls_are_cut() -> None:
    with capture() as captured:
        for number in range(50):
            analytics.track("u1", f"Number {number}", {"text": "x" * 100_000})
        with pytest.raises(AssertionError) as raised:
            captured.assert_tracked("Number 7", properties={"text": "x" * 50_000 + "y"})
    lines = str(raised.value).split("\n")
    assert "the nearest call, number 8, differs:" in lines
    assert any(line.endswith(f"(they differ from character 50000 on: 'y', '{'x' * 20}')") for line in lines)
    assert "called were 50, the last 20:" in lines
    assert len(str(raised.value)) < 6000
