"""`check`: the key, the host, the event, the answer and the clock. A failure names the step and says what to do."""

from __future__ import annotations

import re
from email.utils import formatdate
from time import time

import pytest

from analytics_posthog._cli import main
from analytics_posthog._delivery import LIB
from tests.support.check_command import KEY, Check, only_the_key
from tests.support.child_process import run_python
from tests.support.posthog_server import Answer, PostHogServer
from tests.support.proxy_server import Passed, ProxyServer

OK_KEY = "ok      key      $POSTHOG_PROJECT_API_KEY is well formed"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    only_the_key(monkeypatch)


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    return Check(capsys)


def test_with_nothing_wrong_each_line_begins_with_ok_or_note(posthog_server: PostHogServer, check: Check) -> None:
    posthog_server.answer = lambda request: (
        *posthog_server.take(request)[:1],
        {"Date": formatdate(time(), usegmt=True)},
        b'{"status":"Ok"}',
    )
    code, lines, err = check("--host", posthog_server.url + "/")
    (event,) = posthog_server.events
    said = lines.pop(3)
    assert (code, err) == (0, "")
    assert re.fullmatch(r"ok      event    accepted in \d\.\d s: 'analytics-posthog check'", said)
    assert lines == [
        OK_KEY,
        f"ok      host     {posthog_server.url}, as given",
        "note    tls      none: http:// sends key and events for all to read. Use https:// outside of your own network",
        "note    arrival  PostHog answers 200 to a well-formed but unknown key too, and drops the event. "
        "Look in PostHog under Activity for 'analytics-posthog check', "
        f"uuid {event['uuid']}; if it isn't there in some minutes, check key and region (US or EU)",
        "ok      clock    within 60 s of the server's",
    ]


def test_the_event_makes_no_person_and_holds_nobody_s_data(posthog_server: PostHogServer, check: Check) -> None:
    assert check("--host", posthog_server.url)[0] == 0
    (event,) = posthog_server.events
    assert event == {
        "event": "analytics-posthog check",
        "distinct_id": "analytics-posthog-check",
        "properties": {
            "distinct_id": "analytics-posthog-check",
            "segment_library": event["properties"]["segment_library"],
            "$process_person_profile": False,
            "$geoip_disable": True,
            **LIB,
        },
        "timestamp": event["timestamp"],
        "uuid": event["uuid"],
    }
    assert [batch["api_key"] for batch in posthog_server.batches] == [KEY]


def test_the_command_takes_its_settings_from_the_environment(posthog_server: PostHogServer) -> None:
    done = run_python("-m", "analytics_posthog", "check", POSTHOG_HOST=posthog_server.url, POSTHOG_PROJECT_API_KEY=KEY)
    assert (done.returncode, done.stderr, len(posthog_server.events)) == (0, "", 1)
    assert done.stdout.startswith(f"{OK_KEY}\nok      host     {posthog_server.url}, from $POSTHOG_HOST\n")


