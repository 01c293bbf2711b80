"""The six calls with each value in each argument, and random calls: what both clients answer, raise and make of it."""

from __future__ import annotations

import copy
import json
import math
import random
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import segment.analytics.client
from segment.analytics.request import DatetimeSerializer

import analytics_posthog

from .values import VALUES

ARGUMENTS: Final[dict[str, dict[str, Any]]] = {
    "track": {"user_id": "u1", "event": "Bought", "properties": {"a": 1}},
    "identify": {"user_id": "u1", "traits": {"a": 1}},
    "page": {"user_id": "u1", "category": "Docs", "name": "Home", "properties": {"a": 1}},
    "screen": {"user_id": "u1", "category": "Docs", "name": "Home", "properties": {"a": 1}},
    "group": {"user_id": "u1", "group_id": "g1", "traits": {"a": 1}},
    "alias": {"previous_id": "a1", "user_id": "u1"},
}
COMMON: Final = ("context", "timestamp", "integrations", "message_id")


class Case(NamedTuple):
    """A call: its name, and by argument the name of its value, or "as usual"."""

    call: str
    values: dict[str, str]

    def arguments(self) -> dict[str, Any]:
        """Return the arguments, made anew."""
        usual = ARGUMENTS[self.call]
        made = {name: copy.copy(usual[name]) for name in usual if name not in self.values}
        return {**made, **{name: VALUES[value]() for name, value in self.values.items()}}


class Seen(NamedTuple):
    """What a client did: the answer, or the exception's name, and what the message is on the wire."""

    answer: str
    wire: Any = None


def arguments_of(call: str) -> tuple[str, ...]:
    """Return all that a call takes."""
    own = tuple(ARGUMENTS[call])
    return (*own, *COMMON) if call == "alias" else (*own, *COMMON, "anonymous_id")


def each_value() -> Iterator[Case]:
    """Yield each call with each value in each of its arguments; ids by themselves too."""
    for call in ARGUMENTS:
        for name in arguments_of(call):
            for value in VALUES:
                yield Case(call, {name: value})
        if call != "alias":
            for value in VALUES:
                yield Case(call, {"user_id": "None", "anonymous_id": value})


def random_calls(count: int, seed: int = 12) -> Iterator[Case]:
    """Yield calls with several values at once."""
    dice = random.Random(seed)
    names = list(VALUES)
    for _ in range(count):
        call = dice.choice(list(ARGUMENTS))
        chosen = dice.sample(arguments_of(call), dice.randint(2, 4))
        yield Case(call, {name: dice.choice(names) for name in chosen})


def both(case: Case) -> tuple[Seen, Seen]:
    """Return what Segment's client does with a call, and what ours does."""
    return seen(case, _THEIRS), seen(case, _OURS)


def seen(case: Case, client: Any) -> Seen:
    arguments = case.arguments()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            accepted, message = getattr(client, case.call)(**arguments)
    except Exception as error:
        # Ours is a subclass of what Segment's raises, so `except AssertionError` goes on working.
        return Seen("AssertionError" if isinstance(error, AssertionError) else type(error).__name__)
    return Seen(str(accepted), _on_the_wire(message))


# Neither sends: what is compared is the call. The deliveries are in scenarios.py.
_THEIRS: Final = segment.analytics.client.Client("key", send=False)
_OURS: Final = analytics_posthog.Client("key", send=False, on_error=lambda *_: None)
_NEW: Final[dict[str, Callable[[str], bool]]] = {
    "messageId": lambda text: re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None,
    "timestamp": lambda text: re.fullmatch(r"20(2[6-9]|[3-9]\d)-.*", text) is not None,
}


def _on_the_wire(message: dict[str, Any]) -> Any:
    """Return a message as its JSON says; the exception's name if it has none. What is made up anew is "new"."""
    try:
        wire = json.loads(json.dumps(message, cls=DatetimeSerializer), parse_constant=str)
    except Exception as error:
        return type(error).__name__
    for name, is_new in _NEW.items():
        if isinstance(wire.get(name), str) and is_new(wire[name]):
            wire[name] = "new"
    wire.get("context", {}).get("library", {}).pop("version", None)
    return _rounded(wire)


def _rounded(value: Any) -> Any:
    """Numbers as JSON has them: 1 and 1.0 are the same."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
