"""The fast pass over a message's values gives the same copy as the full pass, or gives up."""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from analytics_posthog._message import plain as _plain
from analytics_posthog._message.plain import MAX_SIZE, PAIR_COST, WIDEST, plain_copy
from analytics_posthog._message.values import Pass, clean_dict
from tests.support.hostile_values import HOSTILE
from tests.support.kinds_of_values import KINDS

_SHARED = [1, 2]
PLAIN: dict[str, dict[str, Any]] = {
    "nothing": {},
    "one of each": {
        "s": "text",
        "i": -5,
        "f": 0.25,
        "t": True,
        "n": None,
        "d": {"a": [1, "b", {}]},
        "l": [[], {"c": None}, 2.5, False],
    },
    "no ASCII": {"name": "Zoë \U0001f600", "names": ["é"], "in": {"deeper": "ü"}},
    "lone surrogates": {"name": "\ud800a", "names": ["\udfff"]},
    "JSON's own characters": {"a": '"\\\n\x00</script>'},
    "large numbers": {"i": [2**62, -(2**62)], "f": [1.7976931348623157e308, 5e-324]},
    "dates and UUIDs": {
        "d": date(2026, 1, 2),
        "naive": datetime(2026, 1, 2, 3),
        "utc": [datetime(2026, 1, 2, tzinfo=timezone.utc)],
        "zone": datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        "u": UUID(int=7),
    },
    "the same list twice": {"a": _SHARED, "b": _SHARED},
}
NOT_PLAIN: dict[str, dict[Any, Any]] = {
    "NaN": {"a": float("nan")},
    "an infinity": {"a": [float("inf")]},
    "a large integer": {"a": 2**64},
    "a datetime of another zone": {"a": datetime(2026, 1, 2, tzinfo=ZoneInfo("UTC"))},
    "a UUID of another class": {"a": {"b": [type("Id", (UUID,), {})(int=1)]}},
    "a Decimal": {"a": Decimal(1)},
    "a tuple": {"a": (1, 2)},
    "an OrderedDict": {"a": OrderedDict(b=1)},
    "a str of another class": {"a": type("Text", (str,), {})("x")},
    "a key that is a number": {1: "a"},
    "a key that is not ASCII": {"a": {"é": 1}},
    "a key of another class": {type("Text", (str,), {})("x"): 1},
    "an object": {"a": object()},
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_dict_is_copied_as_the_full_pass_copies_it(name: str) -> None:
    value = PLAIN[name]
    before = repr(value)
    found = plain_copy(value, 0)
    assert found is not None
    copy, size = found
    assert repr(copy) == repr(clean_dict(value, Pass()))  # True is 1, and 1.0 too
    if name != "JSON's own characters":  # JSON escapes these, which takes up to six characters
        assert size + len("{}") >= len(json.dumps(copy, default=str))
    assert repr(value) == before


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_it_gives_up_at_a_value_of_another_type(name: str) -> None:
    assert plain_copy(NOT_PLAIN[name], 0) is None


def test_a_copy_shares_no_dict_and_no_list() -> None:
    value: dict[str, Any] = {"d": {"l": [{}]}}
    found = plain_copy(value, 0)
    assert found is not None
    value["d"]["l"][0]["new"] = value["d"]["l"].append(1)
    assert found[0] == {"d": {"l": [{}]}}


def test_it_adds_to_the_given_size() -> None:
    empty, some = plain_copy({}, 7), plain_copy({"a": "b"}, 7)
    assert empty is not None
    assert some is not None
    assert (empty[1], some[1] - plain_copy({"a": "b"}, 0)[1]) == (7, 7)  # type: ignore[index]


@pytest.mark.parametrize(
    "value",
    [{"a": dict.fromkeys(map(str, range(MAX_SIZE // 20)))}, {"a": [0] * (MAX_SIZE // 20)}],
    ids=["dict", "list"],
)
def test_it_gives_up_above_the_size_limit(value: dict[str, Any]) -> None:
    assert plain_copy(value, 0) is None


def test_the_size_limit_itself_is_not_too_much() -> None:
    text = "\u00e9" * ((MAX_SIZE - PAIR_COST) // WIDEST)
    key = "k" * (MAX_SIZE - PAIR_COST - WIDEST * len(text))
    assert plain_copy({key: text}, 0) == ({key: text}, MAX_SIZE)
    assert plain_copy({key: text}, 1) is None


def test_long_texts_above_the_size_limit_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(_plain, "text", lambda value: looked_at.append(value) or value)
    assert plain_copy({"value": ["\u00e9" * 100_000] * 1000}, 0) is None
    assert len(looked_at) < 10


def test_it_gives_up_when_a_key_s_own_code_raises() -> None:
    class Key(str):
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            raise RuntimeError

    value: dict[str, Any] = {"gone": 1, "a": 2}
    value[Key("x")] = 3
    del value["gone"]
    assert plain_copy(value, 0) is None
    assert plain_copy({"value": value}, 0) is None


def test_the_size_of_short_texts_is_not_estimated_far_too_high() -> None:
    found = plain_copy({"tags": ["tag"] * 1000, "numbers": [1.5] * 1000}, 0)
    assert found is not None
    assert found[1] < 4 * len(json.dumps(found[0]))


@pytest.mark.parametrize(
    "name", [name for name in (*HOSTILE, *KINDS) if "thread" not in name]
)  # a thread changes those between the two
def test_for_any_value_it_agrees_with_the_full_pass_or_gives_up(name: str) -> None:
    made = HOSTILE[name]() if name in HOSTILE else KINDS[name][0]
    found = plain_copy({"value": made}, 0)
    if found is not None:
        assert repr(found[0]) == repr(clean_dict({"value": made}, Pass()))
