"""Starts Debian's Chromium without a window, driven by selenium. It downloads nothing and uses no network."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --force-color-profile=srgb "
    "--lang=en --enable-precise-memory-info"
).split()


@contextmanager
def chromium() -> Iterator[Chrome]:
    """A browser with a new, empty profile."""
    os.environ["SE_OFFLINE"] = "true"
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for option in (*OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.set_capability("unhandledPromptBehavior", "ignore")  # an alert that a page opens makes the test fail
        driver = Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        try:
            yield driver
        finally:
            driver.quit()


def look(driver: Chrome, *, width: int = 1280, height: int = 800, dark: bool = False, still: bool = False) -> None:
    """Give the page a size and the person's wishes."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    features = [
        {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
        {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def violations(driver: Chrome) -> list[str]:
    """What axe-core finds wrong in the page as it is now, a line for each. Its file is named by AXE_CORE."""
    source = Path(os.environ["AXE_CORE"]).read_text("utf-8")
    driver.execute_cdp_cmd("Runtime.evaluate", {"expression": source})  # the page's own policy lets no script in
    answer = driver.execute_cdp_cmd(
        "Runtime.evaluate",
        {
            "expression": "axe.run().then((r) => JSON.stringify([r.violations, r.passes.length]))",
            "awaitPromise": True,
            "returnByValue": True,
        },
    )
    found, passes = json.loads(answer["result"]["value"])
    assert passes > 15, "axe-core has looked at nothing"
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def value(driver: Chrome, expression: str) -> Any:
    """What a JavaScript expression gives in the page."""
    return driver.execute_script(f"return {expression}")
