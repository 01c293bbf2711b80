"""One pass over a message's values: whatever the app passed in becomes a clean copy that JSON can hold.

It does not serialise: `date` and `datetime` stay objects, as in Segment's messages, and are written in ISO 8601 later.
The size is an estimate of the JSON text, and never below it, except for characters that JSON escapes.
"""

from __future__ import annotations

import dataclasses
import json
from collections import UserString, deque
from collections.abc import Iterable, Mapping, Sequence, Set, ValuesView
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from .._interrupts import is_interrupt
from .kinds import kind_name
from .plain import HIGHEST, LOWEST, MAX_SIZE, PAIR_COST, WIDEST, text
from .sizes import least_size

# PostHog's JSON parser stops at 128 levels, of which the batch and the event take a few.
MAX_DEPTH: Final = 100
# Each value also counts this much, so that a pass over very many values ends as soon as one over long values.
_CONTAINER_COST: Final = 16
_OTHER_COST: Final = 16
_LEFT_OUT_COST: Final = 64
_MAX_LEFT_OUT: Final = 100  # of one message; nobody reads a longer list
_MAX_PATH: Final = 200  # characters
_MAX_BITS: Final = 1023  # of a double; JSON parsers refuse a larger integer, or read it as infinity

_NO_COPY: Final = object()  # what JSON has no place for


class Pass:
    """The state of one pass: the size so far, the keys down to the current value, and the values left out."""

    __slots__ = ("keys", "left_out", "open", "size")

    def __init__(self) -> None:
        self.size = 0
        self.keys: list[str] = []
        self.open: list[int] = []  # ids of the containers around the current value, to detect a cycle
        self.left_out: list[tuple[str, str]] = []  # path of the key, name of the value's type

    def leave_out(self, key: str, value: object) -> None:
        """Note a value that JSON has no place for."""
        self.size += _LEFT_OUT_COST
        if len(self.left_out) < _MAX_LEFT_OUT:
            self.left_out.append((".".join([*self.keys, key])[:_MAX_PATH], kind_name(value)))

    def enters(self, container: object) -> bool:
        """Whether a container is to be copied: not inside itself, not too deep, and the copy not too large already."""
        if id(container) in self.open or len(self.open) >= MAX_DEPTH or self.size > MAX_SIZE:
            return False
        self.open.append(id(container))
        self.size += _CONTAINER_COST
        return True


def clean(item: Any) -> Any:
    """Return a copy of `item` that JSON can hold, or None if there is none. Segment's `utils.clean`."""
    cleaned = _walk(item, Pass())
    return None if cleaned is _NO_COPY else cleaned


def clean_dict(item: dict[Any, Any], done: Pass) -> dict[str, Any]:
    """Return a clean copy of a dict. Afterwards `done` has its size, and which keys were left out."""
    cleaned = _walk(item, done)
    return {} if cleaned is _NO_COPY else cleaned


def clean_field(name: str, item: Any, done: Pass) -> Any:
    """Return a clean copy of a message's field; None if JSON can't hold it, or {} for such a dict."""
    done.keys.append(name)
    cleaned = _walk(item, done)
    done.keys.pop()
    if cleaned is _NO_COPY and done.size <= MAX_SIZE:
        done.leave_out(name, item)
    if isinstance(item, dict) and type(cleaned) is not dict:
        return {}
    return None if cleaned is _NO_COPY else cleaned


def _walk(value: Any, done: Pass) -> Any:
    kind = type(value)
    if kind is str:
        if value.isascii():
            done.size += len(value) + 4
            return value
        done.size += WIDEST * len(value) + 4
        return text(value) if done.size <= MAX_SIZE else _NO_COPY
    if kind is bool or value is None:
        done.size += 7
        return value
    if kind is int:
        return _integer(value, done)
    if kind is float:
        done.size += 26
        return value if value - value == 0 else None
    keys, open_ = len(done.keys), len(done.open)
    try:
        if least_size(value, kind) > MAX_SIZE:  # asked before anything is made of it
            done.size += MAX_SIZE
            return _NO_COPY
        if kind is dict:
            return {} if not value else _mapping(value.copy().items(), done) if done.enters(value) else _NO_COPY
        if kind is list:
            return _sequence(value, done) if done.enters(value) else _NO_COPY
        return _other(value, done)
    except Exception as error:  # an object's own code may run above; when it raises, only that value is lost
        if is_interrupt(error):
            raise
        del done.keys[keys:], done.open[open_:]
        return _NO_COPY


def _mapping(items: Iterable[tuple[Any, Any]], done: Pass) -> dict[str, Any]:
    """Copy the container that `done.enters()` has just let in. Leave out what JSON has no place for, keep the rest."""
    copy: dict[str, Any] = {}
    size = done.size
    for key, value in items:
        if type(key) is not str or not key.isascii():
            key = _key(key)
        kind = type(value)
        # Most values are one of these, and need no call; _walk knows the rest.
        if kind is str and value.isascii():
            copy[key] = value
            size += len(value)
        elif (
            value is None
            or kind is bool
            or (kind is int and LOWEST < value < HIGHEST)
            or (kind is float and value - value == 0)
        ):
            copy[key] = value
        else:
            done.size = size
            done.keys.append(key)
            cleaned = _walk(value, done)
            done.keys.pop()
            if cleaned is not _NO_COPY:
                copy[key] = cleaned
            elif done.size <= MAX_SIZE:
                done.leave_out(key, value)
            size = done.size
        size += len(key) + PAIR_COST
        if size > MAX_SIZE:
            break
    done.size = size
    done.open.pop()
    return copy


