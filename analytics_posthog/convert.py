"""Converts Segment messages into PostHog events, as PostHog's Segment destination does, but for what the README lists.

`to_posthog(message)` is pure: no clock, no random id, no network, no setting read. The same message always gives the
same event. The tables say which field becomes which property; any other rule is a named function below them.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl
from uuid import UUID, uuid5

from .errors import InvalidMessage

Event: TypeAlias = dict[str, Any]
Properties: TypeAlias = dict[str, Any]
_Warn: TypeAlias = Callable[[str, str], None]

# Segment's call: PostHog's event. None: the event's name is the one that the call was given.
EVENTS: Final[dict[str, str | None]] = {
    "track": None,
    "identify": "$identify",  # _NO_USER without a userId
    "page": "$pageview",
    "screen": "$screen",
    "group": "$groupidentify",
    "alias": "$create_alias",
}
_NO_USER: Final = "$set"  # the event of an identify that has only an anonymousId

# PostHog's property: the field of that call's message that it holds. `_add_fields` says how.
FIELDS: Final[dict[str, dict[str, str]]] = {
    "track": {},
    "identify": {"$set": "traits", "$anon_distinct_id": "anonymousId"},
    "page": {"name": "name", "category": "category"},
    "screen": {"$screen_name": "name", "name": "name", "category": "category"},
    "group": {"$group_key": "groupId", "$group_set": "traits"},
    "alias": {"alias": "previousId"},
}

# A property of the call: PostHog's name for it, unless the call has that one too. Only `url` loses its own name.
PROPERTIES: Final = {"url": "$current_url", "utm_name": "utm_campaign", "browser": "$browser"}

# Segment's context (https://segment.com/docs/connections/spec/common/#context): PostHog's property.
CONTEXT: Final[dict[str, str | dict[str, str]]] = {
    "ip": "$ip",
    "page": {"url": "$current_url", "path": "$pathname", "referrer": "$referrer", "title": "title"},
    "os": {"name": "$os", "version": "$os_version"},
    "screen": {"width": "$screen_width", "height": "$screen_height", "density": "$screen_density"},
    "device": {
        "type": "$device_type",
        "id": "$device_id",
        "manufacturer": "$device_manufacturer",
        "model": "$device_model",
        "name": "$device_name",
    },
    "app": {"name": "$app_name", "version": "$app_version", "build": "$app_build", "namespace": "$app_namespace"},
    "network": {
        "carrier": "$network_carrier",
        "wifi": "$network_wifi",
        "cellular": "$network_cellular",
        "bluetooth": "$network_bluetooth",
    },
    "locale": "$locale",
    "timezone": "$timezone",
    "userAgent": "$raw_user_agent",
}

# Ids that ad networks add to a link. PostHog keeps their names.
CLICK_IDS: Final = frozenset(
    "gclid gclsrc dclid gbraid wbraid gad_source fbclid msclkid twclid li_fat_id igshid ttclid rdt_cid epik qclid "
    "sccid irclid _kx mc_cid".split()
)

# PostHog's property: the one that holds its url.
HOSTS: Final = {"$host": "$current_url", "$referring_domain": "$referrer"}

# Ids that PostHog never merges, because too many people would become one; quotes around them change nothing. First
# the ones in upper or lower case, then the ones that must be exactly so.
REFUSED: Final = frozenset(
    "anonymous guest distinctid distinct_id id not_authenticated email undefined true false".split()
)
REFUSED_EXACTLY: Final = frozenset(["[object Object]", "NaN", "None", "none", "null", "0"])
MAX_MERGE_KEY: Final = 400  # characters

_NAMESPACE: Final = uuid5(UUID(int=0), "PostHog").bytes
_SETS_PERSON: Final = frozenset(["$groups", "$set", "$set_once", "$unset"])
_PERSONLESS: Final = ("track", "page", "screen")  # PostHog drops other events that say they have no person


def _no_warning(key: str, text: str) -> None:
    pass


def to_posthog(
    message: dict[str, Any],
    *,
    group_type: str = "segment_group",
    person_profiles: str = "always",
    warn: _Warn = _no_warning,
) -> Event:
    """Return the PostHog event for a Segment message.

    `message` is what the calls return and what Segment's archives hold. It is not changed, but the event shares its
    values. `group_type` is PostHog's name for Segment's groups; a group call's `traits["groupType"]` wins.
    `person_profiles` is posthog-js's setting, "always" or "identified_only". `warn(key, text)` is called for a property
    that is left out. Raises InvalidMessage if the message's type is not one of Segment's six.
    """
    call = message.get("type")
    if not isinstance(call, str) or call not in EVENTS:
        raise InvalidMessage("not a Segment message: its type must be one of " + ", ".join(EVENTS))
    context = _dict(message.get("context"))
    user_id, anonymous_id = message.get("userId"), message.get("anonymousId")
    distinct_id = str(user_id) if _given(user_id) else str(anonymous_id) if _given(anonymous_id) else ""
    # Later properties win over earlier ones.
    properties = dict(_dict(message.get("posthog")))  # PostHog's own request context, which _delivery adds
    _add_context(properties, context)
    _add_properties(properties, _dict(message.get("properties")))
    _add_fields(properties, message, call, distinct_id, warn)
    if call == "group":
        _add_group(properties, group_type)
    _add_groups(properties, context.get("groupId"), group_type)
    _add_hosts(properties)
    if properties.get("$ip") is None:  # PostHog would take the app server's address for the user's
        properties.setdefault("$geoip_disable", True)
    personless = person_profiles == "identified_only" and call in _PERSONLESS and not _given(user_id)
    if personless and not _SETS_PERSON & properties.keys():
        properties.setdefault("$process_person_profile", False)
    if "$session_id" in properties:
        _check_session_id(properties["$session_id"], warn)
    properties["distinct_id"] = distinct_id
    name = _NO_USER if call == "identify" and not _given(user_id) else EVENTS[call] or message.get("event")
    event = {"event": name, "distinct_id": distinct_id, "properties": properties}
    if message.get("timestamp") is not None:
        event["timestamp"] = message["timestamp"]
    if message.get("messageId"):
        event["uuid"] = _uuid(str(message["messageId"]))
    return event


def wanted(message: dict[str, Any]) -> bool:
    """Whether Segment would have sent a message to PostHog, by its `integrations`; a dict of options counts as true."""
    integrations = _dict(message.get("integrations"))
    return integrations.get("PostHog", integrations.get("All", True)) is not False


def _add_context(properties: Properties, context: dict[str, Any]) -> None:
    """Add the context by its table, the page's query and the campaign; then every other key as segment_<key>."""
    page = context.get("page")
    if isinstance(page, dict):
        _add_query(properties, page)
    items = list(context.items())  # a copy in one step: the app has the message too, and may change it
    for key, value in items:
        row = CONTEXT.get(key)
        if isinstance(row, str):
            if value is not None:
                properties[row] = value
        elif row is not None and isinstance(value, dict):
            for inner, name in row.items():
                if value.get(inner) is not None:
                    properties[name] = value[inner]
        elif key == "campaign":
            _add_campaign(properties, _dict(value))
        elif key == "active" and value is False:
            properties["$update_person_last_seen_at"] = False
    for key, value in items:
        if key != "campaign":
            properties[f"segment_{key}"] = value