def test_the_default_host_is_the_us_cloud_and_is_reached_through_the_proxy(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProxyServer() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        code, lines, _ = check()
    assert code == 1
    assert (
        lines[1]
        == "ok      host     https://us.i.posthog.com, the default: PostHog's US cloud, so the project must be there"
    )
    assert proxy.passed == [Passed("CONNECT", "us.i.posthog.com:443", None)]


def test_no_event_sends_neither_event_nor_key(posthog_server: PostHogServer, check: Check) -> None:
    code, lines, _ = check("--no-event", "--host", posthog_server.url)
    assert code == 0
    why = "the server answers (status 404); whether it is PostHog, only an event tells"
    assert lines[-2] == f"note    event    none sent (--no-event); {why}"
    assert [(request.method, request.path, request.body) for request in posthog_server.requests] == [("GET", "/", b"")]
    assert not any(KEY in value for request in posthog_server.requests for value in request.headers.values())


def test_no_event_fails_if_the_server_answers_502(posthog_server: PostHogServer, check: Check) -> None:
    posthog_server.answer = lambda _: (502, {}, b"")
    code, failed = check.failure("--no-event", "--host", posthog_server.url)
    assert code == 1
    assert failed.startswith(
        "FAILED  event    answered 502. PostHog, or a proxy before it, is in trouble. Try again later"
    )


# The settings

KEYS = {
    "none": (
        "",
        2,
        "FAILED  key      no key: $POSTHOG_PROJECT_API_KEY is not set. Take the project API key (phc_...)",
    ),
    "a personal key": (
        "phx_" + "a" * 43,
        2,
        "FAILED  key      write_key is a personal API key (phx_...), which can't capture events.",
    ),
    "two words": (
        KEY + " x",
        2,
        "FAILED  key      $POSTHOG_PROJECT_API_KEY must hold the project API key (phc_...) and nothing else",
    ),
    "half a key": (
        KEY[:20],
        0,
        "note    key      $POSTHOG_PROJECT_API_KEY has 20 characters and PostHog's have 47 or so",
    ),
    "with quotes": (
        f'"{KEY}"',
        0,
        "note    key      $POSTHOG_PROJECT_API_KEY doesn't begin with phc_, as all but very old projects' keys do.",
    ),
    "with a comma": (
        KEY + ",",
        0,
        "note    key      $POSTHOG_PROJECT_API_KEY has 48 characters and PostHog's have 47 or so, letters and digits.",
    ),
    "Segment's": (
        "h" * 32,
        0,
        "note    key      $POSTHOG_PROJECT_API_KEY doesn't begin with phc_, as all but very old projects' keys do.",
    ),
    "with a line end": (KEY + "\r\n", 0, OK_KEY),
}


@pytest.mark.parametrize(("key", "code", "line"), KEYS.values(), ids=KEYS)
def test_a_key_in_a_strange_form_is_a_note_and_an_impossible_key_is_a_failure(
    key: str, code: int, line: str, posthog_server: PostHogServer, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTHOG_PROJECT_API_KEY", key)
    found, lines, err = check("--host", posthog_server.url)
    assert found == code
    assert lines[0].startswith(line)
    assert not key.strip() or key.strip() not in "".join(lines) + err
    assert len(posthog_server.events) == (0 if code else 1)


HOSTS = {
    "Segment's": (
        "https://api.segment.io",
        "host is Segment's. Events go to PostHog now: set host to https://us.i.posthog.com",
    ),
    "without a scheme": ("eu.i.posthog.com", "host must be a URL with its scheme, such as https://us.i.posthog.com"),
    "another scheme": ("ftp://eu.i.posthog.com", "host must be a URL with its scheme"),
    "a port that isn't a number": ("https://localhost:http", "host must be a URL with its scheme"),
}


@pytest.mark.parametrize(("host", "reason"), HOSTS.values(), ids=HOSTS)
def test_an_impossible_host_is_a_failure_with_code_2(host: str, reason: str, check: Check) -> None:
    code, failed = check.failure("--host", host)
    assert code == 2
    assert failed.startswith(f"FAILED  host     {reason}")


def test_the_address_of_posthog_s_app_is_shown_as_the_address_of_its_events(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    eu = "https://eu.i.posthog.com, as given: PostHog's EU cloud, so the project must be there"
    assert check("--host", "https://eu.posthog.com")[1][1] == f"ok      host     {eu}"


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "1e9"])
def test_an_impossible_timeout_is_an_error_with_code_2(timeout: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"--timeout={timeout}"]) == 2
    assert capsys.readouterr().err.startswith(
        "analytics-posthog: error: --timeout must be a number above 0 to 1000000, got"
    )


# What is answered

