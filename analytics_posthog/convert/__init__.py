"""Converts Segment messages into PostHog events, as PostHog's Segment destination does.

docs/differences.md lists where it does better.

`to_posthog(message)` is pure: no clock, no random id, no network, no setting read. The same message always gives the
same event, as far as two machines know the same time zones. The tables say which field becomes which property; any
other rule is a named function below them.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, TypeAlias

from .._interrupts import is_interrupt
from ..errors import InvalidMessage
from .ids import GroupType, Warn, add_merge_id, check_session, dict_of, distinct_id_of, given, group_type_of, uuid_of
from .people import Person, person_of
from .tables import (
    CLICK_IDS,
    CONTEXT,
    DERIVED,
    EVENTS,
    FIELDS,
    HOSTS,
    MAX_GROUP_KEY,
    MAX_MERGE_KEY,
    NO_USER,
    PERSONLESS,
    PROPERTIES,
    REFUSED,
    REFUSED_EXACTLY,
    SEGMENT_GROUP,
    SETS_PERSON,
)
from .web import add_derived, add_page, add_query, gives_place

__all__ = [
    "CLICK_IDS",
    "CONTEXT",
    "DERIVED",
    "EVENTS",
    "FIELDS",
    "HOSTS",
    "MAX_GROUP_KEY",
    "MAX_MERGE_KEY",
    "NO_USER",
    "PROPERTIES",
    "REFUSED",
    "REFUSED_EXACTLY",
    "SEGMENT_GROUP",
    "Event",
    "GroupType",
    "Person",
    "Properties",
    "person_of",
    "to_posthog",
    "uuid_of",
    "wanted",
]

Event: TypeAlias = dict[str, Any]
Properties: TypeAlias = dict[str, Any]


def _no_warning(key: str, text: str) -> None:
    pass


def to_posthog(
    message: dict[str, Any],
    *,
    group_type: GroupType = SEGMENT_GROUP,
    person_profiles: str = "always",
    warn: Warn = _no_warning,
) -> Event:
    """Return the PostHog event for a Segment message.

    `message` is what the calls return and what Segment's archives hold. It is not changed, but the event shares its
    values. `group_type` is PostHog's name for Segment's groups, or a function of the message that returns it.
    `person_profiles` is posthog-js's setting, "always" or "identified_only". `warn(key, text)` is called for a property
    that is left out. Raises InvalidMessage if the message is not one of Segment's six, or can't be converted.
    """
    call = dict_of(message).get("type")
    if not isinstance(call, str) or call not in EVENTS:
        raise InvalidMessage("not a Segment message: its type must be one of " + ", ".join(EVENTS))
    try:
        return _event(message, call, group_type, person_profiles, warn)
    except Exception as error:  # an id that is a number of 5,000 digits, for example
        if is_interrupt(error):
            raise
        raise InvalidMessage(f"{call}: the message can't be converted ({type(error).__name__})") from error


def wanted(message: dict[str, Any]) -> bool:
    """Whether Segment would have sent a message to PostHog, by its `integrations`; a dict of options counts as true.

    Segment has two destinations, PostHog and the newer Posthog. If both are named, PostHog decides.
    """
    integrations = dict_of(message.get("integrations"))
    return integrations.get("PostHog", integrations.get("Posthog", integrations.get("All", True))) is not False


def _event(message: dict[str, Any], call: str, group_type: GroupType, person_profiles: str, warn: Warn) -> Event:
    context, own = dict_of(message.get("context")), dict_of(message.get("properties"))
    distinct_id = distinct_id_of(message)
    timestamp = _in_utc(message.get("timestamp"))
    # Later properties win over earlier ones.
    properties = dict(dict_of(message.get("posthog")))  # PostHog's own request context, which _delivery adds
    _add_context(properties, context)
    _add_properties(properties, own)
    if call == "page":
        add_page(properties, own, context, timestamp)
    if FIELDS[call]:
        _add_fields(properties, message, call, distinct_id, warn)
    if call == "group" or given(context.get("groupId")):
        _add_groups(properties, call, context.get("groupId"), group_type_of(message, group_type, warn))
    add_derived(properties)
    _add_geoip(properties)
    personless = person_profiles == "identified_only" and call in PERSONLESS and not given(message.get("userId"))
    if personless and not SETS_PERSON & properties.keys():
        properties.setdefault("$process_person_profile", False)
    if "$session_id" in properties or "$window_id" in properties:
        check_session(properties, warn)
    properties["distinct_id"] = distinct_id
    name = NO_USER if call == "identify" and not given(message.get("userId")) else EVENTS[call] or message.get("event")
    event = {"event": name, "distinct_id": distinct_id, "properties": properties}
    if timestamp is not None:
        event["timestamp"] = timestamp
    if message.get("messageId"):
        event["uuid"] = uuid_of(str(message["messageId"]))
    return event


def _add_context(properties: Properties, context: dict[str, Any]) -> None:
    """Add the context by its table, the page's query and the campaign; and every other key as segment_<key>."""
    page = context.get("page")
    if isinstance(page, dict):
        add_query(properties, page)
    for key, value in list(context.items()):  # a copy in one step: the app has the message too, and may change it
        row = CONTEXT.get(key)
        if row is None:
            if key == "campaign":
                _add_campaign(properties, dict_of(value))
                continue
            if key == "active" and value is False:
                properties["$update_person_last_seen_at"] = False
        elif isinstance(row, str):
            if value is not None:
                properties[row] = value
        elif isinstance(value, dict):
            for inner, name in row.items():
                found = value.get(inner)
                if found is not None:
                    properties[name] = found
        properties[f"segment_{key}"] = value