def _add_query(properties: Properties, page: dict[str, Any]) -> None:
    """Add the utm_* and click ids of the page's query, from `search` or else `url`; `context.campaign` wins over it."""
    search, url = page.get("search"), page.get("url")
    if isinstance(search, str) and search:
        query = search
    else:
        query = url.partition("#")[0].partition("?")[2] if isinstance(url, str) else ""
    if "=" not in query:
        return
    try:
        pairs = parse_qsl(query.removeprefix("?").partition("#")[0], max_num_fields=100)
    except ValueError:  # more fields than any campaign has
        return
    for key, value in pairs:
        if key.startswith("utm_") or key in CLICK_IDS:
            properties.setdefault(key, value)


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
        if own.get(key) and own.get(name) is None:
            properties[name] = own[key]
    if own.get("url"):
        del properties["url"]


def _add_fields(properties: Properties, message: dict[str, Any], call: str, distinct_id: str, warn: _Warn) -> None:
    """Add the call's fields by their table. A property `name` or `category` of the call wins over the field."""
    for name, field in FIELDS[call].items():
        value = message.get(field)
        if field == "traits":
            properties[name] = _dict(value)
        elif field == "groupId":
            properties[name] = "" if value is None else str(value)
        elif field in ("previousId", "anonymousId"):
            if call == "alias" or (_given(value) and _given(message.get("userId"))):
                _add_merge_key(properties, name, value, distinct_id, warn)
        elif value is not None and (name == "$screen_name" or name not in _dict(message.get("properties"))):
            properties[name] = value


