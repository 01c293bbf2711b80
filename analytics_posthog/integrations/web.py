"""Segment's context of a web request: https://segment.com/docs/connections/spec/common/#context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .proxies import TrustedProxies


def web_context(
    header: Callable[[str], str | None],
    peer: str | None,
    proxies: TrustedProxies,
    url: str | None,
    path: str,
    query: str,
) -> dict[str, Any]:
    """Return the context. `header(name)` returns a header of the request, or None. What isn't known is left out."""
    page = {"url": url, "path": path, "search": f"?{query}" if query else None, "referrer": header("Referer")}
    context = {
        "ip": proxies.client(peer, header("X-Forwarded-For")),
        "userAgent": header("User-Agent"),
        "locale": _locale(header("Accept-Language")),
        "page": {name: value for name, value in page.items() if value},
    }
    return {name: value for name, value in context.items() if value}


def _locale(accepted: str | None) -> str | None:
    """Return the language that the browser would like best: it names that first."""
    first = (accepted or "").partition(",")[0].partition(";")[0].strip()
    return first if first.replace("-", "").isalnum() else None
