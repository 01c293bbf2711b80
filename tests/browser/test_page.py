"""The page in Chromium while a real app sends events: what a person sees and does there."""

from __future__ import annotations

import json
import re
import time

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.page import CONTEXT, Page
from tests.support.inspector_process import KEY, App, Inspector, awaited


def test_an_event_appears_within_a_second_and_without_a_reload(page: Page, app: App) -> None:
    page.driver.execute_script("window.sameDocument = true")
    app.track("first")  # the app's own start is not the page's
    page.awaits(["first"])
    sent = time.monotonic()
    app.track("second")
    page.awaits(["second", "first"], timeout=5)
    assert time.monotonic() - sent < 1
    assert page.value("window.sameDocument") is True


def test_an_empty_page_says_what_to_do(page: Page) -> None:
    assert f'analytics.host = "{page.inspector.url}"' in page.text("#empty")


def test_the_list_shows_time_call_event_and_who(page: Page, five: list[str]) -> None:
    assert page.who() == ["lin", "grace", "grace", "ada", "ada"]
    assert (
        page.value("[...document.querySelectorAll('.row .call')].map((e) => e.textContent)")
        == "page track track track identify".split()
    )
    times = page.value("[...document.querySelectorAll('.row .time')].map((e) => e.textContent)")
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", time) for time in times)


def test_events_are_filtered_by_call_event_and_user(page: Page, five: list[str]) -> None:
    page.select("#call", "identify")
    page.awaits(["$identify"])
    page.select("#call", "all")
    awaited(lambda: "Product Added" in page.text("#event"))
    page.select("#event", "Product Added")
    page.awaits(["Product Added", "Product Added"])
    page.write("#user", "GRACE")
    page.awaits(["Product Added"])
    assert page.who() == ["grace"]
    assert page.text("#shown") == "1 of 5"


def test_a_search_finds_text_anywhere_in_an_event_also_in_later_ones(page: Page, app: App, five: list[str]) -> None:
    page.write("#search", "green tea")
    page.awaits(["Product Added"])
    assert page.who() == ["ada"]
    app.track("Product Removed", "lin", sku="green tea")
    app.track("Product Removed", "lin", sku="cocoa")
    page.awaits(["Product Removed", "Product Added"])
    page.write("#search", "nothing like it")
    page.awaits([])
    assert page.text("#empty") == "No event passes the filters."


def test_a_paused_list_does_not_move_and_shows_how_many_are_new(page: Page, app: App, five: list[str]) -> None:
    page.click("#pause")
    app.call(*[("track", {"user_id": "u", "event": f"later {letter}"}) for letter in "abc"])
    awaited(lambda: page.text("#new") == "3 new")
    assert page.names() == five
    assert page.text("#state") == "Paused"
    assert page.find("#pause").get_attribute("aria-pressed") == "true"
    page.click("#new")
    page.awaits(["later c", "later b", "later a", *five])
    page.click("#pause")
    app.track("live again")
    page.awaits(["live again", "later c", "later b", "later a", *five])


def test_new_events_never_move_the_rows_that_somebody_reads(page: Page, app: App) -> None:
    app.call(*[("track", {"user_id": "u", "event": "old", "properties": {"n": n}}) for n in range(200)])
    awaited(lambda: page.text("#shown") == "200")
    page.driver.execute_script("document.getElementById('list').scrollTop = 1000")
    awaited(lambda: page.text("#state") == "Held while you read")
    rows = page.value(
        "[...document.querySelectorAll('.row')].map((row) => [row.dataset.number, row.getBoundingClientRect().top])"
    )
    app.call(*[("track", {"user_id": "u", "event": "new"}) for _ in range(50)])
    awaited(lambda: page.text("#new") == "50 new")
    assert (
        page.value(
            "[...document.querySelectorAll('.row')].map((row) => [row.dataset.number, row.getBoundingClientRect().top])"
        )
        == rows
    )
    page.driver.execute_script("document.getElementById('list').scrollTop = 0")
    awaited(lambda: page.names()[:2] == ["new", "new"])


