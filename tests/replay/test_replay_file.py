"""replay_file: the events that arrive, the lines that are rejected, and the summary."""

from __future__ import annotations

import gzip
import json
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from analytics_posthog.convert import to_posthog
from analytics_posthog.errors import DeliveryError
from analytics_posthog.replay import Summary, replay_file
from tests.support.posthog_server import PostHogServer, Request
from tests.support.replays import KEY, TIME, jsonl, message, mode, numbers, rejects, uuid_of, write

CALLS = ("track", "identify", "page", "screen", "group", "alias")


def run(server: PostHogServer, path: Path | str, **options: Any) -> Summary:
    return replay_file(str(path), write_key=KEY, host=server.url, **{"rate": 0, "max_retries": 0, **options})


def without_seconds(summary: Summary) -> dict[str, Any]:
    """A summary without its seconds."""
    return {key: value for key, value in summary.as_dict().items() if key != "seconds"}


def test_each_call_arrives_as_converted_and_marked_as_a_migration(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    messages = [message(number, call) for number, call in enumerate(CALLS)]
    summary = run(posthog_server, write(tmp_path / "a.gz", messages))
    arrived = posthog_server.events
    for event, sent in zip(arrived, messages, strict=True):
        expected = to_posthog(sent)
        lib = {key: event["properties"][key] for key in ("$lib", "$lib_version")}
        assert event == {**expected, "properties": {**expected["properties"], **lib, "$ignore_sent_at": True}}
        assert (event["uuid"], event["timestamp"]) == (uuid_of(sent["messageId"]), TIME)
    assert [batch["historical_migration"] for batch in posthog_server.batches] == [True]
    assert [batch["api_key"] for batch in posthog_server.batches] == [KEY]
    assert without_seconds(summary) == {
        "delivered": 6,
        "calls": dict.fromkeys(CALLS, 1),
        "events": dict.fromkeys(["Counted", "$identify", "$pageview", "$screen", "$groupidentify", "$create_alias"], 1),
        "rejected": {},
        "skipped": {},
        "consent": {},
        "first": "2024-03-01T12:00:00.000+00:00",
        "last": "2024-03-01T12:00:00.000+00:00",
    }


def test_events_arrive_in_the_archives_order_over_many_batches(posthog_server: PostHogServer, tmp_path: Path) -> None:
    run(posthog_server, write(tmp_path / "a.gz", [message(number) for number in range(2300)]))
    assert numbers(posthog_server.events) == list(range(2300))
    assert [len(batch["batch"]) for batch in posthog_server.batches] == [500, 500, 500, 500, 300]


def test_bom_crlf_blank_lines_gzip_members_and_a_cut_off_last_line_stop_nothing(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    first = b"\xef\xbb\xbf" + json.dumps(message(0)).encode() + b"\r\n\r\n   \n" + json.dumps(message(1)).encode()
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(first) + gzip.compress(b"\n" + jsonl([message(2)]) + b'{"type": "tra'))
    summary = run(posthog_server, path, rejects=tmp_path / "rejects.jsonl")
    assert numbers(posthog_server.events) == [0, 1, 2]
    assert summary.rejected == {"not valid JSON": 1}
    assert rejects(tmp_path / "rejects.jsonl") == [
        {"file": str(path), "line": 6, "reason": "not valid JSON", "text": '{"type": "tra'}
    ]
    assert mode(tmp_path / "rejects.jsonl") == 0o600


def test_an_empty_file_is_an_empty_summary(posthog_server: PostHogServer, tmp_path: Path) -> None:
    assert without_seconds(run(posthog_server, write(tmp_path / "a.gz", []))) == without_seconds(Summary())
    assert without_seconds(run(posthog_server, write(tmp_path / "b", [], zipped=False))) == without_seconds(Summary())
    assert posthog_server.requests == []


NOT_A_MESSAGE = "not a Segment message: its type must be one of track, identify, page, screen, group, alias"
UNFIT: list[tuple[bytes | dict[str, Any], str]] = [
    (b"[1]\n", "not a Segment message: no JSON object"),
    (b"nonsense\n", "not valid JSON"),
    (b"{} {}\n", "not valid JSON: something follows the message"),
    (b"\xff\xfe\x00\n", "not UTF-8"),
    (b"[" * 200_000 + b"\n", "nested too deep"),
    ({}, NOT_A_MESSAGE),
    ({"type": "Track", "userId": "u", "event": "E"}, NOT_A_MESSAGE),
    ({"type": ["track"]}, NOT_A_MESSAGE),
    (message(0, event=None), "track needs an event name that is a string"),
    (message(0, event=7), "track needs an event name that is a string"),
    (message(0, event=" "), "track needs an event name that isn't blank"),
    (message(0, userId=None), "track needs an id that isn't blank"),
    (message(0, "page", userId="  "), "page needs an id that isn't blank"),
    (message(0, userId={"id": 1}), "track: userId must be a string or a number, got an object"),
    (message(0, userId=True), "track: userId must be a string or a number, got true or false"),
    (message(0, properties="x"), "track: properties must be an object, got a string"),
    (message(0, "identify", traits=[1]), "identify: traits must be an object, got a list"),
    (message(0, context=3), "track: context must be an object, got a number"),
    (message(0, "group", groupId=None), "group needs groupId"),
    (message(0, "alias", previousId=None), "alias needs previousId"),
    (message(0, timestamp="soon", originalTimestamp=None, sentAt=4, receivedAt=""), "no timestamp in ISO 8601"),
    (message(0, properties={"text": "x" * 950_000}), "the event has more than 900 KiB as JSON"),
]  # fmt: skip


def test_a_line_that_is_not_a_message_is_rejected_with_its_reason_and_the_other_lines_are_sent(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    lines = [part for number, (unfit, _) in enumerate(UNFIT) for part in (unfit, message(number))]
    path = write(tmp_path / "a.gz", lines)
    summary = run(posthog_server, path, rejects=tmp_path / "rejects.jsonl")
    assert numbers(posthog_server.events) == list(range(len(UNFIT)))
    found = [(reject["file"], reject["line"], reject["reason"]) for reject in rejects(tmp_path / "rejects.jsonl")]
    assert found == [(str(path), 2 * number + 1, reason) for number, (_, reason) in enumerate(UNFIT)]
    assert (summary.delivered, sum(summary.rejected.values())) == (len(UNFIT), len(UNFIT))


def test_the_rejects_hold_the_text_of_a_line_up_to_1_mib(posthog_server: PostHogServer, tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", [b"\xff x\n", b"x" * 1_100_000 + b"\n", b"y" * 17_000_000])
    run(posthog_server, path, rejects=tmp_path / "rejects.jsonl")
    assert rejects(tmp_path / "rejects.jsonl") == [
        {"file": str(path), "line": 1, "reason": "not UTF-8", "text": "\\xff x"},
        {"file": str(path), "line": 2, "reason": "not valid JSON"},
        {"file": str(path), "line": 3, "reason": "a line of more than 2 MiB"},
    ]


MENDED = [
    (b'"n": NaN', {"n": None}),
    (b'"n": 1e999', {"n": None}),
    (b'"n": 1, "n": 2', {"n": 2}),
    (b'"n": "\\ud800x"', {"n": "\ufffdx"}),
    (b'"\\udc00": 1', {"\ufffd": 1}),
    (b'"n": "\\ud83d\\ude00"', {"n": "\U0001f600"}),
    (b'"n": ' + b"[" * 120 + b"1" + b"]" * 120, None),
]


@pytest.mark.parametrize(("own", "expected"), MENDED)
def test_values_that_posthog_refuses_are_replaced_and_the_event_is_sent(
    own: bytes, expected: dict[str, Any] | None, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    line = json.dumps(message(0, properties={"MARK": 0})).encode().replace(b'"MARK": 0', own) + b"\n"
    summary = run(posthog_server, write(tmp_path / "a.gz", [line, message(1)]))
    assert (summary.delivered, summary.rejected) == (2, {})
    if expected is not None:
        properties = posthog_server.events[0]["properties"]
        assert {key: properties[key] for key in expected} == expected
    assert [len(batch["batch"]) for batch in posthog_server.batches] == [2]  # none had to be split


def test_php_s_empty_lists_null_fields_and_numbers_as_ids_are_accepted(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    messages = [
        message(0, userId=7, properties=[], context=None, integrations=None, anonymousId=None),
        message(1, userId=0, messageId=5),
    ]
    run(posthog_server, write(tmp_path / "a.gz", messages))
    assert [event["distinct_id"] for event in posthog_server.events] == ["7", "0"]
    assert posthog_server.events[1]["uuid"] == uuid_of("5")


TIMES = [
    ({"timestamp": "2024-01-02T03:04:05Z"}, "2024-01-02T03:04:05Z"),
    ({"timestamp": "2024-01-02T03:04:05.123456Z"}, "2024-01-02T03:04:05.123456Z"),
    ({"timestamp": "2024-01-02T03:04:05.123+02:00"}, "2024-01-02T01:04:05.123+00:00"),
    ({"timestamp": "2024-01-02 03:04:05"}, "2024-01-02T03:04:05.000+00:00"),
    (
        {"timestamp": "2024-01-02T25:04:05.123Z", "originalTimestamp": "2024-01-02T03:04:05.123Z"},
        "2024-01-02T03:04:05.123Z",
    ),
    ({"timestamp": None, "originalTimestamp": None, "sentAt": "2024-01-02T03:04:05.123Z"}, "2024-01-02T03:04:05.123Z"),
    (
        {"timestamp": 5, "originalTimestamp": 5, "sentAt": 5, "receivedAt": "2024-01-02"},
        "2024-01-02T00:00:00.000+00:00",
    ),
]


def test_a_message_s_own_time_comes_before_the_times_that_segment_added(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    run(
        posthog_server,
        write(tmp_path / "a.gz", [message(number, **fields) for number, (fields, _) in enumerate(TIMES)]),
    )
    assert [event["timestamp"] for event in posthog_server.events] == [expected for _, expected in TIMES]


def test_a_message_without_an_id_has_the_same_uuid_in_each_run_and_each_place(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    same = message(0, messageId=None)
    for directory in ("one", "two"):
        run(
            posthog_server,
            write(tmp_path / directory / "a.gz", [same, same, {**same, "messageId": ""}, {**same, "messageId": {}}]),
        )
    uuids = [event["uuid"] for event in posthog_server.events]
    assert uuids[:4] == uuids[4:]
    assert len(set(uuids)) == 4


def test_only_the_event_that_posthog_refuses_is_rejected(posthog_server: PostHogServer, tmp_path: Path) -> None:
    posthog_server.answer = lambda request: (400, {}, b"") if b"Unwanted" in request.body else None
    messages = [message(number, event="Unwanted" if number == 333 else "Counted") for number in range(700)]
    path = write(tmp_path / "a.gz", messages)
    summary = run(posthog_server, path, rejects=tmp_path / "rejects.jsonl")
    reason = "PostHog answered 400: it doesn't take such an event"
    assert numbers(posthog_server.events) == [number for number in range(700) if number != 333]
    (reject,) = rejects(tmp_path / "rejects.jsonl")
    assert json.loads(reject.pop("text")) == messages[333]
    assert reject == {"file": str(path), "line": 334, "reason": reason}
    assert (summary.delivered, summary.rejected, summary.events) == (699, {reason: 1}, {"Counted": 699})


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "project's API key"), (403, "write_key"), (404, "check host"), (402, "402")]
)
def test_an_answer_about_all_events_ends_the_replay_with_an_error_that_says_what_to_do(
    status: int, advice: str, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    posthog_server.answer = lambda request: (status, {}, b"")
    path = write(tmp_path / "a.gz", [message(number) for number in range(5)])
    with pytest.raises(DeliveryError, match=advice) as caught:
        run(posthog_server, path, state=tmp_path / "state", rejects=tmp_path / "rejects.jsonl")
    assert caught.value.status == status
    assert KEY not in str(caught.value)
    assert rejects(tmp_path / "rejects.jsonl") == []
    posthog_server.answer = None
    assert run(posthog_server, path, state=tmp_path / "state").delivered == 5


def test_faults_on_the_way_are_retried(posthog_server: PostHogServer, tmp_path: Path) -> None:
    faults: list[Any] = [(503, {}, b""), "reset", (429, {"Retry-After": "0.01"}, b""), None]

    def answer(request: Request) -> Any:
        return faults.pop(0) if faults else None

    posthog_server.answer = answer
    assert run(posthog_server, write(tmp_path / "a.gz", [message(0)]), max_retries=5).delivered == 1
    assert faults == []


def test_a_rate_spreads_the_events_over_time_in_batches_of_at_most_a_second(
    posthog_server: PostHogServer, tmp_path: Path
) -> None:
    summary = run(posthog_server, write(tmp_path / "a.gz", [message(number) for number in range(50)]), rate=40)
    assert [len(batch["batch"]) for batch in posthog_server.batches] == [40, 10]
    moments = [request.time for request in posthog_server.requests]
    assert moments[1] - moments[0] > 0.9
    assert summary.seconds > 0.9


def test_on_progress_is_called_after_each_batch(posthog_server: PostHogServer, tmp_path: Path) -> None:
    reported: list[int] = []
    path = write(tmp_path / "a.gz", [message(number) for number in range(1200)])
    run(posthog_server, path, on_progress=lambda summary: reported.append(summary.delivered))
    assert reported == [500, 1000, 1200]


def test_function_and_summary_can_be_pickled(posthog_server: PostHogServer, tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", [message(0)])
    task = pickle.loads(pickle.dumps(partial(replay_file, str(path), write_key=KEY, host=posthog_server.url)))
    summary = task()
    assert pickle.loads(pickle.dumps(summary)) == summary
    assert (summary + summary).delivered == 2
    assert summary + Summary() == summary
    assert Summary(**json.loads(json.dumps(summary.as_dict()))) == summary


def test_a_summary_counts_at_most_a_thousand_names() -> None:
    one = Summary(events={f"event-{number}": 1 for number in range(1000)})
    assert (one + Summary(events={"event-3": 2, "further": 4, "more": 5})).events == {
        **one.events,
        "event-3": 3,
        "(other events)": 9,
    }
