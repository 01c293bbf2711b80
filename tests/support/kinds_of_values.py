"""A value of every kind that an app may put into a dict, and what is to arrive for it."""

from __future__ import annotations

import array
import collections
import dataclasses
import enum
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pydantic


class Plan(enum.Enum):
    PRO = "pro"
    ENTERPRISE = Decimal("2.5")


class Tier(str, enum.Enum):
    GOLD = "gold"


class Level(enum.IntEnum):
    HIGH = 3


class Text(str):
    def __str__(self) -> str:
        return "not the text"

    __repr__ = __str__


class Whole(int):
    def __repr__(self) -> str:
        return "not the number"

    __str__ = __repr__


class Real(float):
    def __repr__(self) -> str:
        return "not the number"


class Day(date):
    pass


class Point(NamedTuple):
    x: int
    y: Decimal


@dataclasses.dataclass
class Item:
    sku: str
    price: Decimal
    made: date | None = None


@dataclasses.dataclass(frozen=True)
class Slotted:
    __slots__ = ("sku",)
    sku: str


@attrs.define
class Crate:
    item: Item
    weight: float = attrs.field(alias="kilos")


class Customer(pydantic.BaseModel):
    id: UUID
    joined: date
    tags: set[str] = set()
    item: Item | None = None


class OldModel:
    """As pydantic 1 makes its models."""

    __fields__ = {"name": None}

    def dict(self) -> dict[str, Any]:
        return {"name": "Ada", "plan": Plan.PRO}


ID = UUID("12345678-1234-5678-1234-567812345678")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901)