def test_a_click_shows_the_message_beside_the_event_with_each_property_s_origin(page: Page, five: list[str]) -> None:
    page.choose("Order Completed")
    assert json.loads(page.text(".message pre")) == {
        "type": "track",
        "event": "Order Completed",
        "userId": "grace",
        "context": {
            **CONTEXT,
            "library": page.inspector.event(page.inspector.search("Order Completed")["found"][-1])["message"][
                "context"
            ]["library"],
        },
        "timestamp": json.loads(page.text(".message pre"))["timestamp"],
        "properties": {"amount": 49.99},
    }
    rows = page.value(
        "[...document.querySelectorAll('.rows li')].map((li) => [...li.children].map((e) => e.textContent))"
    )
    origins = {name: origin for name, origin, _ in rows}
    assert origins["amount"] == "● the call: properties.amount"
    assert origins["$os"] == "→ the mapping: context.os.name"
    assert origins["utm_source"] == "→ the mapping: context.page.url"
    assert origins["segment_os"] == "◆ the context: context.os"
    assert origins["$lib"] == "■ PostHog's client: PostHog's client"
    assert "reconstructed" in page.text(".message h3")
    assert "messageId" in page.text(".message ul.hint")


def test_an_open_event_stays_while_others_come(page: Page, app: App, five: list[str]) -> None:
    page.choose("Order Completed")
    app.track("later")
    awaited(lambda: page.text("#new") == "1 new")
    assert page.names() == five
    assert page.text("#detail-name") == "Order Completed"
    page.driver.find_element(By.XPATH, "//button[.='Close']").click()
    page.awaits(["later", *five])


def test_an_event_is_copied_as_json(page: Page, five: list[str]) -> None:
    page.driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    page.choose("Order Completed")
    page.click(".copy")
    awaited(lambda: page.text(".copy") == "Copied")
    copied = json.loads(page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])"))
    assert copied == page.inspector.event(page.inspector.search("Order Completed")["found"][-1])["event"]
    assert copied["properties"]["amount"] == 49.99
    awaited(lambda: page.text("#said") == "Copied")


def test_counts_and_the_rate_are_shown_also_in_words(page: Page, five: list[str]) -> None:
    awaited(lambda: page.text("#count-rows").startswith("Product Addedtrack2"))
    awaited(lambda: page.text("#totals").startswith("5 events, 5 kept"))
    awaited(lambda: "at most" in str(page.find("#rate svg").get_attribute("aria-label")))
    assert page.value("document.querySelectorAll('#rate rect').length") == 60


def test_clear_forgets_all_of_them(page: Page, app: App, five: list[str]) -> None:
    page.choose("Order Completed")
    page.click("#clear")
    page.awaits([])
    assert not page.is_open()
    awaited(lambda: page.text("#totals").startswith("0 events"))
    app.track("after")
    page.awaits(["after"])


def test_warnings_are_shown_in_words(page: Page, app: App) -> None:
    app.track("Invoice 20931 Paid", **{"$session_id": "1700000000"})
    page.awaits(["Invoice 20931 Paid"])
    assert page.find(".row .flag").get_attribute("aria-label") == "2 warnings"
    page.choose("Invoice 20931 Paid")
    words = page.text(".warnings")
    assert all(part in words for part in ("looks generated", "no UUIDv7", "no $ip"))


