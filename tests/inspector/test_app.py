"""The inspector as a process, without a browser: what it takes from an app's client, answers, and refuses."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from posthog import Posthog

import analytics_posthog as analytics
from analytics_posthog._delivery import LIB
from tests.support.inspector_process import KEY, App, Inspector, awaited

EVENT = {"event": "x", "distinct_id": "u", "properties": {"a": 1}}


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector() as inspector:
        yield inspector
    assert [
        line for line in inspector.errors[2:] if not line.startswith("analytics-posthog: a request was refused: ")
    ] == []


@pytest.fixture(autouse=True)
def _clean(inspector: Inspector) -> None:
    requests.post(inspector.url + "/inspector/clear", headers={"X-Inspector": "test"}, timeout=5).raise_for_status()


def totals(inspector: Inspector) -> dict[str, Any]:
    """Return the totals that a page receives now."""
    with requests.get(inspector.url + "/inspector/stream", stream=True, timeout=10) as answer:
        lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
        while next(lines) != "event: totals":
            pass
        found: dict[str, Any] = json.loads(next(lines).partition(": ")[2])
    return found


def newest(inspector: Inspector) -> dict[str, Any]:
    """Return the detail of the newest event that contains "u"."""
    return inspector.event(inspector.search("u")["found"][-1])


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_sent_call_is_shown_as_message_and_event(inspector: Inspector, gzipped: bool) -> None:
    with analytics.Client(KEY, inspector.url, gzip=gzipped) as client:
        _, message = client.track("u1", "Order Completed", {"amount": 49.99}, {"ip": "203.0.113.7"})
    found = newest(inspector)
    assert found["event"]["properties"] == {
        "$ip": "203.0.113.7",
        "segment_ip": "203.0.113.7",
        "segment_library": message["context"]["library"],
        "amount": 49.99,
        "distinct_id": "u1",
        **LIB,
    }
    assert found["message"] == {
        key: message[key] for key in ("type", "event", "userId", "context", "timestamp", "properties")
    }
    assert (found["call"], found["warnings"], found["changed"]) == ("track", [], [])


def test_all_six_calls_arrive(inspector: Inspector) -> None:
    with App(inspector.url) as app:
        app.call(
            ("track", {"user_id": "u", "event": "x"}),
            ("identify", {"user_id": "u", "traits": {"plan": "pro"}}),
            ("page", {"user_id": "u", "name": "Home"}),
            ("screen", {"user_id": "u", "name": "Home"}),
            ("group", {"user_id": "u", "group_id": "g"}),
            ("alias", {"previous_id": "old", "user_id": "u"}),
        )
    numbers = inspector.search("segment_library")["found"]
    assert [inspector.event(number)["call"] for number in numbers] == [
        "track",
        "identify",
        "page",
        "screen",
        "group",
        "alias",
    ]


def test_the_key_is_in_nothing_that_is_shown(inspector: Inspector) -> None:
    inspector.post(
        {"api_key": KEY, "batch": [{**EVENT, "api_key": KEY, "properties": {"token": KEY}}]}
    ).raise_for_status()
    assert KEY not in json.dumps(newest(inspector))
    assert inspector.search(KEY)["found"] == []
    assert KEY not in json.dumps(inspector.messages(2))


def test_what_posthog_s_own_client_captures_is_shown_as_its_own(inspector: Inspector) -> None:
    client = Posthog(KEY, host=inspector.url)
    client.capture("captured", distinct_id="u")
    client.shutdown()
    found = newest(inspector)
    assert (found["call"], found["message"], found["event"]["event"]) == ("posthog", None, "captured")


def test_the_official_client_s_other_protocol_is_taken_too(inspector: Inspector) -> None:
    errors: list[Any] = []
    client = Posthog(KEY, host=inspector.url, capture_mode="v1", on_error=lambda error, batch: errors.append(error))
    client.capture("captured", distinct_id="u")
    client.shutdown()
    assert (errors, newest(inspector)["event"]["event"]) == ([], "captured")


def test_without_forwarding_no_flag_is_set_and_the_app_continues(inspector: Inspector) -> None:
    client = Posthog(KEY, host=inspector.url)
    assert client.evaluate_flags("u").is_enabled("new-page") is False
    client.shutdown()
    for path in ("/flags/?v=2", "/decide/?v=3"):
        assert inspector.post({"api_key": KEY, "distinct_id": "u"}, path).json()["featureFlags"] == {}
    for path in ("/api/feature_flag/local_evaluation/?token=x", "/flags/definitions?token=x&send_cohorts"):
        answer = requests.get(inspector.url + path, timeout=5)
        assert answer.json() == {"flags": [], "group_type_mapping": {}, "cohorts": {}}


@pytest.mark.parametrize("path", ["/batch/", "/batch", "/capture/", "/e/", "/i/v0/e/", "/track/", "/i/v0/ai/batch/"])
def test_every_capture_endpoint_takes_one_event_or_many(inspector: Inspector, path: str) -> None:
    for body in ({**EVENT, "api_key": KEY}, {"api_key": KEY, "batch": [EVENT, EVENT]}):
        answer = inspector.post(body, path)
        assert (answer.status_code, answer.json()) == (200, {"status": 1})
    assert len(inspector.search('"a":1')["found"]) == 3


def test_a_request_that_posthog_would_refuse_is_refused_and_not_kept(inspector: Inspector) -> None:
    bad: dict[bytes, int] = {
        b"{": 400,
        json.dumps({"api_key": KEY, "batch": [EVENT, {"event": ""}]}).encode(): 400,
        json.dumps({"batch": [EVENT]}).encode(): 401,
        gzip.compress(b" " * (20 * 1024 * 1024 + 1)): 413,
        b" " * (20 * 1024 * 1024 + 1): 413,
    }
    for body, status in bad.items():
        answer = inspector.post(body)
        assert answer.status_code == status
        assert answer.json()["type"] == "validation_error"
        assert KEY not in answer.text
    assert inspector.search("a")["found"] == []


def test_a_refused_request_is_counted_and_named_without_its_content(inspector: Inspector) -> None:
    before = totals(inspector)["refused"]
    for body in (b"{", json.dumps({"api_key": KEY, "batch": [EVENT, {"event": "", "secret": "Ada"}]}).encode()):
        assert inspector.post(body).status_code == 400
    reasons = ["refused: not strict JSON (JSONDecodeError)", "refused: an event without a name"]
    assert totals(inspector)["refused"] == {**before, **{reason: before.get(reason, 0) + 1 for reason in reasons}}
    awaited(lambda: inspector.errors[-2:] == [f"analytics-posthog: a request was {reason} (400)" for reason in reasons])


def test_a_body_without_a_length_is_bounded_too(inspector: Inspector) -> None:
    answer = requests.post(inspector.url + "/batch/", data=(b" " * 2**20 for _ in range(21)), timeout=20)
    assert answer.status_code == 413


def test_a_request_that_names_another_host_gets_nothing(inspector: Inspector) -> None:
    """DNS rebinding: a website's own name that points to this machine."""
    port = inspector.url.rpartition(":")[2]
    for path in ("/", "/inspector/stream", "/inspector/events/1", "/page.js"):
        for host in (
            "evil.example",
            f"evil.example:{port}",
            "127.0.0.1.evil.example",
            "",
            "[",
            "10.0.0.1",
            "localhost.evil.example",
        ):
            assert requests.get(inspector.url + path, headers={"Host": host}, timeout=5, stream=True).status_code in (
                400,
                403,
            ), (
                path,
                host,
            )
    for host in ("localhost", f"localhost:{port}", f"127.0.0.1:{port}", "[::1]:1"):
        assert requests.get(inspector.url, headers={"Host": host}, timeout=5).status_code == 200


