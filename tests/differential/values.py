"""The values that are given to every argument: what apps pass, what they pass by mistake, and what is hostile."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import fractions
import pathlib
import types
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

import numpy


class Colour(enum.Enum):
    RED = "red"
    NONE = None


class Number(enum.IntEnum):
    ONE = 1


class Name(str):
    """A subclass, as template engines and i18n have."""


class Count(int):
    """A subclass of a number."""


class Traits(dict[str, Any]):
    """A subclass of dict."""


@dataclasses.dataclass
class Plan:
    name: str = "team"


class Falsy:
    def __bool__(self) -> bool:
        return False


class Hostile:
    """Fails at whatever is asked of it."""

    def __str__(self) -> str:
        raise RuntimeError("str")

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise RuntimeError("bool")


def _circle() -> dict[str, Any]:
    circle: dict[str, Any] = {"a": 1}
    circle["itself"] = circle
    return circle


def _deep(levels: int) -> dict[str, Any]:
    deep: dict[str, Any] = {}
    for _ in range(levels):
        deep = {"a": deep}
    return deep


def _generator() -> Iterator[int]:
    yield 1


_DAY: Final = dt.date(2024, 2, 29)
_MOMENT: Final = dt.datetime(2024, 2, 29, 12, 30, 15, 123456)
_ZONE: Final = dt.timezone(dt.timedelta(hours=5, minutes=30))

# Made anew for each call, because a client may change what it is given.
VALUES: Final[dict[str, Callable[[], Any]]] = {
    "None": lambda: None,
    "''": lambda: "",
    "' '": lambda: " ",
    "'text'": lambda: "text",
    "a long text": lambda: "x" * 5000,
    "text with a NUL": lambda: "a\0b",
    "emoji": lambda: "\N{GRINNING FACE}",
    "a lone surrogate": lambda: "a\ud800b",
    "digits": lambda: "42",
    "an ISO time": lambda: "2024-02-29T12:30:15Z",
    "no time": lambda: "yesterday",
    "a str subclass": lambda: Name("name"),
    "an empty str subclass": lambda: Name(""),
    "bytes": lambda: b"text",
    "no bytes": lambda: b"",
    "bytes that are no text": lambda: b"\xff",
    "a bytearray": lambda: bytearray(b"a"),
    "a memoryview": lambda: memoryview(b"a"),
    "0": lambda: 0,
    "1": lambda: 1,
    "-1": lambda: -1,
    "2**70": lambda: 2**70,
    "an int subclass": lambda: Count(5),
    "0.0": lambda: 0.0,
    "1.5": lambda: 1.5,
    "1e400": lambda: 1e400,
    "nan": lambda: float("nan"),
    "a complex number": lambda: 1j,
    "True": lambda: True,
    "False": lambda: False,
    "a Decimal": lambda: Decimal("9.99"),
    "Decimal 0": lambda: Decimal(0),
    "Decimal nan": lambda: Decimal("nan"),
    "a Fraction": lambda: fractions.Fraction(1, 3),
    "a UUID": lambda: uuid.UUID(int=5),
    "a date": lambda: _DAY,
    "a time": lambda: dt.time(12, 30),
    "a timedelta": lambda: dt.timedelta(seconds=90),
    "a naive datetime": lambda: _MOMENT,
    "an aware datetime": lambda: _MOMENT.replace(tzinfo=_ZONE),
    "a datetime in UTC": lambda: _MOMENT.replace(tzinfo=dt.timezone.utc),
    "the first datetime": lambda: dt.datetime.min,
    "the last datetime": lambda: dt.datetime.max,
    "an Enum": lambda: Colour.RED,
    "an Enum of None": lambda: Colour.NONE,
    "an IntEnum": lambda: Number.ONE,
    "{}": dict,
    "a dict": lambda: {"a": 1, "b": [True, None]},
    "a dict with a None": lambda: {"a": None},
    "a dict with int keys": lambda: {1: "a"},
    "a dict with a None key": lambda: {None: "a"},
    "a dict with a tuple key": lambda: {(1, 2): "a"},
    "a dict with an empty key": lambda: {"": "a"},
    "a dict with an Enum key": lambda: {Colour.RED: "a"},
    "a dict of values": lambda: {"id": uuid.UUID(int=5), "at": _MOMENT, "price": Decimal("9.99"), "on": _DAY},
    "a dict of strange values": lambda: {"object": object(), "set": {1}, "bytes": b"a", "nan": float("nan")},
    "a dict of an Enum": lambda: {"colour": Colour.RED},
    "a dict of a generator": lambda: {"g": _generator()},
    "a dict of a function": lambda: {"f": len},
    "a dict of a hostile value": lambda: {"h": Hostile(), "a": 1},
    "a dict of text that is no UTF-8": lambda: {"t": "a\ud800"},
    "a dict subclass": lambda: Traits(a=1),
    "an OrderedDict": lambda: collections.OrderedDict(a=1),
    "a defaultdict": lambda: collections.defaultdict(list, a=[1]),
    "a UserDict": lambda: collections.UserDict(a=1),
    "a mappingproxy": lambda: types.MappingProxyType({"a": 1}),
    "a dict of 2,000 keys": lambda: {f"k{number}": number for number in range(2000)},
    "a dict of 40 kB": lambda: {"text": "x" * 40_000},
    "a dict of 40 levels": lambda: _deep(40),
    "a dict of 5,000 levels": lambda: _deep(5000),
    "a circle": _circle,
    "[]": list,
    "a list": lambda: ["a", 1, None],
    "a list of dicts": lambda: [{"a": 1}],
    "a tuple": lambda: (1, 2),
    "()": tuple,
    "a set": lambda: {1},
    "a frozenset": lambda: frozenset({1}),
    "a range": lambda: range(3),
    "a deque": lambda: collections.deque([1]),
    "a generator": _generator,
    "a dataclass": Plan,
    "a SimpleNamespace": lambda: types.SimpleNamespace(a=1),
    "a path": lambda: pathlib.PurePosixPath("a/b"),
    "a numpy int": lambda: numpy.int64(5),
    "a numpy float": lambda: numpy.float64(0.5),
    "a numpy bool": lambda: numpy.bool_(True),
    "a numpy array": lambda: numpy.array([1, 2]),
    "an exception": lambda: ValueError("a"),
    "a function": lambda: len,
    "a class": lambda: Plan,
    "an object": object,
    "a falsy object": Falsy,
    "a hostile object": Hostile,
    "NotImplemented": lambda: NotImplemented,
    "...": lambda: ...,
}
