"""What the inspector doesn't take: nonsense, and requests that would hold up everybody."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support.inspector_process import KEY, Inspector

EVENT = {"event": "x", "distinct_id": "u", "properties": {"a": 1}}


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector() as inspector:
        yield inspector


@pytest.mark.parametrize("place", ["search?text=u&after=9999999999999999999", "search?text=u&after=" + "9" * 5000])
def test_a_nonsensical_place_in_a_search_is_a_400(place: str, inspector: Inspector) -> None:
    assert requests.get(f"{inspector.url}/inspector/{place}", timeout=5).status_code == 400


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "x", "1e3", "99999999999999999999"])
def test_a_nonsensical_number_of_an_event_is_a_404(number: str, inspector: Inspector) -> None:
    assert requests.get(f"{inspector.url}/inspector/events/{number}", timeout=5).status_code == 404


def test_very_many_tiny_events_of_a_small_request_are_refused_and_hold_up_nobody(inspector: Inspector) -> None:
    event = b'{"event":"x","distinct_id":"u"}'
    many = b'{"api_key":"phc_k","batch":[' + event + (b"," + event) * 655_355 + b"]}"
    tiny = b'{"api_key":"phc_k","batch":[{}' + b",{}" * 6_900_000 + b"]}"
    packed = [gzip.compress(body) for body in (many, tiny)] * 4
    headers = {"Content-Encoding": "gzip"}
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(requests.post, inspector.url + "/batch/", body, headers=headers) for body in packed]
        begun = time.monotonic()
        assert requests.get(inspector.url + "/inspector/search?text=u", timeout=20).status_code == 200
        assert time.monotonic() - begun < 5
        assert {answer.result().status_code for answer in sent} == {413}
    assert time.monotonic() - begun < 30


def test_a_batch_of_as_many_events_as_are_taken_is_kept(inspector: Inspector) -> None:
    body = json.dumps({"api_key": KEY, "batch": [EVENT] * 10_000})
    assert requests.post(inspector.url + "/batch/", body, timeout=30).status_code == 200
    assert len(inspector.search("u")["found"]) == 10_000