def test_a_website_can_neither_send_nor_read_nor_clear(inspector: Inspector) -> None:
    inspector.send(EVENT)
    port = int(inspector.url.rpartition(":")[2])
    here = (f"http://127.0.0.1:{port + 1}", "http://localhost:3000", f"http://localhost:{port}", "http://127.0.0.1")
    for origin in ("https://evil.example", "null", "", "http://127.0.0.1.evil.example", "http://[", *here):
        assert inspector.post({"api_key": KEY, "batch": [EVENT]}, Origin=origin).status_code == 403
        assert (
            requests.post(
                inspector.url + "/inspector/clear", headers={"Origin": origin, "X-Inspector": "1"}, timeout=5
            ).status_code
            == 403
        )
    assert requests.post(inspector.url + "/inspector/clear", timeout=5).status_code == 403
    asked = {
        "Origin": "http://localhost:3000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-inspector",
    }
    answers = [
        requests.options(inspector.url + "/inspector/clear", headers=asked, timeout=5),
        inspector.post({}, Origin="http://localhost:3000"),
    ]
    assert not [name for answer in answers for name in answer.headers if name.lower().startswith("access-control")]
    assert len(inspector.search("x")["found"]) == 1


def test_only_the_page_itself_may_ask_as_a_browser(inspector: Inspector) -> None:
    """Sec-Fetch-Site also names the site of requests that have no Origin: for a script, an image, a frame."""
    inspector.send(EVENT)
    paths = (
        "/",
        "/page.js",
        "/icon.svg",
        "/inspector/stream",
        "/inspector/events/1",
        "/inspector/search?text=x",
        "/flags/definitions",
    )
    for path in paths:
        for site, allowed in {"cross-site": False, "same-site": False, "same-origin": True, "none": True}.items():
            with requests.get(inspector.url + path, headers={"Sec-Fetch-Site": site}, stream=True, timeout=5) as answer:
                assert (answer.status_code != 403) is allowed, (path, site)
    own = {"Origin": inspector.url, "Sec-Fetch-Site": "same-origin"}
    assert requests.get(inspector.url + "/inspector/search?text=x", headers=own, timeout=5).status_code == 200


