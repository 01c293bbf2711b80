"""What PostHog's web analytics reads of a visit and its ingestion doesn't derive: query, path, hosts, and the place."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any, Final
from urllib.parse import parse_qsl

from .tables import CLICK_IDS, DIRECT, HOSTS, PAGE

_FIRST_DIGITS: Final = frozenset("123456789")


def add_query(properties: dict[str, Any], page: dict[str, Any]) -> None:
    """Add the utm_* and click ids of a page's `search` and of its url's query that the properties don't have."""
    search, url = page.get("search"), page.get("url")
    if isinstance(search, str):
        _add_ids(properties, search.removeprefix("?"))
    if isinstance(url, str):
        _add_ids(properties, url.partition("#")[0].partition("?")[2])


def _add_ids(properties: dict[str, Any], query: str) -> None:
    if "=" not in query:
        return
    try:
        pairs = parse_qsl(query.partition("#")[0], max_num_fields=100)
    except ValueError:  # more fields than any campaign has
        return
    for key, value in pairs:
        if key.startswith("utm_") or key in CLICK_IDS:
            properties.setdefault(key, value)


def add_page(properties: dict[str, Any], own: dict[str, Any], context: dict[str, Any], timestamp: Any) -> None:
    """Add what a page call's own properties say and the context doesn't, and the browser's language and clock."""
    for key, name in PAGE.items():
        if own.get(key) is not None and properties.get(name) is None:
            properties[name] = own[key]
    add_query(properties, own)
    if context.get("locale") is not None:
        properties.setdefault("$browser_language", context["locale"])
    offset = _offset(context.get("timezone"), timestamp)
    if offset is not None:
        properties.setdefault("$timezone_offset", offset)


def _offset(name: Any, timestamp: Any) -> int | None:
    """Return the minutes from a zone's time to UTC, as JavaScript counts them: negative in the east."""
    zone = _zone(name) if isinstance(name, str) and isinstance(timestamp, str) else None
    if zone is None:
        return None
    try:
        moment = datetime.fromisoformat(timestamp[:19]).replace(tzinfo=timezone.utc)
        offset = moment.astimezone(zone).utcoffset()
    except (ValueError, OverflowError):
        return None
    return None if offset is None else -offset // timedelta(minutes=1)


@lru_cache(maxsize=256)  # looking for an unknown name takes long
def _zone(name: str) -> tzinfo | None:
    """Return a zone of the machine's database; None if it isn't there."""
    from zoneinfo import ZoneInfo  # most apps never give a timezone

    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        return None


def add_derived(properties: dict[str, Any]) -> None:
    """Add path and hosts of the urls, where nothing gives them; "$direct" is the referrer of a direct visit."""
    for name, url in HOSTS.items():
        if url in properties and name not in properties:
            host = _host(properties[url])
            if host:
                properties[name] = host
    if properties.get("$referrer") in ("", DIRECT):
        properties.setdefault("$referring_domain", DIRECT)
    if "$pathname" not in properties and "$current_url" in properties:
        path = _path(properties["$current_url"])
        if path:
            properties["$pathname"] = path


def _after_scheme(url: Any) -> str:
    """Return a url without its scheme, query and fragment; "" if it has no scheme."""
    return url.partition("://")[2].partition("#")[0].partition("?")[0] if isinstance(url, str) else ""


def _host(url: Any) -> str:
    """Return the host of a url with its port, without a user's name; "" if there is none."""
    return _after_scheme(url).partition("/")[0].rpartition("@")[2].lower()


def _path(url: Any) -> str:
    """Return the path of a url, as a browser has it; "" if the text is no url."""
    host, slash, path = _after_scheme(url).partition("/")
    return f"/{path}" if host or slash else ""


def gives_place(ip: Any) -> bool:
    """Whether PostHog may look up the person's place by this address: not for a blank, loopback or unspecified one.

    For such a one it would take the app server's address, or an example from Sweden in place of 127.0.0.1.
    """
    if not isinstance(ip, str):
        return bool(ip)
    ip = ip.strip()
    if ip.startswith("127."):
        return False
    if ip[:1] in _FIRST_DIGITS:  # nearly always
        return True
    try:
        address = ip_address(ip)
    except ValueError:
        return bool(ip)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return not (address.is_loopback or address.is_unspecified)
