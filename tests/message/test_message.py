"""The message that a call answers is Segment's own client's, and what cannot become one is refused with a reason."""

from __future__ import annotations

import copy
import os
import re
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
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
def test_the_answer_is_segment_s(call: str) -> None:
    """The whole answer: by position, by name, and with nothing but what must be there."""
    theirs, ours = of_both(call, *CALLS[call].values(), "m1")
    assert ours == theirs == of_both(call, **CALLS[call], message_id="m1")[1]
    assert list(ours[1]) == list(theirs[1])
    theirs, ours = of_both(call, **LEAST[call], message_id="m1")
    assert ours == theirs


@pytest.mark.parametrize("empty", EMPTY, ids=repr)
@pytest.mark.parametrize("call", CALLS)
def test_an_empty_argument_is_segment_s_too(call: str, empty: Any) -> None:
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
def test_each_way_to_say_who_is_segment_s(ids: dict[str, Any]) -> None:
    for call in CALLS.keys() - {"alias"}:
        named = {**LEAST[call], "user_id": None, "message_id": "m1", **ids}
        theirs, ours = of_both(call, **named)
        assert ours == theirs


def test_what_is_left_out_is_made(client: Client) -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0)
    _, message = client.track("u1", "Bought")
    assert UUID(message["messageId"]).version == 4
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", message["timestamp"])
    assert before <= datetime.fromisoformat(message["timestamp"]) <= datetime.now(timezone.utc)
    assert client.track("u1", "Bought")[1]["messageId"] != message["messageId"]


# Timestamps


class NoTime(datetime):
    """As pandas.NaT: a datetime that equals nothing, not itself either."""

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Moment(datetime):
    """As pandas.Timestamp: a datetime whose text has more digits than Segment's."""

    def isoformat(self, *_: Any, **__: Any) -> str:
        return super().isoformat(timespec="microseconds") + "789"


class BrokenZone(tzinfo):
    def utcoffset(self, _: Any) -> timedelta:
        raise RuntimeError(SECRET)