def _add_group(properties: Properties, group_type: str) -> None:
    """Add a group call's type, which its traits may name, and no geoip: the app's server is not where the group is."""
    traits = properties["$group_set"] = dict(properties["$group_set"])
    own_type = traits.get("groupType")
    if isinstance(own_type, str) and own_type:
        group_type = own_type
        del traits["groupType"]
    properties["$group_type"] = group_type
    properties["$geoip_disable"] = True


def _add_groups(properties: Properties, group_id: Any, group_type: str) -> None:
    """Merge `context.groupId` into `$groups`; the call's own `$groups` wins."""
    if _given(group_id) and not isinstance(group_id, (dict, list)):
        properties["$groups"] = {group_type: str(group_id), **_dict(properties.get("$groups"))}


def _add_merge_key(properties: Properties, key: str, value: Any, distinct_id: str, warn: _Warn) -> None:
    """Add an id to merge with distinct_id, unless PostHog would refuse it, and might drop the event."""
    merge_id = "" if value is None else str(value)
    bare = merge_id
    for quote in "\"'":
        if len(bare) > 1 and bare[0] == bare[-1] == quote:
            bare = bare[1:-1]
            break
    too_general = not bare.strip() or bare.lower() in REFUSED or bare in REFUSED_EXACTLY
    if too_general or merge_id == distinct_id or len(merge_id) > MAX_MERGE_KEY:
        why = "PostHog doesn't merge such an id (blank, too general, too long, or the same)"
        warn(key, f"left out {key}: {why}; the event is sent")
    else:
        properties[key] = merge_id


def _add_hosts(properties: Properties) -> None:
    """Add the hosts by their table: web analytics reads them, and PostHog's ingestion doesn't derive them."""
    for name, url in HOSTS.items():
        if url in properties and name not in properties:
            host = _host(properties[url])
            if host:
                properties[name] = host


def _host(url: Any) -> str:
    """Return the host of a url with its port, without a user's name; "" if there is none."""
    if not isinstance(url, str):
        return ""
    rest = url.partition("://")[2].partition("/")[0].partition("?")[0].partition("#")[0]
    return rest.rpartition("@")[2].lower()


def _check_session_id(session_id: Any, warn: _Warn) -> None:
    """Warn of a session id that is not a UUIDv7: PostHog ignores it silently."""
    try:
        if UUID(session_id).version == 7:
            return
    except (ValueError, AttributeError, TypeError):
        pass
    warn("$session_id", "$session_id is no UUIDv7, so PostHog ignores it. Take the one that posthog-js sends along")


def _uuid(message_id: str) -> str:
    """Return str(uuid5(_NAMESPACE, message_id)), but faster."""
    digits = sha1(_NAMESPACE + message_id.encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:32]}"


_VARIANTS: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def _given(value: Any) -> bool:
    """Whether an id is given; 0 is one."""
    return value is not None and value != ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