HTML: Answer = (200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>Please log in</html>")
ANSWERS: dict[str, tuple[Answer, str]] = {
    "400": ((400, {}, b""), "answered 400. PostHog doesn't take the test event."),
    "401": ((401, {}, b""), "answered 401. Check that the key is the project's API key (phc_...)"),
    "403": ((403, {}, b""), "answered 403. Check the key, and whether a firewall or proxy forbids it"),
    "404": (
        (404, {}, b""),
        "answered 404. PostHog is not at this address. Check host; PostHog's are https://us.i.posthog.com and",
    ),
    "407": ((407, {}, b""), "answered 407. The proxy wants a login. Check HTTPS_PROXY"),
    "429": ((429, {}, b""), "answered 429. Too many requests. Try again later"),
    "500": ((500, {}, b""), "answered 500. PostHog, or a proxy before it, is in trouble."),
    "503 once": ((503, {"Retry-After": "1"}, b""), "answered 503. PostHog, or a proxy before it, is in trouble."),
    "204": ((204, {}, b""), "answered 204."),
    "a page": (
        HTML,
        "answered 200, but not as PostHog does (it sent text/html): "
        "a proxy's or another server's page. Check host and proxies",
    ),
    "nothing": ((200, {}, b""), "answered 200, but not as PostHog does (it sent application/json)"),
    "other JSON": ((200, {}, b'{"success": true}'), "answered 200, but not as PostHog does"),
    "a list": ((200, {}, b"[1]"), "answered 200, but not as PostHog does"),
    "over quota": (
        (200, {}, b'{"status":1,"quota_limited":["events"]}'),
        "answered that the project is over its quota",
    ),
    "moved": (
        (301, {"Location": "https://me:S3cret@eu.i.posthog.com/batch/?token=S3cret"}, b""),
        "answered 301, a redirect to https://eu.i.posthog.com, which loses events. Set host to where PostHog is",
    ),
    "found": (
        (302, {"Location": "/login"}, b""),
        "answered 302, a redirect to elsewhere, which loses events. Set host to where PostHog is",
    ),
}


@pytest.mark.parametrize(("answer", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_other_than_posthog_s_yes_is_a_failure(
    answer: Answer, reason: str, posthog_server: PostHogServer, check: Check
) -> None:
    posthog_server.answer = lambda _: answer
    code, failed = check.failure("--host", posthog_server.url)
    assert code == 1
    assert failed.startswith(f"FAILED  event    {reason}")
    assert "S3cret" not in failed
    assert [(request.method, request.path) for request in posthog_server.requests] == [("POST", "/batch/")]


def test_a_redirect_that_keeps_the_event_is_a_note(posthog_server: PostHogServer, check: Check) -> None:
    posthog_server.answer = lambda request: (308, {"Location": "/batch/"}, b"") if "moved" in request.path else None
    code, lines, _ = check("--host", posthog_server.url + "/moved")
    assert (code, len(posthog_server.events)) == (0, 1)
    assert "note    host     a redirect was followed; set host to where it leads, to save the way" in lines


# The clock

HOUR = 3600
OFF = "and PostHog moves every timestamp by that. Set the clock (NTP)"
DATES = {
    "an hour behind": (HOUR, r"this machine's clock is 3\d\d\d s behind the server's, "),
    "an hour ahead": (-HOUR, r"this machine's clock is 3\d\d\d s ahead of the server's, "),
}


@pytest.mark.parametrize(("ahead", "line"), DATES.values(), ids=DATES)
@pytest.mark.parametrize("arguments", [[], ["--no-event"]], ids=str)
def test_a_wrong_clock_is_a_failure_that_says_how_wrong(
    ahead: int, line: str, arguments: list[str], posthog_server: PostHogServer, check: Check
) -> None:
    posthog_server.answer = lambda _: (200, {"Date": formatdate(time() + ahead, usegmt=True)}, b'{"status":"Ok"}')
    code, failed = check.failure("--host", posthog_server.url, *arguments)
    assert code == 1
    assert re.fullmatch("FAILED  clock    " + line + re.escape(OFF), failed)


@pytest.mark.parametrize("date", ["", "soon", "Tue, 99 Nov 2026 99:99:99 GMT"])
def test_an_answer_without_a_date_is_a_note(date: str, posthog_server: PostHogServer, check: Check) -> None:
    posthog_server.answer = lambda _: (200, {"Date": date} if date else {}, b'{"status":"Ok"}')
    code, lines, _ = check("--host", posthog_server.url)
    assert (code, lines[-1]) == (0, "note    clock    not checked: the answer has no Date")
