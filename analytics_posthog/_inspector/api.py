"""What scripts and the page ask: events by their fields as JSON, and all that is known of a person. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..convert import person_of
from .query import search
from .reverse import distinct_id_of
from .store import Kept
from .warnings import WARNING, warnings

LIMIT: Final = 100  # events in an answer, if none is asked for
MOST: Final = 1_000
_PARAMETERS: Final = ("event", "user", "call", "uuid", "text", "warnings", "after", "limit")


class Wrong(ValueError):
    """A question that can't be answered. The text says why."""


def events_of(kept: list[Kept], asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the events that fit: the newest ones, oldest first. Raises Wrong.

    `asked` may have `event` (the name in PostHog), `user` (the distinct id), `call` (Segment's) and `uuid`, which must
    be equal. `text` is as in the page's search. With `warnings` = 1 only events with some fit. `after` is the number of
    an event, `limit` the most events.
    """
    unknown = asked.keys() - set(_PARAMETERS)
    if unknown:
        raise Wrong(f"{min(unknown)[:40]} is no parameter; there are {', '.join(_PARAMETERS)}")
    limit = asked.get("limit", str(LIMIT))
    if not (limit.isascii() and limit.isdecimal() and 0 < len(limit) < 5 and 0 < int(limit) <= MOST):
        raise Wrong(f"limit must be a number from 1 to {MOST}")
    found = [each for each in kept if _fits(each, asked)]
    if asked.get("text"):
        numbers = set(search(found, asked["text"]))
        found = [each for each in found if each.number in numbers]
    return {
        "events": [_shown(each) for each in found[-int(limit) :]],
        "found": len(found),
        "last": kept[-1].number if kept else 0,
    }


def person(kept: Iterable[Kept], distinct_id: str) -> dict[str, Any] | None:
    """Return a person's ids, properties, and events (number, name, time), in order; None if nobody has the id."""
    events = [{**json.loads(each.text), "number": each.number, "shown": each.summary} for each in kept]
    found = person_of(events, distinct_id)
    if found is None:
        return None
    return {
        "ids": found.ids,
        "properties": found.properties,
        "events": [
            {
                "number": event["number"],
                "name": event["shown"].name,
                "call": event["shown"].call,
                "time": event.get("timestamp"),
            }
            for event in found.events
        ],
    }


def _fits(kept: Kept, asked: Mapping[str, str]) -> bool:
    summary = kept.summary
    if asked.get("warnings") == "1" and not summary.warnings:
        return False
    if asked.get("call", summary.call) != summary.call or asked.get("uuid", summary.uuid) != summary.uuid:
        return False
    if "event" not in asked and "user" not in asked:
        return True
    event = json.loads(kept.text)
    user = str(distinct_id_of(event))
    return asked.get("event", event["event"]) == event["event"] and asked.get("user", user) == user


def _shown(kept: Kept) -> dict[str, Any]:
    summary, event = kept.summary, json.loads(kept.text)
    found = warnings(event, summary.size, again=summary.again, note=summary.note)
    return {
        "number": kept.number,
        "arrived": round(summary.arrived, 3),
        "call": summary.call,
        "place": summary.place,
        "warnings": [each.text for each in found if each.level == WARNING],
        "event": event,
    }