def _sequence(items: Iterable[Any], done: Pass) -> list[Any]:
    """Copy the container that `done.enters()` has just let in. Leave out what JSON has no place for, keep the rest."""
    copy: list[Any] = []
    for value in items:
        if type(value) is str and value.isascii():
            copy.append(value)
            done.size += len(value) + 4
        else:
            done.size += 1
            cleaned = _walk(value, done)
            if cleaned is not _NO_COPY:
                copy.append(cleaned)
            elif done.size <= MAX_SIZE:
                done.leave_out("[]", value)
        if done.size > MAX_SIZE:
            break
    done.open.pop()
    return copy


def _integer(value: int, done: Pass) -> int | None:
    bits = value.bit_length()
    done.size += bits // 3 + 4
    return value if bits <= _MAX_BITS else None


def _key(key: Any) -> str:
    """Return a dict's key as a string: as json.dumps() writes it, else str(), else the name of its type."""
    try:
        return text(str.__str__(_key_text(key)))
    except Exception as error:  # a key's own __str__ may raise
        if is_interrupt(error):
            raise
        return f"<{kind_name(key)}>"


def _key_text(key: Any) -> str:
    if isinstance(key, Enum):
        key = key.value
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, (int, float)):
        return json.dumps(key)
    if isinstance(key, date):
        return key.isoformat()
    if isinstance(key, (bytes, bytearray)):
        return bytes(key).decode("utf-8", "replace")
    return str(key)


def _other(value: Any, done: Pass) -> Any:
    """Return the copy of a value of a type that JSON doesn't have, or `_NO_COPY`. May raise what the value raises."""
    done.size += _OTHER_COST
    if isinstance(value, type):
        return _NO_COPY
    if isinstance(value, Enum):
        return _walk(value.value, done)
    if isinstance(value, date):  # datetime too
        done.size += 40
        return None if value != value else _moment(value)  # pandas.NaT is a datetime that does not equal itself
    plain = _plain(value)
    if plain is not _NO_COPY:
        return _walk(plain, done)
    if not done.enters(value):
        return _NO_COPY
    fields = _fields(value)
    if fields is not None:
        return _mapping(fields, done)
    if isinstance(value, (Sequence, Set, deque, ValuesView)):
        return _sequence(value, done)
    done.open.pop()
    return _NO_COPY


def _moment(value: date) -> date:
    """Return a plain date or datetime with a fixed offset, so that the sending thread runs no code of the app's."""
    if not isinstance(value, datetime):
        return value if type(value) is date else date.fromordinal(date.toordinal(value))
    if type(value) is not datetime:
        value = datetime.combine(value, datetime.timetz(value))
    if type(value.tzinfo) is not timezone:
        offset = value.utcoffset()
        value = value.replace(tzinfo=None if offset is None else timezone(offset))
    return value


def _plain(value: Any) -> Any:
    """Return the same value in one of JSON's own types, or `_NO_COPY`."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, (Decimal, Fraction)):
        return float("nan") if isinstance(value, Decimal) and value.is_nan() else float(value)
    if isinstance(value, (UUID, UserString)):
        return str(value)
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "replace")
    if type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
        return _of_numpy(value)
    return _NO_COPY


def _of_numpy(value: Any) -> Any:
    # tolist() returns times finer than microseconds as integers.
    if value.dtype.str.endswith(("ns]", "ps]", "fs]", "as]")):
        value = value.astype(f"{value.dtype.kind}8[us]")
    plain = value.tolist()
    return float(plain) if type(plain) is type(value) else plain  # a longdouble's tolist() is itself


def _fields(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """Return a mapping's pairs, or the fields of a pydantic model, an attrs class or a dataclass; else None."""
    kind = type(value)
    if isinstance(value, Mapping):  # a dict is copied in one step: another thread may change it
        return dict.copy(value).items() if kind.items is dict.items else value.items()  # type: ignore[arg-type]
    if hasattr(kind, "model_dump"):  # pydantic 2
        return value.model_dump().items()  # type: ignore[no-any-return]
    if hasattr(kind, "__fields__") and hasattr(kind, "dict"):  # pydantic 1
        return value.dict().items()  # type: ignore[no-any-return]
    if hasattr(kind, "__attrs_attrs__"):
        return [(field.name, getattr(value, field.name)) for field in kind.__attrs_attrs__]
    if dataclasses.is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return None


def json_default(value: Any) -> str:
    """Write a date in ISO 8601, as both clients do. The `default` of json.dumps() for clean values."""
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} can't be sent as JSON")
