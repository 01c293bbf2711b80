"""10,000 random messages: PostHog refuses none of ours, and each difference from the destination is a listed one.

The numbers name the README's list "where it is better than PostHog's destination".
"""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

from analytics_posthog import Client
from analytics_posthog.convert import to_posthog, wanted
from analytics_posthog.replay import replay_file
from tests.convert.test_parity import call_of
from tests.support.destination import destination
from tests.support.posthog_ingestion import PostHog, is_illegal
from tests.support.posthog_server import PostHogServer

Message = dict[str, Any]

COUNT = 10_000
SESSION = "0191B7A0-0000-7000-8000-000000000001"
IDS = ["u1", "a1", "guest", "x" * 250, "0", " é ", "anonymous", "a\0b"]
USERS = ["u1", "u2", "x" * 250, " é ", "a\0b"]
TEXTS = ["", "x", "https://shop.example/a?utm_source=q&gclid=1", "/a", "$direct", "Chrome", "127.0.0.1", "192.0.2.7"]
VALUES: list[Any] = [*TEXTS, None, 0, 1, 3.5, True, False, [], ["x"], {}, {"a": None}]
OWN = (
    "url $current_url utm_name utm_campaign browser $browser title path referrer search $ip $session_id $window_id "
    "price"
)
CONTEXT = {
    "ip": None,
    "page": ["url", "path", "referrer", "search", "title"],
    "os": ["name", "version"],
    "screen": ["width", "height", "density"],
    "device": ["type", "id", "token"],
    "campaign": ["name", "source", "medium"],
    "app": ["name", "version"],
    "locale": None,
    "timezone": None,
    "userAgent": None,
    "groupId": None,
    "active": None,
    "location": ["city"],
    "consent": ["categoryPreferences"],
}
FIELDS = {"track": "properties", "page": "properties", "screen": "properties", "identify": "traits", "group": "traits"}


def messages() -> list[Message]:
    """Messages as an archive holds them, the same ones in each run."""
    chance = random.Random(11)
    return [message(number, chance) for number in range(COUNT)]


def message(number: int, chance: random.Random) -> Message:
    call = chance.choice(["track", "identify", "page", "screen", "group", "alias"])
    made: Message = {
        "type": call,
        "messageId": f"m{number}",
        "timestamp": f"2026-01-{1 + number % 28:02}T03:04:05.678Z",
    }
    made["userId"] = chance.choice(USERS)
    if call != "alias" and chance.random() < 0.4:
        made["anonymousId"] = chance.choice(IDS)
        if chance.random() < 0.5:
            del made["userId"]
    made["context"] = {key: part(key, keys, chance) for key, keys in CONTEXT.items() if chance.random() < 0.3}
    made["context"]["groupId"] = chance.choice(["", "g1", "g2"])
    if call in FIELDS:
        keys = OWN.split() if FIELDS[call] == "properties" else ["plan", "groupType", "email"]
        made[FIELDS[call]] = {key: chance.choice(VALUES) for key in keys if chance.random() < 0.3}
        if "$session_id" in made[FIELDS[call]] and chance.random() < 0.5:
            made[FIELDS[call]]["$session_id"] = SESSION
    made |= {"track": {"event": "Bought"}, "group": {"groupId": "g1"}}.get(call, {})
    if call == "alias":
        made["previousId"] = chance.choice(IDS)
    if call in ("page", "screen") and chance.random() < 0.5:
        made |= {"name": "Home", "category": "Docs"}
    return made


def part(key: str, keys: list[str] | None, chance: random.Random) -> Any:
    if keys is None or (key != "campaign" and chance.random() < 0.1):
        return chance.choice(VALUES)
    return {key: chance.choice(VALUES) for key in keys if chance.random() < 0.5}


def explained(key: str, ours: Any, theirs: Any, message: Message) -> str:
    """Which of the README's improvements makes a property different from the destination's; "" for none."""
    ours_is_absent = ours is ABSENT
    if theirs is None and key.startswith(("$", "utm_")) and ours_is_absent:
        return "1: a mapped key without a value is left out"
    if key == "$ip" and ours_is_absent and not theirs.strip():
        return "3: a blank $ip is left out"
    if key in ("$anon_distinct_id", "alias"):
        ids = message.get("userId"), message.get("anonymousId") or message.get("previousId")
        if ours_is_absent and (is_illegal(theirs) or theirs == ids[0]):
            return "7: an id that PostHog doesn't merge is left out"
        if ours == theirs[:200].replace("\0", "\ufffd"):
            return "7: an id to merge is cut as PostHog cuts it"
    if key == "$session_id" and isinstance(theirs, str) and ours == theirs.lower():
        return "11: a session id is in lower case"
    if key == "$window_id" and ours_is_absent:
        return "11: a window without a usable session is left out"
    if theirs is None and key in ("$pathname", "$referrer", "utm_campaign", "utm_source", "utm_medium"):
        return "5: the url, the query or the page's own properties give what the context leaves open"
    return ""


ABSENT: Any = object()


def test_each_difference_from_the_destination_is_a_listed_one() -> None:
    found: dict[str, int] = {}
    for given in messages():
        ours, theirs = to_posthog(given), destination(given)
        assert (ours["event"], ours["uuid"], ours["timestamp"]) == (
            theirs["event"],
            theirs["uuid"],
            theirs["timestamp"],
        )
        for key, value in theirs["properties"].items():
            other = ours["properties"].get(key, ABSENT)
            if key == "$lib" or (type(other) is type(value) and other == value):
                continue
            why = explained(key, other, value, given)
            assert why, (key, other, value, given)
            found[why] = found.get(why, 0) + 1
    assert len(found) >= 6, found


def test_both_ways_send_the_same_and_posthog_refuses_none(posthog_server: PostHogServer, tmp_path: Path) -> None:
    given = messages()
    assert all(wanted(one) for one in given)
    with Client("phc_key", posthog_server.url) as client:
        for one in given:
            call, arguments = call_of(one)
            assert getattr(client, call)(**arguments)[0]
    assert client.stats() == {"accepted": COUNT, "delivered": COUNT, "failed": 0, "refused": 0, "queued": 0}
    called = {event["uuid"]: event for event in posthog_server.events}
    posthog_server.clear()
    archive = tmp_path / "archive.gz"
    archive.write_bytes(gzip.compress("".join(json.dumps(one) + "\n" for one in given).encode()))
    summary = replay_file(str(archive), write_key="phc_key", host=posthog_server.url, rate=0)
    assert (summary.delivered, summary.rejected, summary.skipped) == (COUNT, {}, {})
    replayed = {event["uuid"]: event for event in posthog_server.events}
    assert len(called) == len(replayed) == COUNT
    for uuid, event in replayed.items():
        assert set(event["properties"]) - set(called[uuid]["properties"]) <= ONLY_REPLAYED, event
        same = {key: value for key, value in event["properties"].items() if key in called[uuid]["properties"]}
        assert same == {key: called[uuid]["properties"][key] for key in same}
    ours = PostHog().ingest(replayed[uuid] for uuid in called)
    assert set(ours.warnings) <= {"cannot_merge_already_identified"}
    theirs = PostHog().ingest(destination(one) for one in given)
    assert {"cannot_merge_with_illegal_distinct_id", "a $window_id without a session"} <= set(theirs.warnings)


ONLY_REPLAYED = {"$ignore_sent_at"}
