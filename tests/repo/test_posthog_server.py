"""The server that the other tests rely on refuses what PostHog refuses, and its faults are real ones."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support.posthog_server import HANG, LOST, RESET, PostHogServer

EVENT: dict[str, Any] = {
    "event": "Bought",
    "distinct_id": "u1",
    "properties": {},
    "timestamp": "2026-01-02T03:04:05+00:00",
}
GOOD = json.dumps({"api_key": "phc_k", "batch": [EVENT]})


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False  # no proxy between the test and loopback
        yield session


def with_property(text: str) -> str:
    return GOOD.replace("{}", '{"x": ' + text + "}")


REFUSED = {
    "bare NaN": with_property("NaN"),
    "bare Infinity": with_property("-Infinity"),
    "a number that no float holds": with_property("1e999"),
    "a lone surrogate": with_property('"\\ud800"'),
    "128 levels": with_property("[" * 125 + "]" * 125),
    "null properties": GOOD.replace("{}", "null"),
    "a list as properties": GOOD.replace("{}", "[]"),
    "no name": GOOD.replace('"event"', '"eventt"'),
    "an empty name": GOOD.replace("Bought", ""),
    "no distinct_id": GOOD.replace('"distinct_id"', '"id"'),
    "an empty distinct_id": GOOD.replace("u1", ""),
    "a timestamp that is a number": GOOD.replace('"2026-01-02T03:04:05+00:00"', "1767323045"),
    "a uuid that is not valid": GOOD.replace('"event"', '"uuid": "1", "event"'),
    "a torn body": GOOD[:-1],
    "torn gzip": gzip.compress(GOOD.encode())[:-9],
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_the_whole_batch_is_refused_for(
    body: str | bytes, posthog_server: PostHogServer, http: requests.Session
) -> None:
    assert http.post(posthog_server.url + "/batch/", data=body).status_code == 400
    assert posthog_server.events == []


TAKEN = {
    "plain JSON": GOOD,
    "gzip": gzip.compress(GOOD.encode()),
    "a pair of surrogates": with_property('"\\ud83d\\ude00"'),
    "127 levels": with_property("[" * 122 + "]" * 122),
    "the distinct_id among the properties": GOOD.replace('"distinct_id": "u1", ', "").replace(
        "{}", '{"distinct_id": "u1"}'
    ),
}


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN)
def test_a_batch_is_taken_with(body: str | bytes, posthog_server: PostHogServer, http: requests.Session) -> None:
    assert http.post(posthog_server.url + "/batch/", data=body).status_code == 200
    assert len(posthog_server.wait_for(1)) == 1


def test_a_key_is_asked_for_and_size_is_bounded(posthog_server: PostHogServer, http: requests.Session) -> None:
    url = posthog_server.url + "/batch/"
    assert http.post(url, data=GOOD.replace("phc_k", "")).status_code == 401
    assert http.post(url, data=" " * (20 << 20) + GOOD).status_code == 413
    assert http.post(posthog_server.url + "/capture", data=GOOD).status_code == 404


def test_segment_s_own_batches_are_kept_apart(posthog_server: PostHogServer, http: requests.Session) -> None:
    assert http.post(posthog_server.url + "/v1/batch", json={"batch": [{"type": "track"}]}).json() == {"success": True}
    assert posthog_server.segment_messages == [{"type": "track"}]
    assert posthog_server.events == []


def test_faults_are_programmed_by_the_request(posthog_server: PostHogServer, http: requests.Session) -> None:
    posts = posthog_server.url + "/batch/"
    answers = iter([(503, {"Retry-After": "1"}, b"later"), RESET, LOST, None])
    posthog_server.answer = lambda _: next(answers)
    assert http.post(posts, data=GOOD).headers["Retry-After"] == "1"
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            http.post(posts, data=GOOD)
    assert http.post(posts, data=GOOD).status_code == 200
    assert [request.status for request in posthog_server.requests] == [503, None, None, 200]
    assert posthog_server.events == [EVENT, EVENT]
    assert posthog_server.unique_events() == [EVENT]


def test_a_hanging_request_is_answered_after_its_release(posthog_server: PostHogServer, http: requests.Session) -> None:
    posthog_server.answer = lambda _: HANG
    with pytest.raises(requests.ReadTimeout):
        http.post(posthog_server.url + "/batch/", data=GOOD, timeout=0.05)
    assert posthog_server.events == []
    posthog_server.release()
    posthog_server.wait_for(1)


def test_it_dies_and_comes_back_on_the_same_port(posthog_server: PostHogServer, http: requests.Session) -> None:
    posts = posthog_server.url + "/batch/"
    http.post(posts, data=GOOD)
    posthog_server.stop()
    with pytest.raises(requests.ConnectionError):
        http.post(posts, data=GOOD)
    posthog_server.start()
    assert http.post(posts, data=GOOD).status_code == 200
    assert len(posthog_server.events) == 2


def test_waiting_in_vain_says_how_many_arrived(posthog_server: PostHogServer) -> None:
    with pytest.raises(AssertionError, match="0 of 1 events arrived in 0.01 s"):
        posthog_server.wait_for(1, timeout=0.01)