def test_every_answer_says_what_a_browser_may_do_with_it(inspector: Inspector) -> None:
    for path in (
        "/",
        "/page.css",
        "/page.js",
        "/list.js",
        "/detail.js",
        "/plot.js",
        "/icon.svg",
        "/inspector/events/1",
        "/nothing",
    ):
        headers = requests.get(inspector.url + path, timeout=5).headers
        policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
        assert (policy["default-src"], policy["script-src"], policy["frame-ancestors"]) == (
            "'none'",
            "'self'",
            "'none'",
        )
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"], headers["X-Frame-Options"]) == (
            "nosniff",
            "no-store",
            "DENY",
        )


def test_the_page_loads_nothing_from_elsewhere(inspector: Inspector) -> None:
    for path in ("/", "/page.css", "/page.js", "/list.js", "/detail.js", "/plot.js", "/icon.svg"):
        text = requests.get(inspector.url + path, timeout=5).text
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "@import",
            "//cdn",
            "https://",
        ):
            assert word not in text, (path, word)
        assert text.count("http://") == text.count("http://www.w3.org/2000/svg")


def test_the_stream_continues_after_the_last_message_that_a_page_has(inspector: Inspector) -> None:
    inspector.send(EVENT, {**EVENT, "event": "y"})
    number, message = inspector.messages(2)[1]
    assert [row[3] for row in message["events"]] == ["x", "y"]
    inspector.send({**EVENT, "event": "z"})
    assert [row[3] for row in inspector.messages(2, number)[1][1]["events"]] == ["z"]
    for unknown in ("other.5", "5", f"{number}x", "x" * 50, f"{number.partition('.')[0]}.{'9' * 5_000}"):
        assert [row[3] for row in inspector.messages(2, unknown)[1][1]["events"]] == ["x", "y", "z"]


def test_a_search_tells_how_far_it_came(inspector: Inspector) -> None:
    inspector.send(EVENT, {**EVENT, "properties": {"drink": "Green Tea"}})
    first = inspector.search("green tea")
    assert first == {"found": [first["last"]], "last": first["last"]}
    inspector.send({**EVENT, "properties": {"drink": "green tea"}})
    assert inspector.search("green tea", after=first["last"])["found"] == [first["last"] + 1]
    assert inspector.event(first["last"] + 99) == {"detail": "no longer kept"}
