"""Says of an event what a person wants to know: which call made it, where each property comes from, and what looks wrong.

Pure. The mapping is read from `convert`'s own table, so that it can't say anything else than what is done.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from .._delivery import MAX_EVENT_SIZE
from ..convert import CLICK_IDS, CONTEXT, to_posthog
from .reverse import LIB, Event, Message, Properties, Reconstruction, call_of, distinct_id_of, is_ours, properties_of, reconstruct

WARNING: Final = "warning"
NOTE: Final = "note"
LONGEST: Final = 200  # characters of a name or an id in the list; the detail shows more
_NEAR: Final = 0.8  # of the size limit

CALL, IN_CONTEXT, MAPPING, CLIENT, POSTHOG = "call", "context", "mapping", "client", "posthog"
_ORDER: Final = (CALL, POSTHOG, MAPPING, IN_CONTEXT, CLIENT)

# Where the rows that stand in no table come from.
_ROWS: Final = {
    "$set": "traits",
    "$group_set": "traits",
    "$group_key": "groupId",
    "$group_type": 'the setting group_type, or traits["groupType"]',
    "$groups": "context.groupId",
    "$anon_distinct_id": "anonymousId",
    "alias": "previousId",
    "$screen_name": "name",
    "$host": "the host in $current_url",
    "$referring_domain": "the host in $referrer",
    "$browser": "properties.browser",
    "$process_person_profile": 'the setting person_profiles = "identified_only"',
    "$update_person_last_seen_at": "context.active",
    "distinct_id": "userId, else anonymousId",
}
_TOP: Final = ("event", "distinct_id", "timestamp", "uuid")
_ID_IN_NAME: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # a UUID
    r"|(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])(?<![0-9a-z])[0-9a-f]{10,}(?![0-9a-z])"  # a hash, a MongoDB id
    r"|\d{4,}"  # a number; three digits may be an HTTP status
    r"|\S+@\S+\.\S+",  # an address
    re.I,
)
_LONG_NAME: Final = 200


class Warned(NamedTuple):
    """A warning in words; `level` is "warning", or "note" for what is right but good to know."""

    level: str
    text: str


class Summary(NamedTuple):
    """What the list shows of an event. `arrived` is in seconds since 1970, `size` in bytes of JSON; `warnings` counts no notes."""

    arrived: float
    call: str
    name: str
    who: str
    uuid: str
    size: int
    warnings: int
    again: bool
    note: str


class Origin(NamedTuple):
    """A thing in the event: `kind` is one of call, context, mapping, client, posthog; `source` says it in words."""

    name: str
    value: Any
    kind: str
    source: str


def uuid_of(event: Event) -> str:
    """Return an event's uuid, "" if it has none; of one that is written longer than any needs to be, the beginning."""
    return str(event.get("uuid") or "")[:LONGEST]


def summary(event: Event, size: int, *, again: bool, note: str, now: float) -> Summary:
    """Return what the list shows; `again` says that an event of this uuid came before, `note` is a further warning."""
    found = warnings(event, size, again=again, note=note)
    return Summary(
        arrived=now,
        call=call_of(event) or "posthog",
        name=event["event"][:LONGEST],
        who=str(distinct_id_of(event))[:LONGEST],
        uuid=uuid_of(event),
        size=size,
        warnings=sum(warned.level == WARNING for warned in found),
        again=again,
        note=note,
    )


def explain(event: Event, size: int, *, again: bool, note: str) -> dict[str, Any]:
    """Return all that the page shows of one event, as JSON has it."""
    made = reconstruct(event) if is_ours(event) else None
    return {
        "call": call_of(event) or "posthog",
        "event": event,
        "size": size,
        "message": made and made.message,
        "settings": made.settings if made else {},
        "unknown": made.unknown if made else [],
        "changed": _changed(event, made) if made else [],
        "origins": [origin._asdict() for origin in origins(event, made)],
        "warnings": [warned._asdict() for warned in warnings(event, size, again=again, note=note)],
    }


def origins(event: Event, made: Reconstruction | None = None) -> list[Origin]:
    """Return where each thing in an event comes from: first the event's own four, then the properties, the call's own before others."""
    if made is None and is_ours(event):
        made = reconstruct(event)
    rows = [Origin(name, event[name], *_of_top(name, made)) for name in _TOP if name in event]
    rows += [Origin(name, value, *_of_top(name, made)) for name, value in event.items() if name not in _TOP and name != "properties"]
    properties = [
        Origin(name, value, *(_of_property(name, made.message) if made else _of_posthog(name)))
        for name, value in properties_of(event).items()
        if name != "distinct_id" or value != event.get("distinct_id")  # shown already
    ]
    return rows + sorted(properties, key=lambda row: _ORDER.index(row.kind))


def _of_top(name: str, made: Reconstruction | None) -> tuple[str, str]:
    call = made.message["type"] if made else ""
    if not call:
        return _of_posthog(name)
    if name == "event":
        return (CALL, "event") if call == "track" else (MAPPING, f"the call: {call}")
    if name == "uuid":
        return MAPPING, "messageId (a hash of it)"
    if name == "distinct_id":
        return MAPPING, _ROWS[name]
    return (CALL, "timestamp, or the time of the call") if name == "timestamp" else (CLIENT, "PostHog's client")


def _of_posthog(name: str) -> tuple[str, str]:
    return (CLIENT, "PostHog's client") if name in LIB else (POSTHOG, "captured without this package")


