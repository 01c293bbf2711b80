"""The inspector takes and refuses what PostHog does, and what the tests' own PostHog does."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from analytics_posthog._inspector.body import MAX_BODY, Refused, read_events
from tests.support.posthog_refusals import Refused as ReferenceRefused
from tests.support.posthog_refusals import check_batch, strict_json, unzipped

EVENT = {"event": "x", "distinct_id": "u", "properties": {"a": 1}}
KEY = "phc_secret"


def body(*events: Any, **more: Any) -> bytes:
    return json.dumps({"api_key": KEY, "batch": list(events), **more}).encode()


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


BODIES: dict[str, bytes] = {
    "one event": body(EVENT),
    "no event": body(),
    "no batch": b'{"api_key": "phc_secret", "batch": null}',
    "no key": json.dumps({"batch": [EVENT]}).encode(),
    "an empty key": json.dumps({"api_key": "", "batch": [EVENT]}).encode(),
    "no JSON": b"{",
    "no UTF-8": b'{"api_key": "\xff"}',
    "nothing": b"",
    "NaN": body(EVENT).replace(b'"a": 1', b'"a": NaN'),
    "a number out of range": body(EVENT).replace(b'"a": 1', b'"a": 1e999'),
    "an integer out of range": body(EVENT).replace(b'"a": 1', b'"a": ' + b"9" * 400),
    "a lone surrogate": body(EVENT).replace(b'"a": 1', b'"a": "\\ud800"'),
    "a pair of surrogates": body(EVENT).replace(b'"a": 1', b'"a": "\\ud83d\\ude00"'),
    "120 levels": body({**EVENT, "properties": {"a": nested(120)}}),
    "130 levels": body({**EVENT, "properties": {"a": nested(130)}}),
    "5,000 levels": body(EVENT).replace(b'"a": 1', b'"a": ' + b"[" * 5_000 + b"]" * 5_000),
    "an event that is no object": body(EVENT, 1),
    "no name": body({**EVENT, "event": None}),
    "a blank name": body({**EVENT, "event": ""}),
    "no distinct_id": body({"event": "x"}),
    "an empty distinct_id": body({**EVENT, "distinct_id": ""}),
    "a distinct_id in the properties": body({"event": "x", "properties": {"distinct_id": "u"}}),
    "null properties": body({**EVENT, "properties": None}),
    "a timestamp that is a number": body({**EVENT, "timestamp": 1}),
    "a null timestamp": body({**EVENT, "timestamp": None}),
    "a timestamp that is no text": body({**EVENT, "timestamp": False}),
    "a uuid that is not valid": body({**EVENT, "uuid": "x"}),
    "a uuid that is a number": body({**EVENT, "uuid": 5}),
    "gzip": gzip.compress(body(EVENT)),
    "half a gzip": gzip.compress(body(EVENT))[:-12],
    "damaged gzip": b"\x1f\x8b" + b"x" * 50,
    "a zip bomb": gzip.compress(b" " * (MAX_BODY + 1)),
}


@pytest.mark.parametrize("name", BODIES)
def test_it_takes_and_refuses_the_same_bodies_as_the_tests_posthog(name: str) -> None:
    try:
        check_batch(strict_json(unzipped(BODIES[name])))
        expected = 200
    except ReferenceRefused as error:
        expected = error.status
    assert status(BODIES[name]) == expected


def status(content: bytes, encoding: str = "") -> int:
    try:
        read_events(content, encoding)
    except Refused as error:
        return 500 if KEY in str(error) else error.status
    return 200


def test_the_key_goes_nowhere() -> None:
    keyed = {**EVENT, "api_key": KEY, "token": KEY, "properties": {"a": 1, "token": KEY}}
    assert read_events(body(keyed)) == [EVENT]
    app_s_own = {**EVENT, "properties": {"token": "a token of the app's own"}}
    assert read_events(body(app_s_own)) == [app_s_own]


def test_it_takes_single_events_and_lists_too() -> None:
    assert read_events(json.dumps({**EVENT, "api_key": KEY}).encode()) == [EVENT]
    assert read_events(json.dumps([{**EVENT, "properties": {"a": 1, "token": KEY}}] * 2).encode()) == [EVENT, EVENT]
    assert read_events(json.dumps({"batch": [EVENT]}).encode(), has_key=True) == [EVENT]


def test_it_unzips_by_the_header() -> None:
    assert read_events(zlib.compress(body(EVENT)), "deflate") == [EVENT]
    assert read_events(body(EVENT), "identity") == [EVENT]
    assert status(body(EVENT), "gzip") == 400
    assert status(body(EVENT), "br") == 400
    assert status(b" " * (MAX_BODY + 1)) == 413


def test_a_zip_bomb_is_not_unzipped_beyond_the_limit() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([*(packer.compress(b" " * 2**20) for _ in range(100)), packer.flush()])
    assert len(bomb) < 1_000_000
    assert status(bomb) == 413
