"""The inspector as a process, without a browser: what an app's client sends to it, what it answers, and what it lets nobody do."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from child_process import environment, run_python
from inspector_process import COMMAND, KEY, App, Inspector, awaited
from posthog import Posthog
from posthog_server import PostHogServer

import analytics_posthog as analytics
from analytics_posthog._batch import LIB

EVENT = {"event": "x", "distinct_id": "u", "properties": {"a": 1}}


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector() as inspector:
        yield inspector
    assert inspector.errors[2:] == []


@pytest.fixture(autouse=True)
def _clean(inspector: Inspector) -> None:
    requests.post(inspector.url + "/inspector/clear", headers={"X-Inspector": "test"}, timeout=5).raise_for_status()


def newest(inspector: Inspector) -> dict[str, Any]:
    """What is shown of the newest event, which has "u" in it."""
    return inspector.event(inspector.search("u")["found"][-1])


@pytest.mark.parametrize("gzipped", [False, True])
def test_what_an_app_sends_is_there_as_message_and_event(inspector: Inspector, gzipped: bool) -> None:
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
    assert found["message"] == {key: message[key] for key in ("type", "event", "userId", "context", "timestamp", "properties")}
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
    assert [inspector.event(number)["call"] for number in numbers] == ["track", "identify", "page", "screen", "group", "alias"]


def test_the_key_is_in_nothing_that_is_shown(inspector: Inspector) -> None:
    inspector.post({"api_key": KEY, "batch": [{**EVENT, "api_key": KEY, "properties": {"token": KEY}}]}).raise_for_status()
    assert KEY not in json.dumps(newest(inspector))
    assert inspector.search(KEY)["found"] == []
    assert KEY not in first_messages(inspector)


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


def test_without_a_posthog_no_flag_is_set_and_the_app_goes_on(inspector: Inspector) -> None:
    client = Posthog(KEY, host=inspector.url)
    assert client.evaluate_flags("u").is_enabled("new-page") is False
    client.shutdown()
    for path in ("/flags/?v=2", "/decide/?v=3"):
        assert inspector.post({"api_key": KEY, "distinct_id": "u"}, path).json()["featureFlags"] == {}
    answer = requests.get(inspector.url + "/api/feature_flag/local_evaluation/?token=x", timeout=5)
    assert answer.json() == {"flags": [], "group_type_mapping": {}, "cohorts": {}}


@pytest.mark.parametrize("path", ["/batch/", "/batch", "/capture/", "/e/", "/i/v0/e/", "/track/", "/i/v0/ai/batch/"])
def test_every_capture_endpoint_takes_one_event_or_many(inspector: Inspector, path: str) -> None:
    for body in ({**EVENT, "api_key": KEY}, {"api_key": KEY, "batch": [EVENT, EVENT]}):
        answer = inspector.post(body, path)
        assert (answer.status_code, answer.json()) == (200, {"status": 1})
    assert len(inspector.search('"a":1')["found"]) == 3


def test_what_posthog_would_refuse_is_refused_and_not_kept(inspector: Inspector) -> None:
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


def test_a_body_without_a_length_is_bounded_too(inspector: Inspector) -> None:
    answer = requests.post(inspector.url + "/batch/", data=(b" " * 2**20 for _ in range(21)), timeout=20)
    assert answer.status_code == 413


def test_a_request_that_names_another_host_gets_nothing(inspector: Inspector) -> None:
    """DNS rebinding: a website's own name that points to this machine."""
    port = inspector.url.rpartition(":")[2]
    for path in ("/", "/inspector/stream", "/inspector/events/1", "/page.js"):
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "", "[", "10.0.0.1", "localhost.evil.example"):
            assert requests.get(inspector.url + path, headers={"Host": host}, timeout=5, stream=True).status_code in (400, 403), (
                path,
                host,
            )
    for host in ("localhost", f"localhost:{port}", f"127.0.0.1:{port}", "[::1]:1"):
        assert requests.get(inspector.url, headers={"Host": host}, timeout=5).status_code == 200


