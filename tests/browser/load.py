"""What the page and the server need while an app sends: `python -m tests.browser.load [--seconds 60] [--rate 500]`.

Every second the browser's own mouse clicks an event. The page measures the time from the press until the detail is
drawn. Memory is the server's resident set, and the page's JavaScript heap after a collection.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from selenium.webdriver import Chrome

from tests.browser.chromium import chromium, look, value
from tests.support.child_process import environment
from tests.support.inspector_process import KEY, Inspector, awaited

SENDER = """
import sys, time
import analytics_posthog as analytics

analytics.write_key, analytics.host = sys.argv[1:3]
rate, seconds = int(sys.argv[3]), float(sys.argv[4])
analytics.upload_interval = 0.1
page = {"url": "https://shop.example/a?utm_source=news", "path": "/a"}
context = {"ip": "203.0.113.7", "userAgent": "Mozilla/5.0", "page": page}
names = [f"Event {letter}" for letter in "ABCDEFGHIJ"]
start = time.monotonic()
sent = 0
while sent < rate * seconds:
    properties = {"n": sent, "amount": 49.99, "items": ["tea", "coffee"], "text": "x" * 200}
    analytics.track(f"user-{sent % 97}", names[sent % 10], properties, context)
    sent += 1
    ahead = sent / rate - (time.monotonic() - start)
    if ahead > 0.02:
        time.sleep(ahead)
assert analytics.flush(30)
print(sent, time.monotonic() - start)
"""
MEASURE = """
addEventListener("pointerdown", (event) => { window.pressedAt = event.timeStamp; window.took = null; }, true);
new MutationObserver(() => {
  if (window.took !== null || document.getElementById("detail").hidden) return;
  requestAnimationFrame(() => setTimeout(() => { window.took ??= performance.now() - window.pressedAt; }));
}).observe(document.getElementById("detail"), { childList: true, attributes: true });
"""


class Figures(NamedTuple):
    """What was measured: milliseconds, and mebibytes by the second."""

    sent: int
    seconds: float
    clicks: list[float]
    server: list[float]
    page: list[float]
    nodes: list[float]


def measure(seconds: float, rate: int) -> Figures:
    """Send for so many seconds, and measure all the while."""
    clicks, server, page, nodes = [], [], [], []
    with Inspector() as inspector, chromium() as driver:
        look(driver)
        driver.get(inspector.url)
        driver.execute_script(MEASURE)
        driver.execute_cdp_cmd("Performance.enable", {})
        command = [sys.executable, "-c", SENDER, KEY, inspector.url, str(rate), str(seconds)]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as sender:
            awaited(lambda: value(driver, "document.querySelectorAll('.row').length > 5"))
            while sender.poll() is None:
                clicks.append(_click(driver))
                server.append(_resident(inspector.process.pid))
                used, count = _heap(driver)
                page.append(used)
                nodes.append(count)
                time.sleep(0.7)
            assert sender.stdout is not None
            sent, took = sender.stdout.read().split()
        awaited(
            lambda: str(value(driver, "document.getElementById('totals').textContent")).startswith(
                f"{int(sent):,} events"
            )
        )
    return Figures(int(sent), float(took), clicks, server, page, nodes)


def _click(driver: Chrome) -> float:
    """Click an event in the running list; return the milliseconds until its detail is drawn."""
    for kind in ("mousePressed", "mouseReleased"):
        place = {"x": 200, "y": 300, "button": "left", "clickCount": 1}
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **place})
    took = float(awaited(lambda: value(driver, "window.took")))
    driver.execute_script("document.querySelector('#detail .bar button:last-child').click()")
    return took


def _resident(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _heap(driver: Chrome) -> tuple[float, float]:
    driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    metrics = {
        metric["name"]: metric["value"] for metric in driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    }
    return metrics["JSHeapUsedSize"] / 2**20, metrics["Nodes"]


def _course(values: list[float], unit: str) -> str:
    """A few values on the way."""
    steps = max(1, len(values) // 6)
    return ", ".join(f"{number:.0f}" for number in values[::steps]) + f" {unit}; at most {max(values):.0f}"


def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=500)
    options = parser.parse_args()
    found = measure(options.seconds, options.rate)
    print(f"{found.sent} events in {found.seconds:.1f} s, {found.sent / found.seconds:.0f} a second")
    clicks = found.clicks
    print(f"click to detail: median {median(clicks):.0f} ms, at most {max(clicks):.0f} ms, of {len(clicks)} clicks")
    print(f"server: {_course(found.server, 'MiB')}")
    print(f"page: {_course(found.page, 'MiB')}")
    print(f"page: {_course(found.nodes, 'nodes')}")
    print(json.dumps({"clicks": [round(took) for took in found.clicks]}))


if __name__ == "__main__":
    main()