def _add_campaign(properties: Properties, campaign: dict[str, Any]) -> None:
    """Add the campaign's name as utm_campaign, and any other key as utm_<key>."""
    for key, value in campaign.items():
        if value is not None and key != "name":
            properties[f"utm_{key}"] = value
    if campaign.get("name") is not None:
        properties["utm_campaign"] = campaign["name"]


def _add_properties(properties: Properties, own: dict[str, Any]) -> None:
    """Add the call's own properties, under PostHog's names too."""
    properties.update(own)
    for key, name in PROPERTIES.items():
        if own.get(key):
            properties[name] = own[key]
    if own.get("url"):
        del properties["url"]


def _add_fields(properties: Properties, message: dict[str, Any], call: str, distinct_id: str, warn: Warn) -> None:
    """Add the call's fields by their table. A property `name` or `category` of the call wins over the field."""
    for name, field in FIELDS[call].items():
        value = message.get(field)
        if field == "traits":
            properties[name] = dict(dict_of(value))
        elif field == "groupId":
            properties[name] = "" if value is None else str(value)
        elif field in ("previousId", "anonymousId"):
            if call == "alias" or (given(value) and given(message.get("userId"))):
                add_merge_id(properties, name, value, distinct_id, warn)
        elif value is not None and (name == "$screen_name" or name not in dict_of(message.get("properties"))):
            properties[name] = value


def _add_groups(properties: Properties, call: str, group_id: Any, group_type: str) -> None:
    """Add a group call's type, and merge `context.groupId` into `$groups`, where the call's own `$groups` win."""
    if call == "group":
        properties["$group_type"] = group_type
        properties["$geoip_disable"] = True  # the app's server is not where the group is
    if given(group_id) and not isinstance(group_id, (dict, list)):
        properties["$groups"] = {group_type: str(group_id), **dict_of(properties.get("$groups"))}


def _add_geoip(properties: Properties) -> None:
    """Switch geoip off without an address of the person: PostHog would take the app server's in its place."""
    ip = properties.get("$ip")
    if not gives_place(ip):
        properties.setdefault("$geoip_disable", True)
        if isinstance(ip, str) and not ip.strip():
            del properties["$ip"]


def _in_utc(timestamp: Any) -> Any:
    """Return a time in UTC, as PostHog's client writes it. Anything else is returned as it is."""
    if not isinstance(timestamp, str) or timestamp.endswith(("+00:00", "Z")):  # nearly always
        return timestamp
    try:
        moment = datetime.fromisoformat(timestamp)
        if moment.tzinfo is None:
            return timestamp
        moment = moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return timestamp
    return moment.isoformat(timespec="microseconds" if moment.microsecond % 1000 else "milliseconds")
