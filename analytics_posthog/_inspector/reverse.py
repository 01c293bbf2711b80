"""Reconstructs the Segment message that a PostHog event was made from, as far as the event shows it.

The `segment_*` properties hold the whole context. That context is converted again; what it doesn't give is the call's
own. So this never disagrees with `convert.to_posthog`. What the event can't tell is listed in `unknown`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from .._origins import SETTINGS
from ..convert import DERIVED, EVENTS, PROPERTIES, Event, to_posthog

LIB: Final = ("$lib", "$lib_version")  # PostHog's client adds them
SEGMENT: Final = "segment_"
_CALLS: Final = {name: call for call, name in EVENTS.items() if name} | {"$set": "identify"}
_GROUPS: Final = SETTINGS["group_type"]
_NEVER: Final = (
    "the messageId, of which the uuid is a hash",
    "integrations",
    "whether the timestamp was given or is the time of the call",
)


@dataclass
class Reconstruction:
    """The message, the client's settings as far as the event shows them, and in words what it can't tell."""

    message: dict[str, Any]
    settings: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def convert(self, message: dict[str, Any]) -> Event:
        """Convert a message with these settings."""
        return to_posthog(message, **self.settings)  # type: ignore[arg-type]  # `warn` is no setting

    def event(self) -> Event:
        """Return the event of the message."""
        return self.convert(self.message)


def is_ours(event: Event) -> bool:
    """Whether an event was made from a Segment message: all of these name the library."""
    return "segment_library" in properties_of(event)


def properties_of(event: Event) -> dict[str, Any]:
    """Return an event's properties, {} if it has none."""
    properties = event.get("properties")
    return properties if isinstance(properties, dict) else {}


def distinct_id_of(event: Event) -> Any:
    """Return an event's distinct id. PostHog's clients put it into the event, the properties, or both."""
    distinct_id = event.get("distinct_id")
    return properties_of(event).get("distinct_id") if distinct_id is None else distinct_id


def call_of(event: Event) -> str:
    """Return which of Segment's calls made an event; "" for one that is PostHog's own."""
    return _CALLS.get(event["event"], "track") if is_ours(event) else ""


def is_of_request(name: str, message: dict[str, Any]) -> bool:
    """Whether a property comes from PostHog's request context."""
    request = message.get("posthog", {})
    tags = request.get("$context_tags", message.get("properties", {}).get("$context_tags"))
    return name in request or name == "$context_tags" or (isinstance(tags, list) and name in tags)


def reconstruct(event: Event) -> Reconstruction:
    """Return the Segment message of an event that `is_ours`. The message shares the event's values."""
    call = call_of(event)
    rest = {name: value for name, value in properties_of(event).items() if name not in LIB and name != "distinct_id"}
    context = {name[len(SEGMENT) :]: rest.pop(name) for name in list(rest) if name.startswith(SEGMENT)}
    made = Reconstruction({"type": call}, unknown=list(_NEVER))
    _take_ids(made, event, rest)
    made.message["context"] = context
    if event.get("timestamp") is not None:
        made.message["timestamp"] = event["timestamp"]
    _take_groups(made, rest)
    _take_view(made, rest)
    _take_campaign(made, rest)
    own = _remaining(made, rest)
    if call in ("track", "page", "screen"):
        made.message["properties"] = _call_properties(made, own)
        if "$context_tags" in own or "$session_id" in own:
            made.unknown.append("whether $session_id and tags are the call's or those of PostHog's request context")
    elif own:
        made.message["posthog"] = own
    return made


def _take_ids(made: Reconstruction, event: Event, rest: dict[str, Any]) -> None:
    """Take the ids."""
    message, call, distinct_id = made.message, made.message["type"], distinct_id_of(event)
    if call == "track":
        message["event"] = event["event"]
    if call == "identify":
        message["traits"] = rest.pop("$set", {})
        if event["event"] == "$set":
            message["anonymousId"] = distinct_id
        else:
            message["userId"] = distinct_id
            if "$anon_distinct_id" in rest:
                message["anonymousId"] = rest.pop("$anon_distinct_id")
            else:
                made.unknown.append("an anonymousId that was left out, because PostHog would not merge it")
    elif call == "alias":
        message["userId"] = distinct_id
        if "alias" in rest:
            message["previousId"] = rest.pop("alias")
        else:
            made.unknown.append("the previousId: it was left out, because PostHog would not merge it")
    elif rest.get("$process_person_profile") is False and call != "group":
        message["anonymousId"] = distinct_id
        made.settings["person_profiles"] = "identified_only"
    else:
        message["userId"] = distinct_id
        made.unknown.append("whether the distinct id was the userId or the anonymousId; an anonymousId beside a userId")


