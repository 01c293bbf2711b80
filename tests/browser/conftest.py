"""One browser and one inspector for all of a file's tests; each test begins with a page that has no event."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from selenium.webdriver import Chrome

from tests.browser.chromium import chromium
from tests.browser.page import CONTEXT, Page
from tests.support.inspector_process import App, Inspector, awaited


@pytest.fixture(scope="session")
def driver() -> Iterator[Chrome]:
    """The browser."""
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="session")
def inspector() -> Iterator[Inspector]:
    """The inspector as a person starts it."""
    with Inspector() as inspector:
        yield inspector


@pytest.fixture
def page(driver: Chrome, inspector: Inspector) -> Iterator[Page]:
    """The open page, light and wide, without an event. Afterwards: no script error, no request to anywhere else."""
    requests.post(inspector.url + "/inspector/clear", headers={"X-Inspector": "test"}, timeout=5).raise_for_status()
    page = Page(driver, inspector)
    page.look()
    driver.get("about:blank")
    driver.get_log("browser")
    page.open()
    driver.execute_script("sessionStorage.clear()")  # the filters of the test before
    page.open()
    awaited(lambda: page.text("#state") == "Live")
    yield page
    assert [
        line
        for line in driver.get_log("browser")
        if line["level"] == "SEVERE" and "no longer kept" not in line["message"]
    ] == []
    asked = page.value("performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin)")
    assert set(asked) == {inspector.url}


@pytest.fixture(scope="session")
def app(inspector: Inspector) -> Iterator[App]:
    """An app with its host set to the inspector."""
    with App(inspector.url) as app:
        yield app


@pytest.fixture(scope="session")
def debugged(inspector: Inspector) -> Iterator[App]:
    """An app in debug mode."""
    with App(inspector.url, debug=True) as app:
        yield app


@pytest.fixture
def five(page: Page, app: App) -> list[str]:
    """Five events that have arrived, newest first."""
    app.call(
        ("identify", {"user_id": "ada", "traits": {"plan": "pro"}}),
        ("track", {"user_id": "ada", "event": "Product Added", "properties": {"sku": "Green Tea"}}),
        ("track", {"user_id": "grace", "event": "Product Added", "properties": {"sku": "coffee"}}),
        (
            "track",
            {"user_id": "grace", "event": "Order Completed", "properties": {"amount": 49.99}, "context": CONTEXT},
        ),
        ("page", {"user_id": "lin", "name": "Home"}),
    )
    names = ["Home", "Order Completed", "Product Added", "Product Added", "$identify"]
    page.awaits(names)
    return names
