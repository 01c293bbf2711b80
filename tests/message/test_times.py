"""A call's timestamp: which times are taken, as which instant, and which are refused."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any

import numpy as np
import pytest
from freezegun import freeze_time

from analytics_posthog import Client, InvalidMessage
from analytics_posthog._message import guess_timezone

SECRET = "4111 1111 1111 1111"
WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, timezone(timedelta(hours=2)))


@pytest.fixture
def client() -> Client:
    return Client("phc_key", send=False)


class NoTime(datetime):
    """Like pandas.NaT, a datetime that does not even equal itself."""

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Moment(datetime):
    """Like pandas.Timestamp, a datetime whose text has more digits than Segment's."""

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
    "", "now", "12:00", "2026-13-01", "2026-02-30", "2026-01-02T25:00", "2026-01-02T03:04:05+99:00",
    "2026-01-02T03:04:60Z", "20260102", "2026-01-02T03:04:05.1234567890Z", "٢٠٢٦-01-02", "1767323045", 1767323045,
    1767323045.5, True, b"2026-01-02", ["2026-01-02"], timedelta(1), NoTime(2026, 1, 2),
    datetime(2026, 1, 2, tzinfo=BrokenZone()), np.datetime64("2026-01-02"), SECRET,
]  # fmt: skip


@pytest.mark.parametrize(
    "garbage", GARBAGE, ids=lambda value: str(value)[:32] if not isinstance(value, datetime) else type(value).__name__
)
def test_an_error_names_the_type_of_a_value_that_is_not_a_time(garbage: Any, client: Client) -> None:
    with pytest.raises(InvalidMessage, match=r"^track: (the )?timestamp.*(Leave it out|Pass a datetime)") as raised:
        client.track("u1", "Bought", timestamp=garbage)
    assert SECRET not in str(raised.value)


@pytest.fixture(params=["PST8PDT,M3.2.0,M11.1.0", "UTC0", "IST-5:30"])
def _zone(request: pytest.FixtureRequest) -> Iterator[None]:
    """A machine west of Greenwich, one at Greenwich, and one east of it."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


@pytest.mark.usefixtures("_zone")
def test_a_naive_time_is_local_if_it_is_a_few_seconds_old_and_utc_otherwise(client: Client) -> None:
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


@pytest.mark.usefixtures("_zone")
@pytest.mark.parametrize("_zone", ["PST8PDT,M3.2.0,M11.1.0"], indirect=True)
def test_a_naive_time_is_local_for_exactly_five_seconds() -> None:
    with freeze_time("2026-01-02 12:00:00"):
        now, moment = datetime.now(), timedelta(microseconds=1)
        offsets = [
            guess_timezone(naive).utcoffset()
            for naive in (now + moment, now, now - timedelta(seconds=5), now - timedelta(seconds=5) - moment)
        ]
    assert offsets == [timedelta(), timedelta(hours=-8), timedelta(hours=-8), timedelta()]
