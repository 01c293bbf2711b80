"""Makes the pictures of docs/inspector.md, with the group `browser` and Debian's chromium."""

from __future__ import annotations

import base64
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.support.inspector_process import App, Inspector, awaited

from .chromium import chromium, look

DOCS = Path(__file__).parent.parent.parent / "docs"
CONTEXT = {
    "ip": "203.0.113.7",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/120.0",
    "page": {"url": "https://shop.example/cart?utm_source=news", "path": "/cart", "title": "Your cart"},
    "os": {"name": "Linux", "version": "6.1"},
    "campaign": {"name": "spring", "medium": "email"},
}
ORDER = {"order_id": "A-17", "amount": 49.99, "currency": "EUR", "items": [{"sku": "tea", "count": 2}]}


def main() -> None:
    """Make all of them."""
    with Inspector() as inspector, App(inspector.url) as app, chromium() as driver:
        look(driver, width=1160, height=680)
        driver.get(inspector.url)
        send(app)
        awaited(lambda: "17 events" in driver.find_element(By.ID, "totals").text)
        choose(driver, "Invoice 20931 Paid")
        shoot(driver, "inspector")
        driver.find_element(By.XPATH, "//button[.='Close']").click()
        look(driver, width=1160, height=680, dark=True)
        shoot(driver, "inspector-dark")
        look(driver, width=360, height=720)
        shoot(driver, "inspector-narrow")


def send(app: App) -> None:
    """What a small shop sends in a minute."""
    for user in ("ada", "grace", "lin"):
        person = {"user_id": user, "context": CONTEXT}
        app.call(("identify", {**person, "traits": {"plan": "pro", "email": f"{user}@shop.example"}}))
        app.call(
            ("page", {**person, "category": "Shop", "name": "Cart", "properties": {"url": "https://shop.example/cart"}})
        )
        app.call(("track", {**person, "event": "Product Added", "properties": {"sku": "tea", "price": 12.5}}))
        app.call(("track", {**person, "event": "Order Completed", "properties": ORDER}))
    app.call(("alias", {"previous_id": "guest", "user_id": "ada"}))
    app.call(("group", {"user_id": "grace", "group_id": "acme", "traits": {"seats": 12}}))
    app.call(("screen", {"user_id": "lin", "name": "Settings", "properties": {"tab": "mail"}}))
    app.call(
        (
            "track",
            {
                "user_id": "lin",
                "event": "Invoice 20931 Paid",
                "properties": {"amount": 80, "currency": "EUR"},
                "context": CONTEXT,
            },
        )
    )
    app.call(
        ("track", {"user_id": "lin", "event": "<script>alert(1)</script>", "properties": {"from": "a hostile form"}})
    )


def choose(driver: Chrome, name: str) -> None:
    """Open the newest event of a name."""
    driver.find_element(By.XPATH, f"//div[@role='option'][span[.='{name}']]").click()
    awaited(lambda: driver.find_elements(By.CSS_SELECTOR, "#detail .rows li"))


def shoot(driver: Chrome, name: str) -> None:
    """Write a picture of what is seen."""
    driver.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 200))")
    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": False})
    file = DOCS / f"{name}.png"
    file.write_bytes(base64.b64decode(picture["data"]))
    print(f"{file.name}: {file.stat().st_size // 1024} KiB")
    assert file.stat().st_size < 200_000, "too large for a page"


if __name__ == "__main__":
    main()