def test_a_website_can_neither_send_nor_read_nor_clear(inspector: Inspector) -> None:
    inspector.send(EVENT)
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example", "http://["):
        assert inspector.post({"api_key": KEY, "batch": [EVENT]}, Origin=origin).status_code == 403
        assert (
            requests.post(inspector.url + "/inspector/clear", headers={"Origin": origin, "X-Inspector": "1"}, timeout=5).status_code == 403
        )
    assert requests.post(inspector.url + "/inspector/clear", timeout=5).status_code == 403
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-inspector"}
    answers = [
        requests.options(inspector.url + "/inspector/clear", headers=asked, timeout=5),
        inspector.post({}, Origin="http://localhost:3000"),
    ]
    assert not [name for answer in answers for name in answer.headers if name.lower().startswith("access-control")]
    assert len(inspector.search("x")["found"]) == 1


def test_every_answer_says_what_a_browser_may_do_with_it(inspector: Inspector) -> None:
    for path in ("/", "/page.css", "/page.js", "/list.js", "/detail.js", "/plot.js", "/icon.svg", "/inspector/events/1", "/nothing"):
        headers = requests.get(inspector.url + path, timeout=5).headers
        policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
        assert (policy["default-src"], policy["script-src"], policy["frame-ancestors"]) == ("'none'", "'self'", "'none'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"], headers["X-Frame-Options"]) == ("nosniff", "no-store", "DENY")


def test_the_page_loads_nothing_from_elsewhere(inspector: Inspector) -> None:
    for path in ("/", "/page.css", "/page.js", "/list.js", "/detail.js", "/plot.js", "/icon.svg"):
        text = requests.get(inspector.url + path, timeout=5).text
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "@import", "//cdn", "https://"):
            assert word not in text, (path, word)
        assert text.count("http://") == text.count("http://www.w3.org/2000/svg")


