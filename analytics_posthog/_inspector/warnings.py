"""Says in words what looks wrong in an event. Pure. The conversion itself is asked which ids PostHog doesn't merge."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from .._delivery import MAX_EVENT_SIZE
from ..convert import Event, to_posthog
from .reverse import distinct_id_of, properties_of

WARNING: Final = "warning"
NOTE: Final = "note"
_NEAR: Final = 0.8  # of the size limit
_ID_IN_NAME: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # a UUID
    r"|(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])(?<![0-9a-z])[0-9a-f]{10,}(?![0-9a-z])"  # a hash, a MongoDB id
    r"|\d{4,}"  # a number; three digits may be an HTTP status
    r"|\S+@\S+\.\S+",  # an address
    re.I,
)
_LONGEST_ID: Final = 60  # characters of an id in a warning
_LONG_NAME: Final = 200
_GENERATED: Final = (
    "the event's name looks generated (an id, a number or an address in it). "
    "Use few names, and put what varies into a property"
)
_NEVER_MERGED: Final = "is an id that PostHog never merges (blank, too general, too long, or the same)"


class Warned(NamedTuple):
    """A warning in words. Its `level` is "warning", or "note" if nothing is wrong."""

    level: str
    text: str


def warnings(event: Event, size: int, *, again: bool = False, note: str = "") -> list[Warned]:
    """Return what looks wrong in an event, in words. `size` is in bytes of JSON."""
    properties, most = properties_of(event), MAX_EVENT_SIZE // 1024
    found = [Warned(WARNING, note)] if note else []
    if size > MAX_EVENT_SIZE:
        found.append(Warned(WARNING, f"{size // 1024} KiB: PostHog's clients drop events above {most} KiB"))
    elif size > _NEAR * MAX_EVENT_SIZE:
        found.append(Warned(WARNING, f"{size // 1024} KiB: near the limit of {most} KiB, above which it is not sent"))
    in_name = _ID_IN_NAME.search(event["event"][:_LONG_NAME])
    if in_name or len(event["event"]) > _LONG_NAME:
        found.append(Warned(WARNING, _GENERATED + (f": {_quoted(in_name[0])}" if in_name else "")))
    found += _of_conversion(properties)
    found += _of_ids(event, properties)
    if properties.get("$ip") is None:
        found.append(_no_ip(properties))
    if again:
        found.append(Warned(NOTE, "an event with this uuid came before: PostHog counts them once"))
    return found


def _no_ip(properties: dict[str, Any]) -> Warned:
    if properties.get("$geoip_disable") is True:
        return Warned(NOTE, "no $ip: PostHog can't tell the person's place. Pass context={'ip': ...} where you know it")
    return Warned(
        WARNING, "no $ip and no $geoip_disable: PostHog takes the app server's address for the person's place"
    )


def _of_conversion(properties: dict[str, Any]) -> list[Warned]:
    """Return what the conversion itself warns of for a call with these properties."""
    found: list[Warned] = []
    if "$session_id" in properties:
        message = {"type": "track", "event": "x", "properties": {"$session_id": properties["$session_id"]}}
        to_posthog(message, warn=lambda key, text: found.append(Warned(WARNING, text)))
    return found


def _of_ids(event: Event, properties: dict[str, Any]) -> list[Warned]:
    """Return a warning for each id that PostHog would not merge, also for one that the conversion left out."""
    name, distinct_id = event["event"], distinct_id_of(event)
    found = []
    if name == "$create_alias" and properties.get("alias") is None:
        found.append(Warned(WARNING, f"no alias: the previous id {_NEVER_MERGED}"))
    if name in ("$identify", "$create_alias"):
        keys: dict[str, Any] = {"distinct_id": distinct_id}
        keys.update({key: properties[key] for key in ("alias", "$anon_distinct_id") if key in properties})
        found += [
            Warned(WARNING, f"{key} {_quoted(value)} {_NEVER_MERGED}")
            for key, value in keys.items()
            if _refused(value, "" if key == "distinct_id" else distinct_id)
        ]
    elif _refused(distinct_id, ""):
        found.append(Warned(WARNING, f"distinct_id {_quoted(distinct_id)} {_NEVER_MERGED}. Is it meant?"))
    return found


def _quoted(value: Any) -> str:
    """Return an id in quotes, cut."""
    text = str(value)
    return f"'{text if len(text) <= _LONGEST_ID else text[:_LONGEST_ID] + '...'}'"


def _refused(merge_key: Any, distinct_id: Any) -> bool:
    """Whether the conversion would leave this id out of a merge with another one."""
    refused: list[str] = []
    to_posthog(
        {"type": "alias", "userId": distinct_id, "previousId": merge_key}, warn=lambda key, text: refused.append(key)
    )
    return bool(refused)
