"""What is sent: the arguments of each call, as an app would write them for Segment's API and for PostHog's own.

The strings that an app gets from a request or a database are new for each event. Keys and names are literals, as in an
app's code. PostHog's arguments are the same under PostHog's names; `set`, `group_identify` and `alias` take no context.
"""

from __future__ import annotations

from typing import Any

Arguments = dict[str, Any]

CALLS = ("track", "identify", "page", "screen", "alias", "group")
LARGE_PROPERTIES = 100
_LARGE_VALUE = 180  # characters


def segment_arguments(call: str, number: int) -> Arguments:
    """The arguments of one of Segment's six calls, or of a "large" track."""
    user, context = {"user_id": f"user-{number}"}, _context(number)
    if call == "track":
        return {**user, "event": "Order Completed", "properties": _order(number), "context": context}
    if call == "large":
        return {**user, "event": "Report Created", "properties": _large(number), "context": context}
    if call == "identify":
        return {**user, "traits": _person(number), "context": context}
    if call == "group":
        return {**user, "group_id": f"company-{number}", "traits": _company(number), "context": context}
    if call == "alias":
        return {"previous_id": f"anonymous-{number}", **user, "context": context}
    return {**user, "category": "Docs", "name": "Settings", "properties": _view(number), "context": context}


def posthog_arguments(call: str, number: int) -> Arguments:
    """The same for the nearest method of PostHog's own client."""
    user = {"distinct_id": f"user-{number}"}
    if call == "identify":
        return {**user, "properties": _person(number)}
    if call == "group":
        return {**user, "group_type": "company", "group_key": f"company-{number}", "properties": _company(number)}
    if call == "alias":
        return {"previous_id": f"anonymous-{number}", **user}
    event, own = {
        "track": ("Order Completed", _order),
        "large": ("Report Created", _large),
        "page": ("$pageview", _named_view),
        "screen": ("$screen", _named_view),
    }[call]
    return {
        "event": event,
        **user,
        "properties": {**own(number), **_context_properties(number)},
        "disable_geoip": False,
    }


def _order(number: int) -> dict[str, Any]:
    """Eight properties, two of them nested."""
    return {
        "order_id": f"order-{number}",
        "total": 100.5 + number,
        "currency": "EUR",
        "quantity": 3,
        "coupon": f"SPRING-{number}",
        "express": True,
        "shipping": {"method": "parcel", "country": "NL", "days": 2},
        "products": [
            {"sku": f"A-{number}", "name": "Red mug", "price": 12.5},
            {"sku": f"B-{number}", "name": "Blue mug", "price": 11},
        ],
    }


def _large(number: int) -> dict[str, Any]:
    """A hundred properties, 20 KB."""
    return {f"property_{index}": f"{number}-{index} ".ljust(_LARGE_VALUE, "x") for index in range(LARGE_PROPERTIES)}


def many(properties: int, number: int) -> dict[str, Any]:
    """So many small properties that a thousand of them still are within Segment's 32 KiB."""
    return {f"key_{index}": f"{number}-{index}" for index in range(properties)}


def _view(number: int) -> dict[str, Any]:
    return {"tab": "billing", "visit": number}


def _named_view(number: int) -> dict[str, Any]:
    return {"name": "Settings", "category": "Docs", **_view(number)}


def _person(number: int) -> dict[str, Any]:
    return {
        "name": f"Person {number}",
        "email": f"person-{number}@example.com",
        "plan": "team",
        "seats": 5,
        "address": {"city": "Utrecht", "country": "NL"},
        "createdAt": "2024-05-01T12:00:00Z",
    }


def _company(number: int) -> dict[str, Any]:
    return {"name": f"Company {number}", "plan": "enterprise", "employees": 50 + number, "industry": "retail"}


_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"


def _context(number: int) -> dict[str, Any]:
    """Segment's context of a request: ip, userAgent, page, campaign."""
    return {
        "ip": f"203.0.113.{number % 250}",
        "userAgent": f"{_BROWSER} {number}",
        "page": {
            "path": f"/orders/{number}",
            "referrer": f"https://search.example.com/{number}",
            "search": "",
            "title": "Your order",
            "url": f"https://shop.example.com/orders/{number}",
        },
        "campaign": {"name": f"spring-{number}", "source": "newsletter", "medium": "email"},
    }


def _context_properties(number: int) -> dict[str, Any]:
    """The same as an app has to write it for capture()."""
    return {
        "$ip": f"203.0.113.{number % 250}",
        "$raw_user_agent": f"{_BROWSER} {number}",
        "$pathname": f"/orders/{number}",
        "$referrer": f"https://search.example.com/{number}",
        "$referring_domain": "search.example.com",
        "title": "Your order",
        "$current_url": f"https://shop.example.com/orders/{number}",
        "$host": "shop.example.com",
        "utm_campaign": f"spring-{number}",
        "utm_source": "newsletter",
        "utm_medium": "email",
    }
