"""Dual running: each message goes to PostHog and, through Segment's own client, to Segment, as one and the same."""

from __future__ import annotations

import json
import re
import threading
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import analytics_posthog as analytics
from analytics_posthog import Client, DeliveryError, SegmentError
from tests.convert.test_parity import CASES, call_of, moment
from tests.support.child_process import run_python
from tests.support.posthog_server import Answer, PostHogServer, Request
from tests.support.segment_cloud import SegmentCloud, dual


def test_of_the_parity_cases_sent_both_ways_every_uuid_is_equal_and_posthog_counts_one_of_each() -> None:
    recorded = {case["message"]["messageId"]: case["event"] for case in CASES}
    with PostHogServer() as posthog_server, SegmentCloud(recorded, posthog_server.url) as cloud:
        answers = []
        with dual(posthog_server, cloud) as client:
            for case in CASES:
                call, arguments = call_of(case["message"])
                answers.append(getattr(client, call)(**arguments))
            assert client.flush(20) is True
        events, messages = posthog_server.events, cloud.segment_messages
        counted = posthog_server.unique_events()
    assert (posthog_server.errors, cloud.errors) == ([], [])
    assert [accepted for accepted, _ in answers] == [True] * 80
    direct = {event["uuid"]: event for event in events if event["properties"]["$lib"] != "Segment"}
    forwarded = {event["uuid"]: event for event in events if event["properties"]["$lib"] == "Segment"}
    assert (len(events), len(direct), len(forwarded), len(counted)) == (160, 80, 80, 80)
    assert set(direct) == set(forwarded) == {event["uuid"] for event in recorded.values()}
    for event_id, event in direct.items():
        assert (event["event"], event["distinct_id"]) == (
            forwarded[event_id]["event"],
            forwarded[event_id]["distinct_id"],
        )
        assert moment(event["timestamp"]) == moment(forwarded[event_id]["timestamp"])
    # On both wires the very string that the call answered with.
    reported = sorted((message["messageId"], message["timestamp"]) for _, message in answers)
    assert sorted((message["messageId"], message["timestamp"]) for message in messages) == reported
    assert sorted(event["timestamp"] for event in direct.values()) == sorted(timestamp for _, timestamp in reported)


def test_segment_gets_the_call_s_message_whole_with_its_own_client_s_name_and_version(
    posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    context = {"ip": "192.0.2.1", "page": {"url": "https://example.com/"}}
    own: dict[str, Any] = {"context": context, "integrations": {"Mixpanel": False, "Amplitude": {"a": 1}}}
    answers = []
    with dual(posthog_server, segment_server) as client:
        answers.append(client.track("u1", "Bought", {"price": 5, "tags": ["a", {"b": None}]}, anonymous_id="a1", **own))
        answers.append(client.identify("u1", {"plan": "pro"}, **own))
        answers.append(client.page("u1", "Docs", "Home", {"a": 1}, **own))
        answers.append(client.screen(None, "Docs", "Home", {"a": 1}, anonymous_id="a1", **own))
        answers.append(client.group("u1", "g1", {"name": "G"}, **own))
        answers.append(client.alias("a1", "u1", **own))
    (batch,) = segment_server.segment_batches
    library = {"name": "analytics-python", "version": segment_version()}
    assert batch["batch"] == [
        {**message, "context": {**message["context"], "library": library}} for _, message in answers
    ]
    assert sorted(batch) == ["batch", "sentAt", "writeKey"]
    assert batch["writeKey"] == "segment-key"
    assert [message["context"]["library"]["version"] for _, message in answers] == [analytics.__version__] * 6
    assert context == {"ip": "192.0.2.1", "page": {"url": "https://example.com/"}}
    assert len(posthog_server.events) == 6


def segment_version() -> str:
    from segment.analytics.version import VERSION

    return str(VERSION)


TIMES: list[Any] = [
    None,
    datetime(2024, 2, 29, 12, 0, 0, 999999, timezone(timedelta(hours=5, minutes=30))),
    datetime(2024, 2, 29, 12, 0, 0, 1),
    datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=-3, seconds=7))),
    datetime(2024, 2, 29).date(),
    "2024-02-29T12:00:00.123456Z",
    "2024-02-29 12:00",
]


