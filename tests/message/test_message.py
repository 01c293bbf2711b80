"""A call returns the same message as Segment's own client. Wrong arguments are refused with a reason."""

from __future__ import annotations

import copy
import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
import segment.analytics
from freezegun import freeze_time

from analytics_posthog import AnalyticsError, Client, InvalidMessage
from analytics_posthog.version import VERSION

SECRET = "4111 1111 1111 1111"
WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, timezone(timedelta(hours=2)))
CONTEXT = {"ip": "192.0.2.1", "page": {"url": "https://a.example/?utm_source=x"}, "library": "mine"}
VALUES = {
    "price": Decimal("9.5"),
    "tags": ("a", "b"),
    "at": WHEN,
    "n": 1,
    "nothing": None,
    "deep": [{"a": [1, 2.5, "c"]}],
}
ONLY_POSTHOG = {"All": False, "PostHog": True}

# The arguments of each call, in Segment's order, without message_id, which comes last.
LAST = {"context": CONTEXT, "timestamp": WHEN, "anonymous_id": "a1", "integrations": ONLY_POSTHOG}
CALLS: dict[str, dict[str, Any]] = {
    "track": {"user_id": "u1", "event": "Bought", "properties": VALUES, **LAST},
    "identify": {"user_id": "u1", "traits": VALUES, **LAST},
    "page": {"user_id": "u1", "category": "Docs", "name": "Home", "properties": VALUES, **LAST},
    "screen": {"user_id": "u1", "category": "Docs", "name": "Home", "properties": VALUES, **LAST},
    "alias": {"previous_id": "a1", "user_id": "u1", "context": CONTEXT, "timestamp": WHEN, "integrations": {}},
    "group": {"user_id": "u1", "group_id": "g1", "traits": VALUES, **LAST},
}
LEAST: dict[str, dict[str, Any]] = {
    "track": {"user_id": "u1", "event": "Bought"},
    "identify": {"user_id": "u1"},
    "page": {"user_id": "u1"},
    "screen": {"user_id": "u1"},
    "alias": {"previous_id": "a1", "user_id": "u1"},
    "group": {"user_id": "u1", "group_id": "g1"},
}
EMPTY: list[Any] = [None, {}, [], "", 0, False, ()]


@pytest.fixture
def client() -> Client:
    return Client("phc_key", send=False)


def of_both(call: str, *arguments: Any, **named: Any) -> tuple[Any, Any]:
    """What Segment's client and ours answer to a call, made at the same moment."""
    with freeze_time("2026-01-02 03:04:05.678901"):
        clients: list[Any] = [segment.analytics.Client("key", send=False), Client("phc_key", send=False)]
        theirs, ours = (getattr(client, call)(*copy.deepcopy(arguments), **copy.deepcopy(named)) for client in clients)
    theirs[1]["context"]["library"]["version"] = VERSION
    return theirs, ours


@pytest.mark.parametrize("call", CALLS)
def test_a_call_returns_what_segment_s_client_returns(call: str) -> None:
    """The whole answer: by position, by name, and with nothing but what must be there."""
    theirs, ours = of_both(call, *CALLS[call].values(), "m1")
    assert ours == theirs == of_both(call, **CALLS[call], message_id="m1")[1]
    assert list(ours[1]) == list(theirs[1])
    theirs, ours = of_both(call, **LEAST[call], message_id="m1")
    assert ours == theirs


@pytest.mark.parametrize("empty", EMPTY, ids=repr)
@pytest.mark.parametrize("call", CALLS)
def test_an_empty_argument_gives_segment_s_message(call: str, empty: Any) -> None:
    for argument in CALLS[call].keys() & {"properties", "traits", "context", "integrations", "category", "name"}:
        theirs, ours = of_both(call, **{**LEAST[call], argument: empty, "message_id": "m1"})
        assert ours == theirs, argument


@pytest.mark.parametrize(
    "ids",
    [
        {"anonymous_id": "a1"},
        {"user_id": "", "anonymous_id": "a1"},
        {"user_id": "u1", "anonymous_id": ""},
        {"user_id": 7},
    ],
)
def test_each_way_to_name_the_user_gives_segment_s_message(ids: dict[str, Any]) -> None:
    for call in CALLS.keys() - {"alias"}:
        named = {**LEAST[call], "user_id": None, "message_id": "m1", **ids}
        theirs, ours = of_both(call, **named)
        assert ours == theirs


def test_a_missing_message_id_and_timestamp_are_made(client: Client) -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0)
    _, message = client.track("u1", "Bought")
    assert UUID(message["messageId"]).version == 4
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", message["timestamp"])
    assert before <= datetime.fromisoformat(message["timestamp"]) <= datetime.now(timezone.utc)
    assert client.track("u1", "Bought")[1]["messageId"] != message["messageId"]


IDS: list[tuple[Any, str]] = [
    ("u1", "u1"), ("ü😀", "ü😀"), ("a\ud800b", "a\ufffdb"), (0, "0"), (7, "7"), (-1, "-1"), (10**40, f"{10**40}"),
    (0.0, "0.0"), (True, "True"), (Decimal("1.50"), "1.50"), (np.int64(0), "0"), (np.float64(1.5), "1.5"),
    (UUID(int=5), str(UUID(int=5))), (type("Text", (str,), {"__str__": lambda _: "other"})("u1"), "u1"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), IDS, ids=ascii)
