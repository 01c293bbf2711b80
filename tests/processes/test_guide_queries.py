"""The two queries of docs/moving.md, as printed: PostHog's parser takes them, and ClickHouse counts with them.

The events came over HTTP: ours from the client, and Segment's as its destination makes them of the same messages.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from segment.analytics.client import Client as SegmentClient

from tests.support.clickhouse import results
from tests.support.destination import destination
from tests.support.docs import blocks
from tests.support.hogql import NotHogQL, fields, parsed, to_clickhouse
from tests.support.posthog_server import LOST, PostHogServer
from tests.support.segment_cloud import dual, forward

ONE_PROJECT, TWO_PROJECTS = (block.code for block in blocks("moving.md", "sql"))
NAMES = [f"Event {number:02}" for number in range(18)]  # on five days; PostHog gives 100 rows without a LIMIT
NOON = datetime.now(timezone.utc).replace(hour=12, minute=0, second=0, microsecond=0)


def ago(days: int) -> datetime:
    """Noon so many days ago. Whole days from 2 to 6 lie in the windows of both queries, also if midnight passes."""
    return NOON - timedelta(days)


def lose_an_answer(server: PostHogServer) -> None:
    """The first batch comes twice, because its first answer is lost."""
    lost = iter([LOST])
    server.answer = lambda _: next(lost, None)


def forward_from_a_browser(server: PostHogServer) -> None:
    """A message of Analytics.js, which Segment forwards too."""
    sent = {"context": {"library": {"name": "analytics.js"}}, "timestamp": ago(3).isoformat(), "messageId": "browser-1"}
    forward(destination({"type": "track", "event": "Bought", "userId": "u1", **sent}), server.url)


def by_segment_alone(segment_server: PostHogServer, user_id: str, event: str, timestamp: datetime) -> None:
    """A call with Segment's own client, from another server of the app."""
    client = SegmentClient("segment-key", segment_server.url)
    assert client.track(user_id, event, timestamp=timestamp)[0]
    client.shutdown()


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        (ONE_PROJECT, {"properties.$lib", "by_segment"}),
        (TWO_PROJECTS, {"distinct_id", "day"}),
    ],
    ids=["one project", "two projects"],
)
def test_the_queries_are_hogql(query: str, reads: set[str]) -> None:
    both = {"event", "uuid", "timestamp", "events", "properties.segment_library.name"}
    tree = parsed(query)
    assert fields(tree) == both | reads
    assert tree["limit"] == {"node": "Constant", "value": 10_000}


@pytest.mark.parametrize("query", [ONE_PROJECT, TWO_PROJECTS], ids=["one project", "two projects"])
@pytest.mark.parametrize(
    ("right", "wrong"),
    [("GROUP BY", "GROUP"), ("uniqExact(uuid)", "uniqExact(uuid"), (" DAY", " DAYZ"), ("python'", "python")],
)
def test_a_broken_query_is_refused(query: str, right: str, wrong: str) -> None:
    assert right in query
    with pytest.raises(NotHogQL, match="SyntaxError"):
        parsed(query.replace(right, wrong))


