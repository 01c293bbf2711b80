"""Thirty hostile events: each is shown as text, and the page still works."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.common.keys import Keys

from tests.browser.page import Page
from tests.support.hostile_events import HOSTILE
from tests.support.inspector_process import awaited

UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u2069\u3164\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
TAGS = "[...new Set([...document.querySelectorAll('*')].map((e) => e.tagName.toLowerCase()))].sort()"
LISTENING = (
    "[...document.querySelectorAll('*')].flatMap((e) => e.getAttributeNames())"
    ".filter((name) => name.startsWith('on') || name === 'srcdoc')"
)
PLACES = "['h1', '#filters', '#list', '#clear'].map((s) => document.querySelector(s).getBoundingClientRect().toJSON())"


def seen(text: str) -> str:
    """A text as the page shows it."""
    return UNSEEN.sub(
        lambda match: json.dumps(match[0])[1:-1] if match[0] > "\x9f" else f"\\u{ord(match[0]):04x}", text
    )


def unharmed(page: Page) -> dict[str, Any]:
    """What no event may change."""
    with pytest.raises(NoAlertPresentException):
        _ = page.driver.switch_to.alert.text
    assert page.value(LISTENING) == []
    return {
        "scripts": page.value("document.scripts.length"),
        "styles": page.value("document.styleSheets.length"),
        "places": page.value(PLACES),
        "children": page.value("document.body.children.length"),
        "title": page.value("document.title"),
    }


@pytest.mark.parametrize("width", [1280, 360])
def test_each_of_thirty_hostile_events_is_shown_as_text(page: Page, width: int) -> None:
    page.look(width=width)
    awaited(lambda: page.text("#totals").startswith("0 events"))
    page.inspector.send(
        {"event": "$identify", "distinct_id": "harmless", "properties": {"segment_library": {}, "$set": {"a": 1}}}
    )
    page.awaits(["$identify"])
    page.choose("$identify")
    awaited(lambda: page.value("document.querySelectorAll('#count-rows td').length"))
    tags = set(page.value(TAGS))
    page.keys(Keys.ESCAPE)
    before = unharmed(page)
    for number, (what, hostile) in enumerate(HOSTILE.items(), 2):
        name = hostile["event"]
        page.inspector.send(hostile)
        awaited(lambda: page.text("#shown") == str(number))  # noqa: B023  the event before may have the same name
        page.awaits_first(seen(name[:200]))
        page.driver.execute_script("document.getElementById('list').focus()")
        page.keys(Keys.HOME, Keys.ENTER)
        page.awaits_detail(seen(name)[:300])
        assert page.is_within(), what
        assert set(page.value(TAGS)) <= tags | {"p", "li", "ul"}, what
        assert page.value("document.querySelectorAll('*').length") < 3_000, what
        page.keys(Keys.ESCAPE)
        awaited(lambda: not page.is_open())
        assert unharmed(page) == before, what
        assert page.text("#shown") == str(number)


@pytest.mark.parametrize("wishes", [{}, {"dark": True}, {"width": 360, "height": 640}], ids=str)
def test_axe_finds_nothing_with_all_of_them_in_the_list_and_one_open(page: Page, wishes: dict[str, Any]) -> None:
    page.look(**wishes)
    for hostile in HOSTILE.values():
        page.inspector.send(hostile)
    awaited(lambda: page.text("#shown") == "30")
    awaited(lambda: page.value("document.querySelectorAll('#count-rows tr').length") > 20)
    page.driver.execute_script("document.getElementById('list').focus()")
    page.keys(Keys.END, *[Keys.ARROW_UP] * 10, Keys.ENTER)  # markup in ids and properties
    awaited(page.is_open)
    assert page.violations() == []
