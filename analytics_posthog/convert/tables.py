"""The mapping's tables: which field of Segment's becomes which property of PostHog's.

Most names are those of PostHog's own Segment destination. docs/differences.md lists where we add to it.
"""

from __future__ import annotations

from typing import Final

# Segment's call: PostHog's event. None: the event's name is the one that the call was given.
EVENTS: Final[dict[str, str | None]] = {
    "track": None,
    "identify": "$identify",
    "page": "$pageview",
    "screen": "$screen",
    "group": "$groupidentify",
    "alias": "$create_alias",
}
NO_USER: Final = "$set"  # the event of an identify that has only an anonymousId

# PostHog's property: the field of that call's message that it holds. `to_posthog` says how.
FIELDS: Final[dict[str, dict[str, str]]] = {
    "track": {},
    "identify": {"$set": "traits", "$anon_distinct_id": "anonymousId"},
    "page": {"name": "name", "category": "category"},
    "screen": {"$screen_name": "name", "name": "name", "category": "category"},
    "group": {"$group_key": "groupId", "$group_set": "traits"},
    "alias": {"alias": "previousId"},
}

# A property of the call: PostHog's name for it, also over a property of that name. Only `url` loses its own name.
PROPERTIES: Final = {"url": "$current_url", "utm_name": "utm_campaign", "browser": "$browser"}

SEGMENT_GROUP: Final = "segment_group"  # the destination's type for Segment's groups

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

# PostHog reads these under no name of its own, so `segment_<key>` alone has them: consent; device.token (PostHog's push
# keeps an encrypted one); device.advertisingId (only the Adjust destination reads one, which an app sets with the
# person's consent); location. `userAgent` is parsed by PostHog's own User Agent Populator.

# A page call's own properties (https://segment.com/docs/connections/spec/page/#properties): PostHog's name for each, if
# the context does not have it.
PAGE: Final = {"path": "$pathname", "referrer": "$referrer"}

# Ids that ad networks add to a link. PostHog keeps their names.
CLICK_IDS: Final = frozenset(
    "gclid gclsrc dclid gbraid wbraid gad_source fbclid msclkid twclid li_fat_id igshid ttclid rdt_cid epik qclid "
    "sccid irclid _kx mc_cid".split()
)

DIRECT: Final = "$direct"  # PostHog's referrer and referring domain of a visit that comes from nowhere

# PostHog's property: the one that holds its url.
HOSTS: Final = {"$host": "$current_url", "$referring_domain": "$referrer"}
DERIVED: Final = (*HOSTS, "$pathname", "$referrer", "$browser_language", "$timezone_offset")  # from other fields

# Ids that PostHog never merges, because too many people would become one; quotes around them change nothing. First
# the ones in upper or lower case, then the ones that must be exactly so.
REFUSED: Final = frozenset(
    "anonymous guest distinctid distinct_id id not_authenticated email undefined true false".split()
)
REFUSED_EXACTLY: Final = frozenset(["[object Object]", "NaN", "None", "none", "null", "0"])
MAX_MERGE_KEY: Final = 400  # characters
MAX_GROUP_KEY: Final = 400  # characters; PostHog drops a group with a longer one
CUT_ID: Final = 200  # characters of a distinct_id that PostHog keeps

SETS_PERSON: Final = frozenset(["$groups", "$set", "$set_once", "$unset"])
PERSONLESS: Final = ("track", "page", "screen")  # PostHog drops other events that say they have no person
