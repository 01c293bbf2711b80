"""The inspector's page as a person uses it: its texts, and what mouse and keyboard do."""

from __future__ import annotations

from typing import Any

from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from tests.browser.chromium import look, value, violations
from tests.support.inspector_process import Inspector, awaited

CONTEXT = {"ip": "203.0.113.7", "page": {"url": "https://shop.example/cart?utm_source=news"}, "os": {"name": "Linux"}}


class Page:
    """The page in a browser."""

    def __init__(self, driver: Chrome, inspector: Inspector) -> None:
        self.driver = driver
        self.inspector = inspector

    def open(self) -> None:
        """Load the page."""
        self.driver.get(self.inspector.url)

    def look(self, **wishes: Any) -> None:
        """Give it a size and colours, see `chromium.look`."""
        look(self.driver, **wishes)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives."""
        return value(self.driver, expression)

    def find(self, selector: str) -> WebElement:
        """The first element."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """The text of the first element, as it is in the document."""
        return str(self.value(f"document.querySelector({selector!r}).textContent"))

    def names(self) -> list[str]:
        """The event names of those rows that are in the document, from the top."""
        return self._column("name")

    def who(self) -> list[str]:
        """The same for the distinct ids."""
        return self._column("who")

    def _column(self, name: str) -> list[str]:
        place = "getAttribute('aria-posinset')"
        rows = f"[...document.querySelectorAll('.row')].sort((a, b) => a.{place} - b.{place})"
        found: list[str] = self.value(f"{rows}.map((row) => row.querySelector('.{name}').textContent)")
        return found

    def awaits(self, names: list[str], timeout: float = 10) -> None:
        """Wait until the list has just these events."""
        try:
            awaited(lambda: self.names() == names, timeout)
        except AssertionError:
            raise AssertionError(
                f"{self.names()} instead of {names}; {self.text('#state')}, {self.text('#shown')}"
            ) from None

    def awaits_first(self, name: str) -> None:
        """Wait until the newest event has this name."""
        awaited(lambda: self.names()[:1] == [name])

    def awaits_detail(self, name: str) -> None:
        """Wait until the open event's name begins with this."""
        awaited(lambda: self.is_open() and self.text("#detail-name").startswith(name))

    def click(self, selector: str) -> None:
        """Click the first element."""
        self.find(selector).click()

    def choose(self, name: str) -> None:
        """Click an event and wait for its detail."""
        self.driver.find_element(By.XPATH, f"//div[@role='option'][span[@class='name' and .={name!r}]]").click()
        awaited(lambda: self.is_open() and self.text("#detail-name") == name)

    def is_open(self) -> bool:
        """Whether a detail is shown."""
        return bool(self.value("!document.getElementById('detail').hidden"))

    def keys(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        actions = ActionChains(self.driver, duration=0)
        for key in keys:
            actions.send_keys(key)
        actions.perform()

    def write(self, selector: str, text: str) -> None:
        """Write into an empty field."""
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    def select(self, selector: str, text: str) -> None:
        """Choose from a list of choices."""
        Select(self.find(selector)).select_by_visible_text(text)

    def focus(self) -> str:
        """The id, or else the tag, of the focused element."""
        return str(self.value("document.activeElement.id || document.activeElement.tagName"))

    def sees_focus(self) -> bool:
        """Whether the focus is visible."""
        return bool(self.value("getComputedStyle(document.activeElement).outlineStyle !== 'none'"))

    def violations(self) -> list[str]:
        """What axe-core finds."""
        return violations(self.driver)

    def is_within(self) -> bool:
        """Whether nothing is wider than the page, so that it needs no scrolling sideways."""
        return bool(
            self.value("document.documentElement.scrollWidth <= innerWidth && document.body.scrollWidth <= innerWidth")
        )
