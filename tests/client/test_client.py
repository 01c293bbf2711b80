"""A client is what Segment's is: a base class, a context manager, and a hold on what is inside."""

from __future__ import annotations

import contextlib
import json
import logging
from typing import Any, ClassVar

import posthog

from analytics_posthog import Client
from tests.support.posthog_server import Answer, PostHogServer, Request


def test_a_client_is_a_base_class(posthog_server: PostHogServer) -> None:
    class Tagged(Client):
        def _enqueue(self, msg: dict[str, Any]) -> Any:
            return super()._enqueue({**msg, "context": {**msg["context"], "app": {"name": "shop"}}})

        def track(self, user_id: Any = None, event: str | None = None, *arguments: Any, **named: Any) -> Any:
            return super().track(user_id, f"shop: {event}", *arguments, **named)

    with Tagged("phc_key", posthog_server.url) as client:
        assert client.track("u1", "Bought", {"a": 1})[1]["context"]["app"] == {"name": "shop"}
        client.page("u1", name="Home")
    assert [(event["event"], event["properties"]["$app_name"]) for event in posthog_server.events] == [
        ("shop: Bought", "shop"),
        ("$pageview", "shop"),
    ]


def test_a_subclass_may_have_its_own_metaclass() -> None:
    class Singleton(type):
        made: ClassVar[dict[type, Any]] = {}

        def __call__(cls, *arguments: Any, **named: Any) -> Any:
            if cls not in cls.made:
                cls.made[cls] = super().__call__(*arguments, **named)
            return cls.made[cls]

    class Analytics(Client, metaclass=Singleton):
        pass

    client = Analytics("phc_key", send=False)
    assert client is Analytics()
    assert client.track("u1", "Bought")[0]


def test_a_client_is_a_context_manager_that_sends_all_at_its_end(posthog_server: PostHogServer) -> None:
    with contextlib.suppress(ZeroDivisionError), Client("phc_key", posthog_server.url, upload_interval=30) as client:
        client.track("u1", "Bought")
        raise ZeroDivisionError
    assert len(posthog_server.events) == 1


def test_queue_and_consumers_are_as_the_official_client_s(posthog_server: PostHogServer) -> None:
    with Client("phc_key", posthog_server.url, thread=2, max_queue_size=5) as client:
        assert type(client.posthog) is posthog.Posthog
        assert isinstance(client.queue, type(client.posthog.queue))
        assert all(isinstance(consumer, posthog.consumer.Consumer) for consumer in client.consumers or ())
        assert client.queue.maxsize == client.posthog.queue.maxsize == 5
        assert [consumer.is_alive() for consumer in client.consumers or ()] == [True, True]
        assert client.log is logging.getLogger("analytics_posthog")
    assert Client("phc_key", posthog_server.url, sync_mode=True).consumers is None


def test_a_feature_flag_is_asked_for_with_the_same_client(posthog_server: PostHogServer) -> None:
    def flags(request: Request) -> Answer | None:
        if not request.path.startswith("/flags"):
            return None
        asked = request.json()
        assert (asked["api_key"], asked["distinct_id"]) == ("phc_key", "u1")
        flag = {"key": "new-checkout", "enabled": True, "variant": "green", "reason": None, "metadata": None}
        return (
            200,
            {},
            json.dumps(
                {"flags": {"new-checkout": flag}, "errorsWhileComputingFlags": False, "requestId": "r1"}
            ).encode(),
        )

    posthog_server.answer = flags
    with Client("phc_key", posthog_server.url) as client:
        assert client.posthog.evaluate_flags("u1").get_flag("new-checkout") == "green"
        client.track("u1", "Bought", {"$feature/new-checkout": "green"})
        events = {event["event"]: event["properties"] for event in posthog_server.wait_for(2)}
    assert events["$feature_flag_called"]["$feature_flag_response"] == "green"
    assert events["Bought"]["$feature/new-checkout"] == "green"