def _of_property(name: str, message: Message) -> tuple[str, str]:
    context, own, request = message["context"], message.get("properties", {}), message.get("posthog", {})
    if name in LIB:
        return CLIENT, "PostHog's client"
    tags = request.get("$context_tags", own.get("$context_tags"))
    if name in request or name == "$context_tags" or (isinstance(tags, list) and name in tags):
        return CLIENT, "PostHog's request context"
    if name == "$groups" and name in own and own[name] and context.get("groupId") is not None:
        return MAPPING, "properties.$groups and context.groupId"
    if name in own:
        return CALL, f"properties.{name}"
    if name.startswith("segment_"):
        return IN_CONTEXT, f"context.{name[len('segment_') :]}"
    if name in ("name", "category") and name in message:
        return CALL, name
    if name == "$current_url" and own.get("url"):
        return MAPPING, "properties.url"
    if name == "$geoip_disable":
        return MAPPING, "every group call" if message["type"] == "group" else "no context.ip"
    return MAPPING, _FROM_CONTEXT.get(name) or _ROWS.get(name) or _of_campaign(name, context, own)


def _of_campaign(name: str, context: Properties, own: Properties) -> str:
    key = "name" if name == "utm_campaign" else name.removeprefix("utm_")
    campaign = context.get("campaign")
    if name.startswith("utm_") and isinstance(campaign, dict) and key in campaign:
        return f"context.campaign.{key}"
    if name == "utm_campaign" and own.get("utm_name"):
        return "properties.utm_name"
    return "the query of context.page" if name.startswith("utm_") or name in CLICK_IDS else "the conversion"


def _from_context() -> dict[str, str]:
    rows: dict[str, str] = {}
    for key, row in CONTEXT.items():
        if isinstance(row, str):
            rows[row] = f"context.{key}"
        else:
            rows.update({name: f"context.{key}.{inner}" for inner, name in row.items()})
    return rows


_FROM_CONTEXT: Final = _from_context()


def _changed(event: Event, made: Reconstruction) -> list[str]:
    """The names of what the reconstructed message would give otherwise: a before_send has been at it, or another version."""
    there = {name: value for name, value in properties_of(event).items() if name not in LIB and name != "distinct_id"}
    again = {name: value for name, value in made.event()["properties"].items() if name != "distinct_id"}
    return sorted(name for name in {*there, *again} if name not in there or name not in again or there[name] != again[name])


def warnings(event: Event, size: int, *, again: bool = False, note: str = "") -> list[Warned]:
    """Return what looks wrong in an event, in words. `size` is in bytes of JSON."""
    properties = properties_of(event)
    found = [Warned(WARNING, note)] if note else []
    if size > MAX_EVENT_SIZE:
        found.append(Warned(WARNING, f"{size // 1024} KiB: PostHog's clients drop what has more than {MAX_EVENT_SIZE // 1024} KiB"))
    elif size > _NEAR * MAX_EVENT_SIZE:
        found.append(Warned(WARNING, f"{size // 1024} KiB: near the limit of {MAX_EVENT_SIZE // 1024} KiB, above which it is not sent"))
    if _ID_IN_NAME.search(event["event"][:_LONG_NAME]) or len(event["event"]) > _LONG_NAME:
        text = "the event's name looks generated (an id, a number or an address in it). Keep names few, and put what varies into a property"
        found.append(Warned(WARNING, text))
    found += _told(properties)
    found += _of_ids(event, properties)
    if properties.get("$ip") is None:
        found.append(_no_ip(properties))
    if again:
        found.append(Warned(NOTE, "an event with this uuid came before: PostHog counts them once"))
    return found


def _no_ip(properties: Properties) -> Warned:
    if properties.get("$geoip_disable") is True:
        return Warned(NOTE, "no $ip: PostHog can't tell the person's place. Pass context={'ip': ...} where you know it")
    return Warned(WARNING, "no $ip and no $geoip_disable: PostHog takes the app server's address for the person's place")


def _told(properties: Properties) -> list[Warned]:
    """What the conversion itself warns of in properties, if they were a call's."""
    told: list[Warned] = []
    if "$session_id" in properties:
        message = {"type": "track", "event": "x", "properties": {"$session_id": properties["$session_id"]}}
        to_posthog(message, warn=lambda key, text: told.append(Warned(WARNING, text)))
    return told


def _of_ids(event: Event, properties: Properties) -> list[Warned]:
    """What PostHog would not merge: an id that is still there, or one that the conversion has left out."""
    name, distinct_id = event["event"], distinct_id_of(event)
    found = []
    if name == "$create_alias" and properties.get("alias") is None:
        found.append(
            Warned(WARNING, "no alias: the previous id is one that PostHog never merges (blank, too general, too long, or the same)")
        )
    if name in ("$identify", "$create_alias"):
        keys: dict[str, Any] = {"distinct_id": distinct_id}
        keys.update({key: properties[key] for key in ("alias", "$anon_distinct_id") if key in properties})
        found += [
            Warned(WARNING, f"{key} is an id that PostHog never merges (blank, too general, too long, or the same)")
            for key, value in keys.items()
            if _refused(value, "" if key == "distinct_id" else distinct_id)
        ]
    elif _refused(distinct_id, ""):
        found.append(Warned(WARNING, "distinct_id is an id that PostHog never merges (blank, too general or too long). Is it meant?"))
    return found


def _refused(merge_key: Any, distinct_id: Any) -> bool:
    """Whether the conversion would leave this id out of a merge with another one."""
    if isinstance(merge_key, str) and len(merge_key) > 25 and len(merge_key) <= 400 and merge_key != distinct_id and merge_key.strip():
        return False  # none of the refused words is as long; most ids are spared the conversion
    told: list[str] = []
    to_posthog({"type": "alias", "userId": distinct_id, "previousId": merge_key}, warn=lambda key, text: told.append(key))
    return bool(told)
