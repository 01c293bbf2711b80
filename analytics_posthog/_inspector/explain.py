"""Explains an event to a person: which call made it, where each property comes from, and what looks wrong. Pure."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from .._origins import Path, why
from .._origins import origins as origins_of
from ..convert import Event
from .reverse import (
    LIB,
    SEGMENT,
    Reconstruction,
    call_of,
    distinct_id_of,
    is_of_request,
    is_ours,
    properties_of,
    reconstruct,
)
from .warnings import WARNING, warnings

LONGEST: Final = 200  # characters of a name or an id in the list; the detail shows more

CALL, IN_CONTEXT, MAPPING, CLIENT, POSTHOG = "call", "context", "mapping", "client", "posthog"
_ORDER: Final = (CALL, POSTHOG, MAPPING, IN_CONTEXT, CLIENT)
_TOP: Final = ("event", "distinct_id", "timestamp", "uuid")
_OF_CLIENT: Final = (CLIENT, "PostHog's client")
_OF_POSTHOG: Final = (POSTHOG, "captured without this package")
_OF_CONVERSION: Final = (MAPPING, "the conversion")
_OF_REQUEST: Final = (CLIENT, "PostHog's request context")


class Summary(NamedTuple):
    """What the list shows of an event.

    `arrived` is in seconds since 1970, `size` in bytes of JSON. `warnings` counts no notes. `again`: an event with this
    uuid came before. `note` is one more warning.
    """

    arrived: float
    call: str
    name: str
    who: str
    uuid: str
    size: int
    warnings: int
    again: bool
    note: str
    said_at: str  # the event's own time, in ISO 8601; "" without one
    place: str  # where in the app's code the call was made; "" if that isn't known


class Origin(NamedTuple):
    """A part of the event: `kind` is one of call, context, mapping, client, posthog; `source` says it in words."""

    name: str
    value: Any
    kind: str
    source: str


def uuid_of(event: Event) -> str:
    """Return an event's uuid, "" if it has none. Hyphens can make it very long, so it is cut."""
    return str(event.get("uuid") or "")[:LONGEST]


def summarize(event: Event, size: int, *, again: bool, note: str, now: float, place: str = "") -> Summary:
    """Return what the list shows of an event."""
    found = warnings(event, size, again=again, note=note)
    return Summary(
        arrived=now,
        call=call_of(event) or "posthog",
        name=_name(event)[:LONGEST],
        who=str(distinct_id_of(event))[:LONGEST],
        uuid=uuid_of(event),
        size=size,
        warnings=sum(warned.level == WARNING for warned in found),
        again=again,
        note=note,
        said_at=str(event.get("timestamp") or "")[:LONGEST],
        place=place,
    )


def _name(event: Event) -> str:
    """Return an event's name; of a page or a screen its own name, where it has one."""
    name, own = str(event["event"]), properties_of(event).get("name")
    return own if name in ("$pageview", "$screen") and isinstance(own, str) and own.strip() else name


def explain(event: Event, size: int, *, again: bool, note: str) -> dict[str, Any]:
    """Return all that the page shows of one event, as JSON has it."""
    made = reconstruct(event) if is_ours(event) else None
    return {
        "call": call_of(event) or "posthog",
        "event": event,
        "name": _name(event),
        "size": size,
        "message": made and made.message,
        "settings": made.settings if made else {},
        "unknown": made.unknown if made else [],
        "changed": _changed(event, made) if made else [],
        "origins": [origin._asdict() for origin in origins(event, made)],
        "warnings": [warned._asdict() for warned in warnings(event, size, again=again, note=note)],
    }


def origins(event: Event, made: Reconstruction | None = None) -> list[Origin]:
    """Return where each part of an event comes from: its own four fields, its properties with the call's own first."""
    if made is None and is_ours(event):
        made = reconstruct(event)
    paths = origins_of(made.message, made.convert).paths if made else {}
    fields = sorted(
        event.keys() - {"properties"}, key=lambda name: (_TOP.index(name) if name in _TOP else len(_TOP), name)
    )
    rows = [Origin(name, event[name], *(_of_field(name, paths, made) if made else _OF_POSTHOG)) for name in fields]
    properties = [
        Origin(name, value, *(_of_property(name, paths, made) if made else _OF_CLIENT if name in LIB else _OF_POSTHOG))
        for name, value in properties_of(event).items()
        if name != "distinct_id" or value != event.get("distinct_id")  # shown already
    ]
    return rows + sorted(properties, key=lambda row: _ORDER.index(row.kind))


def _of_field(name: str, paths: dict[str, list[Path]], made: Reconstruction) -> tuple[str, str]:
    if name == "uuid":
        return MAPPING, "messageId (a hash of it)"
    if name not in paths:
        return _OF_CLIENT
    return _in_words(name, paths[name], made) if paths[name] else _OF_CONVERSION


def _of_property(name: str, paths: dict[str, list[Path]], made: Reconstruction) -> tuple[str, str]:
    if name in LIB:
        return _OF_CLIENT
    if is_of_request(name, made.message):
        return _OF_REQUEST
    found = (name in _TOP and paths.get(f"properties.{name}")) or paths.get(name)
    if found:
        return _in_words(name, found, made)
    reason = why(name, made.message, made.settings)
    return (MAPPING, reason) if reason else _OF_CONVERSION


def _in_words(name: str, paths: list[Path], made: Reconstruction) -> tuple[str, str]:
    """Return the kind and the words for one or more parts of the message."""
    first = paths[0]
    if first == ("type",):
        return MAPPING, f"the call: {made.message['type']}"
    source = " and ".join(".".join(path) for path in paths)
    if first[0] == "context":
        return IN_CONTEXT if name == SEGMENT + first[-1] else MAPPING, source
    is_own = len(paths) == 1 and first in ((name,), ("properties", name))
    return CALL if is_own else MAPPING, source


def _changed(event: Event, made: Reconstruction) -> list[str]:
    """Return the properties that the reconstructed message would not give: perhaps before_send changed them."""
    there = {name: value for name, value in properties_of(event).items() if name not in LIB and name != "distinct_id"}
    given = {name: value for name, value in made.event()["properties"].items() if name != "distinct_id"}
    return sorted(name for name in {*there, *given} if there.get(name, made) != given.get(name, made))
