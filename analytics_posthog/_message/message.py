"""Makes Segment messages: checks what a call was given, fixes ids and time, cleans the values.

The form is that of Segment's Python client (https://segment.com/docs/connections/spec/common/). What it does not do: know
of PostHog, or send anything.
"""

from __future__ import annotations

import os
import re
import time
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day
from numbers import Number
from typing import Any, Final, TypeAlias
from uuid import UUID

from ..errors import InvalidMessage
from ..version import VERSION
from .plain import WIDEST, text
from .values import Pass, clean_field, kind_name

Message: TypeAlias = dict[str, Any]

_ID_TYPES: Final = (str, Number, UUID)
# What each call must have beside an id; Segment's client checks the same.
_ALL: Final = (("integrations", dict), ("context", dict))
_REQUIRED: Final[dict[str, tuple[tuple[str, type], ...]]] = {
    "track": (("properties", dict), ("event", str), *_ALL),
    "identify": (("traits", dict), *_ALL),
    "page": (("properties", dict), *_ALL),
    "screen": (("properties", dict), *_ALL),
    "group": (("traits", dict), *_ALL),
    "alias": _ALL,
}
_IDS: Final = dict.fromkeys(_REQUIRED, ("userId", "anonymousId")) | {
    "group": ("userId", "anonymousId", "groupId"),
    "alias": ("userId", "anonymousId", "previousId"),
}
_PLAIN: Final = frozenset(["type", "userId", "anonymousId", "previousId", "groupId", "event", "name", "category", "timestamp", "messageId"])
_FORM_SIZE: Final = 500  # bytes of JSON that every message has
# May be left out, but for track's event.
_TEXTS: Final = dict.fromkeys(_REQUIRED, ()) | {"track": ("event",), "page": ("name", "category"), "screen": ("name", "category")}
# datetime.fromisoformat() of Python 3.10 knows neither "Z" nor other than 3 or 6 digits of a second.
_ISO_8601: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,9}))?)?\s?(?:([Zz])|([+-]\d\d):?(\d\d)?)?", re.ASCII
)


def complete(message: Message, done: Pass) -> Message:
    """Return the clean, complete copy of what a call was given: checked, with messageId, timestamp and `context.library`.

    Raises InvalidMessage for a wrong type or a missing id. `done` knows the size afterwards, and what was left out.
    """
    try:
        return _complete(message["type"], message, done)
    except InvalidMessage:
        raise
    except Exception as error:  # an argument's own code runs in here: isinstance() asks it for its __class__
        why = f"an argument can't be read, it raises {kind_name(error)}"
        raise InvalidMessage(f"{message['type']}: {why}. Pass plain strings, numbers and dicts") from error


def _complete(call: str, message: Message, done: Pass) -> Message:
    _check_ids(call, message)
    for field, kind in _REQUIRED[call]:
        if not isinstance(message[field], kind):
            _raise(call, field, message[field], kind)
    made = dict(message)
    made.setdefault("anonymousId", None)  # alias has none, but a message does
    size = _FORM_SIZE
    for field in _IDS[call]:
        value = made[field]
        if value is not None:
            if type(value) is not str or not value.isascii():
                made[field] = value = None if value is False else stringify_id(value)
            size += WIDEST * len(value or "")
    for field in _TEXTS[call]:
        value = made[field]
        if isinstance(value, str):
            if type(value) is not str or not value.isascii():
                made[field] = value = text(str.__str__(value))
            size += WIDEST * len(value)
        elif value is not None:
            if or_empty(value):
                _raise(call, field, value, str)
            made[field] = clean_field(field, value, done)
    made["timestamp"] = _now() if message["timestamp"] is None else _timestamp(call, message["timestamp"])
    made["messageId"] = message_id = stringify_id(message["messageId"]) or new_id()
    done.size += size + WIDEST * len(message_id)
    for field, value in message.items():
        if field not in _PLAIN:  # the dicts, and what a subclass of Client has added
            made[field] = clean_field(field, value, done)
    made["context"]["library"] = {"name": "analytics-python", "version": VERSION}
    return made


