"""The team's own tests: each says what the app must have called."""

from __future__ import annotations

from decimal import Decimal
from unittest.mock import ANY

import shop

from analytics_posthog.testing import Captured

CART = [shop.Item("mug", Decimal("9.99"), 2), shop.Item("tea", Decimal("30.01"))]


def test_an_order_has_its_amount(captured: Captured) -> None:
    shop.complete_order("u1", CART)
    captured.assert_tracked("Order Completed", user_id="u1", properties={"amount": 49.99})


def test_an_order_names_what_was_bought(captured: Captured) -> None:
    shop.complete_order("u1", CART)
    captured.assert_tracked("Order Completed", properties={"products": [{"sku": "mug"}, {"sku": "tea"}]})


def test_who_signs_up_is_identified_with_the_plan(captured: Captured) -> None:
    shop.sign_up("u1", "team", visitor="v1")
    captured.assert_identified("u1", {"plan": "team", "seats": ANY})


def test_who_signs_up_is_the_visitor_from_before(captured: Captured) -> None:
    shop.sign_up("u1", "team", visitor="v1")
    captured.assert_alias("v1", "u1")


def test_a_refund_is_reported_once(captured: Captured) -> None:
    shop.refund("u1", "o-7")
    captured.assert_tracked("Order Refunded", properties={"order": "o-7"}, times=1)


def test_a_company_has_its_country(captured: Captured) -> None:
    shop.join_company("u1", 7, "Example Ltd")
    captured.assert_group(7, {"name": "Example Ltd", "address": {"country": "DE"}}, user_id="u1")


def test_the_pricing_page_is_seen_by_visitors(captured: Captured) -> None:
    shop.show_pricing(None, visitor="v1")
    captured.assert_page("Pricing", anonymous_id="v1", properties={"variant": lambda variant: variant in ("a", "b")})


def test_the_settings_screen_says_the_app_s_version(captured: Captured) -> None:
    shop.open_settings("u1")
    captured.assert_screen("Settings", user_id="u1", context={"app": {"version": "2.1"}})


def test_who_opted_out_is_left_alone(captured: Captured) -> None:
    shop.send_newsletter("u1", opted_out=True)
    captured.assert_nothing_sent()


def test_the_warehouse_s_own_client_tells_from_its_thread(captured: Captured) -> None:
    shop.pack("u1", "mug")
    shop.ask_for_review("u1", 5)
    captured.assert_tracked("Item Packed", user_id="u1", properties={"sku": "mug"})
    captured.assert_tracked("Review Given", properties={"stars": 5})
    captured.assert_not_tracked("Item Packed", properties={"sku": "tea"})
