"""PostHog's own Segment destination, as its 80 recorded events show it: written without a look at our conversion.

`test_destination.py` holds it to all 80. It stands for the destination where no event was recorded.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

Event = dict[str, Any]

NAMES = {"page": "$pageview", "screen": "$screen", "group": "$groupidentify", "alias": "$create_alias"}
MAPPED = {
    ("ip",): "$ip",
    ("page", "url"): "$current_url",
    ("page", "path"): "$pathname",
    ("page", "referrer"): "$referrer",
    ("os", "name"): "$os",
    ("screen", "width"): "$screen_width",
    ("screen", "height"): "$screen_height",
    ("device", "type"): "$device_type",
}
NAMESPACE = uuid5(UUID(int=0), "PostHog")


def destination(message: dict[str, Any]) -> Event:
    """The event that the destination sends for a message."""
    call, context = message["type"], message.get("context") or {}
    properties = {**mapped(context), **(message.get("properties") or {})}
    for name, key in (("url", "$current_url"), ("utm_name", "utm_campaign"), ("browser", "$browser")):
        if properties.get(name):
            properties[key] = properties[name]
    if properties.get("url"):
        del properties["url"]
    if context.get("groupId"):
        properties["$groups"] = {"segment_group": context["groupId"]}
    user_id, anonymous_id = message.get("userId"), message.get("anonymousId")
    name = NAMES.get(call) or message.get("event")
    if call == "screen" and message.get("name") is not None:
        properties["$screen_name"] = message["name"]
    if call == "identify":
        name = "$identify" if user_id else "$set"
        properties["$set"] = message.get("traits") or {}
        if user_id and anonymous_id:
            properties["$anon_distinct_id"] = anonymous_id
    if call == "group":
        properties["$geoip_disable"] = True
        properties |= {"$group_type": "segment_group", "$group_key": message["groupId"]}
        properties["$group_set"] = message.get("traits") or {}
    if call == "alias":
        properties["alias"] = message["previousId"]
    properties |= {"distinct_id": user_id or anonymous_id, "$lib": "Segment"}
    return {
        "uuid": str(uuid5(NAMESPACE, message["messageId"])),
        "timestamp": message["timestamp"],
        "event": name,
        "properties": properties,
    }


def mapped(context: dict[str, Any]) -> dict[str, Any]:
    """The properties that the context gives."""
    found: dict[str, Any] = {}
    for path, name in MAPPED.items():
        value: Any = context
        for key in path:
            value = value.get(key, ...) if isinstance(value, dict) else ...
        if value is not ...:
            found[name] = value
    for key, value in (context.get("campaign") or {}).items():
        found["utm_campaign" if key == "name" else f"utm_{key}"] = value
    return found | {f"segment_{key}": value for key, value in context.items() if key != "campaign"}