def test_one_project_tells_what_came_directly_and_not_by_segment(
    posthog_server: PostHogServer, segment_server: PostHogServer, tmp_path: Path
) -> None:
    lose_an_answer(posthog_server)
    with dual(posthog_server, segment_server) as client:
        answers = [
            *(client.track(f"u{number}", "Bought", timestamp=ago(3)) for number in range(4)),
            *(client.identify(f"u{number}", {"plan": "pro"}, timestamp=ago(5)) for number in range(3)),
            client.track("u1", "Slept", timestamp=ago(4)),
            # Too new for the query, and too old.
            client.track("u1", "Bought", timestamp=datetime.now(timezone.utc) - timedelta(hours=20)),
            client.track("u1", "Bought", timestamp=ago(10)),
        ]
        opened = [client.page(f"u{number}", "Home", timestamp=ago(2)) for number in range(2)]
        # The app's own event of PostHog's client is none of Segment's.
        client.posthog.capture("Charged", distinct_id="u1", timestamp=ago(3))
        assert client.flush(20) is True
    by_segment_alone(segment_server, "u9", "Bought", ago(3))
    assert all(accepted for accepted, _ in answers + opened)
    not_forwarded = {opened[0][1]["messageId"], opened[1][1]["messageId"], answers[3][1]["messageId"]}
    for message in segment_server.segment_messages:
        if message["messageId"] in not_forwarded:
            continue
        # Segment has corrected this one's time, so that it lies on another day.
        corrected = {"timestamp": ago(5).isoformat()} if message.get("event") == "Slept" else {}
        for _ in range(2):  # the destination retries too
            forward(destination({**message, **corrected}), posthog_server.url)
    forward_from_a_browser(posthog_server)

    expected = [
        {"event": "Bought", "events": 5, "by_segment": 4, "only_direct": 1},
        {"event": "$identify", "events": 3, "by_segment": 3, "only_direct": 0},
        {"event": "$pageview", "events": 2, "by_segment": 0, "only_direct": 2},
        {"event": "Slept", "events": 1, "by_segment": 1, "only_direct": 0},
    ]
    came = posthog_server.events
    assert len(came) > len(posthog_server.unique_events())
    assert results(to_clickhouse(ONE_PROJECT), came, tmp_path) == (expected, expected)


def test_in_one_project_segment_s_copy_is_hidden_if_the_direct_one_comes_later(
    posthog_server: PostHogServer, segment_server: PostHogServer, tmp_path: Path
) -> None:
    with dual(posthog_server, segment_server) as client:
        client.track("u1", "Bought", timestamp=ago(3))
        assert client.flush(20) is True
    forward(destination(segment_server.segment_messages[0]), posthog_server.url)
    came = posthog_server.events[::-1]
    assert results(to_clickhouse(ONE_PROJECT), came, tmp_path) == (
        [{"event": "Bought", "events": 1, "by_segment": 1, "only_direct": 0}],
        [{"event": "Bought", "events": 1, "by_segment": 0, "only_direct": 1}],
    )


def test_two_projects_have_equal_counts_unless_one_side_lost_an_event(
    posthog_server: PostHogServer, segment_server: PostHogServer, tmp_path: Path
) -> None:
    days = (2, 3, 4, 5, 6)
    lose_an_answer(posthog_server)
    with dual(posthog_server, segment_server) as client:
        for when in map(ago, days):
            for name in NAMES:
                client.track("u1", name, timestamp=when)
            client.track("u2", NAMES[0], timestamp=when)
            client.track("u2", NAMES[0], timestamp=when)
            client.identify("u1", {"plan": "pro"}, timestamp=when)
            client.page("u1", "Home", timestamp=when)
            client.screen("u1", "Home", timestamp=when)
            client.group("u1", "g1", {"seats": 5}, timestamp=when)
        client.track("u1", "Bought", timestamp=datetime.now(timezone.utc) + timedelta(hours=1))  # not yet over
        client.track("u1", "Bought", timestamp=ago(10))
        assert client.flush(20) is True
    with PostHogServer() as other_project:
        for message in segment_server.segment_messages:
            forward(destination(message), other_project.url)
        forward_from_a_browser(other_project)

    expected = [
        {"event": name, "day": ago(day).date().isoformat(), "events": events, "ids": ids}
        for name, events, ids in [
            ("$groupidentify", 1, 1),
            ("$identify", 1, 1),
            ("$pageview", 1, 1),
            ("$screen", 1, 1),
            (NAMES[0], 3, 2),
            *((name, 1, 1) for name in NAMES[1:]),
        ]
        for day in sorted(days, reverse=True)
    ]
    query = to_clickhouse(TWO_PROJECTS)
    assert len(posthog_server.events) > len(posthog_server.unique_events())
    assert results(query, posthog_server.events, tmp_path) == (expected, expected)
    forwarded = other_project.events
    assert results(query, forwarded, tmp_path) == (expected, expected)
    lost = next(event for event in forwarded if event["event"] == NAMES[7])
    forwarded.remove(lost)
    rows, _ = results(query, forwarded, tmp_path)
    assert [row for row in expected if row not in rows] == [
        {"event": NAMES[7], "day": lost["timestamp"][:10], "events": 1, "ids": 1}
    ]
