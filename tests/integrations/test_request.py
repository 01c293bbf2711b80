"""What a request adds to the calls that are made in it; what the call gives wins, key by key."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from analytics_posthog import Client, InvalidMessage, testing
from analytics_posthog._message import Request, in_request

PAGE = {"url": "https://app.test/a?b", "path": "/a", "search": "?b"}
CONTEXT: dict[str, Any] = {"ip": "203.0.113.7", "userAgent": "a browser", "page": PAGE}
CALLS: dict[str, tuple[str, ...]] = {
    "track": ("u1", "Bought"),
    "identify": ("u1",),
    "page": ("u1",),
    "screen": ("u1",),
    "group": ("u1", "g1"),
    "alias": ("a1", "u1"),
}


@pytest.fixture
def client() -> Client:
    return Client("phc_key", send=False)


def without_library(message: dict[str, Any]) -> dict[str, Any]:
    context = dict(message["context"])
    assert context.pop("library")["name"] == "analytics-python"
    return context


@pytest.mark.parametrize("call", CALLS)
def test_each_call_has_the_request_s_context(call: str, client: Client) -> None:
    with in_request(Request(CONTEXT)):
        _, message = getattr(client, call)(*CALLS[call])
    assert without_library(message) == CONTEXT
    assert without_library(getattr(client, call)(*CALLS[call])[1]) == {}


def test_what_the_call_gives_wins_key_by_key(client: Client) -> None:
    given = {"ip": "192.0.2.5", "locale": "de", "page": {"path": "/mine", "title": "Mine"}}
    with in_request(Request(CONTEXT)):
        _, message = client.track("u1", "Bought", context=given)
    page = {"url": "https://app.test/a?b", "path": "/mine", "search": "?b", "title": "Mine"}
    assert without_library(message) == {"ip": "192.0.2.5", "userAgent": "a browser", "locale": "de", "page": page}
    assert given == {"ip": "192.0.2.5", "locale": "de", "page": {"path": "/mine", "title": "Mine"}}


@pytest.mark.parametrize("page", [None, "/a", []])
def test_a_page_of_the_call_that_is_no_dict_stays(page: Any, client: Client) -> None:
    with in_request(Request(CONTEXT)):
        _, message = client.track("u1", "Bought", context={"page": page})
    assert message["context"]["page"] == page


def test_a_context_that_is_no_dict_raises_as_outside_of_a_request(client: Client) -> None:
    with in_request(Request(CONTEXT)), pytest.raises(InvalidMessage):
        client.track("u1", "Bought", context=["ip"])  # type: ignore[arg-type]


def test_the_request_s_context_is_not_changed_by_its_calls(client: Client) -> None:
    with in_request(Request(CONTEXT)):
        _, message = client.track("u1", "Bought")
        message["context"]["page"]["url"] = "changed"
        message["context"]["ip"] = "changed"
    assert CONTEXT == {"ip": "203.0.113.7", "userAgent": "a browser", "page": PAGE}
    assert PAGE == {"url": "https://app.test/a?b", "path": "/a", "search": "?b"}


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({}, ("42", None)),
        ({"user_id": ""}, ("42", None)),
        ({"user_id": "u1"}, ("u1", None)),
        ({"anonymous_id": "a1"}, (None, "a1")),
        ({"user_id": 0}, ("0", None)),
    ],
)
def test_a_call_without_an_id_has_that_of_who_is_signed_in(
    ids: dict[str, Any], expected: tuple[str | None, str | None], client: Client
) -> None:
    with in_request(Request({}, lambda: "42")):
        _, message = client.track(event="Bought", **ids)
    assert (message["userId"], message["anonymousId"]) == expected


def test_an_alias_never_has_an_id_that_it_was_not_given(client: Client) -> None:
    with in_request(Request({}, lambda: "42")), pytest.raises(InvalidMessage):
        client.alias("a1")


def test_where_nobody_is_signed_in_the_call_raises_as_outside_of_a_request(client: Client) -> None:
    with in_request(Request({}, lambda: None)), pytest.raises(InvalidMessage):
        client.track(event="Bought")


def test_tasks_have_it_and_threads_that_are_given_the_context(client: Client) -> None:
    found: list[dict[str, Any]] = []

    def call() -> None:
        found.append(without_library(client.track("u1", "Bought")[1]))

    async def view() -> None:
        with in_request(Request(CONTEXT)):
            task = asyncio.create_task(asyncio.to_thread(call))
            copied = contextvars.copy_context()
        await task
        for run in (lambda: copied.run(call), call):
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()

    asyncio.run(view())
    assert found == [CONTEXT, CONTEXT, {}]


def test_requests_that_are_served_at_once_keep_theirs(client: Client) -> None:
    async def view(number: int) -> dict[str, Any]:
        with in_request(Request({"ip": f"192.0.2.{number}"})):
            await asyncio.sleep(0)
            return without_library(client.track("u1", "Bought")[1])

    async def serve() -> list[dict[str, Any]]:
        return await asyncio.gather(*map(view, range(20)))

    assert asyncio.run(serve()) == [{"ip": f"192.0.2.{number}"} for number in range(20)]


def test_a_test_s_capture_sees_it(client: Client) -> None:
    with testing.capture() as captured, in_request(Request(CONTEXT)):
        client.track("u1", "Bought")
    assert [without_library(message) for message in captured.messages] == [CONTEXT]
