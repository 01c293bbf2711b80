"""Goes back from a PostHog event to the Segment message that it was made of, as far as the event can tell.

`segment_*` hold the context whole, so most of it is certain; what the conversion derives from the context again is then
found by converting, and what remains is the call's own. So this never disagrees with `convert.to_posthog`. What an event
can't tell is listed in `unknown`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from ..convert import to_posthog

Event = dict[str, Any]
Message = dict[str, Any]
Properties = dict[str, Any]

LIB: Final = ("$lib", "$lib_version")  # what PostHog's client says of itself
_CALLS: Final = {
    "$identify": "identify",
    "$set": "identify",
    "$pageview": "page",
    "$screen": "screen",
    "$groupidentify": "group",
    "$create_alias": "alias",
}
_SEGMENT: Final = "segment_"
_GROUPS: Final = "segment_group"
_NEVER: Final = ("the messageId, of which the uuid is a hash", "integrations")


@dataclass
class Reconstruction:
    """The message, the client's settings that the event shows, and in words what it can't tell."""

    message: Message
    settings: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def event(self) -> Event:
        """Return what `to_posthog` makes of the message."""
        return to_posthog(self.message, group_type=self.settings.get("group_type", _GROUPS), person_profiles=self.profiles)

    @property
    def profiles(self) -> str:
        """The setting `person_profiles`."""
        return self.settings.get("person_profiles", "always")


def is_ours(event: Event) -> bool:
    """Whether an event was made of a Segment message: each of those says which library made it."""
    return "segment_library" in properties_of(event)


def properties_of(event: Event) -> Properties:
    """Return an event's properties, {} if it has none."""
    properties = event.get("properties")
    return properties if isinstance(properties, dict) else {}


def distinct_id_of(event: Event) -> Any:
    """Return who an event is of; PostHog's clients put it into the event, the properties, or both."""
    distinct_id = event.get("distinct_id")
    return properties_of(event).get("distinct_id") if distinct_id is None else distinct_id


def call_of(event: Event) -> str:
    """Return which of Segment's calls made an event; "" for one that is PostHog's own."""
    return _CALLS.get(event["event"], "track") if is_ours(event) else ""


def reconstruct(event: Event) -> Reconstruction:
    """Return the Segment message that makes this event, an event for which `is_ours`. Shares the event's values."""
    call = call_of(event)
    rest = {name: value for name, value in properties_of(event).items() if name not in LIB and name != "distinct_id"}
    context = {name[len(_SEGMENT) :]: rest.pop(name) for name in list(rest) if name.startswith(_SEGMENT)}
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


def _take_ids(made: Reconstruction, event: Event, rest: Properties) -> None:
    """Take who and whom the call named."""
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
                made.unknown.append("an anonymousId that PostHog would not merge: it was left out")
    elif call == "alias":
        message["userId"] = distinct_id
        if "alias" in rest:
            message["previousId"] = rest.pop("alias")
        else:
            made.unknown.append("the previousId: PostHog doesn't merge it, so it was left out")
    elif rest.get("$process_person_profile") is False and call != "group":
        message["anonymousId"] = distinct_id
        made.settings["person_profiles"] = "identified_only"
    else:
        message["userId"] = distinct_id
        made.unknown.append("whether the distinct id was the userId or, without one, the anonymousId; an anonymousId beside a userId")


def _take_groups(made: Reconstruction, rest: Properties) -> None:
    """Take a group call's group, and the setting `group_type` from where it shows."""
    group_id, groups = made.message["context"].get("groupId"), rest.get("$groups")
    if isinstance(groups, dict) and _GROUPS not in groups and group_id not in (None, ""):
        named = [name for name, value in groups.items() if value == str(group_id)]
        named += list(groups)  # else the call's own group of that type has won
        if named:
            made.settings["group_type"] = named[0]
    if made.message["type"] != "group":
        return
    made.message["groupId"] = rest.pop("$group_key", "")
    made.message["traits"] = traits = dict(rest.pop("$group_set")) if isinstance(rest.get("$group_set"), dict) else {}
    own_type = rest.pop("$group_type") if isinstance(rest.get("$group_type"), str) else _GROUPS
    if own_type != made.settings.get("group_type", _GROUPS):
        if "group_type" in made.settings or (isinstance(groups, dict) and _GROUPS in groups):
            traits["groupType"] = own_type
        else:
            made.settings["group_type"] = own_type
            made.unknown.append('whether the group type came from the setting or from traits["groupType"]')


def _take_view(made: Reconstruction, rest: Properties) -> None:
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


def _take_campaign(made: Reconstruction, rest: Properties) -> None:
    """Take what neither the page's query nor the call's utm_name explains for the campaign."""
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


def _remaining(made: Reconstruction, rest: Properties) -> Properties:
    """What the message so far doesn't give: the call's own properties, or those of PostHog's request context."""
    derived = made.event()["properties"]
    own = {name: value for name, value in rest.items() if name not in derived or not _same(derived[name], value)}
    groups, named = own.get("$groups"), derived.get("$groups")
    if isinstance(groups, dict) and isinstance(named, dict):
        own["$groups"] = {name: value for name, value in groups.items() if named.get(name) != value}
    return own


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _call_properties(made: Reconstruction, own: Properties) -> Properties:
    """The call's properties: without those that the conversion adds for the others."""
    url = own.get("$current_url")
    if isinstance(url, str) and url and "url" not in own:
        own = {("url" if name == "$current_url" else name): value for name, value in own.items()}
        made.unknown.append("whether the call's own address was `url` or `$current_url`")
    derived = to_posthog({**made.message, "properties": own}, person_profiles=made.profiles)["properties"]
    for name in ("$host", "$referring_domain", "$browser", "utm_campaign", "$geoip_disable"):
        if name in own:
            without = {key: value for key, value in own.items() if key != name}
            tried = to_posthog({**made.message, "properties": without}, person_profiles=made.profiles)["properties"]
            if name in tried and _same(tried[name], derived[name]):
                own = without
    return own
