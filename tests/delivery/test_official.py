"""The official client inside is whole: what an app does with `client.posthog` works as on a `Posthog` of its own."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from posthog import Posthog

import analytics_posthog
from analytics_posthog import Client, testing
from tests.support.posthog_server import HANG, PostHogServer, Request

KEY = "phc_key"
# What differs between any two calls, whoever makes them.
VARYING = {"uuid", "timestamp", "sent_at", "$exception_list", "$ai_trace_id"}


def capture(posthog: Posthog) -> None:
    posthog.capture("Bought", distinct_id="u1", properties={"price": 5}, groups={"company": "c1"})


def capture_ai(posthog: Posthog) -> None:
    posthog.capture_ai("$ai_generation", distinct_id="u1", properties={"$ai_model": "m", "$ai_trace_id": "t1"})


def capture_exception(posthog: Posthog) -> None:
    try:
        raise ValueError("no such thing")
    except ValueError as error:
        posthog.capture_exception(error, distinct_id="u1")


def set_person(posthog: Posthog) -> None:
    posthog.set(distinct_id="u1", properties={"plan": "pro"})


def ask_for_a_flag(posthog: Posthog) -> None:
    assert posthog.evaluate_flags("u1").get_flag("new-page") == "blue"


ACTIONS: list[Callable[[Posthog], None]] = [capture, capture_ai, capture_exception, set_person, ask_for_a_flag]


@pytest.fixture
def server(posthog_server: PostHogServer) -> PostHogServer:
    """Also answers the feature flags' endpoint and the one for AI events."""
    respond = posthog_server.answer

    def answer(request: Request) -> Any:
        if "/flags" in request.path:
            body = {"featureFlags": {"new-page": "blue"}, "featureFlagPayloads": {}, "errorsWhileComputingFlags": False}
            return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()
        if "/ai" in request.path:
            return 200, {"Content-Type": "application/json"}, b'{"status":"Ok"}'
        return respond(request) if respond is not None else None

    posthog_server.answer = answer  # type: ignore[assignment]
    return posthog_server


def body(request: Request) -> Any:
    content = gzip.decompress(request.body) if request.body[:2] == b"\x1f\x8b" else request.body
    return json.loads(content)


def steady(value: Any) -> Any:
    """A body without what differs between any two calls."""
    if isinstance(value, dict):
        return {name: steady(one) for name, one in value.items() if name not in VARYING}
    return [steady(one) for one in value] if isinstance(value, list) else value


def sent(server: PostHogServer) -> list[tuple[str, Any]]:
    return sorted(((request.path, steady(body(request))) for request in server.requests), key=repr)


@pytest.mark.parametrize("sync_mode", [False, True], ids=["queued", "sync_mode"])
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_an_action_is_the_same_on_the_wire(
    action: Callable[[Posthog], None], sync_mode: bool, server: PostHogServer
) -> None:
    with Client(KEY, server.url, sync_mode=sync_mode) as client:
        action(client.posthog)
        assert client.flush(5)
    ours = sent(server)
    server.requests.clear()
    own = Posthog(KEY, host=server.url, sync_mode=sync_mode)
    action(own)
    own.flush()
    own.shutdown()
    assert ours
    assert ours == sent(server)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # with threads; but that is what apps do
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_a_forked_child_s_actions_arrive(action: Callable[[Posthog], None], server: PostHogServer) -> None:
    with Client(KEY, server.url) as client:
        action(client.posthog)
        assert client.flush(5)
        before = sent(server)
        server.requests.clear()
        child = os.fork()
        if not child:  # pragma: no cover
            done = False
            try:
                action(client.posthog)
                done = client.flush(5)
            finally:
                os._exit(0 if done else 1)
        assert os.waitpid(child, 0)[1] == 0
        seen = {path for path, _ in sent(server)}  # the child knows from its parent that the flag was reported already
        assert seen
        assert seen <= {path for path, _ in before}


def test_flush_says_no_while_an_ai_event_is_still_on_its_way(server: PostHogServer) -> None:
    answered: Any = server.answer
    server.answer = lambda request: HANG if "/ai" in request.path else answered(request)
    client = Client(KEY, server.url, timeout=1, max_retries=0)
    capture_ai(client.posthog)
    began = time.monotonic()
    assert client.flush(0.3) is False
    assert time.monotonic() - began < 2
    server.release()
    client.posthog.shutdown()
    client.shutdown()


def test_its_shutdown_ends_only_itself(server: PostHogServer) -> None:
    with Client(KEY, server.url) as client:
        client.posthog.shutdown()
        assert client.track("u1", "Bought")[0]
        assert client.flush(5)
    assert [event["event"] for event in server.events] == ["Bought"]


def test_its_errors_are_reported_to_on_error(server: PostHogServer) -> None:
    server.answer = lambda _: (401, {}, b"{}")  # type: ignore[assignment]
    reported: list[tuple[str, list[str]]] = []

    def on_error(error: Exception, messages: list[dict[str, Any]]) -> None:
        reported.append((str(error), [message["event"] for message in messages]))

    with Client(KEY, server.url, on_error=on_error, max_retries=0) as client:
        capture(client.posthog)
        client.flush(5)
    text = "PostHog answered 401: check that write_key is the project's API key (phc_...)"
    assert reported == [(text, ["Bought"])]


def test_it_is_not_made_before_the_app_asks_for_it(server: PostHogServer) -> None:
    """An idle thread and a second look at the environment are for those who need flags."""
    with Client(KEY, server.url) as client:
        client.track("u1", "Bought")
        assert client.flush(5)
        assert client._official._client is None
        assert client.posthog is client.posthog


def test_the_module_s_client_has_one_too(server: PostHogServer) -> None:
    analytics_posthog.write_key, analytics_posthog.host = KEY, server.url
    analytics_posthog.track("u1", "Bought")
    client = analytics_posthog.default_client
    assert client is not None
    capture(client.posthog)
    assert analytics_posthog.flush(5)
    assert sorted(event["event"] for event in server.events) == ["Bought", "Bought"]


def test_after_a_capture_it_is_disabled_if_the_app_had_disabled_it(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url) as client:
        for disabled in (True, False):
            client.posthog.disabled = disabled
            with testing.capture():
                assert client.posthog.disabled
            assert client.posthog.disabled is disabled


@pytest.mark.parametrize(("key", "disabled"), [("phc_key", False), ("", True)])
def test_one_that_is_made_in_a_capture_is_afterwards_as_any_other(
    key: str, disabled: bool, posthog_server: PostHogServer
) -> None:
    with Client(key, posthog_server.url) as client:
        with testing.capture():
            assert client.posthog.disabled
        assert client.posthog.disabled is disabled
