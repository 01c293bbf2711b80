"""The six calls in an app's code: each one's event in PostHog, the ids and properties that it passes, its risks."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import libcst as cst

from .._delivery import MAX_EVENT_SIZE
from .._message import FORMS, Calls
from ..convert import EVENTS, MAX_GROUP_KEY, NO_USER, to_posthog, wanted
from ..errors import InvalidMessage
from .names import INSTANCE, Names
from .risks import Risk
from .values import (
    UNKNOWN,
    Constants,
    Known,
    dict_items,
    is_text_of_visitor,
    known,
    least_bytes,
    left_out,
    may_be_blank,
)

_PARAMETERS: Final = {
    call: [name for name in inspect.signature(getattr(Calls, call)).parameters if name != "self"] for call in FORMS
}
_DICTS: Final = ("properties", "traits")
_SEGMENT_MOST: Final = 32 * 1024  # bytes of a message in Segment's client
_FIELDS: Final = {
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "previous_id": "previousId",
    "group_id": "groupId",
}


class CallSite(NamedTuple):
    """A call in the code. `event` is the name or pattern that is known; `posthog` the name of the event in PostHog."""

    file: str
    line: int
    column: int
    call: str
    event: str | None
    posthog: str
    ids: list[str]
    properties: list[str]
    whole: bool  # all properties are known
    risks: list[Risk]


def call_of(found: str | None) -> str | None:
    """Return which of the six calls a name of Segment's is; None: it is none of them."""
    if found is None:
        return None
    before, _, name = found.rpartition(".")
    return name if name in FORMS and before in ("", INSTANCE, "client.Client", "Client") else None


def call_site(node: cst.Call, call: str, names: Names, constants: Constants) -> CallSite:
    """Return what a call becomes."""
    source = names.source
    arguments, whole = _arguments(node, call, names, constants)
    risks = list(_risks(call, arguments, whole, constants))
    event = arguments.get("event" if call == "track" else "name")
    shown = None if event is None else event.pattern or (str(event.value) if event.value is not UNKNOWN else None)
    items = _items(arguments, constants)
    return CallSite(
        str(source.path),
        source.line(node),
        source.span(node)[0] - source.line_start(node) + 1,
        call,
        shown,
        _posthog_name(call, arguments, shown),
        [name for name in _FIELDS if name in arguments and arguments[name].value is not None],
        sorted(items[0]),
        whole and items[1],
        risks,
    )


def _arguments(node: cst.Call, call: str, names: Names, constants: Constants) -> tuple[dict[str, Known], bool]:
    """Return the arguments by their parameters, and whether there are no others (`*args`, `**fields`)."""
    found, whole = {}, True
    free = iter(_PARAMETERS[call])
    for argument in node.args:
        if argument.star:
            whole = False
            continue
        name = argument.keyword.value if argument.keyword is not None else next(free, None)
        if name is not None:
            found[name] = known(names.source.code(argument.value), constants)
    return found, whole


def _posthog_name(call: str, arguments: dict[str, Known], shown: str | None) -> str:
    fixed = EVENTS[call]
    if fixed is None:
        return shown or "(made at run time)"
    user_id = arguments.get("user_id")
    return NO_USER if call == "identify" and (user_id is None or user_id.value in (None, "")) else fixed


def _items(arguments: dict[str, Known], constants: Constants) -> tuple[dict[str, ast.expr], bool]:
    """Return the properties or traits by their keys, and whether these are all."""
    for name in _DICTS:
        if name in arguments:
            return dict_items(arguments[name].tree)
    return {}, True


def _risks(call: str, arguments: dict[str, Known], whole: bool, constants: Constants) -> Iterator[Risk]:
    if not whole:
        yield Risk.of("arguments-at-run-time")
    yield from _risks_of_name(call, arguments, whole)
    yield from _risks_of_ids(call, arguments, whole, constants)
    items, _ = _items(arguments, constants)
    for key in items:
        if key.startswith("$") or key == "distinct_id":
            yield Risk.of("property-collides", key=key)
    for argument, key, value in _values(arguments):
        kind = left_out(value)
        if kind is not None:
            yield Risk.of("value-left-out", key=f"{argument}.{key}", type=kind)
    size = sum(least_bytes(each.tree) for each in arguments.values())
    if size > MAX_EVENT_SIZE:
        yield Risk.of("too-large", size=str(size // 1024), most=str(MAX_EVENT_SIZE // 1024))
    elif size > _SEGMENT_MOST:
        yield Risk.of("large", size=str(size // 1024))
    integrations = arguments.get("integrations")
    if integrations is not None and not wanted({"integrations": integrations.value}):
        yield Risk.of("kept-away")


def _values(arguments: dict[str, Known]) -> Iterator[tuple[str, str, ast.expr]]:
    """Yield each value in a dict in the code, with the argument's name and the key's path."""
    for name, argument in arguments.items():
        waiting = [("", argument.tree)] if argument.tree is not None else []
        while waiting:
            path, tree = waiting.pop()
            for key, value in dict_items(tree)[0].items():
                inner = f"{path}{key}"
                yield name, inner, value
                waiting.append((f"{inner}.", value))


def _risks_of_name(call: str, arguments: dict[str, Known], whole: bool) -> Iterator[Risk]:
    event = arguments.get("event")
    if call != "track" or (event is None and not whole):
        return
    if event is None or event.value in (None, ""):
        yield Risk.of("no-name")
    elif event.value is UNKNOWN:
        yield Risk.of("name-at-run-time", name=event.pattern or event.code[:60])
    elif not isinstance(event.value, str):
        yield Risk.of("name-no-text")


def _risks_of_ids(call: str, arguments: dict[str, Known], whole: bool, constants: Constants) -> Iterator[Risk]:
    needed = FORMS[call].needed or ("userId", "anonymousId")
    given = [name for name in _FIELDS if name in arguments and arguments[name].value not in (None, "")]
    missing = [name for name, field in _FIELDS.items() if field in needed and name not in given]
    if whole and (missing if FORMS[call].needed else len(missing) == len(needed)):
        yield Risk.of("no-id", ids=" and no ".join(missing))
    for name in given:
        argument = arguments[name]
        yield from _risks_of_id(call, name, argument, len(given) == 1, constants)


def _risks_of_id(call: str, name: str, argument: Known, alone: bool, constants: Constants) -> Iterator[Risk]:
    if argument.value is UNKNOWN:
        if alone and may_be_blank(argument.tree, constants):
            yield Risk.of("id-may-be-blank", id=name)
        if is_text_of_visitor(argument.tree):
            yield Risk.of("id-none-as-text", id=name)
        return
    if not isinstance(argument.value, (str, int, float)) or isinstance(argument.value, bool):
        yield Risk.of("id-no-id", id=name)
    elif isinstance(argument.value, str) and not argument.value.strip():
        yield Risk.of("id-may-be-blank", id=name)
    elif name == "group_id":
        if len(str(argument.value)) > MAX_GROUP_KEY:
            yield Risk.of("group-id-long", most=str(MAX_GROUP_KEY))
    elif _is_refused(argument.value):
        yield Risk.of("id-refused", id=name, value=str(argument.value)[:40])
    elif name in ("user_id", "anonymous_id"):
        yield Risk.of("id-fixed", id=name)


def _is_refused(value: Any) -> bool:
    """Whether the conversion leaves this id out of a merge."""
    refused: list[str] = []
    try:
        to_posthog(
            {"type": "alias", "userId": f"not {value}", "previousId": value}, warn=lambda key, text: refused.append(key)
        )
    except InvalidMessage:
        return True
    return bool(refused)
