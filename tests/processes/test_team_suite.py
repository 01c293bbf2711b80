"""A team's ten tests, written with the fixture.

Green, and each red with a text that names the difference when the app is broken.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.suite_process import run_suite

TEAM = Path(__file__).parents[1] / "testing" / "team"


# The broken test, what is broken in the app, and what the failure says, line by line.
BROKEN = [
    (
        "test_an_order_has_its_amount",
        '"amount": amount,',
        '"amount": amount * 100,',
        ["the nearest call, number 1, differs:", "  properties.amount: expected 49.99, got 4999.0"],
    ),
    (
        "test_an_order_names_what_was_bought",
        '"sku": item.sku',
        '"SKU": item.sku',
        [
            "  properties.products[0].sku: expected 'mug', but it is missing",
            "  properties.products[1].sku: expected 'tea', but it is missing",
        ],
    ),
    (
        "test_who_signs_up_is_identified_with_the_plan",
        '"plan": plan',
        '"plans": plan',
        ["  traits.plan: expected 'team', but it is missing; there is 'plans'"],
    ),
    (
        "test_who_signs_up_is_the_visitor_from_before",
        "analytics.alias(visitor, user_id)",
        "analytics.alias(user_id, visitor)",
        [
            "the nearest call, number 2, differs:",
            "  previous_id: expected 'v1', got 'u1'",
            "  user_id: expected 'u1', got 'v1'",
        ],
    ),
    (
        "test_a_refund_is_reported_once",
        "    analytics.track(user_id, \"Order Refunded\", {\"order\": order})\n",
        "    for _ in range(2):\n        analytics.track(user_id, \"Order Refunded\", {\"order\": order})\n",
        ["track(event='Order Refunded', properties={'order': 'o-7'}) was called 2 times, expected 1"],
    ),
    (
        "test_a_company_has_its_country",
        '{"country": "DE"}',
        '{"country": "de"}',
        ["  traits.address.country: expected 'DE', got 'de'"],
    ),
    (
        "test_the_pricing_page_is_seen_by_visitors",
        '{"variant": "b"}',
        '{"variant": "c"}',
        ["  properties.variant: expected lambda variant: variant in (\"a\", \"b\"), got 'c'"],
    ),
    (
        "test_the_settings_screen_says_the_app_s_version",
        '"version": "2.1"',
        '"version": 2.1',
        ["  context.app.version: expected '2.1' (str), got 2.1 (float)"],
    ),
    (
        "test_who_opted_out_is_left_alone",
        "    if opted_out:\n        return\n",
        "",
        ["1 call would be sent, none was expected", "  1. track(event='Newsletter Sent', user_id='u1')"],
    ),
    (
        "test_the_warehouse_s_own_client_tells_from_its_thread",
        '{"Mixpanel": False}',
        '{"All": False}',
        [
            "track(event='Review Given', properties={'stars': 5}) was called but not sent: "
            "its integrations keep it from PostHog",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("test", "right", "wrong", "said"), BROKEN, ids=[each[0] for each in BROKEN])
def test_a_broken_app_fails_the_one_test_with_a_text_that_names_the_difference(
    test: str, right: str, wrong: str, said: list[str], tmp_path: Path
) -> None:
    broken = shutil.copytree(TEAM, tmp_path / "team", ignore=shutil.ignore_patterns("__pycache__"))
    app = broken / "shop.py"
    assert app.read_text().count(right) == 1
    app.write_text(app.read_text().replace(right, wrong))
    passed, failed, printed = run_suite(broken)
    assert (len(passed), failed) == (9, [test]), printed
    text = [
        line.removeprefix("E").strip().removeprefix("AssertionError: ")
        for line in printed.splitlines()
        if line.startswith("E  ")
    ]
    assert [line for line in said if line.strip() not in text] == [], printed
    assert "testing.py" not in printed  # the traceback ends in the team's own test


def test_the_team_s_ten_tests_pass_and_each_has_a_breakage() -> None:
    passed, failed, printed = run_suite(TEAM)
    assert (len(passed), failed) == (10, []), printed
    assert sorted(passed) == sorted(test for test, *_ in BROKEN)
