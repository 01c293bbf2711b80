"""Compares a message with what a test expects, path by path. Pure."""

from __future__ import annotations

import ast
import difflib
import linecache
from collections.abc import Iterator, Mapping, Sized
from contextlib import suppress
from datetime import date, datetime, timezone
from numbers import Number
from typing import Any, Final
from uuid import UUID

from .._message import Pass, clean_dict, guess_timezone, kind_name, parse_time, stringify_id

Differences = list[tuple[str, str]]  # path, text

_IDS: Final = frozenset(["userId", "anonymousId", "previousId", "groupId", "messageId"])
_MAX_SHOWN: Final = 300  # characters of a value
_UNFIT: Final = object()

__tracebackhide__ = True  # pytest's way to leave frames out of a failure's traceback, and unittest's
__unittest = True


def differences(
    field: str, expected: Any, message: dict[str, Any], path: str, *, exact: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield the differences between a message's field and what is expected.

    Keys that are not expected count only with `exact`.

    `path` is the field's name in the text. An expected value is an equal one, or a function that takes the value and
    returns a bool. The function's errors are raised; so is TypeError if it doesn't return a bool.
    """
    actual = message.get(field)
    if field in _IDS and isinstance(expected, (Number, UUID)):
        expected = stringify_id(expected)
    moment = _moment(expected) if field == "timestamp" else None
    if moment is None:
        yield from _walk(expected, actual, path, exact)
    elif moment != _moment(actual):
        yield from _differ(path, expected, actual)


def shown(value: Any) -> str:
    """Return a value as a failure shows it; a function by its name, a lambda as it is written."""
    try:
        text = _text(value)
    except Exception:  # a value whose repr fails must not hide the difference
        text = f"a {kind_name(value)}"
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}... ({len(text)} characters)"


def _text(value: Any) -> str:
    if type(value) is dict:
        return f"{{{', '.join(f'{key!r}: {_text(each)}' for key, each in value.items())}}}"
    if type(value) is list:
        return f"[{', '.join(map(_text, value))}]"
    name = getattr(value, "__qualname__", None) if callable(value) else None
    return _source_of(value) or name if isinstance(name, str) else repr(value)


def _source_of(function: Any) -> str | None:
    """Return a lambda as it is written, or its whole line if that has more than one; None for what has a name."""
    if getattr(function, "__name__", "") != "<lambda>":
        return None
    code = function.__code__
    line = linecache.getline(code.co_filename, code.co_firstlineno).strip()
    if not line or line.count("lambda") != 1:
        return line or None
    text = line[line.index("lambda") :]
    for end in range(len(text), 0, -1):
        with suppress(SyntaxError):
            if isinstance(ast.parse(text[:end], mode="eval").body, ast.Lambda):
                return text[:end].strip()
    return line


def nearness(name: object, other: object) -> float:
    """Return how similar two names are: 1.0 for equal ones, 0.0 for nothing in common."""
    return 1.0 if name == other else difflib.SequenceMatcher(None, str(name).lower(), str(other).lower()).ratio()


def _walk(expected: Any, actual: Any, path: str, exact: bool) -> Iterator[tuple[str, str]]:
    if isinstance(expected, Mapping) and isinstance(actual, dict):
        names = [key if isinstance(key, str) else next(iter(clean_dict({key: None}, Pass()))) for key in expected]
        for name, value in zip(names, expected.values(), strict=True):
            if name in actual:
                yield from _walk(value, actual[name], f"{path}.{name}", exact)
            else:
                yield f"{path}.{name}", f"expected {shown(value)}, but it is missing{_perhaps(name, actual)}"
        for name in [name for name in actual if exact and name not in names]:
            yield f"{path}.{name}", f"not expected, got {shown(actual[name])}"
    elif isinstance(expected, (list, tuple)) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield path, f"expected {len(expected)} items, got {len(actual)}: {shown(actual)}"
        for index, (value, item) in enumerate(zip(expected, actual, strict=False)):
            yield from _walk(value, item, f"{path}[{index}]", exact)
    elif not _will_do(expected, actual, path):
        yield from _differ(path, expected, actual)


def _differ(path: str, expected: Any, actual: Any) -> Differences:
    """Return a difference, with the types if the values look the same: 5 and '5'."""
    wanted, got = shown(expected), shown(actual)
    if wanted.strip("'\"") == got.strip("'\"") or isinstance(expected, bool) or isinstance(actual, bool):
        wanted, got = f"{wanted} ({type(expected).__name__})", f"{got} ({type(actual).__name__})"
    elif type(expected) is str and type(actual) is str and max(len(expected), len(actual)) > 60:
        pairs = enumerate(zip(expected, actual, strict=False))
        at = next((index for index, (a, b) in pairs if a != b), min(len(expected), len(actual)))
        got += f" (they differ from character {at} on: {expected[at : at + 20]!r}, {actual[at : at + 20]!r})"
    return [(path, f"expected {wanted}, got {got}")]


def _perhaps(name: str, actual: dict[str, Any]) -> str:
    """Return a hint at a key that may have been meant."""
    near = difflib.get_close_matches(name, list(actual), 1)
    return f"; there is {near[0]!r}" if near else ""


def _will_do(expected: Any, actual: Any, path: str) -> bool:
    numbers = (bool, int, float)
    if type(expected) in numbers and type(actual) in numbers and (type(expected) is bool) != (type(actual) is bool):
        return False  # in JSON, and to PostHog, true is not 1
    if _equal(expected, actual):
        return True
    if callable(expected) and not isinstance(expected, type):
        answer = expected(actual)
        if not isinstance(answer, bool):  # a Mock answers a Mock, which is true
            got = f"{shown(expected)} answered a {kind_name(answer)}, not True or False"
            raise TypeError(f"{path}: {got}. Expect a value, or a function that returns a bool")
        return answer
    cleaned = _cleaned(expected)
    return cleaned is not _UNFIT and bool(cleaned == _cleaned(actual))


def _equal(expected: Any, actual: Any) -> bool:
    """Whether two values are equal. An array's == returns an array, or raises; other classes may do so too."""
    try:
        answer = expected == actual
        return not isinstance(answer, Sized) and bool(answer)
    except Exception:
        return False


def _cleaned(value: Any) -> Any:
    """Return a value as a message has it, so that a test may expect the UUID or the Decimal of the call."""
    if isinstance(value, date):
        return value.isoformat()
    return clean_dict({"value": value}, Pass()).get("value", _UNFIT)


def _moment(value: Any) -> datetime | None:
    """Return a time as a message has it, in milliseconds; None if the value is not a time."""
    moment = parse_time(value) if isinstance(value, str) else value
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=timezone.utc)
    if not isinstance(moment, datetime) or moment != moment:  # pandas.NaT is a datetime that equals nothing
        return None
    return guess_timezone(moment.replace(microsecond=moment.microsecond // 1000 * 1000))
