"""The time of a call: reads a timestamp that the app gave, or takes the present time.

It is written as Segment's client does, in ISO 8601 with milliseconds and a zone: `2026-01-02T03:04:05.678+00:00`.
"""

from __future__ import annotations

import re
import time
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day
from typing import Any, Final

from .._interrupts import is_interrupt
from ..errors import InvalidMessage
from .kinds import describe

# datetime.fromisoformat() of Python 3.10 reads no "Z", and only 3 or 6 digits of a second.
_ISO_8601: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,9}))?)?\s?(?:([Zz])|([+-]\d\d):?(\d\d)?)?", re.ASCII
)
_JUST_NOW: Final = timedelta(seconds=5)


def now_text() -> str:
    """Return the present time as text."""
    global _second
    # Rounded to microseconds, because a frozen clock in tests counts in floats.
    seconds, microseconds = divmod((time.time_ns() + 500) // 1000, 1_000_000)
    second = _second
    if second[0] != seconds:
        second = _second = (seconds, datetime.fromtimestamp(seconds, timezone.utc).isoformat()[:19])
    return f"{second[1]}.{microseconds // 1000:03d}+00:00"


_second: tuple[int, str] = (-1, "")  # the last second and its text, which is made once a second


def timestamp_text(call: str, value: Any) -> str:
    """Return a call's timestamp as text; a date is its midnight in UTC. Raises InvalidMessage."""
    moment = parse_time(str.__str__(value)) if isinstance(value, str) else value
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime.combine(moment, time_of_day(), timezone.utc)
    if isinstance(moment, datetime) and moment == moment:  # pandas.NaT is a datetime that does not equal itself
        try:
            moment = guess_timezone(moment)
            offset = moment.utcoffset()
            if offset is not None and offset % timedelta(minutes=1):  # ISO 8601 has no seconds in an offset
                moment = moment.astimezone(timezone.utc)
            return datetime.isoformat(moment, timespec="milliseconds")
        except Exception as error:
            if is_interrupt(error):
                raise
            raise InvalidMessage(f"{call}: the timestamp's time zone doesn't work. Pass a datetime in UTC") from error
    expected = "timestamp must be a datetime, a date or an ISO 8601 string"
    raise InvalidMessage(f"{call}: {expected}, got {describe(value)}. Leave it out for the time of the call")


def parse_time(value: str) -> datetime | None:
    """Return the time in an ISO 8601 text, in UTC if the text has no zone. Return None for any other text."""
    match = _ISO_8601.fullmatch(value.strip())
    if match is None:
        return None
    day, minutes, seconds, fraction, utc, hours_off, minutes_off = match.groups()
    zone = "+00:00" if utc else f"{hours_off}:{minutes_off or '00'}" if hours_off else ""
    microseconds = (fraction or "0")[:6].ljust(6, "0")
    try:
        parsed = datetime.fromisoformat(f"{day}T{minutes or '00:00'}{seconds or ':00'}.{microseconds}{zone}")
    except ValueError:
        return None
    return parsed if zone else parsed.replace(tzinfo=timezone.utc)


def guess_timezone(moment: datetime) -> datetime:
    """Return a datetime with a zone. A naive one is local time if it is 0 to 5 s old (`datetime.now()`), else UTC.

    Segment's client also reads naive times in the future as local ones: it moves `utcnow()` by hours west of Greenwich.
    """
    if not is_naive(moment):
        return moment
    moment = moment.replace(tzinfo=None)
    if timedelta() <= datetime.now() - moment <= _JUST_NOW:
        return moment.astimezone()
    return moment.replace(tzinfo=timezone.utc)


def is_naive(moment: datetime) -> bool:
    """Whether a datetime has no time zone."""
    return moment.tzinfo is None or moment.utcoffset() is None