def test_an_id_becomes_a_string_in_every_field(given: Any, expected: str, client: Client) -> None:
    for call, least in LEAST.items():
        for argument, field in (
            ("user_id", "userId"),
            ("previous_id", "previousId"),
            ("group_id", "groupId"),
            ("message_id", "messageId"),
        ):
            if argument in least or argument == "message_id":
                assert getattr(client, call)(**{**least, argument: given})[1][field] == expected
    message = client.track(None, "Bought", anonymous_id=given)[1]
    assert (message["userId"], message["anonymousId"]) == (None, expected)


def test_zero_is_an_id_for_user_id_and_for_anonymous_id(client: Client) -> None:
    message = client.track(0, "Bought", anonymous_id=0)[1]
    assert (message["userId"], message["anonymousId"]) == ("0", "0")


@pytest.mark.parametrize("nothing", [None, "", 0, [], {}, object()], ids=repr)
def test_an_empty_message_id_is_replaced_by_a_new_one(nothing: Any, client: Client) -> None:
    message_id = client.track("u1", "Bought", message_id=nothing)[1]["messageId"]
    assert message_id == "0" if nothing == 0 and nothing is not None else UUID(message_id).version == 4


class ObjectId:
    def __str__(self) -> str:
        return "65a0"


def test_an_object_with_its_own_str_is_an_id_where_segment_takes_one(client: Client) -> None:
    message = client.track("u1", "Bought", anonymous_id=ObjectId(), message_id=ObjectId())[1]
    assert (message["anonymousId"], message["messageId"]) == ("65a0", "65a0")


# Refusals

AN_ID = "a string, a number or a UUID that isn't empty"
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("track", {"event": "e"}, f"track needs user_id or anonymous_id: {AN_ID}, got nothing"),
    ("track", {"user_id": "", "event": "e"}, f"track needs user_id or anonymous_id: {AN_ID}, got nothing"),
    ("identify", {"user_id": [SECRET]}, f"identify needs user_id or anonymous_id: {AN_ID}, got a list"),
    ("page", {"user_id": False}, f"page needs user_id or anonymous_id: {AN_ID}, got nothing"),
    ("screen", {"user_id": {SECRET: 1}}, f"screen needs user_id or anonymous_id: {AN_ID}, got a dict"),
    ("group", {"user_id": "u1"}, f"group needs group_id: {AN_ID}, got nothing"),
    ("group", {"user_id": "u1", "group_id": {SECRET}}, f"group needs group_id: {AN_ID}, got a set"),
    ("alias", {"user_id": "u1"}, f"alias needs previous_id: {AN_ID}, got nothing"),
    ("alias", {"previous_id": "a1"}, f"alias needs user_id: {AN_ID}, got nothing"),
    ("track", {"user_id": "u1"}, "track: event must be a str, got nothing"),
    ("track", {"user_id": "u1", "event": [SECRET]}, "track: event must be a str, got a list"),
    ("track", {"user_id": "u1", "event": "e", "properties": SECRET}, "track: properties must be a dict, got a str"),
    ("track", {"user_id": "u1", "event": "e", "context": [SECRET]}, "track: context must be a dict, got a list"),
    ("track", {"user_id": "u1", "event": "e", "integrations": SECRET}, "track: integrations must be a dict, got a str"),
    ("identify", {"user_id": "u1", "traits": np.array([1, 2])}, "identify: traits must be a dict, got a ndarray"),
    ("group", {"user_id": "u1", "group_id": "g1", "traits": [(SECRET, 1)]}, "group: traits must be a dict, got a list"),
    ("page", {"user_id": "u1", "name": [SECRET]}, "page: name must be a str, got a list"),
    ("screen", {"user_id": "u1", "category": 5}, "screen: category must be a str, got a int"),
]


@pytest.mark.parametrize(("call", "arguments", "text"), REFUSED, ids=lambda value: str(value)[:40])
def test_an_error_says_what_is_wrong_and_what_to_do(
    call: str, arguments: dict[str, Any], text: str, client: Client
) -> None:
    with pytest.raises(AssertionError) as raised:
        getattr(client, call)(**arguments)
    assert (type(raised.value), str(raised.value)) == (InvalidMessage, text)
    assert isinstance(raised.value, AnalyticsError)


BLANK: list[tuple[str, dict[str, Any]]] = [
    *((call, {"anonymous_id": ""}) for call in ("identify", "track", "page", "screen", "group")),
    *((call, {"user_id": "", "anonymous_id": ""}) for call in ("identify", "track", "page", "screen", "group")),
    ("track", {"user_id": [], "anonymous_id": ""}),
    ("track", {"user_id": " "}),
    ("alias", {"previous_id": "a1", "user_id": ""}),
    ("group", {"user_id": "u1", "group_id": ""}),
]


@pytest.mark.parametrize(("call", "arguments"), BLANK, ids=str)
def test_a_blank_id_is_refused_and_reported_and_raises_nothing(call: str, arguments: dict[str, Any]) -> None:
    """As `cookies.get("ajs_anonymous_id", "")` gives one. Segment's client answers (True, message)."""
    whole = {**{"track": {"event": "e"}, "group": {"group_id": "g1"}}.get(call, {}), **arguments}
    assert getattr(segment.analytics.Client("phc_key", send=False), call)(**whole)[0] is True
    reported: list[Any] = []
    client = Client("phc_key", send=False, on_error=lambda *args: reported.append(args))
    accepted, message = getattr(client, call)(**whole)
    assert accepted is False
    ((error, messages),) = reported
    assert isinstance(error, InvalidMessage)
    assert "that isn't blank" in str(error)
    assert messages == [message]


def test_each_message_id_is_kept(client: Client) -> None:
    assert len({client.track("u1", "Bought", message_id=uuid4())[1]["messageId"] for _ in range(50)}) == 50
