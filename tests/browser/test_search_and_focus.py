"""In Chromium: what a search finds while events come, and where the focus goes."""

from __future__ import annotations

from selenium.webdriver.common.keys import Keys

from tests.browser.page import Page
from tests.support.inspector_process import KEY, App, awaited

# Searches are answered when `held` is called.
HOLD_FETCH = """
window.held = [];
window.usual = window.fetch;
window.fetch = (...asked) => new Promise((done) => window.held.push(() => done(window.usual.apply(window, asked))));
"""


def test_escape_leaves_the_search_as_it_is_and_an_emptied_field_ends_it(page: Page, app: App, five: list[str]) -> None:
    page.keys("/", "green tea")
    page.awaits(["Product Added"])
    page.keys(Keys.ESCAPE)
    assert (page.focus(), page.value("document.getElementById('search').value")) == ("list", "green tea")
    app.track("later")
    awaited(lambda: page.text("#shown") == "1 of 6")
    assert page.names() == ["Product Added"]
    page.driver.execute_script(
        "const field = document.getElementById('search'); field.value = '';"
        "field.dispatchEvent(new Event('change', { bubbles: true }))"
    )
    page.awaits(["later", *five])


def test_the_answer_to_an_old_search_is_not_used_for_a_new_one(page: Page, app: App, five: list[str]) -> None:
    page.write("#search", "green tea")
    page.awaits(["Product Added"])
    page.driver.execute_script(HOLD_FETCH)
    app.track("later", "lin", sku="green tea")
    awaited(lambda: page.value("window.held.length === 1"))
    for text in ("green tea x", "green tea"):
        page.driver.execute_script(
            "const field = document.getElementById('search'); field.value = arguments[0];"
            "field.dispatchEvent(new Event('input'))",
            text,
        )
    page.driver.execute_script("window.fetch = window.usual; window.held[0]()")
    page.awaits(["later", "Product Added"])


def test_the_totals_show_what_was_refused_and_why(page: Page) -> None:
    page.inspector.post({"api_key": KEY, "batch": [{"event": ""}]})
    awaited(lambda: "refused: an event without a name" in page.text("#totals"))
    assert page.violations() == []


def test_at_360_pixels_the_focus_stays_in_the_open_event(page: Page, five: list[str]) -> None:
    page.look(width=360, height=640)
    page.driver.execute_script("document.getElementById('list').focus()")
    page.keys(Keys.ARROW_DOWN, Keys.ENTER)
    awaited(lambda: page.is_open() and page.focus() == "detail-name")
    inside = (
        "document.activeElement === document.body || document.getElementById('detail').contains(document.activeElement)"
    )
    reached = set()
    for _ in range(10):
        page.keys(Keys.TAB)
        assert page.value(inside), page.focus()
        reached.add(page.text(":focus")[:12] if page.focus() == "BUTTON" else page.focus())
    assert {"Copy JSON", "Copy message", "Close"} <= reached
    page.keys(Keys.ESCAPE)
    awaited(lambda: not page.is_open() and page.focus() == "list")
    page.keys(Keys.ARROW_DOWN)
    assert page.sees_focus()
