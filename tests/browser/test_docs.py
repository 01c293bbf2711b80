"""The site of docs/, each page wide and narrow, light and dark: accessible, no wider than the window, no error."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.browser.chromium import look, value, violations
from tests.support.inspector_process import awaited

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path.stem for path in DOCS.glob("*.md"))
SIZES = {"wide": (1280, 800), "narrow": (360, 640)}
FITS = "document.documentElement.scrollWidth <= innerWidth"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site, built and served on loopback."""
    built = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(DOCS), str(built)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(built))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_each_page_is_accessible_and_fits(driver: Chrome, site: str, size: str, dark: bool) -> None:
    width, height = SIZES[size]
    look(driver, width=width, height=height, dark=dark, still=True)
    found = {}
    for name in PAGES:
        driver.get(f"{site}/{name}.html")
        awaited(lambda: value(driver, "document.readyState") == "complete")
        wrong = violations(driver) + ([] if value(driver, FITS) else ["wider than the window"])
        errors = [line["message"] for line in driver.get_log("browser") if line["level"] == "SEVERE"]
        if wrong + errors:
            found[name] = wrong + errors
    assert found == {}


def test_no_link_of_the_site_is_broken(driver: Chrome, site: str) -> None:
    broken = []
    for name in PAGES:
        driver.get(f"{site}/{name}.html")
        broken += value(
            driver,
            "(async () => { const out = []; const here = [...document.querySelectorAll('a[href], img[src]')]"
            ".map((one) => one.href || one.src).filter((url) => url.startsWith(location.origin));"
            "for (const url of new Set(here)) { const answer = await fetch(url); const text = await answer.text();"
            "const id = decodeURIComponent(new URL(url).hash.slice(1));"
            'if (!answer.ok || (id && !text.includes(`id="${id}"`))) out.push(url); } return out; })()',
        )
    assert broken == []
