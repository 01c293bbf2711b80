"""Values that an app may hand over by mistake, or that somebody made to break a call.

`HOSTILE` maps a name to a function that makes the value anew, because some are used up by the first who touches them.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import io
import sys
import threading
import unittest.mock
import weakref
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np

from tests.support.hostile_classes import (
    METHODS,
    Accepts,
    Box,
    DumpsItself,
    Empty,
    Endless,
    EndlessMapping,
    FieldsRefuse,
    HasEverything,
    HasNoneOfItsKeys,
    Model,
    Nameless,
    NoPairs,
    NoZone,
    Refuses,
    Says,
    TextOnce,
    ZoneOnce,
    an_error_with_its_frames,
    box_in_itself,
    change_dict,
    changed_by_a_thread,
    changed_while_read,
    claiming,
    in_itself,
    nested,
    numbers,
    refuse,
    refusing,
    released,
    two_in_each_other,
)

MB = 1 << 20

HOSTILE: dict[str, Callable[[], Any]] = {
    # too large
    "2 MB of ASCII": lambda: "x" * (2 * MB),
    "2 MB of letters that aren't ASCII": lambda: "\u00e9" * MB,
    "200,000 lone surrogates": lambda: "\ud800" * 200_000,
    "2 MB of bytes": lambda: b"\xff" * (2 * MB),
    "a key of 2 MB": lambda: {"k" * (2 * MB): 1},
    "300,000 numbers": lambda: list(range(300_000)),
    "a range without bounds": lambda: range(sys.maxsize),
    "a sequence without end": Endless,
    "a sequence without end, of nothing that fits": lambda: Endless(object()),
    "a mapping without end": EndlessMapping,
    "10**30 lists, each ten times the next": lambda: nested(30, lambda inner: [inner] * 10, []),
    "10**30 dicts": lambda: nested(30, lambda inner: {str(number): inner for number in range(10)}, {}),
    "10**30 tuples of bytes": lambda: nested(30, lambda inner: (inner,) * 10, b""),
    "2**99 dataclasses": lambda: nested(99, lambda inner: Box([inner, inner]), Empty()),
    # as large as still goes
    "100,000 control characters": lambda: "\x00" * 100_000,
    # cycles and depth
    "a list in itself": lambda: in_itself([], list.append),
    "a dict in itself": lambda: in_itself({}, lambda value, inside: value.update(a=inside)),
    "two dicts in each other": two_in_each_other,
    "a deque in itself": lambda: in_itself(collections.deque(), collections.deque.append),
    "a dataclass in itself": box_in_itself,
    "an array in itself": lambda: in_itself(np.empty(1, dtype=object), lambda array, inside: array.fill([inside])),
    "a model that dumps itself": DumpsItself,
    "an Enum whose value is itself": lambda: Says.ITSELF,
    "3,000 lists": lambda: nested(3000, lambda inner: [inner]),
    "3,000 dicts": lambda: nested(3000, lambda inner: {"a": inner}),
    "3,000 dataclasses": lambda: nested(3000, Box),
    "3,000 mappings": lambda: nested(3000, lambda inner: collections.ChainMap({"a": inner})),
    # numbers
    "NaN": lambda: float("nan"),
    "an infinity": lambda: -float("inf"),
    "a signalling NaN": lambda: Decimal("sNaN"),
    "a Decimal beyond all floats": lambda: Decimal("1E+999999"),
    "an integer of 5,000 digits": lambda: 10**5000,
    "a Fraction beyond all floats": lambda: Fraction(10**400),
    "a complex number": lambda: 1j,
    "numpy's NaN": lambda: np.array([np.nan, np.inf, np.longdouble("1e4000")]),
    # strings
    "a lone surrogate": lambda: "\udc00\ud800",
    "a key that is a lone surrogate": lambda: {"\ud800": "\ud83d\ude00"},
    "a str that refuses all": lambda: refusing(str, " ".join(METHODS), "isascii", "encode", "strip")("x"),
    "bytes that refuse all": lambda: refusing(bytes, "bytes len iter getitem", "decode")(b"x"),
    "memory that was given back": released,
    # what is used up by reading
    "a generator": lambda: (number for number in range(3)),
    "an iterator": lambda: iter([1, 2]),
    "an asynchronous generator": numbers,
    "a file": lambda: io.BytesIO(b"text"),
    # what no JSON can hold
    "a function": lambda: refuse,
    "a class": lambda: Box,
    "a module": lambda: sys,
    "a lock": threading.Lock,
    "an exception": an_error_with_its_frames,
    "an object": object,
    # what raises when it is touched
    "an object whose repr raises": refusing(object, "repr str"),
    "an object that refuses all": refusing(object),
    "a key that refuses all but its hash": lambda: {refusing(object, "repr str bool len iter getattribute")(): 1},
    "a __class__ that raises": type("Classless", (), {"__class__": property(refuse)}),
    "a dict that refuses all": lambda: refusing(
        dict, "iter getitem len contains bool eq repr", "items", "keys", "values", "copy", "get"
    )(a=1),
    "a list that refuses all": lambda: refusing(list, "iter getitem len contains bool eq repr")([1]),
    "an int that refuses all": lambda: refusing(int, "int index bool repr str eq hash", "bit_length")(7),
    "a float that refuses all": lambda: refusing(float, "float int bool repr str eq ne hash sub")(7),
    "an Enum whose value raises": lambda: Refuses.VALUE,
    "a dataclass without its field": lambda: object.__new__(dataclasses.make_dataclass("Gone", ["field"])),
    "a pydantic model whose field raises": lambda: Model(inside=1),
    "attrs fields that raise": FieldsRefuse,
    "a dead weak reference": lambda: weakref.proxy(Box()),
    # liars
    "a mapping that has none of its keys": HasNoneOfItsKeys,
    "a mapping whose items are no pairs": NoPairs,
    **{
        f"an object that claims to be a {kind.__name__}": functools.partial(claiming, kind)
        for kind in (str, int, float, bool, dict)
    },
    **{
        f"an object that claims to be a {kind.__name__}": functools.partial(claiming, kind)
        for kind in (list, datetime, date, Decimal)
    },
    **{
        f"an object that claims to be a {kind.__name__}": functools.partial(claiming, kind)
        for kind in (UUID, enum.Enum, bytes, type)
    },
    "a dict that claims to be a UUID": lambda: type("Claims", (dict,), {"__class__": property(lambda _: UUID)})(a=1),
    "a mock of a dict": lambda: unittest.mock.MagicMock(spec=dict),
    "an object that says yes to all": Accepts,
    "an object of a class that has everything": lambda: object.__new__(HasEverything("Everything", (), {})),
    "an object of a class without a name": lambda: object.__new__(Nameless("Secret", (), {})),
    "a key of a class without a name": lambda: {object.__new__(Nameless("Secret", (), {"__str__": refuse})): 1},
    "a date whose text can be had once": lambda: TextOnce(2026, 1, 2),
    "a date whose text is a number": lambda: type("Number", (date,), {"isoformat": lambda _: 5})(2026, 1, 2),
    "a time zone that answers once": lambda: datetime(2026, 1, 2, tzinfo=ZoneOnce()),
    "a time zone that raises": lambda: datetime(2026, 1, 2, tzinfo=NoZone()),
    "a number that claims to be numpy's": type("Fake", (), {"__module__": "numpy", "tolist": lambda self: self}),
    # what changes during the call
    "a dict that grows while it is read": changed_while_read,
    "an OrderedDict that grows while it is read": lambda: changed_while_read(collections.OrderedDict),
    "a dict changed by a thread": lambda: changed_by_a_thread({}, change_dict),
    "a defaultdict changed by a thread": lambda: changed_by_a_thread(collections.defaultdict(int), change_dict),
    "a list changed by a thread": lambda: changed_by_a_thread(
        [], lambda value, number: value.append(number) if number % 2 else value.clear()
    ),
    "a set changed by a thread": lambda: changed_by_a_thread(
        set(), lambda value, number: value.symmetric_difference_update({number % 9})
    ),
}

# Those that no event can hold; each of the others costs at most itself.
TOO_LARGE = frozenset(list(HOSTILE)[: list(HOSTILE).index("100,000 control characters")])