def test_it_is_used_with_the_keyboard_alone(page: Page, five: list[str]) -> None:
    page.keys("/")
    assert (page.focus(), page.sees_focus()) == ("search", True)
    page.keys(Keys.ESCAPE)
    assert (page.focus(), page.sees_focus()) == ("list", True)
    page.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    active = page.find("#list").get_attribute("aria-activedescendant")
    assert page.text(f"#{active} .name") == "Order Completed"
    page.keys(Keys.ENTER)
    awaited(lambda: page.is_open() and page.focus() == "detail-name")
    assert page.text("#detail-name") == "Order Completed"
    page.keys(Keys.TAB)
    assert (page.text(":focus"), page.sees_focus()) == ("Copy JSON", True)
    page.keys(Keys.ESCAPE)
    awaited(lambda: not page.is_open() and page.focus() == "list")
    page.keys(Keys.END, Keys.ENTER)
    awaited(lambda: page.is_open() and page.text("#detail-name") == "$identify")
    page.keys(Keys.ESCAPE)
    reached = []
    page.driver.execute_script("document.getElementById('search').focus()")
    for _ in range(8):
        reached.append(page.focus())
        assert page.sees_focus()
        page.keys(Keys.TAB)
    assert reached[:8] == ["search", "call", "event", "user", "warned", "pause", "clear", "list"]


def test_it_is_dark_if_the_browser_prefers_that(page: Page, five: list[str]) -> None:
    light = page.value("getComputedStyle(document.body).backgroundColor")
    page.look(dark=True)
    assert (light, page.value("getComputedStyle(document.body).backgroundColor")) == (
        "rgb(255, 255, 255)",
        "rgb(20, 23, 26)",
    )


def test_it_is_used_at_360_pixels(page: Page, app: App, five: list[str]) -> None:
    page.look(width=360, height=640)
    assert page.is_within()
    page.choose("Order Completed")
    assert page.is_within()
    assert page.value("document.getElementById('detail').getBoundingClientRect().width") == 360
    page.driver.find_element(By.XPATH, "//button[.='Close']").click()
    app.track(
        "A name that is so long that no row of 360 pixels could ever hold the whole of it in one line",
        "someone@example.com",
    )
    awaited(lambda: len(page.names()) == 6)
    assert page.is_within()


def test_nothing_moves_if_the_browser_prefers_no_motion(page: Page) -> None:
    page.look(still=True)
    assert page.value("getComputedStyle(document.getElementById('pause')).transitionDuration") == "0s"


def test_it_says_when_the_connection_is_lost_and_continues_when_it_is_back(page: Page, five: list[str]) -> None:
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/inspector/stream"]})
    with Inspector() as other:
        page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
        page.driver.get(other.url)
        awaited(lambda: page.text("#state") == "Live")
        port = other.url.rpartition(":")[2]
        other.send({"event": "before", "distinct_id": "u"})
        page.awaits(["before"])
        other.end()
        awaited(lambda: page.text("#state") == "No connection")
        page.driver.get_log("browser")
        with Inspector("--port", port) as again:
            again.send({"event": "after", "distinct_id": "u"})
            page.awaits(["after"], timeout=20)
            page.open()  # before this server ends: the page would try to reach it, and say so in the log
            page.driver.get_log("browser")


def test_the_key_is_nowhere(page: Page, five: list[str]) -> None:
    page.choose("Order Completed")
    assert KEY not in page.driver.page_source
    assert page.inspector.search(KEY)["found"] == []


@pytest.mark.parametrize(
    "wishes", [{}, {"dark": True}, {"width": 360, "height": 640}, {"width": 360, "height": 640, "dark": True}], ids=str
)
def test_axe_finds_nothing(page: Page, app: App, five: list[str], wishes: dict[str, object]) -> None:
    app.track("Invoice 20931 Paid", **{"$session_id": "1700000000"})
    awaited(lambda: len(page.names()) == 6)
    page.look(**wishes)
    assert page.violations() == []
    page.choose("Invoice 20931 Paid")
    app.track("later")
    awaited(lambda: page.text("#new") == "1 new")
    assert page.violations() == []
    page.choose("Invoice 20931 Paid") if not wishes.get("width") else None
    assert page.violations() == []


def test_axe_finds_nothing_in_an_empty_page(page: Page) -> None:
    assert page.violations() == []
