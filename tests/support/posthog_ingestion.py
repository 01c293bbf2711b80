"""What PostHog's ingestion makes of the events that the loopback server took: persons, groups, sessions, counts.

As small as it can be. Each rule names its place in github.com/PostHog/posthog; we read them there, and copied nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

Event = dict[str, Any]

SERVER = "203.0.113.99"  # the address of the machine that runs the app
# A table of three addresses. The plugin looks up an example in Sweden for loopback.
COUNTRIES = {SERVER: "US", "192.0.2.7": "NL", "127.0.0.1": "SE"}

CUT = 200  # of a distinct_id: rust/capture, `extract_distinct_id`
MAX_GROUP_TYPES = 5  # plugin-server, `MAX_GROUP_TYPES_PER_TEAM`
MAX_GROUP_KEY = 400  # plugin-server, groups
# Ids that are never merged: plugin-server, `isDistinctIdIllegal`
ILLEGAL = frozenset("anonymous guest distinctid distinct_id id not_authenticated email undefined true false".split())
ILLEGAL_EXACTLY = frozenset(["[object Object]", "NaN", "None", "none", "null", "0"])
# Properties of an event that become the person's too: plugin-server, `eventToPersonProperties`
TO_PERSON = frozenset(
    "$app_build $app_name $app_namespace $app_version $browser $browser_version $current_url $device_type $os $os_name "
    "$os_version $pathname $raw_user_agent $referrer $referring_domain $screen_height $screen_width $viewport_height "
    "$viewport_width _kx dclid epik fbclid gad_source gbraid gclid gclsrc igshid irclid li_fat_id mc_cid msclkid qclid "
    "rdt_cid sccid ttclid twclid utm_campaign utm_content utm_medium utm_name utm_source utm_term wbraid".split()
)
NO_PERSON = frozenset(["$identify", "$create_alias", "$groupidentify", "$merge_dangerously"])  # can't be personless


@dataclass
class Person:
    """A person: its ids, its properties, and whether an identify or alias named it."""

    ids: set[str] = field(default_factory=set)
    properties: dict[str, Any] = field(default_factory=dict)
    identified: bool = False


@dataclass
class PostHog:
    """The state after some events. `ingest` takes them in their order."""

    people: dict[str, Person] = field(default_factory=dict)  # by distinct_id
    groups: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    group_types: list[str] = field(default_factory=list)
    events: dict[tuple[Any, ...], Event] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def ingest(self, events: Iterable[Event], address: str = SERVER) -> PostHog:
        """Take events that came from this address. Returns itself."""
        for event in events:
            self._ingest(event, address)
        return self

    def persons(self) -> list[Person]:
        """Each person once, by the first of its ids."""
        unique = {id(person): person for person in self.people.values()}
        return sorted(unique.values(), key=lambda person: min(person.ids))

    def sessions(self) -> dict[str, int]:
        """How many events each session has: ClickHouse keeps a $session_id that is a UUIDv7, and no other."""
        found: dict[str, int] = {}
        for event in self.events.values():
            session_id = event["properties"].get("$session_id")
            if is_version_7(session_id):
                found[session_id.lower()] = found.get(session_id.lower(), 0) + 1
        return found

    def counts(self) -> dict[str, int]:
        """How many events there are of each name."""
        found: dict[str, int] = {}
        for event in self.events.values():
            found[event["event"]] = found.get(event["event"], 0) + 1
        return found

    def channels(self) -> list[str]:
        """The channel of each page view: posthog/hogql/database/schema/channel_type.py, its first questions."""
        return [channel(event["properties"]) for event in self.events.values() if event["event"] == "$pageview"]

    def _ingest(self, event: Event, address: str) -> None:
        properties = dict(event["properties"])
        distinct_id = as_kept(event.get("distinct_id") or properties["distinct_id"])
        if not properties.get("$ip"):  # plugin-server, `normalizeEvent`: truth, not presence
            properties["$ip"] = address
        if not properties.get("$geoip_disable"):  # the GeoIP transformation
            _add_country(properties)
        if event["event"] == "$groupidentify" and len(str(properties["$group_key"])) > MAX_GROUP_KEY:
            self.warnings.append("group_key_too_long")  # plugin-server, `validateEventPropertiesStep`: it is dropped
            return
        personless = properties.get("$process_person_profile") is False
        if personless and event["event"] in NO_PERSON:
            self.warnings.append("invalid_event_when_process_person_profile_is_false")
            return
        # ClickHouse's ReplacingMergeTree: posthog/models/event/sql.py, ORDER BY
        key = (day(event["timestamp"]), event["event"], distinct_id, event["uuid"])
        self.events[key] = {**event, "distinct_id": distinct_id, "properties": properties}
        if properties.get("$window_id") and not is_version_7(properties.get("$session_id")):
            self.warnings.append("a $window_id without a session")
        if not personless:
            self._group(event["event"], properties)
            self._person(event["event"], distinct_id, properties)

    def _person(self, name: str, distinct_id: str, properties: dict[str, Any]) -> None:
        """plugin-server, `PersonMergeService` and `PersonPropertyService`.

        Not here: that an existing person's browser, os, url, screen and place are not written if nothing else changes.
        """
        other = {"$identify": "$anon_distinct_id", "$create_alias": "alias"}.get(name)
        if other and properties.get(other):
            self._merge(properties[other], distinct_id)
        person = self._of(distinct_id)
        if name == "$groupidentify":  # nodejs/src/common/persons/person-property-utils.ts: it sets nothing on a person
            return
        before = set(person.properties)
        own = {key: value for key, value in properties.items() if key in TO_PERSON}
        for key, value in own.items():
            if value is not None:  # a null is never a first value
                person.properties.setdefault(f"$initial_{key.removeprefix('$')}", value)
        for key, value in (properties.get("$set_once") or {}).items():
            person.properties.setdefault(key, value)
        person.properties |= own | (properties.get("$set") or {})
        for key in properties.get("$unset") or []:
            if key in before:
                person.properties.pop(key, None)

    def _of(self, distinct_id: str) -> Person:
        person = self.people.setdefault(distinct_id, Person())
        person.ids.add(distinct_id)
        return person

    def _merge(self, other_id: str, into_id: str) -> None:
        """person-merge-service.ts and person-merge-postgres.ts. Who is identified is not merged into another person.

        An id that nobody has yet is attached to the other one's person, even if that one is identified.
        """
        if is_illegal(other_id) or is_illegal(into_id) or len(other_id) > 2 * CUT:
            self.warnings.append("cannot_merge_with_illegal_distinct_id")
            return
        other_id = as_kept(other_id)
        other, into = self.people.get(other_id), self.people.get(into_id)
        if other is None or into is None:
            other = into = other or into or Person()
        elif other is not into and other.identified:
            self.warnings.append("cannot_merge_already_identified")
        elif other is not into:
            into.properties = {**other.properties, **into.properties}
            into.ids |= other.ids
            for distinct_id in other.ids:
                self.people[distinct_id] = into
        into.identified = True
        for distinct_id in (other_id, into_id):
            self.people.setdefault(distinct_id, into).ids.add(distinct_id)

    def _group(self, name: str, properties: dict[str, Any]) -> None:
        """plugin-server, `processGroupsStep` and `GroupTypeManager`: `$groups` may take a type, and makes no group."""
        for group_type in properties.get("$groups") or {}:
            self._knows(group_type)
        if name == "$groupidentify" and self._knows(properties["$group_type"]) and properties["$group_key"] != "":
            group = self.groups.setdefault((properties["$group_type"], str(properties["$group_key"])), {})
            group.update(properties.get("$group_set") or {})

    def _knows(self, group_type: str) -> bool:
        if group_type not in self.group_types and len(self.group_types) < MAX_GROUP_TYPES:
            self.group_types.append(group_type)
        return group_type in self.group_types


def _add_country(properties: dict[str, Any]) -> None:
    """Add the country of the address, to the event and to the person."""
    country = COUNTRIES.get(str(properties["$ip"]))
    if country:
        properties["$geoip_country_code"] = country
        properties["$set"] = {**(properties.get("$set") or {}), "$geoip_country_code": country}
        first = {"$initial_geoip_country_code": country}
        properties["$set_once"] = {**first, **(properties.get("$set_once") or {})}


def as_kept(distinct_id: str) -> str:
    """A distinct_id as it is kept: rust/capture cuts it, plugin-server's `sanitizeString` replaces NUL."""
    return distinct_id[:CUT].replace("\0", "\ufffd")