# What is handed over: what arrives.
KINDS: dict[str, tuple[Any, Any]] = {
    "str": ("Zoë 😀", "Zoë 😀"),
    "int": (2**64, 2**64),
    "float": (1.5, 1.5),
    "bool": ([True, False], [True, False]),
    "None": (None, None),
    "nested": ({"a": [{"b": ()}]}, {"a": [{"b": []}]}),
    "Decimal": (Decimal("9.90"), 9.9),
    "Decimal without a fraction": (Decimal(7), 7.0),
    "Fraction": (Fraction(1, 4), 0.25),
    "Enum": (Plan.PRO, "pro"),
    "Enum of a Decimal": (Plan.ENTERPRISE, 2.5),
    "str Enum": (Tier.GOLD, "gold"),
    "IntEnum": (Level.HIGH, 3),
    "UUID": (ID, str(ID)),
    "date": (date(2026, 1, 2), "2026-01-02"),
    "subclass of date": (Day(2026, 1, 2), "2026-01-02"),
    "naive datetime": (MOMENT, "2026-01-02T03:04:05.678901"),
    "datetime in UTC": (MOMENT.replace(tzinfo=timezone.utc), "2026-01-02T03:04:05.678901+00:00"),
    "datetime with an offset": (
        MOMENT.replace(tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        "2026-01-02T03:04:05.678901-03:30",
    ),
    "datetime in a time zone": (
        MOMENT.replace(month=7, tzinfo=ZoneInfo("Etc/GMT-2")),
        "2026-07-02T03:04:05.678901+02:00",
    ),
    "time": (time_of_day(3, 4, 5), "03:04:05"),
    "timedelta": (timedelta(minutes=1, milliseconds=500), 60.5),
    "bytes": (b"caf\xc3\xa9", "café"),
    "bytes that are no UTF-8": (b"\xff", "\ufffd"),
    "bytearray": (bytearray(b"abc"), "abc"),
    "memoryview": (memoryview(b"abcdef")[::2], "ace"),
    "set": ({1}, [1]),
    "frozenset": (frozenset({"a"}), ["a"]),
    "tuple": ((1, (2,)), [1, [2]]),
    "namedtuple": (Point(1, Decimal("2.5")), [1, 2.5]),
    "deque": (collections.deque([1, 2]), [1, 2]),
    "range": (range(3), [0, 1, 2]),
    "array": (array.array("i", [1, 2]), [1, 2]),
    "dict's keys": ({"a": 1}.keys(), ["a"]),
    "dict's values": ({"a": 1}.values(), [1]),
    "dict's items": ({"a": 1}.items(), [["a", 1]]),
    "UserList": (collections.UserList([1]), [1]),
    "UserString": (collections.UserString("abc"), "abc"),
    "MappingProxyType": (MappingProxyType({"a": 1}), {"a": 1}),
    "UserDict": (collections.UserDict(a=1), {"a": 1}),
    "ChainMap": (collections.ChainMap({"a": 1}, {"a": 2, "b": 3}), {"a": 1, "b": 3}),
    "OrderedDict": (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    "defaultdict": (collections.defaultdict(list, a=[1]), {"a": [1]}),
    "Counter": (collections.Counter("aa"), {"a": 2}),
    "dataclass": (Item("a1", Decimal("1.5"), date(2026, 1, 2)), {"sku": "a1", "price": 1.5, "made": "2026-01-02"}),
    "dataclass with slots": (Slotted("a1"), {"sku": "a1"}),
    "attrs": (Crate(Item("a1", Decimal(1)), 2.5), {"item": {"sku": "a1", "price": 1.0, "made": None}, "weight": 2.5}),
    "pydantic": (
        Customer(id=ID, joined=date(2026, 1, 2), tags={"new"}),
        {"id": str(ID), "joined": "2026-01-02", "tags": ["new"], "item": None},
    ),
    "pydantic 1": (OldModel(), {"name": "Ada", "plan": "pro"}),
    "numpy integer": (np.int64(7), 7),
    "numpy float": (np.float32(1.5), 1.5),
    "numpy double": (np.float64(1.5), 1.5),
    "numpy long double": (np.longdouble(1.5), 1.5),
    "numpy bool": (np.bool_(True), True),
    "numpy str": (np.str_("a"), "a"),
    "numpy day": (np.datetime64("2026-01-02"), "2026-01-02"),
    "numpy moment in nanoseconds": (np.datetime64("2026-01-02T03:04:05.678901234"), "2026-01-02T03:04:05.678901"),
    "numpy duration in nanoseconds": (np.timedelta64(1_500_000_000, "ns"), 1.5),
    "numpy's no time": (np.datetime64("NaT", "s"), None),
    "numpy array": (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    "numpy array of NaN": (np.array([1.5, np.nan]), [1.5, None]),
    "numpy array of times": (np.array(["2026-01-02"], "M8[ns]"), ["2026-01-02T00:00:00"]),
    "numpy record": (np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]), [[1, 2.5]]),
    "subclass of str": (Text("text"), "text"),
    "subclass of int": (Whole(7), 7),
    "subclass of float": (Real(1.5), 1.5),
    "NaN": (float("nan"), None),
    "infinity": ([float("inf"), float("-inf")], [None, None]),
    "NaN of a subclass": (Real("nan"), None),
    "Decimal NaN": ([Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")], [None, None, None]),
    "integer within a double": (10**200, 10**200),
    "integer beyond a double": (-(2**1024), None),
    "lone surrogate": ("a\ud83db", "a\ufffdb"),
    "surrogates in the wrong order": ("\ude00\ud83d", "\ufffd\ufffd"),
    "pair of surrogates": ("\ud83d\ude00", "😀"),
    "lone surrogate in a key": ({"\ud83d": 1, "\ud83d\ude00": 2}, {"\ufffd": 1, "😀": 2}),
    "keys as json.dumps has them": (
        {None: 1, True: 2, False: 3, 4: 4, 1.5: 5, float("nan"): 6, float("inf"): 7, Level.HIGH: 8, Tier.GOLD: 9},
        {"null": 1, "true": 2, "false": 3, "4": 4, "1.5": 5, "NaN": 6, "Infinity": 7, "3": 8, "gold": 9},
    ),
    "keys of subclasses": ({Text("a"): 1, Whole(2): 2, Real(2.5): 3}, {"a": 1, "2": 2, "2.5": 3}),
    "keys that json.dumps refuses": (
        {ID: 1, Decimal("1.5"): 2, date(2026, 1, 2): 3, b"b": 4, (1, 2): 5, Plan.PRO: 6},
        {str(ID): 1, "1.5": 2, "2026-01-02": 3, "b": 4, "(1, 2)": 5, "pro": 6},
    ),
}
