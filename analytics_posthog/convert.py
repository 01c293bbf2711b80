"""Converts Segment messages into PostHog events, as PostHog's own Segment destination does, but for what the README lists.

`to_posthog(message)` is pure: no clock, no random id, no network, no setting read; the same message always becomes the same
event. The tables tell what is copied where; what doesn't fit in rows is a function below them.
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

# Segment call: PostHog event. None: the name that the call was given.
EVENTS: Final[dict[str, str | None]] = {
    "track": None,
    "identify": "$identify",  # "$set" when there is only an anonymousId
    "page": "$pageview",
    "screen": "$screen",
    "group": "$groupidentify",
    "alias": "$create_alias",
}

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

# The ids that ad networks put into a link; PostHog keeps these names as they are.
CLICK_IDS: Final = frozenset(
    "gclid gclsrc dclid gbraid wbraid gad_source fbclid msclkid twclid li_fat_id igshid ttclid rdt_cid epik qclid sccid irclid _kx "
    "mc_cid".split()
)

# Ids that PostHog never merges, because too many people would become one. In any case, and exactly so; each also in quotes.
REFUSED: Final = frozenset("anonymous guest distinctid distinct_id id not_authenticated email undefined true false".split())
REFUSED_EXACTLY: Final = frozenset(["[object Object]", "NaN", "None", "none", "null", "0"])
MAX_MERGE_KEY: Final = 400  # characters

_NAMESPACE: Final = uuid5(UUID(int=0), "PostHog").bytes
_SETS_PERSON: Final = frozenset(["$groups", "$set", "$set_once", "$unset"])
_PERSONLESS: Final = ("track", "page", "screen")  # PostHog drops the others if they say that no person is to be made


def _no_warning(key: str, text: str) -> None:
    pass


def to_posthog(
    message: dict[str, Any],
    *,
    group_type: str = "segment_group",
    person_profiles: str = "always",
    warn: Callable[[str, str], None] = _no_warning,
) -> Event:
    """Return the PostHog event for a Segment message.

    `message` is what the calls return and what Segment's archives hold; it is not changed, but the event shares its values.
    `group_type` is PostHog's name for Segment's groups; a group call's `traits["groupType"]` wins. `person_profiles` is
    posthog-js's setting, "always" or "identified_only". `warn(key, text)` is told of what had to be left out.
    Raises InvalidMessage if the message's type is none of Segment's six.
    """
    call = message.get("type")
    if not isinstance(call, str) or call not in EVENTS:
        raise InvalidMessage("not a Segment message: its type must be one of " + ", ".join(EVENTS))
    context = _dict(message.get("context"))
    user_id, anonymous_id = message.get("userId"), message.get("anonymousId")
    distinct_id = str(user_id) if _given(user_id) else str(anonymous_id) if _given(anonymous_id) else ""
    properties = dict(_dict(message.get("posthog")))  # PostHog's own request context, see _delivery
    _add_context(properties, context)
    _add_call(properties, _dict(message.get("properties")))
    name = EVENTS[call]
    if call == "track":
        name = message.get("event")
    elif call == "identify":
        name = _add_identify(properties, message, distinct_id, warn)
    elif call == "group":
        _add_group(properties, message, group_type)
    elif call == "alias":
        _add_merge_key(properties, "alias", message.get("previousId"), distinct_id, warn)
    else:
        _add_view(properties, message, call)
    _add_groups(properties, context.get("groupId"), group_type)
    _add_hosts(properties)
    if properties.get("$ip") is None:
        properties.setdefault("$geoip_disable", True)
    if person_profiles == "identified_only" and call in _PERSONLESS and not _given(user_id) and not _SETS_PERSON & properties.keys():
        properties.setdefault("$process_person_profile", False)
    if "$session_id" in properties:
        _check_session_id(properties["$session_id"], warn)
    properties["distinct_id"] = distinct_id
    event = {"event": name, "distinct_id": distinct_id, "properties": properties}
    if message.get("timestamp") is not None:
        event["timestamp"] = message["timestamp"]
    message_id = message.get("messageId")
    if message_id:
        event["uuid"] = _uuid(str(message_id))
    return event


def wanted(message: dict[str, Any]) -> bool:
    """Whether Segment would have sent the message to PostHog, by its `integrations`; an options object counts as true."""
    integrations = _dict(message.get("integrations"))
    return integrations.get("PostHog", integrations.get("All", True)) is not False


def _add_context(properties: Properties, context: dict[str, Any]) -> None:
    """Add the context by its table, its query and campaign, and every key once more as segment_<key>."""
    page = context.get("page")
    if isinstance(page, dict):
        _add_query(properties, page)
    items = list(context.items())  # at once: the app may be adding to the message that its call returned
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
            for inner, part in _dict(value).items():
                if part is not None and inner != "name":
                    properties[f"utm_{inner}"] = part
            if _dict(value).get("name") is not None:
                properties["utm_campaign"] = value["name"]
        elif key == "active" and value is False:
            properties["$update_person_last_seen_at"] = False
    for key, value in items:
        if key != "campaign":
            properties[f"segment_{key}"] = value


def _add_query(properties: Properties, page: dict[str, Any]) -> None:
    """Add the utm_* and click ids of the page's query; `campaign`, which comes later, says it better."""
    search, url = page.get("search"), page.get("url")
    query = search if isinstance(search, str) and search else url.partition("#")[0].partition("?")[2] if isinstance(url, str) else ""
    if "=" not in query:
        return
    try:
        pairs = parse_qsl(query.removeprefix("?").partition("#")[0], max_num_fields=100)
    except ValueError:  # more fields than any campaign has
        return
    for key, value in pairs:
        if key.startswith("utm_") or key in CLICK_IDS:
            properties.setdefault(key, value)