def is_illegal(distinct_id: str) -> bool:
    """Whether an id is never merged."""
    bare = distinct_id
    for quote in "\"'":
        if len(bare) > 1 and bare[0] == bare[-1] == quote:
            bare = bare[1:-1]
            break
    return not bare.strip() or bare.lower() in ILLEGAL or bare in ILLEGAL_EXACTLY


def is_version_7(session_id: Any) -> bool:
    """Whether an id is a UUIDv7."""
    try:
        return UUID(session_id).version == 7
    except (ValueError, AttributeError, TypeError):
        return False


def day(timestamp: str) -> str:
    """The day in UTC."""
    moment = datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
    return moment.astimezone(timezone.utc).date().isoformat()


PAID = frozenset("cpc cpm cpv cpa ppc retargeting".split())
MAIL = frozenset(["email", "e-mail", "e_mail", "e mail"])


def channel(properties: dict[str, Any]) -> str:
    """Paid, Direct, Email, then the referring domain. There it is asked of a session's first event."""
    domain = properties.get("$referring_domain") or ""
    medium = str(properties.get("utm_medium") or "").lower()
    search = domain.removeprefix("www.").startswith("google.")  # for channel_definitions.json
    if properties.get("gclid") or medium in PAID or medium.startswith("paid"):
        return "Paid Search" if search else "Paid Unknown"
    if medium in MAIL:
        return "Email"
    if domain == "$direct":
        return "Direct"
    if not domain:
        return "Unknown"
    return "Organic Search" if search else "Referral"
