"""One bad value never costs its event or a neighbour, and never raises."""

from __future__ import annotations

import json
import resource
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from analytics_posthog import Client, InvalidMessage, MessageTooLarge
from tests.support.child_process import run_python
from tests.support.hostile_classes import SECRET
from tests.support.hostile_values import HOSTILE, TOO_LARGE
from tests.support.posthog_server import PostHogServer

ARGUMENTS = ["user_id", "event", "properties", "timestamp", "anonymous_id", "message_id", "context", "integrations"]
FIELDS = {"type", "userId", "anonymousId", "event", "properties", "context", "integrations", "timestamp", "messageId"}


class Scene:
    """A client, the server that it sends to, and what was reported to on_error."""

    def __init__(self, server: PostHogServer) -> None:
        self.server = server
        self.reported: list[tuple[Exception, list[dict[str, Any]]]] = []
        self.client = Client("phc_key", server.url, upload_interval=0.01, on_error=lambda *of: self.reported.append(of))

    def arrived(self) -> dict[str, dict[str, Any]]:
        """All events by their uuid, once everything was sent."""
        assert self.client.flush(30)
        return {event["uuid"]: event for event in self.server.events}


@pytest.fixture(scope="module")
def _scene() -> Iterator[Scene]:
    with PostHogServer() as server:
        scene = Scene(server)
        yield scene
        scene.client.shutdown()
        assert not server.errors


@pytest.fixture
def scene(_scene: Scene) -> Scene:
    _scene.server.clear()
    _scene.reported.clear()
    return _scene


def test_the_tables_have_enough_values() -> None:
    assert len(HOSTILE) >= 45
    assert 10 <= len(TOO_LARGE) <= 15


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_property_costs_only_itself(name: str, scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Its event arrives with the other properties, or is reported as too large. The events around it arrive."""
    scene.client.track("u1", "Before")
    accepted, message = scene.client.track("u1", "Bought", {"good": 1, "bad": HOSTILE[name](), "good too": [2]})
    scene.client.track("u1", "After")

    events = {event["event"]: event["properties"] for event in scene.arrived().values()}
    assert {"Before", "After"} <= events.keys()
    if name in TOO_LARGE:
        assert (accepted, len(events)) == (False, 2)
        assert [(type(error), messages) for error, messages in scene.reported] == [(MessageTooLarge, [message])]
        assert message.keys() == FIELDS
    else:
        assert (accepted, scene.reported) == (True, [])
        properties = events["Bought"]
        assert (properties["good"], properties["good too"]) == (1, [2])
        # The server insists on strict JSON, and got what the message says.
        assert properties.get("bad") == json.loads(
            json.dumps(message["properties"], default=lambda date: date.isoformat())
        ).get("bad")
    assert SECRET not in caplog.text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_argument_raises_only_invalid_message(
    name: str, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """For each argument, the call is refused, or its event arrives, or the message is reported to on_error."""
    accepted_ids, refused = [], []
    # The last two are dicts like properties, and large ones take long.
    for argument in ARGUMENTS[:6] if name in TOO_LARGE else ARGUMENTS:
        arguments: dict[str, Any] = {
            "user_id": "u1",
            "event": "Bought",
            "message_id": argument,
            argument: HOSTILE[name](),
        }
        try:
            accepted, message = scene.client.track(**arguments)
        except InvalidMessage as error:
            refused.append(str(error))
            continue
        assert message.keys() == FIELDS
        assert all(type(message[name]) is dict for name in ("properties", "context", "integrations"))
        if accepted:
            accepted_ids.append(message["messageId"])
        else:
            assert scene.reported.pop()[1] == [message]
    scene.client.track("u1", "After", message_id="after")

    arrived = scene.arrived()
    assert len(arrived) == len({*accepted_ids, "after"})
    assert all(type(event["distinct_id"]) is str and event["distinct_id"] for event in arrived.values())
    assert scene.reported == []
    assert all(text.startswith("track") for text in refused)
    assert SECRET not in caplog.text + str(refused)


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in TOO_LARGE])
def test_hostile_traits_and_groups_raise_only_invalid_message(name: str, scene: Scene) -> None:
    calls = {
        "identify": lambda bad: scene.client.identify("u1", bad),
        "group": lambda bad: scene.client.group("u1", "g1", bad),
        "group_id": lambda bad: scene.client.group("u1", bad),
        "previous_id": lambda bad: scene.client.alias(bad, "u1"),
        "page": lambda bad: scene.client.page("u1", bad, "Home"),
        "screen": lambda bad: scene.client.screen("u1", "Docs", bad),
    }
    accepted = 0
    for call in calls.values():
        try:
            accepted += call(HOSTILE[name]())[0]
        except InvalidMessage:
            continue
    assert len(scene.arrived()) == accepted
    assert len(scene.reported) <= len(calls) - accepted


GIGANTIC: dict[str, Callable[[], Any]] = {
    "numpy.broadcast_to": lambda: np.broadcast_to(0.0, 50_000_000),
    "a numpy array in a list": lambda: [1, [np.broadcast_to(0, (10_000, 10_000))]],
    "a memoryview of it": lambda: memoryview(np.broadcast_to(np.int8(0), 500_000_000)),
    "bytes": lambda: bytes(300_000_000),
    "a long text": lambda: "ü" * 100_000_000,
    "a subclass of dict": lambda: OrderedDict.fromkeys(range(2_000_000)),
}


@pytest.mark.parametrize("name", GIGANTIC)
def test_a_value_that_says_how_large_it_is_is_asked_before_anything_is_made_of_it(name: str) -> None:
    value = GIGANTIC[name]()
    client = Client("phc_key", "http://127.0.0.1:1", max_queue_size=5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    assert client.track("u1", "Bought", {"value": value})[0] is False
    assert time.process_time() - begun < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB
    assert client.stats()["refused"] == 1
    client.shutdown()


def test_an_array_of_many_numbers_that_fit_is_sent() -> None:
    client = Client("phc_key", send=False)
    value = np.zeros(100_000, dtype=np.int8)
    assert client.track("u1", "Bought", {"value": value})[1]["properties"] == {"value": [0] * 100_000}


AT_THE_EDGE = """
import inspect, json, logging, os, sys
from decimal import Decimal
from analytics_posthog import Client
texts = []
handler = logging.Handler()
handler.emit = lambda record: texts.append(record.getMessage())
logging.getLogger().addHandler(handler)

def at_depth(levels, call):
    return call() if levels <= 0 else at_depth(levels - 1, call)

value = {"end": [Decimal(1)]}
for _ in range(60):
    value = {"in": value, "other": {1, 2}}
cut, silent = 0, []
for room in range(20, 400, 6):
    del texts[:]
    with Client("phc_key", os.environ["URL"]) as client:
        try:
            depth = sys.getrecursionlimit() - room - len(inspect.stack(0))
            accepted, message = at_depth(depth, lambda: client.track("u1", "Bought", value))
        except RecursionError:  # no room for the call itself
            continue
    if accepted and json.dumps(message["properties"]).count("in") < 60:
        cut += 1
        if "left out" not in "".join(texts):
            silent.append(room)
print(cut, silent)
"""


def test_a_value_that_is_cut_at_the_stack_s_edge_is_warned_of(posthog_server: PostHogServer) -> None:
    done = run_python("-c", AT_THE_EDGE, URL=posthog_server.url)
    cut, _, silent = done.stdout.strip().partition(" ")
    assert (int(cut) > 0, silent) == (True, "[]"), done.stderr[-2000:]