def messages(inspector: Inspector, count: int, last_id: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The first messages of the stream with events, each with its id; the totals in between are left out."""
    found: list[tuple[str, dict[str, Any]]] = []
    with requests.get(inspector.url + "/inspector/stream", headers={"Last-Event-ID": last_id}, stream=True, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        number = ""
        for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
            name, _, text = line.partition(": ")
            if name == "id":
                number = text
            elif name == "data" and number:
                found.append((number, json.loads(text)))
                number = ""
                if len(found) == count:
                    break
    return found


def first_messages(inspector: Inspector) -> str:
    return json.dumps(messages(inspector, 2))


def test_the_stream_goes_on_where_a_page_has_left_it(inspector: Inspector) -> None:
    inspector.send(EVENT, {**EVENT, "event": "y"})
    number, message = messages(inspector, 2)[1]
    assert [row[3] for row in message["events"]] == ["x", "y"]
    inspector.send({**EVENT, "event": "z"})
    assert [row[3] for row in messages(inspector, 2, number)[1][1]["events"]] == ["z"]
    for unknown in ("other.5", "5", f"{number}x", "x" * 50):
        assert [row[3] for row in messages(inspector, 2, unknown)[1][1]["events"]] == ["x", "y", "z"]


def test_a_search_tells_how_far_it_came(inspector: Inspector) -> None:
    inspector.send(EVENT, {**EVENT, "properties": {"drink": "Green Tea"}})
    first = inspector.search("green tea")
    assert first == {"found": [first["last"]], "last": first["last"]}
    inspector.send({**EVENT, "properties": {"drink": "green tea"}})
    assert inspector.search("green tea", after=first["last"])["found"] == [first["last"] + 1]
    assert inspector.event(first["last"] + 99) == {"detail": "no longer kept"}


def test_plain_writes_a_line_for_each_event_without_control_characters() -> None:
    with Inspector("--plain") as inspector:
        with App(inspector.url) as app:
            app.track("Order Completed", "u1", amount=49.99)
            app.track("\x1b[31mred\x1b]0;t\x07", "u\r\n2")
        awaited(lambda: len(inspector.output) == 2)
        inspector.end()
    first, second = inspector.output
    assert first[12:] == '  track     "Order Completed"  u1  amount=49.99'
    assert second[12:] == r'  track     "\u001b[31mred\u001b]0;t\u0007"  u\r\n2'


def test_forward_passes_on_what_was_sent_with_the_app_s_key_and_posthog_s_answer_back(posthog_server: PostHogServer) -> None:
    with Inspector("--forward", POSTHOG_HOST=posthog_server.url) as inspector:
        assert f"passed on to {posthog_server.url}" in inspector.errors[1]
        with analytics.Client(KEY, inspector.url, gzip=True) as client:
            _, message = client.track("u1", "x")
        assert [batch["api_key"] for batch in posthog_server.batches] == [KEY]
        assert {name.lower(): value for name, value in posthog_server.requests[0].headers.items()}["content-encoding"] == "gzip"
        assert posthog_server.events == [inspector.event(1)["event"]]
        assert message["event"] == "x"
        posthog_server.answer = lambda request: (401, {}, b'{"detail":"no"}')
        answer = inspector.post({"api_key": KEY, "batch": [EVENT]})
        assert (answer.status_code, answer.json()) == (401, {"detail": "no"})
        assert "PostHog's answer was 401" in inspector.event(2)["warnings"][0]["text"]
        posthog_server.stop()
        assert inspector.post({"api_key": KEY, "batch": [EVENT]}).status_code == 502
        assert KEY not in first_messages(inspector)


def test_without_forward_nothing_leaves_the_machine_whatever_the_environment_says(posthog_server: PostHogServer) -> None:
    with Inspector(POSTHOG_HOST=posthog_server.url) as inspector:
        inspector.send(EVENT)
        assert "nothing leaves this machine" in inspector.errors[1]
    assert posthog_server.requests == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "Add --allow-remote if that is meant"),
        (["--host", "192.0.2.1"], "Add --allow-remote if that is meant"),
        (["--host", "192.0.2.1", "--allow-remote"], "can't listen on 192.0.2.1"),
        (["--host", "evil.example"], "must be an IP address"),
        (["--port", "65536"], "from 0 to 65535"),
        (["--forward"], "set $POSTHOG_HOST"),
        (["--forward-to", "eu.i.posthog.com"], "must be a URL"),
        (["--forward-to", "http://127.0.0.1:8765"], "to the inspector itself"),
        (["--forward-to", "https://api.segment.io"], "host is Segment's"),
    ],
    ids=" ".join,
)
def test_what_can_t_work_is_said(arguments: list[str], words: str) -> None:
    done = run_python(*COMMAND[1:], *arguments, POSTHOG_HOST="")
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_said(inspector: Inspector) -> None:
    done = run_python(*COMMAND[1:], "--port", inspector.url.rpartition(":")[2])
    assert (done.returncode, "Choose another with --port" in done.stderr) == (2, True)


def test_a_missing_extra_is_said() -> None:
    done = run_python("-c", "import sys; sys.modules['starlette'] = None\n" + COMMAND[4], "inspect")
    assert done.stderr == "error: inspect needs starlette: pip install 'analytics-posthog[inspect]'\n"


def test_another_address_is_said_in_words_and_takes_this_machine_s_names() -> None:
    with Inspector("--host", "0.0.0.0", "--allow-remote") as inspector:
        assert "anyone who can reach this address can read the events" in inspector.errors[2]
        names = {"10.1.2.3:8765": 200, "inspector:8765": 200, "evil.example": 403}
        assert {name: requests.get(inspector.url, headers={"Host": name}, timeout=5).status_code for name in names} == names


@pytest.mark.parametrize(("number", "codes"), [(signal.SIGTERM, (-signal.SIGTERM, 143)), (signal.SIGINT, (130,))])
def test_it_ends_at_once_also_while_a_page_listens(number: int, codes: tuple[int, ...]) -> None:
    with Inspector() as inspector:
        with requests.get(inspector.url + "/inspector/stream", stream=True, timeout=10) as listening:
            next(listening.iter_lines(chunk_size=1))
            began = time.monotonic()
            assert inspector.end(number) in codes
        assert time.monotonic() - began < 5
    assert inspector.errors[2:] == []


def test_nothing_is_imported_for_the_help() -> None:
    """So that the other commands need no extra."""
    code = "import sys\nimport analytics_posthog._cli_inspect\nassert not {'starlette', 'uvicorn'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment(), check=False).returncode == 0
