"""Who is who in PostHog, after some events: which ids are one person, and the person's properties. Pure.

The rules are PostHog's (https://posthog.com/docs/data/identify): `$identify` merges its `$anon_distinct_id`, and
`$create_alias` its `alias`, into the distinct id. `$set` overwrites, `$set_once` doesn't, `$unset` removes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from .ids import dict_of

_MERGES: Final = {"$identify": "$anon_distinct_id", "$create_alias": "alias", "$merge_dangerously": "alias"}


class Person(NamedTuple):
    """A person: the ids in the order in which they came, the properties, and the events in order."""

    ids: list[str]
    properties: dict[str, Any]
    events: list[dict[str, Any]]


def person_of(events: Iterable[dict[str, Any]], distinct_id: str) -> Person | None:
    """Return the person of an id, merges followed; None if no event has the id."""
    all_events = list(events)
    leader: dict[str, str] = {}

    def first(one: str) -> str:
        while leader.setdefault(one, one) != one:
            one = leader[one]
        return one

    for event in all_events:
        own, *merged = _ids(event)
        first(own)
        for other in merged:
            leader[first(other)] = first(own)
    if distinct_id not in leader:
        return None
    mine = [event for event in all_events if first(_ids(event)[0]) == first(distinct_id)]
    ids = dict.fromkeys(each for event in mine for each in _ids(event))
    return Person(list(ids), _properties(mine), mine)


def _ids(event: dict[str, Any]) -> list[str]:
    """Return the distinct id of an event, then the id that it merges into that, if it does."""
    properties = dict_of(event.get("properties"))
    own = event.get("distinct_id", properties.get("distinct_id", ""))
    merged = properties.get(_MERGES.get(str(event.get("event")), ""))
    return [str(own), *([str(merged)] if merged not in (None, "") else [])]


def _properties(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for event in events:
        for holder in (event, dict_of(event.get("properties"))):
            found = {**dict_of(holder.get("$set_once")), **found, **dict_of(holder.get("$set"))}
            unset = holder.get("$unset")
            for key in unset if isinstance(unset, list) else dict_of(unset):
                if isinstance(key, str):
                    found.pop(key, None)
    return found
