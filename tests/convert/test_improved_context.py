"""Improvements 5 and 7: the context under PostHog's own names, and the ids that PostHog does not merge."""

from __future__ import annotations

from typing import Any

import pytest

from analytics_posthog import Client
from analytics_posthog.convert import to_posthog
from tests.convert.test_improvements import ALWAYS, NO_IP, properties, warnings
from tests.support.posthog_server import PostHogServer

SHOP = "https://Shop.example:8443/cart"

# context -> the properties that it becomes beside segment_*
CONTEXTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"os": {"name": "iOS", "version": "17.1"}}, {"$os": "iOS", "$os_version": "17.1"}),
    (
        {"app": {"name": "Shop", "version": "5", "build": "5.1", "namespace": "com.shop"}},
        {"$app_name": "Shop", "$app_version": "5", "$app_build": "5.1", "$app_namespace": "com.shop"},
    ),
    (
        {"device": {"type": "ios", "id": "d1", "manufacturer": "Apple", "model": "i7", "name": "maguro", "token": "t"}},
        {
            "$device_type": "ios",
            "$device_id": "d1",
            "$device_manufacturer": "Apple",
            "$device_model": "i7",
            "$device_name": "maguro",
        },
    ),
    (
        {"screen": {"width": 0, "height": 568, "density": 2.5}},
        {"$screen_width": 0, "$screen_height": 568, "$screen_density": 2.5},
    ),
    (
        {"network": {"carrier": "C", "wifi": False, "cellular": True, "bluetooth": False}},
        {"$network_carrier": "C", "$network_wifi": False, "$network_cellular": True, "$network_bluetooth": False},
    ),
    ({"locale": "nl-NL"}, {"$locale": "nl-NL"}),
    ({"timezone": "Europe/Paris"}, {"$timezone": "Europe/Paris"}),
    ({"userAgent": "Mozilla/5.0"}, {"$raw_user_agent": "Mozilla/5.0"}),
    ({"page": {"title": "Cart"}}, {"title": "Cart"}),
    (
        {"page": {"url": SHOP, "path": "/cart"}},
        {"$current_url": SHOP, "$pathname": "/cart", "$host": "shop.example:8443"},
    ),
    (
        {"page": {"url": "https://me:pw@shop.example?a@b"}},
        {"$current_url": "https://me:pw@shop.example?a@b", "$host": "shop.example", "$pathname": "/"},
    ),
    ({"page": {"url": "/cart"}}, {"$current_url": "/cart"}),
    (
        {"page": {"referrer": "https://ads.example/x"}},
        {"$referrer": "https://ads.example/x", "$referring_domain": "ads.example"},
    ),
    ({"page": {"referrer": ""}}, {"$referrer": "", "$referring_domain": "$direct"}),
    ({"page": {"referrer": "$direct"}}, {"$referrer": "$direct", "$referring_domain": "$direct"}),
    ({"active": False}, {"$update_person_last_seen_at": False}),
    ({"active": True}, {}),
    ({"location": {"city": "Paris", "latitude": 48.9}}, {}),
    ({"traits": {"plan": "a"}}, {}),
    (
        {"page": {"search": "?utm_source=mail&utm_x=1&gclid=G&q=shoes"}},
        {"utm_source": "mail", "utm_x": "1", "gclid": "G"},
    ),
    ({"page": {"search": "utm_source=mail"}}, {"utm_source": "mail"}),
    ({"page": {"search": "?utm_term=a%20b+c&utm_content=%C3%A9"}}, {"utm_term": "a b c", "utm_content": "é"}),
    ({"page": {"search": "?utm_source=&q=1"}}, {}),
    ({"page": {"search": "?utm_source=first&utm_source=second"}}, {"utm_source": "first"}),
    (
        {"page": {"url": "/x?fbclid=F&a=1#utm_source=no"}},
        {"$current_url": "/x?fbclid=F&a=1#utm_source=no", "fbclid": "F"},
    ),
    (
        {
            "page": {"search": "?utm_source=query&utm_campaign=query&utm_term=query"},
            "campaign": {"name": "spring", "source": "mail"},
        },
        {"utm_source": "mail", "utm_campaign": "spring", "utm_term": "query"},
    ),
    ({"page": {"search": "?utm_source=query"}, "campaign": {"source": None}}, {"utm_source": "query"}),
]
CLICK_IDS = (
    "gclid gclsrc dclid gbraid wbraid gad_source fbclid msclkid twclid li_fat_id igshid ttclid rdt_cid epik qclid "
    "sccid irclid _kx mc_cid"
).split()


@pytest.mark.parametrize(("context", "mapped"), CONTEXTS, ids=[str(row[0]) for row in CONTEXTS])
def test_5_the_context_gets_posthog_s_own_names(
    context: dict[str, Any], mapped: dict[str, Any], posthog_server: PostHogServer
) -> None:
    whole = {f"segment_{key}": value for key, value in context.items() if key != "campaign"}
    assert properties(posthog_server, "track", context=context) == {**ALWAYS, **NO_IP, **whole, **mapped}