def _add_call(properties: Properties, own: dict[str, Any]) -> None:
    """Add the call's own properties, which win over all of the context."""
    properties.update(own)
    if own.get("url"):
        del properties["url"]
        if own.get("$current_url") is None:
            properties["$current_url"] = own["url"]
    if own.get("utm_name") and own.get("utm_campaign") is None:
        properties["utm_campaign"] = own["utm_name"]
    if own.get("browser") and own.get("$browser") is None:
        properties["$browser"] = own["browser"]


def _add_view(properties: Properties, message: dict[str, Any], call: str) -> None:
    """Add a page's or screen's name and category, which the destination drops."""
    name, category = message.get("name"), message.get("category")
    if call == "screen" and name is not None:
        properties["$screen_name"] = name
    own = _dict(message.get("properties"))
    if name is not None and "name" not in own:
        properties["name"] = name
    if category is not None and "category" not in own:
        properties["category"] = category


def _add_identify(properties: Properties, message: dict[str, Any], distinct_id: str, warn: Callable[[str, str], None]) -> str:
    properties["$set"] = _dict(message.get("traits"))
    if not _given(message.get("userId")):
        return "$set"
    if _given(message.get("anonymousId")):
        _add_merge_key(properties, "$anon_distinct_id", message["anonymousId"], distinct_id, warn)
    return "$identify"


def _add_group(properties: Properties, message: dict[str, Any], group_type: str) -> None:
    traits = dict(_dict(message.get("traits")))
    own_type = traits.get("groupType")
    if isinstance(own_type, str) and own_type:
        group_type = own_type
        del traits["groupType"]
    group_id = message.get("groupId")
    properties["$group_type"] = group_type
    properties["$group_key"] = "" if group_id is None else str(group_id)
    properties["$group_set"] = traits
    properties["$geoip_disable"] = True


def _add_groups(properties: Properties, group_id: Any, group_type: str) -> None:
    """Merge `context.groupId` into `$groups`; what the call itself says wins."""
    if _given(group_id) and not isinstance(group_id, (dict, list)):
        properties["$groups"] = {group_type: str(group_id), **_dict(properties.get("$groups"))}


def _add_merge_key(properties: Properties, key: str, value: Any, distinct_id: str, warn: Callable[[str, str], None]) -> None:
    """Add an id that PostHog is to merge with distinct_id, unless it would refuse to, and might drop the event for it."""
    merge_id = "" if value is None else str(value)
    bare = merge_id
    for quote in "\"'":
        if len(bare) > 1 and bare[0] == bare[-1] == quote:
            bare = bare[1:-1]
            break
    if not bare.strip() or bare.lower() in REFUSED or bare in REFUSED_EXACTLY or merge_id == distinct_id or len(merge_id) > MAX_MERGE_KEY:
        warn(key, f"left out {key}: PostHog doesn't merge such an id (blank, too general, too long, or the same); the event is sent")
    else:
        properties[key] = merge_id


def _add_hosts(properties: Properties) -> None:
    """Add what web analytics reads and nothing in ingestion derives."""
    for url, host in (("$current_url", "$host"), ("$referrer", "$referring_domain")):
        if url in properties and host not in properties:
            found = _host(properties[url])
            if found:
                properties[host] = found


def _host(url: Any) -> str:
    """Return the host of a url, with its port but without a user's name; "" if there is none."""
    if not isinstance(url, str):
        return ""
    rest = url.partition("://")[2].partition("/")[0].partition("?")[0].partition("#")[0]
    return rest.rpartition("@")[2].lower()


def _check_session_id(session_id: Any, warn: Callable[[str, str], None]) -> None:
    """PostHog silently ignores a session id that is no UUIDv7."""
    try:
        if UUID(session_id).version == 7:
            return
    except (ValueError, AttributeError, TypeError):
        pass
    warn("$session_id", "$session_id is no UUIDv7, so PostHog ignores it. Take the one that posthog-js sends along")


def _uuid(message_id: str) -> str:
    """Return str(uuid5(_NAMESPACE, message_id)), without the object."""
    digits = sha1(_NAMESPACE + message_id.encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:32]}"


_VARIANTS: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def _given(value: Any) -> bool:
    """Whether an id says something: 0 does."""
    return value is not None and value != ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
