"""What web analytics and GeoIP read: paths, hosts, direct visits, page calls without a context, and addresses."""

from __future__ import annotations

from typing import Any

import pytest

from analytics_posthog.convert import to_posthog

NO_IP = {"$geoip_disable": True}


def properties(call: str, **fields: Any) -> dict[str, Any]:
    """The properties of a call's event, without the distinct_id."""
    found = to_posthog({"type": call, "userId": "u1", "event": "Bought", **fields})["properties"]
    assert found.pop("distinct_id") == "u1"
    return dict(found)


NO_PLACE = [
    *("", " ", "\t", None),
    *("127.0.0.1", "127.8.9.1", " 127.0.0.1 ", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"),
    *("0.0.0.0", "::"),
]
PLACES = ["192.0.2.7", "8.8.8.8", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.7", "1.127.0.0", "unknown"]


def given(ip: str | None) -> dict[str, Any]:
    """The address as it arrives: as it was given, but for a blank one."""
    return {"$ip": ip} if ip is not None and ip.strip() else {}


@pytest.mark.parametrize("ip", NO_PLACE, ids=repr)
def test_an_address_that_is_no_person_s_switches_geoip_off(ip: str | None) -> None:
    expected = {**given(ip), **NO_IP}
    assert properties("track", context={"ip": ip}) == {"segment_ip": ip, **expected}
    own = {"$ip": ip} if ip is None else given(ip)  # a null of the call's own stays
    assert properties("track", properties={"$ip": ip}) == {**own, **NO_IP}
    assert properties("track", posthog={"$ip": ip}) == {**own, **NO_IP}
    assert properties("track", context={"ip": "192.0.2.7"}, properties={"$ip": ip}) == {
        "segment_ip": "192.0.2.7",
        **own,
        **NO_IP,
    }


@pytest.mark.parametrize("ip", PLACES)
def test_with_any_other_address_geoip_stays_on(ip: str) -> None:
    assert properties("track", context={"ip": ip}) == {"segment_ip": ip, "$ip": ip}
    assert properties("track", properties={"$ip": ip}) == {"$ip": ip}
    assert properties("track", posthog={"$ip": ip}) == {"$ip": ip}


SEGMENTS_EXAMPLE = {
    "url": "https://segment.com/docs/?utm_source=x&gclid=1",
    "path": "/docs/",
    "referrer": "https://google.com/",
    "search": "?utm_source=x",
}


def test_a_page_call_needs_no_context() -> None:
    own = {"path": "/docs/", "referrer": "https://google.com/", "search": "?utm_source=x"}
    assert properties("page", properties=SEGMENTS_EXAMPLE) == {
        **own,
        "$current_url": "https://segment.com/docs/?utm_source=x&gclid=1",
        "$pathname": "/docs/",
        "$referrer": "https://google.com/",
        "$referring_domain": "google.com",
        "$host": "segment.com",
        "utm_source": "x",
        "gclid": "1",
        **NO_IP,
    }


def test_the_url_alone_gives_path_host_and_the_query_s_ids() -> None:
    url = "https://me@Shop.example:8443/a/b?utm_source=x&gclid=1#top"
    assert properties("page", properties={"url": url}) == {
        "$current_url": url,
        "$pathname": "/a/b",
        "$host": "shop.example:8443",
        "utm_source": "x",
        "gclid": "1",
        **NO_IP,
    }


def test_what_the_context_says_wins_over_a_page_call_s_own_but_for_the_url() -> None:
    page = {"url": "https://c.example/c", "path": "/c", "referrer": "https://r.example/", "search": "?utm_source=c"}
    found = properties("page", properties=SEGMENTS_EXAMPLE, context={"page": page, "campaign": {"term": "t"}})
    assert found == {
        **{key: value for key, value in SEGMENTS_EXAMPLE.items() if key != "url"},
        "segment_page": page,
        "$current_url": SEGMENTS_EXAMPLE["url"],
        "$pathname": "/c",
        "$referrer": "https://r.example/",
        "$referring_domain": "r.example",
        "$host": "segment.com",
        "utm_source": "c",
        "utm_term": "t",
        "gclid": "1",
        **NO_IP,
    }


@pytest.mark.parametrize("call", ["track", "screen"])
def test_the_properties_of_other_calls_are_no_page_s(call: str) -> None:
    own = {"path": "/p", "referrer": "https://google.com/", "search": "?utm_source=x"}
    assert properties(call, properties=own) == {**own, **NO_IP}


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://shop.example", "/"),
        ("https://shop.example/", "/"),
        ("https://shop.example?x=/y", "/"),
        ("https://shop.example/a//b/", "/a//b/"),
        ("file:///etc", "/etc"),
        ("/relative", None),
        ("shop.example/a", None),
        ("://", None),
        (5, None),
    ],
)
def test_the_path_is_taken_from_the_url_where_nothing_gives_it(url: Any, path: str | None) -> None:
    for fields in ({"properties": {"url": url}}, {"properties": {"$current_url": url}}):
        assert properties("track", **fields).get("$pathname") == path
    assert properties("track", properties={"url": url, "$pathname": "/own"})["$pathname"] == "/own"


