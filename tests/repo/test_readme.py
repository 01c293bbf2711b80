"""What the README and docs/testing.md say is what the code does."""

from __future__ import annotations

import re
from inspect import signature
from pathlib import Path

import pytest

import analytics_posthog
from analytics_posthog.convert import EVENTS, to_posthog
from tests.support.suite_process import run_suite

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def command(name: str) -> str:
    """Return the command in the fence below a marker."""
    found = re.search(rf"<!-- {name} -->\n```sh\n(.*?)\n```", README)
    assert found is not None, f"README.md has no {name}"
    return found[1]


def calls() -> dict[str, tuple[list[str], str]]:
    """Return the rows of the table of calls: the call's name, its arguments, and the event."""
    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \| (.*?) \|", README.partition("## Try it")[0], re.M)
    return {name: (arguments.split(", "), event) for name, arguments, event in rows}


def test_the_table_of_calls_names_each_of_segments_six_calls_and_the_event_it_becomes():
    shown = {name: None if event == "the event's name" else event.strip("`") for name, (_, event) in calls().items()}
    assert shown == EVENTS


@pytest.mark.parametrize("call", EVENTS)
def test_the_table_of_calls_shows_each_calls_first_arguments_in_their_order(call: str):
    arguments, _ = calls()[call]
    assert list(signature(getattr(analytics_posthog, call)).parameters)[: len(arguments)] == arguments


@pytest.mark.parametrize("call", EVENTS)
def test_the_table_of_calls_names_properties_that_the_event_has(call: str):
    row = next(line for line in README.splitlines() if line.startswith(f"| `{call}("))
    message = {
        "type": call,
        "userId": "u",
        "anonymousId": "a",
        "groupId": "g",
        "previousId": "p",
        "event": "E",
        "name": "n",
        "category": "c",
    }
    properties = to_posthog({**message, "messageId": "m", "timestamp": "t"})["properties"]
    named = re.findall(r"`(\$\w+|alias|name|category)`", row.split("|")[3])
    assert set(named) <= properties.keys(), "the README names a property that the event doesn't have"


def test_both_commands_are_on_one_line_and_make_their_own_environment():
    for name in ("quickstart-command", "test-command"):
        assert command(name).startswith("python3 -m venv .venv && ")
        assert "\n" not in command(name)


def test_the_changelog_has_an_entry_for_the_version():
    assert f"## {analytics_posthog.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


SHOP = """
import analytics_posthog as analytics

def complete_order(user_id, amount):
    analytics.track(user_id, "Order Completed", {"amount": amount})
"""


def test_the_tests_that_it_shows_are_run_and_fail_as_it_shows(tmp_path: Path):
    section = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    for code in re.findall(r"```python\n(.*?)```", section, re.S):
        (tmp_path / re.match(r"# (\w+\.py)\n", code)[1]).write_text(code)
    (tmp_path / "shop.py").write_text(SHOP)
    assert run_suite(tmp_path)[:2] == (
        ["test_an_order_is_tracked_with_its_amount", "test_an_order_is_tracked_once"],
        [],
    )
    (tmp_path / "shop.py").write_text(SHOP.replace("amount}", "round(amount * 100)}"))
    _, failed, printed = run_suite(tmp_path)
    assert failed == ["test_an_order_is_tracked_with_its_amount"]
    said = [
        line.removeprefix("E").strip().removeprefix("AssertionError: ")
        for line in printed.splitlines()
        if line.startswith("E  ")
    ]
    shown = [line.strip() for line in section.splitlines() if line.startswith("    ") and line.strip() in said]
    assert shown == said