@pytest.mark.parametrize("time", TIMES, ids=str)
def test_the_timestamp_is_the_same_time_on_both_wires_and_in_utc_at_posthog(
    time: Any, posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    with dual(posthog_server, segment_server) as client:
        _, message = client.track("u1", "Bought", timestamp=time)
    ours, segment_s = posthog_server.events[0]["timestamp"], segment_server.segment_messages[0]["timestamp"]
    assert segment_s == message["timestamp"]
    assert datetime.fromisoformat(ours) == datetime.fromisoformat(segment_s)
    assert ours.endswith("+00:00")


@pytest.mark.parametrize(("given", "sent"), [(0, "0"), (5.5, "5.5"), (uuid.UUID(int=5), str(uuid.UUID(int=5)))])
def test_an_id_that_segment_s_client_refuses_goes_to_segment_as_its_string(
    given: Any, sent: str, posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    with dual(posthog_server, segment_server) as client:
        assert client.track(given, "Bought", message_id=given)[0] is True
    (message,) = segment_server.segment_messages
    assert (message["userId"], message["messageId"]) == (sent, sent)


@pytest.mark.parametrize("integrations", [{"PostHog": False}, {"All": False}])
def test_what_integrations_keep_away_from_posthog_goes_to_segment(
    integrations: dict[str, Any], posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    with dual(posthog_server, segment_server) as client:
        assert client.track("u1", "Bought", integrations=integrations)[0] is True
    assert [message["integrations"] for message in segment_server.segment_messages] == [integrations]
    assert posthog_server.events == []


def test_before_send_speaks_for_posthog_alone(posthog_server: PostHogServer, segment_server: PostHogServer) -> None:
    def before_send(event: dict[str, Any]) -> dict[str, Any] | None:
        if event["event"] == "Raised":
            raise ValueError
        return None if event["event"] == "Dropped" else {**event, "properties": {}}

    with dual(posthog_server, segment_server, before_send=before_send) as client:
        answers = [client.track("u1", event, {"a": 1})[0] for event in ("Dropped", "Raised", "Changed")]
    assert answers == [True, False, True]
    assert [event["event"] for event in posthog_server.events] == ["Changed"]
    assert [(message["event"], message["properties"]) for message in segment_server.segment_messages] == [
        ("Dropped", {"a": 1}),
        ("Raised", {"a": 1}),
        ("Changed", {"a": 1}),
    ]


def test_the_request_context_of_posthog_is_not_sent_to_segment(
    posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    import posthog

    with dual(posthog_server, segment_server) as client, posthog.new_context():
        posthog.tag("plan", "pro")
        client.track("u1", "Bought")
    assert posthog_server.events[0]["properties"]["plan"] == "pro"
    assert "posthog" not in segment_server.segment_messages[0]


def test_the_values_are_cleaned_for_segment_too(posthog_server: PostHogServer, segment_server: PostHogServer) -> None:
    with dual(posthog_server, segment_server) as client:
        client.track("u1", "Bought", {"order": uuid.UUID(int=5), "stars": float("nan"), "took": timedelta(seconds=90)})
    assert segment_server.segment_messages[0]["properties"] == {
        "order": str(uuid.UUID(int=5)),
        "stars": None,
        "took": 90.0,
    }
    assert b"NaN" not in segment_server.requests[0].body


def test_sync_mode_sends_to_both_before_the_call_returns(
    posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    with dual(posthog_server, segment_server, sync_mode=True) as client:
        _, message = client.track("u1", "Bought")
        assert [event["timestamp"] for event in posthog_server.events] == [message["timestamp"]]
        assert [sent["messageId"] for sent in segment_server.segment_messages] == [message["messageId"]]
        assert client.flush(5) is True


def test_in_sync_mode_segment_does_not_wait_for_posthog_s_retries(
    posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    there: list[int] = []

    def answer(_: Request) -> Answer:
        there.append(len(segment_server.segment_messages))
        return 400, {}, b"{}"

    posthog_server.answer = answer
    with dual(posthog_server, segment_server, sync_mode=True) as client, pytest.raises(DeliveryError):
        client.track("u1", "Bought")
    assert there == [1]


@pytest.mark.parametrize(
    "options", [{"send": False}, {"write_key": ""}, {"segment_write_key": ""}, {"segment_write_key": None}], ids=str
)
def test_without_a_key_or_with_send_off_segment_gets_nothing_and_has_no_thread(
    options: dict[str, Any], posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    settings = {"write_key": "phc_key", "segment_write_key": "segment-key", **options}
    before = set(threading.enumerate())
    with Client(host=posthog_server.url, segment_host=segment_server.url, **settings) as client:
        client.track("u1", "Bought")
        started = set(threading.enumerate()) - before
        assert [thread for thread in started if type(thread).__module__.startswith("segment")] == []
    assert segment_server.requests == []
    assert len(posthog_server.events) == (1 if "segment_write_key" in options else 0)


def test_the_module_has_both_settings(posthog_server: PostHogServer, segment_server: PostHogServer) -> None:
    analytics.write_key, analytics.host = "phc_key", posthog_server.url
    analytics.segment_write_key, analytics.segment_host = " segment-key ", segment_server.url + "/"
    analytics.track("u1", "Bought")
    assert analytics.flush(5) is True
    analytics.shutdown()
    (batch,) = segment_server.segment_batches
    assert (batch["writeKey"], len(batch["batch"]), len(posthog_server.events)) == ("segment-key", 1, 1)


def test_with_an_outbox_segment_gets_each_message_once(
    posthog_server: PostHogServer, segment_server: PostHogServer, tmp_path: Any
) -> None:
    posthog_server.stop()
    with dual(posthog_server, segment_server, outbox=tmp_path, max_retries=0) as client:
        client.track("u1", "Bought")
        assert client.flush(1) is False
        assert len(segment_server.segment_messages) == 1
    posthog_server.start()
    with dual(posthog_server, segment_server, outbox=tmp_path) as client:
        client.flush(10)
    assert [event["distinct_id"] for event in posthog_server.events] == ["u1"]
    assert len(segment_server.segment_messages) == 1


def test_a_message_that_is_changed_after_its_call_is_sent_to_segment_as_it_was(
    posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    with dual(posthog_server, segment_server) as client:
        _, message = client.track("u1", "Bought", {"price": 5})
        message["properties"]["price"] = 6
        message["context"].clear()
    assert segment_server.segment_messages[0]["properties"] == {"price": 5}


def test_stats_count_posthog_s_side_alone(posthog_server: PostHogServer, segment_server: PostHogServer) -> None:
    reported: list[Exception] = []
    with dual(posthog_server, segment_server, on_error=lambda error, _: reported.append(error)) as client:
        client.track("u1", "Bought", {"log": "x" * 40_000})
        client.flush(5)
        assert client.stats() == {"accepted": 1, "delivered": 1, "failed": 0, "refused": 0, "queued": 0}
    assert [type(error) for error in reported] == [SegmentError]


def test_without_the_extra_the_first_call_says_what_to_install() -> None:
    done = run_python("-c", WITHOUT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "segment_write_key needs Segment's own client: pip install 'analytics-posthog[segment]'\n"


WITHOUT = """
import sys, threading
sys.modules["segment"] = None  # as if it were not installed
import analytics_posthog as analytics
analytics.write_key, analytics.segment_write_key = "phc_key", "segment-key"
try:
    analytics.track("u1", "Bought")
except analytics.InvalidSetting as error:
    print(error)
assert threading.enumerate() == [threading.main_thread()]
"""


def test_without_the_setting_segment_s_client_is_not_even_imported(posthog_server: PostHogServer) -> None:
    script = f"""
import sys
import analytics_posthog as analytics
analytics.write_key, analytics.host = "phc_key", {posthog_server.url!r}
analytics.track("u1", "Bought")
analytics.shutdown()
print([name for name in sys.modules if name.startswith("segment")])
"""
    assert run_python("-c", script).stdout == "[]\n"


def test_the_keys_of_both_sides_stay_with_their_side(
    posthog_server: PostHogServer, segment_server: PostHogServer
) -> None:
    with dual(posthog_server, segment_server) as client:
        client.track("u1", "Bought")
    assert json.loads(posthog_server.requests[0].body)["api_key"] == "phc_key"
    assert not re.search(rb"segment-key", b"".join(request.body for request in posthog_server.requests))
    assert not re.search(rb"phc_key", b"".join(request.body for request in segment_server.requests))