@pytest.mark.parametrize("referrer", ["", "$direct"])
def test_a_direct_visit_has_direct_for_its_referring_domain(referrer: str) -> None:
    expected = {"$referrer": referrer, "$referring_domain": "$direct", **NO_IP}
    assert properties("track", properties={"$referrer": referrer}) == expected
    page = {"referrer": referrer}
    assert properties("track", context={"page": page}) == {"segment_page": page, **expected}
    assert properties("page", properties=page) == {**page, **expected}
    own = {"$referrer": referrer, "$referring_domain": "own"}
    assert properties("track", properties=own) == {**own, **NO_IP}


def test_the_locale_is_the_browser_s_language_on_page_calls_only() -> None:
    context = {"locale": "nl-NL"}
    expected = {"segment_locale": "nl-NL", "$locale": "nl-NL", **NO_IP}
    assert properties("page", context=context) == {**expected, "$browser_language": "nl-NL"}
    assert properties("track", context=context) == expected
    own = {"$browser_language": "en"}
    assert properties("page", context=context, properties=own) == {**expected, **own}


@pytest.mark.parametrize(
    ("zone", "timestamp", "minutes"),
    [
        ("Europe/Amsterdam", "2026-01-02T03:04:05.678Z", -60),
        ("Europe/Amsterdam", "2026-07-02T03:04:05.678Z", -120),
        ("Europe/Amsterdam", "2026-03-29T03:30:00.000+02:00", -120),
        ("America/St_Johns", "2026-01-02T03:04:05+00:00", 210),
        ("UTC", "2026-01-02T03:04:05", 0),
        ("Asia/Tokyo", "yesterday", None),
        ("Asia/Tokyo", "9999-12-31T23:59:59Z", None),
        ("Asia/Tokyo", 5, None),
        ("Nowhere/Atlantis", "2026-01-02T03:04:05Z", None),
        ("../../etc/passwd", "2026-01-02T03:04:05Z", None),
        ("Europe", "2026-01-02T03:04:05Z", None),
        ("x" * 5000, "2026-01-02T03:04:05Z", None),
        ("a\0b", "2026-01-02T03:04:05Z", None),
        ("\ud800", "2026-01-02T03:04:05Z", None),
        ("", "2026-01-02T03:04:05Z", None),
        (5, "2026-01-02T03:04:05Z", None),
    ],
)
def test_the_timezone_is_the_browser_s_offset_on_page_calls_only(
    zone: Any, timestamp: Any, minutes: int | None
) -> None:
    context = {"timezone": zone}
    expected = {"segment_timezone": zone, "$timezone": zone, **NO_IP}
    offset = {} if minutes is None else {"$timezone_offset": minutes}
    assert properties("page", context=context, timestamp=timestamp) == {**expected, **offset}
    assert properties("track", context=context, timestamp=timestamp) == expected
    own = {"$timezone_offset": 5}
    assert properties("page", context=context, timestamp=timestamp, properties=own) == {**expected, **own}
