"""Inside PostHog's request context an event carries its session and tags: the event's own values win."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import posthog
import pytest
from posthog.version import VERSION as POSTHOG_VERSION

from analytics_posthog import Client
from analytics_posthog.version import VERSION
from tests.support.posthog_server import PostHogServer

SESSION = "0191b7a0-0000-7000-8000-000000000001"
ALWAYS = {
    "$lib": "posthog-python",
    "$lib_version": POSTHOG_VERSION,
    "segment_library": {"name": "analytics-python", "version": VERSION},
}
NO_IP = {"$geoip_disable": True}


@pytest.fixture
def client(posthog_server: PostHogServer) -> Iterator[Client]:
    with Client("phc_key", posthog_server.url, upload_interval=30) as made:
        yield made


def sent(client: Client, server: PostHogServer) -> list[dict[str, Any]]:
    """The properties that arrived, without those that every event has; whose they are is u1's in each."""
    assert client.flush() is True
    found = [event["properties"] for event in server.events]
    for event, properties in zip(server.events, found, strict=True):
        assert (event["distinct_id"], properties.pop("distinct_id")) == ("u1", "u1")
        assert {key: properties.pop(key) for key in ALWAYS} == ALWAYS
    return found


OF_THE_CALL: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "track": (("u1", "Bought"), {}),
    "identify": (("u1",), {"$set": {}}),
    "page": (("u1",), {}),
    "screen": (("u1",), {}),
    "alias": (("a1", "u1"), {"alias": "a1"}),
    "group": (("u1", "g1"), {"$group_type": "segment_group", "$group_key": "g1", "$group_set": {}}),
}


@pytest.mark.parametrize("call", OF_THE_CALL)
def test_the_session_and_the_tags_arrive_on_every_kind_of_event(
    call: str, client: Client, posthog_server: PostHogServer
) -> None:
    arguments, own = OF_THE_CALL[call]
    with posthog.new_context():
        posthog.set_context_session(SESSION)
        posthog.tag("plan", "team")
        getattr(client, call)(*arguments)
    expected = {**NO_IP, **own, "$session_id": SESSION, "plan": "team", "$context_tags": ["plan"]}
    assert sent(client, posthog_server) == [expected]


def test_outside_of_a_context_there_is_nothing_of_it(client: Client, posthog_server: PostHogServer) -> None:
    client.track("u1", "Before")
    with posthog.new_context():
        posthog.set_context_session(SESSION)
        posthog.tag("plan", "team")
    client.track("u1", "After")
    posthog.tag("plan", "team")
    client.track("u1", "Without a context")
    assert sent(client, posthog_server) == [NO_IP] * 3


def test_an_empty_context_adds_nothing(client: Client, posthog_server: PostHogServer) -> None:
    with posthog.new_context():
        client.track("u1", "Bought")
    assert sent(client, posthog_server) == [NO_IP]


def test_a_session_alone_arrives_alone(client: Client, posthog_server: PostHogServer) -> None:
    with posthog.new_context():
        posthog.set_context_session(SESSION)
        client.track("u1", "Bought")
    assert sent(client, posthog_server) == [{**NO_IP, "$session_id": SESSION}]


def test_the_event_s_own_values_win(client: Client, posthog_server: PostHogServer) -> None:
    with posthog.new_context():
        posthog.set_context_session(SESSION)
        for key in (
            "plan",
            "$current_url",
            "$os",
            "segment_os",
            "$groups",
            "distinct_id",
            "utm_campaign",
            "$lib",
            "name",
        ):
            posthog.tag(key, "tag")
        own = {"$session_id": "0191b7a0-0000-7000-8000-000000000002", "plan": "own", "name": None}
        context = {
            "page": {"url": "https://shop.example/"},
            "os": {"name": "iOS"},
            "groupId": "g1",
            "campaign": {"name": "spring"},
        }
        client.track("u1", "Bought", own, context)
    (found,) = sent(client, posthog_server)
    found.pop("$context_tags")
    assert found == {
        **NO_IP,
        **own,
        "$current_url": "https://shop.example/",
        "$pathname": "/",
        "$host": "shop.example",
        "$os": "iOS",
        "$groups": {"segment_group": "g1"},
        "utm_campaign": "spring",
        "segment_page": {"url": "https://shop.example/"},
        "segment_os": {"name": "iOS"},
        "segment_groupId": "g1",
    }


def test_inner_contexts_add_to_outer_ones_and_end(client: Client, posthog_server: PostHogServer) -> None:
    with posthog.new_context():
        posthog.set_context_session(SESSION)
        posthog.tag("plan", "team")
        with posthog.new_context():
            posthog.tag("plan", "inner")
            posthog.tag("step", 2)
            client.track("u1", "Bought")
        with posthog.new_context(fresh=True):
            client.track("u1", "Bought")
        client.track("u1", "Bought")
    assert sent(client, posthog_server) == [
        {**NO_IP, "$session_id": SESSION, "plan": "inner", "step": 2, "$context_tags": ["plan", "step"]},
        NO_IP,
        {**NO_IP, "$session_id": SESSION, "plan": "team", "$context_tags": ["plan"]},
    ]


def test_an_ip_among_the_tags_leaves_geoip_on(client: Client, posthog_server: PostHogServer) -> None:
    with posthog.new_context():
        posthog.tag("$ip", "192.0.2.7")
        client.track("u1", "Bought")
    assert sent(client, posthog_server) == [{"$ip": "192.0.2.7", "$context_tags": ["$ip"]}]


def test_tags_are_cleaned_and_not_shared(client: Client, posthog_server: PostHogServer) -> None:
    tags = {"items": ["a"]}
    with posthog.new_context():
        posthog.tag("cart", tags)
        posthog.tag("lock", threading.Lock())
        posthog.tag("rate", float("nan"))
        client.track("u1", "Bought")
        tags["items"].append("later")
    expected = {**NO_IP, "cart": {"items": ["a"]}, "rate": None, "$context_tags": ["cart", "lock", "rate"]}
    assert sent(client, posthog_server) == [expected]
    assert tags == {"items": ["a", "later"]}


def test_it_is_that_of_the_moment_of_the_call_also_in_another_thread_or_task(
    client: Client, posthog_server: PostHogServer
) -> None:
    async def request(name: str) -> None:
        with posthog.new_context():
            posthog.tag("request", name)
            await asyncio.sleep(0)
            client.track("u1", "Bought")

    async def main() -> None:
        await asyncio.gather(*map(request, "abc"))

    asyncio.run(main())
    with posthog.new_context():
        posthog.tag("request", "outer")
        thread = threading.Thread(target=client.track, args=("u1", "In a thread"))
        thread.start()
        thread.join()
    expected = [{**NO_IP, "request": name, "$context_tags": ["request"]} for name in "abc"]
    found = sent(client, posthog_server)
    assert sorted(found[:3], key=str) == expected
    assert found[3] == NO_IP


def test_it_also_arrives_in_sync_mode(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, sync_mode=True) as client:
        with posthog.new_context():
            posthog.set_context_session(SESSION)
            client.track("u1", "Bought")
        assert sent(client, posthog_server) == [{**NO_IP, "$session_id": SESSION}]
