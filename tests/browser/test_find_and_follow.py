"""In Chromium: finding events by warnings, counts and addresses, following a person, and where a call was made."""

from __future__ import annotations

from selenium.webdriver.common.keys import Keys

from tests.browser.page import Page
from tests.support.inspector_process import App, awaited


def test_the_filter_with_warnings_leaves_only_those(page: Page, app: App, five: list[str]) -> None:
    app.track("Suspicious", "guest")
    page.awaits(["Suspicious", *five])
    page.click("#warned")
    awaited(lambda: "Suspicious" in page.names() and len(page.names()) < 6)
    page.choose("Suspicious")
    assert "distinct_id 'guest' is an id that PostHog never merges" in page.text(".warnings")
    assert page.violations() == []


def test_a_count_s_row_is_a_button_that_filters(page: Page, five: list[str]) -> None:
    awaited(lambda: "Product Added" in page.text("#count-rows"))
    page.driver.find_element("xpath", "//tbody//button[.='Product Added']").click()
    page.awaits(["Product Added", "Product Added"])
    assert page.value("document.getElementById('event').value") == "Product Added"
    assert page.focus() == "list"
    assert page.violations() == []


def test_a_search_takes_several_words_and_fields(page: Page, five: list[str]) -> None:
    page.write("#search", "grace added")
    page.awaits(["Product Added"])
    page.write("#search", "user:grace event:product")
    page.awaits(["Product Added"])


def test_the_arrow_keys_move_the_open_event(page: Page, five: list[str]) -> None:
    page.choose(five[0])
    page.driver.execute_script("document.getElementById('list').focus()")
    page.keys(Keys.ARROW_DOWN)
    page.awaits_detail(five[1])
    assert page.focus() == "list"
    page.keys(Keys.ARROW_UP)
    page.awaits_detail(five[0])


def test_an_event_has_an_address_that_can_be_opened_and_back_closes_it(page: Page, five: list[str]) -> None:
    page.look(width=360, height=640)
    page.choose(five[1])
    address = page.value("location.href")
    assert "#event/" in address
    page.driver.back()
    awaited(lambda: not page.is_open())
    page.driver.get("about:blank")
    page.driver.get(address)
    page.awaits_detail(five[1])
    page.keys(Keys.ESCAPE)
    awaited(lambda: not page.is_open())
    assert page.value("location.hash") == ""


def test_a_reload_keeps_the_filters(page: Page, five: list[str]) -> None:
    page.write("#search", "added")
    page.select("#call", "track")
    page.click("#warned")
    page.driver.refresh()
    awaited(lambda: page.text("#state") == "Live")
    shown = "['search', 'call'].map((id) => document.getElementById(id).value)"
    assert page.value(shown) == ["added", "track"]
    assert page.value("document.getElementById('warned').checked") is True
    page.click("#warned")
    page.awaits(["Product Added", "Product Added"])


def test_a_page_has_its_own_name_in_the_list(page: Page, app: App) -> None:
    app.call(("page", {"user_id": "lin", "name": "Pricing"}))
    page.awaits(["Pricing"])


def test_a_person_shows_merged_ids_events_in_order_and_properties(page: Page, app: App) -> None:
    app.call(
        ("page", {"anonymous_id": "v1", "name": "Pricing"}),
        ("identify", {"user_id": "u1", "traits": {"plan": "pro"}, "anonymous_id": "v1"}),
    )
    app.track("Left", "u2")
    page.awaits(["Left", "$identify", "Pricing"])
    page.choose("$identify")
    page.click("button.person")
    page.awaits_detail("Person u1")
    assert "Ids: v1, u1" in page.text("#detail .facts")
    buttons = page.value("[...document.querySelectorAll('#detail ol button')].map((each) => each.textContent)")
    assert buttons == ["Pricing", "$identify"]
    assert '"plan": "pro"' in page.text("#detail pre")
    assert page.violations() == []
    page.click("#detail ol button")
    page.awaits_detail("Pricing")


def test_in_debug_mode_row_and_detail_say_where_the_call_was_made(page: Page, debugged: App) -> None:
    debugged.track("Called", "u1")
    page.awaits(["Called"])
    place = page.text(".row .place")
    assert place.startswith("<string>:") or ".py:" in place
    page.choose("Called")
    assert page.text("#detail .place") == f"Called at {place}"
    assert page.violations() == []


def test_times_are_those_of_the_calls(page: Page, app: App) -> None:
    app.call(("track", {"user_id": "u1", "event": "Earlier", "timestamp": "2026-01-02T03:04:05.678Z"}))
    page.awaits(["Earlier"])
    local = page.value("new Date('2026-01-02T03:04:05.678Z').toTimeString().slice(0, 8)")
    assert page.text(".row .time") == f"{local}.678"


def test_all_of_it_fits_in_the_dark_and_at_360_pixels(page: Page, five: list[str]) -> None:
    for wishes in ({"dark": True}, {"width": 360, "height": 640}):
        page.look(**wishes)
        page.choose(five[0])
        page.click("button.person")
        page.awaits_detail("Person")
        assert page.is_within()
        assert page.violations() == []
        page.keys(Keys.ESCAPE)
        awaited(lambda: not page.is_open())