def new_id() -> str:
    """Return a random UUID's text, as str(uuid.uuid4()) does in three times the time."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:]}"


_VARIANTS: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def or_empty(value: Any) -> Any:
    """Return {} for what is empty, as Segment's `value or {}`, also where an object's truth is a question that raises."""
    try:
        return value or {}
    except Exception:  # numpy arrays, for one; the check of the type then says what is wrong
        return value


def refusal(message: Message) -> str | None:
    """Say why PostHog would refuse this message, and its whole batch with it; None if it would not."""
    if message["type"] == "track" and not message["event"].strip():
        return "track needs an event name that isn't blank. Pass event='...'"
    if not (message["userId"] or message.get("anonymousId") or "").strip():
        return f"{message['type']} needs an id that isn't blank. Pass user_id or anonymous_id"
    return None


def stringify_id(value: Any) -> str | None:
    """Return an id as the string that Segment sends for it; None stays None, and so becomes what has no string."""
    if value is None:
        return None
    try:
        if not isinstance(value, _ID_TYPES) and getattr(type(value), "__str__") is object.__str__:  # noqa: B009 for mypy
            return None  # a list or a dataclass: what repr() makes of it is no id, and may be gigabytes
        return text(str.__str__(value if isinstance(value, str) else str(value)))
    except Exception:  # an object's own __str__ may raise; such an id says nothing
        return None


def is_naive(moment: datetime) -> bool:
    """Whether a datetime has no time zone."""
    return moment.tzinfo is None or moment.utcoffset() is None


def guess_timezone(moment: datetime) -> datetime:
    """Return a datetime that has a zone: a naive one is local time if it is 0 to 5 s old (`datetime.now()`), else UTC.

    Segment's client also takes naive times of the future for local ones, which moves `utcnow()` by hours west of Greenwich.
    """
    if not is_naive(moment):
        return moment
    moment = moment.replace(tzinfo=None)
    if timedelta() <= datetime.now() - moment <= timedelta(seconds=5):
        return moment.astimezone()
    return moment.replace(tzinfo=timezone.utc)


def _timestamp(call: str, value: Any) -> str:
    """Return a time in ISO 8601 with milliseconds and zone; a date is its midnight in UTC."""
    moment = parse_time(str.__str__(value)) if isinstance(value, str) else value
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime.combine(moment, time_of_day(), timezone.utc)
    if isinstance(moment, datetime) and moment == moment:  # pandas.NaT is a datetime that equals nothing
        try:
            moment = guess_timezone(moment)
            offset = moment.utcoffset()
            if offset is not None and offset % timedelta(minutes=1):  # ISO 8601 has no seconds in an offset
                moment = moment.astimezone(timezone.utc)
            return datetime.isoformat(moment, timespec="milliseconds")
        except Exception as error:
            raise InvalidMessage(f"{call}: the timestamp's time zone doesn't work. Pass a datetime in UTC") from error
    raise InvalidMessage(
        f"{call}: timestamp must be a datetime, a date or an ISO 8601 string, got {_kind(value)}. Leave it out for the time of the call"
    )


def _now() -> str:
    """Return the present time; what stays the same for a second is made once in it."""
    global _second
    seconds, microseconds = divmod((time.time_ns() + 500) // 1000, 1_000_000)  # rounded, as a frozen clock counts in floats
    second = _second
    if second[0] != seconds:
        second = _second = (seconds, datetime.fromtimestamp(seconds, timezone.utc).isoformat()[:19])
    return f"{second[1]}.{microseconds // 1000:03d}+00:00"


_second: tuple[int, str] = (-1, "")


def parse_time(value: str) -> datetime | None:
    """Return the moment that an ISO 8601 text names, in UTC where it has no zone; None if it is none."""
    match = _ISO_8601.fullmatch(value.strip())
    if match is None:
        return None
    day, minutes, seconds, fraction, utc, hours_off, minutes_off = match.groups()
    zone = "+00:00" if utc else f"{hours_off}:{minutes_off or '00'}" if hours_off else ""
    try:
        parsed = datetime.fromisoformat(f"{day}T{minutes or '00:00'}{seconds or ':00'}.{(fraction or '0')[:6].ljust(6, '0')}{zone}")
    except ValueError:
        return None
    return parsed if zone else parsed.replace(tzinfo=timezone.utc)


def _check_ids(call: str, message: Message) -> None:
    if call == "alias":
        _require_id(call, "previous_id", message["previousId"])
        _require_id(call, "user_id", message["userId"])
        return
    user_id = message["userId"]
    if type(user_id) is not str or not user_id:
        _require_id(call, "user_id or anonymous_id", user_id if _says_something(user_id) else message["anonymousId"], empty=False)
    if call == "group":
        _require_id(call, "group_id", message["groupId"])


def _says_something(value: Any) -> bool:
    """Whether an id is there. Segment's client takes 0 for none; here it's an id like any other."""
    return value is not None and value is not False and not (isinstance(value, str) and str.__str__(value) == "")


def _require_id(call: str, name: str, value: Any, empty: bool = True) -> None:
    if not isinstance(value, _ID_TYPES) or (not empty and not _says_something(value)):
        raise InvalidMessage(f"{call} needs {name}: a string, a number or a UUID that isn't empty, got {_kind(value)}")


def _raise(call: str, name: str, value: Any, kind: type) -> None:
    raise InvalidMessage(f"{call}: {name} must be a {kind.__name__}, got {_kind(value)}")


def _kind(value: Any) -> str:
    """Name a value's type, never the value: it may be anybody's data."""
    if value is None:
        return "nothing"
    return "an empty string" if isinstance(value, str) and not str.__str__(value) else f"a {kind_name(value)}"