def _take_groups(made: Reconstruction, rest: dict[str, Any]) -> None:
    """Take a group call's group, and the setting `group_type` where the event shows it."""
    group_id, groups = made.message["context"].get("groupId"), rest.get("$groups")
    if isinstance(groups, dict) and _GROUPS not in groups and group_id not in (None, ""):
        named = [name for name, value in groups.items() if value == str(group_id)]
        named += list(groups)  # else the call has its own group of that type
        if named:
            made.settings["group_type"] = named[0]
    if made.message["type"] != "group":
        return
    made.message["groupId"] = rest.pop("$group_key", "")
    made.message["traits"] = dict(rest.pop("$group_set")) if isinstance(rest.get("$group_set"), dict) else {}
    own_type = rest.pop("$group_type") if isinstance(rest.get("$group_type"), str) else _GROUPS
    if own_type != made.settings.get("group_type", _GROUPS):
        made.settings["group_type"] = own_type


def _take_view(made: Reconstruction, rest: dict[str, Any]) -> None:
    """Take a page's or screen's name and category."""
    call = made.message["type"]
    if call not in ("page", "screen"):
        return
    if call == "screen" and "$screen_name" in rest:
        made.message["name"] = rest.pop("$screen_name")
    elif call == "page" and rest.get("name") is not None:
        made.message["name"] = rest.pop("name")
    if rest.get("category") is not None:
        made.message["category"] = rest.pop("category")
    if "name" in made.message or "category" in made.message:
        made.unknown.append("whether name and category were arguments or properties")


def _take_campaign(made: Reconstruction, rest: dict[str, Any]) -> None:
    """Take the campaign: each utm_* that neither the page's query nor the call's utm_name explains."""
    derived = made.event()["properties"]
    campaign = {}
    for name in [name for name in rest if name.startswith("utm_") and name != "utm_name"]:
        if name in derived and derived[name] == rest[name]:
            continue
        if rest[name] is None or (name == "utm_campaign" and rest[name] == rest.get("utm_name")):
            continue  # an absent value is never mapped; a call's utm_name becomes utm_campaign as well
        campaign["name" if name == "utm_campaign" else name[len("utm_") :]] = rest.pop(name)
    if campaign:
        made.message["context"] = {**made.message["context"], "campaign": campaign}
        made.unknown.append("whether utm_* came from context.campaign or from the call's properties")


def _remaining(made: Reconstruction, rest: dict[str, Any]) -> dict[str, Any]:
    """Return the properties that the message so far doesn't give: the call's own, or PostHog's request context."""
    derived = made.event()["properties"]
    own = {name: value for name, value in rest.items() if name not in derived or not _same(derived[name], value)}
    groups, named = own.get("$groups"), derived.get("$groups")
    if isinstance(groups, dict) and isinstance(named, dict):
        own["$groups"] = {name: value for name, value in groups.items() if named.get(name) != value}
    return own


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _call_properties(made: Reconstruction, own: dict[str, Any]) -> dict[str, Any]:
    """Return the call's own properties without those that the conversion derives from others of them."""
    url = own.get("$current_url")
    if isinstance(url, str) and url and "url" not in own:
        own = {("url" if name == "$current_url" else name): value for name, value in own.items()}
        made.unknown.append("whether the call's own address was `url` or `$current_url`")
    derived = made.convert({**made.message, "properties": own})["properties"]
    for name in (*DERIVED, *PROPERTIES.values(), "$geoip_disable"):
        if name in own:
            without = {key: value for key, value in own.items() if key != name}
            tried = made.convert({**made.message, "properties": without})["properties"]
            if name in tried and _same(tried[name], derived[name]):
                own = without
    return own
