"""A browser's request to a view, and what the view's call sends to PostHog."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

from posthog.version import VERSION as POSTHOG_VERSION

from analytics_posthog.version import VERSION

SESSION: Final = "01900000-0000-7000-8000-000000000042"
PATH: Final = "/caf%C3%A9/a%20b"
QUERY: Final = "?q=1&q=%C3%BC"
HEADERS: Final = {
    "User-Agent": "a browser",
    "Referer": "https://search.test/?q=x",
    "Accept-Language": "de-CH,de;q=0.9,en;q=0.8",
    "X-Forwarded-For": "6.6.6.6, 203.0.113.7",
}
ALWAYS: Final = {
    "$lib": "posthog-python",
    "$lib_version": POSTHOG_VERSION,
    "segment_library": {"name": "analytics-python", "version": VERSION},
}


def expected(base: str, ip: str, path: str = PATH, query: str = QUERY) -> dict[str, Any]:
    """The properties of a call for u1 that was made in the request. A loopback address can't be placed."""
    page = {"url": f"{base}{path}{query}", "path": unquote(path), "referrer": HEADERS["Referer"]}
    return {
        **ALWAYS,
        **({"$geoip_disable": True} if ip == "127.0.0.1" else {}),
        "distinct_id": "u1",
        "$ip": ip,
        "segment_ip": ip,
        "segment_page": {**page, "search": query} if query else page,
        "$current_url": page["url"],
        "$host": base.partition("//")[2],
        "$pathname": page["path"],
        "$referrer": page["referrer"],
        "$referring_domain": "search.test",
        "$raw_user_agent": "a browser",
        "segment_userAgent": "a browser",
        "$locale": "de-CH",
        "segment_locale": "de-CH",
    }