@pytest.mark.parametrize("click_id", CLICK_IDS)
def test_5_a_click_id_in_the_query_arrives(click_id: str, posthog_server: PostHogServer) -> None:
    page = {"search": f"?x=1&{click_id}=abc"}
    assert properties(posthog_server, "page", context={"page": page}) == {
        **ALWAYS,
        **NO_IP,
        "segment_page": page,
        click_id: "abc",
    }


def test_5_the_call_s_own_properties_win_over_all_of_the_context(posthog_server: PostHogServer) -> None:
    context = {
        "page": {"url": SHOP + "?utm_source=a", "title": "Cart"},
        "os": {"name": "iOS"},
        "campaign": {"name": "spring"},
    }
    own = {
        "title": "Own",
        "$os": "BeOS",
        "utm_campaign": "own",
        "utm_source": None,
        "segment_os": 1,
        "$host": "own",
        "url": "https://o.example/",
    }
    found = properties(posthog_server, "track", context=context, properties=own)
    whole = {"segment_page": context["page"]}
    del own["url"]
    assert found == {**ALWAYS, **NO_IP, **whole, **own, "$current_url": "https://o.example/", "$pathname": "/"}


REFUSED_IN_ANY_CASE = "anonymous guest distinctid distinct_id id not_authenticated email undefined true false".split()
REFUSED_EXACTLY = ["[object Object]", "NaN", "None", "none", "null", "0"]
WORDS = [
    *REFUSED_IN_ANY_CASE,
    *(spelling(word) for word in REFUSED_IN_ANY_CASE for spelling in (str.upper, str.title)),
    *REFUSED_EXACTLY,
]
REFUSED = [
    *(quoted.format(word) for word in WORDS for quoted in ("{}", '"{}"', "'{}'")),
    *(" ", "\t\n", "\u00a0", '""', "''", '" "'),
    "u1",
    "x" * 401,
]
# Near to a refused one, and merged by PostHog.
MERGED = ["Null", "NULL", "nan", "[object object]", "00", "guest1", "my id", "\"guest'", '"', "U1", "é"]


@pytest.mark.parametrize("call", ["identify", "alias"])
def test_7_an_id_that_posthog_does_not_merge_is_left_out_and_its_event_sent(
    call: str, posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert sent_with(posthog_server, call, REFUSED) == dict.fromkeys(REFUSED)
    (warning,) = warnings(caplog)
    assert {"identify": "$anon_distinct_id", "alias": "alias"}[call] in warning
    assert "guest" not in warning


@pytest.mark.parametrize("call", ["identify", "alias"])
def test_7_an_id_that_only_looks_like_a_refused_one_is_merged(
    call: str, posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert sent_with(posthog_server, call, MERGED) == {merge_id: merge_id for merge_id in MERGED}
    assert warnings(caplog) == []


@pytest.mark.parametrize("call", ["identify", "alias"])
def test_7_an_id_to_merge_is_cut_as_posthog_cuts_a_distinct_id(call: str, posthog_server: PostHogServer) -> None:
    kept = {"x" * 200: "x" * 200, "x" * 201: "x" * 200, "y" * 400: "y" * 200, "a\0b": "a\ufffdb"}
    assert sent_with(posthog_server, call, list(kept)) == kept


def test_7_an_id_that_is_the_same_when_it_is_cut_is_not_merged() -> None:
    message = {"type": "alias", "userId": "x" * 201, "previousId": "x" * 202}
    expected = {"$geoip_disable": True, "distinct_id": "x" * 201}
    assert to_posthog(message) == {"event": "$create_alias", "distinct_id": "x" * 201, "properties": expected}


def sent_with(server: PostHogServer, call: str, merge_ids: list[str]) -> dict[str, str | None]:
    """The merge key that arrived for each id. The rest of each event is checked here."""
    key = {"identify": "$anon_distinct_id", "alias": "alias"}[call]
    with Client("phc_key", server.url) as client:
        for number, merge_id in enumerate(merge_ids):
            other = {"anonymous_id": merge_id} if call == "identify" else {"previous_id": merge_id}
            assert getattr(client, call)(user_id="u1", message_id=str(number), **other)[0]
    rest = {**ALWAYS, **NO_IP, "distinct_id": "u1", **({"$set": {}} if call == "identify" else {})}
    found = [event["properties"].pop(key, None) for event in server.events]
    assert [event["properties"] for event in server.events] == [rest] * len(merge_ids)
    return dict(zip(merge_ids, found, strict=True))


def test_7_an_empty_anonymous_id_is_left_out_without_a_warning(
    posthog_server: PostHogServer, caplog: pytest.LogCaptureFixture
) -> None:
    """An identify without an anonymous id is the usual case."""
    assert properties(posthog_server, "identify", anonymous_id="") == {**ALWAYS, **NO_IP, "$set": {}}
    assert warnings(caplog) == []