NOON = datetime(2026, 1, 2, 12)  # now
TIMESTAMPS: list[tuple[Any, str]] = [
    (None, "2026-01-02T12:00:00.000+00:00"),
    (WHEN, "2026-01-02T03:04:05.678+02:00"),
    (WHEN.replace(tzinfo=timezone(timedelta(hours=5, minutes=45))), "2026-01-02T03:04:05.678+05:45"),
    (WHEN.replace(tzinfo=timezone(timedelta(seconds=30))), "2026-01-02T03:03:35.678+00:00"),
    (Moment(2026, 1, 2, 3, 4, 5, 678901, timezone.utc), "2026-01-02T03:04:05.678+00:00"),
    (NOON - timedelta(hours=8), "2026-01-02T04:00:00.000+00:00"),
    (NOON, "2026-01-02T12:00:00.000+00:00"),
    (NOON + timedelta(days=400), "2027-02-06T12:00:00.000+00:00"),
    (datetime.min, "0001-01-01T00:00:00.000+00:00"),
    (datetime.max, "9999-12-31T23:59:59.999+00:00"),
    (date(2026, 1, 2), "2026-01-02T00:00:00.000+00:00"),
    ("2026-01-02", "2026-01-02T00:00:00.000+00:00"),
    ("2026-01-02T03:04", "2026-01-02T03:04:00.000+00:00"),
    ("2026-01-02T03:04:05", "2026-01-02T03:04:05.000+00:00"),
    ("2026-01-02 03:04:05", "2026-01-02T03:04:05.000+00:00"),
    ("  2026-01-02T03:04:05Z\n", "2026-01-02T03:04:05.000+00:00"),
    ("2026-01-02t03:04:05z", "2026-01-02T03:04:05.000+00:00"),
    ("2026-01-02T03:04:05 +02:00", "2026-01-02T03:04:05.000+02:00"),
    ("2026-01-02T03:04:05-0330", "2026-01-02T03:04:05.000-03:30"),
    ("2026-01-02T03:04:05+02", "2026-01-02T03:04:05.000+02:00"),
    ("2026-01-02T03:04:05,5Z", "2026-01-02T03:04:05.500+00:00"),
    ("2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.100+00:00"),
    ("2026-01-02T03:04:05.12Z", "2026-01-02T03:04:05.120+00:00"),
    *((f"2026-01-02T03:04:05.{'123456789'[:digits]}Z", "2026-01-02T03:04:05.123+00:00") for digits in range(3, 10)),
    (type("Text", (str,), {"strip": None})("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05.000+00:00"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), TIMESTAMPS, ids=lambda value: str(value)[:32])
def test_a_timestamp_becomes(given: Any, expected: str, client: Client) -> None:
    with freeze_time("2026-01-02 12:00:00"):
        assert client.track("u1", "Bought", timestamp=given)[1]["timestamp"] == expected


GARBAGE: list[Any] = [
    "", "now", "12:00", "2026-13-01", "2026-02-30", "2026-01-02T25:00", "2026-01-02T03:04:05+99:00", "2026-01-02T03:04:60Z", "20260102",
    "2026-01-02T03:04:05.1234567890Z", "٢٠٢٦-01-02", "1767323045", 1767323045, 1767323045.5, True, b"2026-01-02", ["2026-01-02"],
    timedelta(1), NoTime(2026, 1, 2), datetime(2026, 1, 2, tzinfo=BrokenZone()), np.datetime64("2026-01-02"), SECRET,
]  # fmt: skip


@pytest.mark.parametrize(
    "garbage", GARBAGE, ids=lambda value: str(value)[:32] if not isinstance(value, datetime) else type(value).__name__
)
def test_what_is_no_time_is_refused_by_its_type(garbage: Any, client: Client) -> None:
    with pytest.raises(InvalidMessage, match=r"^track: (the )?timestamp.*(Leave it out|Pass a datetime)") as raised:
        client.track("u1", "Bought", timestamp=garbage)
    assert SECRET not in str(raised.value)


@pytest.fixture(params=["PST8PDT,M3.2.0,M11.1.0", "UTC0", "IST-5:30"])
def _zone(request: pytest.FixtureRequest) -> Iterator[None]:
    """A machine west of Greenwich, in it, and east of it."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


@pytest.mark.usefixtures("_zone")
def test_a_naive_time_is_local_if_it_is_now_and_else_in_utc(client: Client) -> None:
    here, there = datetime.now(), datetime.now(timezone.utc).replace(tzinfo=None)
    second = timedelta(seconds=1)
    for naive, expected in [
        (here, here.astimezone()),
        (here - 2 * second, (here - 2 * second).astimezone()),
        (here - 6 * second, (here - 6 * second).replace(tzinfo=timezone.utc)),
        (here + 60 * second, (here + 60 * second).replace(tzinfo=timezone.utc)),
        (there, there.replace(tzinfo=timezone.utc)),
    ]:
        taken = client.track("u1", "Bought", timestamp=naive)[1]["timestamp"]
        assert datetime.fromisoformat(taken) == expected.replace(microsecond=expected.microsecond // 1000 * 1000)


# Ids

IDS: list[tuple[Any, str]] = [
    ("u1", "u1"), ("ü😀", "ü😀"), ("a\ud800b", "a\ufffdb"), (0, "0"), (7, "7"), (-1, "-1"), (10**40, f"{10**40}"), (0.0, "0.0"),
    (True, "True"), (Decimal("1.50"), "1.50"), (np.int64(0), "0"), (np.float64(1.5), "1.5"), (UUID(int=5), str(UUID(int=5))),
    (type("Text", (str,), {"__str__": lambda _: "other"})("u1"), "u1"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), IDS, ids=ascii)
def test_an_id_becomes_a_string_wherever_it_stands(given: Any, expected: str, client: Client) -> None:
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


def test_zero_is_an_id_and_the_anonymous_one_stands_beside_it(client: Client) -> None:
    message = client.track(0, "Bought", anonymous_id=0)[1]
    assert (message["userId"], message["anonymousId"]) == ("0", "0")


@pytest.mark.parametrize("nothing", [None, "", 0, [], {}, object()], ids=repr)
def test_a_message_id_that_says_nothing_is_made(nothing: Any, client: Client) -> None:
    message_id = client.track("u1", "Bought", message_id=nothing)[1]["messageId"]
    assert message_id == "0" if nothing == 0 and nothing is not None else UUID(message_id).version == 4


class ObjectId:
    def __str__(self) -> str:
        return "65a0"


def test_an_object_with_a_string_of_its_own_is_taken_where_segment_takes_it(client: Client) -> None:
    message = client.track("u1", "Bought", anonymous_id=ObjectId(), message_id=ObjectId())[1]
    assert (message["anonymousId"], message["messageId"]) == ("65a0", "65a0")


# Refusals

AN_ID = "a string, a number or a UUID that isn't empty"
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("track", {"event": "e"}, f"track needs user_id or anonymous_id: {AN_ID}, got nothing"),
    (
        "track",
        {"user_id": "", "anonymous_id": "", "event": "e"},
        f"track needs user_id or anonymous_id: {AN_ID}, got an empty string",
    ),
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
def test_a_wrong_type_is_refused_with_what_is_wrong_and_what_to_do(
    call: str, arguments: dict[str, Any], text: str, client: Client
) -> None:
    with pytest.raises(AssertionError) as raised:
        getattr(client, call)(**arguments)
    assert (type(raised.value), str(raised.value)) == (InvalidMessage, text)
    assert isinstance(raised.value, AnalyticsError)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"user_id": "u1", "event": " \n"}, "track needs an event name that isn't blank. Pass event='...'"),
        ({"user_id": "u1", "event": ""}, "track needs an event name that isn't blank. Pass event='...'"),
        ({"user_id": "  ", "event": "e"}, "track needs an id that isn't blank. Pass user_id or anonymous_id"),
    ],
)
def test_what_posthog_would_refuse_is_told_to_on_error_and_not_raised(arguments: dict[str, Any], text: str) -> None:
    told: list[Any] = []
    client = Client("phc_key", send=False, on_error=lambda *of: told.append(of))
    accepted, message = client.track(**arguments)
    ((error, messages),) = told
    assert (accepted, type(error), str(error), messages) == (False, InvalidMessage, text, [message])


def test_each_message_id_is_its_own(client: Client) -> None:
    assert len({client.track("u1", "Bought", message_id=uuid4())[1]["messageId"] for _ in range(50)}) == 50
