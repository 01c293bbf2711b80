"""10,000 random messages by calls and as a replayed archive: PostHog refuses none, and both ways are equal."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from analytics_posthog import Client
from analytics_posthog.convert import to_posthog, wanted
from analytics_posthog.replay import replay_file
from tests.convert.test_parity import call_of
from tests.support.destination import destination
from tests.support.posthog_ingestion import PostHog, is_illegal
from tests.support.posthog_server import PostHogServer
from tests.support.random_messages import Message, differences, random_messages

COUNT = 10_000
ONLY_REPLAYED = {"$ignore_sent_at"}
MERGES = {"$anon_distinct_id", "alias"}
ILLEGAL = "cannot_merge_with_illegal_distinct_id"


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    found = random_messages(COUNT)
    assert len(found) == COUNT
    return found


def test_each_difference_from_the_destination_is_a_listed_one(messages: list[Message]) -> None:
    found = Counter(why for message in messages for why in differences(to_posthog(message), message))
    assert len(found) >= 6, found


def test_both_ways_send_the_same_and_posthog_refuses_none(
    messages: list[Message], posthog_server: PostHogServer, tmp_path: Path
) -> None:
    assert all(wanted(message) for message in messages)
    with Client("phc_key", posthog_server.url) as client:
        for message in messages:
            call, arguments = call_of(message)
            assert getattr(client, call)(**arguments)[0]
    assert client.stats() == {"accepted": COUNT, "delivered": COUNT, "failed": 0, "refused": 0, "queued": 0}
    called = {event["uuid"]: event for event in posthog_server.events}
    posthog_server.clear()
    archive = tmp_path / "archive.gz"
    archive.write_bytes(gzip.compress("".join(json.dumps(message) + "\n" for message in messages).encode()))
    summary = replay_file(str(archive), write_key="phc_key", host=posthog_server.url, rate=0)
    assert (summary.delivered, summary.rejected, summary.skipped) == (COUNT, {}, {})
    replayed = {event["uuid"]: event for event in posthog_server.events}
    assert len(called) == len(replayed) == COUNT
    for uuid, event in replayed.items():
        own = called[uuid]["properties"]
        assert set(event["properties"]) - set(own) <= ONLY_REPLAYED, event
        same = {key: value for key, value in event["properties"].items() if key in own}
        assert same == {key: own[key] for key in same}
    ours = PostHog().ingest(replayed[uuid] for uuid in called)
    # An alias or identify of a user with such an id merges nobody; no id that we could leave out does.
    of_such_users = [
        event for event in replayed.values() if is_illegal(event["distinct_id"]) and MERGES & event["properties"].keys()
    ]
    assert Counter(ours.warnings) - Counter(cannot_merge_already_identified=COUNT) == {ILLEGAL: len(of_such_users)}
    theirs = PostHog().ingest(destination(message) for message in messages)
    assert theirs.warnings.count(ILLEGAL) > len(of_such_users)
    assert "a $window_id without a session" in theirs.warnings
