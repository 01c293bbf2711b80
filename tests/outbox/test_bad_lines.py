"""The outbox when lines of its files are bad: the other lines are delivered, and each fault is reported."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import analytics_posthog as analytics
from tests.support.outboxes import client, left_by_dead, messages, names, numbers
from tests.support.posthog_server import PostHogServer
from tests.support.two_clients import log_records


@pytest.fixture
def log() -> Iterator[list[str]]:
    with log_records() as texts:
        yield texts


GOOD = messages(5)
JUNK: dict[str, bytes] = {
    "no JSON": b"hello\n",
    "no UTF-8": b"\xff\xfe\x80\n",
    "zeros, as after a power cut": b"\0" * 70_000 + b"\n",
    "no object": b"[1, 2]\n",
    "a number that is too long": b"1" * 5000 + b"\n",
    "nested too deep": b"[" * 200_000 + b"\n",
}


@pytest.mark.parametrize("junk", JUNK)
def test_a_corrupt_line_is_reported_and_stays_for_a_person_to_see_and_the_rest_is_delivered(
    posthog_server: PostHogServer, tmp_path: Path, log: list[str], junk: str
) -> None:
    path = left_by_dead(tmp_path, *GOOD[:2], JUNK[junk], *GOOD[2:])
    content = path.read_bytes()
    with client(posthog_server.url, tmp_path) as c:
        assert c.flush(5)
        assert c.stats() == {"accepted": 6, "delivered": 5, "failed": 1, "refused": 0, "queued": 0}
    assert numbers(posthog_server.events) == list(range(5))
    assert log == [
        "outbox: 1-deaddeaddeaddeaddeaddeaddeaddead.jsonl has lines that are not messages; the others are sent. "
        "See its .corrupt file"
    ]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "1-deaddeaddeaddeaddeaddeaddeaddead.corrupt": content
    }


def test_a_torn_last_line_is_reported_and_the_rest_is_delivered(
    posthog_server: PostHogServer, tmp_path: Path, log: list[str]
) -> None:
    left_by_dead(tmp_path, *GOOD, json.dumps(GOOD[0]).encode()[:-9])
    with client(posthog_server.url, tmp_path) as c:
        assert c.flush(5)
        assert c.stats()["accepted"] == 5
    assert numbers(posthog_server.events) == list(range(5))
    assert log == [
        "outbox: 1-deaddeaddeaddeaddeaddeaddeaddead.jsonl ends within a line: its call never returned. "
        "The other lines are sent"
    ]
    assert names(tmp_path) == []


WRONG: dict[str, dict[str, Any]] = {
    "a type that does not exist": {"type": "track2"},
    "a type that is no string": {"type": []},
    "an event that is no string": {"event": 5},
    "an event that is blank": {"event": " "},
    "properties that are no object": {"properties": [1]},
    "no id": {"userId": None, "anonymousId": ""},
    "an id that is a list": {"userId": ["u1"]},
    "a timestamp that is a number": {"timestamp": 5},
    "a timestamp that is not a time": {"timestamp": "yesterday"},
    "a context that is a string": {"context": "x"},
    "too much": {"properties": {"text": "x" * 1_000_000}},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_message_that_no_call_would_take_goes_to_on_error_and_never_into_a_batch(
    posthog_server: PostHogServer, tmp_path: Path, wrong: str
) -> None:
    reported: list[Any] = []
    bad = {**GOOD[0], **WRONG[wrong]}
    left_by_dead(tmp_path, *GOOD[:3], bad, *GOOD[3:])
    with client(posthog_server.url, tmp_path, on_error=lambda *loss: reported.append(loss)) as c:
        assert c.flush(5)
        assert c.stats() == {"accepted": 6, "delivered": 5, "failed": 1, "refused": 0, "queued": 0}
    assert {request.status for request in posthog_server.requests} == {200}
    assert numbers(posthog_server.events) == list(range(5))
    ((error, losses),) = reported
    assert isinstance(error, analytics.AnalyticsError)
    assert losses == [bad]
    assert names(tmp_path) == []


def test_a_line_is_cleaned_as_a_calls_values_are(posthog_server: PostHogServer, tmp_path: Path) -> None:
    values = (
        '{"nan": NaN, "inf": [Infinity, 1e999], "surrogate": "\\ud800", "big": 1'
        + "0" * 400
        + ', "deep": '
        + '{"a":' * 300
        + "1"
        + "}" * 300
        + "}"
    )
    line = json.dumps({**GOOD[0], "properties": 5}).replace('"properties": 5', f'"properties": {values}')
    left_by_dead(tmp_path, line.encode() + b"\n", *GOOD)
    with client(posthog_server.url, tmp_path) as c:
        assert c.flush(5)
    assert {request.status for request in posthog_server.requests} == {200}
    properties = next(event["properties"] for event in posthog_server.events if "nan" in event["properties"])
    assert [properties[name] for name in ("nan", "inf", "surrogate", "big")] == [None, [None, None], "\ufffd", None]


def test_a_before_send_that_raises_is_reported_without_its_words(
    posthog_server: PostHogServer, tmp_path: Path, log: list[str]
) -> None:
    def raising(event: dict[str, Any]) -> dict[str, Any]:
        if event["properties"]["number"] == 2:
            raise KeyError("somebody@example.com")
        return event

    reported: list[Any] = []
    left_by_dead(tmp_path, *GOOD)
    with client(posthog_server.url, tmp_path, before_send=raising, on_error=lambda *loss: reported.append(loss)) as c:
        assert c.flush(5)
    assert [losses for _, losses in reported] == [[GOOD[2]]]
    assert numbers(posthog_server.events) == [0, 1, 3, 4]
    assert "before_send" in log[0]
    assert "somebody" not in log[0]


def test_a_bad_sector_costs_its_line_and_the_file_stays(
    posthog_server: PostHogServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = left_by_dead(tmp_path, *GOOD)
    content = path.read_bytes()
    bad = len(content.splitlines(keepends=True)[0])
    pread = os.pread
    monkeypatch.setattr(
        os,
        "pread",
        lambda fd, size, at: pread(fd, size, at) if at != bad else (_ for _ in ()).throw(OSError(5, "I/O error")),
    )
    with client(posthog_server.url, tmp_path) as c:
        assert c.flush(5)
    assert numbers(posthog_server.events) == [0, 2, 3, 4]
    assert (tmp_path / "1-deaddeaddeaddeaddeaddeaddeaddead.corrupt").read_bytes() == content
