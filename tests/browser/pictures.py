"""Makes the pictures of docs/inspector.md, with the group `browser` and Debian's chromium."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.support.child_process import environment
from tests.support.inspector_process import Inspector, awaited

from .chromium import chromium, look

DOCS = Path(__file__).parent.parent.parent / "docs"
SHOP = '''"""The views of a small shop."""

import sys

import analytics_posthog as analytics

analytics.write_key, analytics.host, analytics.debug = "phc_shop", sys.argv[1], True
BROWSER = {
    "ip": "203.0.113.7",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/120.0",
    "page": {"url": "https://shop.example/cart?utm_source=news", "path": "/cart", "title": "Your cart"},
    "os": {"name": "Linux", "version": "6.1"},
    "campaign": {"name": "spring", "medium": "email"},
}


def signup(user):
    analytics.identify(user, {"plan": "pro", "email": f"{user}@shop.example"}, context=BROWSER)


def cart(user):
    analytics.page(user, "Shop", "Cart", {"url": "https://shop.example/cart"}, context=BROWSER)
    analytics.track(user, "Product Added", {"sku": "tea", "price": 12.5}, context=BROWSER)


def order(user):
    items = [{"sku": "tea", "count": 2}]
    bought = {"order_id": "A-17", "amount": 49.99, "currency": "EUR", "items": items}
    analytics.track(user, "Order Completed", bought, context=BROWSER)


def account():
    analytics.alias("guest", "ada")
    analytics.group("grace", "acme", {"seats": 12})
    analytics.screen("lin", None, "Settings", {"tab": "mail"})


def paid(number):
    analytics.track("lin", f"Invoice {number} Paid", {"amount": 80, "currency": "EUR"}, context=BROWSER)


def feedback(text):
    analytics.track("lin", text, {"from": "a hostile form"})


for name in ("ada", "grace", "lin"):
    signup(name)
    cart(name)
    order(name)
account()
paid(20931)
feedback("<script>alert(1)</script>")
analytics.shutdown()
'''


def main() -> None:
    """Make all of them."""
    with Inspector() as inspector, chromium() as driver:
        look(driver, width=1160, height=680)
        driver.get(inspector.url)
        send(inspector.url)
        awaited(lambda: "17 events" in driver.find_element(By.ID, "totals").text)
        choose(driver, "Invoice 20931 Paid")
        shoot(driver, "inspector")
        driver.find_element(By.XPATH, "//button[.='Close']").click()
        look(driver, width=1160, height=680, dark=True)
        shoot(driver, "inspector-dark")
        look(driver, width=360, height=720)
        shoot(driver, "inspector-narrow")


def send(host: str) -> None:
    """What a small shop sends in a minute, in debug mode, so that the page shows where each call was made."""
    with TemporaryDirectory() as place:
        views = Path(place, "shop", "views.py")
        views.parent.mkdir()
        views.write_text(SHOP, encoding="utf-8")
        command = [sys.executable, "shop/views.py", host]
        subprocess.run(command, cwd=place, env=environment(), stderr=subprocess.DEVNULL, check=True)


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
